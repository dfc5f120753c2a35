//! References to an actor of whichever node leads: singletons, first of all.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casty_proto::{ActorRef, AddressError, NodeAddress};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ask::Ask;
use crate::ask::sender::{AskSender, SendAsk};
use crate::client::bound_ref::BoundRef;
use crate::client::path::{Named, actor_at, checked};
use crate::client::{AskTarget, ClusterClient, sealed};
use crate::error::TellError;
use crate::error::names::NameError;
use crate::message::{Destination, Plain};
use crate::runtime::clock::{from_now, precise_now};
use crate::send::give_way::give_way;
use crate::send::{Core, wait};
use crate::topology::Topology;

/// The names of singletons.
const SINGLETONS: Named = Named {
    prefix: "_singleton-",
    by_name: "singleton",
    by_path: "actor_on_leader",
};

/// A reference to the actor at a path of the cluster's leader, whichever node that is: made by
/// [`ClusterClient::singleton`](crate::ClusterClient::singleton) and
/// [`ClusterClient::actor_on_leader`](crate::ClusterClient::actor_on_leader).
///
/// Each message goes to the leader that the last view names, so the reference follows it as messages for
/// an entity follow its owner. Views take some seconds to notice that a leader is dead. What never left
/// goes to the next one, within its own deadline: the time of an ask, the client's buffer timeout for a
/// tell. An ask that the dead leader was sent ends as [`Lost`](crate::AskError::Lost), unless it is
/// [idempotent](crate::Ask::idempotent): then it is sent again to whoever leads then.
///
/// A node whose own view differs passes a singleton's message on to the leader that it sees; the reply
/// then comes from that one. A node that does not host the actor drops the message without a word.
///
/// Cheap to clone. Two are equal if they name the same path, whichever client each is bound to.
pub struct LeaderRef<M> {
    core: Arc<Core>,
    path: Arc<str>,
    kind: std::marker::PhantomData<fn(&M)>,
}

impl ClusterClient {
    /// Returns a reference to the cluster singleton of that name, the name by which nodes spawn it.
    /// Nothing is sent; whether nodes host it is not known.
    ///
    /// It is a name and no path. One that has a slash, or begins with an underscore, is refused, and the
    /// error names the call to use; a singleton that is spawned by such a name all the same is the
    /// [`actor_on_leader`](Self::actor_on_leader) at `/_singleton-` and its name.
    ///
    /// # Errors
    /// The name is empty, has a line break, or is a path.
    pub fn singleton<M>(&self, name: &str) -> Result<LeaderRef<M>, NameError> {
        let path = SINGLETONS.path(name)?;
        Ok(LeaderRef::new(self.core(), path))
    }

    /// Returns a reference to the actor at `path` of whichever node leads; a leading slash may be left
    /// out. Nothing is sent. A singleton has a path that is not its name: use
    /// [`singleton`](Self::singleton).
    ///
    /// # Errors
    /// The path is empty or has a line break.
    pub fn actor_on_leader<M>(&self, path: &str) -> Result<LeaderRef<M>, AddressError> {
        let path = checked(path)?;
        Ok(LeaderRef::new(self.core(), path))
    }
}

impl<M> LeaderRef<M> {
    fn new(core: &Arc<Core>, path: Arc<str>) -> Self {
        Self {
            core: Arc::clone(core),
            path,
            kind: std::marker::PhantomData,
        }
    }

    /// Returns the path of the actor.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the leader that the last view names; `None` without a view, or if the view does not call
    /// it alive.
    pub fn leader(&self) -> Option<NodeAddress> {
        self.core.leader()
    }

    /// Waits until a view names a live leader, at most for `within`, and returns it.
    ///
    /// # Errors
    /// [`TellError::NoLeader`] if none did in that time; [`TellError::Closed`].
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub async fn wait_for_leader(&self, within: Duration) -> Result<NodeAddress, TellError> {
        self.led_by(from_now(within)).await
    }

    async fn led_by(&self, deadline: Instant) -> Result<NodeAddress, TellError> {
        if self.core.is_closed() {
            return Err(TellError::Closed);
        }
        let mut views = Topology::new(self.core.view.clone());
        let led = views.wait_for(|view| view.live_leader().is_some());
        match self.core.home.by(deadline, led).await {
            Some(Ok(view)) => view.live_leader().cloned().ok_or(TellError::NoLeader),
            Some(Err(_)) => Err(TellError::Closed),
            None => Err(TellError::NoLeader),
        }
    }

    /// Returns the reference to the actor of the node that leads now, which does not follow the leader.
    ///
    /// # Errors
    /// [`TellError::NoLeader`]: no view names a live one.
    pub fn now(&self) -> Result<BoundRef<M>, TellError> {
        let node = self.leader().ok_or(TellError::NoLeader)?;
        Ok(BoundRef::new(
            &self.core,
            actor_at(&self.core, &node, &self.path),
        ))
    }

    /// Sends a message to the actor of the present leader; see
    /// [`ClusterClient::tell`](crate::ClusterClient::tell). Never waits.
    ///
    /// # Errors
    /// The message was not accepted, and nothing of it was sent; [`TellError::NoLeader`] without a live
    /// leader.
    pub fn tell(&self, message: M) -> Result<(), TellError>
    where
        M: Serialize,
    {
        self.leader().ok_or(TellError::NoLeader)?;
        self.send(&message)
    }

    fn send(&self, message: &M) -> Result<(), TellError>
    where
        M: Serialize,
    {
        self.core.encoded(&Plain(message), |class, message| {
            let to = Destination::Leader {
                path: &self.path,
                class,
            };
            self.core.send(&to, message, None)
        })
    }

    /// Sends a message to the actor of the leader, and waits while there is no live leader, and while the
    /// outbox of its node or the pending buffer is full: at most for the client's buffer timeout.
    ///
    /// # Errors
    /// As those of [`tell`](Self::tell), if they lasted all that time.
    ///
    /// # Cancel safety
    /// Either the message was accepted or nothing of it was.
    pub async fn tell_wait(&self, message: M) -> Result<(), TellError>
    where
        M: Serialize,
    {
        let within = self.core.limits.buffer_timeout;
        self.tell_within(message, within).await
    }

    /// Sends a message to the actor of the leader, and waits as [`tell_wait`](Self::tell_wait) does, at
    /// most for `within`.
    ///
    /// # Errors
    /// As those of [`tell_wait`](Self::tell_wait).
    ///
    /// # Cancel safety
    /// Either the message was accepted or nothing of it was.
    pub async fn tell_within(&self, message: M, within: Duration) -> Result<(), TellError>
    where
        M: Serialize,
    {
        let deadline = from_now(within);
        self.led_by(deadline).await?;
        give_way().await;
        let refused = match self.send(&message) {
            Err(refused) if wait::is_full(&refused) => refused,
            sent => return sent,
        };
        let to = Destination::Leader {
            path: &self.path,
            class: "",
        };
        let left = deadline.saturating_duration_since(precise_now());
        wait::tell(&self.core, &to, &Plain(&message), refused, left).await
    }

    /// Prepares an ask of the actor of the leader; awaited, it sends the message to the node that leads
    /// then, and returns the reply. See [`ClusterClient::ask`](crate::ClusterClient::ask).
    ///
    /// Without a live leader it fails at once, with [`TellError::NoLeader`]; see
    /// [`wait_for_leader`](Self::wait_for_leader). One that is [idempotent](Ask::idempotent) waits for one,
    /// in the pending buffer.
    pub fn ask<R: DeserializeOwned>(
        &self,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Ask<'_, R, impl SendAsk<R>>
    where
        M: Serialize,
    {
        let (core, path) = (&self.core, Arc::clone(&self.path));
        let send = move |ask: &mut AskSender<'_>, reply_to: ActorRef<R>| {
            let message = message(reply_to);
            core.encoded(&Plain(&message), |class, message| {
                ask.send_to_leader(&path, class, message)
            })
        };
        Ask::new(core, send)
    }
}

impl<M> sealed::Sealed for LeaderRef<M> {}

impl<M: Serialize> AskTarget<M> for LeaderRef<M> {
    type Choice = ();

    fn ask_through<'a, R: DeserializeOwned>(
        &'a self,
        _: &'a ClusterClient,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Ask<'a, R, impl SendAsk<R>> {
        self.ask(message)
    }
}

impl<M> Clone for LeaderRef<M> {
    fn clone(&self) -> Self {
        Self::new(&self.core, Arc::clone(&self.path))
    }
}

impl<M> PartialEq for LeaderRef<M> {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl<M> Eq for LeaderRef<M> {}

impl<M> fmt::Debug for LeaderRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaderRef")
            .field("path", &self.path)
            .field("leader", &self.leader())
            .finish_non_exhaustive()
    }
}
