//! Collections and objects that are written a part at a time.

use serde::Serialize;

use super::super::construction::Construction;
use super::super::opcode as op;
use super::spelling::{CLASSES, Class};
use super::writer::{Shape, Writer};
use crate::EncodeError;
use crate::codec::prepared::Prepared;
use crate::forward::forward_compound;

/// A collection or object that is being written.
pub(super) struct Compound<'w, 'o> {
    writer: &'w mut Writer<'o>,
    kind: Kind,
    /// The class of an object of named fields, if it is prepared: then its opening is written with the
    /// first of them.
    class: Option<&'static Prepared<Class>>,
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
    #[inline]
    fn new(writer: &'w mut Writer<'o>, kind: Kind) -> Result<Self, EncodeError> {
        writer.enter()?;
        Ok(Self {
            writer,
            kind,
            class: None,
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
        writer.global(class.module, class.name);
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
    #[inline]
    pub(super) fn object(
        writer: &'w mut Writer<'o>,
        name: &'static str,
        len: usize,
    ) -> Result<Self, EncodeError> {
        // Of what most objects are, as little as can be: it is written anew for each type.
        match CLASSES.get(name) {
            Some(class) if len > 0 && writer.is_plain() && writer.is_by_name(&class.facts) => {
                Self::prepared(writer, class)
            }
            _ => Self::other_object(writer, name, len),
        }
    }

    /// Begins an object of named fields, of a class that is prepared.
    #[inline]
    fn prepared(
        writer: &'w mut Writer<'o>,
        class: &'static Prepared<Class>,
    ) -> Result<Self, EncodeError> {
        let compound = Self::new(writer, Kind::of(&class.facts))?;
        Ok(Self {
            class: Some(class),
            ..compound
        })
    }

    /// Begins an object without fields, of fields in order, of a class that is not prepared, or where
    /// something depends on its class.
    #[inline(never)]
    fn other_object(
        writer: &'w mut Writer<'o>,
        name: &'static str,
        len: usize,
    ) -> Result<Self, EncodeError> {
        if len == 0 {
            writer.empty_object(name)?;
            return Self::new(writer, Kind::Empty);
        }
        let class = writer.begin(name)?;
        if !writer.is_by_name(&class) {
            return Self::arguments(writer, &class, len);
        }
        if let Some(prepared) = CLASSES.get(name) {
            return Self::prepared(writer, prepared);
        }
        class.open(writer.out);
        Self::new(writer, Kind::of(&class))
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.check_order()?;
        self.count += 1;
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let prepared = self.class.and_then(|class| class.field(self.count, name));
        match prepared {
            Some(bytes) => self.writer.out.extend_from_slice(bytes),
            None => self.name(name)?,
        }
        self.count += 1;
        value.serialize(&mut *self.writer)
    }

    /// Writes the name of a field that is not prepared.
    #[inline(never)]
    fn name(&mut self, name: &'static str) -> Result<(), EncodeError> {
        self.open_if_first();
        match self.kind {
            Kind::Arguments { .. } => return self.check_order(),
            Kind::Empty => return Err(unsupported("more fields than were announced")),
            _ => self.writer.str(name),
        }
        Ok(())
    }

    /// Checks that no field was left out before another one in order.
    #[inline]
    fn check_order(&self) -> Result<(), EncodeError> {
        if let Kind::Arguments { skipped: true, .. } = self.kind {
            return Err(unsupported("a field left out before another, in order"));
        }
        Ok(())
    }

    /// Writes the opening of an object that is still without it.
    fn open_if_first(&mut self) {
        if let (0, Some(class)) = (self.count, self.class) {
            self.writer.out.extend_from_slice(&class.opening);
        }
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

    #[inline]
    fn finish(self) -> Result<(), EncodeError> {
        match self.class {
            Some(class) if self.count > 0 => {
                if class.facts.is_casty {
                    self.writer.out.extend_from_slice(&STATE_END);
                } else {
                    self.writer.out.extend_from_slice(&KEYWORDS_END);
                }
                self.writer.leave();
                Ok(())
            }
            _ => self.finish_other(),
        }
    }

    /// Ends a collection, or an object that is not prepared or has no field.
    #[inline(never)]
    fn finish_other(mut self) -> Result<(), EncodeError> {
        self.open_if_first();
        let closing: &[u8] = match self.kind {
            Kind::List => &[op::APPENDS],
            Kind::Set => &[op::ADDITEMS],
            Kind::FrozenSet => &[op::FROZENSET],
            Kind::Dict => &[op::SETITEMS],
            Kind::State => &STATE_END,
            Kind::Keywords => &KEYWORDS_END,
            Kind::Tuple { marked } => &[tuple_opcode(marked, self.count)?],
            Kind::Arguments { marked, .. } => &[tuple_opcode(marked, self.count)?, op::REDUCE],
            Kind::Empty => &[],
        };
        self.writer.out.extend_from_slice(closing);
        self.writer.leave();
        Ok(())
    }
}

/// The bytes of an object behind its fields, as its state.
const STATE_END: [u8; 2] = [op::SETITEMS, op::BUILD];

/// The bytes of an object behind its fields, as keywords.
const KEYWORDS_END: [u8; 4] = [op::SETITEMS, op::NEWOBJ_EX, op::EMPTY_TUPLE, op::REDUCE];

impl Kind {
    /// Returns the way to write an object of that class by the names of its fields.
    #[inline]
    fn of(class: &Class) -> Self {
        if class.is_casty {
            Self::State
        } else {
            Self::Keywords
        }
    }
}

impl Writer<'_> {
    /// Returns whether the objects of a class are written by the names of their fields.
    #[inline]
    fn is_by_name(&self, class: &Class) -> bool {
        class.is_casty || self.construction == Construction::Keyword
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
