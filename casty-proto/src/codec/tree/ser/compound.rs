//! Writes what has parts, a part at a time.

use serde::ser::{self, Serialize};

use super::super::sink::{Array, Sink};
use super::Writer;
use crate::EncodeError;

/// An array or map that is being written.
pub(crate) struct Compound<'a, S> {
    writer: &'a mut Writer<S>,
    /// The array to end; a map of fields has none.
    array: Option<Array>,
    /// Whether the array is the only entry of a map.
    marked: bool,
    /// How many parts were written.
    count: usize,
    /// How many were announced.
    len: Option<usize>,
    /// The array of a dict's entry between its key and its value.
    entry: Option<Array>,
}

impl<'a, S: Sink> Compound<'a, S> {
    pub(super) fn array(
        writer: &'a mut Writer<S>,
        array: Array,
        len: Option<usize>,
        marked: bool,
    ) -> Self {
        Self {
            writer,
            array: Some(array),
            marked,
            count: 0,
            len,
            entry: None,
        }
    }

    pub(super) fn map(writer: &'a mut Writer<S>, len: usize) -> Self {
        Self {
            writer,
            array: None,
            marked: false,
            count: 0,
            len: Some(len),
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
        self.writer.sink.key(false, key)?;
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
        let sink = &mut self.writer.sink;
        if let Some(array) = self.array {
            sink.close_array(array, self.count)?;
        }
        if self.marked || self.array.is_none() {
            sink.close_map();
        }
        self.writer.depth -= 1;
        Ok(())
    }
}

macro_rules! elements {
    ($($trait:ident $method:ident)*) => {$(
        impl<S: Sink> ser::$trait for Compound<'_, S> {
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
        impl<S: Sink> ser::$trait for Compound<'_, S> {
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

impl<S: Sink> ser::SerializeMap for Compound<'_, S> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        let sink = &mut self.writer.sink;
        sink.element(self.count == 0);
        self.entry = Some(sink.open_array(Some(2))?);
        sink.element(true);
        self.count += 1;
        key.serialize(&mut *self.writer)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.writer.sink.element(false);
        value.serialize(&mut *self.writer)?;
        match self.entry.take() {
            Some(entry) => self.writer.sink.close_array(entry, 2),
            None => Err(ser::Error::custom("a map's value without its key")),
        }
    }

    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}
