//! The end of an ask, and the step that an event makes it take.

use casty_proto::NodeAddress;

use super::reply::EncodedReply;
use crate::error::{Fate, NotSent, OverLimit};

/// The step that an event makes an ask take.
pub(super) enum Step {
    /// None: the ask goes on waiting.
    Wait,
    /// The wake-up of its task, which may send the message again.
    Wake,
    /// The end without a reply.
    End(Failure),
}

/// The end of an ask: its reply, still encoded, or the reason for which there is none.
pub(crate) type Outcome = Result<EncodedReply, Failure>;

/// The reason for which an ask ended without a reply.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// No reply came before the deadline.
    Timeout,
    /// The connection that carried it was lost.
    Lost { node: NodeAddress, fate: Fate },
    /// The message was never sent.
    NotSent(NotSent),
    /// A reply of so many bytes was dropped, because the limit left no bytes for it.
    Dropped(usize),
    /// A reply was not read, because its frame is over the limit.
    OverLimit(OverLimit),
    /// The client has ended.
    Closed,
}
