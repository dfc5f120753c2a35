//! The mailboxes of a client's actors, by path, and the tasks that empty them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::limits::ClientLimits;
use crate::error::{SpawnError, TellError};
use crate::runtime::byte_limit::{ByteLimit, Counted};

/// The mailboxes of a client's actors, by path.
#[derive(Default)]
pub(crate) struct Mailboxes {
    mailboxes: RwLock<HashMap<Arc<str>, Mailbox>>,
    tasks: Mutex<JoinSet<()>>,
}

/// The sending side of one mailbox.
struct Mailbox {
    sender: mpsc::Sender<Counted>,
    /// The bytes of the messages in it.
    bytes: Arc<ByteLimit>,
    /// Set when a message finds no place; none is let in after it. `None` if later ones are.
    overflowed: Option<Arc<AtomicBool>>,
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

    /// Opens a mailbox as [`open`](Self::open) does, without gaps: once a message has found no place
    /// `overflowed` is set, and none is let in any more.
    pub(crate) fn open_strict(
        &self,
        path: &Arc<str>,
        limits: MailboxLimits,
        overflowed: Arc<AtomicBool>,
        is_closed: impl FnOnce() -> bool,
    ) -> Result<mpsc::Receiver<Counted>, SpawnError> {
        self.insert(path, limits, Some(overflowed), is_closed)
    }

    fn insert(
        &self,
        path: &Arc<str>,
        limits: MailboxLimits,
        overflowed: Option<Arc<AtomicBool>>,
        is_closed: impl FnOnce() -> bool,
    ) -> Result<mpsc::Receiver<Counted>, SpawnError> {
        let mut mailboxes = self.mailboxes.write();
        // Read under the lock that `close` takes once the client is closed: a mailbox is opened
        // before and closed with the rest, or not opened.
        if is_closed() {
            return Err(SpawnError::Closed);
        }
        if mailboxes.contains_key(path) {
            let name = path.strip_prefix('/').unwrap_or(path);
            return Err(SpawnError::Taken(name.to_owned()));
        }
        if mailboxes.len() >= limits.actors {
            return Err(SpawnError::TooMany {
                limit: limits.actors,
            });
        }
        let (sender, mailbox) = mpsc::channel(limits.messages);
        let opened = Mailbox {
            sender,
            bytes: Arc::new(ByteLimit::new(limits.bytes)),
            overflowed,
        };
        mailboxes.insert(Arc::clone(path), opened);
        Ok(mailbox)
    }

    /// Removes a mailbox, whose path is free then.
    pub(crate) fn remove(&self, path: &str) {
        self.mailboxes.write().remove(path);
    }

    /// Returns the number of mailboxes, of the messages in them, and of their bytes.
    pub(crate) fn load(&self) -> MailboxLoad {
        let mailboxes = self.mailboxes.read();
        let waiting = |Mailbox { sender, .. }: &Mailbox| sender.max_capacity() - sender.capacity();
        MailboxLoad {
            mailboxes: mailboxes.len(),
            messages: mailboxes.values().map(waiting).sum(),
            bytes: mailboxes.values().map(|mailbox| mailbox.bytes.used()).sum(),
        }
    }

    /// Puts a message into a mailbox, and wakes its actor.
    pub(crate) fn deliver(&self, path: &str, message: Bytes) -> Result<(), TellError> {
        // A reader's lock: messages for different actors do not wait for one another.
        let mailboxes = self.mailboxes.read();
        let mailbox = mailboxes.get(path).ok_or(TellError::NoSuchActor)?;
        mailbox.put(message)
    }

    /// Ends all actors once they have handled the messages in their mailboxes.
    pub(crate) fn close(&self) {
        self.mailboxes.write().clear();
    }

    /// Ends all actors and waits until they have handled the messages in their mailboxes. After
    /// `timeout` they are aborted.
    pub(crate) async fn end(&self, timeout: Duration) {
        self.close();
        // Taken out, so that no lock is held across the awaits below.
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        let ended = tokio::time::timeout(timeout, async {
            while tasks.join_next().await.is_some() {}
        });
        if ended.await.is_err() {
            tracing::warn!("actors were ended before they had handled all their messages");
            tasks.shutdown().await;
        }
    }

    /// Runs an actor on the current runtime.
    pub(crate) fn run(&self, actor: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock();
        // Those that have ended are removed, so that the set is no larger than what runs.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(actor);
    }
}

impl Mailbox {
    fn put(&self, message: Bytes) -> Result<(), TellError> {
        let Some(overflowed) = &self.overflowed else {
            return self.put_in(message);
        };
        // Its messages come by one connection, one after the other.
        if overflowed.load(Ordering::Acquire) {
            return Err(TellError::MailboxFull);
        }
        let put = self.put_in(message);
        if put == Err(TellError::MailboxFull) {
            overflowed.store(true, Ordering::Release);
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
            mailboxes.deliver(&path, message(length)).unwrap();
        }
        assert_eq!(
            mailboxes.deliver(&path, message(1)),
            Err(TellError::MailboxFull)
        );
        let MailboxLoad {
            messages, bytes, ..
        } = mailboxes.load();
        assert_eq!((messages, bytes), (2, 10_000));
        drop(mailbox.recv().await);
        mailboxes.deliver(&path, message(6_000)).unwrap();
        while mailboxes.load().messages > 0 {
            drop(mailbox.recv().await);
        }
        // Longer than the limit, and alone.
        mailboxes.deliver(&path, message(20_000)).unwrap();
        assert_eq!(
            mailboxes.deliver(&path, message(1)),
            Err(TellError::MailboxFull)
        );
        drop(mailbox);
        assert_eq!(mailboxes.load().bytes, 0);
    }
}
