//! `casty.cluster.coordinator`: who holds a shard.

use serde::{Deserialize, Serialize};

use crate::{ActorRef, NodeAddress, Tuple};

/// Asks the coordinator of a region (`/_coord-<region>`) who holds a shard; the leader allocates
/// it if nobody does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.coordinator.GetShardLocation")]
pub struct GetShardLocation {
    /// The shard.
    pub shard_id: u32,
    /// Who receives the answer.
    pub reply_to: ActorRef<ShardLocation>,
}

/// Tells who holds a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.coordinator.ShardLocation")]
pub struct ShardLocation {
    /// The shard.
    pub shard_id: u32,
    /// The node that answers for it.
    pub node: NodeAddress,
    /// The nodes that hold copies.
    #[serde(default)]
    pub replicas: Tuple<NodeAddress>,
}

/// Tells a coordinator that a node hosts its region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.coordinator.RegisterRegion")]
pub struct RegisterRegion {
    /// The node.
    pub node: NodeAddress,
}
