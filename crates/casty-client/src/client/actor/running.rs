//! The life of an actor: one message after the other, and its end.

use std::sync::{Arc, Weak};

use casty_proto::{Codec, Escaped, Limits};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::client::actor::behaviour::Actor;
use crate::client::actor::context::ActorContext;
use crate::client::actor::exit::ActorExit;
use crate::client::actor::handle::ActorCounters;
use crate::client::actor::restart::Restarts;
use crate::error::reason;
use crate::mailboxes::queue::{ActorQueue, ClosedBy};
use crate::runtime::clock::precise_now;
use crate::runtime::panics::{caught, caught_in};
use crate::send::Core;
use crate::stats::Counters;

/// An actor that runs, whatever its state is at the moment.
pub(super) struct Running<M> {
    pub(super) mailbox: Arc<ActorQueue>,
    pub(super) context: ActorContext<M>,
    pub(super) counters: Arc<ActorCounters>,
    /// The counters of the client.
    pub(super) all: Arc<Counters>,
    pub(super) codec: Codec,
    pub(super) limits: Limits,
}

/// The end of one state of an actor.
enum Served {
    Ended(ActorExit),
    Panicked(String),
}

impl<M: DeserializeOwned + Send + 'static> Running<M> {
    /// Runs the actor to its end. `make` makes its state, at first and for each restart; it ends if there
    /// is none.
    pub(super) async fn run<A: Actor<Message = M>>(
        self,
        mut make: impl FnMut() -> Option<A> + Send,
        restarts: Restarts,
    ) -> ActorExit {
        let exit = self.live(&mut make, restarts).await;
        match self.dropped(make) {
            Some(message) if exit.is_orderly() => ActorExit::Panicked { message },
            _ => exit,
        }
    }

    async fn live<A: Actor<Message = M>>(
        &self,
        make: &mut (impl FnMut() -> Option<A> + Send),
        mut restarts: Restarts,
    ) -> ActorExit {
        loop {
            let served = match caught(&mut *make) {
                Ok(Some(actor)) => self.serve_to_the_end(actor).await,
                Ok(None) => return ActorExit::Stopped,
                Err(message) => Served::Panicked(message),
            };
            let message = match served {
                Served::Ended(exit) => return exit,
                Served::Panicked(message) => message,
            };
            self.count_panic();
            let actor = Escaped::new(self.context.me().uri());
            let panic = Escaped::new(&message);
            let Some(pause) = restarts.pause(precise_now()) else {
                tracing::error!(%actor, %panic, "an actor panicked, and has ended");
                return ActorExit::Panicked { message };
            };
            // One that was to end after this message has nothing to begin anew for.
            if let Some(by) = self.mailbox.finished() {
                tracing::error!(%actor, %panic, "an actor panicked at its last message");
                return exit_by(by);
            }
            tracing::error!(%actor, %panic, ?pause, "an actor panicked, and begins anew");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // What is in the mailbox is to be handled at once.
                () = self.mailbox.closed() => {}
            }
            if let Some(by) = self.mailbox.finished() {
                return exit_by(by);
            }
            self.counters.restarts.add(1);
        }
    }

    /// Handles messages with one state, and drops that.
    async fn serve_to_the_end<A: Actor<Message = M>>(&self, mut actor: A) -> Served {
        let served = self.serve(&mut actor).await;
        match (self.dropped(actor), served) {
            (Some(message), Served::Ended(_)) => Served::Ended(ActorExit::Panicked { message }),
            (_, served) => served,
        }
    }

    async fn serve<A: Actor<Message = M>>(&self, actor: &mut A) -> Served {
        loop {
            let received = match self.mailbox.next().await {
                Ok(received) => received,
                Err(by) => return Served::Ended(exit_by(by)),
            };
            // The reading is the user's code, too. It has nothing of the actor's state in its hands, so a
            // panic of it is what is wrong with this message.
            let decoded = caught(|| self.codec.decode(&received.message, &self.limits));
            // Not held while the actor works: it makes room for the next.
            drop(received);
            match decoded {
                Ok(Ok(message)) => {
                    let handled = async { actor.handle(message, &self.context).await };
                    if let Err(panic) = caught_in(handled).await {
                        return Served::Panicked(panic);
                    }
                    self.counters.handled.add(1);
                }
                Ok(Err(error)) => self.unreadable(&reason(&error)),
                Err(panic) => {
                    self.unreadable(&format!("its reading panicked: {}", Escaped::new(&panic)));
                }
            }
        }
    }

    /// Counts a message that cannot be read.
    fn unreadable(&self, why: &str) {
        self.counters.malformed.add(1);
        self.all.inbound_malformed.add(1);
        let actor = Escaped::new(self.context.me().uri());
        tracing::warn!(%actor, %why, "unreadable message");
    }

    /// Drops what is the user's, a state or what makes it. A panic of that is counted; its words are
    /// returned.
    fn dropped<T>(&self, its: T) -> Option<String> {
        let message = caught(move || drop(its)).err()?;
        self.count_panic();
        let actor = Escaped::new(self.context.me().uri());
        let panic = Escaped::new(&message);
        tracing::error!(%actor, %panic, "an actor panicked while it was dropped");
        Some(message)
    }

    fn count_panic(&self) {
        self.counters.panics.add(1);
        self.all.actor_panics.add(1);
    }
}

/// Returns the end of an actor whose mailbox was closed and is empty.
fn exit_by(by: ClosedBy) -> ActorExit {
    match by {
        ClosedBy::Stop => ActorExit::Stopped,
        ClosedBy::Client => ActorExit::ClientClosed,
    }
}

/// The guard that empties an actor's mailbox, frees its name and tells its end, however its task ends.
pub(super) struct End {
    pub(super) core: Weak<Core>,
    pub(super) path: Arc<str>,
    pub(super) mailbox: Arc<ActorQueue>,
    /// The reason, unless the task is aborted.
    pub(super) exit: Option<ActorExit>,
    pub(super) told: watch::Sender<Option<ActorExit>>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.mailbox.end();
        if let Some(core) = self.core.upgrade() {
            core.mailboxes.remove(&self.path);
        }
        // Last, so that the name is free for whoever waited for the end.
        let exit = self.exit.take().unwrap_or(ActorExit::Aborted);
        self.told.send_replace(Some(exit));
    }
}
