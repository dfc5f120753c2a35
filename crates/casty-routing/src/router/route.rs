//! The route to each target, or what is missing of it.

use std::sync::Arc;

use casty_proto::NodeAddress;

use super::event::Target;
use super::owners::Owners;
use super::peers::{PeerConnection, Peers};
use super::pending_buffer::{Account, PendingBuffer};
use super::regions::Regions;
use crate::error::{MissingRoute, UndeliverableReason};
use crate::shard::ShardId;
use crate::table::RegionId;
use crate::view::View;

/// The facts that routes follow from: the view, the nodes that are connected, and the owners of
/// shards.
pub(super) struct Routes<H> {
    pub(super) view: Option<Arc<View>>,
    pub(super) peers: Peers<H>,
    pub(super) regions: Regions,
    pub(super) owners: Owners<H>,
    /// The number of regions that the published table has.
    pub(super) published: usize,
}

/// The next step of a message to its target.
pub(super) enum Route<'a, H> {
    /// Delivery, unless the peer is `busy`.
    Open {
        node: &'a NodeAddress,
        connection: &'a PeerConnection<H>,
        busy: bool,
    },
    /// A connection to this node.
    Connect(&'a NodeAddress),
    /// A query: no usable node is known to own the shard. Of the leader only views tell.
    Locate,
    /// None: the message cannot be delivered.
    Refused(UndeliverableReason),
}

impl<H> Routes<H> {
    /// Creates routes without a view; `strict` is that of the regions.
    pub(super) fn new(strict: bool) -> Self {
        Self {
            view: None,
            peers: Peers::new(),
            regions: Regions::new(strict),
            owners: Owners::new(),
            published: 0,
        }
    }

    pub(super) fn is_avoided(&self, node: &NodeAddress) -> bool {
        self.view.as_ref().is_some_and(|view| view.avoids(node))
    }

    pub(super) fn is_leader(&self, node: &NodeAddress) -> bool {
        let view = self.view.as_ref();
        view.and_then(|view| view.leader()) == Some(node)
    }

    /// Returns the route to a target as things are now.
    pub(super) fn route<'a>(&'a self, target: &'a Target) -> Route<'a, H> {
        let node = match target {
            Target::Node(node) => node,
            Target::Leader => match self.view.as_ref().and_then(|view| view.live_leader()) {
                Some(node) => node,
                None => return Route::Locate,
            },
            Target::Shard { region, shard } => match self.owner(*region, *shard) {
                Ok(node) => node,
                Err(route) => return route,
            },
        };
        if self.view.as_ref().is_some_and(|view| view.is_gone(node)) {
            return Route::Refused(UndeliverableReason::NodeGone { node: node.clone() });
        }
        match self.peers.get(node) {
            Some(peer) if let Some(connection) = &peer.connection => Route::Open {
                node,
                connection,
                busy: peer.busy,
            },
            _ => Route::Connect(node),
        }
    }

    /// Returns the usable owner of a shard, connected or not; else the route as an error.
    pub(super) fn owner(
        &self,
        region: RegionId,
        shard: ShardId,
    ) -> Result<&NodeAddress, Route<'_, H>> {
        let Some(region) = self.regions.get(region) else {
            return Err(Route::Refused(UndeliverableReason::UnknownRegion));
        };
        let count = region.count;
        if self.regions.strict
            && let Some(allocated) = region.allocated_beyond()
        {
            let reason = UndeliverableReason::WrongCount { allocated, count };
            return Err(Route::Refused(reason));
        }
        if !count.contains(shard) {
            let reason = UndeliverableReason::UnknownShard { shard, count };
            return Err(Route::Refused(reason));
        }
        match self.owners.node(region.owner(shard)) {
            Some(node) if !self.is_avoided(node) && !self.peers.is_suspected(node) => Ok(node),
            _ => Err(Route::Locate),
        }
    }

    /// Returns the node that a target is waiting for as far as is known, be it usable or not.
    pub(super) fn account(&self, target: &Target) -> Account {
        match target {
            Target::Node(node) => Some(node.clone()),
            Target::Leader => self.view.as_ref()?.leader().cloned(),
            Target::Shard { region, shard } => {
                let owner = self.regions.get(*region)?.owner(*shard);
                self.owners.node(owner).cloned()
            }
        }
    }

    /// Returns the reason why a message for `target` that is still buffered was not delivered.
    pub(super) fn late(&self, target: &Target) -> UndeliverableReason {
        let missing = match self.route(target) {
            Route::Refused(reason) => return reason,
            Route::Open { node, .. } => MissingRoute::Capacity(node.clone()),
            Route::Connect(node) => MissingRoute::Connection(node.clone()),
            Route::Locate if self.view.is_none() => MissingRoute::View,
            Route::Locate if *target == Target::Leader => MissingRoute::Leader,
            Route::Locate => match self.view.as_ref().and_then(|view| view.leader()) {
                None => MissingRoute::Leader,
                Some(leader) if self.peers.connection(leader).is_none() => {
                    MissingRoute::LeaderConnection(leader.clone())
                }
                Some(_) => match self.account(target) {
                    Some(owner) if !self.is_avoided(&owner) => MissingRoute::Connection(owner),
                    _ => MissingRoute::Owner,
                },
            },
        };
        UndeliverableReason::Deadline { missing }
    }

    /// Forgets nodes that no view lists and nothing waits for, if there are many: an address may
    /// have been told once and never again. Returns whether it did.
    pub(super) fn forget_strangers<T>(&mut self, buffer: &PendingBuffer<T>) -> bool {
        let crowded = self.peers.is_crowded();
        if crowded {
            let view = self.view.as_deref();
            let listed = |node: &NodeAddress| view.is_some_and(|view| view.member(node).is_some());
            self.peers
                .forget(|node| listed(node) || buffer.waits_for(node));
        }
        crowded
    }

    /// Notes that the published row may be out of date for a target.
    pub(super) fn note_changed(&mut self, target: &Target) {
        if let Target::Shard { region, shard } = target
            && let Some(region) = self.regions.get_mut(*region)
        {
            region.note_changed(*shard);
        }
    }
}
