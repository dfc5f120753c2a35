//! What can go wrong for a caller, and what may be concluded about the message.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::{AddressError, DecodeError, EncodeError, NodeAddress};
use casty_routing::MissingRoute;
use casty_transport::{ConnectError, OutboxLimit};

/// What became of a message. Casty acknowledges nothing, so none is ever called delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It was handed to the kernel of this machine, on a connection to the right node.
    Written,
    /// Nothing of it left; sending it again cannot make it arrive twice.
    NotSent,
    /// The connection was lost while it may have been in flight.
    Unknown,
}

/// Why a message was not sent although the client had accepted it, or could not be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// Its time passed before a connected node was found to own its shard, or to be its target.
    /// Where no view has come, [`ready`](crate::ClusterClient::ready) tells why.
    #[error("its time passed: {0}")]
    Expired(MissingRoute),
    /// As many messages wait for a route as may wait, in all or for its node.
    #[error("as many messages wait for a route as may wait")]
    BufferFull,
    /// It waited for a route and gave way to a newer message, for as many wait as may wait:
    /// [`Overflow::DropOldest`](crate::Overflow).
    #[error("it waited for a route and gave way to a newer message")]
    Displaced,
    /// The node it was meant for is down or has left the cluster.
    #[error("its node is down or has left the cluster")]
    NodeGone,
    /// The cluster divides the region into another number of shards than it was used with.
    #[error("the cluster divides the region into another number of shards")]
    OtherShardCount,
    /// It was an ask, and nobody waits for its reply any more.
    #[error("nobody waits for its reply any more")]
    Abandoned,
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
    /// Its frame is longer than the connection accepts.
    #[error("its frame would be longer than any may be")]
    TooLong,
}

/// Why a message was not accepted. Nothing of it was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TellError {
    /// As much waits to be written to the owning node as may wait. Try again, or wait with
    /// `tell_wait`.
    #[error("the outbox to {node} is full ({limit}) for a frame of {length} bytes")]
    Busy {
        /// The node.
        node: NodeAddress,
        /// The frame's length in bytes.
        length: usize,
        /// The limit that is reached, in bytes or messages.
        limit: OutboxLimit,
    },
    /// As many messages wait for a route as may wait, in all or for its node: the cluster, or the
    /// owner, is not there. Try again, or wait with `tell_wait`.
    #[error("as many messages wait for a route as may wait")]
    BufferFull,
    /// The message cannot be encoded.
    #[error("the message cannot be encoded")]
    Encode(#[from] EncodeError),
    /// The message makes a longer frame than any may be.
    #[error("the message makes a frame of {length} bytes, over the limit of {limit}")]
    TooLong {
        /// The frame's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The reference is no address that can be sent to.
    #[error("the reference cannot be sent to")]
    Address(#[from] AddressError),
    /// The reference is local to the node that made it: it has no host and port.
    #[error("the reference has no host and port")]
    LocalReference,
    /// No actor of that name runs on this client.
    #[error("no such actor runs on this client")]
    NoSuchActor,
    /// The actor's mailbox on this client is full.
    #[error("the actor's mailbox is full")]
    MailboxFull,
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}

impl TellError {
    /// What may have happened to the message: nothing, whatever the error.
    pub fn fate(&self) -> Fate {
        Fate::NotSent
    }
}

/// Why an ask ended without a reply.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No reply came in time. The message may or may not have been handled.
    #[error("no reply within {after:?}{}", Attempts(*.attempts))]
    Timeout {
        /// How long it was.
        after: Duration,
        /// How often the message was sent; more than once only if the ask is idempotent.
        attempts: u32,
    },
    /// The message was not accepted.
    #[error("the message was not accepted")]
    Refused(#[from] TellError),
    /// As many asks wait for their replies as may wait.
    #[error("{limit} asks already wait for their replies")]
    TooManyAsks {
        /// The limit.
        limit: usize,
    },
    /// As many bytes as may be are kept for idempotent asks, and by long replies that nobody has
    /// taken. Nothing was sent.
    #[error("no room to keep a message of {length} bytes for sending it again ({limit} bytes)")]
    AskBytesFull {
        /// The message's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The message was accepted but never sent.
    #[error("the message was not sent")]
    NotSent(#[from] NotSent),
    /// The connection was lost before the reply came.
    #[error("the connection to {node} was lost before the reply came{}", Attempts(*.attempts))]
    Lost {
        /// The node; of several, the last.
        node: NodeAddress,
        /// Written: the other end's kernel had the message, which is the node's, or behind a
        /// `casty proxy` that of the proxy. Unknown: it, or an earlier copy of it, may have been in
        /// flight.
        fate: Fate,
        /// How often the message was sent; more than once only if the ask is idempotent.
        attempts: u32,
    },
    /// A reply came and was dropped: with it, more bytes of replies that nobody has taken yet
    /// would be kept than may be.
    #[error("a reply of {length} bytes was dropped for want of room ({limit} bytes)")]
    ReplyDropped {
        /// The reply's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The client ended before a reply came.
    #[error("the client was closed before a reply came")]
    Closed,
    /// A reply came that is not of the type asked for.
    #[error("the reply cannot be decoded")]
    Decode(#[from] DecodeError),
}

impl AskError {
    /// What may have happened to the message. Of one that was sent several times: unknown if any
    /// copy may have been in flight, not sent only if none left.
    pub fn fate(&self) -> Fate {
        match self {
            Self::Refused(_)
            | Self::TooManyAsks { .. }
            | Self::AskBytesFull { .. }
            | Self::NotSent(_) => Fate::NotSent,
            Self::Lost { fate, .. } => *fate,
            Self::Timeout { .. } | Self::Closed => Fate::Unknown,
            Self::ReplyDropped { .. } | Self::Decode(_) => Fate::Written,
        }
    }
}

/// How often a message was sent, as part of a sentence.
struct Attempts(u32);

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 | 1 => Ok(()),
            attempts => write!(f, ", in {attempts} attempts"),
        }
    }
}

/// Why a region cannot be addressed as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// A region has at least one shard.
    #[error("region {region:?} of no shards")]
    NoShards {
        /// The region.
        region: String,
    },
    /// The name cannot stand in an address.
    #[error("region name {region:?} is empty or holds a line break")]
    Name {
        /// The name.
        region: String,
    },
    /// The number of shards contradicts what is known, or passes a limit. Messages would go astray
    /// if client and nodes did not agree.
    #[error("region {region:?} cannot be used with that number of shards")]
    Shards {
        /// The region.
        region: String,
        /// What is wrong.
        #[source]
        source: casty_routing::RegisterRegionError,
    },
}

/// Why an actor could not be spawned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The name is empty, begins with an underscore or a slash, or holds a line break.
    #[error("{0:?} is no name for an actor: empty, with a leading _ or /, or a line break")]
    Name(String),
    /// An actor of that name is running.
    #[error("an actor named {0:?} is running")]
    Taken(String),
    /// As many actors run as may.
    #[error("{limit} actors are running already")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}

/// Why there is no view of the cluster yet.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReadyError {
    /// The time was up. The client goes on trying.
    #[error("no view of the cluster within {after:?}{}{}", Reasons(.failures), Silent(.silent))]
    Timeout {
        /// How long it was.
        after: Duration,
        /// The addresses that could not be connected when last dialled, and why.
        failures: Vec<(NodeAddress, ConnectError)>,
        /// The nodes that are connected and have not told of their cluster: they hang, or cannot
        /// read what they were asked, because they use another serializer or compression.
        silent: Vec<NodeAddress>,
    },
    /// A node that was reached belongs to an actor system of another name.
    #[error("{node} belongs to the system {found:?}, not {expected:?}")]
    OtherSystem {
        /// The node.
        node: NodeAddress,
        /// Its system.
        found: Arc<str>,
        /// The system the client was configured for.
        expected: Arc<str>,
    },
    /// A node that was reached sent a view that cannot be read: it uses another serializer, or
    /// another version of the protocol.
    #[error("the view that {node} sent cannot be read: is the codec the cluster's?")]
    Unreadable {
        /// The node.
        node: NodeAddress,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

impl From<Closed> for ReadyError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// An error and its causes, in one line.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// The failures of dials, as part of a sentence.
struct Reasons<'a>(&'a [(NodeAddress, ConnectError)]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (node, error)) in self.0.iter().enumerate() {
            let lead = if place == 0 { ": " } else { "; " };
            write!(f, "{lead}{node}: {}", Chain(error))?;
        }
        Ok(())
    }
}

/// The nodes that say nothing, as part of a sentence.
struct Silent<'a>(&'a [NodeAddress]);

impl fmt::Display for Silent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(());
        };
        write!(f, "; connected to {first}")?;
        for node in rest {
            write!(f, ", {node}")?;
        }
        f.write_str(" and told nothing: are serializer and compression the cluster's?")
    }
}

/// The client was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client is closed")]
pub struct Closed;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<TellError>() <= 64, "{}", size_of::<TellError>());
        assert!(size_of::<AskError>() <= 72, "{}", size_of::<AskError>());
    }
}
