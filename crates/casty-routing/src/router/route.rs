//! The way to a target, or what stands in it.

use casty_proto::NodeAddress;

use super::peers::Link;
use super::{Router, Target};
use crate::{MissingRoute, RegionId, ShardId, UndeliverableReason};

/// What stands between a target and its delivery.
pub(super) enum Route<'a, H> {
    /// Nothing, unless the peer is `busy`.
    Open {
        node: &'a NodeAddress,
        link: &'a Link<H>,
        busy: bool,
    },
    /// A connection.
    Connect(&'a NodeAddress),
    /// Nobody usable is known to own the shard.
    Locate,
    /// There is no way.
    Refused(UndeliverableReason),
}

impl<H, T> Router<H, T> {
    pub(super) fn is_avoided(&self, node: &NodeAddress) -> bool {
        self.view.as_ref().is_some_and(|view| view.avoids(node))
    }

    /// The way to a target as things are now.
    pub(super) fn route<'a>(&'a self, target: &'a Target) -> Route<'a, H> {
        let node = match target {
            Target::Node(node) => node,
            Target::Shard { region, shard } => match self.owner(*region, *shard) {
                Ok(node) => node,
                Err(route) => return route,
            },
        };
        if self.view.as_ref().is_some_and(|view| view.is_gone(node)) {
            return Route::Refused(UndeliverableReason::NodeGone { node: node.clone() });
        }
        match self.peers.get(node) {
            Some(peer) if let Some(link) = &peer.link => Route::Open {
                node,
                link,
                busy: peer.busy,
            },
            _ => Route::Connect(node),
        }
    }

    /// The usable owner of a shard, connected or not.
    pub(super) fn owner(
        &self,
        region: RegionId,
        shard: ShardId,
    ) -> Result<&NodeAddress, Route<'_, H>> {
        let Some(region) = self.regions.get(region) else {
            return Err(Route::Refused(UndeliverableReason::UnknownRegion));
        };
        let count = region.count;
        if let Some(allocated) = region.contradicted {
            return Err(Route::Refused(UndeliverableReason::WrongCount {
                allocated,
                count,
            }));
        }
        if !count.contains(shard) {
            return Err(Route::Refused(UndeliverableReason::UnknownShard {
                shard,
                count,
            }));
        }
        match region.owner(shard).node() {
            Some(node) if !self.is_avoided(node) && !self.peers.is_suspected(node) => Ok(node),
            _ => Err(Route::Locate),
        }
    }

    /// Why a message for `target` is still held.
    pub(super) fn late(&self, target: &Target) -> UndeliverableReason {
        let missing = match self.route(target) {
            Route::Refused(reason) => return reason,
            Route::Open { node, .. } => MissingRoute::Capacity(node.clone()),
            Route::Connect(node) => MissingRoute::Connection(node.clone()),
            Route::Locate if self.view.is_none() => MissingRoute::View,
            Route::Locate => match self.view.as_ref().and_then(|view| view.leader()) {
                None => MissingRoute::Leader,
                Some(leader) if self.peers.link(leader).is_none() => {
                    MissingRoute::LeaderConnection(leader.clone())
                }
                Some(_) => MissingRoute::Owner,
            },
        };
        UndeliverableReason::Deadline { missing }
    }
}
