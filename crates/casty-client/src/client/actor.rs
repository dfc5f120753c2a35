//! Actors of this client, to which nodes can send.

pub(crate) mod behaviour;
pub(crate) mod builder;
pub(crate) mod context;
pub(crate) mod exit;
pub(crate) mod handle;
pub(crate) mod opening;
pub(crate) mod restart;
mod running;
pub(crate) mod start;
