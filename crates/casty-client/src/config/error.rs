//! The errors of a configuration, each with its place.

#[cfg(any(feature = "blocking", feature = "config"))]
use std::io;
#[cfg(feature = "config")]
use std::path::PathBuf;

use casty_proto::{AddressError, AllowError};

/// The reason for which a client could not be started. No socket was opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No contact point was given, nor a source of them.
    #[error("no contact point is given")]
    NoContactPoints,
    /// A contact point is not a `host:port`.
    #[error("contact point {text:?} is not a host:port")]
    ContactPoint {
        /// The contact point, as it was given.
        text: String,
        /// The reason.
        #[source]
        source: AddressError,
    },
    /// The name of the nodes' actor system was not given.
    #[error("no name of the actor system is given")]
    NoSystemName,
    /// The system's name cannot be part of an address.
    #[error("system name {0:?} has one of @ / and line breaks")]
    SystemName(String),
    /// The announced host cannot be part of an address.
    #[error(
        "announced host {0:?} is empty, longer than 255 bytes or has one of : / and line breaks"
    )]
    AnnouncedHost(String),
    /// A value is outside its range.
    #[error("{name} must be {range}")]
    Range {
        /// The setting.
        name: &'static str,
        /// The range.
        range: &'static str,
    },
    /// No serializer was given, and none is compiled in.
    #[error(
        "no serializer is given and none is compiled in: enable pickle, msgpack, json or protobuf"
    )]
    NoCodec,
    /// The classes that dynamic values may name in pickles are no list of classes.
    #[error("the allowed classes are no list of classes")]
    AllowedClasses(#[from] AllowError),
    /// No transport was given, and none is compiled in.
    #[error("no transport is given and tcp is not compiled in")]
    NoTransport,
    /// The configuration of QUIC is invalid.
    #[cfg(feature = "quic")]
    #[error("the configuration of QUIC is invalid")]
    Quic(#[from] casty_transport::QuicConfigError),
    /// The system gives no thread for a client that is to have its own. This may pass.
    #[cfg(feature = "blocking")]
    #[error("cannot start the client's thread: {message}")]
    Thread {
        /// The kind of error.
        kind: io::ErrorKind,
        /// The operating system's message.
        message: String,
    },
    /// A setting from a file, the environment or a flag is invalid.
    #[cfg(feature = "config")]
    #[error(transparent)]
    Setting(#[from] SettingError),
}

/// The reason for which a setting from a file, the environment or a flag is refused.
///
/// `origin` is the path of the file, the name of the variable or the flag, as it was given.
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
        /// The operating system's message.
        message: String,
    },
    /// The file is not valid TOML.
    #[error("{origin} is not valid TOML: {message}")]
    Syntax {
        /// The file.
        origin: String,
        /// The parser's message, with the line.
        message: String,
    },
    /// There is no such key.
    #[error("{origin}: there is no key {key:?}{}", Meant(.meant.as_deref()))]
    Unknown {
        /// The key, or the name of the variable.
        key: String,
        /// The place where it stands.
        origin: String,
        /// The key or variable that was probably meant.
        meant: Option<String>,
    },
    /// The file has no table of that name, in which the settings would be.
    #[error("{origin}: there is no table [{table}]")]
    NoTable {
        /// The name of the table.
        table: String,
        /// The file.
        origin: String,
    },
    /// The value is not one that the key may have.
    #[error("{origin}: {key} must be {expected}, not {found}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// The place where it stands.
        origin: String,
        /// A description of valid values.
        expected: &'static str,
        /// The value, as it was given.
        found: String,
    },
    /// A key makes no sense together with another, or without it.
    #[error("{origin}: {key} {conflict}")]
    Contradiction {
        /// The key.
        key: &'static str,
        /// The place where it stands.
        origin: String,
        /// The conflict, as the rest of a sentence that begins with the key.
        conflict: String,
    },
    /// The certificates that are named cannot be used.
    #[error("{origin}: {key}: {message}")]
    Certificates {
        /// The key that names the file at fault.
        key: &'static str,
        /// The place where it stands.
        origin: String,
        /// The error of the file, with its causes.
        message: String,
    },
    /// The value needs a feature of this library that is not compiled in.
    #[error("{origin}: {key} = {value:?} needs the feature {feature:?}, which is not compiled in")]
    NotBuiltIn {
        /// The key.
        key: &'static str,
        /// The value.
        value: &'static str,
        /// The place where it stands.
        origin: String,
        /// The feature.
        feature: &'static str,
    },
}

/// The key or variable that was probably meant, as the end of a sentence.
#[cfg(feature = "config")]
struct Meant<'a>(Option<&'a str>);

#[cfg(feature = "config")]
impl std::fmt::Display for Meant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; is {name} meant?"),
            None => Ok(()),
        }
    }
}
