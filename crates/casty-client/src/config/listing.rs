//! The settings of a configuration, each with the place that it is from.

use ::config::{Value, ValueKind};

use super::error::ConfigError;
use super::key::{KEYS, Key};
use super::layers::ConfigLayers;
use super::merged::Merged;

/// The keys whose values are for nobody's eyes.
const SECRETS: [&str; 1] = ["socks5.password"];

/// One setting as the layers of a configuration have it, made by [`ConfigLayers::settings`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// The key, such as `"tls.ca"`.
    pub key: &'static str,
    /// The value as a variable would have it, not checked; `None` if there is none, nor a default. A secret
    /// is `"(hidden)"`.
    pub value: Option<String>,
    /// The path of the file, the name of the variable or the flag that sets it; `None` for a default.
    pub origin: Option<String>,
}

impl ConfigLayers {
    /// Returns every setting with its value and the place that it is from, in the order of
    /// `casty.example.toml`. Values are not checked; see [`load`](Self::load).
    ///
    /// # Errors
    /// The layers cannot be merged.
    pub fn settings(&self) -> Result<Vec<Setting>, ConfigError> {
        let merged = Merged::new(self.layers.clone())?;
        Ok(KEYS.iter().map(|key| setting(&merged, key)).collect())
    }
}

fn setting(merged: &Merged, key: &Key) -> Setting {
    let (value, origin) = match merged.get(key.path) {
        Some((_, place)) if SECRETS.contains(&key.path) => {
            (Some("(hidden)".to_owned()), Some(place))
        }
        Some((value, place)) => (Some(shown(value)), Some(place)),
        None => {
            let default = Some(key.default).filter(|text| !text.is_empty());
            (default.map(str::to_owned), None)
        }
    };
    Setting {
        key: key.path,
        value,
        origin,
    }
}

/// Returns a value as a variable would have it.
fn shown(value: &ValueKind) -> String {
    match value {
        ValueKind::String(text) => text.clone(),
        ValueKind::Array(items) => joined(items.iter().map(|item| shown(&item.kind))),
        ValueKind::Table(entries) => {
            let entry = |(name, value): (&String, &Value)| format!("{name}={}", shown(&value.kind));
            let mut all: Vec<_> = entries.iter().map(entry).collect();
            all.sort();
            joined(all.into_iter())
        }
        other => other.to_string(),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientConfig;

    fn of<'a>(settings: &'a [Setting], key: &str) -> (Option<&'a str>, Option<&'a str>) {
        let found = settings.iter().find(|setting| setting.key == key);
        let found = found.unwrap();
        (found.value.as_deref(), found.origin.as_deref())
    }

    #[test]
    fn each_setting_is_told_with_its_place_and_no_secret() {
        let text = "
            codec = 'json'
            contact_points = ['a:1', 'b:2']
            [regions]
            b = 2
            a = 1
            [socks5]
            password = 'open sesame'
        ";
        let layers = ClientConfig::layers().toml(text, "a.toml").unwrap();
        let layers = layers.variables([("CASTY_CODEC", "msgpack")]).unwrap();
        let layers = layers.set("tls.ca", "ca.crt", "--tls-ca").unwrap();
        let all = layers.settings().unwrap();
        assert_eq!(all.len(), KEYS.len());
        for (key, value, origin) in [
            ("codec", "msgpack", Some("CASTY_CODEC")),
            ("contact_points", "a:1,b:2", Some("a.toml")),
            ("regions", "a=1,b=2", Some("a.toml")),
            ("socks5.password", "(hidden)", Some("a.toml")),
            ("tls.ca", "ca.crt", Some("--tls-ca")),
            ("ask_timeout", "5s", None),
        ] {
            assert_eq!(of(&all, key), (Some(value), origin), "{key}");
        }
        assert_eq!(of(&all, "system_name"), (None, None));
        assert!(!format!("{all:?}").contains("sesame"));
    }
}
