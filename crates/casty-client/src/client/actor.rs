//! Actors of this client, which nodes can send to.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use casty_proto::ActorRef;
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::client::bound_ref;
use crate::error::{SpawnError, TellError};
use crate::send::Core;

/// The mailboxes of a client's actors, by path.
#[derive(Default)]
pub(crate) struct Actors {
    mailboxes: RwLock<HashMap<Arc<str>, mpsc::Sender<Bytes>>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Actors {
    /// How many there are, and how many messages wait for them.
    pub(crate) fn load(&self) -> (usize, usize) {
        let mailboxes = self.mailboxes.read();
        let waiting = mailboxes.values();
        let waiting = waiting.map(|mailbox| mailbox.max_capacity() - mailbox.capacity());
        (mailboxes.len(), waiting.sum())
    }

    /// Puts a message into a mailbox; tells why not.
    pub(crate) fn deliver(&self, path: &str, message: Bytes) -> Result<(), TellError> {
        let mailboxes = self.mailboxes.read();
        let mailbox = mailboxes.get(path).ok_or(TellError::NoSuchActor)?;
        mailbox.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => TellError::MailboxFull,
            mpsc::error::TrySendError::Closed(_) => TellError::NoSuchActor,
        })
    }

    /// Ends all actors once they have handled what they have.
    pub(crate) fn close(&self) {
        self.mailboxes.write().clear();
    }

    /// Ends all actors and waits until they have: for at most `patience`, and then in the middle
    /// of what they do.
    pub(crate) async fn end(&self, patience: Duration) {
        self.close();
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        let ended = tokio::time::timeout(patience, async {
            while tasks.join_next().await.is_some() {}
        });
        if ended.await.is_err() {
            tracing::warn!("actors were ended before they had handled all their messages");
            tasks.shutdown().await;
        }
    }

    fn run(&self, actor: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock();
        // Those that have ended are let go, so that the set holds no more than are running.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(actor);
    }
}

/// What an actor knows of itself while it handles a message. Cheap to clone.
pub struct ActorContext<M> {
    core: Weak<Core>,
    me: ActorRef<M>,
    stopped: Arc<AtomicBool>,
}

impl<M> ActorContext<M> {
    /// The actor itself, as nodes and other actors address it.
    pub fn me(&self) -> &ActorRef<M> {
        &self.me
    }

    /// Sends to any actor; see [`ClusterClient::tell`](crate::ClusterClient::tell).
    ///
    /// # Errors
    /// As there; [`TellError::Closed`] once the client is gone.
    pub fn tell<N: Serialize>(&self, to: &ActorRef<N>, message: N) -> Result<(), TellError> {
        let core = self.core.upgrade().ok_or(TellError::Closed)?;
        bound_ref::tell(&core, to, &message)
    }

    /// Ends the actor after the message being handled. Its name is free then.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

impl<M> Clone for ActorContext<M> {
    fn clone(&self) -> Self {
        Self {
            core: Weak::clone(&self.core),
            me: self.me.clone(),
            stopped: Arc::clone(&self.stopped),
        }
    }
}

impl<M> fmt::Debug for ActorContext<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorContext({:?})", self.me)
    }
}

/// Starts an actor on the current runtime.
pub(crate) fn spawn<M, F, Fut>(
    core: &Arc<Core>,
    name: &str,
    mut handle: F,
) -> Result<ActorRef<M>, SpawnError>
where
    M: DeserializeOwned + Send + 'static,
    F: FnMut(M, ActorContext<M>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let path: Arc<str> = checked_path(name)?.into();
    let me =
        ActorRef::new(core.identity.uri(&path)).map_err(|_| SpawnError::Name(name.to_owned()))?;
    let mut mailbox = open_mailbox(core, &path, name)?;
    let stopped = Arc::new(AtomicBool::new(false));
    let context = ActorContext {
        core: Arc::downgrade(core),
        me: me.clone(),
        stopped,
    };
    let (codec, counters) = (core.codec, Arc::clone(&core.counters));
    let limits = core.decoding();
    let leaving = Leaving {
        core: Arc::downgrade(core),
        path,
    };
    core.actors.run(async move {
        let _leaving = leaving;
        while let Some(message) = mailbox.recv().await {
            match codec.decode(&message, &limits) {
                Ok(message) => handle(message, context.clone()).await,
                Err(error) => {
                    counters.inbound_malformed.add(1);
                    tracing::warn!(actor = context.me.uri(), %error, "unreadable message");
                }
            }
            if context.stopped.load(Ordering::Relaxed) {
                break;
            }
        }
    });
    Ok(me)
}

fn open_mailbox(
    core: &Core,
    path: &Arc<str>,
    name: &str,
) -> Result<mpsc::Receiver<Bytes>, SpawnError> {
    let mut mailboxes = core.actors.mailboxes.write();
    if core.is_closed() {
        return Err(SpawnError::Closed);
    }
    if mailboxes.contains_key(path) {
        return Err(SpawnError::Taken(name.to_owned()));
    }
    if mailboxes.len() >= core.limits.actors {
        return Err(SpawnError::TooMany {
            limit: core.limits.actors,
        });
    }
    let (sender, mailbox) = mpsc::channel(core.limits.mailbox);
    mailboxes.insert(Arc::clone(path), sender);
    Ok(mailbox)
}

/// Frees an actor's name however its task ends.
struct Leaving {
    core: Weak<Core>,
    path: Arc<str>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.actors.mailboxes.write().remove(&self.path);
        }
    }
}

fn checked_path(name: &str) -> Result<String, SpawnError> {
    if name.is_empty() || name.starts_with(['_', '/']) || name.contains('\n') {
        return Err(SpawnError::Name(name.to_owned()));
    }
    Ok(format!("/{name}"))
}
