//! One mailbox: a bounded queue of messages for one actor.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::coop;

use crate::runtime::byte_limit::{ByteLimit, Counted};
use crate::stats::Counters;

/// The treatment of a message for an actor whose mailbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum MailboxOverflow {
    /// It is refused: dropped if it came from the cluster, and an error for who tells it here.
    #[default]
    DropNewest,
    /// It takes the place of the oldest messages in the mailbox.
    DropOldest,
}

/// The limits of one mailbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueLimits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    pub(crate) overflow: MailboxOverflow,
}

/// The one who has closed a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClosedBy {
    /// Someone who stopped the actor, or its own end.
    Stop,
    /// The end of the client.
    Client,
}

/// The reason for which a message was not put into a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotPut {
    Full,
    Closed,
}

/// The queue of messages for one actor.
pub(crate) struct ActorQueue {
    limits: QueueLimits,
    /// The bytes of the messages in it, and of the one being decoded.
    pub(crate) bytes: Arc<ByteLimit>,
    /// Locked for a push or a pop, with no other lock.
    queue: Mutex<Queue>,
    /// The wake-up of the actor, given after a message was put in or the mailbox was closed. It is kept
    /// if the actor does not wait at the moment, so none is missed.
    changed: Notify,
    /// The counters of the client, which count what is dropped here as well.
    all: Arc<Counters>,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Counted>,
    /// Their bytes, without those of the one being decoded.
    bytes: usize,
    closed: Option<ClosedBy>,
    dropped: u64,
    /// Set once it was told that messages are dropped, until the mailbox is empty.
    told: bool,
}

impl Queue {
    fn pop(&mut self) -> Option<Counted> {
        let oldest = self.messages.pop_front()?;
        self.bytes -= oldest.message.len();
        Some(oldest)
    }
}

impl ActorQueue {
    /// Creates an empty mailbox of a client with these counters.
    pub(crate) fn new(limits: QueueLimits, all: Arc<Counters>) -> Self {
        Self {
            limits,
            bytes: Arc::new(ByteLimit::new(limits.bytes)),
            queue: Mutex::default(),
            changed: Notify::new(),
            all,
        }
    }

    /// Puts a message in, and wakes the actor. Calls `tell` when messages begin to be dropped. The older
    /// ones that make way are counted for the whole client, too; a message that is refused is its
    /// sender's to count.
    pub(crate) fn put(&self, message: &Bytes, tell: impl FnOnce()) -> Result<(), NotPut> {
        let mut queue = self.queue.lock();
        if queue.closed.is_some() {
            return Err(NotPut::Closed);
        }
        let mut displaced = 0;
        let put = loop {
            if queue.messages.len() < self.limits.messages
                && let Some(counted) = Counted::new(message.clone(), &self.bytes)
            {
                queue.bytes += message.len();
                queue.messages.push_back(counted);
                break Ok(());
            }
            // None makes way in vain: a message that is refused displaces nothing.
            if !self.makes_way(&queue, message.len()) || queue.pop().is_none() {
                break Err(NotPut::Full);
            }
            displaced += 1;
        };
        self.all.inbound_dropped.add(displaced);
        let dropped = displaced + usize::from(put.is_err());
        queue.dropped += dropped as u64;
        let begins = dropped > 0 && !queue.told;
        queue.told |= begins;
        drop(queue);
        if put.is_ok() {
            self.changed.notify_one();
        }
        if begins {
            tell();
        }
        put
    }

    /// Returns whether the messages in it make way for one of that length, which finds its place then: one
    /// that is being decoded has bytes of the limit, and cannot make way.
    fn makes_way(&self, queue: &Queue, length: usize) -> bool {
        let decoded = self.bytes.used().saturating_sub(queue.bytes);
        self.limits.overflow == MailboxOverflow::DropOldest
            && (decoded == 0 || decoded.saturating_add(length) <= self.limits.bytes)
    }

    /// Waits for the next message; who has closed the mailbox, once that is empty.
    ///
    /// # Cancel safety
    /// No message is lost. One task at a time.
    pub(crate) async fn next(&self) -> Result<Counted, ClosedBy> {
        // A handler may never wait for anything. Without this it had its thread until the mailbox is
        // empty, and whatever else runs there, the client's connections and deadlines too, had to wait.
        coop::consume_budget().await;
        loop {
            {
                let mut queue = self.queue.lock();
                if let Some(message) = queue.pop() {
                    queue.told &= !queue.messages.is_empty();
                    return Ok(message);
                }
                if let Some(by) = queue.closed {
                    return Err(by);
                }
            }
            self.changed.notified().await;
        }
    }

    /// Waits until the mailbox is closed, whatever is in it.
    ///
    /// # Cancel safety
    /// Safe: the wake-up of a message is not needed by [`next`](Self::next), which looks first.
    pub(crate) async fn closed(&self) {
        while self.queue.lock().closed.is_none() {
            self.changed.notified().await;
        }
    }

    /// Takes no more messages; those in it are left to the actor.
    pub(crate) fn close(&self, by: ClosedBy) {
        self.queue.lock().closed.get_or_insert(by);
        self.changed.notify_one();
    }

    /// Takes no more messages, and drops and counts those in it: the actor has ended, or is to end with
    /// the message that it handles, if any.
    pub(crate) fn end(&self) {
        let dropped = {
            let mut queue = self.queue.lock();
            queue.closed = Some(ClosedBy::Stop);
            queue.bytes = 0;
            let dropped = std::mem::take(&mut queue.messages);
            queue.dropped += dropped.len() as u64;
            dropped
        };
        self.all.inbound_dropped.add(dropped.len());
        self.changed.notify_one();
    }

    /// Returns who has closed it, once nothing is left in it.
    pub(crate) fn finished(&self) -> Option<ClosedBy> {
        let queue = self.queue.lock();
        queue.closed.filter(|_| queue.messages.is_empty())
    }

    /// Returns the number of messages in it.
    pub(crate) fn len(&self) -> usize {
        self.queue.lock().messages.len()
    }

    /// Returns the number of messages that were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue.lock().dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(messages: usize, bytes: usize, overflow: MailboxOverflow) -> ActorQueue {
        let limits = QueueLimits {
            messages,
            bytes,
            overflow,
        };
        ActorQueue::new(limits, Arc::default())
    }

    fn message(length: usize) -> Bytes {
        Bytes::from(vec![0; length])
    }

    #[tokio::test]
    async fn a_mailbox_is_full_by_its_bytes_and_has_room_again_when_they_are_read() {
        let mailbox = mailbox(10, 10_000, MailboxOverflow::DropNewest);
        for length in [6_000, 4_000] {
            mailbox
                .put(&message(length), || panic!("nothing is dropped"))
                .unwrap();
        }
        let mut told = 0;
        for _ in 0..2 {
            assert_eq!(mailbox.put(&message(1), || told += 1), Err(NotPut::Full));
        }
        assert_eq!((told, mailbox.dropped(), mailbox.len()), (1, 2, 2));
        drop(mailbox.next().await);
        mailbox.put(&message(6_000), || {}).unwrap();
        while mailbox.len() > 0 {
            drop(mailbox.next().await);
        }
        // Longer than the limit, and alone.
        mailbox.put(&message(20_000), || {}).unwrap();
        assert_eq!(mailbox.put(&message(1), || told += 1), Err(NotPut::Full));
        assert_eq!(told, 2, "it was empty in between");
        mailbox.end();
        assert_eq!((mailbox.bytes.used(), mailbox.dropped()), (0, 4));
        assert_eq!(mailbox.all.inbound_dropped.get(), 1, "none was refused");
        assert_eq!(mailbox.put(&message(1), || {}), Err(NotPut::Closed));
    }

    #[tokio::test]
    async fn the_oldest_messages_make_way_where_they_are_to() {
        let mailbox = mailbox(3, 10, MailboxOverflow::DropOldest);
        for length in [1, 2, 3] {
            assert_eq!(mailbox.put(&message(length), || {}), Ok(()));
        }
        assert_eq!(mailbox.dropped(), 0);
        assert_eq!(mailbox.put(&message(4), || {}), Ok(()));
        assert_eq!(mailbox.dropped(), 1);
        // For its bytes, two more.
        assert_eq!(mailbox.put(&message(6), || {}), Ok(()));
        assert_eq!(mailbox.dropped(), 3);
        assert_eq!(mailbox.all.inbound_dropped.get(), 3);
        for length in [4, 6] {
            assert_eq!(mailbox.next().await.unwrap().message.len(), length);
        }
    }

    #[tokio::test]
    async fn none_makes_way_for_a_message_that_would_find_no_place_even_so() {
        let mailbox = mailbox(100, 1_000, MailboxOverflow::DropOldest);
        mailbox.put(&message(900), || {}).unwrap();
        let decoded = mailbox.next().await.unwrap();
        for _ in 0..10 {
            mailbox.put(&message(10), || {}).unwrap();
        }
        assert_eq!(mailbox.put(&message(200), || {}), Err(NotPut::Full));
        assert_eq!((mailbox.len(), mailbox.dropped()), (10, 1));
        assert_eq!(mailbox.all.inbound_dropped.get(), 0);
        // With those that it needs the place of, and no more.
        mailbox.put(&message(50), || {}).unwrap();
        assert_eq!((mailbox.len(), mailbox.dropped()), (6, 6));
        drop(decoded);
        mailbox.put(&message(2_000), || {}).unwrap();
        assert_eq!((mailbox.len(), mailbox.dropped()), (1, 12));
        assert_eq!(mailbox.all.inbound_dropped.get(), 11);
    }

    #[tokio::test]
    async fn a_mailbox_that_ends_wakes_its_actor_whoever_had_closed_it_before() {
        let mailbox = mailbox(3, 10, MailboxOverflow::DropNewest);
        mailbox.put(&message(1), || {}).unwrap();
        mailbox.close(ClosedBy::Client);
        assert_eq!(mailbox.finished(), None, "a message is left");
        mailbox.end();
        assert_eq!(mailbox.finished(), Some(ClosedBy::Stop));
        assert_eq!(mailbox.next().await.unwrap_err(), ClosedBy::Stop);
        assert_eq!(mailbox.put(&message(1), || {}), Err(NotPut::Closed));
    }

    #[tokio::test]
    async fn a_closed_mailbox_gives_what_is_in_it_and_then_who_closed_it() {
        let mailbox = mailbox(3, 10, MailboxOverflow::DropNewest);
        mailbox.put(&message(1), || {}).unwrap();
        mailbox.close(ClosedBy::Client);
        mailbox.close(ClosedBy::Stop);
        mailbox.closed().await;
        assert!(mailbox.next().await.is_ok());
        assert_eq!(mailbox.next().await.unwrap_err(), ClosedBy::Client);
    }
}
