//! The deserializer that reads a tree as any serde value, streaming.

use serde::de::{DeserializeOwned, Deserializer, Error as _, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::marker::Marker;
use super::read_value::{self, Dialect};
use super::reader::Reader;
use super::source::{Kind, Number, Source};
use crate::class_name::{TUPLE_STRUCT, is_class};
use crate::forward::forward_deserializer;
use crate::value::{VALUE, big_int, hand_over};
use crate::{DecodeError, Limits, reference};

mod access;
mod head;
mod trace;
mod variant;

use variant::{Instance, MemberName};

/// Reads the value that makes up the whole source.
pub(super) fn decode<T: DeserializeOwned, S: Source>(
    source: S,
    size: usize,
    limits: &Limits,
) -> Result<T, DecodeError> {
    let start = source.mark();
    let mut reader = Reader::new(source, size, limits);
    match T::deserialize(&mut reader) {
        Ok(value) => reader.source.end().map(|()| value),
        Err(error) => {
            let levels = reader.levels();
            Err(trace::located(error, &mut reader.source, start, levels))
        }
    }
}

impl<S: Source> Reader<S> {
    fn newtype_struct<'de, V: Visitor<'de>>(
        &mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match name {
            VALUE => hand_over(read_value::read(self, Dialect::Wire)?, visitor),
            reference::REF => {
                self.item()?;
                if self.source.peek()? == Kind::Map {
                    let mut head = self.head()?;
                    if head.marker == Some(Marker::Ref) {
                        let value = visitor.visit_str(self.source.str()?)?;
                        self.close(&mut head.open)?;
                        return Ok(value);
                    }
                }
                Err(DecodeError::invalid_type(
                    Unexpected::Other("another value"),
                    &"an actor reference",
                ))
            }
            _ if is_class(name) => Err(DecodeError::custom(TUPLE_STRUCT)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    #[inline]
    fn object<'de, V: Visitor<'de>>(
        &mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.item()?;
        self.enter()?;
        let Some(mut open) = self.instance(name)? else {
            self.leave();
            return self.deserialize_any(visitor);
        };
        let value = self.fields(&mut open, visitor)?;
        self.leave();
        Ok(value)
    }

    fn unit_struct<'de, V: Visitor<'de>>(
        &mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.item()?;
        let Some(mut open) = self.instance(name)? else {
            return self.deserialize_any(visitor);
        };
        self.close(&mut open)?;
        visitor.visit_unit()
    }

    fn enumeration<'de, V: Visitor<'de>>(
        &mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.item()?;
        let kind = self.source.peek()?;
        if kind != Kind::Map {
            return Err(no_member(name, kind.class()));
        }
        self.enter()?;
        let start = self.source.mark();
        let head = self.head()?;
        let value = match head.marker {
            Some(Marker::Enum) => {
                self.check_class(name)?;
                let mut open = self.member(head)?;
                let value = visitor.visit_enum(MemberName(self))?;
                self.close(&mut open)?;
                value
            }
            Some(Marker::Type) => visitor.visit_enum(Instance {
                reader: self,
                head,
                start,
                variants,
            })?,
            Some(other) => return Err(no_member(name, other.class())),
            None => return Err(no_member(name, kind.class())),
        };
        self.leave();
        Ok(value)
    }
}

impl<'de, S: Source> Deserializer<'de> for &mut Reader<S> {
    type Error = DecodeError;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.item()?;
        match self.source.peek()? {
            Kind::Null => {
                self.source.null()?;
                visitor.visit_unit()
            }
            Kind::Bool => visitor.visit_bool(self.source.bool()?),
            Kind::Number => visit_number(self.source.number()?, visitor),
            Kind::Str => visitor.visit_str(self.source.str()?),
            Kind::Bytes => visitor.visit_bytes(self.source.bytes()?),
            Kind::Array => self.list(visitor),
            Kind::Map => self.map(visitor),
        }
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.source.peek()? == Kind::Array {
            self.item()?;
            return self.list(visitor);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.source.peek()? == Kind::Null {
            self.item()?;
            self.source.null()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_deserializer! { unit_struct newtype_struct struct enum }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit tuple tuple_struct map identifier
    }
}

/// Returns the error of a value that is neither an enum's member nor an instance of a class.
#[cold]
fn no_member(expected: &'static str, found: &'static str) -> DecodeError {
    DecodeError::Class {
        expected,
        found: found.into(),
    }
}

#[inline]
fn visit_number<'de, V: Visitor<'de>>(number: Number, visitor: V) -> Result<V::Value, DecodeError> {
    match number {
        Number::Int(value) => visitor.visit_i64(value),
        Number::UInt(value) => visitor.visit_u64(value),
        Number::Float(value) => visitor.visit_f64(value),
        Number::Big(value) => big_int(&value, visitor),
    }
}
