//! Asks: a message out, one reply back.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use casty_routing::{RegionId, ShardId};
use serde::de::DeserializeOwned;

use crate::ask::choice::AskChoice;
use crate::ask::meter::Meter;
use crate::ask::reply::{Asking, Reply};
use crate::ask::sender::{Plan, SendAsk};
use crate::send::Core;

pub(crate) mod choice;
pub(crate) mod idempotent;
pub(crate) mod meter;
pub(crate) mod open;
pub(crate) mod outcome;
pub(crate) mod reply;
pub(crate) mod retry;
pub(crate) mod sender;
pub(crate) mod span;

/// An ask being prepared: await it, or set how it is to be carried out first.
///
/// Nothing happens until it is awaited, or [sent](Self::send) for its [`Reply`] to be awaited later. It
/// borrows the receiver, and so does the [future](Asking) that awaiting makes of it; the reply does not.
/// A message that was made without the reference that it is to hold can never be answered, and is
/// refused ([`NoReplyTo`](crate::AskError::NoReplyTo)).
///
/// Its message is sent once, wherever it has to wait for that: one that has not left when a
/// connection is lost goes out on the next. One that may have been in flight is not sent again, and
/// the ask ends as [`Lost`](crate::AskError::Lost), unless it is [idempotent](Self::idempotent).
///
/// `R` is the type of the reply, and `C` the [choice](AskChoice) of who is asked, if there is one, which
/// says what the error is: [`AskError`](crate::AskError), and
/// [`PickedError`](crate::PickedError) of a [`Picker`](crate::Picker).
#[must_use = "nothing is sent before the ask is awaited"]
pub struct Ask<'a, R, F, C = ()> {
    core: &'a Arc<Core>,
    plan: Plan,
    send: F,
    reply: PhantomData<fn() -> (R, C)>,
}

impl<'a, R, F: SendAsk<R>> Ask<'a, R, F> {
    /// Returns an ask of one that is not chosen.
    pub(crate) fn new(core: &'a Arc<Core>, send: F) -> Self {
        Self::choosing(core, send)
    }

    /// Tells the shard to which the message will go.
    pub(crate) fn towards(mut self, region: RegionId, shard: ShardId) -> Self {
        self.plan.towards = Some((region, shard));
        self.of_region(region)
    }

    /// Tells the region to which the message will go.
    pub(crate) fn of_region(mut self, region: RegionId) -> Self {
        self.plan.meter.of_region(region);
        self
    }

    /// Sends the message now, as [`send`](Self::send) does, and lets it wait for a route no longer than
    /// `route`, however long the reply may take.
    pub(crate) fn send_routed(self, route: Duration) -> Reply<R> {
        Reply::to(self.core, &self.plan, Some(route), self.send)
    }
}

impl<'a, R, C: AskChoice, F: SendAsk<R, C>> Ask<'a, R, F, C> {
    /// Returns an ask of one that is chosen when the message is made.
    pub(crate) fn choosing(core: &'a Arc<Core>, send: F) -> Self {
        let plan = Plan {
            timeout: core.limits.ask_timeout,
            policy: None,
            towards: None,
            meter: Meter::default(),
        };
        Self {
            core,
            plan,
            send,
            reply: PhantomData,
        }
    }

    /// Sets how long to wait for the reply, everything included, from the moment it is awaited or sent.
    /// Default: the client's ask timeout, 5 s. Never early, and at most some 30 ms late; 0.1 s more
    /// where it is awaited on another runtime than the client's, which may not be driven.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.plan.timeout = timeout;
        self
    }

    /// Sends the message now, and returns the future of its reply: to send several and await them later,
    /// or on a task of their own. The reply is the error if nothing could be sent.
    ///
    /// Awaiting an ask costs less: it sends the message when the future is first polled.
    ///
    /// ```no_run
    /// # async fn example(alice: &casty_client::EntityRef) -> Result<(), casty_client::AskError> {
    /// use casty_client::ActorRef;
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize)]
    /// #[serde(rename = "bank.GetBalance")]
    /// struct GetBalance { reply_to: ActorRef<i64> }
    ///
    /// let balance = alice.ask(|reply_to| GetBalance { reply_to }).send();
    /// // It is under way, whatever is done meanwhile.
    /// println!("{}", balance.await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn send(self) -> Reply<R, C> {
        Reply::to(self.core, &self.plan, None, self.send)
    }
}

impl<'a, R, C, F> IntoFuture for Ask<'a, R, F, C>
where
    R: DeserializeOwned,
    C: AskChoice,
    F: SendAsk<R, C>,
{
    type Output = Result<R, C::Error>;
    type IntoFuture = Asking<'a, R, F, C>;

    /// Returns the future that sends the message when it is first polled, and then waits for its reply.
    #[inline]
    fn into_future(self) -> Asking<'a, R, F, C> {
        Asking::new(self.core, self.plan, self.send)
    }
}

impl<R, F, C> fmt::Debug for Ask<'_, R, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("timeout", &self.plan.timeout)
            .finish_non_exhaustive()
    }
}
