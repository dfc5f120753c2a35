//! The mailboxes of a client's actors, by path, and the tasks that empty them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use casty_proto::Escaped;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use crate::config::limits::ClientLimits;
use crate::error::{SpawnError, TellError};
use crate::pending_asks::id::PeerId;
use crate::runtime::byte_limit::{ByteLimit, Counted};
use crate::runtime::tasks::all_ended;

pub(crate) mod queue;

use queue::{ActorQueue, ClosedBy, NotPut};

/// The mailboxes of a client's actors, by path.
#[derive(Default)]
pub(crate) struct Mailboxes {
    /// The lock of a queue is never taken while this one is held.
    places: RwLock<HashMap<Arc<str>, Place>>,
    tasks: Mutex<JoinSet<()>>,
    /// The wake-up of a client that closes, given when an actor has ended, and kept until it waits.
    ended: Notify,
    /// The client's runtime, for those who start actors outside any.
    runtime: Option<Handle>,
}

/// One mailbox, by who empties it.
enum Place {
    /// A stream.
    Channel(Mailbox),
    /// An actor.
    Queue(Arc<ActorQueue>),
}

/// The sending side of one mailbox.
struct Mailbox {
    sender: mpsc::Sender<Counted>,
    /// The bytes of the messages in it.
    bytes: Arc<ByteLimit>,
    /// `None` if messages may come from anywhere, and later ones are let in after one is not.
    strict: Option<Strict>,
}

/// The terms of a mailbox without gaps.
pub(crate) struct Strict {
    /// The connection by which messages come, and by no other; `None`: from within this client.
    pub(crate) by: Option<PeerId>,
    /// Set when a message finds no place; none is let in after it.
    pub(crate) overflowed: Arc<AtomicBool>,
}

/// The limits of one mailbox, and of the number of all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MailboxLimits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    /// The limit of mailboxes.
    pub(crate) actors: usize,
}

/// The load of all mailboxes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MailboxLoad {
    pub(crate) mailboxes: usize,
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Mailboxes {
    /// Creates none, for a client on this runtime.
    pub(crate) fn of_client_on(runtime: Handle) -> Self {
        Self {
            runtime: Some(runtime),
            ..Self::default()
        }
    }

    /// Opens the mailbox of the actor at `path`, which stays until it is [removed](Self::remove).
    pub(crate) fn open(
        &self,
        path: &Arc<str>,
        limits: &ClientLimits,
        is_closed: impl FnOnce() -> bool,
    ) -> Result<mpsc::Receiver<Counted>, SpawnError> {
        let limits = MailboxLimits {
            messages: limits.mailbox,
            bytes: limits.mailbox_bytes,
            actors: limits.actors,
        };
        self.insert(path, limits, None, is_closed)
    }

    /// Opens a mailbox as [`open`](Self::open) does, without gaps: messages come by one connection, whose
    /// next one would not know what was lost with it, and once one has found no place none is let in any
    /// more.
    pub(crate) fn open_strict(
        &self,
        path: &Arc<str>,
        limits: MailboxLimits,
        strict: Strict,
        is_closed: impl FnOnce() -> bool,
    ) -> Result<mpsc::Receiver<Counted>, SpawnError> {
        self.insert(path, limits, Some(strict), is_closed)
    }

    fn insert(
        &self,
        path: &Arc<str>,
        limits: MailboxLimits,
        strict: Option<Strict>,
        is_closed: impl FnOnce() -> bool,
    ) -> Result<mpsc::Receiver<Counted>, SpawnError> {
        // No channel has more places; nor could memory hold as many messages.
        let (sender, mailbox) = mpsc::channel(limits.messages.min(Semaphore::MAX_PERMITS));
        let opened = Mailbox {
            sender,
            bytes: Arc::new(ByteLimit::new(limits.bytes)),
            strict,
        };
        self.place(path, Place::Channel(opened), limits.actors, is_closed)?;
        Ok(mailbox)
    }

    /// Opens the mailbox of an actor, one of `actors`, which stays until it is
    /// [removed](Self::remove).
    pub(crate) fn open_queue(
        &self,
        path: &Arc<str>,
        mailbox: &Arc<ActorQueue>,
        actors: usize,
        is_closed: impl FnOnce() -> bool,
    ) -> Result<(), SpawnError> {
        let place = Place::Queue(Arc::clone(mailbox));
        self.place(path, place, actors, is_closed)
    }

    fn place(
        &self,
        path: &Arc<str>,
        place: Place,
        limit: usize,
        is_closed: impl FnOnce() -> bool,
    ) -> Result<(), SpawnError> {
        let mut mailboxes = self.places.write();
        // Read under the lock that `close` and `close_actors` take once the client is closed: a mailbox
        // is opened before and closed with the rest, or not opened.
        if is_closed() {
            return Err(SpawnError::Closed);
        }
        if mailboxes.contains_key(path) {
            let name = path.strip_prefix('/').unwrap_or(path);
            return Err(SpawnError::Taken(name.to_owned()));
        }
        if mailboxes.len() >= limit {
            return Err(SpawnError::TooMany { limit });
        }
        mailboxes.insert(Arc::clone(path), place);
        Ok(())
    }

    /// Removes a mailbox, whose path is free then.
    pub(crate) fn remove(&self, path: &str) {
        let removed = self.places.write().remove(path);
        if let Some(Place::Queue(_)) = removed {
            self.ended.notify_one();
        }
    }

    /// Returns the number of mailboxes, of the messages in them, and of their bytes.
    pub(crate) fn load(&self) -> MailboxLoad {
        let (mut load, mut queues) = (MailboxLoad::default(), Vec::new());
        for place in self.places.read().values() {
            load.mailboxes += 1;
            match place {
                Place::Channel(Mailbox { sender, bytes, .. }) => {
                    load.messages += sender.max_capacity() - sender.capacity();
                    load.bytes += bytes.used();
                }
                Place::Queue(queue) => queues.push(Arc::clone(queue)),
            }
        }
        for queue in queues {
            load.messages += queue.len();
            load.bytes += queue.bytes.used();
        }
        load
    }

    /// Returns whether there is no mailbox.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.read().is_empty()
    }

    /// Returns whether any actor has not ended. Streams are none.
    pub(crate) fn any_actor(&self) -> bool {
        let places = self.places.read();
        places
            .values()
            .any(|place| matches!(place, Place::Queue(_)))
    }

    /// Waits until an actor has ended since the last wait was over, or may have. One task at a time.
    ///
    /// # Cancel safety
    /// Safe: an end that was not returned is returned by the next call.
    pub(crate) async fn actor_ended(&self) {
        self.ended.notified().await;
    }

    /// Puts a message into a mailbox, and wakes its actor: one that came by a connection, or from within
    /// this client. A message that is refused is not counted.
    pub(crate) fn deliver(
        &self,
        path: &str,
        message: Bytes,
        by: Option<PeerId>,
    ) -> Result<(), TellError> {
        // A reader's lock: messages for different actors do not wait for one another.
        let queue = match self.places.read().get(path) {
            None => return Err(TellError::NoSuchActor),
            Some(Place::Channel(mailbox)) => return mailbox.put(message, by),
            Some(Place::Queue(queue)) => Arc::clone(queue),
        };
        let told = || {
            let actor = Escaped::new(path);
            tracing::warn!(%actor, "the mailbox of an actor is full: messages are dropped");
        };
        queue.put(&message, told).map_err(|error| match error {
            NotPut::Full => TellError::MailboxFull,
            NotPut::Closed => TellError::NoSuchActor,
        })
    }

    /// Takes no more messages for actors, each of which ends once it has handled those in its mailbox.
    /// Streams go on.
    pub(crate) fn close_actors(&self) {
        let queues: Vec<_> = {
            let places = self.places.read();
            let queues = places.values().filter_map(|place| match place {
                Place::Queue(queue) => Some(Arc::clone(queue)),
                Place::Channel(_) => None,
            });
            queues.collect()
        };
        for queue in queues {
            queue.close(ClosedBy::Client);
        }
    }

    /// Ends all streams, and all actors once they have handled the messages in their mailboxes.
    pub(crate) fn close(&self) {
        let all = std::mem::take(&mut *self.places.write());
        let mut all: Vec<_> = all.into_iter().collect();
        // In one order, so that a simulation repeats itself.
        all.sort_unstable_by(|(one, _), (two, _)| one.cmp(two));
        for (_, place) in &all {
            if let Place::Queue(queue) = place {
                queue.close(ClosedBy::Client);
            }
        }
    }

    /// Ends all actors and waits until they have handled the messages in their mailboxes. After
    /// `timeout` they are aborted. One whose handler keeps its thread, or whose runtime is not driven,
    /// cannot be: it is left behind after `aborting`.
    pub(crate) async fn end(&self, timeout: Duration, aborting: Duration) {
        self.close();
        // Taken out, so that no lock is held across the awaits below.
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        if all_ended(&mut tasks, timeout).await {
            return;
        }
        tracing::warn!("actors were ended before they had handled all their messages");
        tasks.abort_all();
        if !all_ended(&mut tasks, aborting).await {
            let actors = tasks.len();
            tracing::warn!(
                actors,
                "actors cannot be ended: their handlers keep their threads, or their runtime is not driven"
            );
        }
    }

    /// Runs an actor on the current runtime, or else the client's.
    pub(crate) fn run(&self, actor: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut tasks = self.tasks.lock();
        // Those that have ended are removed, so that the set is no larger than what runs.
        while tasks.try_join_next().is_some() {}
        match &self.runtime {
            Some(runtime) if Handle::try_current().is_err() => tasks.spawn_on(actor, runtime),
            _ => tasks.spawn(actor),
        }
    }
}

impl Mailbox {
    fn put(&self, message: Bytes, by: Option<PeerId>) -> Result<(), TellError> {
        let Some(strict) = &self.strict else {
            return self.put_in(message);
        };
        if by != strict.by {
            return Err(TellError::NoSuchActor);
        }
        // Its messages come by one connection, one after the other.
        if strict.overflowed.load(Ordering::Acquire) {
            return Err(TellError::MailboxFull);
        }
        let put = self.put_in(message);
        if put == Err(TellError::MailboxFull) {
            strict.overflowed.store(true, Ordering::Release);
        }
        put
    }

    fn put_in(&self, message: Bytes) -> Result<(), TellError> {
        let counted = Counted::new(message, &self.bytes).ok_or(TellError::MailboxFull)?;
        self.sender.try_send(counted).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => TellError::MailboxFull,
            mpsc::error::TrySendError::Closed(_) => TellError::NoSuchActor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mailbox_is_full_by_its_bytes_and_has_room_again_when_they_are_read() {
        let mailboxes = Mailboxes::default();
        let limits = ClientLimits {
            mailbox_bytes: 10_000,
            ..ClientLimits::default()
        };
        let path = Arc::from("/a");
        let mut mailbox = mailboxes.open(&path, &limits, || false).unwrap();
        let message = |length: usize| Bytes::from(vec![0; length]);
        for length in [6_000, 4_000] {
            mailboxes.deliver(&path, message(length), None).unwrap();
        }
        assert_eq!(
            mailboxes.deliver(&path, message(1), None),
            Err(TellError::MailboxFull)
        );
        let MailboxLoad {
            messages, bytes, ..
        } = mailboxes.load();
        assert_eq!((messages, bytes), (2, 10_000));
        drop(mailbox.recv().await);
        mailboxes.deliver(&path, message(6_000), None).unwrap();
        while mailboxes.load().messages > 0 {
            drop(mailbox.recv().await);
        }
        // Longer than the limit, and alone.
        mailboxes.deliver(&path, message(20_000), None).unwrap();
        assert_eq!(
            mailboxes.deliver(&path, message(1), None),
            Err(TellError::MailboxFull)
        );
        drop(mailbox);
        assert_eq!(mailboxes.load().bytes, 0);
    }
}
