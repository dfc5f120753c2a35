//! The mailboxes of a client's actors, by path, and the tasks that empty them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::limits::ClientLimits;
use crate::error::{SpawnError, TellError};

/// The mailboxes of a client's actors, by path.
#[derive(Default)]
pub(crate) struct Mailboxes {
    mailboxes: RwLock<HashMap<Arc<str>, mpsc::Sender<Bytes>>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Mailboxes {
    /// Opens the mailbox of the actor at `path`, which stays until it is [removed](Self::remove).
    pub(crate) fn open(
        &self,
        path: &Arc<str>,
        limits: &ClientLimits,
        is_closed: impl FnOnce() -> bool,
    ) -> Result<mpsc::Receiver<Bytes>, SpawnError> {
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
        let (sender, mailbox) = mpsc::channel(limits.mailbox);
        mailboxes.insert(Arc::clone(path), sender);
        Ok(mailbox)
    }

    /// Removes a mailbox, whose path is free then.
    pub(crate) fn remove(&self, path: &str) {
        self.mailboxes.write().remove(path);
    }

    /// Returns the number of mailboxes and the number of messages in them.
    pub(crate) fn load(&self) -> (usize, usize) {
        let mailboxes = self.mailboxes.read();
        let waiting = mailboxes.values();
        let waiting = waiting.map(|mailbox| mailbox.max_capacity() - mailbox.capacity());
        (mailboxes.len(), waiting.sum())
    }

    /// Puts a message into a mailbox, and wakes its actor.
    pub(crate) fn deliver(&self, path: &str, message: Bytes) -> Result<(), TellError> {
        // A reader's lock: messages for different actors do not wait for one another.
        let mailboxes = self.mailboxes.read();
        let mailbox = mailboxes.get(path).ok_or(TellError::NoSuchActor)?;
        mailbox.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => TellError::MailboxFull,
            mpsc::error::TrySendError::Closed(_) => TellError::NoSuchActor,
        })
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
