//! The types of `casty.cluster.state`: a node's view of its cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{FrozenSet, NodeAddress, Tuple, shared_text};

/// One member of the cluster as a view shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.Member")]
pub struct Member {
    /// The member's address.
    pub address: NodeAddress,
    /// The status in this view; `unreachable` in the same view overrides it.
    pub status: MemberStatus,
    /// The roles that it was started with.
    pub roles: FrozenSet<Arc<str>>,
    /// The name that it was started with (`node_id`).
    #[serde(deserialize_with = "shared_text::deserialize")]
    pub id: Arc<str>,
}

/// The status of a member. The aliases are the values of the Python enum, by which pickle
/// carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.MemberStatus")]
pub enum MemberStatus {
    /// The member has asked to join.
    #[serde(rename = "joining", alias = "1")]
    Joining,
    /// The member takes part.
    #[serde(rename = "up", alias = "2")]
    Up,
    /// The member has announced that it leaves.
    #[serde(rename = "leaving", alias = "3")]
    Leaving,
    /// The member was declared dead. It stays listed for ever.
    #[serde(rename = "down", alias = "4")]
    Down,
    /// The member has left.
    #[serde(rename = "removed", alias = "5")]
    Removed,
}

impl MemberStatus {
    /// Returns whether it is the status of a member that takes part, or soon will, or did until now.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Joining | Self::Up | Self::Leaving)
    }
}

/// One instance of a discoverable service, as the registry of a view lists it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.ServiceEntry")]
pub struct ServiceEntry {
    /// The name of the service key.
    #[serde(deserialize_with = "shared_text::deserialize")]
    pub key: Arc<str>,
    /// The node that runs it.
    pub node: NodeAddress,
    /// The actor's path on that node.
    #[serde(deserialize_with = "shared_text::deserialize")]
    pub path: Arc<str>,
}

/// The nodes that hold a shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.ShardAllocation")]
pub struct ShardAllocation {
    /// The node that owns the shard.
    pub primary: NodeAddress,
    /// The nodes that hold copies.
    #[serde(default)]
    pub replicas: Tuple<NodeAddress>,
}

/// The number of changes that each node made to the state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.VectorClock")]
pub struct VectorClock {
    /// The number of changes by node.
    #[serde(rename = "_versions", default)]
    pub versions: BTreeMap<NodeAddress, u64>,
}

impl VectorClock {
    /// Returns the number of changes that a node made; 0 for one that is not listed.
    pub fn version_of(&self, node: &NodeAddress) -> u64 {
        self.versions.get(node).copied().unwrap_or(0)
    }

    /// Counts one change that a node made.
    pub fn increment(&mut self, node: &NodeAddress) {
        let version = self.version_of(node).saturating_add(1);
        self.versions.insert(node.clone(), version);
    }

    /// Takes in all changes that another clock counts.
    pub fn merge(&mut self, other: &Self) {
        for (node, theirs) in &other.versions {
            if *theirs >= self.version_of(node) {
                self.versions.insert(node.clone(), *theirs);
            }
        }
    }

    /// Returns whether the other clock counts all changes that this one does, and more.
    pub fn is_before(&self, other: &Self) -> bool {
        let none_more = |(node, mine): (&NodeAddress, &u64)| *mine <= other.version_of(node);
        let more = |(node, theirs): (&NodeAddress, &u64)| *theirs > self.version_of(node);
        self.versions.iter().all(none_more) && other.versions.iter().any(more)
    }
}

/// The whole state of a cluster, as nodes gossip it and answer `GetState` with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.ClusterState")]
pub struct ClusterState {
    /// All members ever seen.
    pub members: FrozenSet<Member>,
    /// The members that do not answer heartbeats.
    pub unreachable: FrozenSet<NodeAddress>,
    /// The changes that this state contains.
    pub version: VectorClock,
    /// The nodes that hold each shard, by region and shard.
    #[serde(default)]
    pub shard_allocations: Allocations,
    /// The number of changes of the allocations.
    #[serde(default)]
    pub allocation_epoch: u64,
    /// The nodes that have seen this state.
    #[serde(default)]
    pub seen: FrozenSet<NodeAddress>,
    /// All instances of discoverable services.
    #[serde(default)]
    pub registry: FrozenSet<ServiceEntry>,
}

impl ClusterState {
    /// Returns the member that leads: of those that are `up`, the lowest by host and port.
    pub fn leader(&self) -> Option<&NodeAddress> {
        let up = self
            .members
            .iter()
            .filter(|member| member.status == MemberStatus::Up);
        up.map(|member| &member.address).min()
    }

    /// Returns whether all members that are not dead have seen this state.
    pub fn is_converged(&self) -> bool {
        let seen: BTreeSet<_> = self.seen.iter().collect();
        let mut alive = self
            .members
            .iter()
            .filter(|member| member.status.is_alive());
        alive.all(|member| seen.contains(&member.address))
    }
}

/// The nodes that hold each shard, by region and shard.
pub type Allocations = BTreeMap<Arc<str>, BTreeMap<u32, ShardAllocation>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeAddress {
        NodeAddress::new(name, 1)
    }

    fn clock(versions: &[(&str, u64)]) -> VectorClock {
        let versions = versions.iter().map(|(name, count)| (node(name), *count));
        VectorClock {
            versions: versions.collect(),
        }
    }

    #[test]
    fn a_clock_is_before_one_that_counts_all_that_it_does_and_more() {
        for (one, other, before) in [
            (&[("a", 1)][..], &[("a", 1)][..], false),
            (&[("a", 1)], &[("a", 2)], true),
            (&[("a", 2)], &[("a", 1)], false),
            (&[], &[("a", 1)], true),
            (&[("a", 1)], &[], false),
            (&[("a", 1)], &[("b", 1)], false),
            (&[("a", 1)], &[("a", 1), ("b", 1)], true),
            // One that is not listed counts as 0.
            (&[("a", 0)], &[], false),
            (&[], &[("a", 0)], false),
        ] {
            let is_before = clock(one).is_before(&clock(other));
            assert_eq!(is_before, before, "{one:?} {other:?}");
        }
    }

    #[test]
    fn clocks_are_merged_by_the_greater_count_and_never_pass_the_end() {
        let mut merged = clock(&[("a", 3), ("b", 1)]);
        merged.merge(&clock(&[("a", 2), ("b", 2), ("c", 1)]));
        assert_eq!(merged, clock(&[("a", 3), ("b", 2), ("c", 1)]));
        let mut last = clock(&[("a", u64::MAX)]);
        last.increment(&node("a"));
        assert_eq!(last, clock(&[("a", u64::MAX)]));
    }

    #[test]
    fn the_lowest_that_is_up_leads_and_all_who_are_not_dead_have_to_see_a_state() {
        use MemberStatus::{Down, Joining, Leaving, Removed, Up};
        let statuses = [("a", Down), ("b", Joining), ("c", Up), ("d", Up)];
        let more = [("e", Leaving), ("f", Removed)];
        let members = statuses.into_iter().chain(more);
        let members = members.map(|(name, status)| Member {
            address: node(name),
            status,
            roles: FrozenSet::default(),
            id: name.into(),
        });
        let mut state = ClusterState {
            members: members.collect(),
            seen: ["b", "c", "d"].map(node).into_iter().collect(),
            ..ClusterState::default()
        };
        assert_eq!(state.leader(), Some(&node("c")));
        assert!(!state.is_converged());
        state.seen.push(node("e"));
        assert!(state.is_converged());
        assert_eq!(ClusterState::default().leader(), None);
        assert!(ClusterState::default().is_converged());
    }
}
