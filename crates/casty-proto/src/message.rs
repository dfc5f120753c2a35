//! The cluster's own messages.
//!
//! Each has the name of its Python class, so any [`Codec`](crate::Codec) writes and reads it as nodes
//! do. Those by which nodes agree on their members are in [`membership`], those of the distributed
//! structures in [`structures`], those of streams in [`streams`].

mod envelope;
pub mod membership;
mod services;
mod sharding;
mod state;
pub mod streams;
pub mod structures;
mod topology;

pub use envelope::{SHARD_ENVELOPE, ShardEnvelope};
pub use services::{
    Deregister, Find, Listing, RECEPTIONIST_PATH, Register, ServiceInstance, ServiceKey, Subscribe,
};
pub use sharding::{GetShardLocation, RegisterRegion, ShardLocation};
pub use state::{
    Allocations, ClusterState, Member, MemberStatus, ServiceEntry, ShardAllocation, VectorClock,
};
pub use topology::{
    DownMember, GetState, SubscribeTopology, TOPOLOGY_PATH, TopologySnapshot, UnsubscribeTopology,
    UpdateRegistry, WaitForMembers,
};
