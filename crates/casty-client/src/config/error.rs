//! The errors of a configuration, with the place of each.

#[cfg(feature = "config")]
use std::io;
#[cfg(feature = "config")]
use std::path::PathBuf;

use casty_proto::AddressError;

/// Why a client could not be started. No socket was opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No contact point was given.
    #[error("no contact point is given")]
    NoContactPoints,
    /// A contact point is no `host:port`.
    #[error("contact point {text:?} is no host:port")]
    ContactPoint {
        /// What was given.
        text: String,
        /// What is wrong with it.
        #[source]
        source: AddressError,
    },
    /// The name of the nodes' actor system is missing.
    #[error("no name of the actor system is given")]
    NoSystemName,
    /// The system's name cannot stand in an address.
    #[error("system name {0:?} holds one of @ / and line breaks")]
    SystemName(String),
    /// The host that is announced cannot stand in an address.
    #[error(
        "announced host {0:?} is empty, longer than 255 bytes or holds one of : / and line breaks"
    )]
    AnnouncedHost(String),
    /// A value lies outside its range.
    #[error("{name} must be {range}")]
    Range {
        /// The setting.
        name: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// No serializer was given, and none is compiled in.
    #[error(
        "no serializer is given and none is compiled in: enable pickle, msgpack, json or protobuf"
    )]
    NoCodec,
    /// No transport was given, and none is compiled in.
    #[error("no transport is given and tcp is not compiled in")]
    NoTransport,
    /// The configuration of QUIC makes no sense.
    #[cfg(feature = "quic")]
    #[error("the configuration of QUIC makes no sense")]
    Quic(#[from] casty_transport::QuicConfigError),
    /// A setting from a file, the environment or a flag makes no sense.
    #[cfg(feature = "config")]
    #[error(transparent)]
    Setting(#[from] SettingError),
}

/// What is wrong with a configuration from a file, the environment or flags.
///
/// `origin` is the file's path, the variable's name or the flag, as each was given.
#[cfg(feature = "config")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// The file cannot be read.
    #[error("cannot read {}: {message}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The kind of error.
        kind: io::ErrorKind,
        /// What the operating system says.
        message: String,
    },
    /// The file is no TOML.
    #[error("{origin} is no TOML: {message}")]
    Syntax {
        /// The file.
        origin: String,
        /// What is wrong, and in which line.
        message: String,
    },
    /// There is no such key.
    #[error("{origin}: there is no key {key:?}{}", Meant(*.meant))]
    Unknown {
        /// The key, or the name of the variable.
        key: String,
        /// Where it stands.
        origin: String,
        /// What was probably meant.
        meant: Option<&'static str>,
    },
    /// The value is none of those that the key may have.
    #[error("{origin}: {key} must be {expected}, not {found}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// Where it stands.
        origin: String,
        /// What the value may be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A key makes no sense beside, or without, another.
    #[error("{origin}: {key} {conflict}")]
    Contradiction {
        /// The key.
        key: &'static str,
        /// Where it stands.
        origin: String,
        /// With what, and how it may be solved.
        conflict: String,
    },
    /// The certificates that are named cannot be used.
    #[error("{origin}: {key}: {message}")]
    Certificates {
        /// The key that names the file at fault.
        key: &'static str,
        /// Where it stands.
        origin: String,
        /// What is wrong with it, and why.
        message: String,
    },
    /// The value needs a part of this library that is not compiled in.
    #[error("{origin}: {key} = {value:?} needs the feature {feature:?}, which is not compiled in")]
    NotBuiltIn {
        /// The key.
        key: &'static str,
        /// Its value.
        value: &'static str,
        /// Where it stands.
        origin: String,
        /// The feature.
        feature: &'static str,
    },
}

/// A guess, as the end of a sentence.
#[cfg(feature = "config")]
struct Meant(Option<&'static str>);

#[cfg(feature = "config")]
impl std::fmt::Display for Meant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; is {name} meant?"),
            None => Ok(()),
        }
    }
}
