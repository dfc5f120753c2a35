//! The limits of the dialling engine, what it is told, and what it wants done.

use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

use crate::backoff::BackoffConfig;

/// The pace and the limits of [`Connections`](crate::Connections).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ConnectionsConfig {
    /// The pauses between attempts at one address.
    pub backoff: BackoffConfig,
    /// The most members that cannot be connected and are dialled at the pace of `backoff`. The
    /// pauses of more grow with their number, so that all together are dialled as often as so many,
    /// 200 times a second with the defaults: in an outage the client stays quick. Default 500.
    pub failing_at_full_pace: usize,
    /// The head start of a contact before the next one is dialled beside it. Default 100 ms.
    pub stagger: Duration,
    /// The most contacts that are kept of those that were asked for, beside those that were given.
    /// Default 1,024.
    ///
    /// Beyond it, the others are left out, which the log tells.
    pub found_contacts: usize,
    /// The time after which contacts are asked for although known ones have not been tried yet, or
    /// their dials have not ended. Default 10 s.
    ///
    /// Beyond it, the discovery is asked.
    pub discover_after: Duration,
    /// The most contacts that are dialled at a time. Default 8.
    ///
    /// Beyond it, the next one is dialled when one has ended.
    pub contact_dials: usize,
    /// The most members that are dialled at a time. Default 32.
    ///
    /// Beyond it, the next one is dialled when one has ended.
    pub member_dials: usize,
    /// The most members that are connected; those of lower address come first. Default 1,024.
    ///
    /// Beyond it, a member is connected only if a message is for it.
    pub members: usize,
    /// The most nodes outside the view that are connected because they are wanted. Default 64.
    pub non_members: usize,
    /// The longest wait before the first attempt after a loss, which spreads clients. Default
    /// 10 ms.
    pub redial_jitter: Duration,
    /// The age from which the loss of a connection counts as the first. One that breaks sooner is
    /// redialled with growing delays. Default 1 s.
    pub stable_after: Duration,
    /// The time for which a connection stays open after its node vanished from the view, since
    /// views of different nodes differ for seconds. Default 10 s.
    ///
    /// Beyond it, it is closed, and what was not sent on it is routed anew.
    pub removal_grace: Duration,
    /// The time for which a connection stays open after a view declared its node down or removed.
    /// Nodes that are only slow are declared down as well, and still answer what they were asked.
    /// Default 2 s.
    ///
    /// Beyond it, it is closed, and asks that went by it are lost (`AskError::Lost`).
    pub down_grace: Duration,
    /// The time for which an address that led to a node of another name is not dialled while that
    /// node is connected. Nodes take one connection of a client each, so trying may cost that one;
    /// names may come to lead elsewhere. Default 1 min.
    pub alias_pause: Duration,
    /// The time in which a node that was connected while the view was stale has to bring it up to
    /// date, before names that led to it are dialled again. Default 3 s: it has 2 s for its first
    /// view.
    pub silence_timeout: Duration,
}

impl Default for ConnectionsConfig {
    fn default() -> Self {
        Self {
            backoff: BackoffConfig::default(),
            failing_at_full_pace: 500,
            stagger: Duration::from_millis(100),
            found_contacts: 1_024,
            discover_after: Duration::from_secs(10),
            contact_dials: 8,
            member_dials: 32,
            members: 1_024,
            non_members: 64,
            redial_jitter: Duration::from_millis(10),
            stable_after: Duration::from_secs(1),
            removal_grace: Duration::from_secs(10),
            down_grace: Duration::from_secs(2),
            alias_pause: Duration::from_mins(1),
            silence_timeout: Duration::from_secs(3),
        }
    }
}

/// An event that [`Connections`](crate::Connections) is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionsInput {
    /// A view arrived. Members in neither list (unreachable, joining, leaving) keep a connection
    /// for a while, but are not dialled.
    View {
        /// The members that are up and reachable.
        live: Vec<NodeAddress>,
        /// The members that are down or removed. One that is also live counts as live.
        gone: Vec<NodeAddress>,
    },
    /// The node that sends the views, or none. It is never closed.
    Source(Option<NodeAddress>),
    /// `true` if the view is stale although nodes are connected, `false` if it is up to date. The
    /// nodes are silent then, and may have no address any more: contacts are dialled besides, names
    /// too that led to one of them. The first view that comes then decides about all that are
    /// connected: a node that is not in it is not waited for.
    Stale(bool),
    /// A message waits for a node without a connection. A member's next dial is brought forward;
    /// any other node is dialled once, and stays connected until it is lost or gone. Ignored beyond
    /// the limit of such nodes. To be repeated after each failure for as long as it holds.
    Want(NodeAddress),
    /// A dial ended in a connection.
    Connected {
        /// The address of the [`ConnectionsOutput::Dial`].
        dialled: NodeAddress,
        /// The address by which the node calls itself in its handshake.
        canonical: NodeAddress,
    },
    /// A dial ended without a connection.
    Failed {
        /// The address of the [`ConnectionsOutput::Dial`].
        dialled: NodeAddress,
    },
    /// An established connection ended, other than by [`ConnectionsOutput::Close`] or
    /// [`ConnectionsOutput::Duplicate`].
    Lost {
        /// The node's canonical address.
        node: NodeAddress,
    },
    /// The answer to [`ConnectionsOutput::Discover`]: contacts in place of those that an earlier
    /// answer named, beside those that were given; none if there is no answer, which leaves those
    /// that are known. Ignored unless the engine [asks](crate::Connections::discovering).
    Discovered(Vec<NodeAddress>),
    /// Nothing but time passed.
    Tick,
}

/// An order of [`Connections`](crate::Connections) to its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionsOutput {
    /// Connect to this address, and answer with [`ConnectionsInput::Connected`] or
    /// [`ConnectionsInput::Failed`], in bounded time. A host name is to be resolved anew.
    Dial(NodeAddress),
    /// End the connection to this node (canonical).
    Close(NodeAddress),
    /// End the connection that dialling this address has just made: its node is connected already,
    /// and that older connection is the one in use.
    Duplicate(NodeAddress),
    /// Find another route for messages to this node: it is up by the view, or a message waits for
    /// it, but it could not be connected. Told once of a node that is up, until it is connected, or
    /// no longer up.
    Suspect(NodeAddress),
    /// Find contacts, and answer with [`ConnectionsInput::Discovered`], in bounded time. One question
    /// is open at a time. Only from an engine that [asks](crate::Connections::discovering).
    Discover,
    /// Nothing more to do until then, or until something happens.
    Wait(Option<Instant>),
}
