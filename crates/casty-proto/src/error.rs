//! Errors of encoding and decoding.

use std::fmt;

/// The one of the [`Limits`](crate::Limits) that an input passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// The limit [`Limits::bytes`](crate::Limits::bytes).
    Bytes,
    /// The limit [`Limits::depth`](crate::Limits::depth).
    Depth,
    /// The limit [`Limits::items`](crate::Limits::items).
    Items,
    /// The limit [`Limits::visits`](crate::Limits::visits): values are shared so often that visiting
    /// them all would take exponential time.
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

/// The error of a value that cannot be encoded. Nothing was written: the output is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A type has no Python class: its serde name lacks a dot.
    #[error(
        "{name:?} is no Python class: give it a dotted serde name, such as #[serde(rename = \"pkg.{name}\")]"
    )]
    NoClass {
        /// The serde name of the type.
        name: Box<str>,
    },
    /// The serializer cannot carry such a value.
    #[error("{codec} cannot carry {what}")]
    Unsupported {
        /// The serializer's name.
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
    /// The value could not be compressed: memory was missing.
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

/// The error of an input that cannot be decoded. Nothing but that input is affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends inside a value.
    #[error("the input ends inside a value, at byte {at}")]
    Truncated {
        /// The offset at which more bytes were needed.
        at: usize,
    },
    /// The input breaks the format.
    #[error("{what} at byte {at}")]
    Malformed {
        /// The fault.
        what: &'static str,
        /// The offset of the fault.
        at: usize,
    },
    /// More bytes follow the value.
    #[error("{extra} bytes follow the value")]
    Trailing {
        /// The number of these bytes.
        extra: usize,
    },
    /// One of the limits was passed.
    #[error("the {limit} limit of {max} is passed")]
    Limit {
        /// The limit.
        limit: Limit,
        /// The limit's value.
        max: usize,
    },
    /// A pickle uses an opcode that Casty's nodes never write.
    #[error("pickle opcode {opcode:#04x} at byte {at} is not accepted")]
    Opcode {
        /// The opcode.
        opcode: u8,
        /// The offset of the opcode.
        at: usize,
    },
    /// A pickle needs Python code: it holds a class or function by value, a lambda, or a call of a
    /// function that is not known to be a plain constructor.
    #[error("the pickle needs Python code to be read: {what}")]
    NeedsPython {
        /// The class or function.
        what: Box<str>,
    },
    /// The object is of another Python class than the requested type.
    #[error("expected an object of class {expected}, found {found}")]
    Class {
        /// The requested class.
        expected: &'static str,
        /// The class of the value in the input.
        found: Box<str>,
    },
    /// A Python string holds a lone surrogate, which no Rust string can.
    #[error("a string with a lone surrogate at byte {at}")]
    LoneSurrogate {
        /// The offset of the string.
        at: usize,
    },
    /// A value does not fit the requested type.
    #[error("{0}")]
    Custom(Box<str>),
}

impl DecodeError {
    /// Returns the error of an input that passes a limit of `max`.
    pub(crate) const fn limit(limit: Limit, max: usize) -> Self {
        Self::Limit { limit, max }
    }

    /// Returns the error of an input that is wrong at an offset.
    pub(crate) const fn malformed(what: &'static str, at: usize) -> Self {
        Self::Malformed { what, at }
    }
}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Custom(message.to_string().into())
    }
}
