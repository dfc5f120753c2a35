//! One connected node, and the address under which it knows this client.

pub(crate) mod identity;
pub(crate) mod peer;
pub(crate) mod protocol;
mod templates;
