//! The types that codecs read and write as a [`Value`], in typed messages too.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::Value;
use super::foreign::{AnyValue, Plain};
use super::side_channel::{VALUE, put, take};

/// A type that is some kind of [`Value`].
pub(super) trait ViaValue: Sized {
    /// The kind of value, for errors.
    const EXPECTED: &'static str;

    fn to_value(&self) -> Value;

    /// Converts what one of Casty's codecs has read; `None` if it is of another kind.
    fn from_value(value: Value) -> Option<Self>;

    /// Converts the plain form that other formats have; `None` if it is of another kind.
    fn from_plain(value: Value) -> Option<Self>;
}

/// Writes a type through its value.
pub(super) fn serialize<T: ViaValue, S: Serializer>(
    this: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let value = this.to_value();
    put(value.clone());
    let written = serializer.serialize_newtype_struct(VALUE, &Plain::new(&value));
    // A serializer that failed before it looked leaves the value behind.
    drop(take());
    written
}

/// Reads a type through its value.
pub(super) fn deserialize<'de, T: ViaValue, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Receive<T>(PhantomData<T>);

    impl<'de, T: ViaValue> Visitor<'de> for Receive<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED)
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(
            self,
            deserializer: D,
        ) -> Result<T, D::Error> {
            let (value, read) = if let Some(value) = take() {
                (value.clone(), T::from_value(value))
            } else {
                let value = deserializer.deserialize_any(AnyValue)?;
                (value.clone(), T::from_plain(value))
            };
            read.ok_or_else(|| {
                let found = value.class_name();
                D::Error::custom(format_args!("expected {}, found {found}", T::EXPECTED))
            })
        }
    }

    deserializer.deserialize_newtype_struct(VALUE, Receive(PhantomData))
}

impl ViaValue for Value {
    const EXPECTED: &'static str = "any value";

    fn to_value(&self) -> Value {
        self.clone()
    }

    fn from_value(value: Value) -> Option<Self> {
        Some(value)
    }

    fn from_plain(value: Value) -> Option<Self> {
        Some(value)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}
