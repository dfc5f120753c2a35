//! Many asks from one task, a window of them at a time.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use casty_proto::ActorRef;
use casty_routing::ShardId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_stream::Stream;

use crate::ask::meter::Meter;
use crate::ask::open::{CLOCK_FIRST, failed};
use crate::ask::retry::{Kept, Policy, Schedule};
use crate::ask::sender::check_answerable;
use crate::client::region::{EntityName, RegionRef};
use crate::error::{AskError, TellError};
use crate::message::Envelope;
use crate::pending_asks::id::ReplyAddress;
use crate::pending_asks::reply::EncodedReply;
use crate::runtime::home::CallerTimer;
use crate::send::batch::{Batch, MESSAGES};

mod window;

use window::Window;

/// Many asks of entities of a region, made by [`RegionRef::ask_many`]: a stream of their results, each
/// with the place of its item, in the order in which they end.
///
/// Nothing is sent before it is polled. Each ask has a deadline and a fate of its own, as one that is
/// made by itself: one that fails is a result, and the others go on.
///
/// # Cancel safety
/// Dropping it abandons the asks that are open, and takes no more items. Replies that come later are
/// counted and dropped. A result is returned once.
#[must_use = "nothing is sent before it is polled"]
pub struct AskMany<I, F, R> {
    region: RegionRef,
    /// `None` once it has ended.
    items: Option<I>,
    make: F,
    /// The number of items that were taken.
    taken: usize,
    timeout: Duration,
    policy: Option<Policy>,
    window: Window,
    batch: Batch,
    /// The places of the messages of the batch.
    batched: Vec<u32>,
    results: VecDeque<((usize, Meter), Result<EncodedReply, AskError>)>,
    timer: CallerTimer,
    /// The time after which a caller elsewhere looks for asks that are over.
    limit: Duration,
    reply: PhantomData<fn() -> R>,
}

impl RegionRef {
    /// Prepares an ask of an entity for each of `items`, of which `window` are open at a time: the next
    /// is sent when one has ended. `make` returns the entity and the message, which holds the
    /// reference to reply to.
    ///
    /// The same as a task for each ask, and cheaper: their messages are sent together and their task
    /// is woken once for all replies that come together. A window of some hundred keeps a node busy.
    ///
    /// ```no_run
    /// # async fn example(region: &casty_client::RegionRef) -> Result<(), casty_client::AskError> {
    /// use casty_client::ActorRef;
    /// use serde::Serialize;
    /// use tokio_stream::StreamExt;
    ///
    /// #[derive(Serialize)]
    /// #[serde(rename = "counter_app.GetCount")]
    /// struct GetCount { reply_to: ActorRef<i64> }
    ///
    /// let names = ["alice", "bob", "carol"];
    /// let mut counts = region.ask_many(64, names, |name, reply_to| (name, GetCount { reply_to }));
    /// while let Some((index, count)) = counts.next().await {
    ///     println!("{}: {}", names[index], count?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn ask_many<R, N, M, I, F>(
        &self,
        window: usize,
        items: I,
        make: F,
    ) -> AskMany<I::IntoIter, F, R>
    where
        R: DeserializeOwned,
        N: EntityName,
        M: Serialize,
        I: IntoIterator,
        F: FnMut(I::Item, ActorRef<R>) -> (N, M),
    {
        let timeout = self.core().limits.ask_timeout;
        AskMany {
            region: self.clone(),
            items: Some(items.into_iter()),
            make,
            taken: 0,
            timeout,
            policy: None,
            window: Window::new(Arc::clone(self.core()), window),
            batch: Batch::default(),
            batched: Vec::new(),
            results: VecDeque::new(),
            timer: CallerTimer::default(),
            limit: timeout.saturating_add(CLOCK_FIRST),
            reply: PhantomData,
        }
    }
}

impl<I, F, R> AskMany<I, F, R> {
    /// Sets how long each ask waits for its reply, from the moment at which it is sent; see
    /// [`Ask::within`](crate::Ask::within). Default: the client's ask timeout.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self.limit = timeout.saturating_add(CLOCK_FIRST);
        self
    }

    /// Declares that each message may be handled more than once without harm: it is then sent again
    /// as that of an [idempotent ask](crate::IdempotentAsk), up to the client's
    /// [`ask_attempts`](crate::ClientBuilder::ask_attempts).
    pub fn idempotent(mut self) -> Self {
        self.policy = Some(Policy::of(self.region.core()));
        self
    }

    /// Returns the number of asks that are open.
    pub fn open(&self) -> usize {
        self.window.open()
    }

    /// Sends the batch; what is refused is a result.
    fn send(&mut self) {
        let region = self.region.as_named();
        let mut from = 0;
        while from < self.batch.len() {
            let (to, refused) = self.batch.send(self.region.core(), region, from);
            if self.policy.is_some() {
                for place in &self.batched[from..to] {
                    self.window.accepted(*place);
                }
            }
            if let Some(refused) = refused {
                let ask = self.window.close(self.batched[to]);
                self.results.push_back((ask, Err(refused.into())));
            }
            from = to + 1;
        }
        self.batch.clear();
        self.batched.clear();
    }

    /// Takes the outcomes that there are; returns `false` if there are none, and has the task woken
    /// when there are.
    fn take_outcomes(&mut self, cx: &mut Context<'_>) -> bool {
        let Self {
            region,
            window,
            results,
            timeout,
            ..
        } = self;
        let core = region.core();
        window.take_outcomes(cx, |ask, outcome, attempts| {
            let result = outcome.map_err(|failure| failed(core, *timeout, failure, attempts));
            results.push_back((ask, result));
        })
    }

    /// Ends the asks whose time is over, for a caller on another runtime than the client's, which may
    /// not be driven. Returns whether that was so.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if !self
            .timer
            .is_over(self.region.core().home, || self.limit, cx)
        {
            return false;
        }
        let next = self.window.time_out();
        self.timer = CallerTimer::default();
        self.limit = next.unwrap_or(self.timeout).saturating_add(CLOCK_FIRST);
        true
    }
}

impl<I, F, R, N, M> AskMany<I, F, R>
where
    I: Iterator,
    F: FnMut(I::Item, ActorRef<R>) -> (N, M),
    N: EntityName,
    M: Serialize,
{
    /// Opens and sends asks until the window is full or the items have ended.
    fn refill(&mut self) {
        while self.items.is_some() && self.window.is_free() {
            let core = self.region.core();
            let deadline = core.clock.deadline(self.timeout);
            let schedule = self.policy.map(|it| Schedule::new(core, it, deadline));
            let opened = self.window.open_more(MESSAGES, deadline, schedule.as_ref());
            if opened.is_empty() {
                if self.window.open() == 0 {
                    // All slots are taken, by others: as an ask by itself.
                    self.refuse_next();
                }
                return;
            }
            for place in &opened {
                self.fill(*place, schedule);
                if self.batch.is_full() {
                    self.send();
                }
            }
            self.send();
            self.window.give_back(opened);
        }
    }

    /// Makes the next ask, in a slot that was opened for it.
    fn fill(&mut self, place: u32, schedule: Option<Schedule>) {
        let Some(item) = self.items.as_mut().and_then(Iterator::next) else {
            self.items = None;
            self.window.close(place);
            return;
        };
        let Some(address) = self
            .window
            .begin(place, (self.taken, self.region.as_named().id))
        else {
            return;
        };
        self.taken += 1;
        match self.encode((place, address), item, schedule) {
            Ok(()) => self.batched.push(place),
            Err(error) => {
                let ask = self.window.close(place);
                self.results.push_back((ask, Err(error)));
            }
        }
    }

    /// Adds the message of an ask to the batch.
    fn encode(
        &mut self,
        (place, address): (u32, ReplyAddress),
        item: I::Item,
        schedule: Option<Schedule>,
    ) -> Result<(), AskError> {
        let core = self.region.core();
        let reply_to = core.identity.ask_ref(address);
        let asked = reply_to.clone();
        let (entity, message) = (self.make)(item, reply_to.cast());
        let envelope = Envelope {
            entity_id: entity.id(),
            message: &message,
        };
        let shard = entity.shard(&self.region);
        let ask = self.window.ask(place);
        let added = self.batch.add(core, shard, &envelope, ask);
        added.map_err(TellError::from)?;
        let checked = if asked.is_shared() && schedule.is_none() {
            Ok(())
        } else {
            self.check((place, address), &asked, shard, schedule)
        };
        drop(message);
        self.region.core().identity.give_back(asked);
        checked
    }

    /// Checks that the last message of the batch can be answered, and keeps it if it may be sent again;
    /// else takes it back.
    #[cold]
    fn check(
        &mut self,
        (place, address): (u32, ReplyAddress),
        asked: &ActorRef<()>,
        shard: ShardId,
        schedule: Option<Schedule>,
    ) -> Result<(), AskError> {
        let core = self.region.core();
        let encoded = self.batch.message(self.batch.len() - 1);
        let checked = check_answerable(core, address, asked, encoded.bytes).and_then(|()| {
            let Some(schedule) = schedule else {
                return Ok(());
            };
            let to = self.region.destination(shard);
            let kept = Kept::new(core, &to, encoded)?;
            self.window.keep(place, kept, schedule);
            Ok(())
        });
        if checked.is_err() {
            self.batch.take_back();
        }
        checked
    }

    fn refuse_next(&mut self) {
        let Some(_) = self.items.as_mut().and_then(Iterator::next) else {
            self.items = None;
            return;
        };
        let limit = self.region.core().asks.limit();
        let refused = AskError::TooManyAsks { limit };
        let ask = (self.taken, Meter::default());
        self.results.push_back((ask, Err(refused)));
        self.taken += 1;
    }
}

/// Nothing in it is pinned.
impl<I, F, R> Unpin for AskMany<I, F, R> {}

impl<I, F, R, N, M> Stream for AskMany<I, F, R>
where
    I: Iterator,
    F: FnMut(I::Item, ActorRef<R>) -> (N, M),
    R: DeserializeOwned,
    N: EntityName,
    M: Serialize,
{
    type Item = (usize, Result<R, AskError>);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(((index, mut meter), result)) = this.results.pop_front() {
                let core = this.region.core();
                let decode = |reply: EncodedReply| {
                    let decoded = core.codec.decode(&reply, &core.limits.decoding);
                    decoded.map_err(AskError::from)
                };
                let result = result.and_then(decode);
                meter.end(core, result.as_ref().err());
                return Poll::Ready(Some((index, result)));
            }
            let came = this.take_outcomes(cx);
            this.refill();
            if came || !this.results.is_empty() {
                continue;
            }
            if this.window.open() == 0 {
                return Poll::Ready(None);
            }
            if !this.is_over(cx) {
                return Poll::Pending;
            }
        }
    }
}

impl<I, F, R> fmt::Debug for AskMany<I, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskMany")
            .field("open", &self.open())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
