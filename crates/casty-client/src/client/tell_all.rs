//! Many tells in one call.

use casty_routing::ShardId;
use serde::Serialize;

use crate::client::region::{EntityName, RegionRef};
use crate::error::TellError;
use crate::message::Envelope;
use crate::send::batch::Batch;
use crate::send::give_way::give_way;
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
    pub async fn tell_all_wait<N, M>(&self, messages: impl IntoIterator<Item = (N, M)>) -> BulkTell
    where
        N: EntityName,
        M: Serialize,
    {
        let mut messages = messages.into_iter();
        let mut all = Telling::new(self);
        loop {
            give_way().await;
            let more = all.encode(&mut messages);
            all.send_wait().await;
            if all.stopped.is_some() || !more {
                return all.end();
            }
        }
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
        let (core, region) = (self.region.core(), self.region.of_batch());
        let (sent, refused) = self.batch.send(core, region, self.sent);
        self.sent = sent;
        self.stopped = refused;
    }

    /// Sends what is encoded, and waits for capacity where there is none.
    async fn send_wait(&mut self) {
        loop {
            self.send();
            let Some(refused) = self.stopped.take_if(|refused| wait::is_full(refused)) else {
                return;
            };
            let (core, region) = (self.region.core(), self.region.of_batch());
            let to = self.batch.destination(region, self.sent);
            let message = self.batch.message(self.sent);
            let within = core.limits.buffer_timeout;
            match wait::encoded(core, &to, message, refused, within).await {
                Ok(()) => self.sent += 1,
                Err(refused) => {
                    self.stopped = Some(refused);
                    return;
                }
            }
        }
    }

    fn end(self) -> BulkTell {
        BulkTell {
            accepted: self.accepted + self.sent,
            stopped: self.stopped.or(self.unencoded),
        }
    }
}
