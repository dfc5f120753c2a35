//! The versions of casty whose protocol this client speaks, and what the nodes and clients of each can do.

use std::fmt;
use std::str::FromStr;

use crate::serializer::Serializer;

/// A version of casty from 0.16.0 on and before 0.22, which speaks another protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    minor: u32,
    patch: u32,
}

impl Version {
    /// The version that the suite runs with unless it is told.
    pub const REFERENCE: Self = Self::new(21, 0);

    /// The last of each minor version, and the one that differs from it, as `--versions` runs them.
    pub const ALL: [Self; 7] = [
        Self::new(16, 0),
        Self::new(17, 0),
        Self::new(18, 0),
        Self::new(19, 0),
        Self::new(20, 0),
        Self::new(20, 1),
        Self::REFERENCE,
    ];

    const fn new(minor: u32, patch: u32) -> Self {
        Self { minor, patch }
    }

    /// Returns whether this version has it.
    pub fn has(self, feature: Feature) -> bool {
        let before_its_loss = feature == Feature::Order && self < Self::new(19, 0);
        before_its_loss || self >= feature.since()
    }

    /// Returns why a scenario that needs it is left out; `None` if this version has it.
    pub fn lacks(self, feature: Feature) -> Option<String> {
        (!self.has(feature)).then(|| format!("{feature} since {}", feature.since()))
    }

    /// Returns the first reason to leave out a scenario that needs all of these; `None` if there is none.
    pub(crate) fn lacks_any(self, features: &[Feature]) -> Option<String> {
        features.iter().find_map(|feature| self.lacks(*feature))
    }

    /// Returns why nodes of this version cannot be run with a serializer; `None` if they can.
    pub fn refuses(self, serializer: Serializer) -> Option<String> {
        match serializer {
            Serializer::Pickle => None,
            _ => self.lacks(Feature::Serializers),
        }
    }

    /// Returns the packages to install, of those that go with the reference.
    pub(crate) fn requirements(self, of_reference: &str) -> String {
        let wanted = |line: &&str| match line.split("==").next() {
            Some("casty") => false,
            Some("cryptography") => self.has(Feature::Certificates),
            _ => self.has(Feature::Serializers),
        };
        let others = of_reference.lines().filter(wanted);
        let all = std::iter::once(format!("casty=={self}")).chain(others.map(str::to_owned));
        all.map(|line| line + "\n").collect()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0.{}.{}", self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        let unknown = || UnknownVersion(text.to_owned());
        let (minor, patch) = text
            .strip_prefix("0.")
            .and_then(|rest| rest.split_once('.'))
            .ok_or_else(unknown)?;
        let number = |part: &str| part.parse().map_err(|_| unknown());
        let version = Self::new(number(minor)?, number(patch)?);
        if (16..=21).contains(&version.minor) {
            Ok(version)
        } else {
            Err(unknown())
        }
    }
}

/// A text that is no version whose protocol this client speaks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version of casty from 0.16.0 to 0.21.0; others speak other protocols")]
pub struct UnknownVersion(pub String);

/// A thing that only newer versions have, and scenarios need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Producers and consumers of nodes.
    Streams,
    /// Messages of a node to one actor elsewhere that arrive in the order in which they were sent. It was lost
    /// in 0.19.0, where a node began to write each with a thread of a pool.
    Order,
    /// The choice of a serializer, and compression: without it nodes and Python's client pickle.
    Serializers,
    /// Distributed structures of Python's client; those of nodes are older.
    ClientStructures,
    /// TLS of Python's client; that of nodes is older.
    ClientTls,
    /// Python's `casty cert`.
    Certificates,
}

impl Feature {
    /// Returns the first version that has it.
    const fn since(self) -> Version {
        match self {
            Self::Streams => Version::new(17, 0),
            Self::Serializers | Self::ClientStructures => Version::new(19, 0),
            Self::Order => Version::new(20, 1),
            Self::ClientTls | Self::Certificates => Version::new(21, 0),
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Streams => "nodes have streams",
            Self::Order => "what a node of 0.19.0 sends is in order again",
            Self::Serializers => "nodes take a serializer and compress",
            Self::ClientStructures => "Python's client shares structures",
            Self::ClientTls => "Python's client knows TLS",
            Self::Certificates => "Python has `casty cert`",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_other_protocols_are_refused() {
        for text in ["0.15.1", "0.22.1", "0.30.2", "0.21", "1.0.0", "0.21.x", ""] {
            let refused = UnknownVersion(text.to_owned());
            assert_eq!(text.parse::<Version>(), Err(refused));
        }
        for version in Version::ALL {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
    }

    #[test]
    fn an_older_version_is_installed_with_what_it_can_use() {
        let reference = "casty==0.21.0\nmsgpack==1.2.4\ncryptography==50.0.2\n";
        let installed = |version: Version| version.requirements(reference);
        assert_eq!(installed(Version::REFERENCE), reference);
        assert_eq!(
            installed(Version::new(20, 1)),
            "casty==0.20.1\nmsgpack==1.2.4\n"
        );
        assert_eq!(installed(Version::new(18, 0)), "casty==0.18.0\n");
    }

    #[test]
    fn what_an_older_version_lacks_is_told_with_the_version_that_has_it() {
        let oldest = Version::ALL[0];
        let reason = oldest.lacks(Feature::Streams);
        assert_eq!(reason.as_deref(), Some("nodes have streams since 0.17.0"));
        let ordered = Version::ALL.map(|version| version.has(Feature::Order));
        assert_eq!(ordered, [true, true, true, false, false, true, true]);
        assert_eq!(oldest.refuses(Serializer::Pickle), None);
        assert!(oldest.refuses(Serializer::Json).is_some());
        assert_eq!(Version::REFERENCE.refuses(Serializer::Json), None);
    }
}
