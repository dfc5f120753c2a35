//! The line of a file in which a setting stands.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use casty_client::{ConfigError, SettingError};
use toml::de::DeTable;

use crate::error::CommandError;

/// The longest file that is read again to find a line, in bytes: no longer one is taken.
const LONGEST: u64 = 1024 * 1024;

/// Returns an error of settings that has the line of the file, if the file is at fault and the line is known.
pub(super) fn located(error: ConfigError, file: &Path, table: Option<&str>) -> CommandError {
    let line = match &error {
        ConfigError::Setting(setting) => {
            faulty(setting, file).and_then(|key| line_of(&read(file)?, table, key))
        }
        _ => None,
    };
    match line {
        Some(line) => CommandError::Usage(Box::new(Located { line, error })),
        None => error.into(),
    }
}

/// An error of settings, and its line.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of {error}")]
struct Located {
    line: usize,
    #[source]
    error: ConfigError,
}

/// Returns the key that is at fault in this file.
fn faulty<'a>(error: &'a SettingError, file: &Path) -> Option<&'a str> {
    let (key, origin) = match error {
        SettingError::Unknown { key, origin, .. } => (&**key, origin),
        SettingError::Invalid { key, origin, .. }
        | SettingError::Contradiction { key, origin, .. }
        | SettingError::Certificates { key, origin, .. }
        | SettingError::NotBuiltIn { key, origin, .. } => (*key, origin),
        _ => return None,
    };
    (*origin == file.display().to_string()).then_some(key)
}

/// Reads a file, if it can be.
pub(super) fn read(file: &Path) -> Option<String> {
    let mut text = String::new();
    let file = File::open(file).ok()?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Returns the number of the line in which a key is set, of a table within a table of settings.
pub(super) fn line_of(text: &str, table: Option<&str>, key: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let path = table.into_iter().chain([key]);
    let (mut inner, mut start) = (Some(document.get_ref()), None);
    for name in path.flat_map(|it| it.split('.')) {
        let (found, value) = inner?.iter().find(|(it, _)| it.get_ref() == name)?;
        start = Some(found.span().start);
        inner = value.get_ref().as_table();
    }
    let before = text.get(..start?)?;
    Some(before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_table_and_in_no_other() {
        let text = "# codec = 1\ncodec = 'json'\ntls.ca = 'a'\n\n[ \"quic\" ] # x\nwindow = 1\n[casty.tls]\n\
                    'ca' = 'b'\n[casty]\ncodec = 'json'\n[casty.regions]\n[inline]\n\
                    tls = { cert = 'a', ca = 'b' }\nhosts = [\n  'codec = 1',\n]\n";
        for (table, key, line) in [
            (None, "codec", Some(2)),
            (None, "tls.ca", Some(3)),
            (None, "quic.window", Some(6)),
            (None, "window", None),
            (Some("casty"), "tls.ca", Some(8)),
            (Some("casty"), "codec", Some(10)),
            (Some("casty"), "regions", Some(11)),
            (Some("other"), "codec", None),
            (Some("inline"), "tls.ca", Some(13)),
            (Some("inline"), "tls.key", None),
            (Some("inline"), "hosts.0", None),
            (Some("inline"), "codec", None),
        ] {
            assert_eq!(line_of(text, table, key), line, "{table:?} {key}");
        }
        assert_eq!(line_of("codec = 'json'\n[", None, "codec"), None);
    }
}
