//! The layers of a configuration: files, the environment and flags, later ones above earlier.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use ::config::{FileFormat, Format, Map, Value, ValueKind};

use super::error::{ConfigError, SettingError};
use super::key::{self, KEYS, Key, PREFIX};
use super::merged::Layer;

/// The longest configuration file that is read, in bytes.
///
/// Beyond it, the file is refused (`SettingError::Unreadable`).
const MAX_FILE: u64 = 1024 * 1024;

/// The variables with the prefix that are not settings of a client: a switch of Casty's own tests, the
/// interpreter of casty-types, and the seed that casty-testkit is to run alone.
const NO_SETTINGS: [&str; 3] = ["CASTY_INTEROP", "CASTY_PYTHON", "CASTY_SIM_SEED"];

/// The layers of a [`ClientConfig`](crate::ClientConfig), made by
/// [`ClientConfig::layers`](crate::ClientConfig::layers).
///
/// Each layer overrides those before it, key by key; lists, the address map and the regions as a
/// whole.
///
/// Where a service keeps the settings of its client beside its own, these are
/// [one table](Self::table) of its file, and variables have [a prefix of its own](Self::environment_prefix):
///
/// ```
/// use casty_client::ClientConfig;
///
/// # fn main() -> Result<(), casty_client::ConfigError> {
/// let file = "[gateway]\nport = 8080\n\n[casty]\nsystem_name = 'my-cluster'\n";
/// let config = ClientConfig::layers()
///     .table("casty")
///     .toml(file, "gateway.toml")?
///     .environment_prefix("GATEWAY_CASTY")
///     .variables([("GATEWAY_CASTY_CODEC", "json"), ("GATEWAY_PORT", "8080")])?
///     .load()?;
/// assert_eq!(config.system_name(), Some("my-cluster"));
/// assert_eq!(config.codec_name(), Some("json"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ConfigLayers {
    pub(super) layers: Vec<Layer>,
    /// The table that has the settings of files; `None` if they are the whole file.
    table: Option<String>,
    /// The prefix of variables, with its underscore.
    prefix: String,
}

impl Default for ConfigLayers {
    fn default() -> Self {
        Self {
            layers: Vec::new(),
            table: None,
            prefix: PREFIX.to_owned(),
        }
    }
}

impl ConfigLayers {
    /// Takes the settings of the files that are added behind this call from one table, such as `casty`
    /// or `services.casty`; all else in them is the program's own. Default: the whole file is settings.
    #[must_use]
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = Some(name.into());
        self
    }

    /// Sets the prefix of the variables that are added behind this call: with `GATEWAY_CASTY` they are
    /// `GATEWAY_CASTY_SYSTEM`, `GATEWAY_CASTY_CONTACT_POINTS` and so on. Default: `CASTY`.
    #[must_use]
    pub fn environment_prefix(mut self, prefix: &str) -> Self {
        self.prefix = format!("{}_", prefix.trim_end_matches('_'));
        self
    }

    /// Adds a TOML file of at most 1 MiB. Reads it now, and blocks meanwhile.
    ///
    /// # Errors
    /// The file cannot be read, is not valid TOML, has no [table](Self::table) of settings where one is
    /// named, or has a key that does not exist.
    pub fn file(self, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let mut text = String::new();
        let read = File::open(path).and_then(|file| {
            let read = file.take(MAX_FILE + 1).read_to_string(&mut text)?;
            if read as u64 > MAX_FILE {
                return Err(std::io::Error::other("it is longer than 1 MiB"));
            }
            Ok(())
        });
        read.map_err(|error| SettingError::Unreadable {
            path: path.to_owned(),
            kind: error.kind(),
            message: error.to_string(),
        })?;
        self.toml(&text, &path.display().to_string())
    }

    /// Adds TOML; errors name it `origin`.
    ///
    /// # Errors
    /// The text is not valid TOML, has no [table](Self::table) of settings where one is named, or has a
    /// key that does not exist.
    pub fn toml(mut self, text: &str, origin: &str) -> Result<Self, ConfigError> {
        let origin = origin.to_owned();
        let parsed = FileFormat::Toml.parse(Some(&origin), text);
        let table = parsed.map_err(|error| SettingError::Syntax {
            message: error.to_string().trim_end().to_owned(),
            origin: origin.clone(),
        })?;
        let table = match &self.table {
            Some(name) => inner(table, name, &origin)?,
            None => table,
        };
        check_keys(&table, &origin)?;
        self.layers.push(Layer(table));
        Ok(self)
    }

    /// Adds the variables of this process's environment whose names begin with `CASTY_`, or with
    /// [another prefix](Self::environment_prefix); see
    /// [`variables`](Self::variables).
    ///
    /// # Errors
    /// Those of [`variables`](Self::variables).
    pub fn environment(self) -> Result<Self, ConfigError> {
        self.variables(std::env::vars_os())
    }

    /// Adds environment variables: `CASTY_SYSTEM`, `CASTY_CONTACT_POINTS` and so on, one for each
    /// key, in capitals, with two underscores for the dot after a table's name. Lists are separated
    /// by commas; the address map reads `10.0.1.10:25520=localhost:25521,...`, the regions
    /// `account=24,...`.
    ///
    /// Variables with another prefix are ignored, and so are those that Kubernetes sets for a
    /// service that happens to be called casty.
    ///
    /// # Errors
    /// A variable begins with the prefix and stands for no key, or is not valid Unicode.
    pub fn variables<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, ConfigError> {
        let mut ours = BTreeMap::new();
        for (name, value) in variables {
            let name = name.into();
            let prefix = &*self.prefix;
            let Some(name) = name.to_str().filter(|name| name.starts_with(prefix)) else {
                continue;
            };
            let value = value.into();
            if !NO_SETTINGS.contains(&name) && !is_of_kubernetes(name, &value.to_string_lossy()) {
                ours.insert(name.to_owned(), value);
            }
        }
        let mut layer = Map::new();
        for (name, value) in ours {
            let bare = name.get(self.prefix.len()..).unwrap_or_default();
            let key = key::of_variable(bare).ok_or_else(|| SettingError::Unknown {
                key: name.clone(),
                origin: "the environment".to_owned(),
                meant: key::nearest(bare, KEYS.iter().map(Key::bare_variable))
                    .map(|meant| format!("{}{meant}", self.prefix)),
            })?;
            let text = value.into_string().map_err(|value| SettingError::Invalid {
                key: key.path,
                origin: name.clone(),
                expected: "Unicode",
                found: format!("\"{}\"", value.display()),
            })?;
            layer.insert(key.path.to_owned(), Value::new(Some(&name), text));
        }
        self.layers.push(Layer(layer));
        Ok(self)
    }

    /// Sets one key, such as `"tls.ca"`, to a value as a variable would have it; errors name it
    /// `origin`, a command line flag for example.
    ///
    /// # Errors
    /// There is no such key.
    pub fn set(
        mut self,
        key: &str,
        value: impl Into<String>,
        origin: &str,
    ) -> Result<Self, ConfigError> {
        let origin = origin.to_owned();
        let Some(key) = key::of_path(key) else {
            return Err(unknown(key, &origin).into());
        };
        let value = Value::new(Some(&origin), value.into());
        self.layers
            .push(Layer(Map::from_iter([(key.path.to_owned(), value)])));
        Ok(self)
    }
}

/// Returns a table of a file, which may be one of another's: `services.casty`.
fn inner(
    mut table: Map<String, Value>,
    name: &str,
    origin: &str,
) -> Result<Map<String, Value>, SettingError> {
    for part in name.split('.') {
        table = match table.remove(part).map(|value| value.kind) {
            Some(ValueKind::Table(inner)) => inner,
            _ => {
                return Err(SettingError::NoTable {
                    table: name.to_owned(),
                    origin: origin.to_owned(),
                });
            }
        };
    }
    Ok(table)
}

/// Refuses keys that do not exist.
fn check_keys(table: &Map<String, Value>, origin: &str) -> Result<(), SettingError> {
    // In order, so that one and the same file always gives the same error.
    let sorted: BTreeMap<_, _> = table.iter().collect();
    for (name, value) in sorted {
        if let Some(table) = key::table(name) {
            let ValueKind::Table(inner) = &value.kind else {
                return Err(SettingError::Invalid {
                    key: table,
                    origin: origin.to_owned(),
                    expected: "a table",
                    found: format!("{:?}", value.kind.to_string()),
                });
            };
            let inner: BTreeMap<_, _> = inner.iter().collect();
            for name in inner.keys().map(|key| format!("{name}.{key}")) {
                key::of_path(&name).ok_or_else(|| unknown(&name, origin))?;
            }
        } else if name.contains('.') {
            return Err(unknown(name, origin));
        } else {
            key::of_path(name).ok_or_else(|| unknown(name, origin))?;
        }
    }
    Ok(())
}

fn unknown(key: &str, origin: &str) -> SettingError {
    SettingError::Unknown {
        key: key.to_owned(),
        origin: origin.to_owned(),
        meant: key::nearest(key, KEYS.iter().map(|key: &Key| key.path)).map(str::to_owned),
    }
}

/// Returns whether Kubernetes gives the address of a service by this variable.
fn is_of_kubernetes(name: &str, value: &str) -> bool {
    let is_address = value.starts_with("tcp://") || value.starts_with("udp://");
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || (name.ends_with("_PORT") && is_address)
}
