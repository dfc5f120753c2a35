//! The choice of one instance of a service for each message, those that failed lately last.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use casty_proto::message::{ServiceEntry, ServiceKey};
use casty_proto::{ActorRef, NodeAddress};
use casty_routing::View;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::ClusterClient;
use crate::client::bound_ref;
use crate::client::services::{Instance, instance};
use crate::error::services::{PickError, PickedError, name_of};
use crate::error::{AskError, NotSent, TellError};
use crate::runtime::clock;
use crate::runtime::random::Rng;
use crate::send::Core;
use crate::send::wait::is_full;

/// The time for which an instance that failed is set aside, unless it is set.
const ASIDE: Duration = Duration::from_secs(5);
/// The number of instances that one told message is offered to at most.
const OFFERS: u32 = 3;

/// The way in which a [`Picker`] picks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PickBy {
    /// One instance after the other, by node and path. Where the turn begins differs from picker to
    /// picker; clones take turns together.
    #[default]
    RoundRobin,
    /// Any instance, by lot: each as likely as the others.
    Any,
    /// The instance on this node; of several there, one after the other.
    Node(NodeAddress),
}

/// A picker of one instance of a service for each message, made by
/// [`ClusterClient::picker`](crate::ClusterClient::picker).
///
/// Instances come and go with the view of the cluster. One that failed lately is *set aside*, for 5 s
/// unless [`set_aside_for`](Self::set_aside_for) says otherwise: others are picked as long as there are
/// any, and of those whose node is connected as long as there are any. If all are set aside, one of them
/// is picked all the same: an instance that may answer is better than none.
///
/// [`tell`](Self::tell) and [`ask`](Self::ask) take note of what fails by themselves. Who sends by
/// [`pick`](Self::pick) tells with [`failed`](Self::failed) and [`answered`](Self::answered).
///
/// Cheap to clone; clones share the turn and what is set aside, and so do those that pick
/// [otherwise](Self::by). Memory: an entry for each listed instance that is set aside. Cost of a pick: a
/// walk over the instances that the view lists.
///
/// ```
/// # async fn example(client: &casty_client::ClusterClient) -> Result<(), Box<dyn std::error::Error>> {
/// use casty_client::{ActorRef, ServiceKey};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// #[serde(rename = "hello.Greet")]
/// struct Greet { name: String, reply_to: ActorRef<String> }
///
/// let greeters = client.picker(&ServiceKey::new("greeter"));
/// let greet = |reply_to| Greet { name: "Ada".to_owned(), reply_to };
/// println!("{}", greeters.ask(greet).await?);
/// # Ok(())
/// # }
/// ```
pub struct Picker<M> {
    core: Arc<Core>,
    key: ServiceKey<M>,
    by: PickBy,
    aside_for: Duration,
    shared: Arc<Shared>,
}

/// The state that the clones of a picker share.
struct Shared {
    /// The number of picks in turn. Relaxed: each pick takes a number of its own, and nothing else.
    turn: AtomicU64,
    lots: Rng,
    /// The instances that are set aside, and until when. Only listed ones are put in, and others taken
    /// out whenever one is, so that it is no larger than a view's list. The lock comes with the last of
    /// the [lock order](crate::shared): no other is taken with it, and no code of the user runs.
    aside: Mutex<BTreeMap<Place, Instant>>,
}

/// The node and the path of an instance.
type Place = (NodeAddress, Arc<str>);

/// The rank of an instance: the best ones are picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Connected,
    NotConnected,
    SetAside,
}

impl ClusterClient {
    /// Returns a picker of one instance of a service for each message, in turn unless it is told to pick
    /// [otherwise](Picker::by). Keep it, and clone it for other tasks: what failed lately is forgotten with
    /// it, and the next one's turn begins at any instance.
    pub fn picker<M>(&self, key: &ServiceKey<M>) -> Picker<M> {
        // Pickers differ by it, and those of a client with a seed are the same each time.
        let lots = Rng::seeded(self.core().rng.next_u64());
        let shared = Shared {
            turn: AtomicU64::new(lots.next_u64() >> 1),
            lots,
            aside: Mutex::default(),
        };
        Picker {
            core: Arc::clone(self.core()),
            key: key.clone(),
            by: PickBy::default(),
            aside_for: ASIDE,
            shared: Arc::new(shared),
        }
    }
}

impl<M> Picker<M> {
    /// Sets how to pick. Default: in turn.
    #[must_use]
    pub fn by(mut self, by: PickBy) -> Self {
        self.by = by;
        self
    }

    /// Sets for how long an instance that failed is set aside. Default: 5 s; zero for never.
    #[must_use]
    pub fn set_aside_for(mut self, time: Duration) -> Self {
        self.aside_for = time;
        self
    }

    /// Returns the key of the service.
    pub fn key(&self) -> &ServiceKey<M> {
        &self.key
    }

    /// Picks an instance. A local matter: nothing is sent, and nothing waited for.
    ///
    /// # Errors
    /// There is no live instance, or none on the node that was asked for.
    pub fn pick(&self) -> Result<Instance<M>, PickError> {
        if self.core.is_closed() {
            return Err(PickError::Closed);
        }
        let view = self.core.view.borrow().clone();
        let view = view.ok_or(PickError::NotReady)?;
        let live = view.live_services(self.key.name());
        let on_node = |entry: &&ServiceEntry| match &self.by {
            PickBy::Node(node) => entry.node == *node,
            PickBy::RoundRobin | PickBy::Any => true,
        };
        let candidates: Vec<_> = live.filter(on_node).collect();
        let ranks = self.ranks(&candidates);
        let best = ranks.iter().min().ok_or_else(|| self.none_in(&view))?;
        let best: Vec<_> = candidates
            .iter()
            .zip(&ranks)
            .filter(|(_, rank)| *rank == best)
            .collect();
        let number = match self.by {
            PickBy::Any => self.shared.lots.next_u64(),
            PickBy::RoundRobin | PickBy::Node(_) => {
                self.shared.turn.fetch_add(1, Ordering::Relaxed)
            }
        };
        let place = number % u64::try_from(best.len()).unwrap_or(u64::MAX).max(1);
        let picked = usize::try_from(place).ok().and_then(|at| best.get(at));
        let (entry, _) = picked.ok_or_else(|| self.none_in(&view))?;
        Ok(instance(&self.core, entry))
    }

    /// Returns the ranks of instances.
    fn ranks(&self, of: &[&ServiceEntry]) -> Vec<Rank> {
        let now = clock::precise_now();
        let mut ranks: Vec<_> = {
            let aside = self.shared.aside.lock();
            let is_aside = |entry: &&ServiceEntry| {
                let place = (entry.node.clone(), Arc::clone(&entry.path));
                aside.get(&place).is_some_and(|until| *until > now)
            };
            let rank = |entry| {
                if is_aside(entry) {
                    Rank::SetAside
                } else {
                    Rank::NotConnected
                }
            };
            of.iter().map(rank).collect()
        };
        let connected = self.core.connected.read();
        for (entry, rank) in of.iter().zip(&mut ranks) {
            if *rank == Rank::NotConnected && connected.contains_key(&entry.node) {
                *rank = Rank::Connected;
            }
        }
        ranks
    }

    /// Returns the error of a view without an instance to pick.
    fn none_in(&self, view: &View) -> PickError {
        let service = name_of(&self.key);
        if let PickBy::Node(node) = &self.by {
            let node = node.clone();
            return PickError::NotThere { service, node };
        }
        let dead = view.services(self.key.name()).iter();
        PickError::NoInstance {
            service,
            dead: dead.map(|entry| entry.node.clone()).collect(),
        }
    }

    /// Sets an instance aside that failed to do its work. No effect if the view does not list it.
    pub fn failed(&self, instance: &Instance<M>) {
        let Some(place) = place_of(instance) else {
            return;
        };
        let view = self.core.view.borrow().clone().unwrap_or_default();
        let now = clock::precise_now();
        let until = clock::from_now(self.aside_for);
        let listed = |(node, path): &Place| {
            let all = view.services(self.key.name());
            all.iter()
                .any(|entry| entry.node == *node && entry.path == *path)
        };
        let mut aside = self.shared.aside.lock();
        aside.retain(|place, until| *until > now && listed(place));
        if until > now && listed(&place) {
            aside.insert(place, until);
        }
    }

    /// Takes an instance back that is set aside, because it did its work.
    pub fn answered(&self, instance: &Instance<M>) {
        if let Some(place) = place_of(instance) {
            self.shared.aside.lock().remove(&place);
        }
    }

    /// Returns whether an instance is set aside.
    pub fn is_set_aside(&self, instance: &Instance<M>) -> bool {
        let until = place_of(instance).and_then(|it| self.shared.aside.lock().get(&it).copied());
        until.is_some_and(|until| until > clock::precise_now())
    }

    /// Picks an instance and sends it a message; returns its node. Never waits.
    ///
    /// An instance for which there is no capacity is set aside, and the message offered to the next, to
    /// three in all: nothing of it was sent to those that refused it.
    ///
    /// # Errors
    /// No instance was picked, or the message was not accepted; nothing of it was sent.
    pub fn tell(&self, message: M) -> Result<NodeAddress, PickedError<TellError>>
    where
        M: Serialize,
    {
        let mut offers = 1;
        loop {
            let picked = self.pick()?;
            match bound_ref::tell(&self.core, &picked.actor.actor_ref(), &message) {
                Ok(()) => return Ok(picked.node),
                Err(refused) if is_full(&refused) && offers < OFFERS => {
                    self.failed(&picked);
                    offers += 1;
                }
                Err(source) => {
                    if is_full(&source) {
                        self.failed(&picked);
                    }
                    let node = picked.node;
                    return Err(PickedError::Failed { node, source });
                }
            }
        }
    }

    /// Picks an instance and asks it; waits for the reply as long as the client's
    /// [`ask_timeout`](crate::ClientBuilder::ask_timeout). See [`ask_within`](Self::ask_within).
    ///
    /// # Errors
    /// As those of [`ask_within`](Self::ask_within).
    ///
    /// # Cancel safety
    /// As that of [`ask_within`](Self::ask_within).
    pub async fn ask<R: DeserializeOwned>(
        &self,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Result<R, PickedError<AskError>>
    where
        M: Serialize,
    {
        let within = self.core.limits.ask_timeout;
        self.ask_within(message, within).await
    }

    /// Picks an instance, asks it, and waits for the reply at most for `within`.
    ///
    /// An instance that sends no reply, whose connection is lost or for which there is no capacity is set
    /// aside; one that replies is taken back, be the reply readable or not. The message goes to one
    /// instance and to no second one, for it may have been handled; whoever may ask again asks again.
    ///
    /// # Errors
    /// No instance was picked, or the ask ended without a reply; `fate` of the error says what may have
    /// happened to the message.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the ask, and says nothing of the instance.
    pub async fn ask_within<R: DeserializeOwned>(
        &self,
        message: impl FnOnce(ActorRef<R>) -> M,
        within: Duration,
    ) -> Result<R, PickedError<AskError>>
    where
        M: Serialize,
    {
        let picked = self.pick()?;
        let asked = picked.actor.ask(message).within(within).await;
        match verdict(asked.as_ref().err()) {
            Some(true) => self.answered(&picked),
            Some(false) => self.failed(&picked),
            None => {}
        }
        let node = picked.node;
        asked.map_err(|source| PickedError::Failed { node, source })
    }
}

/// Returns whether the end of an ask shows that its instance works; `None` if it shows nothing.
fn verdict(error: Option<&AskError>) -> Option<bool> {
    match error {
        None
        | Some(AskError::ReplyDropped { .. } | AskError::ReplyOverLimit(_) | AskError::Decode(_)) => {
            Some(true)
        }
        Some(AskError::Timeout { .. } | AskError::Lost { .. }) => Some(false),
        Some(AskError::Refused(refused)) => is_full(refused).then_some(false),
        Some(AskError::NotSent(reason)) => match reason {
            NotSent::Expired(_) | NotSent::BufferFull | NotSent::Displaced | NotSent::NodeGone => {
                Some(false)
            }
            NotSent::OtherShardCount { .. }
            | NotSent::ConnectionLost
            | NotSent::Abandoned
            | NotSent::Closed
            | NotSent::TooLong => None,
        },
        Some(
            AskError::NoReplyTo
            | AskError::TooManyAsks { .. }
            | AskError::AskBytesFull { .. }
            | AskError::Closed,
        ) => None,
    }
}

/// Returns the place of an instance.
fn place_of<M>(instance: &Instance<M>) -> Option<Place> {
    let actor = instance.actor.actor_ref();
    let path = actor.parts().ok()?.path.into();
    Some((instance.node.clone(), path))
}

impl<M> Clone for Picker<M> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
            key: self.key.clone(),
            by: self.by.clone(),
            aside_for: self.aside_for,
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<M> fmt::Debug for Picker<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picker")
            .field("key", &self.key)
            .field("by", &self.by)
            .field("set_aside_for", &self.aside_for)
            .finish_non_exhaustive()
    }
}
