//! Typed values: a serde deserializer that goes from message to message.

use num_bigint::BigInt;
use serde::Deserializer;
use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer, UnitDeserializer};
use serde::de::{Error as _, Unexpected, Visitor};

use super::kind::{self, Kind};
use super::read_value;
use super::tag;
use super::wire::{Budget, Parts};
use crate::codec::tree::marker::{is_class, same_class};
use crate::codec::tree::target::Shape;
use crate::error::Limit;
use crate::value::{VALUE, big_int, give, plain, take};
use crate::{DecodeError, protobuf, reference, sets};

mod access;
mod variant;

use access::{Entries, Seq};
use variant::Instance;

/// How often a type may look at one and the same value (`Option`, newtypes) before it is taken
/// for one that never ends.
const MAX_LOOKS: u8 = 32;

/// One value.
#[derive(Clone, Copy)]
pub(super) struct De<'a, 'de> {
    budget: &'a Budget,
    kind: Kind<'de>,
    /// How many more containers may be entered.
    depth: usize,
    looks: u8,
}

impl<'a, 'de> De<'a, 'de> {
    /// The outermost value.
    pub(super) fn new(budget: &'a Budget, message: &'de [u8]) -> Result<Self, DecodeError> {
        budget.item()?;
        Ok(Self {
            budget,
            kind: Kind::of(budget, message)?,
            depth: budget.depth,
            looks: 0,
        })
    }

    /// A value at the same depth.
    #[inline]
    fn beside(self, message: &'de [u8]) -> Result<Self, DecodeError> {
        self.budget.item()?;
        Ok(Self {
            kind: Kind::of(self.budget, message)?,
            looks: 0,
            ..self
        })
    }

    /// The same, for the parts of a container.
    #[inline]
    fn inside(self) -> Result<Self, DecodeError> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => Err(self.budget.too_deep()),
        }
    }

    /// The same value, for the type inside a type.
    fn again(self) -> Result<Self, DecodeError> {
        if self.looks == MAX_LOOKS {
            return Err(DecodeError::Limit {
                limit: Limit::Depth,
                max: MAX_LOOKS.into(),
            });
        }
        Ok(Self {
            looks: self.looks + 1,
            ..self
        })
    }

    fn seq<V: Visitor<'de>>(self, message: &'de [u8], visitor: V) -> Result<V::Value, DecodeError> {
        let mut rest = Parts::new(self.budget, message, tag::ITEMS);
        let value = visitor.visit_seq(Seq::new(self.inside()?, &mut rest))?;
        match rest.next()? {
            None => Ok(value),
            Some(_) => Err(rest.malformed("more elements than the type has")),
        }
    }

    fn byte_seq<V: Visitor<'de>>(
        self,
        bytes: &'de [u8],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.budget.afford(bytes.len())?;
        let mut access = SeqDeserializer::new(bytes.iter().copied());
        let value = visitor.visit_seq(&mut access)?;
        access.end()?;
        Ok(value)
    }

    fn dict<V: Visitor<'de>>(
        self,
        message: &'de [u8],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_map(Entries::of_dict(self.inside()?, message))
    }

    #[inline]
    fn fields<V: Visitor<'de>>(
        self,
        message: &'de [u8],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_map(Entries::of_object(self.inside()?, message))
    }

    #[cold]
    fn unexpected<V: Visitor<'de>>(self, visitor: &V) -> DecodeError {
        match self.kind.class(self.budget) {
            Ok(class) => DecodeError::invalid_type(Unexpected::Other(class), visitor),
            Err(malformed) => malformed,
        }
    }

    /// Refuses a value of another class than `expected`, if that names one.
    #[inline]
    fn check_class(self, expected: &'static str) -> Result<(), DecodeError> {
        if !is_class(expected) {
            return Ok(());
        }
        let found = self.kind.class(self.budget)?;
        if same_class(expected, found) {
            return Ok(());
        }
        Err(DecodeError::Class {
            expected,
            found: found.into(),
        })
    }

    fn value<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        give(read_value::read(self.budget, self.kind, self.depth)?);
        let read = visitor.visit_newtype_struct(UnitDeserializer::new());
        drop(take());
        read
    }
}

impl<'de> Deserializer<'de> for De<'_, 'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let budget = self.budget;
        match self.kind {
            Kind::None => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(value),
            Kind::Int(value) => visitor.visit_i64(value),
            Kind::BigInt(bytes) => big_int(&BigInt::from_signed_bytes_le(bytes), visitor),
            Kind::Float(value) => visitor.visit_f64(value),
            Kind::Str(bytes) | Kind::Ref(bytes) => visitor.visit_borrowed_str(budget.text(bytes)?),
            Kind::Bytes(bytes) | Kind::ByteArray(bytes) | Kind::Any(bytes) => {
                visitor.visit_borrowed_bytes(bytes)
            }
            Kind::Container(Shape::Dict, message) => self.dict(message, visitor),
            Kind::Container(_, message) => self.seq(message, visitor),
            Kind::Object(message) => self.fields(message, visitor),
            Kind::Member(message) => visitor.visit_borrowed_str(kind::member(budget, message)?),
            Kind::Native(kind, message) => plain(&kind::native(budget, kind, message)?, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.kind {
            Kind::None => visitor.visit_none(),
            _ => visitor.visit_some(self.again()?),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.check_class(name)?;
        match self.kind {
            Kind::Object(_) | Kind::None => visitor.visit_unit(),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match (name, self.kind) {
            (VALUE, _) => self.value(visitor),
            (reference::REF, Kind::Ref(uri)) => {
                let uri = self.budget.text(uri)?;
                visitor.visit_newtype_struct(BorrowedStrDeserializer::new(uri))
            }
            (sets::TUPLE, Kind::Container(Shape::List | Shape::Tuple, _))
            | (sets::FROZEN_SET | sets::SET, Kind::Container(Shape::Set | Shape::FrozenSet, _))
            | (protobuf::ANY, Kind::Any(_)) => visitor.visit_newtype_struct(self),
            (reference::REF | sets::TUPLE | sets::FROZEN_SET | sets::SET | protobuf::ANY, _) => {
                Err(self.unexpected(&visitor))
            }
            _ if is_class(name) => Err(DecodeError::custom(
                "a tuple struct as a dataclass: its fields have no names",
            )),
            _ => visitor.visit_newtype_struct(self.again()?),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.kind {
            Kind::Bytes(bytes) | Kind::ByteArray(bytes) => self.byte_seq(bytes, visitor),
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

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.check_class(name)?;
        match self.kind {
            Kind::Object(message) => self.fields(message, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.kind {
            Kind::Member(message) => {
                self.check_class(name)?;
                let member = kind::member(self.budget, message)?;
                visitor.visit_enum(BorrowedStrDeserializer::new(member))
            }
            Kind::Object(message) => {
                let class = kind::class(self.budget, message)?;
                // The derive compares with the serde name, colon and all.
                let spelt = variants.iter().find(|name| same_class(name, class));
                visitor.visit_enum(Instance {
                    de: self,
                    message,
                    variant: spelt.copied().unwrap_or(class),
                })
            }
            _ => Err(DecodeError::Class {
                expected: name,
                found: self.kind.class(self.budget)?.into(),
            }),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit map identifier
    }
}
