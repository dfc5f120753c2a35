//! Why a value could not be written or read.

use std::fmt;

/// Which of the [`Limits`](crate::Limits) an input passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::bytes`](crate::Limits::bytes).
    Bytes,
    /// [`Limits::depth`](crate::Limits::depth).
    Depth,
    /// [`Limits::items`](crate::Limits::items).
    Items,
    /// [`Limits::visits`](crate::Limits::visits): values shared so that a walk would explode.
    Visits,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Depth => "depth",
            Self::Items => "items",
            Self::Visits => "visits",
        })
    }
}

/// Why a value could not be encoded. Nothing was written: the output is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The outermost value has no Python class: its serde name lacks a dot.
    #[error(
        "{name:?} is no Python class: give it a dotted serde name, such as #[serde(rename = \"pkg.{name}\")]"
    )]
    NoClass {
        /// The serde name of the type.
        name: Box<str>,
    },
    /// The serializer in use cannot carry such a value.
    #[error("{codec} cannot carry {what}")]
    Unsupported {
        /// The serializer.
        codec: &'static str,
        /// The kind of value.
        what: &'static str,
    },
    /// The value nests deeper than any reader accepts.
    #[error("the value nests deeper than {limit} levels")]
    TooDeep {
        /// The levels that are accepted.
        limit: usize,
    },
    /// The value could not be compressed, for want of memory.
    #[error("{algorithm} has no memory to compress the value")]
    NotCompressed {
        /// The compression algorithm.
        algorithm: &'static str,
    },
    /// The `Serialize` implementation of a type reported an error.
    #[error("{0}")]
    Custom(Box<str>),
}

impl serde::ser::Error for EncodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Custom(message.to_string().into())
    }
}

/// Why an input could not be decoded. Nothing but that input is affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends inside a value.
    #[error("the input ends inside a value, at byte {at}")]
    Truncated {
        /// The offset at which more was needed.
        at: usize,
    },
    /// The input is not what the serializer writes.
    #[error("{what} at byte {at}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// The offset of it.
        at: usize,
    },
    /// Something follows the value.
    #[error("{extra} bytes follow the value")]
    Trailing {
        /// How many bytes.
        extra: usize,
    },
    /// One of the limits was passed.
    #[error("the {limit} limit of {max} is passed")]
    Limit {
        /// Which limit.
        limit: Limit,
        /// Its value.
        max: usize,
    },
    /// A pickle uses an opcode that Casty's nodes never write.
    #[error("pickle opcode {opcode:#04x} at byte {at} is not accepted")]
    Opcode {
        /// The opcode.
        opcode: u8,
        /// The offset of it.
        at: usize,
    },
    /// A pickle asks for something that data alone cannot make: a by-value class, a lambda, a
    /// call of a function that is not known to be a plain constructor.
    #[error("the pickle needs Python code to be read: {what}")]
    NeedsPython {
        /// The class or function.
        what: Box<str>,
    },
    /// The object is of another Python class than the type asked for.
    #[error("expected an object of class {expected}, found {found}")]
    Class {
        /// The class asked for.
        expected: &'static str,
        /// What was there.
        found: Box<str>,
    },
    /// A Python string with a lone surrogate, which no Rust string can hold.
    #[error("a string with a lone surrogate at byte {at}")]
    LoneSurrogate {
        /// The offset of the string.
        at: usize,
    },
    /// A value does not fit the type asked for.
    #[error("{0}")]
    Custom(Box<str>),
}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Custom(message.to_string().into())
    }
}
