//! Messages of `casty.cluster.topology`, and those of `casty.cluster.topology_actor` that a client
//! sends.

use serde::{Deserialize, Serialize};

use super::state::{Allocations, ClusterState, Member, ServiceEntry};
use crate::{ActorRef, FrozenSet, NodeAddress};

/// The path of the topology actor of every node, which receives all requests of this kind.
pub const TOPOLOGY_PATH: &str = "/_cluster/_topology";

/// A request to a node for its view, at once and whenever it changes or is gossiped about.
/// Subscribing the same reference again is answered at once and changes nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology.SubscribeTopology")]
pub struct SubscribeTopology {
    /// The actor that receives the views.
    pub reply_to: ActorRef<TopologySnapshot>,
}

/// The end of a subscription. Nodes never end one by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology.UnsubscribeTopology")]
pub struct UnsubscribeTopology {
    /// The reference that was subscribed.
    pub subscriber: ActorRef<TopologySnapshot>,
}

/// The whole view of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology.TopologySnapshot")]
pub struct TopologySnapshot {
    /// All members ever seen.
    pub members: FrozenSet<Member>,
    /// The `up` member that is lowest by host and port; `None` if no member is up.
    pub leader: Option<NodeAddress>,
    /// The nodes that hold each shard, by region and shard.
    pub shard_allocations: Allocations,
    /// The number by which the allocations of views are ordered; the rest of a view has no order.
    pub allocation_epoch: u64,
    /// The members that do not answer heartbeats, whatever their status is.
    #[serde(default)]
    pub unreachable: FrozenSet<NodeAddress>,
    /// All instances of discoverable services.
    #[serde(default)]
    pub registry: FrozenSet<ServiceEntry>,
}

impl From<&ClusterState> for TopologySnapshot {
    /// Returns the view that a node tells of its state.
    fn from(state: &ClusterState) -> Self {
        Self {
            members: state.members.clone(),
            leader: state.leader().cloned(),
            shard_allocations: state.shard_allocations.clone(),
            allocation_epoch: state.allocation_epoch,
            unreachable: state.unreachable.clone(),
            registry: state.registry.clone(),
        }
    }
}

/// A request for a node's whole state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.GetState")]
pub struct GetState {
    /// The actor that receives the state.
    pub reply_to: ActorRef<ClusterState>,
}

/// A request that is answered when at least `n` members are up; at once if `n` is 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.WaitForMembers")]
pub struct WaitForMembers {
    /// The number of members.
    pub n: u32,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<ClusterState>,
}

/// The administrative order to declare a member dead. Nodes obey whoever sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.DownMember")]
pub struct DownMember {
    /// The member's address.
    pub address: NodeAddress,
}

/// An addition to a node's registry of services. The node tells its subscribers its view anew,
/// coordinators among them, whatever is added: an empty one has them look at the view once more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.UpdateRegistry")]
pub struct UpdateRegistry {
    /// The instances that are added.
    pub entries: FrozenSet<ServiceEntry>,
}
