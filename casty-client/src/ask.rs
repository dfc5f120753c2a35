//! Asks: a message out, one reply back.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use casty_proto::{ActorRef, Limits};
use serde::de::DeserializeOwned;

use crate::asks::{AskId, Failure};
use crate::core::Core;
use crate::error::AskError;

/// An ask being prepared: await it, or set how it is to be carried out first.
///
/// Nothing happens until it is awaited (or turned into its [`Reply`]). It borrows whom it asks; the
/// reply does not.
#[must_use = "nothing is sent before the ask is awaited"]
pub struct Ask<'a, R, F> {
    core: &'a Arc<Core>,
    timeout: Duration,
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
}

impl<R: DeserializeOwned, F: SendAsk<R>> IntoFuture for Ask<'_, R, F> {
    type Output = Result<R, AskError>;
    type IntoFuture = Reply<R>;

    /// Sends the message, and gives the future of its reply.
    fn into_future(self) -> Reply<R> {
        let opening = Opening {
            core: self.core,
            timeout: self.timeout,
            reply: PhantomData,
        };
        let state = match self.send.send(opening) {
            Ok(Opened(id)) => State::Waiting(id),
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

impl<R, F> fmt::Debug for Ask<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// An ask about to take its slot. An implementation detail of [`Ask`].
pub struct Opening<'a, R> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) timeout: Duration,
    reply: PhantomData<fn() -> R>,
}

/// An ask whose message is on its way. An implementation detail of [`Ask`].
pub struct Opened(pub(crate) AskId);

impl<R> Opening<'_, R> {
    /// Takes a slot, and hands the reference that replies go to and the slot to `send`. When that
    /// fails, the slot is free again.
    pub(crate) fn open(
        self,
        send: impl FnOnce(&Arc<Core>, ActorRef<R>, Slot) -> Result<(), AskError>,
    ) -> Result<Opened, AskError> {
        let core = self.core;
        let deadline = core.clock.deadline(self.timeout);
        let Some(id) = core.asks.open(deadline) else {
            return Err(AskError::TooManyAsks {
                limit: core.asks.limit(),
            });
        };
        core.clock.keep_awake();
        // The message is made by the user's code, which may fail or panic.
        let unsent = Unsent { core, id };
        send(core, core.identity.ask_ref(id), Slot { id, deadline })?;
        std::mem::forget(unsent);
        Ok(Opened(id))
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
    pub(crate) deadline: crate::clock::Tick,
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
    Ended,
}

impl<R: DeserializeOwned> Future for Reply<R> {
    type Output = Result<R, AskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = match &mut self.state {
            State::Waiting(id) => *id,
            State::Refused(error) => {
                let error = error.take().unwrap_or(AskError::Timeout(Duration::ZERO));
                return Poll::Ready(Err(error));
            }
            State::Ended => return Poll::Pending,
        };
        let outcome = ready!(self.core.asks.poll(id, cx));
        self.state = State::Ended;
        Poll::Ready(match outcome {
            Ok(reply) => {
                let limits = Limits {
                    bytes: self.core.limits.max_frame,
                    ..Limits::default()
                };
                self.core
                    .codec
                    .decode(&reply, &limits)
                    .map_err(AskError::from)
            }
            Err(Failure::Timeout) => Err(AskError::Timeout(self.timeout)),
            Err(Failure::NotSent(reason)) => Err(AskError::NotSent(reason)),
            Err(Failure::Lost { node, fate }) => Err(AskError::Lost { node, fate }),
            Err(Failure::Closed) => Err(AskError::Closed),
        })
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        if let State::Waiting(id) = self.state {
            self.core.asks.abandon(id);
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
