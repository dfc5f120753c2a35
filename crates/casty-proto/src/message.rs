//! The cluster's own messages.
//!
//! Each has the name of its Python class, so any [`Codec`](crate::Codec) writes and reads it as nodes
//! do. Only messages that nodes exchange among themselves are missing. Those of the distributed
//! structures are in [`structures`], those of streams in [`streams`].

mod envelope;
mod services;
mod sharding;
mod state;
pub mod streams;
pub mod structures;
mod topology;

pub use envelope::{SHARD_ENVELOPE, ShardEnvelope};
pub use services::{Find, Listing, RECEPTIONIST_PATH, ServiceInstance, ServiceKey};
pub use sharding::{GetShardLocation, RegisterRegion, ShardLocation};
pub use state::{
    Allocations, ClusterState, Member, MemberStatus, ServiceEntry, ShardAllocation, VectorClock,
};
pub use topology::{
    DownMember, GetState, SubscribeTopology, TOPOLOGY_PATH, TopologySnapshot, UnsubscribeTopology,
    UpdateRegistry, WaitForMembers,
};
