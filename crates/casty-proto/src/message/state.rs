//! The types of `casty.cluster.state`: a node's view of its cluster.

use std::collections::BTreeMap;
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

/// The nodes that hold each shard, by region and shard.
pub type Allocations = BTreeMap<Arc<str>, BTreeMap<u32, ShardAllocation>>;
