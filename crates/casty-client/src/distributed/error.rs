//! The errors of operations on distributed structures.

use std::sync::Arc;
use std::time::Duration;

use casty_proto::{Count, Escaped, NodeAddress};
use casty_routing::CountContradiction;

use crate::acquires::NotBegun;
use crate::error::{AskError, Fate, TellError};

/// The reason for which an operation on a distributed structure has no result.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StructureError {
    /// Nobody named an owner in time, and the cluster's view shows no such region: no node hosts the
    /// structure, or it is of another kind or name. Nothing was sent.
    #[error(
        "no node hosts region {:?} of {}: does one make the structure, with that number of shards?",
        Escaped::new(region),
        Count(*shards, "shard")
    )]
    NotHosted {
        /// The region.
        region: Arc<str>,
        /// The number of shards with which it was asked for.
        shards: u32,
        /// The end of the ask.
        #[source]
        source: Box<AskError>,
    },
    /// The cluster's view contradicts the number of shards, so that another participant may have another
    /// copy of the structure. Nothing was sent.
    #[error(
        "region {:?} is used with {}, and {contradiction}",
        Escaped::new(region),
        Count(*shards, "shard")
    )]
    WrongShards {
        /// The region.
        region: Arc<str>,
        /// The number of shards in use.
        shards: u32,
        /// The contradiction.
        contradiction: Box<CountContradiction>,
    },
    /// No view of the cluster came in time. Nothing was sent.
    #[error("no view of the cluster has come within {after:?}")]
    NoView {
        /// The time.
        after: Duration,
    },
    /// The arrivals that wait at the barrier expect another number. Nodes of casty 0.21 never say so.
    #[error("those that wait at the barrier expect {}", Count(*expected, "arrival"))]
    OtherExpected {
        /// The number.
        expected: u32,
    },
    /// The barrier did not let go in time, or the reply was lost. The arrival may have come to the node, and
    /// stays counted there until all have arrived: a node can be told to forget no arrival. To wait again,
    /// arrive [under the same name](crate::Barrier::arrive_as), which is counted once; under any other this
    /// participant is counted twice. If nobody does, the round ends one arrival early, unless the barrier
    /// is [destroyed](crate::Barrier::destroy), with all arrivals.
    #[error(
        "the barrier has not let go, and this arrival stays counted there: wait again as {:?}, which is \
         counted once",
        Escaped::new(name)
    )]
    NotReleased {
        /// The name under which the arrival is counted.
        name: Arc<str>,
        /// The end of the ask.
        #[source]
        source: Box<AskError>,
    },
    /// Python has no hash for the member, so no set can have it: a node that was sent it would end the set,
    /// with all its members. Nothing was sent.
    #[error("Python has no hash for a {class}, so that no set can have such a member")]
    Unhashable {
        /// The Python class of what cannot be hashed: of the member, or of a part of it.
        class: Arc<str>,
    },
    /// The ask ended without a reply that can be read.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl StructureError {
    /// Returns the fate of the message: whether the operation may have been done.
    pub fn fate(&self) -> Fate {
        match self {
            Self::WrongShards { .. } | Self::NoView { .. } | Self::Unhashable { .. } => {
                Fate::NotSent
            }
            Self::OtherExpected { .. } => Fate::Written,
            Self::NotHosted { source, .. } | Self::NotReleased { source, .. } => source.fate(),
            Self::Ask(error) => error.fate(),
        }
    }
}

/// The reason for which a lock, or a permit of a semaphore, could not be acquired.
///
/// Do not acquire again at once where [`may_hold`](Self::may_hold) says so: that would wait behind what the
/// first attempt has left, which the client clears away in the background.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// Others held it: when it was tried, or as far as is known of an acquire that a node was sent and has
    /// not granted. If a node grants it later, the client releases it at once.
    #[error("not acquired within {after:?}, because others hold it")]
    Timeout {
        /// The time.
        after: Duration,
    },
    /// The node refused it: it has the owner's name already.
    #[error("the node refused it")]
    Refused,
    /// It was granted, and lost at the same time. It is released in case it was not.
    #[error("it was granted, and lost")]
    Lost(#[from] HoldLost),
    /// The limit of acquires of a client was reached, 4,096 or half of its
    /// [`pending_asks`](crate::ClientBuilder::pending_asks): those under way, held, and being released.
    /// Nothing was sent.
    #[error(
        "the limit of acquires of a client, {limit}, is reached; release some, or try again later"
    )]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The node did not answer, or the structure cannot be used as given. What may be held is released in
    /// the background.
    #[error(transparent)]
    Structure(#[from] StructureError),
}

impl From<NotBegun> for AcquireError {
    fn from(not_begun: NotBegun) -> Self {
        match not_begun {
            NotBegun::TooMany { limit } => Self::TooMany { limit },
            NotBegun::Closed => StructureError::from(AskError::from(TellError::Closed)).into(),
        }
    }
}

impl AcquireError {
    /// Returns whether a node may hold it for this acquire, or grant it later, until the client has cleared
    /// that away.
    pub fn may_hold(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Lost(_) => true,
            Self::Refused | Self::TooMany { .. } => false,
            Self::Structure(error) => error.fate() != Fate::NotSent,
        }
    }
}

/// The reason for which what was held is held no more: the state of a structure is gone with its node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HoldLost {
    /// The node that had granted it is down, or was removed.
    #[error("{node}, which had granted it, is down or was removed")]
    NodeGone {
        /// The node.
        node: NodeAddress,
    },
    /// The node that had granted it is another process by now.
    #[error("{node}, which had granted it, was restarted")]
    NodeRestarted {
        /// The node.
        node: NodeAddress,
    },
    /// Another node owns its shard by now.
    #[error("its shard has moved from {from} to {to}")]
    Moved {
        /// The node that had granted it.
        from: NodeAddress,
        /// The owner.
        to: NodeAddress,
    },
    /// The client was closed, which released it.
    #[error("the client was closed")]
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<StructureError>() <= 72);
    }
}
