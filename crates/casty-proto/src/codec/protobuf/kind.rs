//! The kinds of a `Value`.

use std::sync::Arc;

use num_bigint::BigInt;

use super::stdlib::{self, Invalid};
use super::tag::{self, kind};
use super::wire::{Budget, Content, Fields, Repeated, TWICE};
use crate::codec::tree::target::Shape;
use crate::value::is_decimal;
use crate::{DecodeError, Value, protobuf};

/// The one field of a `Value`, its content still encoded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'de> {
    None,
    Bool(bool),
    Int(i64),
    BigInt(&'de [u8]),
    Float(f64),
    Str(&'de [u8]),
    Bytes(&'de [u8]),
    ByteArray(&'de [u8]),
    /// A list, tuple, set or dict.
    Container(Shape, &'de [u8]),
    Object(&'de [u8]),
    Ref(&'de [u8]),
    Member(&'de [u8]),
    /// A scalar of Python's standard library, by the number of its kind.
    Stdlib(u8, &'de [u8]),
    Any(&'de [u8]),
}

impl<'de> Kind<'de> {
    /// Reads the kind of a `Value`, which has exactly one that is known.
    #[inline]
    pub(super) fn read(budget: &Budget, message: &'de [u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields::new(budget, message);
        let mut found = None;
        while let Some((number, content)) = fields.next()? {
            let Some(number) = u8::try_from(number).ok().filter(|n| *n <= kind::ANY) else {
                continue;
            };
            if found.is_some() {
                return Err(budget.malformed(TWICE, message));
            }
            found = Self::field(number, content);
            if found.is_none() {
                return Err(fields.other_wire_type());
            }
        }
        found.ok_or_else(|| budget.malformed("a value of no kind that is known", message))
    }

    /// Returns the kind that a field is; `None` if its wire type is not the schema's.
    #[inline]
    fn field(number: u8, content: Content<'de>) -> Option<Self> {
        Some(match (number, content) {
            (kind::NONE, Content::Varint(_)) => Self::None,
            (kind::BOOL, Content::Varint(value)) => Self::Bool(value != 0),
            (kind::INT, Content::Varint(value)) => {
                // Zigzag: the lowest bit is the sign.
                let half = (value >> 1).cast_signed();
                Self::Int(half ^ -(value & 1).cast_signed())
            }
            (kind::FLOAT, Content::Fixed64(bytes)) => Self::Float(f64::from_le_bytes(bytes)),
            (kind::STR, Content::Bytes(bytes)) => Self::Str(bytes),
            (kind::BYTES, Content::Bytes(bytes)) => Self::Bytes(bytes),
            (kind::LIST, Content::Bytes(bytes)) => Self::Container(Shape::List, bytes),
            (kind::TUPLE, Content::Bytes(bytes)) => Self::Container(Shape::Tuple, bytes),
            (kind::DICT, Content::Bytes(bytes)) => Self::Container(Shape::Dict, bytes),
            (kind::OBJECT, Content::Bytes(bytes)) => Self::Object(bytes),
            (kind::REF, Content::Bytes(bytes)) => Self::Ref(bytes),
            (kind::MEMBER, Content::Bytes(bytes)) => Self::Member(bytes),
            (kind::FROZEN_SET, Content::Bytes(bytes)) => Self::Container(Shape::FrozenSet, bytes),
            (kind::SET, Content::Bytes(bytes)) => Self::Container(Shape::Set, bytes),
            (kind::BIG_INT, Content::Bytes(bytes)) => Self::BigInt(bytes),
            (kind::BYTE_ARRAY, Content::Bytes(bytes)) => Self::ByteArray(bytes),
            (kind::DATE_TIME..=kind::COMPLEX, Content::Bytes(bytes)) => Self::Stdlib(number, bytes),
            (kind::ANY, Content::Bytes(bytes)) => Self::Any(bytes),
            _ => return None,
        })
    }

    /// Returns the qualified name of the Python class.
    pub(super) fn class(self, budget: &Budget) -> Result<&'de str, DecodeError> {
        Ok(match self {
            Self::None => "builtins.NoneType",
            Self::Bool(_) => "builtins.bool",
            Self::Int(_) | Self::BigInt(_) => "builtins.int",
            Self::Float(_) => "builtins.float",
            Self::Str(_) => "builtins.str",
            Self::Bytes(_) => "builtins.bytes",
            Self::ByteArray(_) => "builtins.bytearray",
            Self::Container(Shape::List, _) => "builtins.list",
            Self::Container(Shape::Tuple, _) => "builtins.tuple",
            Self::Container(Shape::Set, _) => "builtins.set",
            Self::Container(Shape::FrozenSet, _) => "builtins.frozenset",
            Self::Container(Shape::Dict, _) => "builtins.dict",
            Self::Ref(_) => "casty.remote.ref.RemoteActorRef",
            Self::Object(message) | Self::Member(message) => class(budget, message)?,
            Self::Stdlib(kind::DATE_TIME, _) => "datetime.datetime",
            Self::Stdlib(kind::DATE, _) => "datetime.date",
            Self::Stdlib(kind::TIME, _) => "datetime.time",
            Self::Stdlib(kind::TIME_DELTA, _) => "datetime.timedelta",
            Self::Stdlib(kind::UUID, _) => "uuid.UUID",
            Self::Stdlib(kind::DECIMAL, _) => "decimal.Decimal",
            Self::Stdlib(..) => "builtins.complex",
            Self::Any(_) => protobuf::ANY_CLASS,
        })
    }
}

/// Returns the class of an object or member. A second class is found when the other parts are read.
#[inline]
pub(super) fn class<'de>(budget: &Budget, message: &'de [u8]) -> Result<&'de str, DecodeError> {
    match Repeated::new(budget, message, tag::CLASS).next()? {
        Some(class) => budget.text(class),
        None => Err(budget.malformed("an object without its class", message)),
    }
}

/// Returns the name of a member.
pub(super) fn member<'de>(budget: &Budget, message: &'de [u8]) -> Result<&'de str, DecodeError> {
    let name = Repeated::new(budget, message, tag::NAME).beside_one(tag::CLASS);
    match name.only()? {
        Some(name) => budget.text(name),
        None => Err(budget.malformed("an enum without its member", message)),
    }
}

/// Reads a scalar of Python's standard library.
pub(super) fn stdlib_value(
    budget: &Budget,
    kind: u8,
    message: &[u8],
) -> Result<Value, DecodeError> {
    let read = || -> Result<Value, Invalid> {
        Ok(match kind {
            kind::DATE_TIME => stdlib::date_time(message)?.into(),
            kind::DATE => stdlib::date(message)?.into(),
            kind::TIME => stdlib::time(message)?.into(),
            kind::TIME_DELTA => stdlib::time_delta(message)?.into(),
            kind::UUID => Value::Uuid(Arc::new(message.try_into().map_err(|_| Invalid)?)),
            kind::DECIMAL => {
                let text = std::str::from_utf8(message).ok();
                let text = text.filter(|text| is_decimal(text)).ok_or(Invalid)?;
                Value::Decimal(text.into())
            }
            _ => {
                let (re, im) = stdlib::complex(message)?;
                Value::Complex(re, im)
            }
        })
    };
    read().map_err(|Invalid| budget.malformed("a value that Python has not", message))
}

/// Reads an int of any size.
pub(super) fn big_int(bytes: &[u8]) -> Value {
    BigInt::from_signed_bytes_le(bytes).into()
}
