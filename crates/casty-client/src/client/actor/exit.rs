//! The end of an actor.

use std::fmt;

use casty_proto::Escaped;

/// The reason for which an actor of this client has ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ActorExit {
    /// It was stopped, by itself or by its handle.
    Stopped,
    /// The client was closed, or dropped, and it had handled what was in its mailbox.
    ClientClosed,
    /// Its handler panicked, or the making of its state, and it was not restarted, or too often; or its
    /// state panicked while it was dropped.
    Panicked {
        /// The words of the panic, if it had any.
        message: String,
    },
    /// It was ended in the middle of a message or before one that waited, because it did not end in time
    /// or its runtime ended. Messages that waited were dropped.
    Aborted,
}

impl ActorExit {
    /// Returns whether it ended in order: it was stopped, or its client closed.
    pub fn is_orderly(&self) -> bool {
        matches!(self, Self::Stopped | Self::ClientClosed)
    }
}

impl fmt::Display for ActorExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("it was stopped"),
            Self::ClientClosed => f.write_str("the client was closed"),
            Self::Panicked { message } => {
                write!(f, "it panicked: {}", Escaped::new(message))
            }
            Self::Aborted => f.write_str("it was ended before it had handled all its messages"),
        }
    }
}
