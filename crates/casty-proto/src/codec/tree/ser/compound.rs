//! Writes what has parts, a part at a time.

use serde::ser::{self, Serialize};

use super::super::target::{Shape, Target};
use super::Writer;
use crate::EncodeError;

/// A container or object that is being written.
pub(crate) struct Compound<'a, S: Target> {
    writer: &'a mut Writer<S>,
    /// None of an object.
    shape: Option<Shape>,
    open: S::Open,
    /// How many parts were written.
    count: usize,
    /// How many were announced.
    len: Option<usize>,
    /// A dict's entry between its key and its value.
    entry: Option<S::Entry>,
}

impl<'a, S: Target> Compound<'a, S> {
    pub(super) fn new(
        writer: &'a mut Writer<S>,
        shape: Option<Shape>,
        open: S::Open,
        len: Option<usize>,
    ) -> Self {
        Self {
            writer,
            shape,
            open,
            count: 0,
            len,
            entry: None,
        }
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.writer.sink.element(self.count == 0);
        self.count += 1;
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.writer.sink.field(key)?;
        self.count += 1;
        value.serialize(&mut *self.writer)
    }

    #[inline]
    pub(super) fn finish(self) -> Result<(), EncodeError> {
        if self.len.is_some_and(|len| len != self.count) {
            return Err(ser::Error::custom(
                "a Serialize implementation announced another number of parts than it wrote",
            ));
        }
        match self.shape {
            Some(shape) => self.writer.sink.close(shape, self.open, self.count)?,
            None => self.writer.sink.close_object(self.open),
        }
        self.writer.depth -= 1;
        Ok(())
    }
}

macro_rules! elements {
    ($($trait:ident $method:ident)*) => {$(
        impl<S: Target> ser::$trait for Compound<'_, S> {
            type Ok = ();
            type Error = EncodeError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.element(value)
            }

            #[inline]
            fn end(self) -> Result<(), EncodeError> {
                self.finish()
            }
        }
    )*};
}

elements! {
    SerializeSeq serialize_element
    SerializeTuple serialize_element
    SerializeTupleStruct serialize_field
    SerializeTupleVariant serialize_field
}

macro_rules! fields {
    ($($trait:ident)*) => {$(
        impl<S: Target> ser::$trait for Compound<'_, S> {
            type Ok = ();
            type Error = EncodeError;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), EncodeError> {
                self.field(key, value)
            }

            #[inline]
            fn end(self) -> Result<(), EncodeError> {
                self.finish()
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }

impl<S: Target> ser::SerializeMap for Compound<'_, S> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.entry = Some(self.writer.sink.entry(self.count == 0)?);
        self.count += 1;
        key.serialize(&mut *self.writer)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.writer.sink.entry_value();
        value.serialize(&mut *self.writer)?;
        match self.entry.take() {
            Some(entry) => self.writer.sink.close_entry(entry),
            None => Err(ser::Error::custom("a map's value without its key")),
        }
    }

    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}
