//! The cluster's own messages, by the module of the protocol they belong to.
//!
//! Each carries the name of its Python class, so any [`Codec`](crate::Codec) writes and reads it
//! as nodes do. Missing here are only messages that nodes exchange among themselves.

pub mod envelope;
pub mod services;
pub mod sharding;
pub mod state;
pub mod structures;
pub mod topology;

pub use envelope::ShardEnvelope;
pub use services::{Find, Listing, ServiceInstance, ServiceKey};
pub use sharding::{GetShardLocation, ShardLocation};
pub use state::{ClusterState, Member, MemberStatus, ServiceEntry, ShardAllocation, VectorClock};
pub use topology::{
    DownMember, GetState, SubscribeTopology, TopologySnapshot, UnsubscribeTopology, WaitForMembers,
};
