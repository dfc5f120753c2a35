//! The shapes of values as json and msgpack spell them: every [`Sink`] of tokens is a [`Target`].

use super::marker;
use super::sink::{Array, Sink, unsupported};
use super::target::{Shape, Target};
use super::write_value::{self, Style};
use crate::class_name::{is_class, with_dots};
use crate::codec::prepared::Prepared;
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

/// Writes the class of an object that is not prepared.
#[cold]
fn write_class<S: Sink>(sink: &mut S, name: &'static str) -> Result<(), EncodeError> {
    sink.key(true, marker::TYPE)?;
    sink.str(&with_dots(name))
}

/// Writes the name of a field that is not prepared, behind the opening of its class if that is still
/// to be written.
#[cold]
fn write_name<S: Sink>(
    sink: &mut S,
    opening: Option<&'static Prepared<()>>,
    name: &'static str,
) -> Result<(), EncodeError> {
    if let Some(class) = opening {
        sink.raw(&class.opening);
    }
    sink.key(false, name)
}

impl<S: Sink> Target for S {
    /// The class as it is prepared, if it is: then its opening is written with the first field.
    type Class = Option<&'static Prepared<()>>;
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
    fn class(name: &'static str) -> Option<Self::Class> {
        let prepared = S::prepared(name);
        (prepared.is_some() || is_class(name)).then_some(prepared)
    }

    #[inline]
    fn open_object(
        &mut self,
        class: Self::Class,
        name: &'static str,
        len: usize,
    ) -> Result<Array, EncodeError> {
        self.open_map(len.saturating_add(1))?;
        if class.is_none() {
            write_class(self, name)?;
        }
        Ok(Array(0))
    }

    #[inline]
    fn field(
        &mut self,
        class: Self::Class,
        at: usize,
        name: &'static str,
    ) -> Result<(), EncodeError> {
        match class.and_then(|class| class.field(at, name)) {
            Some(bytes) => self.raw(bytes),
            None => write_name(self, class.filter(|_| at == 0), name)?,
        }
        Ok(())
    }

    #[inline]
    fn close_object(&mut self, class: Self::Class, _: Array, count: usize) {
        if let (0, Some(class)) = (count, class) {
            self.raw(&class.opening);
        }
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

    #[inline]
    fn open_ref(&mut self) {
        Sink::open_ref(self);
    }

    #[inline]
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
