//! The outbound side of a node: the route of what it sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use casty_proto::header::Header;
use casty_proto::{ActorRef, ActorUri, Codec, NodeAddress};
use casty_transport::Outbox;
use serde::Serialize;

use super::clients::Clients;
use super::mailboxes::{Encoded, Mailboxes};
use super::peers::Peers;
use crate::status::Counters;

/// A node as its entities and services see it: who it is, and how it sends.
pub(crate) struct Outbound {
    identity: Identity,
    codec: Codec,
    mailboxes: Arc<Mailboxes>,
    counters: Arc<Counters>,
    dead: AtomicBool,
    connections: Connections,
}

/// The connections of a node to whoever is not of this process.
pub(super) enum Connections {
    /// It dials nobody.
    Clients(Clients),
    /// It dials other nodes.
    Peers(Peers),
}

/// The names of a node.
pub(super) struct Identity {
    pub(super) number: usize,
    pub(super) system: String,
    pub(super) address: NodeAddress,
    /// The URI that its messages name as their sender.
    pub(super) sender: String,
}

impl Outbound {
    /// Makes the outbound side of a node to which no client is connected.
    pub(super) fn new(
        identity: Identity,
        codec: Codec,
        mailboxes: &Arc<Mailboxes>,
        counters: &Arc<Counters>,
        connections: Connections,
    ) -> Self {
        Self {
            identity,
            codec,
            mailboxes: Arc::clone(mailboxes),
            counters: Arc::clone(counters),
            dead: AtomicBool::new(false),
            connections,
        }
    }

    pub(crate) fn number(&self) -> usize {
        self.identity.number
    }

    pub(crate) fn address(&self) -> &NodeAddress {
        &self.identity.address
    }

    /// Returns the URI of the actor of that name.
    pub(crate) fn uri(&self, name: &str) -> String {
        format!("{}{name}", self.identity.sender)
    }

    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Encodes a message and sends it.
    pub(crate) fn tell<M: Serialize>(&self, to: &ActorRef<M>, message: &M) {
        self.tell_all(std::slice::from_ref(to), message);
    }

    /// Encodes a message once and sends it to all of them.
    pub(crate) fn tell_all<M: Serialize>(&self, to: &[ActorRef<M>], message: &M) {
        let mut bytes = Vec::new();
        match self.codec().encode(message, &mut bytes) {
            Ok(class) => {
                let message = Encoded {
                    class: &class,
                    bytes: &bytes,
                    header: &[],
                };
                for to in to {
                    self.send(to.uri(), message);
                }
            }
            Err(error) => {
                tracing::warn!(node = %self.identity.address, %error, "message not sent");
                self.counters.undelivered.increment();
            }
        }
    }

    /// Passes a message on to the actor at a path of a node, as it is.
    pub(super) fn pass_on(&self, to: &NodeAddress, path: &str, message: Encoded<'_>) {
        let (system, node) = (&self.identity.system, to.to_raw());
        self.send(&format!("casty://{system}@{node}{path}"), message);
    }

    /// Sends an encoded message to the address in its target's URI.
    fn send(&self, uri: &str, message: Encoded<'_>) {
        if self.is_dead() {
            return;
        }
        let me = self.identity.number;
        let sent = match ActorUri::parse(uri) {
            Ok(target) => match target.node_address() {
                None => self.mailboxes.deliver(me, me, target.path, message),
                Some(to) => match self.mailboxes.number(&to) {
                    Some(number) => self.mailboxes.deliver(me, number, target.path, message),
                    None => self.push(&to, uri, message),
                },
            },
            Err(_) => false,
        };
        if !sent {
            tracing::debug!(node = %self.identity.address, uri, "message dropped");
            self.counters.undelivered.increment();
        }
    }

    /// Writes a message to the connection of a client, or of a node that is not of this process.
    fn push(&self, to: &NodeAddress, uri: &str, message: Encoded<'_>) -> bool {
        let mut header = Vec::with_capacity(256);
        Header {
            target: uri.into(),
            sender: (&*self.identity.sender).into(),
            type_hint: message.class.into(),
        }
        .write(&mut header);
        let frame: [&[u8]; 2] = [&header, message.bytes];
        match &self.connections {
            Connections::Clients(clients) => clients.send(to, &frame),
            Connections::Peers(peers) => peers.send(to, &frame),
        }
    }

    /// Makes a connection the one that is used for the address it announced, unless another one is. Returns
    /// which are to be closed for that: others, or the new one.
    pub(super) fn accepted(
        &self,
        announced: &NodeAddress,
        link: u64,
        outbox: &Arc<Outbox<()>>,
    ) -> Vec<u64> {
        match &self.connections {
            Connections::Clients(clients) => {
                let closed = clients.accepted(announced, link, outbox);
                closed.into_iter().collect()
            }
            Connections::Peers(peers) => peers.accepted(announced, link, outbox),
        }
    }

    /// Forgets a connection that has ended.
    pub(super) fn ended(&self, announced: &NodeAddress, link: u64) {
        match &self.connections {
            Connections::Clients(clients) => clients.ended(announced, link),
            Connections::Peers(peers) => peers.ended(announced, link),
        }
    }

    /// Returns the connections to other nodes, if the node dials them.
    pub(super) fn peers(&self) -> Option<&Peers> {
        match &self.connections {
            Connections::Clients(_) => None,
            Connections::Peers(peers) => Some(peers),
        }
    }

    /// Has a node be dialled although that has just failed.
    pub(crate) fn end_quarantine(&self, node: &NodeAddress) {
        if let Some(peers) = self.peers() {
            peers.end_quarantine(node);
        }
    }

    /// Stops everything that the node does from here on.
    pub(super) fn die(&self) {
        // Ordered with the lock of the node's links: a connection that is opened meanwhile either
        // stands among those that are cut next, or sees this and is cut by who opens it.
        self.dead.store(true, Ordering::SeqCst);
    }

    /// Returns whether the node has died.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Returns the number of connections.
    pub(super) fn connections(&self) -> usize {
        match &self.connections {
            Connections::Clients(clients) => clients.len(),
            Connections::Peers(peers) => peers.len(),
        }
    }
}
