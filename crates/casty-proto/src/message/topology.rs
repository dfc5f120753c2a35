//! `casty.cluster.topology` and the messages of `casty.cluster.topology_actor` that a client
//! sends: all of them go to `/_cluster/_topology` of a node.

use serde::{Deserialize, Serialize};

use super::state::{Allocations, ClusterState, Member, ServiceEntry};
use crate::{ActorRef, FrozenSet, NodeAddress};

/// Where the topology actor of every node listens.
pub const TOPOLOGY_PATH: &str = "/_cluster/_topology";

/// Asks a node to send its view, at once and whenever it changes or is gossiped about.
/// Subscribing the same reference again is answered at once and changes nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology.SubscribeTopology")]
pub struct SubscribeTopology {
    /// Who receives the views.
    pub reply_to: ActorRef<TopologySnapshot>,
}

/// Ends a subscription. Nodes never end one by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology.UnsubscribeTopology")]
pub struct UnsubscribeTopology {
    /// The reference that was subscribed.
    pub subscriber: ActorRef<TopologySnapshot>,
}

/// The view of one node, whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology.TopologySnapshot")]
pub struct TopologySnapshot {
    /// All members ever seen.
    pub members: FrozenSet<Member>,
    /// The `up` member that is lowest by host and port, if any is up.
    pub leader: Option<NodeAddress>,
    /// Per region and shard, the nodes that hold it.
    pub shard_allocations: Allocations,
    /// Orders the allocations of views; says nothing of the rest.
    pub allocation_epoch: u64,
    /// Members that do not answer heartbeats, whatever their status says.
    #[serde(default)]
    pub unreachable: FrozenSet<NodeAddress>,
    /// All instances of discoverable services.
    #[serde(default)]
    pub registry: FrozenSet<ServiceEntry>,
}

/// Asks for the node's whole state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.GetState")]
pub struct GetState {
    /// Who receives it.
    pub reply_to: ActorRef<ClusterState>,
}

/// Asks to be told when at least `n` members are up; 0 is answered at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.WaitForMembers")]
pub struct WaitForMembers {
    /// How many members.
    pub n: u32,
    /// Who is told.
    pub reply_to: ActorRef<ClusterState>,
}

/// Declares a member dead. Administrative: nodes act on it without asking who sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.topology_actor.DownMember")]
pub struct DownMember {
    /// The member.
    pub address: NodeAddress,
}
