//! The handle of an actor that was started.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::ActorRef;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::client::actor::exit::ActorExit;
use crate::client::bound_ref::BoundRef;
use crate::mailboxes::queue::{ActorQueue, ClosedBy};
use crate::runtime::clock::from_now;
use crate::runtime::home::Home;
use crate::stats::Counter;

/// The time in which an actor that is aborted has to end, which takes none unless it keeps its thread or
/// its runtime is not driven.
const ABORTED: Duration = Duration::from_secs(1);

/// The handle of an actor of this client, made by [`ActorBuilder::spawn`](crate::ActorBuilder::spawn): to
/// send to it, to stop it, and to learn why it has ended.
///
/// Cheap to clone. Dropping it leaves the actor running, until its client ends.
pub struct ActorHandle<M> {
    actor: BoundRef<M>,
    mailbox: Arc<ActorQueue>,
    counters: Arc<ActorCounters>,
    ended: watch::Receiver<Option<ActorExit>>,
    abort: AbortHandle,
    home: Home,
}

/// The parts of a handle.
pub(super) struct HandleParts {
    pub(super) mailbox: Arc<ActorQueue>,
    pub(super) counters: Arc<ActorCounters>,
    pub(super) ended: watch::Receiver<Option<ActorExit>>,
    pub(super) abort: AbortHandle,
    pub(super) home: Home,
}

/// The counters of one actor.
#[derive(Debug, Default)]
pub(super) struct ActorCounters {
    pub(super) handled: Counter,
    pub(super) malformed: Counter,
    pub(super) panics: Counter,
    pub(super) restarts: Counter,
}

/// The counters of one actor of this client since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorStats {
    /// Messages handled to the end.
    pub handled: u64,
    /// Messages that were dropped: the mailbox was full, or they were in it when the actor ended.
    pub dropped: u64,
    /// Messages that could not be read, be it for a panic of what reads them.
    pub malformed: u64,
    /// Panics of its handler, each of which dropped the message being handled, and of the making and the
    /// drop of its state.
    pub panics: u64,
    /// Times that it began anew.
    pub restarts: u64,
    /// Messages in its mailbox.
    pub waiting: u64,
}

impl<M> ActorHandle<M> {
    pub(super) fn new(actor: BoundRef<M>, parts: HandleParts) -> Self {
        let HandleParts {
            mailbox,
            counters,
            ended,
            abort,
            home,
        } = parts;
        Self {
            actor,
            mailbox,
            counters,
            ended,
            abort,
            home,
        }
    }

    /// Returns the reference to the actor, bound to its client.
    pub fn actor(&self) -> &BoundRef<M> {
        &self.actor
    }

    /// Returns the plain reference, which is what goes into messages.
    pub fn actor_ref(&self) -> ActorRef<M> {
        self.actor.actor_ref()
    }

    /// Returns the actor's counters.
    pub fn stats(&self) -> ActorStats {
        let ActorCounters {
            handled,
            malformed,
            panics,
            restarts,
        } = &*self.counters;
        ActorStats {
            handled: handled.get(),
            dropped: self.mailbox.dropped(),
            malformed: malformed.get(),
            panics: panics.get(),
            restarts: restarts.get(),
            waiting: self.mailbox.len() as u64,
        }
    }

    /// Returns why the actor has ended; `None` while it runs.
    pub fn exit(&self) -> Option<ActorExit> {
        self.ended.borrow().clone()
    }

    /// Waits until the actor has ended, and returns why.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub async fn stopped(&self) -> ActorExit {
        let mut ended = self.ended.clone();
        let exit = ended.wait_for(Option::is_some).await;
        // It is set before the sender is gone.
        exit.map_or(None, |exit| exit.clone())
            .unwrap_or(ActorExit::Aborted)
    }

    /// Stops the actor in order: it takes no more messages, handles those in its mailbox, and ends; after
    /// `within` it is aborted at its next await, which is waited for as well, for a second at most. Returns
    /// why it has ended, also if that was before, and its name is free then; but one whose handler keeps
    /// its thread even so, or whose runtime is not driven, ends later, and is called
    /// [`Aborted`](ActorExit::Aborted) before it has.
    ///
    /// # Cancel safety
    /// It stops all the same. It is aborted if the time for that was over.
    pub async fn stop(&self, within: Duration) -> ActorExit {
        self.mailbox.close(ClosedBy::Stop);
        let in_time = self.home.by(from_now(within), self.stopped());
        if let Some(exit) = in_time.await {
            return exit;
        }
        self.abort.abort();
        let aborted = self.home.by(from_now(ABORTED), self.stopped());
        aborted.await.unwrap_or(ActorExit::Aborted)
    }
}

impl<M> Clone for ActorHandle<M> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
            mailbox: Arc::clone(&self.mailbox),
            counters: Arc::clone(&self.counters),
            ended: self.ended.clone(),
            abort: self.abort.clone(),
            home: self.home,
        }
    }
}

impl<M> fmt::Debug for ActorHandle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorHandle")
            .field("actor", &self.actor)
            .field("exit", &self.exit())
            .finish_non_exhaustive()
    }
}
