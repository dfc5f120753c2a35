//! Typed values from an arena: a serde deserializer that walks node numbers.

use serde::Deserializer;
use serde::de::value::{SeqDeserializer, UnitDeserializer};
use serde::de::{Error as _, Unexpected, Visitor};

use super::arena::{Arena, Id, Node, Span};
use super::class::{self, Callee};
use super::read::passed;
use super::{read_value, stdlib};
use crate::error::Limit;
use crate::reference::REF;
use crate::sets::{FROZEN_SET, SET, TUPLE};
use crate::value::{VALUE, give, plain};
use crate::{DecodeError, Value};

mod access;
mod variant;

use access::{Fields, Seq};
pub(super) use variant::python_text;

/// How often a type may look at one and the same node (`Option`, newtypes) before it is taken
/// for one that never ends.
const MAX_LOOKS: u8 = 32;

/// The value at one node.
#[derive(Clone, Copy)]
pub(super) struct De<'a, 'de> {
    arena: &'a Arena<'de>,
    id: Id,
    /// How many more containers may be entered.
    depth: usize,
    looks: u8,
}

impl<'a, 'de> De<'a, 'de> {
    pub(super) fn new(arena: &'a Arena<'de>, id: Id) -> Self {
        Self {
            arena,
            id,
            depth: arena.depth,
            looks: 0,
        }
    }

    /// A value inside this one.
    fn child(self, id: Id) -> Self {
        Self {
            id,
            looks: 0,
            ..self
        }
    }

    /// The same, for the children of a container.
    fn inside(self) -> Result<Self, DecodeError> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(passed(Limit::Depth, self.arena.depth));
        };
        Ok(Self { depth, ..self })
    }

    /// The same node, for the type inside a type.
    fn again(self) -> Result<Self, DecodeError> {
        if self.looks == MAX_LOOKS {
            return Err(passed(Limit::Depth, MAX_LOOKS.into()));
        }
        Ok(Self {
            looks: self.looks + 1,
            ..self
        })
    }

    fn seq<V: Visitor<'de>>(self, kids: &'a [Id], visitor: V) -> Result<V::Value, DecodeError> {
        let mut seq = Seq::new(self.inside()?, kids);
        let value = visitor.visit_seq(&mut seq)?;
        match seq.rest() {
            0 => Ok(value),
            extra => Err(DecodeError::custom(format_args!(
                "{extra} of {} elements are too many",
                kids.len()
            ))),
        }
    }

    /// The fields of an object of whatever class, by name or in order.
    fn fields<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::New { .. } => self.map(&[], &[], visitor),
            Node::Named { state, .. } => {
                let (own, slots) = self.arena.entries(state);
                self.map(own, slots, visitor)
            }
            Node::Positional { state, .. } => self.seq(self.arena.items(state), visitor),
            Node::Constructed { args, .. } => self.seq(self.arena.items(args), visitor),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn map<V: Visitor<'de>>(
        self,
        first: &'a [Id],
        second: &'a [Id],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_map(Fields::new(self.inside()?, first, second))
    }

    /// The class of an object, if this is one.
    fn class(self) -> Option<Id> {
        match self.arena.node(self.id) {
            Node::New { class, .. }
            | Node::Named { class, .. }
            | Node::Positional { class, .. }
            | Node::Constructed { class, .. }
            | Node::Member { class, .. } => Some(class),
            _ => None,
        }
    }

    /// Refuses an object of another class than `expected`, if that names one.
    fn check_class(self, expected: &'static str) -> Result<(), DecodeError> {
        match self.class() {
            Some(class) if self.arena.is_class(class, expected) => Ok(()),
            Some(_) if !class::is_dotted(expected) => Ok(()),
            _ => Err(self.other_class(expected)),
        }
    }

    fn other_class(self, expected: &'static str) -> DecodeError {
        DecodeError::Class {
            expected,
            found: self.arena.type_name(self.id).into(),
        }
    }

    fn unexpected<V: Visitor<'de>>(self, visitor: &V) -> DecodeError {
        if let Some(class) = needs_python(self.arena, self.id) {
            return class;
        }
        let found = self.arena.type_name(self.id);
        DecodeError::invalid_type(Unexpected::Other(&found), visitor)
    }

    fn text(self, span: Span) -> Result<&'de str, DecodeError> {
        self.arena.text(span)
    }

    fn long<V: Visitor<'de>>(self, span: Span, visitor: V) -> Result<V::Value, DecodeError> {
        let bytes = self.arena.bytes(span);
        match (stdlib::unsigned(bytes), stdlib::signed(bytes)) {
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

    /// A value of the standard library, as text where it has one.
    fn made<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match read_value::value(self.arena, self.id)? {
            Value::TimeDelta(delta) => visitor.visit_string(stdlib::duration(delta)),
            value => plain(&value, visitor),
        }
    }

    /// A newtype around what the class's constructor takes or holds.
    fn only_field<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let inside = self.inside()?;
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
            Some(only) => visitor.visit_newtype_struct(inside.child(only)),
            None => Err(self.unexpected(&visitor)),
        }
    }

    /// One of the collections with a name of its own; a mutable one passes for its frozen twin.
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

/// The error about a node that is no value: a class or a constructor by itself.
pub(super) fn needs_python(arena: &Arena<'_>, id: Id) -> Option<DecodeError> {
    let what = match arena.node(id) {
        Node::Class { .. } => arena.class_name(id),
        Node::Partial { class, .. }
        | Node::ByValue {
            function: class, ..
        } => arena.class_name(class),
        Node::Made {
            callee: Callee::TimeZone,
            ..
        } => arena.type_name(id),
        _ => return None,
    };
    Some(DecodeError::NeedsPython { what: what.into() })
}

macro_rules! as_any {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.deserialize_any(visitor)
        })*
    };
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
            Node::Str(span) => visitor.visit_borrowed_str(self.text(span)?),
            Node::Bytes(span) | Node::ByteArray(span) => {
                visitor.visit_borrowed_bytes(self.arena.spend(span)?)
            }
            Node::List(kids) | Node::Tuple(kids) | Node::Set(kids) | Node::FrozenSet(kids) => {
                self.seq(self.arena.kids(kids), visitor)
            }
            Node::Dict(kids) => self.map(self.arena.kids(kids), &[], visitor),
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
            Node::Made { .. } => self.made(visitor),
            Node::Class { .. } | Node::Partial { .. } | Node::ByValue { .. } => {
                Err(self.unexpected(&visitor))
            }
        }
    }

    as_any! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char deserialize_str
        deserialize_string deserialize_bytes deserialize_byte_buf deserialize_unit
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::None => visitor.visit_none(),
            _ => visitor.visit_some(self.again()?),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
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

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match name {
            VALUE => {
                give(read_value::value(self.arena, self.id)?);
                visitor.visit_newtype_struct(UnitDeserializer::new())
            }
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

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::List(kids) | Node::Tuple(kids) | Node::Set(kids) | Node::FrozenSet(kids) => {
                self.seq(self.arena.kids(kids), visitor)
            }
            _ => self.byte_seq(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::List(kids) | Node::Tuple(kids) => self.seq(self.arena.kids(kids), visitor),
            Node::Made {
                callee: Callee::Complex,
                ..
            } => self.deserialize_any(visitor),
            _ => self.byte_seq(visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if class::is_dotted(name) {
            self.check_class(name)?;
            return self.arguments(visitor);
        }
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::Dict(kids) => self.map(self.arena.kids(kids), &[], visitor),
            Node::New { .. } | Node::Named { .. } => self.fields(visitor),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::Dict(kids) if !class::is_dotted(name) => {
                self.map(self.arena.kids(kids), &[], visitor)
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

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        variant::deserialize(self, name, variants, visitor)
    }

    /// Names go as bytes: comparing them needs no second look at their UTF-8.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::Str(span) => visitor.visit_borrowed_bytes(self.arena.bytes(span)),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }
}

impl<'de> De<'_, 'de> {
    /// What an object was constructed of, in order.
    fn arguments<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::Constructed { .. } | Node::Positional { .. } => self.fields(visitor),
            Node::New { .. } => self.seq(&[], visitor),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    /// Bytes as the elements of a `Vec<u8>` or an array.
    fn byte_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.arena.node(self.id) {
            Node::Bytes(span) | Node::ByteArray(span) => {
                let mut bytes = SeqDeserializer::new(self.arena.spend(span)?.iter().copied());
                let value = visitor.visit_seq(&mut bytes)?;
                bytes.end().map(|()| value)
            }
            _ => Err(self.unexpected(&visitor)),
        }
    }
}
