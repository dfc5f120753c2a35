//! Containers and objects that are written a part at a time.

use serde::ser::{Error as _, Serialize};

use super::super::target::{Shape, Target};
use super::writer::Writer;
use crate::EncodeError;
use crate::forward::forward_compound;

/// The kinds of what is written a part at a time.
#[derive(Clone, Copy)]
pub(super) enum Kind<S: Target> {
    Container(Shape),
    Object(S::Class),
}

/// A container or object that is being written.
pub(crate) struct Compound<'a, S: Target> {
    writer: &'a mut Writer<S>,
    kind: Kind<S>,
    open: S::Open,
    /// The number of parts written so far.
    count: usize,
    /// The number of parts announced.
    len: Option<usize>,
    /// A dict's entry whose key was written, until its value is.
    entry: Option<S::Entry>,
}

impl<'a, S: Target> Compound<'a, S> {
    #[inline]
    pub(super) fn new(
        writer: &'a mut Writer<S>,
        kind: Kind<S>,
        open: S::Open,
        len: Option<usize>,
    ) -> Self {
        Self {
            writer,
            kind,
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
        if let Kind::Object(class) = self.kind {
            self.writer.sink.field(class, self.count, key)?;
        }
        self.count += 1;
        value.serialize(&mut *self.writer)
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.entry = Some(self.writer.sink.entry(self.count == 0)?);
        self.count += 1;
        key.serialize(&mut *self.writer)
    }

    fn entry_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.writer.sink.entry_value();
        value.serialize(&mut *self.writer)?;
        match self.entry.take() {
            Some(entry) => self.writer.sink.close_entry(entry),
            None => Err(EncodeError::custom("a map's value without its key")),
        }
    }

    #[inline]
    pub(super) fn finish(mut self) -> Result<(), EncodeError> {
        if self.len.is_some_and(|len| len != self.count) {
            return Err(miscounted());
        }
        match self.kind {
            Kind::Object(class) => self.writer.sink.close_object(class, self.open, self.count),
            Kind::Container(shape) => self.close(shape)?,
        }
        self.writer.depth -= 1;
        Ok(())
    }

    #[inline(never)]
    fn close(&mut self, shape: Shape) -> Result<(), EncodeError> {
        self.writer.sink.close(shape, self.open, self.count)
    }
}

#[cold]
fn miscounted() -> EncodeError {
    EncodeError::custom(
        "a Serialize implementation announced another number of parts than it wrote",
    )
}

forward_compound! { [S: Target] Compound<'_, S>, () }
