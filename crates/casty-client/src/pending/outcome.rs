//! The end of an ask, and the step that an event makes it take.

use bytes::Bytes;
use casty_proto::NodeAddress;

use crate::error::{Fate, NotSent};

/// The step that an event makes an ask take.
pub(super) enum Step {
    /// None: it goes on waiting.
    Wait,
    /// Its task is woken, to look whether the message is to be sent again.
    Wake,
    End(Failure),
}

/// The end of an ask: its reply, still encoded, or why there is none.
pub(crate) type Outcome = Result<Bytes, Failure>;

/// RetryReason an ask ended without a reply.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// Its time ran out.
    Timeout,
    /// The connection that carried it was lost.
    Lost { node: NodeAddress, fate: Fate },
    /// It was never sent.
    NotSent(NotSent),
    /// A reply of so many bytes came and was dropped, for want of room.
    Dropped(usize),
    /// The client has ended.
    Closed,
}
