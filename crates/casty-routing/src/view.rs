//! The view of a cluster: one node's snapshot, arranged for looking things up.

use std::collections::BTreeMap;
use std::sync::Arc;

use casty_proto::NodeAddress;
use casty_proto::message::{Member, MemberStatus, ServiceEntry, ShardAllocation, TopologySnapshot};

use crate::shard::ShardId;

pub(crate) mod keeper;

/// The order of the allocations of views.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewVersion {
    /// The number of times that the cluster was seen to begin anew, its epochs with it; counted by
    /// the [`ViewKeeper`](crate::ViewKeeper).
    pub generation: u64,
    /// The cluster's own `allocation_epoch`.
    pub epoch: u64,
}

/// The allocations of one region, by shard number.
pub type RegionAllocations = BTreeMap<u32, ShardAllocation>;

/// A picture of the cluster at one time, as one node shows it. Immutable, and shared.
///
/// Comparing two views that a [`ViewKeeper`](crate::ViewKeeper) made is cheap where they share
/// allocations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    version: ViewVersion,
    leader: Option<NodeAddress>,
    /// Sorted by address; one entry an address.
    members: Box<[Member]>,
    /// Sorted: unreachable, down and removed nodes.
    avoided: Box<[NodeAddress]>,
    allocations: BTreeMap<Arc<str>, Arc<RegionAllocations>>,
    services: BTreeMap<Arc<str>, Box<[ServiceEntry]>>,
}

impl View {
    /// Makes a view of a snapshot, in generation 0.
    ///
    /// Should a member be listed twice, its most alive entry counts.
    pub fn from_snapshot(snapshot: TopologySnapshot) -> Self {
        let mut members = snapshot.members.0;
        members.sort_by(|a, b| {
            let order = |m: &Member| (is_dead(m.status), m.status);
            (&a.address, order(a), &a.id).cmp(&(&b.address, order(b), &b.id))
        });
        members.dedup_by(|later, kept| later.address == kept.address);
        let dead = members.iter().filter(|m| is_dead(m.status));
        let mut avoided = snapshot.unreachable.0;
        avoided.extend(dead.map(|m| m.address.clone()));
        avoided.sort();
        avoided.dedup();
        Self {
            version: ViewVersion {
                generation: 0,
                epoch: snapshot.allocation_epoch,
            },
            leader: snapshot.leader,
            members: members.into(),
            avoided: avoided.into(),
            allocations: snapshot
                .shard_allocations
                .into_iter()
                .map(|(region, shards)| (region, Arc::new(shards)))
                .collect(),
            services: by_key(snapshot.registry.0),
        }
    }

    /// Returns the version of the allocations: the greater, the more recent.
    pub fn version(&self) -> ViewVersion {
        self.version
    }

    /// Returns the leader, if the viewing node knows one. It may be one of those
    /// [avoided](Self::avoids).
    pub fn leader(&self) -> Option<&NodeAddress> {
        self.leader.as_ref()
    }

    /// Returns all members ever seen, the dead ones included, sorted by address.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Returns the member at `node`; `None` if the view does not know it.
    pub fn member(&self, node: &NodeAddress) -> Option<&Member> {
        let at = self
            .members
            .binary_search_by(|m| m.address.cmp(node))
            .ok()?;
        self.members.get(at)
    }

    /// Returns whether the view says that `node` must not be relied on: unreachable (whatever its
    /// status says), down or removed. `false` for a node that the view does not know.
    pub fn avoids(&self, node: &NodeAddress) -> bool {
        self.avoided.binary_search(node).is_ok()
    }

    /// Returns whether `node` is a member, joining, up or leaving, and not [avoided](Self::avoids).
    pub fn is_live(&self, node: &NodeAddress) -> bool {
        self.member(node).is_some() && !self.avoids(node)
    }

    /// Returns whether `node` was declared dead or left; being unreachable is not enough.
    pub fn is_gone(&self, node: &NodeAddress) -> bool {
        self.member(node).is_some_and(|m| is_dead(m.status))
    }

    /// Returns the members that [are live](Self::is_live): those worth a connection. Sorted by
    /// address.
    pub fn live_members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| !self.avoids(&m.address))
    }

    /// Returns the regions of which at least one shard was allocated, by name.
    pub fn regions(&self) -> impl Iterator<Item = (&Arc<str>, &RegionAllocations)> {
        self.allocations
            .iter()
            .map(|(name, shards)| (name, &**shards))
    }

    /// Returns the allocations of `region` by shard number, as far as its shards are allocated.
    pub fn allocations(&self, region: &str) -> Option<&RegionAllocations> {
        self.allocations.get(region).map(|shards| &**shards)
    }

    /// Returns the primary of a shard, alive or not; `None` if it is not allocated.
    pub fn owner(&self, region: &str, shard: ShardId) -> Option<&NodeAddress> {
        let allocation = self.allocations.get(region)?.get(&shard.get())?;
        Some(&allocation.primary)
    }

    /// Returns the instances registered under a service key, on live nodes or not. Sorted by node,
    /// then path.
    pub fn services(&self, key: &str) -> &[ServiceEntry] {
        self.services.get(key).map_or(&[], |entries| entries)
    }

    /// Returns the instances registered under a service key on nodes that are not
    /// [avoided](Self::avoids).
    pub fn live_services(&self, key: &str) -> impl Iterator<Item = &ServiceEntry> {
        self.services(key)
            .iter()
            .filter(|entry| !self.avoids(&entry.node))
    }

    /// Returns all service keys with their instances.
    pub fn all_services(&self) -> impl Iterator<Item = (&Arc<str>, &[ServiceEntry])> {
        self.services.iter().map(|(key, entries)| (key, &**entries))
    }
}

fn is_dead(status: MemberStatus) -> bool {
    match status {
        MemberStatus::Joining | MemberStatus::Up | MemberStatus::Leaving => false,
        MemberStatus::Down | MemberStatus::Removed => true,
    }
}

fn by_key(mut entries: Vec<ServiceEntry>) -> BTreeMap<Arc<str>, Box<[ServiceEntry]>> {
    entries.sort_by(|a, b| (&a.key, &a.node, &a.path).cmp(&(&b.key, &b.node, &b.path)));
    entries.dedup();
    entries
        .chunk_by(|a, b| a.key == b.key)
        .filter_map(|group| Some((Arc::clone(&group.first()?.key), group.into())))
        .collect()
}

#[cfg(test)]
mod tests;
