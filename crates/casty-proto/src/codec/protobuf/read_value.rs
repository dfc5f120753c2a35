//! Reads a [`Value`] without recursion.

use std::sync::Arc;

use super::kind::{self, Kind};
use super::tag;
use super::wire::{Budget, Parts};
use crate::codec::tree::target::Shape;
use crate::value::Names;
use crate::value::{EnumMember, Member, Object, State};
use crate::{ActorRef, DecodeError, Value, protobuf};

/// Reads a value that was counted; `depth` containers may be entered.
pub(super) fn read(budget: &Budget, kind: Kind<'_>, depth: usize) -> Result<Value, DecodeError> {
    let mut walk = Walk {
        budget,
        names: Names::default(),
        stack: Vec::new(),
        depth,
    };
    let mut done = walk.open(kind)?;
    loop {
        let Some(frame) = walk.stack.last_mut() else {
            return done.ok_or_else(|| budget.malformed("no value", &[]));
        };
        if let Some(value) = done.take() {
            frame.accept(value);
        }
        match frame.next(budget, &mut walk.names)? {
            Some(part) => {
                budget.item()?;
                done = walk.open(Kind::of(budget, part)?)?;
            }
            None => done = walk.stack.pop().map(Frame::close),
        }
    }
}

/// A container that is being read.
enum Frame<'a, 'de> {
    Items {
        shape: Shape,
        rest: Parts<'a, 'de>,
        items: Vec<Value>,
    },
    Dict {
        keys: Parts<'a, 'de>,
        values: Parts<'a, 'de>,
        pairs: Vec<(Value, Value)>,
        key: Option<Value>,
    },
    Object {
        class: Arc<str>,
        names: Parts<'a, 'de>,
        values: Parts<'a, 'de>,
        fields: Vec<(Arc<str>, Value)>,
        name: Option<Arc<str>>,
    },
}

/// What is wrong with a container that has keys and values.
pub(super) const NO_VALUE: &str = "a key without its value";
pub(super) const NO_KEY: &str = "a value without its key";

impl<'de> Frame<'_, 'de> {
    /// The next part; none at the end.
    fn next(
        &mut self,
        budget: &Budget,
        known: &mut Names,
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

/// The value that belongs to a key which was read.
pub(super) fn value_of<'de>(values: &mut Parts<'_, 'de>) -> Result<&'de [u8], DecodeError> {
    values.next()?.ok_or_else(|| values.malformed(NO_VALUE))
}

/// Checks that no value is left when there is no more key.
pub(super) fn none_left(more: bool, values: &mut Parts<'_, '_>) -> Result<(), DecodeError> {
    if !more && values.next()?.is_some() {
        return Err(values.malformed(NO_KEY));
    }
    Ok(())
}

struct Walk<'a, 'de> {
    budget: &'a Budget,
    names: Names,
    stack: Vec<Frame<'a, 'de>>,
    depth: usize,
}

impl<'a, 'de> Walk<'a, 'de> {
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
            let keys = Parts::new(self.budget, message, tag::KEYS);
            Frame::Dict {
                keys,
                values: Parts::new(self.budget, message, tag::VALUES),
                pairs: Vec::with_capacity(self.room(keys)?),
                key: None,
            }
        } else {
            let rest = Parts::new(self.budget, message, tag::ITEMS);
            Frame::Items {
                shape,
                rest,
                items: Vec::with_capacity(self.room(rest)?),
            }
        };
        self.enter(frame)
    }

    fn object(&mut self, message: &'de [u8]) -> Result<(), DecodeError> {
        let names = Parts::new(self.budget, message, tag::NAMES).beside_one(tag::CLASS);
        let frame = Frame::Object {
            class: self.names.intern(kind::class(self.budget, message)?),
            names,
            values: Parts::new(self.budget, message, tag::FIELD_VALUES),
            fields: Vec::with_capacity(self.room(names)?),
            name: None,
        };
        self.enter(frame)
    }

    /// How many parts to set memory aside for: each is there, and can be afforded.
    fn room(&self, parts: Parts<'_, '_>) -> Result<usize, DecodeError> {
        let room = parts.count();
        self.budget.afford(room)?;
        Ok(room)
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
            Kind::Native(kind, message) => kind::native(budget, kind, message)?,
            Kind::Any(message) => protobuf::value_of(message, &mut self.names)
                .ok_or_else(|| budget.malformed("an Any that is none", message))?,
            // Containers are begun elsewhere.
            _ => Value::None,
        })
    }
}
