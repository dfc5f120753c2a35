//! Reads [`Value`]s without recursion.

use std::sync::Arc;

use super::kind::{self, Kind};
use super::tag;
use super::wire::{Budget, Repeated};
use crate::codec::tree::target::Shape;
use crate::name_cache::NameCache;
use crate::value::{EnumMember, Member, Object, State};
use crate::{ActorRef, DecodeError, Value, protobuf};

/// Reads a value that was counted, within `depth` levels of containers.
pub(super) fn read(budget: &Budget, kind: Kind<'_>, depth: usize) -> Result<Value, DecodeError> {
    let mut values = ValueReader {
        budget,
        names: NameCache::default(),
        stack: Vec::new(),
        depth,
    };
    let mut done = values.open(kind)?;
    loop {
        let Some(frame) = values.stack.last_mut() else {
            return done.ok_or_else(|| budget.malformed("no value", &[]));
        };
        if let Some(value) = done.take() {
            frame.accept(value);
        }
        match frame.next(budget, &mut values.names)? {
            Some(part) => {
                budget.item()?;
                done = values.open(Kind::read(budget, part)?)?;
            }
            None => done = values.stack.pop().map(Frame::close),
        }
    }
}

/// A container of which some parts are read.
enum Frame<'a, 'de> {
    Items {
        shape: Shape,
        rest: Repeated<'a, 'de>,
        items: Vec<Value>,
    },
    Dict {
        keys: Repeated<'a, 'de>,
        values: Repeated<'a, 'de>,
        pairs: Vec<(Value, Value)>,
        key: Option<Value>,
    },
    Object {
        class: Arc<str>,
        names: Repeated<'a, 'de>,
        values: Repeated<'a, 'de>,
        fields: Vec<(Arc<str>, Value)>,
        name: Option<Arc<str>>,
    },
}

/// The faults of a container whose keys and values do not match.
pub(super) const NO_VALUE: &str = "a key without its value";
pub(super) const NO_KEY: &str = "a value without its key";

impl<'de> Frame<'_, 'de> {
    /// Returns the next part; `None` at the end.
    fn next(
        &mut self,
        budget: &Budget,
        known: &mut NameCache,
    ) -> Result<Option<&'de [u8]>, DecodeError> {
        match self {
            Self::Items { rest, .. } => rest.next(),
            Self::Dict {
                keys, values, key, ..
            } => {
                if key.is_some() {
                    return Ok(Some(value_of(values)?));
                }
                let next = keys.next()?;
                none_left(next.is_some(), values)?;
                Ok(next)
            }
            Self::Object {
                names,
                values,
                name,
                ..
            } => {
                let Some(next) = names.next()? else {
                    none_left(false, values)?;
                    return Ok(None);
                };
                budget.item()?;
                *name = Some(known.intern(budget.text(next)?));
                Ok(Some(value_of(values)?))
            }
        }
    }

    /// Adds a part that was read.
    fn accept(&mut self, value: Value) {
        match self {
            Self::Items { items, .. } => items.push(value),
            Self::Dict { pairs, key, .. } => match key.take() {
                None => *key = Some(value),
                Some(key) => pairs.push((key, value)),
            },
            Self::Object { fields, name, .. } => {
                fields.extend(name.take().map(|name| (name, value)));
            }
        }
    }

    fn close(self) -> Value {
        match self {
            Self::Items { shape, items, .. } => match shape {
                Shape::Tuple => Value::Tuple(items.into()),
                Shape::Set => Value::Set(items.into()),
                Shape::FrozenSet => Value::FrozenSet(items.into()),
                Shape::List | Shape::Dict => Value::List(items.into()),
            },
            Self::Dict { pairs, .. } => Value::Dict(pairs.into()),
            Self::Object { class, fields, .. } => Value::Object(Arc::new(Object {
                class,
                state: State::Named(fields.into()),
            })),
        }
    }
}

/// Returns the value of the key that was read last.
pub(super) fn value_of<'de>(values: &mut Repeated<'_, 'de>) -> Result<&'de [u8], DecodeError> {
    values.next()?.ok_or_else(|| values.malformed(NO_VALUE))
}

/// Checks that no value is left where no key is.
pub(super) fn none_left(more: bool, values: &mut Repeated<'_, '_>) -> Result<(), DecodeError> {
    if !more && values.next()?.is_some() {
        return Err(values.malformed(NO_KEY));
    }
    Ok(())
}

/// A reader of values with the containers that are open: the stack that recursion would use, on the
/// heap.
struct ValueReader<'a, 'de> {
    budget: &'a Budget,
    names: NameCache,
    stack: Vec<Frame<'a, 'de>>,
    depth: usize,
}

impl<'a, 'de> ValueReader<'a, 'de> {
    /// Reads a leaf, or begins a container and leaves its parts to the stack.
    fn open(&mut self, kind: Kind<'de>) -> Result<Option<Value>, DecodeError> {
        match kind {
            Kind::Container(shape, message) => self.container(shape, message)?,
            Kind::Object(message) => self.object(message)?,
            leaf => return self.leaf(leaf).map(Some),
        }
        Ok(None)
    }

    fn container(&mut self, shape: Shape, message: &'de [u8]) -> Result<(), DecodeError> {
        let frame = if shape == Shape::Dict {
            let keys = Repeated::new(self.budget, message, tag::KEYS);
            Frame::Dict {
                keys,
                values: Repeated::new(self.budget, message, tag::VALUES),
                pairs: Vec::with_capacity(self.capacity(keys)?),
                key: None,
            }
        } else {
            let rest = Repeated::new(self.budget, message, tag::ITEMS);
            Frame::Items {
                shape,
                rest,
                items: Vec::with_capacity(self.capacity(rest)?),
            }
        };
        self.enter(frame)
    }

    fn object(&mut self, message: &'de [u8]) -> Result<(), DecodeError> {
        let names = Repeated::new(self.budget, message, tag::NAMES).beside_one(tag::CLASS);
        let frame = Frame::Object {
            class: self.names.intern(kind::class(self.budget, message)?),
            names,
            values: Repeated::new(self.budget, message, tag::FIELD_VALUES),
            fields: Vec::with_capacity(self.capacity(names)?),
            name: None,
        };
        self.enter(frame)
    }

    /// Returns the number of parts to allocate for: each is there, and within the limit.
    fn capacity(&self, parts: Repeated<'_, '_>) -> Result<usize, DecodeError> {
        let capacity = parts.count();
        self.budget.check_items(capacity)?;
        Ok(capacity)
    }

    fn enter(&mut self, frame: Frame<'a, 'de>) -> Result<(), DecodeError> {
        if self.stack.len() >= self.depth {
            return Err(self.budget.too_deep());
        }
        self.stack.push(frame);
        Ok(())
    }

    fn leaf(&mut self, kind: Kind<'_>) -> Result<Value, DecodeError> {
        let budget = self.budget;
        Ok(match kind {
            Kind::Bool(value) => Value::Bool(value),
            Kind::Int(value) => Value::Int(value),
            Kind::BigInt(bytes) => kind::big_int(bytes),
            Kind::Float(value) => Value::Float(value),
            Kind::Str(bytes) => Value::Str(budget.text(bytes)?.into()),
            Kind::Bytes(bytes) => Value::Bytes(bytes.into()),
            Kind::ByteArray(bytes) => Value::ByteArray(bytes.into()),
            Kind::Ref(bytes) => Value::Ref(ActorRef::from_wire(budget.text(bytes)?.into())),
            Kind::Member(message) => Value::Enum(Arc::new(EnumMember {
                class: self.names.intern(kind::class(budget, message)?),
                member: Member::Name(self.names.intern(kind::member(budget, message)?)),
            })),
            Kind::Stdlib(kind, message) => kind::stdlib_value(budget, kind, message)?,
            Kind::Any(message) => protobuf::value_of(message, &mut self.names)
                .ok_or_else(|| budget.malformed("an Any that is none", message))?,
            // Containers are opened elsewhere.
            _ => Value::None,
        })
    }
}
