//! What is known of nodes from trying to talk to them.

use std::collections::BTreeMap;

use casty_proto::NodeAddress;

/// One established connection. The number is never used twice, so a new connection of the same
/// node is told from the old one.
pub(super) struct Link<H> {
    pub(super) handle: H,
    pub(super) number: u64,
}

pub(super) struct Peer<H> {
    pub(super) link: Option<Link<H>>,
    /// The last attempt to connect failed.
    pub(super) suspected: bool,
    /// It took in no more, and has not said that it does again.
    pub(super) busy: bool,
    /// A connection was asked for, and is still wanted as far as is known.
    pub(super) hinted: bool,
}

impl<H> Default for Peer<H> {
    fn default() -> Self {
        Self {
            link: None,
            suspected: false,
            busy: false,
            hinted: false,
        }
    }
}

/// All nodes with a connection, a suspicion or a hint.
pub(super) struct Peers<H> {
    nodes: BTreeMap<NodeAddress, Peer<H>>,
    links: u64,
}

impl<H> Peers<H> {
    pub(super) fn new() -> Self {
        Self {
            nodes: BTreeMap::new(),
            links: 0,
        }
    }

    pub(super) fn get(&self, node: &NodeAddress) -> Option<&Peer<H>> {
        self.nodes.get(node)
    }

    pub(super) fn link(&self, node: &NodeAddress) -> Option<&Link<H>> {
        self.nodes.get(node)?.link.as_ref()
    }

    pub(super) fn is_suspected(&self, node: &NodeAddress) -> bool {
        self.nodes.get(node).is_some_and(|peer| peer.suspected)
    }

    pub(super) fn up(&mut self, node: NodeAddress, handle: H) {
        self.links += 1;
        let number = self.links;
        let peer = Peer {
            link: Some(Link { handle, number }),
            ..Peer::default()
        };
        self.nodes.insert(node, peer);
    }

    pub(super) fn down(&mut self, node: &NodeAddress) {
        if let Some(peer) = self.nodes.get_mut(node) {
            peer.link = None;
            peer.busy = false;
        }
    }

    pub(super) fn connect_failed(&mut self, node: &NodeAddress) {
        let peer = self.nodes.entry(node.clone()).or_default();
        peer.suspected = peer.link.is_none();
    }

    /// What is known of the node may be no longer true.
    pub(super) fn trust(&mut self, node: &NodeAddress) {
        if let Some(peer) = self.nodes.get_mut(node) {
            peer.suspected = false;
        }
    }

    pub(super) fn set_busy(&mut self, node: &NodeAddress, busy: bool) {
        if let Some(peer) = self.nodes.get_mut(node) {
            peer.busy = busy && peer.link.is_some();
        }
    }

    /// Whether a connection to `node` has yet to be asked for; from now on it has been.
    pub(super) fn hint(&mut self, node: &NodeAddress) -> bool {
        let peer = self.nodes.entry(node.clone()).or_default();
        !std::mem::replace(&mut peer.hinted, true)
    }

    /// Nobody needs a connection to `node` any longer.
    pub(super) fn unhint(&mut self, node: &NodeAddress) {
        if let Some(peer) = self.nodes.get_mut(node) {
            peer.hinted = false;
        }
    }

    /// Forgets nodes without connection that are not worth remembering.
    pub(super) fn forget(&mut self, mut worth: impl FnMut(&NodeAddress) -> bool) {
        self.nodes
            .retain(|node, peer| peer.link.is_some() || worth(node));
    }
}
