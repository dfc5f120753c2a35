//! `casty.cluster.state`: what a node believes of its cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{FrozenSet, NodeAddress, Tuple};

/// One member of the cluster as a view shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.Member")]
pub struct Member {
    /// Where it is.
    pub address: NodeAddress,
    /// What the viewing node holds of it; `unreachable` in the same view outweighs it.
    pub status: MemberStatus,
    /// The roles it was started with.
    pub roles: FrozenSet<Arc<str>>,
    /// The name it was started with (`node_id`).
    pub id: Arc<str>,
}

/// The status of a member. The aliases are the values of the Python enum, by which pickle
/// carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.MemberStatus")]
pub enum MemberStatus {
    /// It asked to join.
    #[serde(rename = "joining", alias = "1")]
    Joining,
    /// It takes part.
    #[serde(rename = "up", alias = "2")]
    Up,
    /// It said that it leaves.
    #[serde(rename = "leaving", alias = "3")]
    Leaving,
    /// It was declared dead. It stays listed for ever.
    #[serde(rename = "down", alias = "4")]
    Down,
    /// It left.
    #[serde(rename = "removed", alias = "5")]
    Removed,
}

/// One instance of a discoverable service, as the registry of a view lists it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.ServiceEntry")]
pub struct ServiceEntry {
    /// The name of the service key.
    pub key: Arc<str>,
    /// The node that runs it.
    pub node: NodeAddress,
    /// The actor's path on that node.
    pub path: Arc<str>,
}

/// Which nodes hold a shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.ShardAllocation")]
pub struct ShardAllocation {
    /// The node that answers for it.
    pub primary: NodeAddress,
    /// The nodes that hold copies.
    #[serde(default)]
    pub replicas: Tuple<NodeAddress>,
}

/// How often each node changed the state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.VectorClock")]
pub struct VectorClock {
    /// The count of each node.
    #[serde(rename = "_versions", default)]
    pub versions: BTreeMap<NodeAddress, u64>,
}

/// The whole state of a cluster, as nodes gossip it and answer `GetState` with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.ClusterState")]
pub struct ClusterState {
    /// All members ever seen.
    pub members: FrozenSet<Member>,
    /// Those that do not answer heartbeats.
    pub unreachable: FrozenSet<NodeAddress>,
    /// Which changes this state contains.
    pub version: VectorClock,
    /// Per region and shard, the nodes that hold it.
    #[serde(default)]
    pub shard_allocations: Allocations,
    /// Counts changes of the allocations.
    #[serde(default)]
    pub allocation_epoch: u64,
    /// The nodes that have seen this state.
    #[serde(default)]
    pub seen: FrozenSet<NodeAddress>,
    /// All instances of discoverable services.
    #[serde(default)]
    pub registry: FrozenSet<ServiceEntry>,
}

/// Per region and shard, the nodes that hold it.
pub type Allocations = BTreeMap<Arc<str>, BTreeMap<u32, ShardAllocation>>;
