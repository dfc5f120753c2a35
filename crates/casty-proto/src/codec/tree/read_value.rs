//! Reads trees as [`Value`]s, without recursion.

use std::sync::Arc;

use super::marker::{self, Marker};
use super::notation;
use super::reader::Reader;
use super::source::{Kind, Number, Open, Source};
use crate::name_cache::NameCache;
use crate::value::{EnumMember, Member, Object, State};
use crate::{ActorRef, DecodeError, Value};

/// The markers that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The markers of the serializers.
    Wire,
    /// The same and those of Casty's JSON notation.
    Notation,
}

/// Reads one value.
pub(crate) fn read<S: Source>(
    reader: &mut Reader<S>,
    dialect: Dialect,
) -> Result<Value, DecodeError> {
    let mut values = ValueReader {
        reader,
        dialect,
        names: NameCache::default(),
        stack: Vec::new(),
    };
    let mut done = values.value()?;
    loop {
        let Some(mut frame) = values.stack.pop() else {
            return done.ok_or_else(|| values.reader.malformed("no value"));
        };
        if let Some(value) = done.take() {
            frame.accept(value, values.reader)?;
        }
        if frame.advance(values.reader, &mut values.names)? {
            values.stack.push(frame);
            done = values.value()?;
        } else {
            done = Some(values.close(frame)?);
        }
    }
}

/// A container of which some parts are read.
enum Frame {
    Items {
        open: Open,
        items: Vec<Value>,
        /// True if it counts as a level of nesting of its own.
        level: bool,
    },
    /// The array behind `__dict__`.
    Pairs {
        open: Open,
        pairs: Vec<(Value, Value)>,
        pair: Open,
        key: Option<Value>,
    },
    Map {
        open: Open,
        entries: Vec<(Arc<str>, Value)>,
        key: Option<Arc<str>>,
        /// True if the array behind `__dict__` was read as pairs.
        dict: bool,
    },
}

impl Frame {
    /// Adds a part that was read.
    fn accept<S: Source>(
        &mut self,
        value: Value,
        reader: &mut Reader<S>,
    ) -> Result<(), DecodeError> {
        match self {
            Self::Items { items, .. } => items.push(value),
            Self::Pairs {
                pairs, pair, key, ..
            } => match key.take() {
                None => *key = Some(value),
                Some(key) => {
                    pairs.push((key, value));
                    if reader.source.next(pair)? {
                        return Err(reader.malformed(NO_PAIR));
                    }
                }
            },
            Self::Map { entries, key, .. } => {
                entries.extend(key.take().map(|key| (key, value)));
            }
        }
        Ok(())
    }

    /// Advances to the next part; false if there is none and the container is closed.
    fn advance<S: Source>(
        &mut self,
        reader: &mut Reader<S>,
        names: &mut NameCache,
    ) -> Result<bool, DecodeError> {
        match self {
            Self::Items { open, .. } => reader.source.next(open),
            Self::Pairs {
                open, pair, key, ..
            } => {
                if key.is_none() {
                    if !reader.source.next(open)? {
                        return Ok(false);
                    }
                    reader.item()?;
                    if reader.source.peek()? != Kind::Array {
                        return Err(reader.malformed(NO_PAIR));
                    }
                    *pair = reader.source.open_array()?;
                }
                if !reader.source.next(pair)? {
                    return Err(reader.malformed(NO_PAIR));
                }
                Ok(true)
            }
            Self::Map { open, key, .. } => {
                reader.item()?;
                *key = reader.source.next_key(open)?.map(|key| names.intern(key));
                Ok(key.is_some())
            }
        }
    }
}

/// The fault of an entry of a dict that is no pair.
pub(super) const NO_PAIR: &str = "an entry of a dict that is no pair";

/// A reader of values with the containers that are open: the stack that recursion would use, on the
/// heap.
struct ValueReader<'r, S> {
    reader: &'r mut Reader<S>,
    dialect: Dialect,
    names: NameCache,
    stack: Vec<Frame>,
}

impl<S: Source> ValueReader<'_, S> {
    /// Reads a leaf, or opens a container and leaves its parts to the stack.
    fn value(&mut self) -> Result<Option<Value>, DecodeError> {
        self.reader.item()?;
        let kind = self.reader.source.peek()?;
        let source = &mut self.reader.source;
        Ok(Some(match kind {
            Kind::Null => {
                source.null()?;
                Value::None
            }
            Kind::Bool => Value::Bool(source.bool()?),
            Kind::Number => match source.number()? {
                Number::Int(value) => Value::Int(value),
                Number::UInt(value) => Value::from(value),
                Number::Big(value) => Value::from(value),
                Number::Float(value) => Value::Float(value),
            },
            Kind::Str => {
                let text = source.str()?;
                match self.stack.last() {
                    Some(Frame::Map { key: Some(key), .. })
                        if matches!(&**key, marker::TYPE | marker::ENUM | marker::MEMBER) =>
                    {
                        Value::Str(self.names.intern(text))
                    }
                    _ => Value::Str(text.into()),
                }
            }
            Kind::Bytes => Value::Bytes(source.bytes()?.into()),
            Kind::Array => {
                self.array()?;
                return Ok(None);
            }
            Kind::Map => {
                self.reader.enter()?;
                let open = self.reader.source.open_map()?;
                let capacity = self.capacity(open)?;
                self.stack.push(Frame::Map {
                    open,
                    entries: Vec::with_capacity(capacity),
                    key: None,
                    dict: false,
                });
                return Ok(None);
            }
        }))
    }

    fn array(&mut self) -> Result<(), DecodeError> {
        let open = self.reader.source.open_array()?;
        let capacity = self.capacity(open)?;
        let level = match self.stack.last_mut() {
            Some(Frame::Map {
                key: Some(key),
                dict,
                ..
            }) => {
                if &**key == marker::DICT {
                    *dict = true;
                    self.stack.push(Frame::Pairs {
                        open,
                        pairs: Vec::with_capacity(capacity),
                        pair: open,
                        key: None,
                    });
                    return Ok(());
                }
                !matches!(&**key, marker::TUPLE | marker::FROZEN_SET | notation::SET)
            }
            _ => true,
        };
        if level {
            self.reader.enter()?;
        }
        self.stack.push(Frame::Items {
            open,
            items: Vec::with_capacity(capacity),
            level,
        });
        Ok(())
    }

    /// Returns the number of elements to allocate for.
    fn capacity(&self, open: Open) -> Result<usize, DecodeError> {
        // An announced number is safe to allocate for: the source has checked it against the bytes
        // that are left, and here it is checked against the limit. JSON announces none; most of its
        // containers are small.
        let capacity = self.reader.source.hint(open).unwrap_or(1);
        self.reader.check_items(capacity)?;
        Ok(capacity)
    }

    /// Returns the value that a container is, all of whose parts are read.
    fn close(&mut self, frame: Frame) -> Result<Value, DecodeError> {
        match frame {
            Frame::Items { items, level, .. } => {
                if level {
                    self.reader.leave();
                }
                Ok(Value::List(items.into()))
            }
            Frame::Pairs { pairs, .. } => Ok(Value::Dict(pairs.into())),
            Frame::Map { entries, dict, .. } => {
                self.reader.leave();
                self.object(entries, dict)
            }
        }
    }

    /// Returns the value that a map with these entries stands for: its first marker decides, wherever
    /// it stands.
    fn object(
        &self,
        mut entries: Vec<(Arc<str>, Value)>,
        dict: bool,
    ) -> Result<Value, DecodeError> {
        for at in 0..entries.len() {
            let Some((key, value)) = entries.get(at) else {
                break;
            };
            match (Marker::from_key(key), value) {
                (Some(Marker::Type), Value::Str(class)) => {
                    let class = Arc::clone(class);
                    entries.remove(at);
                    let state = self.state(entries);
                    return Ok(Value::Object(Arc::new(Object { class, state })));
                }
                (Some(Marker::Ref), Value::Str(uri)) => {
                    return Ok(Value::Ref(ActorRef::from_wire(Arc::clone(uri))));
                }
                (Some(Marker::Enum), Value::Str(class)) => {
                    if let Some(member) = self.member(&entries) {
                        let class = Arc::clone(class);
                        return Ok(Value::Enum(Arc::new(EnumMember { class, member })));
                    }
                }
                (Some(Marker::Tuple), Value::List(items)) => {
                    return Ok(Value::Tuple(items.clone()));
                }
                (Some(Marker::FrozenSet), Value::List(items)) => {
                    return Ok(Value::FrozenSet(items.clone()));
                }
                (Some(Marker::Dict), Value::Dict(_)) if dict => return Ok(value.clone()),
                (None, _) if self.dialect == Dialect::Notation => {
                    let found = notation::read(key, value, &entries);
                    if let Some(found) = found.map_err(|what| self.reader.malformed(what))? {
                        return Ok(found);
                    }
                }
                _ => {}
            }
        }
        let pairs = entries
            .into_iter()
            .map(|(key, value)| (Value::Str(key), value));
        Ok(Value::Dict(pairs.collect::<Vec<_>>().into()))
    }

    fn state(&self, mut entries: Vec<(Arc<str>, Value)>) -> State {
        if self.dialect == Dialect::Notation
            && let [(key, Value::List(items))] = entries.as_mut_slice()
        {
            match &**key {
                notation::STATE => return State::Positional(items.to_vec()),
                notation::ARGS => return State::Constructed(items.to_vec()),
                _ => {}
            }
        }
        State::Named(entries.into())
    }

    fn member(&self, entries: &[(Arc<str>, Value)]) -> Option<Member> {
        entries
            .iter()
            .find_map(|(key, value)| match (&**key, value) {
                (marker::MEMBER, Value::Str(name)) => Some(Member::Name(Arc::clone(name))),
                (notation::VALUE, value) if self.dialect == Dialect::Notation => {
                    Some(Member::Value(value.clone()))
                }
                _ => None,
            })
    }
}
