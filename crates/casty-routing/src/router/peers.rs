//! The nodes as a router knows them from trying to reach them.

use std::collections::BTreeMap;

use casty_proto::NodeAddress;

/// One established connection.
pub(super) struct PeerConnection<H> {
    pub(super) handle: H,
    /// A number that is never used twice, so that a new connection of the same node is told from
    /// the old one.
    pub(super) number: u64,
}

/// One node with a connection, a suspicion or a request for a connection.
pub(super) struct Peer<H> {
    pub(super) connection: Option<PeerConnection<H>>,
    /// `true` if the last attempt to connect failed.
    pub(super) suspected: bool,
    /// `true` if it took in no more, and has not said that it does again.
    pub(super) busy: bool,
    /// `true` if a connection was asked for, and is still wanted as far as is known.
    pub(super) requested: bool,
}

impl<H> Default for Peer<H> {
    fn default() -> Self {
        Self {
            connection: None,
            suspected: false,
            busy: false,
            requested: false,
        }
    }
}

/// The number of nodes that are always remembered.
const REMEMBERED: usize = 1_024;

/// All nodes with a connection, a suspicion or a request for a connection. Those that are no longer
/// worth remembering take up to half of it, and some more.
pub(super) struct Peers<H> {
    nodes: BTreeMap<NodeAddress, Peer<H>>,
    /// The number of nodes above which those are forgotten that are not worth remembering.
    limit: usize,
    /// The number of the last connection.
    last: u64,
}

impl<H> Peers<H> {
    pub(super) fn new() -> Self {
        Self {
            nodes: BTreeMap::new(),
            limit: REMEMBERED,
            last: 0,
        }
    }

    pub(super) fn get(&self, node: &NodeAddress) -> Option<&Peer<H>> {
        self.nodes.get(node)
    }

    pub(super) fn connection(&self, node: &NodeAddress) -> Option<&PeerConnection<H>> {
        self.nodes.get(node)?.connection.as_ref()
    }

    pub(super) fn is_suspected(&self, node: &NodeAddress) -> bool {
        self.nodes.get(node).is_some_and(|peer| peer.suspected)
    }

    pub(super) fn up(&mut self, node: NodeAddress, handle: H) {
        self.last += 1;
        let number = self.last;
        let peer = Peer {
            connection: Some(PeerConnection { handle, number }),
            ..Peer::default()
        };
        self.nodes.insert(node, peer);
    }

    pub(super) fn down(&mut self, node: &NodeAddress) {
        if let Some(peer) = self.nodes.get_mut(node) {
            peer.connection = None;
            peer.busy = false;
        }
    }

    pub(super) fn connect_failed(&mut self, node: &NodeAddress) {
        let peer = self.nodes.entry(node.clone()).or_default();
        peer.suspected = peer.connection.is_none();
    }

    /// Ends the suspicion of a node: what is known of it may be no longer true. Returns whether there
    /// was one.
    pub(super) fn trust(&mut self, node: &NodeAddress) -> bool {
        let peer = self.nodes.get_mut(node);
        peer.is_some_and(|peer| std::mem::replace(&mut peer.suspected, false))
    }

    pub(super) fn set_busy(&mut self, node: &NodeAddress, busy: bool) {
        if let Some(peer) = self.nodes.get_mut(node) {
            peer.busy = busy && peer.connection.is_some();
        }
    }

    /// Notes that a connection to `node` is asked for. Returns `false` if it was before.
    pub(super) fn request(&mut self, node: &NodeAddress) -> bool {
        let peer = self.nodes.entry(node.clone()).or_default();
        !std::mem::replace(&mut peer.requested, true)
    }

    /// Notes that no message needs a connection to `node` any longer.
    pub(super) fn withdraw_request(&mut self, node: &NodeAddress) {
        if let Some(peer) = self.nodes.get_mut(node) {
            peer.requested = false;
        }
    }

    /// Returns whether there are so many nodes that some ought to be [forgotten](Self::forget).
    pub(super) fn is_crowded(&self) -> bool {
        self.nodes.len() > self.limit
    }

    /// Forgets nodes without connection that are not worth remembering.
    pub(super) fn forget(&mut self, mut worth: impl FnMut(&NodeAddress) -> bool) {
        self.nodes
            .retain(|node, peer| peer.connection.is_some() || worth(node));
        // Twice what is left, so that each node that comes pays for one look at another.
        self.limit = self.nodes.len().saturating_mul(2).max(REMEMBERED);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}
