//! The configuration of a cluster.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::{Codec, NodeAddress};
use casty_routing::ShardCount;
use casty_transport::{ConnectOptions, OutboxLimits, TransportConfig};
use serde::de::DeserializeOwned;

use crate::actor::ActorPlan;
use crate::cluster::Cluster;
use crate::context::Context;
use crate::entity::Entity;
use crate::error::StartError;
use crate::membership::MembershipOptions;
use crate::region::RegionPlan;
use crate::settings::{NODES, Settings};
use crate::singleton::SingletonPlan;
use crate::structure::Structure;

/// The time that a peer has to announce itself to a member.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The configuration of a cluster; [`start`](Self::start) starts it.
///
/// Setters take and return the value, and the last one counts. [`start`](Self::start) checks them.
#[must_use = "no node runs before `start`"]
pub struct ClusterBuilder {
    system: String,
    nodes: usize,
    addresses: Vec<NodeAddress>,
    codec: Codec,
    transport: TransportConfig,
    regions: Vec<RegionSettings>,
    services: Vec<ActorPlan>,
    actors: Vec<ActorPlan>,
    singletons: Vec<SingletonPlan>,
    broadcasts: Vec<Arc<str>>,
    detection: Duration,
    gossip: Duration,
    like_casty: bool,
    outbox: OutboxLimits,
    membership: Option<MembershipOptions>,
}

/// A region that was not checked yet.
struct RegionSettings {
    name: String,
    shards: u32,
    plan: MakePlan,
}

/// A function that plans a region, whatever the type of its entities.
type MakePlan = Box<dyn FnOnce(Arc<str>, ShardCount) -> RegionPlan + Send>;

impl Cluster {
    /// Begins to configure a cluster whose actor system has this name.
    ///
    /// The name must not be empty, or contain `@`, `/` or line breaks.
    pub fn builder(system: impl Into<String>) -> ClusterBuilder {
        ClusterBuilder::new(system.into())
    }
}

impl ClusterBuilder {
    fn new(system: String) -> Self {
        Self {
            system,
            nodes: 3,
            addresses: Vec::new(),
            codec: Codec::pickle(),
            transport: TransportConfig::tcp(),
            regions: Vec::new(),
            services: Vec::new(),
            actors: Vec::new(),
            singletons: Vec::new(),
            broadcasts: Vec::new(),
            detection: Duration::ZERO,
            gossip: Duration::from_millis(250),
            like_casty: true,
            // Real nodes send frames of any length.
            outbox: OutboxLimits::new()
                .bytes(64 * 1024 * 1024)
                .max_frame(u32::MAX as usize),
            membership: None,
        }
    }

    /// Sets the number of nodes. Default: 3; from 1 to 256.
    pub fn nodes(mut self, count: usize) -> Self {
        self.nodes = count;
        self
    }

    /// Sets the addresses at which nodes listen, one for each node, and so the number of nodes.
    ///
    /// Port 0 is a free one. Default: `127.0.0.1` and a free port for each.
    pub fn addresses(mut self, all: impl IntoIterator<Item = NodeAddress>) -> Self {
        self.addresses = all.into_iter().collect();
        self.nodes = self.addresses.len();
        self
    }

    /// Sets the addresses at which nodes listen, by number, unless they are set.
    #[cfg(feature = "sim")]
    pub(crate) fn default_addresses(self, named: impl Fn(usize) -> NodeAddress) -> Self {
        if self.addresses.is_empty() {
            let all: Vec<_> = (0..self.nodes).map(named).collect();
            return self.addresses(all);
        }
        self
    }

    /// Sets the serializer of the nodes. Default: pickle, as that of real ones.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Sets the transport by which nodes are reached. Default: TCP.
    pub fn transport(mut self, transport: TransportConfig) -> Self {
        self.transport = transport;
        self
    }

    /// Adds a shard region to all nodes.
    ///
    /// `make` makes an entity whenever a message arrives for an id of which there is none on that
    /// node; [`stateful`](crate::stateful) makes such a function of closures. `shards` must be what
    /// clients are told: at least 1. A node has at most 1,048,576 entities of a region at a time.
    pub fn region<E: Entity>(
        mut self,
        name: impl Into<String>,
        shards: u32,
        make: impl Fn() -> E + Send + Sync + 'static,
    ) -> Self {
        let plan: MakePlan = Box::new(|name, shards| RegionPlan::new(name, shards, make));
        let name = name.into();
        self.regions.push(RegionSettings { name, shards, plan });
        self
    }

    /// Adds a distributed structure to all nodes, as if each had asked its system for it.
    pub fn structure(mut self, structure: Structure) -> Self {
        let (name, shards) = structure.region();
        let plan: MakePlan = Box::new(move |name, shards| structure.plan(name, shards));
        self.regions.push(RegionSettings { name, shards, plan });
        self
    }

    /// Adds a distributed structure of whose entities it is told how many each node has.
    #[cfg(feature = "sim")]
    pub(crate) fn counted_structure(
        mut self,
        structure: Structure,
        changed: crate::region::counted::CountChanged,
    ) -> Self {
        let (name, shards) = structure.region();
        let plan: MakePlan =
            Box::new(move |name, shards| structure.plan(name, shards).counted(changed));
        self.regions.push(RegionSettings { name, shards, plan });
        self
    }

    /// Adds a discoverable service to node 0.
    ///
    /// It handles the messages of each connection one after the other. Its actor's name is that of
    /// its key.
    pub fn service<M: DeserializeOwned>(
        self,
        key: impl Into<Arc<str>>,
        handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.service_on(0, key, handle)
    }

    /// Adds a discoverable service to a node; see [`service`](Self::service).
    ///
    /// Several nodes may have services of the same key.
    pub fn service_on<M: DeserializeOwned>(
        mut self,
        node: usize,
        key: impl Into<Arc<str>>,
        handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Self {
        let plan = ActorPlan::service(node, key.into(), handle);
        self.services.push(plan);
        self
    }

    /// Adds an actor at a path of a node, which no key leads to.
    ///
    /// A leading slash may be left out; `parent/child` is a path, too. It handles the messages of each
    /// connection one after the other.
    pub fn actor_on<M: DeserializeOwned>(
        mut self,
        node: usize,
        path: &str,
        handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Self {
        let mut plan = actor(path, handle);
        plan.node = Some(node);
        self.actors.push(plan);
        self
    }

    /// Adds an actor at a path of all nodes; see [`actor_on`](Self::actor_on).
    pub fn actor<M: DeserializeOwned>(
        mut self,
        path: &str,
        handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.actors.push(actor(path, handle));
        self
    }

    /// Adds a cluster singleton.
    ///
    /// The node that takes itself for the leader makes it with `make` when the first message comes, and
    /// drops it when another leads; the others pass messages on to the leader. `make` is as that of a
    /// [region](Self::region). Real nodes keep messages that come while they know of no leader; these
    /// drop them, and messages that the leader itself passes on. A [member](Self::membership) of a cluster of
    /// real nodes that have a singleton has to have it, too: once it leads, there is no other.
    pub fn singleton<E: Entity>(
        mut self,
        name: impl Into<Arc<str>>,
        make: impl Fn() -> E + Send + Sync + 'static,
    ) -> Self {
        self.singletons.push(SingletonPlan::new(name.into(), make));
        self
    }

    /// Adds a broadcast actor to all nodes.
    ///
    /// A message to the path `/_bcast-NAME` of a node is for its own actor, one to `/NAME` for those of
    /// all members that are up to the node, [outside](Self::membership) of this process as well: real nodes
    /// that ask a broadcast wait for an answer of each member, so one among them has to have it, too.
    pub fn broadcast<M: DeserializeOwned>(
        mut self,
        name: impl Into<Arc<str>>,
        handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        let path = format!("/_bcast-{name}");
        self.actors
            .push(ActorPlan::new(path, Arc::clone(&name), handle));
        self.broadcasts.push(name);
        self
    }

    /// Adds a service that is planned.
    pub(crate) fn with_service(mut self, plan: ActorPlan) -> Self {
        self.services.push(plan);
        self
    }

    /// Sets the time that nodes take to notice that another has died or cannot be reached. Default:
    /// 0, at once; real nodes take 1 to 3 s.
    pub fn detection(mut self, after: Duration) -> Self {
        self.detection = after;
        self
    }

    /// Sets the time between two pushes of an unchanged view to subscribers, which the gossip of
    /// real nodes makes them do. Default: 250 ms; at least 1 ms. A cluster of one never does.
    pub fn gossip(mut self, every: Duration) -> Self {
        self.gossip = every;
        self
    }

    /// Has nodes treat the addresses that clients announce as real nodes do, or more kindly.
    /// Default: `true`.
    ///
    /// Of two connections that announce the same address the second wins if that address is lower
    /// than the node's, else the first; the other is closed. And an address that is sent to while
    /// no client is connected under it is blacklisted for 5 s, during which whatever is sent to it
    /// is dropped, even if it has connected since. With `false` the last connection always wins,
    /// and nothing is blacklisted.
    pub fn like_casty(mut self, yes: bool) -> Self {
        self.like_casty = yes;
        self
    }

    /// Has nodes agree by heartbeats and gossip on who is a member, as real nodes do, and real nodes join
    /// them. Default: they share a table, and see of each other what the methods of [`Cluster`] make them
    /// see, after the [detection](Self::detection) time, which counts for nothing with this.
    ///
    /// Anybody may reach such a node, so it has limits that real ones lack: 5 s for a peer to announce itself,
    /// 256 peers that have not, 4,096 connections. Over TLS and QUIC a peer takes part as a node only under an
    /// address that its certificate names, whichever side has dialled; a client needs no such certificate. What
    /// is refused is logged and counted in [`NodeStatus::refused`](crate::NodeStatus::refused).
    pub fn membership(mut self, options: MembershipOptions) -> Self {
        self.membership = Some(options);
        self
    }

    /// Sets the number of bytes that may wait to be written to one client; messages beyond are
    /// dropped and counted. Default: 64 MiB (real nodes set no limit).
    pub fn outbox_bytes(mut self, bytes: usize) -> Self {
        self.outbox = self.outbox.bytes(bytes);
        self
    }

    /// Starts all nodes on the current tokio runtime.
    ///
    /// When it returns they listen, know each other and are up.
    ///
    /// # Errors
    /// The configuration makes no sense, or an address is taken. No node runs then.
    ///
    /// # Cancel safety
    /// Dropping the future stops all nodes that were started.
    pub async fn start(self) -> Result<Cluster, StartError> {
        self.check()?;
        let any = || NodeAddress::new("127.0.0.1", 0);
        let addresses = if self.addresses.is_empty() {
            (0..self.nodes).map(|_| any()).collect()
        } else {
            self.addresses
        };
        let regions = self.regions.into_iter().filter_map(|region| {
            let shards = ShardCount::new(region.shards)?;
            Some((region.plan)(region.name.into(), shards))
        });
        let settings = Settings {
            system: self.system,
            codec: self.codec,
            transport: self.transport.build(),
            options: ConnectOptions::new().handshake_timeout(if self.membership.is_some() {
                HANDSHAKE
            } else {
                // Real nodes wait for ever.
                Duration::from_hours(1)
            }),
            regions: regions.collect(),
            services: self.services,
            actors: self.actors,
            singletons: self.singletons,
            broadcasts: self.broadcasts,
            detection: self.detection,
            gossip: self.gossip,
            like_casty: self.like_casty,
            outbox: self.outbox,
            membership: self.membership,
        };
        Cluster::launch(settings, addresses).await
    }

    /// Checks every setting that has a range.
    fn check(&self) -> Result<(), StartError> {
        let named = |name: &str| !name.is_empty() && !name.contains('\n');
        let require = |what, range, fine| {
            if fine {
                Ok(())
            } else {
                Err(StartError::Range { what, range })
            }
        };
        require("nodes", "from 1 to 256", (1..=NODES).contains(&self.nodes))?;
        let system = named(&self.system) && !self.system.contains(['@', '/']);
        require("system", "a name without @, / and line breaks", system)?;
        let region = |plan: &RegionSettings| named(&plan.name) && plan.shards > 0;
        require(
            "region",
            "a name without line breaks, and shards from 1",
            self.regions.iter().all(region),
        )?;
        let actor = |plan: &ActorPlan| {
            named(plan.path.trim_start_matches('/')) && plan.node.is_none_or(|it| it < self.nodes)
        };
        require(
            "service",
            "a name without line breaks, on a node that exists",
            self.services.iter().all(actor),
        )?;
        require(
            "actor",
            "a path without line breaks, on a node that exists",
            self.actors.iter().all(actor),
        )?;
        let names = self.singletons.iter().map(|plan| &plan.name);
        require(
            "singleton or broadcast",
            "a name without line breaks",
            names.chain(&self.broadcasts).all(|name| named(name)),
        )?;
        require("gossip", "1 ms or more", self.gossip.as_millis() >= 1)
    }
}

/// Plans an actor at a path of all nodes.
fn actor<M: DeserializeOwned>(
    path: &str,
    handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
) -> ActorPlan {
    let name = path.trim_start_matches('/');
    ActorPlan::new(format!("/{name}"), name.into(), handle)
}

impl fmt::Debug for ClusterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterBuilder")
            .field("system", &self.system)
            .field("nodes", &self.nodes)
            .field("codec", &self.codec)
            .finish_non_exhaustive()
    }
}
