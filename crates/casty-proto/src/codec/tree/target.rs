//! Where values are written, shape by shape; how json and msgpack spell the shapes.

use num_bigint::BigInt;

use super::marker;
use super::sink::{Array, Sink};
use super::write_value::{self, Style};
use crate::{EncodeError, Value};

/// The containers that have parts and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    List,
    Tuple,
    Set,
    FrozenSet,
    /// Its parts are entries.
    Dict,
}

/// Writes values. The caller keeps the order: `element` before each part of a list, tuple or set,
/// `entry` and `entry_value` before the key and the value of a dict's entry, `field` before the
/// value of an object's field.
pub(crate) trait Target {
    /// The serializer's name, for errors.
    const NAME: &'static str;

    /// A container that is being written, for the target that opened it.
    type Open: Copy;

    /// The same for an entry of a dict.
    type Entry: Copy;

    fn null(&mut self);
    fn bool(&mut self, value: bool);
    fn int(&mut self, value: i64);
    fn uint(&mut self, value: u64);
    fn big(&mut self, value: &BigInt) -> Result<(), EncodeError>;
    fn float(&mut self, value: f64);
    fn str(&mut self, value: &str) -> Result<(), EncodeError>;
    fn bytes(&mut self, value: &[u8]) -> Result<(), EncodeError>;

    /// Begins a container of `len` parts, if that is known; a dict's always is.
    fn open(&mut self, shape: Shape, len: Option<usize>) -> Result<Self::Open, EncodeError>;
    fn element(&mut self, first: bool);
    fn entry(&mut self, first: bool) -> Result<Self::Entry, EncodeError>;
    fn entry_value(&mut self);
    fn close_entry(&mut self, entry: Self::Entry) -> Result<(), EncodeError>;
    /// Ends a container of `count` parts.
    fn close(&mut self, shape: Shape, open: Self::Open, count: usize) -> Result<(), EncodeError>;

    /// Begins an object of exactly `len` fields.
    fn open_object(&mut self, class: &str, len: usize) -> Result<Self::Open, EncodeError>;
    fn field(&mut self, name: &str) -> Result<(), EncodeError>;
    fn close_object(&mut self, object: Self::Open);

    fn member(&mut self, class: &str, name: &str) -> Result<(), EncodeError>;
    /// Begins a reference, whose URI is the next text.
    fn open_ref(&mut self) -> Result<(), EncodeError>;
    fn close_ref(&mut self);
    /// Announces that the next bytes are an encoded `google.protobuf.Any`.
    #[cfg(feature = "protobuf")]
    fn any(&mut self) -> Result<(), EncodeError>;

    /// Writes a whole value, which stands `depth` levels deep, without recursion.
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), EncodeError>;

    /// Everything was written.
    fn finish(&mut self);
}

/// The error of a target that has no form for a kind of value.
pub(crate) fn unsupported<T: Target>(what: &'static str) -> EncodeError {
    EncodeError::Unsupported {
        codec: T::NAME,
        what,
    }
}

/// The marker in front of a container's array; a list has none.
fn marker_of(shape: Shape) -> Option<&'static str> {
    match shape {
        Shape::List | Shape::Set => None,
        Shape::Tuple => Some(marker::TUPLE),
        Shape::FrozenSet => Some(marker::FROZEN_SET),
        Shape::Dict => Some(marker::DICT),
    }
}

impl<S: Sink> Target for S {
    const NAME: &'static str = <S as Sink>::NAME;

    /// Objects have none.
    type Open = Array;
    type Entry = Array;

    fn null(&mut self) {
        Sink::null(self);
    }

    fn bool(&mut self, value: bool) {
        Sink::bool(self, value);
    }

    #[inline]
    fn int(&mut self, value: i64) {
        Sink::int(self, value);
    }

    #[inline]
    fn uint(&mut self, value: u64) {
        Sink::uint(self, value);
    }

    fn big(&mut self, value: &BigInt) -> Result<(), EncodeError> {
        Sink::big(self, value)
    }

    fn float(&mut self, value: f64) {
        Sink::float(self, value);
    }

    #[inline]
    fn str(&mut self, value: &str) -> Result<(), EncodeError> {
        Sink::str(self, value)
    }

    fn bytes(&mut self, value: &[u8]) -> Result<(), EncodeError> {
        Sink::bytes(self, value)
    }

    fn open(&mut self, shape: Shape, len: Option<usize>) -> Result<Array, EncodeError> {
        if shape == Shape::Set {
            return Err(unsupported::<S>("a set (a frozenset can be carried)"));
        }
        if let Some(marker) = marker_of(shape) {
            self.open_map(1)?;
            self.key(true, marker)?;
        }
        self.open_array(len)
    }

    #[inline]
    fn element(&mut self, first: bool) {
        Sink::element(self, first);
    }

    fn entry(&mut self, first: bool) -> Result<Array, EncodeError> {
        Sink::element(self, first);
        let entry = self.open_array(Some(2))?;
        Sink::element(self, true);
        Ok(entry)
    }

    fn entry_value(&mut self) {
        Sink::element(self, false);
    }

    fn close_entry(&mut self, entry: Array) -> Result<(), EncodeError> {
        self.close_array(entry, 2)
    }

    fn close(&mut self, shape: Shape, open: Array, count: usize) -> Result<(), EncodeError> {
        self.close_array(open, count)?;
        if marker_of(shape).is_some() {
            self.close_map();
        }
        Ok(())
    }

    #[inline]
    fn open_object(&mut self, class: &str, len: usize) -> Result<Array, EncodeError> {
        self.open_map(len.saturating_add(1))?;
        self.key(true, marker::TYPE)?;
        Sink::str(self, class)?;
        Ok(Array(0))
    }

    #[inline]
    fn field(&mut self, name: &str) -> Result<(), EncodeError> {
        self.key(false, name)
    }

    #[inline]
    fn close_object(&mut self, _: Array) {
        self.close_map();
    }

    fn member(&mut self, class: &str, name: &str) -> Result<(), EncodeError> {
        self.open_map(2)?;
        self.key(true, marker::ENUM)?;
        Sink::str(self, class)?;
        self.key(false, marker::MEMBER)?;
        Sink::str(self, name)?;
        self.close_map();
        Ok(())
    }

    fn open_ref(&mut self) -> Result<(), EncodeError> {
        self.open_map(1)?;
        self.key(true, marker::REF)
    }

    fn close_ref(&mut self) {
        self.close_map();
    }

    #[cfg(feature = "protobuf")]
    fn any(&mut self) -> Result<(), EncodeError> {
        Err(unsupported::<S>(crate::protobuf::ALONE))
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), EncodeError> {
        write_value::write(self, value, Style::Wire, depth)
    }

    #[inline]
    fn finish(&mut self) {}
}
