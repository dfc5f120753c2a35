//! The connections of a node that dials nobody: which of two under one address is known, and the blacklist.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::NodeAddress;
use casty_transport::Outbox;
use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;

/// The time for which an address stays blacklisted that could not be sent to.
const BLACKLISTED: Duration = Duration::from_secs(5);
/// The most addresses blacklisted at a time.
const BLACKLIST: usize = 10_000;

/// The connections of a node that dials nobody.
pub(super) struct Clients {
    /// The address of the node.
    node: NodeAddress,
    /// True if it treats announced addresses as real nodes do.
    like_casty: bool,
    /// The connection that is known under an address.
    known: RwLock<HashMap<NodeAddress, Client>>,
    blacklist: Mutex<HashMap<NodeAddress, Instant>>,
}

/// A connection on which a client has announced itself.
struct Client {
    link: u64,
    outbox: Arc<Outbox<()>>,
}

impl Clients {
    /// Makes the connections of a node to which no client is connected.
    pub(super) fn new(node: NodeAddress, like_casty: bool) -> Self {
        Self {
            node,
            like_casty,
            known: RwLock::default(),
            blacklist: Mutex::default(),
        }
    }

    /// Appends a frame to the outbox of the client that announced `to`, or blacklists the address: a real
    /// node dials it then, which fails at once for the addresses of clients.
    pub(super) fn send(&self, to: &NodeAddress, frame: &[&[u8]; 2]) -> bool {
        if self.is_blacklisted(to) {
            return false;
        }
        let known = self.known.read();
        let Some(client) = known.get(to) else {
            // The blacklist has a lock of its own; neither is taken while the other is held.
            drop(known);
            self.blacklist(to);
            return false;
        };
        client.outbox.push(frame, None).is_ok()
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

    /// Makes a connection the one that is known under the address it announced. Returns which one is to be
    /// closed for that: the one that was known before, or the new one, as real nodes decide it.
    pub(super) fn accepted(
        &self,
        announced: &NodeAddress,
        link: u64,
        outbox: &Arc<Outbox<()>>,
    ) -> Option<u64> {
        // Held until the new connection stands in the place of the old one, so that of two that
        // announce the same address at once one sees the other.
        let mut known = self.known.write();
        let other = known.get(announced).map(|other| other.link);
        if other.is_some() && self.like_casty && *announced > self.node {
            return Some(link);
        }
        let outbox = Arc::clone(outbox);
        known.insert(announced.clone(), Client { link, outbox });
        other
    }

    /// Forgets a connection that has ended, unless another is known under its address by now.
    pub(super) fn ended(&self, announced: &NodeAddress, link: u64) {
        let mut known = self.known.write();
        if known
            .get(announced)
            .is_some_and(|client| client.link == link)
        {
            known.remove(announced);
        }
    }

    /// Returns the number of clients connected.
    pub(super) fn len(&self) -> usize {
        self.known.read().len()
    }
}
