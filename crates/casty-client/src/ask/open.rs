//! An ask whose message was sent, until it has ended.

use std::task::{Context, Poll};
use std::time::Duration;

use crate::ask::retry::Retrying;
use crate::ask::span::Open as OpenSpan;
use crate::error::AskError;
use crate::pending_asks::id::{AskId, PeerId};
use crate::pending_asks::outcome::{Failure, Outcome};
use crate::pending_asks::reply::EncodedReply;
use crate::runtime::home::CallerTimer;
use crate::send::Core;

/// The time by which the client's clock ends an ask before a caller elsewhere does.
pub(crate) const CLOCK_FIRST: Duration = Duration::from_millis(100);

/// The state of an ask whose message was accepted.
pub(super) enum Open {
    Waiting(AskId),
    Retrying(Box<Retrying>),
    Ended,
}

impl Open {
    #[inline]
    fn poll(&mut self, core: &Core, cx: &Context<'_>) -> Poll<Outcome> {
        match self {
            Self::Waiting(id) => core.asks.poll(*id, cx),
            Self::Retrying(retrying) => retrying.poll(cx),
            Self::Ended => Poll::Pending,
        }
    }

    fn id(&self) -> Option<AskId> {
        match self {
            Self::Waiting(id) => Some(*id),
            Self::Retrying(retrying) => Some(retrying.id()),
            Self::Ended => None,
        }
    }

    /// Returns how often the message was sent.
    fn attempts(&self) -> u32 {
        match self {
            Self::Retrying(retrying) => retrying.attempts(),
            _ => 1,
        }
    }
}

/// The wait for the reply to an ask.
pub(super) struct Wait {
    open: Open,
    timer: CallerTimer,
}

impl Wait {
    /// Returns the wait for an ask.
    pub(super) fn new(open: Open) -> Self {
        Self {
            open,
            timer: CallerTimer::default(),
        }
    }

    /// Begins to wait for an ask. Returns whether it is to be polled at once: its task may be over its
    /// time already, or is not known to the ask yet.
    #[inline]
    pub(super) fn begin(
        &mut self,
        open: Open,
        (core, timeout): (&Core, Duration),
        cx: &mut Context<'_>,
    ) -> bool {
        self.open = open;
        matches!(self.open, Open::Retrying(_)) || self.is_over(core, timeout, cx)
    }

    /// Returns the reply, or has the task woken when there is one.
    pub(super) fn poll(
        &mut self,
        core: &Core,
        timeout: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<EncodedReply, AskError>> {
        let ended = self.poll_ended(core, timeout, cx);
        ended.map(|(reply, _)| reply)
    }

    /// Does the same for an ask whose `span` somebody listens to.
    #[cold]
    pub(super) fn poll_listened(
        &mut self,
        core: &Core,
        timeout: Duration,
        cx: &mut Context<'_>,
        span: &mut OpenSpan,
    ) -> Poll<Result<EncodedReply, AskError>> {
        // Before the outcome is taken, for then the ask is forgotten.
        self.tell_carrier(core, span);
        match self.poll_ended(core, timeout, cx) {
            Poll::Ready((reply, ended)) => {
                span.note(core, None, ended.attempts());
                Poll::Ready(reply)
            }
            Poll::Pending => {
                // It may have been sent again.
                self.tell_carrier(core, span);
                Poll::Pending
            }
        }
    }

    /// Tells the span of an open ask what is known of its way.
    fn tell_carrier(&self, core: &Core, span: &mut OpenSpan) {
        if let Some(id) = self.open.id() {
            let carrier = core.asks.latest_carrier(id);
            span.note(core, carrier, self.open.attempts());
        }
    }

    /// Returns the reply and the state of the ask before that, or has the task woken when there is one.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "the state is dropped unread but for spans"
    )]
    fn poll_ended(
        &mut self,
        core: &Core,
        timeout: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<(Result<EncodedReply, AskError>, Open)> {
        let mut outcome = self.open.poll(core, cx);
        // The client's clock, if its runtime is driven, ends it first.
        if outcome.is_pending() && self.is_over(core, timeout, cx) {
            if let Some(id) = self.open.id() {
                core.asks.fail(id, Failure::Timeout);
            }
            outcome = self.open.poll(core, cx);
        }
        let Poll::Ready(outcome) = outcome else {
            return Poll::Pending;
        };
        let ended = std::mem::replace(&mut self.open, Open::Ended);
        let reply = match outcome {
            Ok(reply) => Ok(reply),
            Err(failure) => Err(failed(core, timeout, failure, ended.attempts())),
        };
        Poll::Ready((reply, ended))
    }

    /// Returns the connection that carries the ask, if it is sent once; `None` while it waits for a route.
    pub(super) fn carrier(&self, core: &Core) -> Option<PeerId> {
        match self.open {
            Open::Waiting(id) => core.asks.carrier(id),
            Open::Retrying(_) | Open::Ended => None,
        }
    }

    /// Returns the connection that carried the ask, if it is sent once, as soon as it has ended or its time
    /// is over, or has the task woken then.
    pub(super) fn poll_carrier(
        &mut self,
        core: &Core,
        timeout: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Option<PeerId>> {
        let Open::Waiting(id) = self.open else {
            return Poll::Ready(None);
        };
        let carrier = core.asks.poll_carrier(id, cx);
        if carrier.is_pending() && self.is_over(core, timeout, cx) {
            return Poll::Ready(core.asks.carrier(id));
        }
        carrier
    }

    /// Returns whether the caller runs elsewhere than the client, and its time is over.
    #[inline]
    fn is_over(&mut self, core: &Core, timeout: Duration, cx: &mut Context<'_>) -> bool {
        let limit = || timeout.saturating_add(CLOCK_FIRST);
        self.timer.is_over(core.home, limit, cx)
    }

    /// Gives the ask up, unless it has ended.
    #[inline]
    pub(super) fn abandon(&self, core: &Core) {
        if let Some(id) = self.open.id() {
            core.asks.abandon(id);
        }
    }
}

/// Returns the error of an ask that ended without a reply.
#[cold]
#[inline(never)]
pub(crate) fn failed(core: &Core, timeout: Duration, failure: Failure, attempts: u32) -> AskError {
    match failure {
        Failure::Timeout => AskError::Timeout {
            after: timeout,
            attempts,
        },
        Failure::NotSent(reason) => AskError::NotSent(reason),
        Failure::Lost { node, fate } => AskError::Lost {
            node,
            fate,
            attempts,
        },
        Failure::Dropped(length) => AskError::ReplyDropped {
            length,
            limit: core.asks.bytes.limit(),
        },
        Failure::OverLimit(limit) => AskError::ReplyOverLimit(limit),
        Failure::Closed => AskError::Closed,
    }
}
