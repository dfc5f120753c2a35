//! Reads a [`Value`] as any serde value, by the conventions of all codecs.

use std::cell::Cell;

use num_bigint::BigInt;
use serde::de::value::{
    BorrowedStrDeserializer, MapDeserializer, SeqDeserializer, StringDeserializer, UnitDeserializer,
};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::ser::{class_name, is_class};
use super::{Member, Object, State, VALUE, Value, give, take, uuid};
use crate::error::Limit;
use crate::{DecodeError, Limits, reference, sets};

/// The typed value that `value` is on the wire, for codecs of your own; what
/// [`to_value`](super::to_value) makes, this reads.
///
/// `limits` bound its depth and, as values may share parts, the parts that are visited.
///
/// # Errors
/// It is no `T`, or passes a limit.
pub fn from_value<T: DeserializeOwned>(value: &Value, limits: &Limits) -> Result<T, DecodeError> {
    let parts = Cell::new(limits.items);
    T::deserialize(De {
        value,
        depth: limits.depth.min(Limits::MAX_DEPTH),
        parts: &parts,
        limits,
    })
}

/// The value at one place.
#[derive(Clone, Copy)]
struct De<'de, 'a> {
    value: &'de Value,
    /// How many more containers, and types around one and the same value, may be entered.
    depth: usize,
    /// How many more parts may be visited.
    parts: &'a Cell<usize>,
    limits: &'a Limits,
}

impl<'de> IntoDeserializer<'de, DecodeError> for De<'de, '_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Whether the serde name `expected` is the class that is called `found`.
fn same_class(expected: &str, found: &str) -> bool {
    class_name(expected) == class_name(found)
}

/// Refuses an object or member of another class than `expected`, if that names one.
fn check_class(expected: &'static str, found: &str) -> Result<(), DecodeError> {
    if !is_class(expected) || same_class(expected, found) {
        return Ok(());
    }
    Err(DecodeError::Class {
        expected,
        found: found.into(),
    })
}

impl<'de> De<'de, '_> {
    /// The same, one level further in.
    fn inside(self) -> Result<Self, DecodeError> {
        let depth = self.depth.checked_sub(1).ok_or(DecodeError::Limit {
            limit: Limit::Depth,
            max: self.limits.depth.min(Limits::MAX_DEPTH),
        })?;
        Ok(Self { depth, ..self })
    }

    /// The same, for the parts of a container that has so many.
    fn enter(self, parts: usize) -> Result<Self, DecodeError> {
        let left = self.parts.get().checked_sub(parts.saturating_add(1));
        self.parts.set(left.ok_or(DecodeError::Limit {
            limit: Limit::Items,
            max: self.limits.items,
        })?);
        self.inside()
    }

    fn child(self, value: &'de Value) -> Self {
        Self { value, ..self }
    }

    fn seq<V: Visitor<'de>>(
        self,
        items: &'de [Value],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let inside = self.enter(items.len())?;
        let mut access = SeqDeserializer::new(items.iter().map(|item| inside.child(item)));
        let value = visitor.visit_seq(&mut access)?;
        access.end()?;
        Ok(value)
    }

    fn dict<V: Visitor<'de>>(
        self,
        pairs: &'de [(Value, Value)],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let inside = self.enter(pairs.len().saturating_mul(2))?;
        let entries = pairs
            .iter()
            .map(|(key, value)| (inside.child(key), inside.child(value)));
        let mut access = MapDeserializer::new(entries);
        let value = visitor.visit_map(&mut access)?;
        access.end()?;
        Ok(value)
    }

    fn fields<V: Visitor<'de>>(
        self,
        object: &'de Object,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &object.state {
            State::Named(fields) => {
                let inside = self.enter(fields.len())?;
                let entries = fields
                    .iter()
                    .map(|(name, value)| (Name(name), inside.child(value)));
                let mut access = MapDeserializer::new(entries);
                let value = visitor.visit_map(&mut access)?;
                access.end()?;
                Ok(value)
            }
            State::Positional(items) | State::Constructed(items) => self.seq(items, visitor),
        }
    }

    fn unexpected<V: Visitor<'de>>(self, visitor: &V) -> DecodeError {
        DecodeError::invalid_type(Unexpected::Other(self.value.class_name()), visitor)
    }
}

/// The name of a field.
struct Name<'de>(&'de str);

impl<'de> IntoDeserializer<'de, DecodeError> for Name<'de> {
    type Deserializer = BorrowedStrDeserializer<'de, DecodeError>;

    fn into_deserializer(self) -> Self::Deserializer {
        BorrowedStrDeserializer::new(self.0)
    }
}

/// An int beyond 64 bits, for a visitor that takes any.
pub(crate) fn big_int<'de, V: Visitor<'de>>(
    value: &BigInt,
    visitor: V,
) -> Result<V::Value, DecodeError> {
    if let Ok(value) = u64::try_from(value) {
        visitor.visit_u64(value)
    } else if let Ok(value) = i128::try_from(value) {
        visitor.visit_i128(value)
    } else if let Ok(value) = u128::try_from(value) {
        visitor.visit_u128(value)
    } else {
        Err(DecodeError::custom("an int of more than 128 bits"))
    }
}

/// A value that serde has no word for, in its plain form: text if it has any.
pub(crate) fn plain<'de, V: Visitor<'de>>(
    value: &Value,
    visitor: V,
) -> Result<V::Value, DecodeError> {
    match value {
        Value::DateTime(value) => visitor.visit_string(value.to_string()),
        Value::Date(value) => visitor.visit_string(value.to_string()),
        Value::Time(value) => visitor.visit_string(value.to_string()),
        Value::Uuid(value) => visitor.visit_string(uuid::print(value)),
        Value::Decimal(text) => visitor.visit_str(text),
        Value::Complex(re, im) => visitor.visit_seq(SeqDeserializer::new([*re, *im].into_iter())),
        other => Err(DecodeError::invalid_type(
            Unexpected::Other(other.class_name()),
            &visitor,
        )),
    }
}

impl<'de> Deserializer<'de> for De<'de, '_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::None => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::BigInt(value) => big_int(value, visitor),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Str(text) | Value::Decimal(text) => visitor.visit_borrowed_str(text),
            Value::Bytes(bytes) | Value::ByteArray(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::List(items)
            | Value::Tuple(items)
            | Value::Set(items)
            | Value::FrozenSet(items) => self.seq(items, visitor),
            Value::Dict(pairs) => self.dict(pairs, visitor),
            Value::Ref(actor) => visitor.visit_borrowed_str(actor.uri()),
            Value::Enum(member) => match &member.member {
                Member::Name(name) => visitor.visit_borrowed_str(name),
                Member::Value(value) => self.inside()?.child(value).deserialize_any(visitor),
            },
            Value::Object(object) => self.fields(object, visitor),
            native => plain(native, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::None => visitor.visit_none(),
            _ => visitor.visit_some(self.inside()?),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match (name, self.value) {
            (VALUE, value) => {
                give(value.clone());
                let read = visitor.visit_newtype_struct(UnitDeserializer::new());
                drop(take());
                read
            }
            (reference::REF, Value::Ref(actor)) => {
                visitor.visit_newtype_struct(BorrowedStrDeserializer::new(actor.uri()))
            }
            (sets::TUPLE, Value::List(_) | Value::Tuple(_))
            | (sets::FROZEN_SET | sets::SET, Value::Set(_) | Value::FrozenSet(_)) => {
                visitor.visit_newtype_struct(self)
            }
            (reference::REF | sets::TUPLE | sets::FROZEN_SET | sets::SET, _) => {
                Err(self.unexpected(&visitor))
            }
            _ if is_class(name) => Err(DecodeError::custom(
                "a tuple struct as a dataclass: its fields have no names",
            )),
            _ => visitor.visit_newtype_struct(self.inside()?),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Bytes(bytes) | Value::ByteArray(bytes) => {
                self.enter(bytes.len())?;
                let mut access = SeqDeserializer::new(bytes.iter().copied());
                let value = visitor.visit_seq(&mut access)?;
                access.end()?;
                Ok(value)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Object(object) => {
                check_class(name, &object.class)?;
                self.fields(object, visitor)
            }
            other => {
                check_class(name, other.class_name())?;
                self.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        check_class(name, self.value.class_name())?;
        match self.value {
            Value::Object(_) | Value::None => visitor.visit_unit(),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Enum(member) => {
                check_class(name, &member.class)?;
                let text = match &member.member {
                    Member::Name(name) | Member::Value(Value::Str(name)) => name.to_string(),
                    Member::Value(Value::Int(value)) => value.to_string(),
                    Member::Value(_) => return Err(self.unexpected(&visitor)),
                };
                let text: StringDeserializer<DecodeError> = text.into_deserializer();
                visitor.visit_enum(text)
            }
            Value::Object(object) => visitor.visit_enum(Instance {
                de: self,
                object,
                variants,
            }),
            other => Err(DecodeError::Class {
                expected: name,
                found: other.class_name().into(),
            }),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit map identifier
    }
}

/// An object as an instance of one of a union's classes.
struct Instance<'de, 'a> {
    de: De<'de, 'a>,
    object: &'de Object,
    variants: &'static [&'static str],
}

impl<'de> EnumAccess<'de> for Instance<'de, '_> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), DecodeError> {
        let class = &*self.object.class;
        // The derive compares with the serde name, colon and all.
        let spelt = self.variants.iter().find(|name| same_class(name, class));
        let name = spelt.copied().unwrap_or(class);
        Ok((seed.deserialize(Name(name).into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for Instance<'de, '_> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        seed.deserialize(self.de.inside()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.de.fields(self.object, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.de.fields(self.object, visitor)
    }
}
