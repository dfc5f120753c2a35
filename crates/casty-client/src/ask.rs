//! Asks: a message out, one reply back.

use std::cell::Cell;
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

use crate::ask::idempotent::IdempotentAsk;
use crate::ask::retry::{Kept, Policy, Retrying, Schedule};
use crate::error::AskError;
use crate::pending::{AskId, Failure};
use crate::send::{Core, Destination, Encoded, HERE};

pub(crate) mod idempotent;
pub(crate) mod retry;

/// An ask being prepared: await it, or set how it is to be carried out first.
///
/// Nothing happens until it is awaited (or turned into its [`Reply`]). It borrows whom it asks; the
/// reply does not.
///
/// Its message is sent once, wherever it has to wait for that: what has not left when a connection
/// is lost goes out on the next. What may have been in flight is not sent again, and the ask ends as
/// [`Lost`](AskError::Lost), unless it is [idempotent](Self::idempotent).
#[must_use = "nothing is sent before the ask is awaited"]
pub struct Ask<'a, R, F> {
    core: &'a Arc<Core>,
    pub(crate) timeout: Duration,
    send: F,
    reply: PhantomData<fn() -> R>,
}

/// How an ask's message leaves, given the reference to reply to. An implementation detail of
/// [`Ask`].
pub trait SendAsk<R> {
    #[doc(hidden)]
    fn send(self, ask: Opening<'_, R>) -> Result<Opened, AskError>;
}

impl<R, F: FnOnce(Opening<'_, R>) -> Result<Opened, AskError>> SendAsk<R> for F {
    fn send(self, ask: Opening<'_, R>) -> Result<Opened, AskError> {
        self(ask)
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
    /// Default: the client's ask timeout, 5 s. Right to about 20 ms.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Says that it does no harm if the message is handled more than once: it is sent again when
    /// its connection is lost or no reply comes, within the time limit and the client's retry
    /// budget. Costs a copy of the message.
    pub fn idempotent(self) -> IdempotentAsk<'a, R, F> {
        let attempts = self.core.limits.ask_attempts;
        IdempotentAsk::new(self, attempts)
    }

    pub(crate) fn carry_out(self, policy: Option<Policy>) -> Reply<R> {
        let opening = Opening {
            core: self.core,
            timeout: self.timeout,
            policy,
            reply: PhantomData,
        };
        let state = match self.send.send(opening) {
            Ok(Opened { id, retrying }) => retrying.map_or(State::Waiting(id), State::Retrying),
            Err(error) => State::Refused(Some(error)),
        };
        Reply {
            core: Arc::clone(self.core),
            timeout: self.timeout,
            state,
            kind: PhantomData,
        }
    }
}

impl<R: DeserializeOwned, F: SendAsk<R>> IntoFuture for Ask<'_, R, F> {
    type Output = Result<R, AskError>;
    type IntoFuture = Reply<R>;

    /// Sends the message, and gives the future of its reply.
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

/// An ask about to take its slot. An implementation detail of [`Ask`].
pub struct Opening<'a, R> {
    core: &'a Arc<Core>,
    timeout: Duration,
    policy: Option<Policy>,
    reply: PhantomData<fn() -> R>,
}

/// An ask whose message is on its way. An implementation detail of [`Ask`].
pub struct Opened {
    id: AskId,
    /// Set if it may be sent again.
    retrying: Option<Box<Retrying>>,
}

impl<R> Opening<'_, R> {
    /// Takes a slot, and hands the reference that replies go to and the way out to `send`. When
    /// that fails, the slot is free again.
    pub(crate) fn open(
        self,
        send: impl FnOnce(&Arc<Core>, ActorRef<R>, Sending<'_>) -> Result<(), AskError>,
    ) -> Result<Opened, AskError> {
        let core = self.core;
        let deadline = core.clock.deadline(self.timeout);
        let schedule = self.policy.map(|it| Schedule::new(core, it, deadline));
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
        // The message is made by the user's code, which may fail or panic.
        let unsent = Unsent { core, id };
        let (slot, kept) = (Slot { id, deadline }, Cell::new(None));
        let keep = schedule.is_some().then_some(&kept);
        send(core, core.identity.ask_ref(id), Sending { slot, keep })?;
        std::mem::forget(unsent);
        let again = kept.into_inner().zip(schedule);
        let retrying = again.map(|(kept, schedule)| Box::new(Retrying::new(slot, kept, schedule)));
        Ok(Opened { id, retrying })
    }
}

/// Frees the slot of an ask whose message was not accepted.
struct Unsent<'a> {
    core: &'a Core,
    id: AskId,
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        self.core.asks.abandon(self.id);
    }
}

/// A slot that waits for its reply, and until when.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) id: AskId,
    pub(crate) deadline: crate::runtime::clock::Tick,
}

/// How the message of an ask leaves.
pub(crate) struct Sending<'a> {
    pub(crate) slot: Slot,
    /// Where the message is to be kept if the ask may be sent again.
    keep: Option<&'a Cell<Option<Kept>>>,
}

impl Sending<'_> {
    /// Sends an encoded message to a node.
    #[inline]
    pub(crate) fn send(
        self,
        core: &Arc<Core>,
        to: &Destination<'_>,
        message: Encoded<'_>,
    ) -> Result<(), AskError> {
        if let Some(keep) = self.keep {
            keep.set(Some(Kept::new(core, to, message)?));
        }
        Ok(core.send(to, message, Some(self.slot))?)
    }

    /// Hands an encoded message to an actor of this client.
    pub(crate) fn deliver_here(
        self,
        core: &Core,
        path: &str,
        message: &[u8],
    ) -> Result<(), AskError> {
        core.asks.carried_by(self.slot.id, HERE);
        Ok(core.deliver_here(path, Bytes::copy_from_slice(message))?)
    }
}

/// The reply to an ask that was sent: a future.
///
/// # Cancel safety
/// Dropping it abandons the ask; a reply that comes later is counted and dropped, and reaches
/// nobody else.
#[must_use = "the reply is lost unless it is awaited"]
pub struct Reply<R> {
    core: Arc<Core>,
    timeout: Duration,
    state: State,
    kind: PhantomData<fn() -> R>,
}

enum State {
    Refused(Option<AskError>),
    Waiting(AskId),
    Retrying(Box<Retrying>),
    Ended,
}

impl State {
    /// How often the message was sent.
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
        let Self { core, state, .. } = &mut *self;
        let outcome = ready!(match state {
            State::Waiting(id) => core.asks.poll(*id, cx),
            State::Retrying(retrying) => retrying.poll(cx),
            State::Refused(error) => {
                let error = error.take().unwrap_or(AskError::Closed);
                return Poll::Ready(Err(error));
            }
            State::Ended => return Poll::Pending,
        });
        let attempts = state.attempts();
        *state = State::Ended;
        Poll::Ready(match outcome {
            Ok(reply) => {
                let decoded = core.codec.decode(&reply, &core.decoding());
                decoded.map_err(AskError::from)
            }
            Err(failure) => Err(self.error(failure, attempts)),
        })
    }
}

impl<R> Reply<R> {
    fn error(&self, failure: Failure, attempts: u32) -> AskError {
        match failure {
            Failure::Timeout => AskError::Timeout {
                after: self.timeout,
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
                limit: self.core.asks.room.limit(),
            },
            Failure::Closed => AskError::Closed,
        }
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        match &self.state {
            State::Waiting(id) => self.core.asks.abandon(*id),
            State::Retrying(retrying) => self.core.asks.abandon(retrying.slot().id),
            State::Refused(_) | State::Ended => {}
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
