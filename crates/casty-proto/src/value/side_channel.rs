//! The side channel through which a [`Value`] passes through serde untouched.
//!
//! Serde has no word for most of Python's types, and a dynamic class has no static name. So each
//! codec writes and reads a `Value` natively: on its way through a generic `Serialize` or
//! `Deserialize` it lies in a cell of the thread, announced by the magic newtype name [`VALUE`],
//! and is taken from there on the other side.
//!
//! A serializer that does not know the name goes on to the newtype's content, which empties the
//! cell and is the value in a plain form. A deserializer that does not know it puts nothing into
//! the cell, and is asked for anything.

use std::cell::Cell;

use serde::de::value::UnitDeserializer;
use serde::de::{Error, Visitor};

use super::Value;

/// The serde name that announces a value in the side channel.
pub(crate) const VALUE: &str = "$casty::value";

thread_local! {
    // One cell is enough: putting and taking are adjacent calls of one thread, with no other
    // value's (de)serialisation between them, so neither nesting nor reentrancy can mix up two.
    static CHANNEL: Cell<Option<Value>> = const { Cell::new(None) };
}

/// Puts a value in the channel for the adjacent call to [`take`].
pub(super) fn put(value: Value) {
    CHANNEL.set(Some(value));
}

/// Takes the value that the adjacent call to [`put`] left.
pub(crate) fn take() -> Option<Value> {
    CHANNEL.take()
}

/// Hands a value that a codec has read over to `visitor`, through the channel.
///
/// # Errors
/// The visitor expects something else.
pub(crate) fn hand_over<'de, V: Visitor<'de>, E: Error>(
    value: Value,
    visitor: V,
) -> Result<V::Value, E> {
    put(value);
    let read = visitor.visit_newtype_struct(UnitDeserializer::new());
    // A visitor that knows nothing of the channel leaves the value there: it must not outlive this
    // call, or the next one would find it.
    drop(take());
    read
}
