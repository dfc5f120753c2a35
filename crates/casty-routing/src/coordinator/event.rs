//! The limits of a coordinator, what it is told, and what it wants done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use casty_proto::message::{MemberStatus, ShardAllocation, ShardLocation, TopologySnapshot};
use casty_proto::{Count, NodeAddress};

/// The region's shape and the limits of a [`Coordinator`](crate::Coordinator).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CoordinatorConfig {
    /// The number of shards that the region has; queries for others are refused.
    pub shards: u32,
    /// The number of copies of each shard that are placed beside its primary, nodes allowing.
    /// Default 0.
    pub replicas: usize,
    /// The most queries that are buffered for want of a leader or of a node that hosts the region.
    /// Default 10,000.
    pub buffered_queries: usize,
    /// The time for which each is buffered. Default 30 s.
    pub query_timeout: Duration,
    /// The most nodes known to host the region. Default 1,024.
    pub hosts: usize,
}

impl CoordinatorConfig {
    /// Returns the defaults for a region of `shards` shards.
    pub fn new(shards: u32) -> Self {
        Self {
            shards,
            replicas: 0,
            buffered_queries: 10_000,
            query_timeout: Duration::from_secs(30),
            hosts: 1_024,
        }
    }
}

/// The part of a node's view that a coordinator needs: one region's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegionView {
    /// The member that allocates.
    pub leader: Option<NodeAddress>,
    /// The members that are up and reachable.
    pub live: BTreeSet<NodeAddress>,
    /// The region's shards that are allocated.
    pub allocations: BTreeMap<u32, ShardAllocation>,
    /// The order of the allocations: those of a greater epoch are newer.
    pub epoch: u64,
}

impl RegionView {
    /// Extracts from a whole view what concerns `region`.
    pub fn of(snapshot: &TopologySnapshot, region: &str) -> Self {
        let unreachable: BTreeSet<_> = snapshot.unreachable.iter().collect();
        let live = snapshot
            .members
            .iter()
            .filter(|member| member.status == MemberStatus::Up)
            .map(|member| &member.address)
            .filter(|address| !unreachable.contains(address));
        Self {
            leader: snapshot.leader.clone(),
            live: live.cloned().collect(),
            allocations: snapshot
                .shard_allocations
                .get(region)
                .cloned()
                .unwrap_or_default(),
            epoch: snapshot.allocation_epoch,
        }
    }
}

/// An event that a [`Coordinator`](crate::Coordinator) is told of. `Q` is an asker, as the caller
/// knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoordinatorInput<Q> {
    /// The node's view changed, be it by what this coordinator published.
    View(RegionView),
    /// This node hosts the region. May be repeated, and is passed on to the leader each time.
    Host,
    /// `RegisterRegion` came from another node: a node hosts the region.
    Register {
        /// The node that hosts it.
        node: NodeAddress,
    },
    /// `GetShardLocation`: an asker wants to know who owns a shard.
    Query {
        /// The shard.
        shard: u32,
        /// The asker.
        asker: Q,
        /// The node that forwarded it; `None` if the asker sent it here.
        from: Option<NodeAddress>,
    },
    /// A node was found dead, before the view says so.
    NodeDown(NodeAddress),
    /// Nothing but time passed.
    Tick,
}

/// An order of a [`Coordinator`](crate::Coordinator) to its driver. Each query ends as exactly one
/// of the first three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoordinatorOutput<Q> {
    /// Answer the asker.
    Locate {
        /// The asker.
        asker: Q,
        /// The answer.
        location: ShardLocation,
    },
    /// Send the query on to the leader's coordinator, which answers the asker itself.
    Forward {
        /// The leader.
        leader: NodeAddress,
        /// The shard.
        shard: u32,
        /// The asker.
        asker: Q,
    },
    /// Drop the query: there is no answer, and Casty has no word for that on the wire. The asker's
    /// time runs out.
    Refused {
        /// The asker.
        asker: Q,
        /// The reason.
        reason: QueryRefusal,
    },
    /// Send `RegisterRegion` for the node to the leader's coordinator: leaders do not hand their
    /// knowledge on to the next one.
    Register {
        /// The leader.
        leader: NodeAddress,
        /// The node that hosts the region.
        node: NodeAddress,
    },
    /// Put the region's allocations into the node's view, under that epoch
    /// (`UpdateShardAllocations`).
    Publish {
        /// All of the region's allocations.
        allocations: BTreeMap<u32, ShardAllocation>,
        /// Greater than that of every view and every publication before.
        epoch: u64,
    },
    /// Nothing more to do until then, or until something happens.
    Wait(Option<Instant>),
}

/// The reason why a query gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryRefusal {
    /// The region has fewer shards: the asker counts them otherwise.
    #[error("the region has only {}", Count(*shards, "shard"))]
    NoSuchShard {
        /// The number of shards.
        shards: u32,
    },
    /// Too many queries are buffered already.
    #[error("the limit of buffered queries, {limit}, is reached")]
    Full {
        /// The limit.
        limit: usize,
    },
    /// No leader and no node that hosts the region turned up in time.
    #[error("no node could be found for the shard within {0:?}")]
    Expired(Duration),
}

/// The part that a coordinator plays at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CoordinatorRole {
    /// No view has arrived: everything is buffered.
    Pending,
    /// It allocates.
    Leader,
    /// It answers from the view and sends on the rest.
    Follower,
}
