//! The outbound side of a node: the clients that are connected, and the route of what it sends.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use casty_proto::header::Header;
use casty_proto::{ActorRef, ActorUri, Codec, NodeAddress};
use casty_transport::Outbox;
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use tokio::time::Instant;

use super::dialling::Dialling;
use super::mailboxes::Mailboxes;
use crate::status::Counters;

/// The time for which an address stays blacklisted that could not be sent to.
const BLACKLISTED: Duration = Duration::from_secs(5);
/// The most addresses blacklisted at a time.
const BLACKLIST: usize = 10_000;

/// A node as its entities and services see it: who it is, and how it sends.
pub(crate) struct Outbound {
    identity: Identity,
    codec: Codec,
    /// True if it treats announced addresses as real nodes do.
    like_casty: bool,
    mailboxes: Arc<Mailboxes>,
    counters: Arc<Counters>,
    dead: AtomicBool,
    /// The connection that is known under an address.
    peers: RwLock<HashMap<NodeAddress, Peer>>,
    blacklist: Mutex<HashMap<NodeAddress, Instant>>,
    /// The connections in place of these, if the node dials others.
    dialling: Option<Dialling>,
}

/// The names of a node.
pub(super) struct Identity {
    pub(super) number: usize,
    pub(super) address: NodeAddress,
    /// The URI that its messages name as their sender.
    pub(super) sender: String,
}

/// A connection on which a client has announced itself.
struct Peer {
    link: u64,
    outbox: Arc<Outbox<()>>,
}

impl Outbound {
    /// Makes the outbound side of a node to which no client is connected.
    pub(super) fn new(
        identity: Identity,
        (codec, like_casty): (Codec, bool),
        mailboxes: &Arc<Mailboxes>,
        counters: &Arc<Counters>,
        dialling: Option<Dialling>,
    ) -> Self {
        Self {
            dialling,
            identity,
            codec,
            like_casty,
            mailboxes: Arc::clone(mailboxes),
            counters: Arc::clone(counters),
            dead: AtomicBool::new(false),
            peers: RwLock::default(),
            blacklist: Mutex::default(),
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
            Ok(class) => to.iter().for_each(|to| self.send(to.uri(), &class, &bytes)),
            Err(error) => {
                tracing::warn!(node = %self.identity.address, %error, "message not sent");
                self.counters.undelivered.increment();
            }
        }
    }

    /// Sends an encoded message to the address in its target's URI.
    fn send(&self, uri: &str, class: &str, message: &[u8]) {
        if self.is_dead() {
            return;
        }
        let sent = match ActorUri::parse(uri) {
            Ok(target) => match target.node_address() {
                None => self
                    .mailboxes
                    .deliver(self.identity.number, target.path, message),
                Some(to) => match self.mailboxes.number(&to) {
                    Some(number) => self.mailboxes.deliver(number, target.path, message),
                    None => self.push(&to, uri, class, message),
                },
            },
            Err(_) => false,
        };
        if !sent {
            tracing::debug!(node = %self.identity.address, uri, "message dropped");
            self.counters.undelivered.increment();
        }
    }

    /// Appends a message to the outbox of the client that announced `to`, or blacklists the
    /// address: a real node dials it then, which fails at once for the addresses of clients.
    fn push(&self, to: &NodeAddress, uri: &str, class: &str, message: &[u8]) -> bool {
        let mut header = Vec::with_capacity(256);
        Header {
            target: uri.into(),
            sender: (&*self.identity.sender).into(),
            type_hint: class.into(),
        }
        .write(&mut header);
        let frame: [&[u8]; 2] = [&header, message];
        if let Some(dialling) = &self.dialling {
            return dialling.send(to, &frame);
        }
        if self.is_blacklisted(to) {
            return false;
        }
        let peers = self.peers.read();
        let Some(peer) = peers.get(to) else {
            // The blacklist has a lock of its own; neither is taken while the other is held.
            drop(peers);
            self.blacklist(to);
            return false;
        };
        peer.outbox.push(&frame, None).is_ok()
    }

    fn is_blacklisted(&self, address: &NodeAddress) -> bool {
        let mut blacklist = self.blacklist.lock();
        match blacklist.get(address) {
            None => false,
            Some(until) if *until > Instant::now() => true,
            Some(_) => {
                blacklist.remove(address);
                false
            }
        }
    }

    fn blacklist(&self, address: &NodeAddress) {
        if !self.like_casty {
            return;
        }
        let now = Instant::now();
        let mut blacklist = self.blacklist.lock();
        if blacklist.len() >= BLACKLIST {
            blacklist.retain(|_, until| *until > now);
        }
        if blacklist.len() < BLACKLIST {
            blacklist.insert(address.clone(), now + BLACKLISTED);
        }
    }

    /// Makes a connection the one that is known under the address it announced. `cut` ends the one
    /// that was known before, by its number. Returns whether the new one is known: else the other
    /// stays, as real nodes decide it.
    pub(super) fn admit(
        &self,
        link: u64,
        announced: &NodeAddress,
        outbox: &Arc<Outbox<()>>,
        mut cut: impl FnMut(u64),
    ) -> bool {
        if let Some(dialling) = &self.dialling {
            let orders = dialling.accepted(announced, link, outbox);
            let is_refused = orders.close.contains(&link);
            orders.close.into_iter().for_each(cut);
            return !is_refused;
        }
        // Held until the new connection stands in the place of the old one, so that of two that
        // announce the same address at once one sees the other.
        let mut peers = self.peers.write();
        if let Some(other) = peers.get(announced) {
            if self.like_casty && *announced > self.identity.address {
                return false;
            }
            cut(other.link);
        }
        let outbox = Arc::clone(outbox);
        peers.insert(announced.clone(), Peer { link, outbox });
        true
    }

    /// Forgets a connection that has ended, unless another is known under its address by now.
    pub(super) fn forget(&self, link: u64, announced: &NodeAddress) {
        if let Some(dialling) = &self.dialling {
            return dialling.ended(announced, link);
        }
        let mut peers = self.peers.write();
        if peers.get(announced).is_some_and(|peer| peer.link == link) {
            peers.remove(announced);
        }
    }

    /// Returns the connections to other nodes, if the node dials them.
    pub(super) fn dialling(&self) -> Option<&Dialling> {
        self.dialling.as_ref()
    }

    /// Has a node be dialled although that has just failed.
    pub(crate) fn readmit(&self, node: &NodeAddress) {
        if let Some(dialling) = &self.dialling {
            dialling.readmit(node);
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

    /// Returns the number of clients connected.
    pub(super) fn connections(&self) -> usize {
        if let Some(dialling) = &self.dialling {
            return dialling.len();
        }
        self.peers.read().len()
    }
}
