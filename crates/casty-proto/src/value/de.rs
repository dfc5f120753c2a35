//! The deserializer that reads a [`Value`] as any serde value, by the conventions of all codecs.

use std::cell::Cell;

use num_bigint::BigInt;
use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::side_channel::{VALUE, hand_over};
use super::{Member, Object, State, Value, uuid};
use crate::class_name::{TUPLE_STRUCT, is_class, with_dots};
use crate::error::path::{Segment, located};
use crate::forward::{forward_deserializer, forward_variant_access};
use crate::{DecodeError, Limit, Limits, reference, sets};

/// Returns the typed value that `value` stands for, for codecs of your own: the inverse of
/// [`to_value`](super::to_value).
///
/// `limits` bound its depth and, as values may share parts, the parts that are visited.
///
/// # Errors
/// The value is no `T`, or passes a limit.
pub fn from_value<T: DeserializeOwned>(value: &Value, limits: &Limits) -> Result<T, DecodeError> {
    let parts = Cell::new(limits.items);
    T::deserialize(De {
        value,
        depth: limits.depth.min(Limits::MAX_DEPTH),
        parts: &parts,
        limits,
    })
}

/// The deserializer of one value.
#[derive(Clone, Copy)]
struct De<'de, 'a> {
    value: &'de Value,
    /// The containers, and types around one and the same value, that may still be entered.
    depth: usize,
    /// The parts that may still be visited.
    parts: &'a Cell<usize>,
    limits: &'a Limits,
}

/// Returns whether two names, serde's or a value's, are of one class: either may have a colon.
fn same_class(expected: &str, found: &str) -> bool {
    with_dots(expected) == with_dots(found)
}

/// Checks that an object or member is of the class `expected`, if that names one.
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
    /// Returns the same one level deeper.
    fn nested(self) -> Result<Self, DecodeError> {
        let depth = self.depth.checked_sub(1);
        let depth = depth.ok_or(DecodeError::limit(
            Limit::Depth,
            self.limits.depth.min(Limits::MAX_DEPTH),
        ))?;
        Ok(Self { depth, ..self })
    }

    /// Returns the same for the parts of a container that has so many, which are counted.
    fn enter(self, parts: usize) -> Result<Self, DecodeError> {
        let left = self.parts.get().checked_sub(parts.saturating_add(1));
        self.parts
            .set(left.ok_or(DecodeError::limit(Limit::Items, self.limits.items))?);
        self.nested()
    }

    fn child(self, value: &'de Value) -> Self {
        Self { value, ..self }
    }

    fn seq<V: Visitor<'de>>(
        self,
        items: &'de [Value],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let nested = self.enter(items.len())?;
        let mut access = Elements {
            nested,
            all: items,
            rest: items.iter(),
        };
        let value = visitor.visit_seq(&mut access)?;
        match access.rest.len() {
            0 => Ok(value),
            extra => Err(DecodeError::custom(format_args!(
                "{extra} of {} elements are too many",
                items.len()
            ))),
        }
    }

    fn dict<V: Visitor<'de>>(
        self,
        pairs: &'de [(Value, Value)],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let nested = self.enter(pairs.len().saturating_mul(2))?;
        let pairs = pairs.iter().map(|(key, value)| (key, value));
        visitor.visit_map(Entries {
            nested,
            rest: pairs,
            value: None,
        })
    }

    fn fields<V: Visitor<'de>>(
        self,
        object: &'de Object,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &object.state {
            State::Named(fields) => {
                let nested = self.enter(fields.len())?;
                let fields = fields.iter().map(|(name, value)| (&**name, value));
                visitor.visit_map(Entries {
                    nested,
                    rest: fields,
                    value: None,
                })
            }
            State::Positional(items) | State::Constructed(items) => self.seq(items, visitor),
        }
    }

    fn newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match (name, self.value) {
            (VALUE, value) => hand_over(value.clone(), visitor),
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
            _ if is_class(name) => Err(DecodeError::custom(TUPLE_STRUCT)),
            _ => visitor.visit_newtype_struct(self.nested()?),
        }
    }

    fn object<V: Visitor<'de>>(
        self,
        name: &'static str,
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

    fn unit_struct<V: Visitor<'de>>(
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

    fn enumeration<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Enum(member) => {
                check_class(name, &member.class)?;
                let text = match &member.member {
                    Member::Name(name) => {
                        let name = BorrowedStrDeserializer::<DecodeError>::new(name);
                        return visitor.visit_enum(name);
                    }
                    Member::Value(Value::Str(name)) => name.to_string(),
                    Member::Value(Value::Int(value)) => value.to_string(),
                    Member::Value(_) => return Err(self.unexpected(&visitor)),
                };
                let text: StringDeserializer<DecodeError> = text.into_deserializer();
                let read = visitor.visit_enum(text);
                read.map_err(|error| error.by_value(name))
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

    fn unexpected<V: Visitor<'de>>(self, visitor: &V) -> DecodeError {
        DecodeError::invalid_type(Unexpected::Other(self.value.class_name()), visitor)
    }
}

/// The elements of a container that are still to be read.
struct Elements<'de, 'a> {
    /// A deserializer at the depth of the elements.
    nested: De<'de, 'a>,
    all: &'de [Value],
    rest: std::slice::Iter<'de, Value>,
}

impl<'de> SeqAccess<'de> for &mut Elements<'de, '_> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        let Some(item) = self.rest.next() else {
            return Ok(None);
        };
        let read = seed.deserialize(self.nested.child(item)).map(Some);
        located(read, || {
            Segment::Index(self.all.len() - self.rest.len() - 1)
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The entries of a dict or the fields of an object that are still to be read.
struct Entries<'de, 'a, K, I: Iterator<Item = (K, &'de Value)>> {
    /// A deserializer at the depth of the entries.
    nested: De<'de, 'a>,
    rest: I,
    /// The key that was read, and its value.
    value: Option<(K, &'de Value)>,
}

/// A key of a dict, or the name of a field.
trait Key<'de>: Copy {
    fn read<S: DeserializeSeed<'de>>(
        self,
        nested: De<'de, '_>,
        seed: S,
    ) -> Result<S::Value, DecodeError>;

    /// Returns the step to its value.
    fn step(self) -> Segment<'de>;
}

impl<'de> Key<'de> for &'de str {
    fn read<S: DeserializeSeed<'de>>(
        self,
        _: De<'de, '_>,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        seed.deserialize(BorrowedStrDeserializer::new(self))
    }

    fn step(self) -> Segment<'de> {
        Segment::Name(self)
    }
}

impl<'de> Key<'de> for &'de Value {
    fn read<S: DeserializeSeed<'de>>(
        self,
        nested: De<'de, '_>,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        seed.deserialize(nested.child(self))
    }

    fn step(self) -> Segment<'de> {
        Segment::Name(self.as_str().unwrap_or("?"))
    }
}

impl<'de, K: Key<'de>, I: Iterator<Item = (K, &'de Value)>> MapAccess<'de>
    for Entries<'de, '_, K, I>
{
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        self.value = self.rest.next();
        let Some((key, _)) = self.value else {
            return Ok(None);
        };
        key.read(self.nested, seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        let taken = self.value.take();
        let (key, value) = taken.ok_or_else(|| DecodeError::custom("a value before its key"))?;
        located(seed.deserialize(self.nested.child(value)), || key.step())
    }

    fn size_hint(&self) -> Option<usize> {
        self.rest.size_hint().1
    }
}

/// Hands an int beyond `i64` to a visitor, in the narrowest type that holds it.
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

/// Hands a value that serde has no word for to a visitor in its plain form: text if it has any.
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
                Member::Value(value) => self.nested()?.child(value).deserialize_any(visitor),
            },
            Value::Object(object) => self.fields(object, visitor),
            other => plain(other, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::None => visitor.visit_none(),
            _ => visitor.visit_some(self.nested()?),
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

    forward_deserializer! { tuples_as_seq unit_struct newtype_struct struct enum ignored_any }

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
        // The derived code compares with the serde name, which may have a colon.
        let spelled = self.variants.iter().find(|name| same_class(name, class));
        let name = spelled.copied().unwrap_or(class);
        Ok((seed.deserialize(BorrowedStrDeserializer::new(name))?, self))
    }
}

impl<'de, 'a> Instance<'de, 'a> {
    fn content(self) -> Result<De<'de, 'a>, DecodeError> {
        self.de.nested()
    }

    fn tuple<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.fields(visitor)
    }

    fn fields<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.de.fields(self.object, visitor)
    }
}

impl<'de> VariantAccess<'de> for Instance<'de, '_> {
    forward_variant_access!();
}
