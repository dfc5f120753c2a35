//! The start of an actor: its name, its mailbox and its task.

use std::sync::Arc;

use casty_proto::ActorRef;
use tokio::sync::watch;

use crate::client::actor::behaviour::Actor;
use crate::client::actor::context::ActorContext;
use crate::client::actor::handle::{ActorCounters, ActorHandle, HandleParts};
use crate::client::actor::opening::checked_path;
use crate::client::actor::restart::{RestartPolicy, Restarts};
use crate::client::actor::running::{End, Running};
use crate::client::bound_ref::BoundRef;
use crate::error::SpawnError;
use crate::mailboxes::queue::{ActorQueue, MailboxOverflow, QueueLimits};
use crate::send::Core;

/// The settings of an actor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActorSettings {
    pub(super) mailbox: QueueLimits,
    pub(super) restart: RestartPolicy,
}

impl ActorSettings {
    /// Returns those of an actor for which nothing is set.
    pub(crate) fn of(core: &Core) -> Self {
        Self {
            mailbox: QueueLimits {
                messages: core.limits.mailbox,
                bytes: core.limits.mailbox_bytes,
                overflow: MailboxOverflow::default(),
            },
            restart: RestartPolicy::default(),
        }
    }
}

/// Starts an actor on the current runtime, or else the client's. `make` makes its state, at first and for
/// each restart; it ends if there is none.
pub(crate) fn start<A: Actor>(
    core: &Arc<Core>,
    name: &str,
    settings: ActorSettings,
    make: impl FnMut() -> Option<A> + Send + 'static,
) -> Result<ActorHandle<A::Message>, SpawnError> {
    let path: Arc<str> = checked_path(name)?.into();
    let me: ActorRef<A::Message> =
        ActorRef::new(core.identity.uri(&path)).map_err(|_| SpawnError::Name(name.to_owned()))?;
    let mailboxes = &core.mailboxes;
    let all = Arc::clone(&core.counters);
    let mailbox = Arc::new(ActorQueue::new(settings.mailbox, all));
    mailboxes.open_queue(&path, &mailbox, core.limits.actors, || core.is_closed())?;
    let (told, ended) = watch::channel(None);
    let counters = Arc::<ActorCounters>::default();
    let end = End {
        core: Arc::downgrade(core),
        path,
        mailbox: Arc::clone(&mailbox),
        exit: None,
        told,
    };
    let running = Running {
        mailbox: Arc::clone(&mailbox),
        context: ActorContext::new(core, me.clone(), &mailbox),
        counters: Arc::clone(&counters),
        all: Arc::clone(&core.counters),
        codec: core.codec,
        limits: core.limits.decoding,
    };
    let restarts = Restarts::new(settings.restart);
    let abort = mailboxes.run(async move {
        // All of it, so that it is dropped with this task and no sooner.
        let mut end = end;
        end.exit = Some(running.run(make, restarts).await);
    });
    let parts = HandleParts {
        mailbox,
        counters,
        ended,
        abort,
        home: core.home,
    };
    Ok(ActorHandle::new(BoundRef::new(core, me), parts))
}
