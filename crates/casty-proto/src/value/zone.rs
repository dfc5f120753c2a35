//! Names of time zones.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest name in bytes; that of the longest zone there is takes 38.
const LONGEST: usize = 64;

/// The name of a time zone, the key of a `zoneinfo.ZoneInfo`: `Europe/Berlin`, `UTC`.
///
/// A name of 1 to 64 letters, digits and `_ + - .`, in segments between slashes, none of which begins
/// with a dot. Whether there is such a zone is known where its data are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneName(Arc<str>);

/// The error of a text that names no time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no name of a time zone")]
#[non_exhaustive]
pub struct ZoneNameError;

impl ZoneName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ZoneName {
    type Err = ZoneNameError;

    fn from_str(text: &str) -> Result<Self, ZoneNameError> {
        let is_letter =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'-' | b'.');
        let is_segment = |segment: &str| {
            !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(is_letter)
        };
        if text.len() <= LONGEST && text.split('/').all(is_segment) {
            Ok(Self(text.into()))
        } else {
            Err(ZoneNameError)
        }
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_a_file_below_the_zones() {
        let longest = "z".repeat(LONGEST);
        for name in [
            "UTC",
            "Europe/Berlin",
            "Etc/GMT+5",
            "America/Argentina/ComodRivadavia",
            "America/Port-au-Prince",
            "EST5EDT",
            &longest,
        ] {
            assert_eq!(name.parse::<ZoneName>().unwrap().as_str(), name);
        }
        let too_long = "z".repeat(LONGEST + 1);
        for wrong in [
            "",
            "/",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a/./b",
            "a//b",
            "a/",
            "a b",
            "a\n",
            "a]",
            "Ä",
            &too_long,
        ] {
            assert_eq!(wrong.parse::<ZoneName>(), Err(ZoneNameError), "{wrong}");
        }
    }
}
