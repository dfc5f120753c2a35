//! What goes into a router and what comes out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;
use casty_proto::message::ShardLocation;

use crate::{RegionId, RouteTable, ShardId, UndeliverableReason, View};

/// The limits and paces of a [`Router`](super::Router).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterConfig {
    /// How many messages may be held. Default: 65,536. What waits for one node takes no more of
    /// them than it leaves free.
    pub buffer_messages: usize,
    /// How many bytes of messages may be held. Default: 64 MiB, shared in the same way.
    pub buffer_bytes: usize,
    /// What gives way when a message finds no room. Default: that message.
    pub overflow: Overflow,
    /// How long to wait before a shard is asked for a second time; doubled each time, with jitter
    /// between half of it and all of it. Default: 500 ms.
    pub query_base: Duration,
    /// The longest wait between two questions. Default: 2 s.
    pub query_cap: Duration,
    /// How many regions there may be. Default: 1,024.
    pub max_regions: u32,
    /// How many shards a region may have; each costs some 64 bytes. Default: 65,536.
    pub max_shards: u32,
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
        }
    }
}

/// What gives way when a message that is to be held finds no room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The message itself.
    #[default]
    Refuse,
    /// The oldest held for the node that most is held for, and so on until there is room.
    DropOldest,
}

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Whichever node owns a shard.
    Shard {
        /// The region.
        region: RegionId,
        /// The shard.
        shard: ShardId,
    },
    /// This node and no other. While it is connected, a view matters only if it says that the node
    /// is down or removed.
    Node(NodeAddress),
}

/// A message on its way. The router never looks into `item`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingMessage<T> {
    /// Whom it is for.
    pub target: Target,
    /// The message.
    pub item: T,
    /// How much of the byte limit it takes while it is held.
    pub bytes: usize,
    /// When it is given up if it is still held.
    pub deadline: Instant,
}

/// What a router is told.
#[derive(Debug)]
pub enum RouterInput<H, T> {
    /// There is a message to deliver.
    Send(PendingMessage<T>),
    /// The view has changed. A view older than the last one is ignored.
    View(Arc<View>),
    /// A coordinator answered.
    Location {
        /// The region whose coordinator it was.
        region: RegionId,
        /// The answer.
        location: ShardLocation,
    },
    /// A connection was established. Ends any suspicion of the node. The
    /// [`PeerDown`](Self::PeerDown) of an earlier one comes first; else the new one replaces it.
    PeerUp {
        /// The node.
        node: NodeAddress,
        /// What delivers to it.
        handle: H,
    },
    /// A connection was lost.
    PeerDown {
        /// The node.
        node: NodeAddress,
        /// What never left, oldest first. It goes in front of what is held.
        unsent: Vec<PendingMessage<T>>,
    },
    /// A peer took in no more of what was delivered to it, full or closed. Until
    /// [`PeerReady`](Self::PeerReady), [`PeerUp`](Self::PeerUp) or [`PeerDown`](Self::PeerDown),
    /// nothing is delivered to it; it stays listed for shards for which nothing is held.
    PeerBusy {
        /// The node.
        node: NodeAddress,
        /// What it did not take in, oldest first. It goes in front of what is held.
        unsent: Vec<PendingMessage<T>>,
    },
    /// A busy peer takes in messages again.
    PeerReady(NodeAddress),
    /// A node could not be connected. It is avoided, even if views call it up, until
    /// [`PeerUp`](Self::PeerUp).
    ConnectFailed(NodeAddress),
    /// Time has passed.
    Tick,
    /// Gives up whatever is held, and everything that is sent from now on.
    Close,
}

/// What a router wants done.
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
    /// Send `GetShardLocation` to the leader's coordinator of a region. One question is in flight
    /// per shard; it is put again until it is answered or nothing is held for the shard.
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
    /// Something is held for a node without connection: connect, and try again for as long as
    /// [`Router::wants_connection`](super::Router::wants_connection) it. May be repeated.
    Connect {
        /// The node.
        node: NodeAddress,
    },
    /// A message is given up.
    Undeliverable {
        /// The message.
        message: PendingMessage<T>,
        /// Why.
        reason: UndeliverableReason,
    },
    /// Replace the route table. Comes after everything held for the shards that it newly lists was
    /// delivered, so that no later message overtakes an earlier one.
    Publish(Arc<RouteTable<H>>),
    /// Nothing more to do until this moment or the next input.
    Wait(Option<Instant>),
}

/// How much a router holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Buffered {
    /// Messages.
    pub messages: usize,
    /// Their bytes.
    pub bytes: usize,
}
