//! Names of actors, and mailboxes that are not emptied by an [`Actor`](crate::Actor).

use std::sync::{Arc, Weak};

use casty_proto::ActorRef;
use tokio::sync::mpsc;

use crate::error::SpawnError;
use crate::runtime::byte_limit::Counted;
use crate::send::Core;

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

/// Returns the path of an actor of that name.
pub(super) fn checked_path(name: &str) -> Result<String, SpawnError> {
    if name.is_empty() || name.starts_with(['_', '/']) || name.contains('\n') {
        return Err(SpawnError::Name(name.to_owned()));
    }
    Ok(format!("/{name}"))
}
