//! References to an actor of whichever node leads: singletons, first of all.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::{ActorRef, AddressError, NodeAddress};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::ask::Ask;
use crate::ask::sender::{AskSender, SendAsk};
use crate::client::ClusterClient;
use crate::client::bound_ref::{self, BoundRef};
use crate::client::path::{actor_at, checked};
use crate::error::TellError;
use crate::message::Plain;
use crate::runtime::clock;
use crate::send::Core;
use crate::topology::{self, Topology};

/// A reference to the actor at a path of the cluster's leader, whichever node that is: made by
/// [`ClusterClient::singleton`](crate::ClusterClient::singleton) and
/// [`ClusterClient::actor_on_leader`](crate::ClusterClient::actor_on_leader).
///
/// Each send goes to the leader that the last view names, so the reference follows it. Views take some
/// seconds to notice that a leader is dead: what is sent to the old one meanwhile is lost or not sent, as
/// the fate of each message tells. An [idempotent](crate::Ask::idempotent) ask is sent again to whoever
/// leads then; one whose message was still in the outbox of a leader that dies ends as
/// [`NotSent::NodeGone`](crate::NotSent), and may be asked again without harm.
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
    /// # Errors
    /// The name is empty or has a line break.
    pub fn singleton<M>(&self, name: &str) -> Result<LeaderRef<M>, AddressError> {
        let path = checked("/_singleton-", name)?;
        Ok(LeaderRef::new(self.core(), path))
    }

    /// Returns a reference to the actor at `path` of whichever node leads; a leading slash may be left
    /// out. Nothing is sent.
    ///
    /// # Errors
    /// The path is empty or has a line break.
    pub fn actor_on_leader<M>(&self, path: &str) -> Result<LeaderRef<M>, AddressError> {
        let path = checked("/", path)?;
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
        topology::leader(&self.core)
    }

    /// Waits until a view names a live leader, at most for `within`, and returns it.
    ///
    /// # Errors
    /// [`TellError::NoLeader`] if none did in that time; [`TellError::Closed`].
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub async fn wait_for_leader(&self, within: Duration) -> Result<NodeAddress, TellError> {
        self.led_by(clock::from_now(within).into()).await
    }

    async fn led_by(&self, deadline: Instant) -> Result<NodeAddress, TellError> {
        if self.core.is_closed() {
            return Err(TellError::Closed);
        }
        let mut views = Topology::new(self.core.view.clone());
        let led = views.wait_for(|view| topology::live_leader(view).is_some());
        match timeout_at(deadline, led).await {
            Ok(Ok(view)) => topology::live_leader(&view)
                .cloned()
                .ok_or(TellError::NoLeader),
            Ok(Err(_)) => Err(TellError::Closed),
            Err(_) => Err(TellError::NoLeader),
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
        let to = self.now()?.actor_ref();
        bound_ref::tell(&self.core, &to, &message)
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
        let deadline: Instant = clock::from_now(within).into();
        let node = self.led_by(deadline).await?;
        let actor = BoundRef::new(&self.core, actor_at(&self.core, &node, &self.path));
        let left = deadline.saturating_duration_since(Instant::now());
        actor.tell_within(message, left).await
    }

    /// Prepares an ask of the actor of the leader; awaited, it sends the message to the node that leads
    /// then, and returns the reply. See [`ClusterClient::ask`](crate::ClusterClient::ask).
    ///
    /// Without a live leader it fails at once, with [`TellError::NoLeader`]; see
    /// [`wait_for_leader`](Self::wait_for_leader). One that is [idempotent](Ask::idempotent) waits for a
    /// connected leader: each of its attempts finds one, or is spent.
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
