//! Values in formats other than Casty's: as plainly as serde's own types go.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error, Serialize, SerializeMap, Serializer};

use super::side_channel::take;
use super::{Member, State, Value, uuid};
use crate::sets::MAX_PREALLOCATED;

/// The deepest nesting that is written: a serializer that is not ours recurses.
const MAX_DEPTH: usize = 64;

/// The most parts that are written, as parts may be shared.
const MAX_PARTS: usize = 1 << 20;

/// A value that is written in its plain form.
pub(super) struct Plain<'a> {
    value: &'a Value,
    parts: Cell<usize>,
}

impl<'a> Plain<'a> {
    pub(super) fn new(value: &'a Value) -> Self {
        Self {
            value,
            parts: Cell::new(MAX_PARTS),
        }
    }
}

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The value still lies in the channel: this is no serializer of Casty's.
        drop(take());
        let part = Part {
            value: self.value,
            depth: MAX_DEPTH,
            parts: &self.parts,
        };
        part.serialize(serializer)
    }
}

/// A value inside the written one, with the levels and parts that are left.
struct Part<'a> {
    value: &'a Value,
    depth: usize,
    parts: &'a Cell<usize>,
}

impl<'a> Part<'a> {
    /// Returns a function that makes parts of the values inside this one.
    fn inner<E: Error>(&self) -> Result<impl Fn(&'a Value) -> Part<'a> + use<'a, E>, E> {
        let parts = self.parts;
        let depth = self.depth.checked_sub(1);
        let depth = depth.ok_or_else(|| E::custom("the value nests deeper than 64 levels"))?;
        Ok(move |value| Part {
            value,
            depth,
            parts,
        })
    }

    fn map<K: Serialize, S: Serializer>(
        &self,
        class: Option<&str>,
        entries: impl ExactSizeIterator<Item = (K, &'a Value)>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let inner = self.inner::<S::Error>()?;
        let len = entries.len() + usize::from(class.is_some());
        let mut map = serializer.serialize_map(Some(len))?;
        if let Some(class) = class {
            map.serialize_entry("_type", class)?;
        }
        for (key, value) in entries {
            map.serialize_entry(&key, &inner(value))?;
        }
        map.end()
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let left = self.parts.get().checked_sub(1);
        let left = left.ok_or_else(|| S::Error::custom("a value of more than 1,048,576 parts"))?;
        self.parts.set(left);
        match self.value {
            Value::None => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::BigInt(value) => match u64::try_from(&**value) {
                Ok(value) => serializer.serialize_u64(value),
                Err(_) => serializer.collect_str(value),
            },
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Str(value) | Value::Decimal(value) => serializer.serialize_str(value),
            Value::Bytes(value) | Value::ByteArray(value) => serializer.serialize_bytes(value),
            Value::List(items)
            | Value::Tuple(items)
            | Value::Set(items)
            | Value::FrozenSet(items) => {
                serializer.collect_seq(items.iter().map(self.inner::<S::Error>()?))
            }
            Value::Dict(pairs) => {
                let inner = self.inner::<S::Error>()?;
                self.map(
                    None,
                    pairs.iter().map(|(key, value)| (inner(key), value)),
                    serializer,
                )
            }
            Value::Ref(actor) => serializer.serialize_str(actor.uri()),
            Value::Enum(member) => match &member.member {
                Member::Name(name) => serializer.serialize_str(name),
                Member::Value(value) => self.inner::<S::Error>()?(value).serialize(serializer),
            },
            Value::Object(object) => match &object.state {
                State::Named(fields) => {
                    let entries = fields.iter().map(|(name, value)| (&**name, value));
                    self.map(Some(&object.class), entries, serializer)
                }
                State::Positional(items) | State::Constructed(items) => {
                    serializer.collect_seq(items.iter().map(self.inner::<S::Error>()?))
                }
            },
            Value::DateTime(value) => serializer.collect_str(value),
            Value::Date(value) => serializer.collect_str(value),
            Value::Time(value) => serializer.collect_str(value),
            Value::TimeDelta(value) => {
                (value.days, value.seconds, value.microseconds).serialize(serializer)
            }
            Value::Uuid(value) => serializer.serialize_str(&uuid::print(value)),
            Value::Complex(re, im) => (re, im).serialize(serializer),
        }
    }
}

/// The visitor that takes whatever a self-describing format has.
pub(super) struct AnyValue;

macro_rules! scalars {
    ($($method:ident $type:ty),*) => {$(
        fn $method<E: de::Error>(self, value: $type) -> Result<Value, E> {
            Ok(value.into())
        }
    )*};
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    scalars! {
        visit_bool bool, visit_i64 i64, visit_u64 u64, visit_i128 i128, visit_u128 u128,
        visit_f64 f64, visit_str &str, visit_string String
    }

    fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::bytes(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::with_capacity(access.size_hint().unwrap_or(0).min(MAX_PREALLOCATED));
        while let Some(item) = access.next_element::<Value>()? {
            items.push(item);
        }
        Ok(Value::List(items.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut pairs = Vec::with_capacity(access.size_hint().unwrap_or(0).min(MAX_PREALLOCATED));
        while let Some(pair) = access.next_entry::<Value, Value>()? {
            pairs.push(pair);
        }
        Ok(Value::Dict(pairs.into()))
    }
}
