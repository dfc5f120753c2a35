//! The cluster's own messages, by the module of the protocol they belong to.
//!
//! Each carries the name of its Python class, so any [`Codec`](crate::Codec) writes and reads it
//! as nodes do. Missing here are only messages that nodes exchange among themselves.

mod envelope;
mod services;
mod sharding;
mod state;
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
    WaitForMembers,
};
