//! Actors of this client, to which nodes can send.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use casty_proto::{ActorRef, Escaped};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::client::bound_ref;
use crate::error::{SpawnError, TellError, reason};
use crate::runtime::byte_limit::Counted;
use crate::send::Core;

/// The surroundings of an actor while it handles a message: itself, and the means to send. Cheap to
/// clone.
pub struct ActorContext<M> {
    core: Weak<Core>,
    me: ActorRef<M>,
    stopped: Arc<AtomicBool>,
}

impl<M> ActorContext<M> {
    /// Returns the reference by which nodes and other actors address this one.
    pub fn me(&self) -> &ActorRef<M> {
        &self.me
    }

    /// Sends a message to any actor; see [`ClusterClient::tell`](crate::ClusterClient::tell).
    ///
    /// # Errors
    /// The message was not accepted; [`TellError::Closed`] once the client is gone.
    pub fn tell<N: Serialize>(&self, to: &ActorRef<N>, message: N) -> Result<(), TellError> {
        let core = self.core.upgrade().ok_or(TellError::Closed)?;
        bound_ref::tell(&core, to, &message)
    }

    /// Ends the actor after the message being handled. Its name is free then.
    pub fn stop(&self) {
        // Read by the task that runs the handler, or after whatever wakes it: no data goes with it.
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
    let Opened {
        me,
        mut mailbox,
        name,
    } = open(core, name)?;
    let stopped = Arc::new(AtomicBool::new(false));
    let context = ActorContext {
        core: Arc::downgrade(core),
        me: me.clone(),
        stopped,
    };
    let (codec, counters) = (core.codec, Arc::clone(&core.counters));
    let limits = core.limits.decoding;
    core.mailboxes.run(async move {
        let _name = name;
        while let Some(received) = mailbox.recv().await {
            let decoded = codec.decode(&received.message, &limits);
            // Not held while the actor works: it makes room for the next.
            drop(received);
            match decoded {
                Ok(message) => handle(message, context.clone()).await,
                Err(error) => {
                    counters.inbound_malformed.add(1);
                    let actor = Escaped::new(context.me.uri());
                    tracing::warn!(%actor, error = %reason(&error), "unreadable message");
                }
            }
            if context.stopped.load(Ordering::Relaxed) {
                break;
            }
        }
    });
    Ok(me)
}

/// An actor that has a name and a mailbox, and is not run yet.
pub(crate) struct Opened<M> {
    pub(crate) me: ActorRef<M>,
    pub(crate) mailbox: mpsc::Receiver<Counted>,
    pub(crate) name: NameGuard,
}

/// Takes a name for an actor, and opens its mailbox.
pub(crate) fn open<M>(core: &Arc<Core>, name: &str) -> Result<Opened<M>, SpawnError> {
    let path: Arc<str> = checked_path(name)?.into();
    let me =
        ActorRef::new(core.identity.uri(&path)).map_err(|_| SpawnError::Name(name.to_owned()))?;
    let mailbox = core
        .mailboxes
        .open(&path, &core.limits, || core.is_closed())?;
    let core = Arc::downgrade(core);
    Ok(Opened {
        me,
        mailbox,
        name: NameGuard { core, path },
    })
}

/// A guard that frees an actor's name however its task ends.
pub(crate) struct NameGuard {
    core: Weak<Core>,
    path: Arc<str>,
}

impl Drop for NameGuard {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.mailboxes.remove(&self.path);
        }
    }
}

fn checked_path(name: &str) -> Result<String, SpawnError> {
    if name.is_empty() || name.starts_with(['_', '/']) || name.contains('\n') {
        return Err(SpawnError::Name(name.to_owned()));
    }
    Ok(format!("/{name}"))
}
