//! What entities and services can do while they handle a message.

use casty_proto::{ActorRef, NodeAddress};
use serde::Serialize;

use crate::node::Node;

/// Where an entity or a service is while it handles a message, and its way to answer.
pub struct Context<'a> {
    node: &'a Node,
    name: &'a str,
    stopped: bool,
}

impl<'a> Context<'a> {
    pub(crate) fn new(node: &'a Node, name: &'a str) -> Self {
        Self {
            node,
            name,
            stopped: false,
        }
    }

    /// Sends to any actor: of a client, over the connection that announced its address, or of a
    /// node of this cluster. Gives no sign whether it arrived, as nodes have none; what was dropped
    /// is counted.
    pub fn reply<R: Serialize>(&mut self, to: &ActorRef<R>, message: &R) {
        self.node.tell(to, message);
    }

    /// The entity's id; the name of a service.
    pub fn entity_id(&self) -> &str {
        self.name
    }

    /// The number of the node that runs this.
    pub fn node(&self) -> usize {
        self.node.number()
    }

    /// The address of that node.
    pub fn address(&self) -> &NodeAddress {
        self.node.address()
    }

    /// Ends the entity after this message, as an exception does on a real node: the next message
    /// finds a new one.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }
}
