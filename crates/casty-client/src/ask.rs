//! Asks: a message out, one reply back.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use casty_proto::ActorRef;
use serde::de::DeserializeOwned;

use crate::ask::retry::{Kept, Policy, Retrying, Schedule};
use crate::error::AskError;
use crate::message::{Destination, Encoded};
use crate::node::identity::give_back;
use crate::pending_asks::id::{AskId, HERE, OpenAsk};
use crate::pending_asks::outcome::{Failure, Outcome};
use crate::runtime::home::CallerTimer;
use crate::send::Core;

pub(crate) mod idempotent;
pub(crate) mod retry;

/// An ask being prepared: await it, or set how it is to be carried out first.
///
/// Nothing happens until it is awaited (or turned into its [`Reply`]). It borrows the receiver; the
/// reply does not. A message that was made without the reference that it is to hold can never be
/// answered, and is refused ([`NoReplyTo`](AskError::NoReplyTo)).
///
/// Its message is sent once, wherever it has to wait for that: one that has not left when a
/// connection is lost goes out on the next. One that may have been in flight is not sent again, and
/// the ask ends as [`Lost`](AskError::Lost), unless it is [idempotent](Self::idempotent).
#[must_use = "nothing is sent before the ask is awaited"]
pub struct Ask<'a, R, F> {
    core: &'a Arc<Core>,
    timeout: Duration,
    send: F,
    reply: PhantomData<fn() -> R>,
}

/// The making and sending of an ask's message, given the reference to reply to. An implementation
/// detail of [`Ask`].
pub trait SendAsk<R> {
    #[doc(hidden)]
    fn send(self, ask: &mut AskSender<'_>, reply_to: ActorRef<R>) -> Result<(), AskError>;
}

impl<R, F> SendAsk<R> for F
where
    F: FnOnce(&mut AskSender<'_>, ActorRef<R>) -> Result<(), AskError>,
{
    fn send(self, ask: &mut AskSender<'_>, reply_to: ActorRef<R>) -> Result<(), AskError> {
        self(ask, reply_to)
    }
}

impl<'a, R, F: SendAsk<R>> Ask<'a, R, F> {
    pub(crate) fn new(core: &'a Arc<Core>, send: F) -> Self {
        let timeout = core.limits.ask_timeout;
        Self {
            core,
            timeout,
            send,
            reply: PhantomData,
        }
    }

    /// Sets how long to wait for the reply, everything included, from the moment it is awaited.
    /// Default: the client's ask timeout, 5 s. Never early, and at most some 30 ms late; 0.1 s more
    /// where it is awaited on another runtime than the client's, which may not be driven.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Takes a slot, makes the message and sends it. The reply is the error if that fails.
    pub(crate) fn carry_out(self, policy: Option<Policy>) -> Reply<R> {
        let Self {
            core,
            timeout,
            send,
            ..
        } = self;
        let started = AskSender::open(core, timeout, policy).and_then(|mut ask| {
            let reply_to = core.identity.ask_ref(ask.id());
            ask.reply_to = Some(reply_to.clone());
            send.send(&mut ask, reply_to.cast())?;
            Ok(ask.accepted())
        });
        Reply {
            core: Arc::clone(core),
            timeout,
            state: started.unwrap_or_else(|error| ReplyState::Refused(Some(error))),
            timer: CallerTimer::default(),
            kind: PhantomData,
        }
    }
}

impl<R: DeserializeOwned, F: SendAsk<R>> IntoFuture for Ask<'_, R, F> {
    type Output = Result<R, AskError>;
    type IntoFuture = Reply<R>;

    /// Sends the message, and returns the future of its reply.
    fn into_future(self) -> Reply<R> {
        self.carry_out(None)
    }
}

impl<R, F> fmt::Debug for Ask<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The sending side of an ask that has its slot. An implementation detail of [`Ask`].
///
/// The slot is free again when this is dropped before the message was accepted: the message is made
/// by the user's code, which may fail or panic.
pub struct AskSender<'a> {
    core: &'a Arc<Core>,
    ask: OpenAsk,
    /// A clone of the reference that the message was made with.
    reply_to: Option<ActorRef<()>>,
    /// Set if the message is to be kept, to be sent again.
    schedule: Option<Schedule>,
    kept: Option<Kept>,
    accepted: bool,
}

impl<'a> AskSender<'a> {
    fn open(
        core: &'a Arc<Core>,
        timeout: Duration,
        policy: Option<Policy>,
    ) -> Result<Self, AskError> {
        let deadline = core.clock.deadline(timeout);
        let schedule = policy.map(|it| Schedule::new(core, it, deadline));
        let id = match &schedule {
            None => core.asks.open(deadline),
            Some(schedule) => core.asks.open_repeatable(deadline, schedule.due(core)),
        };
        let Some(id) = id else {
            return Err(AskError::TooManyAsks {
                limit: core.asks.limit(),
            });
        };
        core.clock.keep_awake();
        Ok(Self {
            core,
            ask: OpenAsk { id, deadline },
            reply_to: None,
            schedule,
            kept: None,
            accepted: false,
        })
    }

    /// Returns the id to which the reply is addressed.
    pub(crate) fn id(&self) -> AskId {
        self.ask.id
    }

    /// Returns the state of an ask whose message was accepted.
    fn accepted(mut self) -> ReplyState {
        self.accepted = true;
        self.reply_to.take().into_iter().for_each(give_back);
        match self.kept.take().zip(self.schedule.take()) {
            Some((kept, schedule)) => {
                ReplyState::Retrying(Box::new(Retrying::new(self.ask, kept, schedule)))
            }
            None => ReplyState::Waiting(self.ask.id),
        }
    }

    /// Checks that the message, which is not dropped yet, can be answered.
    #[inline]
    fn check_answerable(&self, message: &[u8]) -> Result<(), AskError> {
        match &self.reply_to {
            Some(reply_to) => check_answerable(self.core, self.ask.id, reply_to, message),
            None => Ok(()),
        }
    }

    /// Sends an encoded message to a node.
    #[inline]
    pub(crate) fn send(
        &mut self,
        to: &Destination<'_>,
        message: Encoded<'_>,
    ) -> Result<(), AskError> {
        self.check_answerable(message.bytes)?;
        if self.schedule.is_some() {
            self.kept = Some(Kept::new(self.core, to, message)?);
        }
        Ok(self.core.send(to, message, Some(self.ask))?)
    }

    /// Hands an encoded message to an actor of this client.
    pub(crate) fn deliver_here(&mut self, path: &str, message: &[u8]) -> Result<(), AskError> {
        self.check_answerable(message)?;
        self.core.asks.carried_by(self.ask.id, HERE);
        Ok(self
            .core
            .deliver_here(path, Bytes::copy_from_slice(message))?)
    }
}

/// Checks that a message, which is not dropped yet, can be answered. `reply_to` is a clone of the
/// reference that it was made with.
///
/// A message that holds the reference keeps it shared. One that does not may have its URI as text,
/// so it is searched for before it is refused.
#[inline]
pub(crate) fn check_answerable(
    core: &Core,
    ask: AskId,
    reply_to: &ActorRef<()>,
    message: &[u8],
) -> Result<(), AskError> {
    if reply_to.is_shared() {
        Ok(())
    } else {
        search(core, ask, message)
    }
}

#[cold]
fn search(core: &Core, ask: AskId, message: &[u8]) -> Result<(), AskError> {
    let mut found = false;
    let read = core.codec.edit(message, &core.own_messages(), |plain| {
        found = core.identity.is_asked_in(plain, ask);
    });
    match read {
        Ok(_) if !found => Err(AskError::NoReplyTo),
        _ => Ok(()),
    }
}

/// Returns the error of an ask that ended without a reply.
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

impl Drop for AskSender<'_> {
    fn drop(&mut self) {
        if !self.accepted {
            self.core.asks.abandon(self.ask.id);
        }
    }
}

impl fmt::Debug for AskSender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskSender")
            .field("id", &self.ask.id)
            .finish_non_exhaustive()
    }
}

/// The time by which the client's clock ends an ask before a caller elsewhere does.
pub(crate) const CLOCK_FIRST: Duration = Duration::from_millis(100);

/// The future of the reply to an ask that was sent.
///
/// # Cancel safety
/// Dropping it abandons the ask; a reply that comes later is counted and dropped, and reaches
/// nobody else.
#[must_use = "the reply is lost unless it is awaited"]
pub struct Reply<R> {
    core: Arc<Core>,
    timeout: Duration,
    state: ReplyState,
    timer: CallerTimer,
    kind: PhantomData<fn() -> R>,
}

enum ReplyState {
    Refused(Option<AskError>),
    Waiting(AskId),
    Retrying(Box<Retrying>),
    Ended,
}

impl ReplyState {
    /// Returns the outcome of an ask that was started, or the refusal of one that was not.
    #[inline]
    fn poll(&mut self, core: &Core, cx: &Context<'_>) -> Poll<Result<Outcome, AskError>> {
        match self {
            Self::Waiting(id) => core.asks.poll(*id, cx).map(Ok),
            Self::Retrying(retrying) => retrying.poll(cx).map(Ok),
            Self::Refused(error) => Poll::Ready(Err(error.take().unwrap_or(AskError::Closed))),
            Self::Ended => Poll::Pending,
        }
    }

    /// Ends an ask that waits, because its time is over.
    fn time_out(&self, core: &Core) {
        match self {
            Self::Waiting(id) => core.asks.fail(*id, Failure::Timeout),
            Self::Retrying(retrying) => core.asks.fail(retrying.id(), Failure::Timeout),
            Self::Refused(_) | Self::Ended => {}
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

impl<R: DeserializeOwned> Future for Reply<R> {
    type Output = Result<R, AskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            core,
            state,
            timer,
            timeout,
            ..
        } = &mut *self;
        let mut outcome = state.poll(core, cx);
        // The client's clock, if its runtime is driven, ends it first.
        let limit = timeout.saturating_add(CLOCK_FIRST);
        if outcome.is_pending() && timer.is_over(core.home, limit, cx) {
            state.time_out(core);
            outcome = state.poll(core, cx);
        }
        let outcome = match ready!(outcome) {
            Ok(outcome) => outcome,
            Err(refused) => return Poll::Ready(Err(refused)),
        };
        let attempts = state.attempts();
        *state = ReplyState::Ended;
        Poll::Ready(match outcome {
            Ok(reply) => {
                let decoded = core.codec.decode(&reply, &core.limits.decoding);
                decoded.map_err(AskError::from)
            }
            Err(failure) => Err(failed(core, *timeout, failure, attempts)),
        })
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        match &self.state {
            ReplyState::Waiting(id) => self.core.asks.abandon(*id),
            ReplyState::Retrying(retrying) => self.core.asks.abandon(retrying.id()),
            ReplyState::Refused(_) | ReplyState::Ended => {}
        }
    }
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
