//! A node while it handles one message.

use std::ops::Deref;

use casty_proto::{TraceParent, header};

use super::outbound::Outbound;

/// A node that handles a message, and the header with which that has come.
#[derive(Clone, Copy)]
pub(crate) struct Handling<'a> {
    node: &'a Outbound,
    header: &'a [u8],
}

impl<'a> Handling<'a> {
    pub(crate) fn new(node: &'a Outbound, header: &'a [u8]) -> Self {
        Self { node, header }
    }

    /// Reads the trace context in the message's header, if it has one.
    pub(crate) fn trace_parent(self) -> Option<TraceParent> {
        header::trace_parent(self.header)
    }
}

impl Deref for Handling<'_> {
    type Target = Outbound;

    fn deref(&self) -> &Outbound {
        self.node
    }
}
