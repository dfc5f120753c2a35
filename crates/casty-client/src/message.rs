//! The forms of a message on its way through the client.

use std::any::type_name;
use std::sync::Arc;

use bytes::Bytes;
use casty_proto::message::SHARD_ENVELOPE;
use casty_proto::{Codec, EncodeError, NodeAddress, TraceParent, TypeHint};
use casty_routing::{RegionId, ShardId, Target};
use casty_transport::OutboxTag;
use serde::Serialize;

use crate::pending_asks::id::AskId;
use crate::runtime::clock::Tick;

/// A message as it is given to the client.
pub(crate) trait Message {
    /// The Rust type of the message, for dead letters.
    fn kind(&self) -> &'static str;

    /// Appends the encoded message to `out`, and returns its class.
    fn encode(&self, codec: &Codec, out: &mut Vec<u8>) -> Result<TypeHint, EncodeError>;
}

/// A message for an actor.
pub(crate) struct Plain<'a, M>(pub(crate) &'a M);

impl<M: Serialize> Message for Plain<'_, M> {
    fn kind(&self) -> &'static str {
        type_name::<M>()
    }

    fn encode(&self, codec: &Codec, out: &mut Vec<u8>) -> Result<TypeHint, EncodeError> {
        codec.encode(self.0, out)
    }
}

/// A message for an entity.
pub(crate) struct Envelope<'a, M> {
    pub(crate) entity_id: &'a str,
    pub(crate) message: &'a M,
}

impl<M: Serialize> Message for Envelope<'_, M> {
    fn kind(&self) -> &'static str {
        type_name::<M>()
    }

    fn encode(&self, codec: &Codec, out: &mut Vec<u8>) -> Result<TypeHint, EncodeError> {
        codec.encode_envelope(self.entity_id, self.message, out)?;
        Ok(TypeHint::Borrowed(SHARD_ENVELOPE))
    }
}

/// A message as it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoded<'a> {
    pub(crate) bytes: &'a [u8],
    /// The Rust type of the message, for dead letters.
    pub(crate) kind: &'static str,
    /// The trace context that it was kept with; `None` if it takes the one there is when it is sent.
    pub(crate) trace: Option<&'a TraceParent>,
}

/// A region, as messages to its entities name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Region<'a> {
    pub(crate) id: RegionId,
    pub(crate) name: &'a str,
}

impl<'a> Region<'a> {
    /// Returns where a message for a shard goes.
    pub(crate) fn destination(self, shard: ShardId) -> Destination<'a> {
        Destination::Shard {
            region: self.id,
            name: self.name,
            shard,
        }
    }
}

/// The receiver of a message, as the caller names it.
#[derive(Debug, Clone)]
pub(crate) enum Destination<'a> {
    /// The owner of a shard; the message is an envelope.
    Shard {
        region: RegionId,
        name: &'a str,
        shard: ShardId,
    },
    /// One actor of one node; the message is of `class`.
    Actor {
        node: NodeAddress,
        path: &'a str,
        class: &'a str,
    },
    /// An actor of whichever node leads; the message is of `class`.
    Leader { path: &'a str, class: &'a str },
}

impl Destination<'_> {
    /// Returns the target as the router names it.
    pub(crate) fn target(&self) -> Target {
        match self {
            Self::Shard { region, shard, .. } => Target::Shard {
                region: *region,
                shard: *shard,
            },
            Self::Actor { node, .. } => Target::Node(node.clone()),
            Self::Leader { .. } => Target::Leader,
        }
    }
}

/// The part of a message that the client remembers while it is in an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) route: Route,
    pub(crate) deadline: Tick,
    pub(crate) ask: Option<AskId>,
    pub(crate) kind: &'static str,
}

impl OutboxTag for Tag {
    fn group(&self) -> usize {
        self.route.group()
    }
}

/// The route by which a message came into the outbox of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// The node owns the shard.
    Shard(RegionId, ShardId),
    /// The message is for an actor of this very node.
    Node,
    /// The node leads the cluster.
    Leader,
    /// The message is for an actor of this very node, by this very connection or not at all.
    Connection,
}

impl Route {
    /// Returns the number of the counters of its messages: each region has its own.
    pub(crate) fn group(self) -> usize {
        match self {
            Self::Node | Self::Leader | Self::Connection => ACTORS_GROUP,
            Self::Shard(region, _) => group_of(region),
        }
    }

    /// Returns the target of a message by this route in the outbox of `node`.
    pub(crate) fn target(self, node: &NodeAddress) -> Target {
        match self {
            Self::Shard(region, shard) => Target::Shard { region, shard },
            Self::Node | Self::Connection => Target::Node(node.clone()),
            Self::Leader => Target::Leader,
        }
    }
}

/// The number of the counters of messages to actors of nodes.
pub(crate) const ACTORS_GROUP: usize = 0;

/// Returns the number of the counters of messages to a region.
pub(crate) fn group_of(region: RegionId) -> usize {
    region.get() as usize + 1
}

/// Returns the number of the counters of messages to a target.
pub(crate) fn group(target: &Target) -> usize {
    match target {
        Target::Shard { region, .. } => group_of(*region),
        Target::Node(_) | Target::Leader => ACTORS_GROUP,
    }
}

/// A message that the router has, and may hand to any node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// The path of an actor and the class of the message; `None` for a shard, whose region says
    /// both.
    pub(crate) actor: Option<(Arc<str>, Arc<str>)>,
    pub(crate) message: Bytes,
    pub(crate) deadline: Tick,
    pub(crate) ask: Option<AskId>,
    pub(crate) kind: &'static str,
    pub(crate) trace: Option<TraceParent>,
    /// Set if its reply address may be another than the client's first address.
    pub(crate) readdressed: bool,
}
