//! How a [`Value`] passes through serde untouched.
//!
//! Serde has no word for most of Python's types, and a dynamic class has no static name. So a
//! `Value` is written and read by each codec natively: on its way through a generic `Serialize`
//! or `Deserialize` it is laid down here under the magic newtype name [`VALUE`], and picked up on
//! the other side at once. No other value can come between: both sides are adjacent calls.

use std::cell::Cell;

use super::Value;

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
