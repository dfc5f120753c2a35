//! The shapes of values as json and msgpack spell them: every [`Sink`] of tokens is a [`Target`].

use super::marker;
use super::sink::{Array, Sink, unsupported};
use super::target::{Shape, Target};
use super::write_value::{self, Style};
use crate::{EncodeError, Value};

/// Returns the marker in front of a container's array; a list has none.
fn marker_of(shape: Shape) -> Option<&'static str> {
    match shape {
        Shape::List | Shape::Set => None,
        Shape::Tuple => Some(marker::TUPLE),
        Shape::FrozenSet => Some(marker::FROZEN_SET),
        Shape::Dict => Some(marker::DICT),
    }
}

impl<S: Sink> Target for S {
    /// An object needs none.
    type Open = Array;
    type Entry = Array;

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
        self.str(class)?;
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
        self.str(class)?;
        self.key(false, marker::MEMBER)?;
        self.str(name)?;
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
        Err(unsupported::<S>(crate::protobuf::PROTOBUF_ONLY))
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), EncodeError> {
        write_value::write(self, value, Style::Wire, depth)
    }

    #[inline]
    fn finish(&mut self) {}
}
