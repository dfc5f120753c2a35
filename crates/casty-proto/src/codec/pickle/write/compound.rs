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
        let kind = Self::open_arguments(writer, &class, len);
        Self::new(writer, kind)
    }

    fn open_arguments(writer: &mut Writer<'_>, class: &Class, len: usize) -> Kind {
        writer.global(class.module, class.name);
        Kind::Arguments {
            marked: mark_if_long(writer, Some(len)),
            skipped: false,
        }
    }

    /// Begins an object of named fields.
    #[inline]
    pub(super) fn object(
        writer: &'w mut Writer<'o>,
        name: &'static str,
        len: usize,
    ) -> Result<Self, EncodeError> {
        // It is written anew for each type: of what most objects are, as little as can be, and nothing
        // of the compound has an address, so that it stays in registers.
        let (kind, class) = match CLASSES.get(name) {
            Some(class) if len > 0 && writer.is_plain() && writer.is_by_name(&class.facts) => {
                (Kind::of(&class.facts), Some(class))
            }
            _ => Self::other_object(writer, name, len)?,
        };
        let compound = Self::new(writer, kind)?;
        Ok(Self { class, ..compound })
    }

    /// Begins an object without fields, of fields in order, of a class that is not prepared, or where
    /// something depends on its class.
    #[inline(never)]
    fn other_object(
        writer: &mut Writer<'_>,
        name: &'static str,
        len: usize,
    ) -> Result<(Kind, Option<&'static Prepared<Class>>), EncodeError> {
        if len == 0 {
            writer.empty_object(name)?;
            return Ok((Kind::Empty, None));
        }
        let class = writer.begin(name)?;
        if !writer.is_by_name(&class) {
            return Ok((Self::open_arguments(writer, &class, len), None));
        }
        let prepared = CLASSES.get(name);
        if prepared.is_none() {
            class.open(writer.out);
        }
        Ok((Kind::of(&class), prepared))
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.kind.check_order()?;
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
            None => write_name(
                self.writer,
                self.kind,
                self.class.filter(|_| self.count == 0),
                name,
            )?,
        }
        self.count += 1;
        value.serialize(&mut *self.writer)
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
            class => finish_other(self.writer, self.kind, class, self.count),
        }
    }
}

/// Writes the name of a field that is not prepared, behind the opening of its class if that is still to
/// be written.
#[inline(never)]
fn write_name(
    writer: &mut Writer<'_>,
    kind: Kind,
    opening: Option<&'static Prepared<Class>>,
    name: &'static str,
) -> Result<(), EncodeError> {
    if let Some(class) = opening {
        writer.out.extend_from_slice(&class.opening);
    }
    match kind {
        Kind::Arguments { .. } => return kind.check_order(),
        Kind::Empty => return Err(unsupported("more fields than were announced")),
        _ => writer.str(name),
    }
    Ok(())
}

/// Ends a collection, or an object that is not prepared or has no field.
#[inline(never)]
fn finish_other(
    writer: &mut Writer<'_>,
    kind: Kind,
    opening: Option<&'static Prepared<Class>>,
    count: usize,
) -> Result<(), EncodeError> {
    if let Some(class) = opening {
        writer.out.extend_from_slice(&class.opening);
    }
    let closing: &[u8] = match kind {
        Kind::List => &[op::APPENDS],
        Kind::Set => &[op::ADDITEMS],
        Kind::FrozenSet => &[op::FROZENSET],
        Kind::Dict => &[op::SETITEMS],
        Kind::State => &STATE_END,
        Kind::Keywords => &KEYWORDS_END,
        Kind::Tuple { marked } => &[tuple_opcode(marked, count)?],
        Kind::Arguments { marked, .. } => &[tuple_opcode(marked, count)?, op::REDUCE],
        Kind::Empty => &[],
    };
    writer.out.extend_from_slice(closing);
    writer.leave();
    Ok(())
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

    /// Checks that no field was left out before another one in order.
    #[inline]
    fn check_order(self) -> Result<(), EncodeError> {
        if let Self::Arguments { skipped: true, .. } = self {
            return Err(unsupported("a field left out before another, in order"));
        }
        Ok(())
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
