//! The view of a cluster: one node's snapshot, arranged for looking things up.

use std::collections::BTreeMap;
use std::sync::Arc;

use casty_proto::NodeAddress;
use casty_proto::message::{Member, MemberStatus, ServiceEntry, ShardAllocation, TopologySnapshot};

use crate::shard::ShardId;

pub(crate) mod keeper;
pub(crate) mod owners;

use owners::{Numbering, Numbers, ShardOwners};

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
/// What a view shares with the one before it, as a [`ViewKeeper`](crate::ViewKeeper) sees to, costs
/// no memory twice, nothing to compare, and a [`Router`](crate::Router) next to nothing to take in.
#[derive(Debug, Clone, Default)]
pub struct View {
    version: ViewVersion,
    leader: Option<NodeAddress>,
    /// Sorted by address; one entry an address.
    members: Arc<[Member]>,
    /// Sorted: unreachable, down and removed nodes.
    avoided: Arc<[NodeAddress]>,
    regions: BTreeMap<Arc<str>, Region>,
    /// The numbers by which regions name owners.
    numbers: Arc<Numbers>,
    services: Arc<BTreeMap<Arc<str>, Box<[ServiceEntry]>>>,
}

/// The allocations of one region.
#[derive(Debug, Clone)]
struct Region {
    allocations: Arc<RegionAllocations>,
    /// The same, as far as routes go.
    owners: Arc<ShardOwners>,
    /// `true` if any shard has replicas.
    replicated: bool,
}

/// The same content, however owners are numbered.
impl PartialEq for Region {
    fn eq(&self, other: &Self) -> bool {
        self.allocations == other.allocations
    }
}

/// The same content, shared or not.
impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            version,
            leader,
            members,
            avoided,
            regions,
            numbers: _,
            services,
        } = self;
        *version == other.version
            && *leader == other.leader
            && same_or_equal(members, &other.members)
            && same_or_equal(avoided, &other.avoided)
            && *services == other.services
            && *regions == other.regions
    }
}

impl Eq for View {}

impl View {
    /// Makes a view of a snapshot, in generation 0.
    ///
    /// Should a member be listed twice, its most alive entry counts.
    pub fn from_snapshot(snapshot: TopologySnapshot) -> Self {
        Self::after(None, snapshot)
    }

    /// Makes a view of a snapshot as [`from_snapshot`](Self::from_snapshot) does, which shares with
    /// the view `before` it whatever is equal.
    ///
    /// Looks at each shard once (some 50 ns), and drops what it did not need: for a snapshot of many
    /// shards that is work for a thread where nothing waits.
    pub fn after(before: Option<&Self>, snapshot: TopologySnapshot) -> Self {
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
        let mut numbering = Numbering::after(before.map(|view| Arc::clone(&view.numbers)));
        let mut regions: BTreeMap<_, _> = snapshot
            .shard_allocations
            .into_iter()
            .map(|(name, shards)| {
                let known = before.and_then(|view| view.regions.get(&name));
                (name, Region::after(known, shards, &mut numbering))
            })
            .collect();
        let numbers = numbering.finish(regions.values_mut().map(|region| &mut region.owners));
        let services = by_key(snapshot.registry.0);
        Self {
            version: ViewVersion {
                generation: 0,
                epoch: snapshot.allocation_epoch,
            },
            leader: snapshot.leader,
            members: shared(before.map(|view| &view.members), members),
            avoided: shared(before.map(|view| &view.avoided), avoided),
            regions,
            numbers,
            services: match before {
                Some(view) if *view.services == services => Arc::clone(&view.services),
                _ => Arc::new(services),
            },
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

    /// Returns the [leader](Self::leader), unless it is [avoided](Self::avoids).
    pub fn live_leader(&self) -> Option<&NodeAddress> {
        self.leader().filter(|leader| !self.avoids(leader))
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

    /// Returns the members that [are gone](Self::is_gone), sorted by address.
    pub fn gone_members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| is_dead(m.status))
    }

    /// Returns the regions of which at least one shard was allocated, by name.
    pub fn regions(&self) -> impl Iterator<Item = (&Arc<str>, &RegionAllocations)> {
        self.regions
            .iter()
            .map(|(name, region)| (name, &*region.allocations))
    }

    /// Returns the allocations of `region` by shard number, as far as its shards are allocated.
    pub fn allocations(&self, region: &str) -> Option<&RegionAllocations> {
        self.regions.get(region).map(|region| &*region.allocations)
    }

    /// Returns the primary of a shard, alive or not; `None` if it is not allocated.
    pub fn owner(&self, region: &str, shard: ShardId) -> Option<&NodeAddress> {
        let allocation = self.allocations(region)?.get(&shard.get())?;
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

    /// Returns the owners of the allocated shards of `region` by number. Views that share them name
    /// the same owners.
    pub(crate) fn shard_owners(&self, region: &str) -> Option<&Arc<ShardOwners>> {
        self.regions.get(region).map(|region| &region.owners)
    }

    /// Returns the numbers of owners.
    pub(crate) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Returns the nodes that are [avoided](Self::avoids), sorted.
    pub(crate) fn avoided(&self) -> &[NodeAddress] {
        &self.avoided
    }

    #[cfg(test)]
    pub(crate) fn set_version(&mut self, version: ViewVersion) {
        self.version = version;
    }

    /// Takes over the allocations of another view.
    fn keep_allocations(&mut self, of: &Self) {
        self.regions.clone_from(&of.regions);
        self.numbers.clone_from(&of.numbers);
    }
}

impl Region {
    /// Returns a region with these allocations, which shares with the region as it was `known`
    /// whatever is equal.
    fn after(
        known: Option<&Self>,
        allocations: RegionAllocations,
        numbering: &mut Numbering,
    ) -> Self {
        let owners = known.map(|known| &*known.owners);
        let (owners, replicated) = numbering.owners(&allocations, owners);
        let Some(known) = known.filter(|known| *known.owners == owners) else {
            return Self {
                allocations: Arc::new(allocations),
                owners: Arc::new(owners),
                replicated,
            };
        };
        let bare = !replicated && !known.replicated;
        if bare || *known.allocations == allocations {
            return known.clone();
        }
        Self {
            allocations: Arc::new(allocations),
            owners: Arc::clone(&known.owners),
            replicated,
        }
    }
}

/// Returns whether two slices are equal; at once if they are one.
fn same_or_equal<T: PartialEq>(one: &Arc<[T]>, other: &Arc<[T]>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

/// Returns `new`, shared with `before` if that is equal.
fn shared<T: PartialEq>(before: Option<&Arc<[T]>>, new: Vec<T>) -> Arc<[T]> {
    match before {
        Some(before) if **before == *new => Arc::clone(before),
        _ => new.into(),
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
