//! Many tells in one call.

use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use casty_routing::ShardId;
use serde::Serialize;
use tokio::task::yield_now;

use crate::client::region::{EntityName, RegionRef};
use crate::error::TellError;
use crate::message::{Encoded, Envelope};
use crate::send::batch::Batch;
use crate::send::give_way::is_due;
use crate::send::wait;

/// The outcome of many tells: how many were accepted, and why it stopped.
///
/// The messages are taken in order, so those accepted are the first ones; of the others nothing was
/// sent, whether they were taken from the iterator or not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "messages that were not accepted are lost"]
pub struct BulkTell {
    /// The number of messages that were accepted.
    pub accepted: usize,
    /// The reason for which the next message was not; `None` if all were.
    pub stopped: Option<TellError>,
}

impl BulkTell {
    /// Returns the number of messages, if all were accepted.
    ///
    /// # Errors
    /// The reason for which it stopped.
    pub fn all(self) -> Result<usize, TellError> {
        match self.stopped {
            None => Ok(self.accepted),
            Some(stopped) => Err(stopped),
        }
    }
}

impl RegionRef {
    /// Sends many messages, each to an entity of this region, until one is not accepted.
    ///
    /// As [`tell`](Self::tell) for each, in order, and cheaper: messages for one node that follow one
    /// another take the lock of its outbox some dozens at a time. Never waits; see
    /// [`tell_all_wait`](Self::tell_all_wait) for more than an outbox holds, 1 MiB by default.
    ///
    /// ```no_run
    /// # fn example(region: &casty_client::RegionRef) -> Result<(), casty_client::TellError> {
    /// let told = region.tell_all([("alice", 1), ("bob", 2)]);
    /// assert_eq!(told.all()?, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tell_all<N, M>(&self, messages: impl IntoIterator<Item = (N, M)>) -> BulkTell
    where
        N: EntityName,
        M: Serialize,
    {
        let mut messages = messages.into_iter();
        let mut all = Telling::new(self);
        loop {
            let more = all.encode(&mut messages);
            all.send();
            if all.stopped.is_some() || !more {
                return all.end();
            }
        }
    }

    /// Sends many messages as [`tell_all`](Self::tell_all) does, and waits where an outbox or the
    /// pending buffer is full: for each message at most for the client's buffer timeout. It lets other
    /// tasks run for each 64 KiB that it sends.
    ///
    /// # Cancel safety
    /// Some of the messages, from the first on, were accepted; of the others nothing was.
    pub fn tell_all_wait<N, M, I>(&self, messages: I) -> TellAll<'_, I::IntoIter>
    where
        N: EntityName,
        M: Serialize,
        I: IntoIterator<Item = (N, M)>,
    {
        TellAll {
            messages: messages.into_iter(),
            telling: Telling::new(self),
            next: Next::Encode,
            pause: None,
        }
    }
}

/// The future of [`RegionRef::tell_all_wait`]. Nothing is sent before it is polled.
// A type with a name, because the future of an `async fn` that keeps the caller's closures cannot be
// shown to be `Send` where these take references.
#[must_use = "nothing is sent before it is awaited"]
pub struct TellAll<'a, I> {
    messages: I,
    telling: Telling<'a>,
    next: Next,
    pause: Option<Pause>,
}

/// The next step of many tells that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The next messages are encoded.
    Encode,
    /// The messages that are encoded are sent; `more` if there may be more messages behind.
    Send { more: bool },
}

/// The wait of a message that was refused, until it is accepted.
type Pause = Pin<Box<dyn Future<Output = Result<(), TellError>> + Send>>;

impl<N, M, I> Future for TellAll<'_, I>
where
    N: EntityName,
    M: Serialize,
    I: Iterator<Item = (N, M)>,
{
    type Output = BulkTell;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BulkTell> {
        let this = self.get_mut();
        loop {
            if let Some(pause) = &mut this.pause {
                let over = ready!(pause.as_mut().poll(cx));
                this.pause = None;
                match over {
                    Ok(()) => this.telling.sent += 1,
                    Err(refused) => {
                        this.telling.stopped = Some(refused);
                        return Poll::Ready(this.telling.end());
                    }
                }
            }
            match this.next {
                // Before the next messages are encoded: what was sent is written meanwhile. It has done
                // its part when it is first polled, which has this task woken behind the others.
                Next::Encode if is_due() => {
                    if pin!(yield_now()).poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Next::Encode => {
                    let more = this.telling.encode(&mut this.messages);
                    this.next = Next::Send { more };
                }
                Next::Send { more } => {
                    this.telling.send();
                    let stopped = &mut this.telling.stopped;
                    if let Some(refused) = stopped.take_if(|refused| wait::is_full(refused)) {
                        this.pause = Some(this.telling.wait(refused));
                    } else if stopped.is_some() || !more {
                        return Poll::Ready(this.telling.end());
                    } else {
                        this.next = Next::Encode;
                    }
                }
            }
        }
    }
}

/// Nothing in it is pinned.
impl<I> Unpin for TellAll<'_, I> {}

impl<I> fmt::Debug for TellAll<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TellAll")
            .field("region", self.telling.region)
            .finish_non_exhaustive()
    }
}

/// Many tells under way.
struct Telling<'a> {
    region: &'a RegionRef,
    batch: Batch,
    /// The number of messages of the batch that were accepted.
    sent: usize,
    /// The number of messages of the batches before.
    accepted: usize,
    stopped: Option<TellError>,
    /// The reason for which the message behind the batch cannot be encoded.
    unencoded: Option<TellError>,
}

impl<'a> Telling<'a> {
    fn new(region: &'a RegionRef) -> Self {
        Self {
            region,
            batch: Batch::default(),
            sent: 0,
            accepted: 0,
            stopped: None,
            unencoded: None,
        }
    }

    /// Encodes the next messages; returns `false` if there are no more behind them.
    fn encode<N, M>(&mut self, messages: &mut impl Iterator<Item = (N, M)>) -> bool
    where
        N: EntityName,
        M: Serialize,
    {
        self.accepted += self.batch.len();
        self.sent = 0;
        self.batch.clear();
        while !self.batch.is_full() {
            let Some((entity, message)) = messages.next() else {
                return false;
            };
            let shard: ShardId = entity.shard(self.region);
            let envelope = Envelope {
                entity_id: entity.id(),
                message: &message,
            };
            let added = self.batch.add(self.region.core(), shard, &envelope, None);
            if let Err(error) = added {
                self.unencoded = Some(error.into());
                return false;
            }
        }
        true
    }

    /// Sends what is encoded, until a message is refused.
    fn send(&mut self) {
        let (core, region) = (self.region.core(), self.region.as_named());
        let (sent, refused) = self.batch.send(core, region, self.sent);
        self.sent = sent;
        self.stopped = refused;
    }

    /// Returns the wait for capacity for the message that was refused.
    fn wait(&self, refused: TellError) -> Pause {
        let (region, shard) = (self.region.clone(), self.batch.shard(self.sent));
        let Encoded { bytes, kind, trace } = self.batch.message(self.sent);
        let (bytes, trace) = (bytes.to_vec(), trace.copied());
        Box::pin(async move {
            let (core, to) = (region.core(), region.destination(shard));
            let message = Encoded {
                bytes: &bytes,
                kind,
                trace: trace.as_ref(),
            };
            let within = core.limits.buffer_timeout;
            wait::encoded(core, &to, message, refused, within).await
        })
    }

    fn end(&mut self) -> BulkTell {
        BulkTell {
            accepted: self.accepted + self.sent,
            stopped: self.stopped.take().or(self.unencoded.take()),
        }
    }
}
