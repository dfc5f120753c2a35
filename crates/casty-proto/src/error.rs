//! Errors of encoding and decoding.

use std::fmt;

use crate::{Count, Escaped, Listed};

pub(crate) mod path;

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
        "{:?} is no Python class: give it a dotted serde name, such as #[serde(rename = \"pkg.{}\")]",
        Escaped::new(name),
        Escaped::new(name)
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
    /// A [`Value`](crate::Value) names a class that dynamic values may not name in a pickle, for a node
    /// that loads it would call that class; see [`Codec::allowing`](crate::Codec::allowing).
    #[error(
        "a dynamic value names the Python class {:?}, which pickle was not told to allow: a node \
         would call it. If it is the program's own, allow it with Codec::allowing or allowed_classes",
        Escaped::new(class)
    )]
    ClassNotAllowed {
        /// The class.
        class: Box<str>,
    },
    /// The value nests deeper than any reader accepts.
    #[error("the value nests deeper than {}", Count(*limit, "level"))]
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
    #[error("{}", Escaped::new(.0))]
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
    #[error("after the value there is more: {}", Count(*extra, "byte"))]
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
    #[error("the pickle needs Python code to be read: {}", Escaped::new(what))]
    NeedsPython {
        /// The class or function.
        what: Box<str>,
    },
    /// The object is of another Python class than the requested type.
    #[error(
        "expected an object of class {expected}, found {}",
        Escaped::new(found)
    )]
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
    /// An object has no field of this name.
    #[error("missing field `{field}`")]
    MissingField {
        /// The field.
        field: &'static str,
    },
    /// An enum has no variant of this name, nor one with it as an alias.
    #[error(
        "unknown variant {:?}, expected {}",
        Escaped::new(variant),
        Names(expected)
    )]
    UnknownVariant {
        /// The name, cut short after some 64 characters.
        variant: Box<str>,
        /// The names of the variants, aliases included.
        expected: &'static [&'static str],
    },
    /// A member of an enum is known by its value, as pickle has it, and no variant has Python's `str()`
    /// of that value as an alias.
    #[error(
        "unknown variant {alias:?} of {class}: pickle carries the value of an enum's member and not its \
         name, so the variant needs #[serde(alias = {alias:?})]",
        alias = Escaped::new(value)
    )]
    MemberValue {
        /// The enum's class.
        class: &'static str,
        /// Python's `str()` of the value, cut short after some 64 characters.
        value: Box<str>,
    },
    /// A value does not fit the requested type.
    #[error("{}", Escaped::new(.0))]
    Custom(Box<str>),
    /// A part of the value does not fit the type of its field or element.
    /// [`without_path`](Self::without_path) is the error itself.
    #[error("{path}: {error}")]
    InField {
        /// The path to the part, such as `account.tiers[2]`.
        path: Box<str>,
        /// The error, which has no path.
        error: Box<DecodeError>,
    },
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

    fn missing_field(field: &'static str) -> Self {
        Self::MissingField { field }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::UnknownVariant {
            variant: cut_short(variant),
            expected,
        }
    }
}

impl DecodeError {
    /// Turns the error of a variant that was looked for by a member's value into one that says so.
    #[cold]
    pub(crate) fn by_value(self, class: &'static str) -> Self {
        match self {
            Self::UnknownVariant { variant, .. } => Self::MemberValue {
                class,
                value: variant,
            },
            other => other,
        }
    }
}

/// Returns the beginning of a text that a peer has chosen, for an error.
fn cut_short(text: &str) -> Box<str> {
    const LONGEST: usize = 64;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}

/// The names of variants, as a part of a sentence.
struct Names<'a>(&'a [&'static str]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no variant");
        }
        let quoted = self.0.iter().map(|name| format!("`{name}`"));
        Listed(quoted, ", ").fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::Error;

    use super::*;

    #[test]
    fn what_a_peer_has_chosen_is_told_without_control_characters() {
        let hostile = "\u{1b}[2J\n\u{202e}\u{9b}";
        let text = || Box::<str>::from(hostile);
        let unknown = DecodeError::unknown_variant(hostile, &["a"]);
        let mut in_field = DecodeError::NeedsPython { what: text() };
        in_field.add_step(&path::Segment::Name(hostile));
        let found = DecodeError::Class {
            expected: "a.B",
            found: text(),
        };
        for error in [
            found,
            unknown.clone().by_value("a.B"),
            unknown,
            in_field,
            DecodeError::custom(hostile),
        ] {
            let told = error.to_string();
            assert!(
                !told.contains(char::is_control) && told.contains(r"\u{202e}"),
                "{told:?}"
            );
        }
        for error in [
            EncodeError::Custom(text()),
            EncodeError::ClassNotAllowed { class: text() },
            EncodeError::NoClass { name: text() },
        ] {
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
        }
    }
}
