//! The client as users hold it.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::message::{ServiceKey, ShardEnvelope};
use casty_proto::{ActorRef, NodeAddress};
use casty_routing::{CountContradiction, View};
use casty_transport::ConnectError;
#[cfg(any(feature = "tls", feature = "quic"))]
use casty_transport::TlsConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::admin::Admin;
use crate::ask::Ask;
use crate::ask::choice::AskChoice;
use crate::ask::sender::SendAsk;
use crate::client::actor::behaviour::Function;
use crate::client::actor::context::ActorContext;
use crate::client::actor::start::ActorSettings;
use crate::client::bound_ref::BoundRef;
use crate::client::region::{EntityRef, RegionRef};
use crate::client::services::Listing;
use crate::config::ClientBuilder;
use crate::control::close;
use crate::dead_letters::DeadLetters;
use crate::distributed::Distributed;
use crate::error::discovery::DiscoveryError;
use crate::error::{ReadyError, RegionError, SpawnError, TellError};
use crate::runtime::clock;
use crate::send::Core;
use crate::stats::per_region::{NodeStats, RegionStats};
use crate::stats::{CloseReport, Stats};
use crate::topology::{self, Topology};

pub(crate) mod actor;
pub(crate) mod ask_many;
#[cfg(feature = "tower")]
pub(crate) mod ask_service;
pub(crate) mod bound_ref;
pub(crate) mod broadcast;
pub(crate) mod leader_ref;
mod path;
pub(crate) mod region;
pub(crate) mod services;
mod start;
pub(crate) mod tell_all;

/// The external client of a Casty cluster: sends each message straight to the node that owns the
/// entity's shard, without being a member.
///
/// Cheap to clone; all clones are one client. When the last one is dropped the client ends, and
/// messages that it had not written are lost: [`close`](Self::close) ends it in order, and reports.
///
/// A client belongs to the process that made it. A fork of that process has the handle and none of
/// the threads that do its work, so what it sends stays where it is: let each process make a client
/// of its own, and it will announce an address of its own.
///
/// ```no_run
/// use casty_client::{ActorRef, ClusterClient, ShardEnvelope};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// #[serde(rename = "counter_app.Increment")]
/// struct Increment { amount: i64 }
///
/// #[derive(Serialize)]
/// #[serde(rename = "counter_app.GetCount")]
/// struct GetCount { reply_to: ActorRef<i64> }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = ClusterClient::builder("my-cluster")
///     .contact_point("10.0.1.10:25520")
///     .contact_point("10.0.1.11:25520")
///     .connect()
///     .await?;
/// let counters = client.region("counter", 100)?;
/// counters.tell(ShardEnvelope::new("user-42", Increment { amount: 5 }))?;
/// let count: i64 = counters.entity("user-42").ask(|reply_to| GetCount { reply_to }).await?;
/// # let _ = count;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClusterClient {
    handle: Arc<Handle>,
}

/// Ends the client when the last clone is gone.
struct Handle {
    core: Arc<Core>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.end_by(None);
    }
}

impl ClusterClient {
    /// Returns the settings of a client of the cluster whose actor system has this name; nodes of
    /// another name would not know the client's messages for theirs.
    pub fn builder(system_name: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(system_name.into())
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.handle.core
    }

    /// Waits for the first view of the cluster: a node was reached and has told who is there.
    ///
    /// Not needed before sending: messages sent earlier are buffered. Returns at once for good after that
    /// view, whatever becomes of the cluster; [`health`](Self::health) tells what the client can do now.
    ///
    /// # Errors
    /// No view came within `timeout`, which tells why the contact points could not be connected;
    /// or what was reached is not the cluster that the client is configured for, told at once. The
    /// client goes on trying in any case, unless it is closed.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub async fn ready(&self, timeout: Duration) -> Result<Arc<View>, ReadyError> {
        topology::ready(self.core(), timeout).await
    }

    /// Returns the addresses that could not be connected when last dialled, with the error of each.
    /// [`discovery_failure`](Self::discovery_failure) tells why there may be none.
    pub fn dial_failures(&self) -> Vec<(NodeAddress, ConnectError)> {
        topology::dial_failures(self.core())
    }

    /// Returns the reason for which the [discovery](ClientBuilder::discovery) named no contact point
    /// when last asked; `None` if it did, was not asked yet, or there is none.
    pub fn discovery_failure(&self) -> Option<DiscoveryError> {
        self.core().discovery_failure.lock().clone()
    }

    /// Returns the administration of the cluster: its diagnosis, and members declared dead. Nothing
    /// of it is ever done but on demand.
    pub fn admin(&self) -> Admin {
        Admin::new(self.core())
    }

    /// Returns a stream of the views of the cluster.
    pub fn topology(&self) -> Topology {
        Topology::new(self.core().view.clone())
    }

    /// Returns the shard region `name`, which the cluster's nodes divide into `shards` shards.
    ///
    /// Nothing on the wire tells that number: it must be the one that the nodes are configured
    /// with. It stays in use whatever the cluster's view says against it, for nobody can tell from
    /// that which of two programs is wrong; [`contradictions`](Self::contradictions) and the log
    /// tell. Cheap, and cached by name; no network.
    ///
    /// # Errors
    /// The number contradicts an earlier use or the configuration, the name cannot be one, or there
    /// are too many regions or shards. If the client [is strict](ClientBuilder::shard_counts), also a
    /// number that the view contradicts.
    #[doc(alias = "entity_ref")]
    #[doc(alias = "region_ref")]
    pub fn region(&self, name: &str, shards: u32) -> Result<RegionRef, RegionError> {
        RegionRef::of(self.core(), name, shards)
    }

    /// Returns the shard region `name` with the number of shards that the configuration names:
    /// `[regions]` of a file, `CASTY_REGIONS`, or [`ClientBuilder::region_shards`].
    ///
    /// # Errors
    /// The configuration does not name it; or those of [`region`](Self::region).
    pub fn configured_region(&self, name: &str) -> Result<RegionRef, RegionError> {
        match self.core().regions.get(name) {
            Some(shards) => self.region(name, *shards),
            None => Err(RegionError::NotConfigured {
                region: name.to_owned(),
            }),
        }
    }

    /// Returns the regions in use whose shard count the cluster's view contradicts, by name: some
    /// other program uses another one. Each was a warning in the log.
    pub fn contradictions(&self) -> Vec<(Arc<str>, CountContradiction)> {
        let routing = self.core().routing.lock();
        let regions = routing.router.regions();
        let contradicted = regions.filter_map(|(id, name)| {
            let contradiction = routing.router.contradiction(id)?;
            Some((Arc::clone(name), contradiction.clone()))
        });
        contradicted.collect()
    }

    /// Returns a shard region: [`region`](Self::region) by the name that Casty's `ClusterClient`
    /// has for it.
    ///
    /// # Errors
    /// As those of [`region`](Self::region).
    pub fn entity_ref(&self, shard_type: &str, num_shards: u32) -> Result<RegionRef, RegionError> {
        self.region(shard_type, num_shards)
    }

    /// Returns a shard region: [`region`](Self::region) by the name that Casty has for it where
    /// regions are spawned by a key. The entities are made by the nodes, so no factory is needed.
    ///
    /// # Errors
    /// As those of [`region`](Self::region).
    pub fn region_ref(&self, key: &str, num_shards: u32) -> Result<RegionRef, RegionError> {
        self.region(key, num_shards)
    }

    /// Returns the distributed structures of the cluster: counters, maps, sets, queues, locks,
    /// semaphores and barriers, which every participant shares.
    pub fn distributed(&self) -> Distributed {
        Distributed::new(self.core())
    }

    /// Sends a message to any actor: of a node, or of this client.
    ///
    /// Never waits. `Ok` means accepted; messages to a node that is not connected are buffered, at
    /// most for the buffer timeout.
    ///
    /// # Errors
    /// The message was not accepted, and nothing of it was sent.
    pub fn tell<M: Serialize>(&self, to: &ActorRef<M>, message: M) -> Result<(), TellError> {
        bound_ref::tell(self.core(), to, &message)
    }

    /// Prepares an ask: a message that carries a reference to reply to, and its first reply.
    ///
    /// `to` is a [`RegionRef`], which takes envelopes, an entity, a reference to any actor, the
    /// [singleton](Self::singleton) or another actor of the leader, or the [`Picker`](crate::Picker) of a
    /// service: any [`AskTarget`]. The message is made and sent when the ask is awaited. Default time
    /// limit: 5 s, everything included.
    pub fn ask<'a, M, R, T>(
        &'a self,
        to: &'a T,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Ask<'a, R, impl SendAsk<R, T::Choice>, T::Choice>
    where
        T: AskTarget<M>,
        R: DeserializeOwned,
    {
        to.ask_through(self, message)
    }

    /// Asks an entity of a region and awaits its reply for at most `timeout`; see
    /// [`ask`](Self::ask).
    ///
    /// # Errors
    /// No reply came, or it cannot be read; [`AskError::fate`](crate::AskError::fate) tells what
    /// may have happened to the message.
    pub async fn entity_ask<M, I, R>(
        &self,
        to: &RegionRef,
        message: impl FnOnce(ActorRef<R>) -> ShardEnvelope<M, I>,
        timeout: Duration,
    ) -> Result<R, crate::AskError>
    where
        M: Serialize,
        I: Serialize + AsRef<str>,
        R: DeserializeOwned,
    {
        to.ask(message).within(timeout).await
    }

    /// Returns the instances of a service on live nodes, as the last view lists them. A local read;
    /// empty before the first view.
    pub fn lookup<M>(&self, key: &ServiceKey<M>) -> Listing<M> {
        services::lookup(self.core(), key)
    }

    /// Binds a reference, such as one that came in a message, to this client, which sends to it.
    pub fn bind<M>(&self, actor: ActorRef<M>) -> BoundRef<M> {
        BoundRef::new(self.core(), actor)
    }

    /// Starts an actor on this client that nodes can send to: `handle` is called with one message
    /// after the other. It ends with the client, or by [`ActorContext::stop`].
    ///
    /// Messages that cannot be read as `M`, or find the mailbox full, are dropped and counted. A panic
    /// of `handle` ends it, and is counted and logged, as are the messages that its mailbox had left. An actor with a state, settings of its own, restarts
    /// or a handle to watch it by is started by [`actor`](Self::actor).
    ///
    /// # Errors
    /// The name is taken or cannot be one.
    pub fn spawn<M, F, Fut>(&self, handle: F, name: &str) -> Result<BoundRef<M>, SpawnError>
    where
        M: DeserializeOwned + Send + 'static,
        F: FnMut(M, ActorContext<M>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        // It is never made anew, so it is taken once.
        let mut once = Some(handle);
        let make = move || once.take().map(Function::<F, M, Fut>::new);
        let settings = ActorSettings::of(self.core());
        let started = actor::start::start(self.core(), name, settings, make)?;
        Ok(started.actor().clone())
    }

    /// Returns the address that the client announces, to which nodes send its answers. To a node that
    /// it lost and comes back to, it announces a fresh one as well.
    pub fn identity(&self) -> &NodeAddress {
        self.core().identity.address()
    }

    /// Returns the certificates that the client shows and trusts, if its transport has any. Their
    /// status says whether files that were replaced could be used.
    #[cfg(any(feature = "tls", feature = "quic"))]
    pub fn certificates(&self) -> Option<&TlsConfig> {
        self.core().certificates.as_ref()
    }

    /// Returns the client's counters and gauges. Cost: some locks, no wait.
    pub fn stats(&self) -> Stats {
        self.core().stats()
    }

    /// Returns the counters of each region, and of actors of nodes. Walks everything that is
    /// buffered.
    pub fn region_stats(&self) -> Vec<RegionStats> {
        self.core().region_stats()
    }

    /// Returns the counters of each node, of up to 1,024 that have no connection.
    pub fn node_stats(&self) -> Vec<NodeStats> {
        self.core().node_stats()
    }

    /// Returns a stream of the dead letters from now on: messages that are not sent, or may be lost
    /// under way.
    pub fn dead_letters(&self) -> DeadLetters {
        self.core().dead_letters.follow()
    }

    /// Ends the client in order, and reports.
    ///
    /// Takes no more messages, writes those that are there, has its actors handle and answer what is in
    /// their mailboxes, and waits for the replies to asks, all for at most `timeout`; ends the
    /// subscription, and closes every connection within the rest of it, or a second. Actors that have not
    /// handled all within `timeout`, or a second, are aborted; those that cannot be, because they keep
    /// their thread or their runtime is not driven, are waited for no longer than a second. Over QUIC it then waits until nodes have received everything and know of the end: some
    /// 0.1 s on a quick network, at most the rest of `timeout`, or a second, for nothing is sent
    /// again after the end of the process. Locks and permits that are held are released, as no guard could
    /// do it later: again and again within `timeout`, until a node confirms it, and at its end once more,
    /// for which there is a second. Acquires that still wait have the time as asks have it
    /// ([`CloseReport::unreleased`]). Closing again reports the same. Of several calls at once
    /// the shortest `timeout` counts. A caller on another runtime than the client's waits for
    /// `timeout` and no longer if that is not driven, and learns that messages were not written.
    ///
    /// # Cancel safety
    /// The client ends all the same; only the report is lost.
    pub async fn close(&self, timeout: Duration) -> CloseReport {
        let core = self.core();
        core.end_by(Some(clock::from_now(timeout)));
        // The control task has it from here on, whether or not this is polled again. It publishes
        // views until the client has ended.
        let mut view = core.view.clone();
        let mut ended = pin!(async {
            view.wait_for(|_| false).await.ok();
        });
        let in_time = core.home.bounded(timeout, ended.as_mut()).await;
        if in_time.is_none() && core.ending.is_taken() {
            core.home.bounded(close::AFTERWARDS, ended).await;
        }
        CloseReport {
            stats: core.stats(),
            drained: core.drained.get().copied().unwrap_or(false),
            unreleased: core.acquires.left(),
        }
    }
}

impl fmt::Debug for ClusterClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterClient")
            .field("system", &self.core().system)
            .field("identity", self.identity())
            .finish_non_exhaustive()
    }
}

/// A receiver that can be asked through [`ClusterClient::ask`], with messages of type `M`. Sealed.
///
/// One that is bound to a client, which is all of them but [`ActorRef`], is asked through that client.
pub trait AskTarget<M>: sealed::Sealed {
    /// The choice of who is asked, if there is one: [`PickedInstance`](crate::PickedInstance) for a
    /// [`Picker`](crate::Picker), else `()`.
    type Choice: AskChoice;

    #[doc(hidden)]
    fn ask_through<'a, R: DeserializeOwned>(
        &'a self,
        client: &'a ClusterClient,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Ask<'a, R, impl SendAsk<R, Self::Choice>, Self::Choice>;
}

impl<M: Serialize, I: Serialize + AsRef<str>> AskTarget<ShardEnvelope<M, I>> for RegionRef {
    type Choice = ();

    fn ask_through<'a, R: DeserializeOwned>(
        &'a self,
        _: &'a ClusterClient,
        message: impl FnOnce(ActorRef<R>) -> ShardEnvelope<M, I>,
    ) -> Ask<'a, R, impl SendAsk<R>> {
        self.ask(message)
    }
}

impl<M: Serialize> AskTarget<M> for EntityRef {
    type Choice = ();

    fn ask_through<'a, R: DeserializeOwned>(
        &'a self,
        _: &'a ClusterClient,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Ask<'a, R, impl SendAsk<R>> {
        self.ask(message)
    }
}

impl<M: Serialize> AskTarget<M> for ActorRef<M> {
    type Choice = ();

    fn ask_through<'a, R: DeserializeOwned>(
        &'a self,
        client: &'a ClusterClient,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Ask<'a, R, impl SendAsk<R>> {
        bound_ref::ask(client.core(), self.clone(), message)
    }
}

impl<M: Serialize> AskTarget<M> for BoundRef<M> {
    type Choice = ();

    fn ask_through<'a, R: DeserializeOwned>(
        &'a self,
        client: &'a ClusterClient,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Ask<'a, R, impl SendAsk<R>> {
        bound_ref::ask(client.core(), self.actor_ref(), message)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::RegionRef {}
    impl Sealed for crate::EntityRef {}
    impl<M> Sealed for casty_proto::ActorRef<M> {}
    impl<M> Sealed for crate::BoundRef<M> {}
}
