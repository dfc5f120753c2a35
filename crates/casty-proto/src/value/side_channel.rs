//! How a [`Value`] passes through serde untouched.
//!
//! Serde has no word for most of Python's types, and a dynamic class has no static name. So a
//! `Value` is written and read by each codec natively: on its way through a generic `Serialize`
//! or `Deserialize` it is laid down here under the magic newtype name [`VALUE`], and picked up on
//! the other side at once. No other value can come between: both sides are adjacent calls.
//!
//! A serializer that does not know the name goes on to the newtype's content, which clears the
//! handoff and is the value in a plain form. A deserializer that does not know it hands nothing
//! over, and is asked for anything.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::Value;
use super::foreign::{AnyValue, Plain};

/// The serde name that announces a value in the handoff.
pub(crate) const VALUE: &str = "$casty::value";

thread_local! {
    static HANDOFF: Cell<Option<Value>> = const { Cell::new(None) };
}

/// Lays a value down for the adjacent call to [`take`].
pub(crate) fn give(value: Value) {
    HANDOFF.set(Some(value));
}

/// Picks up what the adjacent call to [`give`] laid down.
pub(crate) fn take() -> Option<Value> {
    HANDOFF.take()
}

/// A type that is some kind of [`Value`], in typed messages too.
pub(super) trait Native: Sized {
    /// What it is, for errors.
    const WHAT: &'static str;

    fn to_value(&self) -> Value;

    /// Reads what one of Casty's codecs hands over.
    fn from_value(value: Value) -> Option<Self>;

    /// Reads the plain form that other formats have.
    fn from_plain(value: Value) -> Option<Self>;
}

/// Writes a native type.
pub(super) fn serialize<T: Native, S: Serializer>(
    native: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let value = native.to_value();
    give(value.clone());
    let written = serializer.serialize_newtype_struct(VALUE, &Plain::new(&value));
    drop(take());
    written
}

/// Reads a native type.
pub(super) fn deserialize<'de, T: Native, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Receive<T>(PhantomData<T>);

    impl<'de, T: Native> Visitor<'de> for Receive<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::WHAT)
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(
            self,
            deserializer: D,
        ) -> Result<T, D::Error> {
            let (value, native) = if let Some(value) = take() {
                (value.clone(), T::from_value(value))
            } else {
                let value = deserializer.deserialize_any(AnyValue)?;
                (value.clone(), T::from_plain(value))
            };
            native.ok_or_else(|| {
                let found = value.class_name();
                D::Error::custom(format_args!("expected {}, found {found}", T::WHAT))
            })
        }
    }

    deserializer.deserialize_newtype_struct(VALUE, Receive(PhantomData))
}

impl Native for Value {
    const WHAT: &'static str = "any value";

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
