//! The reasons why a region cannot be registered, and why a message could not be delivered.

use casty_proto::{Count, NodeAddress};

use crate::shard::{ShardCount, ShardId, Shards};

/// The reason why [`Router::register_region`](crate::Router::register_region) refused a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterRegionError {
    /// The program itself uses the region with another shard count; one of the two is wrong.
    #[error("the region is in use with {}, not {asked}", Shards(*.registered))]
    OtherCount {
        /// The count in use.
        registered: ShardCount,
        /// The count asked for.
        asked: ShardCount,
    },
    /// The cluster allocates a shard that a region of that count does not have, and
    /// [`ShardCounts::Strict`](crate::ShardCounts) refuses such a region.
    #[error(
        "the cluster allocates shard {allocated}, which a region of {} does not have",
        Shards(*.asked)
    )]
    Contradicted {
        /// A shard that is allocated.
        allocated: ShardId,
        /// The count asked for.
        asked: ShardCount,
    },
    /// There are as many regions as the configuration allows.
    #[error("the limit of regions in use, {limit}, is reached")]
    TooManyRegions {
        /// The limit.
        limit: u32,
    },
    /// The region would have more shards than the configuration allows.
    #[error("a region of more than {}", Count(*limit, "shard"))]
    TooManyShards {
        /// The limit.
        limit: u32,
    },
}

/// The reason why a message was not delivered. It never left: nothing of it can have reached any
/// node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UndeliverableReason {
    /// Its deadline passed while it was buffered.
    #[error("the deadline passed: {missing}")]
    Deadline {
        /// The thing that it waited for.
        missing: MissingRoute,
    },
    /// As much is buffered as the configuration allows, in all or for its node.
    #[error(
        "the buffer is full, of {} and {}",
        Count(*messages, "message"),
        Count(*bytes, "byte")
    )]
    BufferFull {
        /// The limit of messages.
        messages: usize,
        /// The limit of bytes.
        bytes: usize,
    },
    /// It was buffered, and gave way to a newer one: the buffer is full.
    #[error("it gave way to a newer message")]
    Displaced,
    /// The node it was meant for is down or has left.
    #[error("node {node} is down or has left the cluster")]
    NodeGone {
        /// The node.
        node: NodeAddress,
    },
    /// The region is none of this router's.
    #[error("unknown region")]
    UnknownRegion,
    /// The region has no such shard.
    #[error("a region of {} has no shard {shard}", Shards(*.count))]
    UnknownShard {
        /// The shard asked for.
        shard: ShardId,
        /// The number of shards that there are.
        count: ShardCount,
    },
    /// The cluster allocates a shard that a region of that count does not have, and
    /// [`ShardCounts::Strict`](crate::ShardCounts) refuses messages to such a region.
    #[error(
        "the cluster allocates shard {allocated}, which a region of {} does not have",
        Shards(*.count)
    )]
    WrongCount {
        /// A shard that is allocated.
        allocated: ShardId,
        /// The count the region was registered with.
        count: ShardCount,
    },
    /// The router was closed.
    #[error("closed")]
    Closed,
}

/// The part of its route that a buffered message waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum MissingRoute {
    /// A view: no node was reached, or none that tells of its cluster.
    #[error("no view of the cluster has come")]
    View,
    /// A leader: the view names none, for the cluster is not formed; or it avoids the one that it names,
    /// for whom the message is.
    #[error("no leader is known")]
    Leader,
    /// A connection to the leader, which could tell who owns the shard.
    #[error("no connection to the leader {0}")]
    LeaderConnection(NodeAddress),
    /// A usable owner: no node hosts the region, or the view avoids the owner and the leader has named no
    /// other.
    #[error("the leader names no usable owner of the shard")]
    Owner,
    /// A connection to the owner of the shard, which the cluster may take for alive although it is dead, or to
    /// the node addressed.
    #[error("no connection to {0}")]
    Connection(NodeAddress),
    /// Capacity of the node, which is connected, but takes in no more at the moment.
    #[error("{0} takes in no more at the moment")]
    Capacity(NodeAddress),
}
