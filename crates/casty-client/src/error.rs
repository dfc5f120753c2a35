//! The errors of a caller's operations, and the fate of the message that each leaves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::{
    AddressError, Chain, Count, DecodeError, EncodeError, Escaped, Listed, NodeAddress,
};
use casty_routing::{MissingRoute, ShardCount, ShardId, UndeliverableReason};
use casty_transport::{ConnectError, OutboxLimit};

pub(crate) mod any;
pub(crate) mod discovery;
pub(crate) mod kind;
pub(crate) mod names;
pub(crate) mod outlook;
mod outlooks;
mod over_limit;
pub(crate) mod services;

pub use over_limit::OverLimit;

use discovery::DiscoveryError;

/// The fate of a message. Casty acknowledges nothing, so no message is ever called delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// The message was handed to the kernel of this machine, on a connection to the right node.
    Written,
    /// Nothing of the message left; sending it again cannot make it arrive twice.
    NotSent,
    /// The message may have been in flight when its connection was lost.
    Unknown,
}

/// The reason for which the client did not send a message that it had accepted. It may be sent
/// again without arriving twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// No connected owner of its shard, no connected leader, or no connection to its node was found before
    /// its deadline. If no view has come, [`ready`](crate::ClusterClient::ready) returns the reason.
    #[error("no route was found in time: {0}")]
    Expired(MissingRoute),
    /// The pending buffer was full when the message came back to be routed again, in all or for its
    /// node.
    #[error("the pending buffer is full")]
    BufferFull,
    /// A newer message took its place in the full pending buffer, as
    /// [`Overflow::DropOldest`](crate::Overflow) has it.
    #[error("a newer message took its place in the full pending buffer")]
    Displaced,
    /// The node for which it was meant is down or has left the cluster.
    #[error("its node is down or has left the cluster")]
    NodeGone,
    /// The cluster allocates a shard that a region of the number of shards that the client was given
    /// does not have, and the client [is strict](crate::ClientBuilder::shard_counts).
    #[error("{}", wrong_count(*.allocated, *.count))]
    OtherShardCount {
        /// The shard that is allocated.
        allocated: ShardId,
        /// The number of shards that the client was given.
        count: ShardCount,
    },
    /// It was an element of a stream, and the connection was lost by which those before it went: it would
    /// come behind a gap.
    #[error("the connection of its stream was lost")]
    ConnectionLost,
    /// The message was that of an ask whose reply is no longer awaited.
    #[error("its reply is no longer awaited")]
    Abandoned,
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
    /// Its frame would be longer than the limit.
    #[error("its frame would be longer than the limit")]
    TooLong,
}

/// Returns the router's words for a count that is contradicted.
fn wrong_count(allocated: ShardId, count: ShardCount) -> UndeliverableReason {
    UndeliverableReason::WrongCount { allocated, count }
}

/// The reason for which a message was not accepted. Nothing of it was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TellError {
    /// The outbox of the owning node is full. Try again later, or wait with `tell_wait`.
    #[error(
        "the outbox to {node} is full ({limit}) for a frame of {}; try again later",
        Count(*length, "byte")
    )]
    Busy {
        /// The node.
        node: NodeAddress,
        /// The frame's length in bytes.
        length: usize,
        /// The limit that was reached, in bytes or messages.
        limit: OutboxLimit,
    },
    /// The pending buffer is full, in all or for the message's node: the cluster, or the owner,
    /// cannot be reached. Try again later, or wait with `tell_wait`.
    #[error("the pending buffer is full of messages without a route; try again later")]
    BufferFull,
    /// The message cannot be encoded.
    #[error("the message cannot be encoded")]
    Encode(#[from] EncodeError),
    /// The message makes a frame that is longer than the limit.
    #[error("the message makes a frame of {}, over the limit of {limit}", Count(*length, "byte"))]
    TooLong {
        /// The frame's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The reference is not an address to which messages can be sent.
    #[error("the reference is not an address to which messages can be sent")]
    Address(#[from] AddressError),
    /// The reference is local to the node that made it: it has no host and port.
    #[error("the reference has no host and port: it is local to the node that made it")]
    LocalReference,
    /// There is no leader to send to: no view has come, or the last one names none that is alive. Try
    /// again later, or wait with `tell_wait`.
    #[error("no view of the cluster names a live leader; try again later")]
    NoLeader,
    /// There is no member to send to: no view has come, or the last one calls none up.
    #[error("no view of the cluster calls a member up; try again later")]
    NoMember,
    /// No actor of that name runs on this client.
    #[error("no such actor runs on this client")]
    NoSuchActor,
    /// The actor's mailbox on this client is full.
    #[error("the actor's mailbox is full; try again later")]
    MailboxFull,
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}

impl TellError {
    /// Returns the fate of the message: [`Fate::NotSent`], whatever the error.
    pub fn fate(&self) -> Fate {
        Fate::NotSent
    }
}

/// The reason for which an ask ended without a reply.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No reply came in time. The message may or may not have been handled.
    #[error(
        "no reply within {after:?}{}; the message may have been handled",
        Attempts(*.attempts)
    )]
    Timeout {
        /// The timeout.
        after: Duration,
        /// The number of times that the message was sent; more than one only if the ask is
        /// idempotent.
        attempts: u32,
    },
    /// The message was not accepted.
    #[error("the message was not accepted")]
    Refused(#[from] TellError),
    /// The message holds no reference to reply to: neither the one that it was made with, nor its URI
    /// as text. No reply could ever come, so nothing was sent.
    #[error(
        "the message holds no reference to reply to, so no reply could come: it must have the one \
         that the ask makes it with"
    )]
    NoReplyTo,
    /// The limit of asks that wait for their replies was reached. Nothing was sent.
    #[error("the limit of asks that wait for their replies, {limit}, is reached; try again later")]
    TooManyAsks {
        /// The limit.
        limit: usize,
    },
    /// The limit of bytes that asks keep, for messages to be sent again and for long replies that
    /// were not taken yet, leaves none for the message. Nothing was sent.
    #[error(
        "the limit of {} that asks keep leaves none for a message of {}; try again later",
        Count(*limit, "byte"),
        Count(*length, "byte")
    )]
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
    #[error(
        "the connection to {node} was lost before the reply came{}; the message may have been \
         handled",
        Attempts(*.attempts)
    )]
    Lost {
        /// The node; of several, the last.
        node: NodeAddress,
        /// The fate of the message. Written: the kernel at the other end had it, which is the
        /// node's, or that of a `casty proxy` in between. Unknown: it, or an earlier copy of it,
        /// may have been in flight.
        fate: Fate,
        /// The number of times that the message was sent; more than one only if the ask is
        /// idempotent.
        attempts: u32,
    },
    /// A reply came and was dropped, because the limit of bytes that asks keep left none for it.
    /// The message was handled.
    #[error(
        "the message was handled, and its reply of {} dropped: asks keep at most {}",
        Count(*length, "byte"),
        Count(*limit, "byte")
    )]
    ReplyDropped {
        /// The reply's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The client ended before a reply came.
    #[error("the client was closed before a reply came; the message may have been handled")]
    Closed,
    /// A reply came and was not read, because it is over a limit of the client. The message was
    /// handled; the connection goes on.
    #[error("the message was handled, and its reply is over a limit of this client")]
    ReplyOverLimit(#[from] OverLimit),
    /// A reply came that is not of the expected type. The message was handled.
    #[error("the message was handled, and its reply cannot be decoded")]
    Decode(#[source] DecodeError),
}

impl From<DecodeError> for AskError {
    fn from(error: DecodeError) -> Self {
        OverLimit::of(&error).map_or(Self::Decode(error), Self::ReplyOverLimit)
    }
}

impl AskError {
    /// Returns the fate of the message. Of one that was sent several times it is unknown if any
    /// copy may have been in flight, and not sent only if no copy left.
    pub fn fate(&self) -> Fate {
        match self {
            Self::Refused(_)
            | Self::NoReplyTo
            | Self::TooManyAsks { .. }
            | Self::AskBytesFull { .. }
            | Self::NotSent(_) => Fate::NotSent,
            Self::Lost { fate, .. } => *fate,
            Self::Timeout { .. } | Self::Closed => Fate::Unknown,
            Self::ReplyDropped { .. } | Self::ReplyOverLimit(_) | Self::Decode(_) => Fate::Written,
        }
    }
}

/// The number of times that a message was sent, as part of a sentence.
struct Attempts(u32);

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 | 1 => Ok(()),
            attempts => write!(f, ", in {attempts} attempts"),
        }
    }
}

/// The reason for which a region cannot be used as given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// The number of shards is 0.
    #[error("region {region:?} of no shards: it needs at least one")]
    NoShards {
        /// The region.
        region: String,
    },
    /// The name cannot be that of a region, or of a structure: it is empty, a path, or no part of an
    /// address.
    #[error(
        "name {region:?} is empty, begins with a slash, or has a line break; give the name by which nodes \
         spawn or make it, and no path"
    )]
    Name {
        /// The name.
        region: String,
    },
    /// The configuration names no number of shards for the region, and none was given.
    #[error(
        "the configuration names no number of shards for region {region:?}: set it in [regions] or \
         by CASTY_REGIONS={region}=N, or give it"
    )]
    NotConfigured {
        /// The region.
        region: String,
    },
    /// The configuration names another number of shards for the region.
    #[error("region {region:?} is configured with {}, not {asked}", Count(*configured, "shard"))]
    OtherConfigured {
        /// The region.
        region: String,
        /// The number in the configuration.
        configured: u32,
        /// The number asked for.
        asked: u32,
    },
    /// The number of shards contradicts an earlier one of this client, or passes a limit; or the
    /// client [is strict](crate::ClientBuilder::shard_counts), and the cluster's view contradicts
    /// the number. Messages would reach wrong nodes if client and nodes did not agree.
    #[error("region {region:?} cannot be used with that number of shards")]
    Shards {
        /// The region.
        region: String,
        /// The reason.
        #[source]
        source: casty_routing::RegisterRegionError,
    },
}

/// The reason for which an actor could not be spawned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The name is empty, begins with an underscore or a slash, or has a line break.
    #[error("actor name {0:?} is empty, begins with _ or /, or has a line break")]
    Name(String),
    /// An actor of that name is running.
    #[error("an actor named {0:?} is already running")]
    Taken(String),
    /// The limit of running actors was reached.
    #[error("the limit of running actors, {limit}, is reached")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}

/// The reason for which there is no view of the cluster yet.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReadyError {
    /// No view came in time. The client goes on trying.
    #[error(
        "no view of the cluster within {after:?}{}{}{}",
        Reasons(.failures),
        Undiscovered(.discovery.as_ref()),
        Silent(.silent)
    )]
    Timeout {
        /// The timeout.
        after: Duration,
        /// The addresses that could not be connected when last dialled, with the errors.
        failures: Vec<(NodeAddress, ConnectError)>,
        /// The reason for which the program's own source of contact points named none when last
        /// asked; `None` if it did, or there is no such source.
        discovery: Option<DiscoveryError>,
        /// The nodes that are connected and have sent no view yet: they need longer, hang, or cannot
        /// read the request for it, because they use another serializer or compression.
        silent: Vec<NodeAddress>,
    },
    /// A node that was reached belongs to an actor system of another name.
    #[error(
        "{node} belongs to the system {:?}, not {expected:?}",
        Escaped::new(found)
    )]
    OtherSystem {
        /// The node.
        node: NodeAddress,
        /// The name of the node's system.
        found: Arc<str>,
        /// The system that the client was configured for.
        expected: Arc<str>,
    },
    /// Nodes of another version of casty, which speaks another protocol, are at all contact points. The client
    /// asks again each minute.
    #[error(transparent)]
    OtherVersion(ConnectError),
    /// A node that was reached sent a view that cannot be read: it uses another serializer, or
    /// another version of the protocol.
    #[error("the view that {node} sent cannot be read: is the codec the cluster's?")]
    Unreadable {
        /// The node.
        node: NodeAddress,
        /// The reason.
        #[source]
        source: DecodeError,
    },
    /// A node that was reached sent a view that is over a limit of the client. The client goes on
    /// trying, for a later view may be shorter.
    #[error("the view that {node} sent is over a limit of this client")]
    ViewOverLimit {
        /// The node.
        node: NodeAddress,
        /// The limit.
        #[source]
        source: OverLimit,
    },
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

impl ReadyError {
    /// Returns the error of a view that cannot be decoded.
    pub(crate) fn unread(node: NodeAddress, error: DecodeError) -> Self {
        match OverLimit::of(&error) {
            Some(source) => Self::ViewOverLimit { node, source },
            None => Self::Unreadable {
                node,
                source: error,
            },
        }
    }
}

impl From<Closed> for ReadyError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// Returns the reason for which a message was not read, for the log: the limit that it is over, with
/// the way to raise it, or what is wrong with it.
pub(crate) fn reason(error: &DecodeError) -> String {
    OverLimit::of(error).map_or_else(|| Chain(error).to_string(), |limit| limit.to_string())
}

/// The failures of dials, as part of a sentence.
struct Reasons<'a>(&'a [(NodeAddress, ConnectError)]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        let failures = self.0.iter();
        let failures = failures.map(|(node, error)| format!("{node}: {}", Chain(error)));
        write!(f, ": {}", Listed(failures, "; "))
    }
}

/// The failure of the source of contact points, as part of a sentence.
struct Undiscovered<'a>(Option<&'a DiscoveryError>);

impl fmt::Display for Undiscovered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(error) => write!(f, "; {}", Chain(error)),
        }
    }
}

/// The likely reason for which nodes that are connected send no view.
pub(crate) const SILENT_HINT: &str =
    "from which no view has come yet: are serializer and compression the cluster's?";

/// The nodes that send no view, as part of a sentence.
struct Silent<'a>(&'a [NodeAddress]);

impl fmt::Display for Silent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, "; connected to {}, {SILENT_HINT}", Listed(self.0, ", "))
    }
}

/// The error of an operation that the end of the client has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client is closed")]
pub struct Closed;

// With what the features add, for it compares with the whole list.
#[cfg(test)]
#[cfg(all(feature = "blocking", feature = "config", feature = "quic"))]
mod every_variant;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_nodes_a_dozen_are_told() {
        let nodes: Vec<_> = (1..=1_000)
            .map(|port| NodeAddress::new("n", port))
            .collect();
        let after = Duration::from_secs(1);
        let failed = |node: &NodeAddress| {
            let to = node.clone();
            (node.clone(), ConnectError::ConnectTimeout { to, after })
        };
        let text = ReadyError::Timeout {
            after,
            failures: nodes.iter().map(failed).collect(),
            discovery: None,
            silent: nodes.clone(),
        };
        let text = text.to_string();
        assert!(
            text.contains("n:12 within 1s and 988 more; connected to n:1, "),
            "{text}"
        );
        assert!(text.contains(", n:12 and 988 more, from which "), "{text}");
        assert!(text.len() < 1_000, "{}", text.len());
    }

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<TellError>() <= 64, "{}", size_of::<TellError>());
        assert!(size_of::<AskError>() <= 72, "{}", size_of::<AskError>());
    }
}
