//! The deserializer of typed values, which goes from node to node of an arena.

use serde::de::{Deserializer, Error as _, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::arena::{Node, Span};
use super::class::{self, Callee};
use super::python_text::python_text;
use super::{int, read_value, stdlib};
use crate::forward::forward_deserializer;
use crate::reference::REF;
use crate::sets::{FROZEN_SET, SET, TUPLE};
use crate::value::{VALUE, hand_over, plain};
use crate::{DecodeError, Value};

mod access;
mod cursor;
mod variant;

pub(super) use cursor::De;

impl<'de> De<'_, 'de> {
    fn newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match name {
            VALUE => hand_over(read_value::value(self.arena, self.id)?, visitor),
            REF => match self.arena.node(self.id) {
                Node::Ref { uri } => visitor.visit_newtype_struct(self.child(uri)),
                _ => Err(self.unexpected(&visitor)),
            },
            FROZEN_SET | SET | TUPLE => self.collection(name, visitor),
            #[cfg(feature = "protobuf")]
            crate::protobuf::ANY => Err(self.unexpected(&visitor)),
            _ if class::is_dotted(name) => {
                self.check_class(name)?;
                self.only_field(visitor)
            }
            _ => visitor.visit_newtype_struct(self.again()?),
        }
    }

    fn unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if class::is_dotted(name) {
            self.check_class(name)?;
            return visitor.visit_unit();
        }
        self.deserialize_unit(visitor)
    }

    fn tuple<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::List(children) | Node::Tuple(children) => {
                self.seq(self.arena.children(children), visitor)
            }
            Node::Stdlib {
                callee: Callee::Complex,
                ..
            } => self.deserialize_any(visitor),
            _ => self.byte_seq(visitor),
        }
    }

    fn tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if class::is_dotted(name) {
            self.check_class(name)?;
            return self.arguments(visitor);
        }
        self.tuple(visitor)
    }

    fn object<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::Dict(children) if !class::is_dotted(name) => {
                self.map(self.arena.children(children), &[], visitor)
            }
            Node::Class { .. } | Node::Partial { .. } | Node::ByValue { .. } => {
                Err(self.unexpected(&visitor))
            }
            _ => {
                self.check_class(name)?;
                self.fields(visitor)
            }
        }
    }

    fn enumeration<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        variant::deserialize(self, name, variants, visitor)
    }

    /// Reads an int beyond 64 bits.
    fn long<V: Visitor<'de>>(self, span: Span, visitor: V) -> Result<V::Value, DecodeError> {
        let bytes = self.arena.bytes(span);
        match (int::unsigned(bytes), int::signed(bytes)) {
            (Some(int), _) => match u64::try_from(int) {
                Ok(int) => visitor.visit_u64(int),
                Err(_) => visitor.visit_u128(int),
            },
            (None, Some(int)) => visitor.visit_i128(int),
            (None, None) => Err(DecodeError::invalid_type(
                Unexpected::Other("an int beyond 128 bits"),
                &visitor,
            )),
        }
    }

    /// Reads a value of the standard library, as text if it has one.
    fn stdlib<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match read_value::value(self.arena, self.id)? {
            Value::TimeDelta(delta) => visitor.visit_string(stdlib::duration(delta)),
            value => plain(&value, visitor),
        }
    }

    /// Reads a newtype around the only argument or field of an object.
    fn only_field<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let nested = self.nested()?;
        let only = match self.arena.node(self.id) {
            Node::Positional { state: args, .. } | Node::Constructed { args, .. } => {
                match *self.arena.items(args) {
                    [only] => Some(only),
                    _ => None,
                }
            }
            Node::Named { state, .. } => match self.arena.entries(state) {
                (&[_, only], []) | ([], &[_, only]) => Some(only),
                _ => None,
            },
            _ => None,
        };
        match only {
            Some(only) => visitor.visit_newtype_struct(nested.child(only)),
            None => Err(self.unexpected(&visitor)),
        }
    }

    /// Reads a collection with a name of its own; a set and a frozenset pass for each other.
    fn collection<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match (self.arena.node(self.id), name) {
            (Node::List(_) | Node::Tuple(_), TUPLE)
            | (Node::Set(_) | Node::FrozenSet(_), SET | FROZEN_SET) => {
                visitor.visit_newtype_struct(self)
            }
            _ => Err(self.unexpected(&visitor)),
        }
    }
}

impl<'de> Deserializer<'de> for De<'_, 'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::None => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(value),
            Node::Int(int) => visitor.visit_i64(int),
            Node::Long(span) => self.long(span, visitor),
            Node::Float(float) => visitor.visit_f64(float),
            Node::Str(span) => visitor.visit_borrowed_str(self.arena.text(span)?),
            Node::Bytes(span) | Node::ByteArray(span) => {
                visitor.visit_borrowed_bytes(self.arena.copied_bytes(span)?)
            }
            Node::List(children)
            | Node::Tuple(children)
            | Node::Set(children)
            | Node::FrozenSet(children) => self.seq(self.arena.children(children), visitor),
            Node::Dict(children) => self.map(self.arena.children(children), &[], visitor),
            Node::Constructed { args, .. } => match *self.arena.items(args) {
                [only] => match python_text(self.arena, only) {
                    Some(text) => visitor.visit_string(text),
                    None => self.fields(visitor),
                },
                _ => self.fields(visitor),
            },
            Node::New { .. } | Node::Named { .. } | Node::Positional { .. } => self.fields(visitor),
            Node::Member { name, .. } => self.child(name).deserialize_any(visitor),
            Node::Ref { uri } => self.child(uri).deserialize_any(visitor),
            Node::Stdlib { .. } => self.stdlib(visitor),
            Node::Class { .. } | Node::Partial { .. } | Node::ByValue { .. } => {
                Err(self.unexpected(&visitor))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::None => visitor.visit_none(),
            _ => visitor.visit_some(self.again()?),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::List(children)
            | Node::Tuple(children)
            | Node::Set(children)
            | Node::FrozenSet(children) => self.seq(self.arena.children(children), visitor),
            _ => self.byte_seq(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::Dict(children) => self.map(self.arena.children(children), &[], visitor),
            Node::New { .. } | Node::Named { .. } => self.fields(visitor),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    // Names go as bytes: comparing them needs no second check of their UTF-8.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::Str(span) => visitor.visit_borrowed_bytes(self.arena.bytes(span)),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    forward_deserializer! {
        unit_struct newtype_struct tuple tuple_struct struct enum ignored_any
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit
    }
}
