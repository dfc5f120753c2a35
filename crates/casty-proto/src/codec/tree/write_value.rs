//! Writes [`Value`]s as trees, without recursion.

use std::slice::Iter;
use std::sync::Arc;

use super::sink::{Array, Sink, unsupported};
use super::target::{MAX_VALUES, TOO_MANY_VALUES};
use super::{marker, notation};
use crate::class_name::with_dots;
use crate::value::{Member, State};
use crate::{EncodeError, Limits, Value};

/// The extent to which a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Only values that a serializer carries, each of them whole or not at all.
    Wire,
    /// Casty's JSON notation, each value whole or not at all.
    Notation,
    /// Casty's JSON notation as far as the bounds go; `"..."` stands for the rest.
    Bounded {
        /// The number of values.
        parts: usize,
        /// The bytes of each string.
        text: usize,
    },
}

/// Writes `value`, which stands `depth` levels deep already.
pub(crate) fn write<S: Sink>(
    sink: &mut S,
    value: &Value,
    style: Style,
    depth: usize,
) -> Result<(), EncodeError> {
    let mut values = ValueWriter {
        sink,
        style,
        depth,
        parts: match style {
            Style::Bounded { parts, .. } => parts,
            _ => MAX_VALUES,
        },
        stack: Vec::new(),
    };
    values.value(value)?;
    while let Some(frame) = values.stack.last_mut() {
        let next = frame.advance(values.sink)?;
        match next {
            Some(part) => values.value(part)?,
            None => values.stack.truncate(values.stack.len() - 1),
        }
    }
    Ok(())
}

/// A container of which some parts are written.
enum Frame<'a> {
    Items {
        rest: Iter<'a, Value>,
        array: Array,
        count: usize,
        /// True if the array is an entry of a map, which is closed with it.
        marked: bool,
    },
    Pairs {
        rest: Iter<'a, (Value, Value)>,
        array: Array,
        count: usize,
        /// The entry being written, and its value until that is written.
        entry: Option<(Array, Option<&'a Value>)>,
    },
    Fields(Iter<'a, (Arc<str>, Value)>),
    /// A map whose last entry has this value, or `None` once that is written.
    Last(Option<&'a Value>),
}

impl<'a> Frame<'a> {
    /// Returns the next part to be written; `None` if there is none and the container is closed.
    fn advance<S: Sink>(&mut self, sink: &mut S) -> Result<Option<&'a Value>, EncodeError> {
        match self {
            Self::Items {
                rest,
                array,
                count,
                marked,
            } => {
                if let Some(item) = rest.next() {
                    sink.element(*count == 0);
                    *count += 1;
                    return Ok(Some(item));
                }
                sink.close_array(*array, *count)?;
                if *marked {
                    sink.close_map();
                }
            }
            Self::Pairs {
                rest,
                array,
                count,
                entry,
            } => {
                if let Some((_, value)) = entry
                    && let Some(value) = value.take()
                {
                    sink.element(false);
                    return Ok(Some(value));
                }
                if let Some((entry, _)) = entry.take() {
                    sink.close_array(entry, 2)?;
                }
                if let Some((key, value)) = rest.next() {
                    sink.element(*count == 0);
                    *count += 1;
                    *entry = Some((sink.open_array(Some(2))?, Some(value)));
                    sink.element(true);
                    return Ok(Some(key));
                }
                sink.close_array(*array, *count)?;
                sink.close_map();
            }
            Self::Fields(rest) => {
                if let Some((name, value)) = rest.next() {
                    sink.key(false, name)?;
                    return Ok(Some(value));
                }
                sink.close_map();
            }
            Self::Last(value) => {
                if let Some(value) = value.take() {
                    return Ok(Some(value));
                }
                sink.close_map();
            }
        }
        Ok(None)
    }
}

/// A writer of values with the containers that are open: the stack that recursion would use, on the
/// heap.
struct ValueWriter<'s, 'a, S> {
    sink: &'s mut S,
    style: Style,
    depth: usize,
    parts: usize,
    stack: Vec<Frame<'a>>,
}

/// The text that stands for all that is left out.
const REST: &str = "...";

impl<'a, S: Sink> ValueWriter<'_, 'a, S> {
    /// Writes a leaf, or opens a container and leaves its parts to the stack.
    fn value(&mut self, value: &'a Value) -> Result<(), EncodeError> {
        let bounded = matches!(self.style, Style::Bounded { .. });
        let Some(parts) = self.parts.checked_sub(1) else {
            if bounded {
                return self.cut_short();
            }
            return Err(unsupported::<S>(TOO_MANY_VALUES));
        };
        self.parts = parts;
        if self.depth + self.stack.len() >= Limits::MAX_DEPTH && value.is_container() {
            if bounded {
                return self.sink.str(REST);
            }
            return Err(EncodeError::TooDeep {
                limit: Limits::MAX_DEPTH,
            });
        }
        self.open(value)
    }

    /// Leaves out the rest of everything that is open.
    fn cut_short(&mut self) -> Result<(), EncodeError> {
        for frame in &mut self.stack {
            match frame {
                Frame::Items { rest, .. } => *rest = [].iter(),
                Frame::Pairs { rest, .. } => *rest = [].iter(),
                Frame::Fields(rest) => *rest = [].iter(),
                Frame::Last(_) => {}
            }
        }
        self.sink.str(REST)
    }

    fn open(&mut self, value: &'a Value) -> Result<(), EncodeError> {
        match value {
            Value::None => self.sink.null(),
            Value::Bool(value) => self.sink.bool(*value),
            Value::Int(value) => self.sink.int(*value),
            Value::BigInt(value) => match self.sink.big(value) {
                Err(_) if matches!(self.style, Style::Bounded { .. }) => self.sink.str(REST)?,
                written => written?,
            },
            Value::Float(value) => self.sink.float(*value),
            Value::Str(value) => self.text(value)?,
            Value::Bytes(value) if self.style == Style::Wire => self.sink.bytes(value)?,
            Value::List(items) => self.items(None, items)?,
            Value::Tuple(items) => self.items(Some(marker::TUPLE), items)?,
            Value::FrozenSet(items) => self.items(Some(marker::FROZEN_SET), items)?,
            Value::Dict(pairs) => {
                self.sink.open_map(1)?;
                self.sink.key(true, marker::DICT)?;
                let array = self.sink.open_array(Some(pairs.len()))?;
                self.stack.push(Frame::Pairs {
                    rest: pairs.iter(),
                    array,
                    count: 0,
                    entry: None,
                });
            }
            Value::Ref(actor) => {
                self.sink.open_ref();
                self.sink.str(actor.uri())?;
                self.sink.close_map();
            }
            Value::Enum(member) => self.member(&member.class, &member.member)?,
            Value::Object(object) => self.object(&object.class, &object.state)?,
            other => self.extension(other)?,
        }
        Ok(())
    }

    fn items(&mut self, marker: Option<&str>, items: &'a [Value]) -> Result<(), EncodeError> {
        if let Some(marker) = marker {
            self.sink.open_map(1)?;
            self.sink.key(true, marker)?;
        }
        self.array(items, marker.is_some())
    }

    fn array(&mut self, items: &'a [Value], marked: bool) -> Result<(), EncodeError> {
        let array = self.sink.open_array(Some(items.len()))?;
        self.stack.push(Frame::Items {
            rest: items.iter(),
            array,
            count: 0,
            marked,
        });
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        match self.style {
            Style::Bounded { text: max, .. } if text.len() > max => {
                let start = text
                    .get(..text.floor_char_boundary(max))
                    .unwrap_or_default();
                self.sink.str(&format!("{start}{REST}"))
            }
            _ => self.sink.str(text),
        }
    }

    fn member(&mut self, class: &str, member: &'a Member) -> Result<(), EncodeError> {
        if self.style == Style::Wire && matches!(member, Member::Value(_)) {
            return Err(unsupported::<S>(
                "an enum member that is known by its value only",
            ));
        }
        self.sink.open_map(2)?;
        self.sink.key(true, marker::ENUM)?;
        self.sink.str(&with_dots(class))?;
        match member {
            Member::Name(name) => {
                self.sink.key(false, marker::MEMBER)?;
                self.sink.str(name)?;
                self.sink.close_map();
            }
            Member::Value(value) => {
                self.sink.key(false, notation::VALUE)?;
                self.stack.push(Frame::Last(Some(value)));
            }
        }
        Ok(())
    }

    fn object(&mut self, class: &str, state: &'a State) -> Result<(), EncodeError> {
        let (key, items) = match state {
            State::Named(fields) => {
                self.sink.open_map(fields.len().saturating_add(1))?;
                self.sink.key(true, marker::TYPE)?;
                self.sink.str(&with_dots(class))?;
                self.stack.push(Frame::Fields(fields.iter()));
                return Ok(());
            }
            State::Positional(items) => (notation::STATE, items),
            State::Constructed(items) => (notation::ARGS, items),
        };
        if self.style == Style::Wire {
            return Err(unsupported::<S>("an object whose fields have no names"));
        }
        self.sink.open_map(2)?;
        self.sink.key(true, marker::TYPE)?;
        self.sink.str(&with_dots(class))?;
        self.sink.key(false, key)?;
        self.array(items, true)
    }

    /// Writes a value that only the notation knows.
    fn extension(&mut self, value: &'a Value) -> Result<(), EncodeError> {
        if self.style == Style::Wire {
            return Err(unsupported::<S>(notation::kind_name(value)));
        }
        if let Value::Set(items) = value {
            return self.items(Some(notation::SET), items);
        }
        let max = match self.style {
            Style::Bounded { text, .. } => text,
            _ => usize::MAX,
        };
        notation::write(self.sink, value, max)
    }
}
