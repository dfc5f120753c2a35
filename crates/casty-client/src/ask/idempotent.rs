//! Asks whose message may arrive more than once.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::ask::Ask;
use crate::ask::choice::AskChoice;
use crate::ask::reply::{Asking, Reply};
use crate::ask::retry::Policy;
use crate::ask::sender::SendAsk;
use crate::config::limits::ATTEMPTS;

/// An ask whose message may be handled more than once without harm, made by [`Ask::idempotent`]:
/// it is sent again when its connection is lost while it may have been in flight, and when no reply
/// has come after its share of the time.
///
/// All copies are the same message with the same reference to reply to. The first reply wins; others
/// are counted as [late](crate::Stats::late_replies). Each copy goes where the route leads then, so
/// to the new owner if the old one has died, and that of a [`Picker`](crate::Picker) to another
/// instance, as long as there is one.
///
/// * One time limit holds for all of it. Each attempt that is left has an equal share of the time
///   that is left, so that one hung node does not use up all of it: of 6 s and three attempts, 2 s
///   each.
/// * A copy that still waits for its route is not followed by another.
/// * Each further copy takes a token of the client's
///   [retry budget](crate::ClientBuilder::retry_budget). When that is empty nothing is sent again, and
///   the ask ends by its own loss or time limit.
/// * An attempt that finds the outbox of its node or the pending buffer full is spent.
/// * The message is kept, one copy of its bytes, until the reply is there; see
///   [`ask_bytes`](crate::ClientBuilder::ask_bytes).
/// * It is sent again by the task that awaits the reply, when that is polled.
///
/// An ask of an actor of this very client is sent once.
#[must_use = "nothing is sent before the ask is awaited"]
pub struct IdempotentAsk<'a, R, F, C = ()> {
    ask: Ask<'a, R, F, C>,
    policy: Policy,
}

impl<'a, R, C: AskChoice, F: SendAsk<R, C>> Ask<'a, R, F, C> {
    /// Marks the ask as one whose message may be handled more than once: it is sent again when
    /// its connection is lost or no reply comes, within the time limit and the client's retry
    /// budget. Costs a copy of the message.
    pub fn idempotent(self) -> IdempotentAsk<'a, R, F, C> {
        let policy = Policy::of(self.core);
        IdempotentAsk { ask: self, policy }
    }
}

impl<R, F, C> IdempotentAsk<'_, R, F, C> {
    /// Sets how long to wait for the reply in all; see [`Ask::within`].
    pub fn within(mut self, timeout: Duration) -> Self {
        self.ask.plan.timeout = timeout;
        self
    }

    /// Sets how often the message is sent at most, the first time included. Default: the client's
    /// [`ask_attempts`](crate::ClientBuilder::ask_attempts), 3. From 1 to 100; a number outside counts
    /// as the nearest.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.policy.attempts = attempts.clamp(*ATTEMPTS.start(), *ATTEMPTS.end());
        self
    }

    /// Has one further copy sent when no reply has come after this time, without waiting for the
    /// share of the first to end. It counts as an attempt, so it needs two of them, and against the
    /// retry budget. Right to about 20 ms. Default: none.
    ///
    /// It helps where a reply is lost or late; a shard has one owner, so the copy goes to the same
    /// node unless the route has changed. Of a service it goes to another instance.
    ///
    /// Only for idempotent asks:
    /// ```compile_fail,E0599
    /// # fn example(entity: &casty_client::EntityRef) {
    /// # let after = std::time::Duration::from_millis(50);
    /// let _ = entity.ask::<_, i64>(|_| 1).hedge_after(after);
    /// # }
    /// ```
    /// ```
    /// # fn example(entity: &casty_client::EntityRef) {
    /// # let after = std::time::Duration::from_millis(50);
    /// let _ = entity.ask::<_, i64>(|_| 1).idempotent().hedge_after(after);
    /// # }
    /// ```
    pub fn hedge_after(mut self, time: Duration) -> Self {
        self.policy.hedge_after = Some(time);
        self
    }
}

impl<R, C: AskChoice, F: SendAsk<R, C>> IdempotentAsk<'_, R, F, C> {
    /// Sends the message now, and returns the future of its reply; see [`Ask::send`]. It is sent again
    /// by whoever polls that.
    pub fn send(self) -> Reply<R, C> {
        self.planned().send()
    }
}

impl<'a, R, F, C> IdempotentAsk<'a, R, F, C> {
    /// Returns the ask, which its policy is a part of from here on.
    fn planned(self) -> Ask<'a, R, F, C> {
        let mut ask = self.ask;
        ask.plan.policy = Some(self.policy);
        ask
    }
}

impl<'a, R, C, F> IntoFuture for IdempotentAsk<'a, R, F, C>
where
    R: DeserializeOwned,
    C: AskChoice,
    F: SendAsk<R, C>,
{
    type Output = Result<R, C::Error>;
    type IntoFuture = Asking<'a, R, F, C>;

    /// Returns the future that sends the message when it is first polled, and then waits for its reply.
    fn into_future(self) -> Asking<'a, R, F, C> {
        self.planned().into_future()
    }
}

impl<R, F, C> fmt::Debug for IdempotentAsk<'_, R, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotentAsk")
            .field("timeout", &self.ask.plan.timeout)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
