//! The limits of a router, what it is told, and what it wants done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;
use casty_proto::message::ShardLocation;

use crate::contradiction::CountContradiction;
use crate::error::UndeliverableReason;
use crate::shard::ShardId;
use crate::table::{RegionId, RouteTable};
use crate::view::View;

/// The limits and the pace of a [`Router`](crate::Router).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RouterConfig {
    /// The most messages that are buffered. Default: 65,536. What waits for one node takes no more
    /// of them than it leaves free.
    pub buffer_messages: usize,
    /// The most bytes of messages that are buffered. Default: 64 MiB, shared in the same way.
    pub buffer_bytes: usize,
    /// The message that gives way when the buffer is full. Default: the new one.
    pub overflow: Overflow,
    /// The wait before the leader is asked for a shard a second time; doubled each time, with
    /// jitter between half of it and all of it. Default: 500 ms.
    pub query_base: Duration,
    /// The longest wait between two queries for the owner of a shard. Default: 2 s.
    ///
    /// Beyond it, pauses grow no more: the leader is asked until the message has an owner, or its time is over.
    pub query_cap: Duration,
    /// The most regions that can be registered. Default: 1,024.
    ///
    /// Beyond it, the next region is refused (`RegisterRegionError::TooManyRegions`); structures are regions,
    /// too.
    pub max_regions: u32,
    /// The most shards of a region; each costs some 8 bytes, and as
    /// much again while the table changes. Default: 65,536.
    ///
    /// Beyond it, the region is refused (`RegisterRegionError::TooManyShards`).
    pub max_shards: u32,
    /// The treatment of a region whose shard count the view contradicts. Default: it stays in use.
    pub shard_counts: ShardCounts,
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            buffer_messages: 65_536,
            buffer_bytes: 64 * 1024 * 1024,
            overflow: Overflow::Refuse,
            query_base: Duration::from_millis(500),
            query_cap: Duration::from_secs(2),
            max_regions: 1_024,
            max_shards: 65_536,
            shard_counts: ShardCounts::Lenient,
        }
    }
}

/// The message that gives way when one is to be buffered and the buffer is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// The new message itself.
    #[default]
    Refuse,
    /// The oldest message for the node that most is buffered for, and so on until there is
    /// capacity.
    DropOldest,
}

/// The treatment of a region whose shard count the view contradicts: shards are allocated that a
/// region of that count does not have, because some other program has asked for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ShardCounts {
    /// The count that the program gave stays in use: nobody can tell from allocations who is wrong,
    /// and one wrong program would stop all others.
    #[default]
    Lenient,
    /// Messages to the region are refused for as long as the view contradicts the count, and so is a
    /// region of that count.
    Strict,
}

/// The destination of a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The node that owns a shard, whichever it is.
    Shard {
        /// The region.
        region: RegionId,
        /// The shard.
        shard: ShardId,
    },
    /// One node and no other. While it is connected, a view matters only if it says that the node
    /// is down or removed.
    Node(NodeAddress),
    /// The node that leads the cluster, whichever it is. While the view names no leader, or avoids the
    /// one that it names, there is nothing to connect, and its messages wait.
    Leader,
}

/// A message that waits for its delivery. The router never looks into `item`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PendingMessage<T> {
    /// The destination.
    pub target: Target,
    /// The message.
    pub item: T,
    /// The part of the byte limit that it takes while it is buffered.
    pub bytes: usize,
    /// The time at which it becomes undeliverable if it is still buffered.
    pub deadline: Instant,
}

/// An event that a [`Router`](crate::Router) is told of.
#[derive(Debug)]
#[non_exhaustive]
pub enum RouterInput<H, T> {
    /// A message is to be delivered.
    Send(PendingMessage<T>),
    /// The view has changed. A view older than the last one is ignored.
    View(Arc<View>),
    /// A coordinator answered.
    Location {
        /// The region whose coordinator answered.
        region: RegionId,
        /// The answer.
        location: ShardLocation,
    },
    /// A connection was established. Ends any suspicion of the node. The
    /// [`PeerDown`](Self::PeerDown) of an earlier one comes first; else the new one replaces it.
    PeerUp {
        /// The node.
        node: NodeAddress,
        /// The handle that delivers to it.
        handle: H,
    },
    /// A connection was lost.
    PeerDown {
        /// The node.
        node: NodeAddress,
        /// The messages that never left, oldest first. They go in front of those that are buffered.
        unsent: Vec<PendingMessage<T>>,
    },
    /// A peer took in no more of what was delivered to it, full or closed. Until
    /// [`PeerReady`](Self::PeerReady), [`PeerUp`](Self::PeerUp) or [`PeerDown`](Self::PeerDown),
    /// nothing is delivered to it; it stays listed for shards for which nothing is buffered.
    PeerBusy {
        /// The node.
        node: NodeAddress,
        /// The messages that it did not take in, oldest first. They go in front of those that are
        /// buffered.
        unsent: Vec<PendingMessage<T>>,
    },
    /// A busy peer takes in messages again.
    PeerReady(NodeAddress),
    /// A node could not be connected. It is avoided, even if views call it up, until
    /// [`PeerUp`](Self::PeerUp).
    ConnectFailed(NodeAddress),
    /// Time has passed.
    Tick,
    /// The router is no longer needed: what is buffered is undeliverable, and so is everything that
    /// is sent from now on.
    Close,
}

/// An order of a [`Router`](crate::Router) to its driver.
#[derive(Debug)]
pub enum RouterOutput<H, T> {
    /// Hand a message to a peer. In order for each target. Should the peer not take it in, be it
    /// full or closed, hand it back with [`RouterInput::PeerBusy`] before the next poll.
    Deliver {
        /// The peer.
        to: H,
        /// Its node.
        node: NodeAddress,
        /// The message.
        message: PendingMessage<T>,
    },
    /// Send `GetShardLocation` to the leader's coordinator of a region. One query is in flight for
    /// each shard; it is repeated until it is answered or nothing is buffered for the shard.
    Query {
        /// The leader.
        leader: H,
        /// Its node.
        node: NodeAddress,
        /// The region.
        region: RegionId,
        /// The region's name.
        name: Arc<str>,
        /// The shard.
        shard: ShardId,
    },
    /// Connect to a node that messages are buffered for, and try again for as long as
    /// [`Router::wants_connection`](crate::Router::wants_connection) says so. May be repeated.
    Connect {
        /// The node.
        node: NodeAddress,
    },
    /// Tell the sender that its message was not sent.
    Undeliverable {
        /// The message.
        message: PendingMessage<T>,
        /// The reason.
        reason: UndeliverableReason,
    },
    /// Replace the route table. Comes after everything buffered for the shards that it newly lists
    /// was delivered, so that no later message overtakes an earlier one.
    Publish(Arc<RouteTable<H>>),
    /// Tell people that the view contradicts the shard count of a region: some other program uses
    /// another one. Comes again whenever it changes.
    Contradiction {
        /// The region.
        region: RegionId,
        /// The region's name.
        name: Arc<str>,
        /// The contradiction; `None` once the view says nothing against the count any more.
        contradiction: Option<CountContradiction>,
    },
    /// Nothing more to do until this moment or the next input.
    Wait(Option<Instant>),
}

/// The amount that a router buffers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Buffered {
    /// The number of messages.
    pub messages: usize,
    /// The sum of their bytes.
    pub bytes: usize,
}
