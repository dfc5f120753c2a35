//! The errors of services: of waiting for instances, of picking one, and of sending to the one picked.

use std::error::Error;
use std::time::Duration;

use casty_proto::message::ServiceKey;
use casty_proto::{Count, Listed, NodeAddress};

use super::{AskError, Fate, ReadyError, TellError};

/// The reason for which a service was not found.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No view of the cluster came in time, or one that the client cannot use. It goes on trying.
    #[error("service {service:?} was not found, for there is no view of the cluster")]
    NotReady {
        /// The name of the service's key.
        service: String,
        /// The reason.
        #[source]
        source: ReadyError,
    },
    /// The views that came in time listed fewer live instances than wanted.
    #[error(
        "service {service:?} has {} within {after:?}, not {wanted}{}{}",
        Count(.live.len(), "live instance"),
        Most(*.most, .live.len()),
        Dead(.dead)
    )]
    TooFew {
        /// The name of the service's key.
        service: String,
        /// The number of instances that was waited for.
        wanted: usize,
        /// The time that was waited.
        after: Duration,
        /// The nodes of the live instances in the last view, one for each.
        live: Vec<NodeAddress>,
        /// The greatest number of live instances that any of these views listed.
        most: usize,
        /// The nodes of the instances in the last view that it does not call alive.
        dead: Vec<NodeAddress>,
    },
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}

/// The number of instances that were there at once, as part of a sentence.
///
/// The first is the greatest number, the second that of the last view.
struct Most(usize, usize);

impl std::fmt::Display for Most {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(most, now) = self;
        if most > now {
            write!(f, "; it had {most} meanwhile")?;
        }
        Ok(())
    }
}

/// The nodes of instances that are not alive, as part of a sentence.
struct Dead<'a>(&'a [NodeAddress]);

impl std::fmt::Display for Dead<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.0.is_empty() {
            write!(f, "; not alive: {}", Listed(self.0, ", "))?;
        }
        Ok(())
    }
}

/// The reason for which no instance of a service was picked. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PickError {
    /// There is no view of the cluster yet; [`ready`](crate::ClusterClient::ready) waits for it.
    #[error("there is no view of the cluster yet")]
    NotReady,
    /// No live node runs an instance. [`lookup_wait`](crate::ClusterClient::lookup_wait) waits for one.
    #[error("no live node runs an instance of service {service:?}{}", Dead(.dead))]
    NoInstance {
        /// The name of the service's key.
        service: String,
        /// The nodes of instances that the view does not call alive.
        dead: Vec<NodeAddress>,
    },
    /// The node that was asked for runs no instance, or is not alive.
    #[error("{node} runs no live instance of service {service:?}")]
    NotThere {
        /// The name of the service's key.
        service: String,
        /// The node.
        node: NodeAddress,
    },
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}

/// The reason for which a message by way of a [`Picker`](crate::Picker) was not accepted, or an ask ended
/// without a reply.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PickedError<E: Error + 'static> {
    /// No instance was picked.
    #[error("no instance was picked")]
    NotPicked(#[from] PickError),
    /// The message to the instance that was picked was not accepted, or got no reply.
    #[error("the instance on {node}")]
    Failed {
        /// The node of the instance; of several that the message of an idempotent ask went to, the last.
        node: NodeAddress,
        /// The reason.
        #[source]
        source: E,
    },
}

impl PickedError<TellError> {
    /// Returns the fate of the message: [`Fate::NotSent`], whatever the error.
    pub fn fate(&self) -> Fate {
        Fate::NotSent
    }
}

impl PickedError<AskError> {
    /// Returns the fate of the message: not sent if no instance was picked, else that of the ask.
    pub fn fate(&self) -> Fate {
        match self {
            Self::NotPicked(_) => Fate::NotSent,
            Self::Failed { source, .. } => source.fate(),
        }
    }
}

/// Returns the name of a key, for an error.
pub(crate) fn name_of<M: ?Sized>(key: &ServiceKey<M>) -> String {
    key.name().to_owned()
}
