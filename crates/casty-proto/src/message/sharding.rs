//! Messages of `casty.cluster.coordinator`: the owners of shards.

use serde::{Deserialize, Serialize};

use crate::{ActorRef, NodeAddress, Tuple};

/// A request to the coordinator of a region (`/_coord-<region>`) for the owner of a shard; the leader
/// allocates the shard if it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.coordinator.GetShardLocation")]
pub struct GetShardLocation {
    /// The shard.
    pub shard_id: u32,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<ShardLocation>,
}

/// The answer to [`GetShardLocation`]: the owner of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.coordinator.ShardLocation")]
pub struct ShardLocation {
    /// The shard.
    pub shard_id: u32,
    /// The node that owns the shard.
    pub node: NodeAddress,
    /// The nodes that hold copies.
    #[serde(default)]
    pub replicas: Tuple<NodeAddress>,
}

/// The registration of a node that hosts a coordinator's region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.coordinator.RegisterRegion")]
pub struct RegisterRegion {
    /// The node.
    pub node: NodeAddress,
}
