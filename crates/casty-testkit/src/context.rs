//! The surroundings of an entity or a service while it handles a message.

use std::fmt;

use casty_proto::{ActorRef, NodeAddress, TraceParent};
use serde::Serialize;

use crate::node::handling::Handling;

/// The surroundings of an entity or a service while it handles a message, and its way to answer.
pub struct Context<'a> {
    node: Handling<'a>,
    name: &'a str,
    stopped: bool,
}

impl<'a> Context<'a> {
    pub(crate) fn new(node: Handling<'a>, name: &'a str) -> Self {
        Self {
            node,
            name,
            stopped: false,
        }
    }

    /// Sends a message to any actor: of a client, over the connection that announced its address,
    /// or of a node of this cluster.
    ///
    /// Gives no sign of its arrival, as nodes have none; what was dropped is counted in
    /// [`NodeStatus::undelivered`](crate::NodeStatus::undelivered).
    pub fn reply<R: Serialize>(&mut self, to: &ActorRef<R>, message: &R) {
        self.node.tell(to, message);
    }

    /// Returns the entity's id, or the name of the service.
    #[must_use]
    pub fn entity_id(&self) -> &str {
        self.name
    }

    /// Returns the number of the node that handles the message.
    #[must_use]
    pub fn node(&self) -> usize {
        self.node.number()
    }

    /// Returns the address of the node that handles the message.
    #[must_use]
    pub fn address(&self) -> &NodeAddress {
        self.node.address()
    }

    /// Returns the trace context that the message carries, if it carries any; real nodes ignore it. A
    /// message that another fake node has passed on carries none.
    #[must_use]
    pub fn trace_parent(&self) -> Option<TraceParent> {
        self.node.trace_parent()
    }

    /// Ends the entity after this message, as an exception does on a real node: the next message
    /// finds a new one. Services go on.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("entity_id", &self.name)
            .field("node", &self.node.number())
            .finish_non_exhaustive()
    }
}
