//! Python's scalars that Rust has no type of its own for, as fields of typed messages.
//!
//! Casty's codecs carry each as what it is in Python; other formats have its text, or numbers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::decimal::is_decimal;
use super::via_value::{self, ViaValue};
use super::{Date, DateTime, Time, TimeDelta, Value, uuid};

/// An `int` of any size.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BigInt(pub num_bigint::BigInt);

/// A `bytes`; json does not carry them. A plain `Vec<u8>` is a list of ints to Python.
///
/// Reads a `bytearray` or a list of bytes too. `bytes::Bytes` goes the same way where its crate's
/// serde feature is on.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

/// A `bytearray`; pickle and protobuf carry it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ByteArray(pub Vec<u8>);

/// A `complex`; pickle and protobuf carry it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Complex {
    /// The real part.
    pub re: f64,
    /// The imaginary part.
    pub im: f64,
}

/// A `decimal.Decimal` in Python's own notation, such as `1.50`, `-1E+5` or `NaN`; pickle and
/// protobuf carry it, and refuse a text of which Python makes none.
///
/// Equal if the texts are: `1.5` and `1.50` differ. [`numeric_cmp`](Self::numeric_cmp) compares the numbers.
/// It is parsed from a text, and comes from and goes to Rust's integers and `f64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal(pub Arc<str>);

/// A `uuid.UUID`, most significant byte first; pickle and protobuf carry it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&uuid::print(&self.0))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The error of a text that is no UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no UUID")]
#[non_exhaustive]
pub struct UuidError;

impl FromStr for Uuid {
    type Err = UuidError;

    /// Reads the hyphenated form, or 32 digits without hyphens.
    fn from_str(text: &str) -> Result<Self, UuidError> {
        uuid::parse(text).map(Self).ok_or(UuidError)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

macro_rules! via_value {
    ($($type:ident, $what:literal, $this:ident => $to:expr, $from:pat => $read:expr,
       $plain:ident => $of_plain:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($this: $type) -> Self {
                $to
            }
        }

        via_value! { @serde $type, $what, $from => $read, $plain => $of_plain }
    )*};
    (@serde $type:ident, $what:literal, $from:pat => $read:expr, $plain:ident => $of_plain:expr) => {
        impl ViaValue for $type {
            const EXPECTED: &'static str = $what;

            fn to_value(&self) -> Value {
                self.clone().into()
            }

            fn from_value(value: Value) -> Option<Self> {
                match value {
                    $from => $read,
                    _ => None,
                }
            }

            fn from_plain($plain: Value) -> Option<Self> {
                $of_plain
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                via_value::serialize(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                via_value::deserialize(deserializer)
            }
        }
    };
}

/// Reads the text of a plain form; `None` if it is no text or not of that type.
fn text<T: FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

via_value! {
    ByteArray, "a bytearray",
        this => Value::ByteArray(this.0.into()),
        Value::ByteArray(bytes) => Some(Self(bytes.to_vec())),
        plain => match &plain {
            Value::List(items) => {
                let byte = |item: &Value| u8::try_from(item.as_i64()?).ok();
                items.iter().map(byte).collect::<Option<_>>().map(Self)
            }
            other => other.as_bytes().map(|bytes| Self(bytes.to_vec())),
        };
    Complex, "a complex",
        this => Value::Complex(this.re, this.im),
        Value::Complex(re, im) => Some(Self { re, im }),
        plain => complex_of(&plain).and_then(Self::from_value);
    Decimal, "a Decimal",
        this => Value::Decimal(this.0),
        Value::Decimal(text) => Some(Self(text)),
        plain => plain.as_str().filter(|text| is_decimal(text)).map(|text| Self(text.into()));
    Uuid, "a UUID",
        this => Value::Uuid(Arc::new(this.0)),
        Value::Uuid(bytes) => Some(Self(*bytes)),
        plain => text(&plain);
}

impl From<Bytes> for Value {
    fn from(value: Bytes) -> Self {
        Self::bytes(value.0)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(AnyBytes).map(Self)
    }
}

/// Reads three ints, as a `timedelta` has them in formats without such a type.
pub(crate) fn time_delta_of(value: &Value) -> Option<TimeDelta> {
    let [days, seconds, microseconds] = value.items()? else {
        return None;
    };
    TimeDelta::new(
        i32::try_from(days.as_i64()?).ok()?,
        u32::try_from(seconds.as_i64()?).ok()?,
        u32::try_from(microseconds.as_i64()?).ok()?,
    )
}

/// Reads two floats, as a `complex` has them in formats without such a type.
pub(crate) fn complex_of(value: &Value) -> Option<Value> {
    let [re, im] = value.items()? else {
        return None;
    };
    Some(Value::Complex(re.as_f64()?, im.as_f64()?))
}

/// The visitor that takes bytes, or a sequence of them.
struct AnyBytes;

/// The most bytes to allocate for before they are read: a peer may announce any number.
const MAX_PREALLOCATED: usize = 4096;

impl<'de> Visitor<'de> for AnyBytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Vec<u8>, E> {
        Ok(value.to_vec())
    }

    fn visit_byte_buf<E: Error>(self, value: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::with_capacity(access.size_hint().unwrap_or(0).min(MAX_PREALLOCATED));
        while let Some(byte) = access.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

impl From<BigInt> for Value {
    fn from(value: BigInt) -> Self {
        value.0.into()
    }
}

impl BigInt {
    fn from_int(value: &Value) -> Option<Self> {
        match value {
            Value::Int(value) => Some(Self((*value).into())),
            Value::BigInt(value) => Some(Self((**value).clone())),
            _ => None,
        }
    }
}

via_value! { @serde BigInt, "an int", value @ (Value::Int(_) | Value::BigInt(_)) => Self::from_int(&value),
plain => Self::from_int(&plain).or_else(|| text(&plain).map(Self)) }
via_value! { @serde DateTime, "a datetime", Value::DateTime(value) => Some((*value).clone()),
plain => text(&plain) }
via_value! { @serde Date, "a date", Value::Date(value) => Some(value), plain => text(&plain) }
via_value! { @serde Time, "a time", Value::Time(value) => Some((*value).clone()), plain => text(&plain) }
via_value! { @serde TimeDelta, "a timedelta", Value::TimeDelta(value) => Some(value),
plain => time_delta_of(&plain) }
