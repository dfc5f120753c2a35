//! Collections and objects that are written a part at a time.

use serde::Serialize;

use super::super::construction::Construction;
use super::super::opcode as op;
use super::prepared::Class;
use super::writer::{Shape, Writer};
use crate::EncodeError;
use crate::forward::forward_compound;

/// A collection or object that is being written.
pub(super) struct Compound<'w, 'o> {
    writer: &'w mut Writer<'o>,
    kind: Kind,
    /// The number of elements written so far.
    count: usize,
}

/// The collections, and the ways to write an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Set,
    FrozenSet,
    /// A tuple, `marked` if a mark is below its elements.
    Tuple {
        marked: bool,
    },
    Dict,
    /// An object that Python rebuilds from its state, without its constructor.
    State,
    /// The keywords of a constructor.
    Keywords,
    /// The arguments of a constructor, `skipped` if a field was left out.
    Arguments {
        marked: bool,
        skipped: bool,
    },
    /// An object without fields.
    Empty,
}

impl<'w, 'o> Compound<'w, 'o> {
    fn new(writer: &'w mut Writer<'o>, kind: Kind) -> Result<Self, EncodeError> {
        writer.enter()?;
        Ok(Self {
            writer,
            kind,
            count: 0,
        })
    }

    pub(super) fn seq(writer: &'w mut Writer<'o>, len: Option<usize>) -> Result<Self, EncodeError> {
        let (hint, opening, kind): (_, &[u8], _) = match writer.take_shape() {
            Shape::Tuple => return Self::tuple(writer, len),
            Shape::FrozenSet => ("builtins.frozenset", &[op::MARK], Kind::FrozenSet),
            Shape::Set => ("builtins.set", &[op::EMPTY_SET, op::MARK], Kind::Set),
            Shape::Plain | Shape::Ref => ("builtins.list", &[op::EMPTY_LIST, op::MARK], Kind::List),
        };
        writer.hint(hint);
        writer.out.extend_from_slice(opening);
        Self::new(writer, kind)
    }

    pub(super) fn tuple(
        writer: &'w mut Writer<'o>,
        len: Option<usize>,
    ) -> Result<Self, EncodeError> {
        writer.hint("builtins.tuple");
        let marked = mark_if_long(writer, len);
        Self::new(writer, Kind::Tuple { marked })
    }

    pub(super) fn map(writer: &'w mut Writer<'o>) -> Result<Self, EncodeError> {
        writer.hint("builtins.dict");
        writer.out.extend_from_slice(&[op::EMPTY_DICT, op::MARK]);
        Self::new(writer, Kind::Dict)
    }

    /// Begins a call of a class with arguments in order.
    pub(super) fn call(
        writer: &'w mut Writer<'o>,
        name: &'static str,
        len: usize,
    ) -> Result<Self, EncodeError> {
        let class = writer.begin(name)?;
        Self::arguments(writer, &class, len)
    }

    fn arguments(
        writer: &'w mut Writer<'o>,
        class: &Class,
        len: usize,
    ) -> Result<Self, EncodeError> {
        writer.global(class.module, class.class);
        let marked = mark_if_long(writer, Some(len));
        Self::new(
            writer,
            Kind::Arguments {
                marked,
                skipped: false,
            },
        )
    }

    /// Begins an object of named fields.
    pub(super) fn object(
        writer: &'w mut Writer<'o>,
        name: &'static str,
        len: usize,
    ) -> Result<Self, EncodeError> {
        if len == 0 {
            writer.empty_object(name)?;
            return Self::new(writer, Kind::Empty);
        }
        let class = writer.begin(name)?;
        if !class.is_casty && writer.construction == Construction::Positional {
            return Self::arguments(writer, &class, len);
        }
        writer.out.extend_from_slice(&class.opening);
        let kind = if class.is_casty {
            Kind::State
        } else {
            Kind::Keywords
        };
        Self::new(writer, kind)
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        if let Kind::Arguments { skipped: true, .. } = self.kind {
            return Err(unsupported("a field left out before another, in order"));
        }
        self.count += 1;
        value.serialize(&mut *self.writer)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), EncodeError> {
        match self.kind {
            Kind::Arguments { .. } => {}
            Kind::Empty => return Err(unsupported("more fields than were announced")),
            _ => self.writer.str(name),
        }
        self.element(value)
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        key.serialize(&mut *self.writer)
    }

    fn entry_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.element(value)
    }

    fn skip(&mut self) {
        if let Kind::Arguments { skipped, .. } = &mut self.kind {
            *skipped = true;
        }
    }

    fn finish(self) -> Result<(), EncodeError> {
        let closing: &[u8] = match self.kind {
            Kind::List => &[op::APPENDS],
            Kind::Set => &[op::ADDITEMS],
            Kind::FrozenSet => &[op::FROZENSET],
            Kind::Dict => &[op::SETITEMS],
            Kind::State => &[op::SETITEMS, op::BUILD],
            Kind::Keywords => &[op::SETITEMS, op::NEWOBJ_EX, op::EMPTY_TUPLE, op::REDUCE],
            Kind::Tuple { marked } => &[tuple_opcode(marked, self.count)?],
            Kind::Arguments { marked, .. } => &[tuple_opcode(marked, self.count)?, op::REDUCE],
            Kind::Empty => &[],
        };
        self.writer.out.extend_from_slice(closing);
        self.writer.leave();
        Ok(())
    }
}

/// Begins a tuple, with a mark if it is long: those of up to three have opcodes without one.
pub(super) fn mark_if_long(writer: &mut Writer<'_>, len: Option<usize>) -> bool {
    let marked = len.is_none_or(|len| len > 3);
    if marked {
        writer.out.push(op::MARK);
    }
    marked
}

/// Returns the opcode that ends a tuple.
pub(super) fn tuple_opcode(marked: bool, count: usize) -> Result<u8, EncodeError> {
    Ok(match (marked, count) {
        (true, _) => op::TUPLE,
        (false, 0) => op::EMPTY_TUPLE,
        (false, 1) => op::TUPLE1,
        (false, 2) => op::TUPLE2,
        (false, 3) => op::TUPLE3,
        (false, _) => return Err(unsupported("more elements than were announced")),
    })
}

fn unsupported(what: &'static str) -> EncodeError {
    EncodeError::Unsupported {
        codec: "pickle",
        what,
    }
}

forward_compound! { [] Compound<'_, '_>, (), skip skip }
