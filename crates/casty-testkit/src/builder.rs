//! How a cluster is configured.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::{Codec, NodeAddress};
use casty_routing::ShardCount;
use casty_transport::{ConnectOptions, OutboxLimits, TransportConfig};
use serde::de::DeserializeOwned;

use crate::cluster::Cluster;
use crate::context::Context;
use crate::entity::Entity;
use crate::error::StartError;
use crate::region::RegionPlan;
use crate::service::ServicePlan;
use crate::settings::{NODES, Settings};

/// Configures a cluster; [`start`](Self::start) starts it. Setters take and give the value.
pub struct ClusterBuilder {
    system: String,
    nodes: usize,
    addresses: Vec<NodeAddress>,
    codec: Codec,
    transport: TransportConfig,
    regions: Vec<(String, u32, MakePlan)>,
    services: Vec<ServicePlan>,
    detection: Duration,
    gossip: Duration,
    like_casty: bool,
    outbox: OutboxLimits,
}

type MakePlan = Box<dyn FnOnce(Arc<str>, ShardCount) -> RegionPlan + Send>;

impl Cluster {
    /// Begins to configure a cluster whose actor system has this name.
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
            detection: Duration::ZERO,
            gossip: Duration::from_millis(250),
            like_casty: true,
            outbox: OutboxLimits::new().bytes(64 * 1024 * 1024),
        }
    }

    /// How many nodes the cluster has. Default: 3; from 1 to 256.
    pub fn nodes(mut self, count: usize) -> Self {
        self.nodes = count;
        self
    }

    /// Where the nodes listen, one address for each, and so how many there are. Default:
    /// `127.0.0.1` and a free port for each.
    pub fn addresses(mut self, all: impl IntoIterator<Item = NodeAddress>) -> Self {
        self.addresses = all.into_iter().collect();
        self.nodes = self.addresses.len();
        self
    }

    /// Where the nodes listen unless that was said, by number.
    #[cfg(feature = "sim")]
    pub(crate) fn default_addresses(self, named: impl Fn(usize) -> NodeAddress) -> Self {
        if self.addresses.is_empty() {
            let all: Vec<_> = (0..self.nodes).map(named).collect();
            return self.addresses(all);
        }
        self
    }

    /// The serializer of the nodes. Default: pickle, as that of real ones.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// How nodes are reached. Default: TCP.
    pub fn transport(mut self, transport: TransportConfig) -> Self {
        self.transport = transport;
        self
    }

    /// A shard region on all nodes. `make` makes an entity without any state, whenever a message
    /// arrives for an id of which there is none on that node; [`stateful`](crate::stateful) makes
    /// such a function of closures.
    pub fn region<E: Entity>(
        mut self,
        name: impl Into<String>,
        shards: u32,
        make: impl Fn() -> E + Send + Sync + 'static,
    ) -> Self {
        let plan: MakePlan = Box::new(|name, shards| RegionPlan::new(name, shards, make));
        self.regions.push((name.into(), shards, plan));
        self
    }

    /// A discoverable service on node 0, which handles its messages one after the other for each
    /// connection. Its actor's name is that of its key.
    pub fn service<M: DeserializeOwned>(
        self,
        key: impl Into<Arc<str>>,
        handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.service_on(0, key, handle)
    }

    /// A discoverable service on a node; see [`service`](Self::service). The same key may be given
    /// on several nodes.
    pub fn service_on<M: DeserializeOwned>(
        mut self,
        node: usize,
        key: impl Into<Arc<str>>,
        handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Self {
        let plan = ServicePlan::new(key.into(), node, handle);
        self.services.push(plan);
        self
    }

    /// How long the others take to notice that a node has died or cannot be reached. Default: 0,
    /// at once; real nodes take 1 to 3 s.
    pub fn detection(mut self, after: Duration) -> Self {
        self.detection = after;
        self
    }

    /// How often nodes push their view to subscribers when nothing has changed, as the gossip of
    /// real nodes makes them do. Default: 250 ms; at least 1 ms. A cluster of one never does.
    pub fn gossip(mut self, every: Duration) -> Self {
        self.gossip = every;
        self
    }

    /// Whether nodes treat the addresses that clients announce as real nodes do. Default: yes.
    ///
    /// Of two connections that announce the same address the second wins if that address is lower
    /// than the node's, else the first; the other is closed. And an address that is sent to while
    /// nobody is connected under it is blacklisted for 5 s, during which whatever is sent to it is
    /// dropped, even if it has connected since. Otherwise the last connection always wins, and
    /// nothing is blacklisted.
    pub fn like_casty(mut self, yes: bool) -> Self {
        self.like_casty = yes;
        self
    }

    /// Bytes that may wait to be written to one client; what comes beyond is dropped and counted.
    /// Default: 64 MiB (real nodes set no limit).
    pub fn outbox_bytes(mut self, bytes: usize) -> Self {
        self.outbox = self.outbox.bytes(bytes);
        self
    }

    /// Starts all nodes on the current tokio runtime. When it returns they listen, know each other
    /// and are up.
    ///
    /// # Errors
    /// The configuration makes no sense, or an address is taken.
    ///
    /// # Cancel safety
    /// Dropping the future stops what was started.
    pub async fn start(self) -> Result<Cluster, StartError> {
        self.check()?;
        let any = || NodeAddress::new("127.0.0.1", 0);
        let addresses = if self.addresses.is_empty() {
            (0..self.nodes).map(|_| any()).collect()
        } else {
            self.addresses
        };
        let regions = self.regions.into_iter().filter_map(|(name, shards, make)| {
            ShardCount::new(shards).map(|shards| make(name.into(), shards))
        });
        let settings = Settings {
            system: self.system,
            codec: self.codec,
            transport: self.transport.build(),
            // Real nodes wait for ever.
            options: ConnectOptions::new().handshake_timeout(Duration::from_hours(1)),
            regions: regions.collect(),
            services: self.services,
            detection: self.detection,
            gossip: self.gossip,
            like_casty: self.like_casty,
            outbox: self.outbox,
        };
        Cluster::launch(settings, addresses).await
    }

    fn check(&self) -> Result<(), StartError> {
        let named = |name: &str| !name.is_empty() && !name.contains('\n');
        let checks = [
            ("nodes", "from 1 to 256", (1..=NODES).contains(&self.nodes)),
            (
                "system",
                "a name without @, / and line breaks",
                named(&self.system) && !self.system.contains(['@', '/']),
            ),
            (
                "region",
                "a name without line breaks, and shards from 1",
                self.regions
                    .iter()
                    .all(|(name, shards, _)| named(name) && *shards > 0),
            ),
            (
                "service",
                "a name without line breaks, on a node that exists",
                self.services
                    .iter()
                    .all(|plan| named(&plan.key) && plan.node < self.nodes),
            ),
            ("gossip", "1 ms or more", self.gossip.as_millis() >= 1),
        ];
        match checks.into_iter().find(|(_, _, fine)| !fine) {
            Some((what, range, _)) => Err(StartError::Range { what, range }),
            None => Ok(()),
        }
    }
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
