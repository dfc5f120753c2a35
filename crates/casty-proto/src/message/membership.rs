//! Messages of `casty.cluster.topology_actor` by which nodes agree on who is a member.
//!
//! All go to the topology actor ([`TOPOLOGY_PATH`](super::TOPOLOGY_PATH)) of a node, and replies to the
//! reference that asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::state::{ClusterState, ShardAllocation};
use crate::{ActorRef, FrozenSet, NodeAddress, shared_text};

/// The whole state of a node, told to another one about once a second. The receiver merges it, and answers
/// with the outcome unless this is an answer itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.GossipMessage")]
pub struct GossipMessage {
    /// The sender's state.
    pub state: ClusterState,
    /// The sender.
    pub from_node: NodeAddress,
    /// `true` in an answer, which is not answered.
    #[serde(default)]
    pub is_reply: bool,
}

/// A request of a node to be a member. The receiver lists it as `joining`, whatever it was before, and no
/// longer refuses connections to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.JoinRequest")]
pub struct JoinRequest {
    /// The node that joins.
    pub node: NodeAddress,
    /// Its roles.
    pub roles: FrozenSet<Arc<str>>,
    /// Its name.
    #[serde(deserialize_with = "shared_text::deserialize")]
    pub node_id: Arc<str>,
    /// The actor that receives the answer, if one is wanted.
    #[serde(default)]
    pub reply_to: Option<ActorRef<JoinAccepted>>,
}

/// The answer to a [`JoinRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.JoinAccepted")]
pub struct JoinAccepted {
    /// The state of the node that answers, the new member in it.
    pub state: ClusterState,
}

/// A question of one node whether another lives, asked twice a second and answered at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.HeartbeatRequest")]
pub struct HeartbeatRequest {
    /// The node that asks.
    pub from_node: NodeAddress,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<HeartbeatResponse>,
}

/// The answer to a [`HeartbeatRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.HeartbeatResponse")]
pub struct HeartbeatResponse {
    /// The node that lives.
    pub from_node: NodeAddress,
}

/// The order to list a member that joins as `up`. Leaders tell it to themselves; nodes obey whoever sends
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.PromoteMember")]
pub struct PromoteMember {
    /// The member's address.
    pub address: NodeAddress,
}

/// The allocations of one region, from the coordinator of the leader to the state that is gossiped. Ignored
/// unless the epoch is greater than the state's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.UpdateShardAllocations")]
pub struct UpdateShardAllocations {
    /// The region.
    #[serde(deserialize_with = "shared_text::deserialize")]
    pub shard_type: Arc<str>,
    /// The nodes that hold each of its shards: all of them.
    pub allocations: BTreeMap<u32, ShardAllocation>,
    /// The number of changes of the allocations of all regions.
    pub epoch: u64,
}
