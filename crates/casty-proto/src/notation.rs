//! Casty's JSON notation: any value as one line of JSON that people can read and write.
//!
//! It is the tree of the JSON serializer, `{"_type": "bank.Deposit", "amount": 5}`, with more
//! markers for the values that only the other serializers carry:
//!
//! | | |
//! |---|---|
//! | `bytes`, `bytearray` | `{"__bytes__": "AP8="}`, `{"__bytearray__": "AP8="}` (base64) |
//! | `set` | `{"__set__": [1, 2]}` |
//! | `datetime`, `date`, `time` | `{"__datetime__": "2024-02-29T12:30:00+01:00"}`, `{"__date__": "2024-02-29"}`, `{"__time__": "12:30:00"}` |
//! | in a zone with a name | `{"__datetime__": "2024-10-27T02:30:00[Europe/Berlin]"}` |
//! | the second of two equal wall-clock times | `{"__datetime__": "2024-10-27T02:30:00", "fold": 1}`, or `true` |
//! | `timedelta` | `{"__timedelta__": [days, seconds, microseconds]}` |
//! | `UUID`, `Decimal`, `complex` | `{"__uuid__": "c0ffee00-..."}`, `{"__decimal__": "1.50"}`, `{"__complex__": [0.0, 1.0]}` |
//! | an enum's member by its value | `{"__enum__": "pkg.Color", "__value__": 2}` |
//! | an object by position, by constructor | `{"_type": "pkg.Point", "__state__": [1, 2]}`, `{"_type": "pkg.Point", "__args__": [1, 2]}` |
//!
//! A plain object without any marker is a dict with `str` keys; a dict is written as
//! `{"__dict__": [[key, value]]}`.

use crate::codec::tree::json::{JsonSink, JsonSource};
use crate::codec::tree::read_value::{self, Dialect};
use crate::codec::tree::reader::Reader;
use crate::codec::tree::write_value::{self, Style};
use crate::{DecodeError, EncodeError, Limits, Value};

mod print;

/// The error of a text that is no value, or of a value that has no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotationError {
    /// The text is no value in Casty's JSON notation.
    #[error(transparent)]
    Read(#[from] DecodeError),
    /// The value nests too deep or holds an integer of more than 4,300 digits.
    #[error(transparent)]
    Write(#[from] EncodeError),
}

impl Value {
    /// Reads a value from a text in [Casty's JSON notation](crate::notation).
    ///
    /// A text may name any class, and a node that is sent its value as a pickle calls it. So pickle
    /// writes only what the program has [allowed](crate::Codec::allowing). A byte order mark before the
    /// text is passed over.
    ///
    /// # Errors
    /// The text is malformed, passes a limit, or has something wrong behind a marker.
    pub fn from_notation(text: &str, limits: &Limits) -> Result<Self, NotationError> {
        // Editors and shells put a byte order mark before what they save as UTF-8.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        limits.admit(text.len())?;
        let source = JsonSource::new(text.as_bytes())?;
        let mut reader = Reader::new(source, text.len(), limits);
        let value = read_value::read(&mut reader, Dialect::Notation)?;
        reader.end()?;
        Ok(value)
    }

    /// Returns the value in [Casty's JSON notation](crate::notation): one line, in ASCII, exact.
    ///
    /// [`from_notation`](Self::from_notation) reads an equal value back, except that a class whose
    /// module is set apart by a colon comes back with a dot. The text is JSON except for Python's
    /// `NaN` and `Infinity`.
    ///
    /// # Errors
    /// The value nests deeper than 256 levels, has more than 4,194,304 parts, or holds an integer
    /// of more than 4,300 digits.
    pub fn to_notation(&self) -> Result<String, NotationError> {
        let mut out = Vec::new();
        write_value::write(&mut JsonSink::new(&mut out), self, Style::Notation, 0)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}
