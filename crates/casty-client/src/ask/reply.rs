//! The futures of replies: of an ask that is sent when it is polled, and of one that was sent.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::ask::open::{Open, Wait};
use crate::ask::sender::{Plan, SendAsk, start};
use crate::error::AskError;
use crate::pending_asks::id::PeerId;
use crate::pending_asks::reply::EncodedReply;
use crate::send::Core;

/// The future of an ask, of the reply to it in the end: what awaiting an [`Ask`](crate::Ask) makes of
/// it.
///
/// Nothing is sent before it is polled. It borrows the receiver, as the ask does; a task that is to own
/// all of it owns the receiver, `async move { entity.ask(..).await }`, or awaits a [`Reply`].
///
/// # Cancel safety
/// Dropping it abandons the ask, as dropping a [`Reply`] does.
#[must_use = "nothing is sent before it is polled"]
pub struct Asking<'a, R, F> {
    core: &'a Arc<Core>,
    plan: Plan,
    /// `None` once the message was made.
    send: Option<F>,
    wait: Wait,
    kind: PhantomData<fn() -> R>,
}

impl<'a, R, F> Asking<'a, R, F> {
    pub(super) fn new(core: &'a Arc<Core>, plan: Plan, send: F) -> Self {
        Self {
            core,
            plan,
            send: Some(send),
            wait: Wait::new(Open::Ended),
            kind: PhantomData,
        }
    }
}

/// Nothing in it is pinned.
impl<R, F> Unpin for Asking<'_, R, F> {}

impl<R: DeserializeOwned, F: SendAsk<R>> Future for Asking<'_, R, F> {
    type Output = Result<R, AskError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            core,
            plan,
            send,
            wait,
            ..
        } = self.get_mut();
        let timeout = plan.timeout;
        if let Some(send) = send.take() {
            let open = start(core, plan, None, send, Some(cx))?;
            // The ask knows this task already: another look at it would find nothing.
            if !wait.begin(open, (core, timeout), cx) {
                return Poll::Pending;
            }
        }
        let reply = ready!(wait.poll(core, timeout, cx))?;
        Poll::Ready(decode(core, &reply))
    }
}

impl<R, F> Drop for Asking<'_, R, F> {
    #[inline]
    fn drop(&mut self) {
        self.wait.abandon(self.core);
    }
}

impl<R, F> fmt::Debug for Asking<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking")
            .field("timeout", &self.plan.timeout)
            .field("is_sent", &self.send.is_none())
            .finish_non_exhaustive()
    }
}

/// The future of the reply to an ask that was sent, by [`Ask::send`](crate::Ask::send). It borrows
/// nothing.
///
/// # Cancel safety
/// Dropping it abandons the ask; a reply that comes later is counted and dropped, and reaches
/// nobody else.
#[must_use = "the reply is lost unless it is awaited"]
pub struct Reply<R> {
    core: Arc<Core>,
    timeout: Duration,
    state: ReplyState,
    kind: PhantomData<fn() -> R>,
}

enum ReplyState {
    Refused(Option<AskError>),
    Sent(Wait),
}

impl<R> Reply<R> {
    /// Sends an ask, whose message may wait for a route no longer than `route`. The reply is the error if
    /// that fails.
    pub(super) fn to(
        core: &Arc<Core>,
        plan: &Plan,
        route: Option<Duration>,
        send: impl SendAsk<R>,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            timeout: plan.timeout,
            state: match start(core, plan, route, send, None) {
                Ok(open) => ReplyState::Sent(Wait::new(open)),
                Err(refused) => ReplyState::Refused(Some(refused)),
            },
            kind: PhantomData,
        }
    }

    /// Returns the connection that carries the ask; `None` while its message waits for a route.
    pub(crate) fn carrier(&self) -> Option<PeerId> {
        match &self.state {
            ReplyState::Sent(wait) => wait.carrier(&self.core),
            ReplyState::Refused(_) => None,
        }
    }
}

impl<R: DeserializeOwned> Reply<R> {
    /// Waits for the reply, and returns it with the connection that carried the ask, if one did.
    ///
    /// # Cancel safety
    /// Safe: the next call waits for the same reply.
    pub(crate) async fn carried(&mut self) -> (Result<R, AskError>, Option<PeerId>) {
        poll_fn(|cx| {
            // Looked at before the outcome is taken: then the ask is forgotten.
            let carrier = match &mut self.state {
                ReplyState::Sent(wait) => ready!(wait.poll_carrier(&self.core, self.timeout, cx)),
                ReplyState::Refused(_) => None,
            };
            let reply = ready!(Pin::new(&mut *self).poll(cx));
            Poll::Ready((reply, carrier))
        })
        .await
    }
}

impl<R: DeserializeOwned> Future for Reply<R> {
    type Output = Result<R, AskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let reply = match &mut this.state {
            ReplyState::Sent(wait) => ready!(wait.poll(&this.core, this.timeout, cx))?,
            ReplyState::Refused(error) => {
                return Poll::Ready(Err(error.take().unwrap_or(AskError::Closed)));
            }
        };
        Poll::Ready(decode(&this.core, &reply))
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        if let ReplyState::Sent(wait) = &self.state {
            wait.abandon(&self.core);
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

/// Decodes a reply.
#[inline]
fn decode<R: DeserializeOwned>(core: &Core, reply: &EncodedReply) -> Result<R, AskError> {
    let decoded = core.codec.decode(reply, &core.limits.decoding);
    decoded.map_err(AskError::from)
}
