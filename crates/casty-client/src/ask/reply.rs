//! The futures of replies: of an ask that is sent when it is polled, and of one that was sent.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::ask::choice::AskChoice;
use crate::ask::meter::Meter;
use crate::ask::open::{Open, Wait};
use crate::ask::sender::{Plan, SendAsk, start};
use crate::ask::span::AskSpan;
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
pub struct Asking<'a, R, F, C = ()> {
    core: &'a Arc<Core>,
    plan: Plan,
    /// `None` once the message was made.
    send: Option<F>,
    /// The choice of who is asked, once the message was sent.
    chosen: Option<C>,
    wait: Wait,
    span: AskSpan,
    kind: PhantomData<fn() -> R>,
}

impl<'a, R, F, C> Asking<'a, R, F, C> {
    pub(super) fn new(core: &'a Arc<Core>, plan: Plan, send: F) -> Self {
        Self {
            core,
            plan,
            send: Some(send),
            chosen: None,
            wait: Wait::new(Open::Ended),
            span: AskSpan::default(),
            kind: PhantomData,
        }
    }
}

/// Nothing in it is pinned.
impl<R, F, C> Unpin for Asking<'_, R, F, C> {}

impl<R, C, F> Future for Asking<'_, R, F, C>
where
    R: DeserializeOwned,
    C: AskChoice,
    F: SendAsk<R, C>,
{
    type Output = Result<R, C::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            core,
            plan,
            send,
            chosen,
            wait,
            span,
            ..
        } = self.get_mut();
        let timeout = plan.timeout;
        if let Some(send) = send.take() {
            let choice = send.choose()?;
            plan.meter.begin(core);
            span.begin();
            let open = match start(core, plan, None, (send, &choice), (Some(cx), span)) {
                Ok(open) => open,
                Err(refused) => {
                    span.end(Some(&refused));
                    plan.meter.end(core, Some(&refused));
                    return Poll::Ready(Err(choice.failed(refused)));
                }
            };
            *chosen = Some(choice);
            // The ask knows this task already: another look at it would find nothing.
            if !wait.begin(open, (core, timeout), cx) {
                return Poll::Pending;
            }
        }
        // It has ended already, if nobody is chosen.
        let Some(chosen) = chosen else {
            return Poll::Pending;
        };
        let reply = ready!(poll_wait(wait, (core, timeout), span, cx));
        Poll::Ready(ended(core, chosen, reply, (&mut plan.meter, span)))
    }
}

impl<R, F, C> Drop for Asking<'_, R, F, C> {
    #[inline]
    fn drop(&mut self) {
        self.plan.meter.abandon(self.core);
        self.span.abandon();
        self.wait.abandon(self.core);
    }
}

impl<R, F, C> fmt::Debug for Asking<'_, R, F, C> {
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
pub struct Reply<R, C: AskChoice = ()> {
    core: Arc<Core>,
    timeout: Duration,
    meter: Meter,
    span: AskSpan,
    state: ReplyState<C>,
    kind: PhantomData<fn() -> R>,
}

enum ReplyState<C: AskChoice> {
    /// The error, until it is taken.
    Refused(Option<C::Error>),
    Sent(Wait, C),
}

impl<R, C: AskChoice> Reply<R, C> {
    /// Sends an ask, whose message may wait for a route no longer than `route`. The reply is the error if
    /// that fails.
    pub(super) fn to(
        core: &Arc<Core>,
        plan: &Plan,
        route: Option<Duration>,
        send: impl SendAsk<R, C>,
    ) -> Self {
        let (mut meter, mut span) = (plan.meter, AskSpan::default());
        let sent = send.choose().and_then(|chosen| {
            meter.begin(core);
            span.begin();
            match start(core, plan, route, (send, &chosen), (None, &span)) {
                Ok(open) => Ok((Wait::new(open), chosen)),
                Err(refused) => {
                    span.end(Some(&refused));
                    meter.end(core, Some(&refused));
                    Err(chosen.failed(refused))
                }
            }
        });
        Self {
            core: Arc::clone(core),
            timeout: plan.timeout,
            meter,
            span,
            state: match sent {
                Ok((wait, chosen)) => ReplyState::Sent(wait, chosen),
                Err(refused) => ReplyState::Refused(Some(refused)),
            },
            kind: PhantomData,
        }
    }
}

impl<R> Reply<R> {
    /// Returns the connection that carries the ask; `None` while its message waits for a route.
    pub(crate) fn carrier(&self) -> Option<PeerId> {
        match &self.state {
            ReplyState::Sent(wait, ()) => wait.carrier(&self.core),
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
                ReplyState::Sent(wait, ()) => {
                    ready!(wait.poll_carrier(&self.core, self.timeout, cx))
                }
                ReplyState::Refused(_) => None,
            };
            let reply = ready!(Pin::new(&mut *self).poll(cx));
            Poll::Ready((reply, carrier))
        })
        .await
    }
}

/// Nothing in it is pinned.
impl<R, C: AskChoice> Unpin for Reply<R, C> {}

impl<R: DeserializeOwned, C: AskChoice> Future for Reply<R, C> {
    type Output = Result<R, C::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match &mut this.state {
            ReplyState::Sent(wait, chosen) => {
                let by = (&*this.core, this.timeout);
                let reply = ready!(poll_wait(wait, by, &mut this.span, cx));
                let told = (&mut this.meter, &mut this.span);
                Poll::Ready(ended(&this.core, chosen, reply, told))
            }
            // It has ended already, if its error was taken.
            ReplyState::Refused(error) => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            },
        }
    }
}

impl<R, C: AskChoice> Drop for Reply<R, C> {
    fn drop(&mut self) {
        self.meter.abandon(&self.core);
        self.span.abandon();
        if let ReplyState::Sent(wait, _) = &self.state {
            wait.abandon(&self.core);
        }
    }
}

impl<R, C: AskChoice> fmt::Debug for Reply<R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Polls for the reply, and tells the span of the ask, if somebody listens, what it can know of its way.
#[inline]
fn poll_wait(
    wait: &mut Wait,
    (core, timeout): (&Core, Duration),
    span: &mut AskSpan,
    cx: &mut Context<'_>,
) -> Poll<Result<EncodedReply, AskError>> {
    match span.listened() {
        None => wait.poll(core, timeout, cx),
        Some(span) => wait.poll_listened(core, timeout, cx, span),
    }
}

/// Returns the result of an ask that has ended, and tells it to the choice of who was asked, to what
/// measures its time, and to its span.
#[inline]
fn ended<R: DeserializeOwned, C: AskChoice>(
    core: &Core,
    chosen: &C,
    reply: Result<EncodedReply, AskError>,
    (meter, span): (&mut Meter, &mut AskSpan),
) -> Result<R, C::Error> {
    let reply = reply.and_then(|reply| decode(core, &reply));
    meter.end(core, reply.as_ref().err());
    span.end(reply.as_ref().err());
    match reply {
        Ok(reply) => {
            chosen.answered();
            Ok(reply)
        }
        Err(error) => Err(chosen.failed(error)),
    }
}

/// Decodes a reply.
#[inline]
fn decode<R: DeserializeOwned>(core: &Core, reply: &EncodedReply) -> Result<R, AskError> {
    let decoded = core.codec.decode(reply, &core.limits.decoding);
    decoded.map_err(AskError::from)
}
