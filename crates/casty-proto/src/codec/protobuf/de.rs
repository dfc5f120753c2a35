//! The deserializer of typed values, which goes from message to message.

use num_bigint::BigInt;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use super::kind::{self, Kind};
use super::read_value;
use crate::class_name::{TUPLE_STRUCT, is_class, same_class};
use crate::codec::tree::target::Shape;
use crate::forward::forward_deserializer;
use crate::value::{VALUE, big_int, hand_over, plain};
use crate::{DecodeError, protobuf, reference, sets};

mod access;
mod cursor;
mod variant;

pub(super) use cursor::De;
use variant::Instance;

impl<'de> De<'_, 'de> {
    fn newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match (name, self.kind) {
            (VALUE, _) => hand_over(
                read_value::read(self.budget, self.kind, self.depth)?,
                visitor,
            ),
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
            _ if is_class(name) => Err(DecodeError::custom(TUPLE_STRUCT)),
            _ => visitor.visit_newtype_struct(self.again()?),
        }
    }

    #[inline]
    fn object<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.check_class(name)?;
        match self.kind {
            Kind::Object(message) => self.fields(message, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn unit_struct<V: Visitor<'de>>(
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

    fn enumeration<V: Visitor<'de>>(
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
                // The derived code compares with the serde name, which may have a colon.
                let spelled = variants.iter().find(|name| same_class(name, class));
                visitor.visit_enum(Instance {
                    de: self,
                    message,
                    variant: spelled.copied().unwrap_or(class),
                })
            }
            _ => Err(DecodeError::Class {
                expected: name,
                found: self.kind.class(self.budget)?.into(),
            }),
        }
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
            Kind::Stdlib(kind, message) => {
                plain(&kind::stdlib_value(budget, kind, message)?, visitor)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.kind {
            Kind::None => visitor.visit_none(),
            _ => visitor.visit_some(self.again()?),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.kind {
            Kind::Bytes(bytes) | Kind::ByteArray(bytes) => self.byte_seq(bytes, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_deserializer! { tuples_as_seq unit_struct newtype_struct struct enum ignored_any }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit map identifier
    }
}
