//! The token sinks that trees are written to.

use num_bigint::BigInt;

use super::marker;
use crate::EncodeError;
use crate::class_name::{is_class, with_dots};
use crate::codec::prepared::Prepared;

/// An array being written, for the sink that opened it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Array(pub(super) usize);

/// The scalars that every serializer writes.
pub(crate) trait Scalars {
    /// The serializer's name, for errors.
    const NAME: &'static str;

    fn null(&mut self);
    fn bool(&mut self, value: bool);
    fn int(&mut self, value: i64);
    fn uint(&mut self, value: u64);
    fn big(&mut self, value: &BigInt) -> Result<(), EncodeError>;
    fn float(&mut self, value: f64);
    fn str(&mut self, value: &str) -> Result<(), EncodeError>;
    fn bytes(&mut self, value: &[u8]) -> Result<(), EncodeError>;
}

/// A sink of tokens. The caller keeps the order: `element` before each element of an array, `key`
/// before each value of a map, each with whether it is the first.
pub(crate) trait Sink: Scalars {
    /// Begins an array, of `len` elements if that is known.
    fn open_array(&mut self, len: Option<usize>) -> Result<Array, EncodeError>;
    fn element(&mut self, first: bool);
    /// Ends an array of `count` elements.
    fn close_array(&mut self, array: Array, count: usize) -> Result<(), EncodeError>;

    /// Begins a map of exactly `len` entries.
    fn open_map(&mut self, len: usize) -> Result<(), EncodeError>;
    fn key(&mut self, first: bool, key: &str) -> Result<(), EncodeError>;
    fn close_map(&mut self);

    /// Begins the map of a reference, up to its URI.
    fn open_ref(&mut self);

    /// Returns a class as objects begin in this form, behind [`open_map`](Self::open_map); `None` if the
    /// name is that of no class, or of one that is not prepared.
    fn prepared(name: &'static str) -> Option<&'static Prepared<()>>;
    /// Appends a part of an object that was prepared.
    fn raw(&mut self, bytes: &[u8]);
}

/// Writes what an object of a class begins with; `None` if the name is that of no class.
pub(super) fn spell_class<S: Sink>(mut sink: S, name: &str) -> Option<()> {
    if !is_class(name) {
        return None;
    }
    sink.key(true, marker::TYPE).ok()?;
    sink.str(&with_dots(name)).ok()
}

/// Returns the error of a serializer that has no form for a kind of value.
pub(crate) fn unsupported<S: Scalars>(what: &'static str) -> EncodeError {
    EncodeError::Unsupported {
        codec: S::NAME,
        what,
    }
}
