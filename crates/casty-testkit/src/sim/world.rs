//! The world as scenarios use it.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use casty_client::{ClusterClient, ConfigError};
use casty_proto::NodeAddress;
use casty_transport::TransportConfig;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::fault::Fault;
use super::inflicted::{Faults, Inflicted};
use super::log::Log;
use super::network::{NAME, Network};
use super::transport::SimTransport;
use super::violation::{Check, Violation};
use super::watched::WatchedClient;
use crate::builder::ClusterBuilder;
use crate::cluster::Cluster;
use crate::error::StartError;

/// One simulated world: virtual time, one network, one cluster, and clients. Clones are the same
/// world.
#[derive(Clone)]
pub struct World(Arc<Shared>);

/// The parts of a world. Each lock is held for one look or change, and no other is taken meanwhile.
struct Shared {
    seed: u64,
    log: Arc<Log>,
    network: Network,
    random: Mutex<fastrand::Rng>,
    cluster: OnceLock<Arc<Cluster>>,
    watched: Mutex<Vec<WatchedClient>>,
    /// The client that takes regions for others than they are, once there is one.
    stranger: OnceLock<ClusterClient>,
    violations: Mutex<Vec<Violation>>,
    faults: Mutex<Faults>,
    /// The time by which clocks have jumped in all.
    jumped: Mutex<Duration>,
}

impl World {
    /// Makes the world of a seed.
    pub(super) fn new(seed: u64, log: Arc<Log>) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let network = Network::new(Arc::clone(&log), random.fork());
        Self(Arc::new(Shared {
            seed,
            log,
            network,
            random: Mutex::new(random),
            cluster: OnceLock::new(),
            watched: Mutex::default(),
            stranger: OnceLock::new(),
            violations: Mutex::default(),
            faults: Mutex::default(),
            jumped: Mutex::default(),
        }))
    }

    /// Returns the seed that everything random comes from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Returns the virtual time since the world began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.log.elapsed()
    }

    /// Draws a number below `count`; 0 if that is 0.
    #[must_use = "a number that is drawn changes all that are drawn later"]
    pub fn random_below(&self, count: usize) -> usize {
        self.0.random.lock().usize(..count.max(1))
    }

    /// Draws a time of so many milliseconds.
    ///
    /// # Panics
    /// The range is empty.
    #[must_use = "a time that is drawn changes all that is drawn later"]
    pub fn random_time(&self, milliseconds: Range<u64>) -> Duration {
        Duration::from_millis(self.0.random.lock().u64(milliseconds))
    }

    /// Writes a line into the world's log.
    ///
    /// It must not contain anything that differs between runs of one seed: no addresses of memory,
    /// nothing of the real clock.
    pub fn log(&self, what: fmt::Arguments<'_>) {
        self.0.log.write(what);
    }

    /// Reports that something is not as it should be: the run fails, and names the seed.
    pub fn report(&self, what: impl Into<String>) {
        self.violated(Check::Scenario, what);
    }

    /// Starts the world's cluster; there is one a world.
    ///
    /// Its nodes listen in the simulated network, at `node-0:25520` and so on unless the builder
    /// names addresses. More may be [added](Cluster::add) at any time, at addresses of that kind.
    ///
    /// # Errors
    /// The configuration makes no sense.
    ///
    /// # Panics
    /// There is a cluster already.
    pub async fn start(&self, builder: ClusterBuilder) -> Result<Arc<Cluster>, StartError> {
        let transport = TransportConfig::custom(SimTransport::new(self.network(), "cluster"));
        let named = |node| NodeAddress::new(format!("node-{node}"), 25_520);
        let builder = builder.transport(transport).default_addresses(named);
        let cluster = Arc::new(builder.start().await?);
        let first = self.0.cluster.set(Arc::clone(&cluster)).is_ok();
        assert!(first, "a world has one cluster");
        Ok(cluster)
    }

    /// Returns the world's cluster.
    ///
    /// # Panics
    /// None was started.
    #[must_use]
    pub fn cluster(&self) -> &Arc<Cluster> {
        let started = self.started();
        started.unwrap_or_else(|| panic!("no cluster was started in this world"))
    }

    /// Returns the cluster if one was started.
    pub(super) fn started(&self) -> Option<&Arc<Cluster>> {
        self.0.cluster.get()
    }

    /// Connects a client of the world's cluster, over its network, with randomness of its seed.
    ///
    /// `configure` sets whatever else is wanted. The client is watched from now on: its counters,
    /// its bounds, its view. When the scenario ends it is closed, and must leave nothing.
    ///
    /// Its contact points are the addresses of the nodes that there are. [Chaos](Self::chaos)
    /// replaces any of them but the last.
    ///
    /// # Errors
    /// The configuration makes no sense.
    ///
    /// # Panics
    /// No cluster was started.
    pub async fn connect(
        &self,
        configure: impl FnOnce(casty_client::ClientBuilder) -> casty_client::ClientBuilder,
    ) -> Result<ClusterClient, ConfigError> {
        self.connect_to(self.cluster().contact_points(), configure)
            .await
    }

    /// Connects a client as [`connect`](Self::connect) does, by one name for all nodes.
    ///
    /// The name, `cluster.sim`, leads to any node that listens, drawn at each dial, as the name of
    /// a headless service does.
    ///
    /// # Errors
    /// The configuration makes no sense.
    ///
    /// # Panics
    /// No cluster was started.
    pub async fn connect_by_name(
        &self,
        configure: impl FnOnce(casty_client::ClientBuilder) -> casty_client::ClientBuilder,
    ) -> Result<ClusterClient, ConfigError> {
        self.connect_to(vec![format!("{NAME}:25520")], configure)
            .await
    }

    async fn connect_to(
        &self,
        contacts: Vec<String>,
        configure: impl FnOnce(casty_client::ClientBuilder) -> casty_client::ClientBuilder,
    ) -> Result<ClusterClient, ConfigError> {
        let cluster = self.cluster();
        let name = format!("client-{}", self.0.watched.lock().len());
        let transport = SimTransport::new(self.network(), &*name);
        let seed = self.0.random.lock().u64(..);
        let builder = ClusterClient::builder(cluster.system())
            .contact_points(&contacts)
            .codec(cluster.codec())
            .transport(TransportConfig::custom(transport))
            .simulated(seed);
        let client = configure(builder).connect().await?;
        self.log(format_args!("{name} is {}", client.identity()));
        let watched = WatchedClient::new(name, &client, contacts);
        self.0.watched.lock().push(watched);
        Ok(client)
    }

    /// Returns the client that takes regions for others than they are. It is watched as all are, and
    /// knows all nodes by one name, so that it keeps none from being replaced.
    pub(super) async fn stranger(&self) -> Result<ClusterClient, ConfigError> {
        if let Some(known) = self.0.stranger.get() {
            return Ok(known.clone());
        }
        let client = self.connect_by_name(|builder| builder).await?;
        Ok(self.0.stranger.get_or_init(|| client).clone())
    }

    /// Lets all clocks jump ahead.
    pub async fn jump(&self, by: Duration) {
        *self.0.jumped.lock() += by;
        tokio::time::advance(by).await;
    }

    /// Returns how far clocks have jumped in all: anything that has a limit may have lasted as much
    /// longer as this has grown meanwhile.
    #[must_use]
    pub fn jumped(&self) -> Duration {
        *self.0.jumped.lock()
    }

    /// Returns the time since `begun`, when [`jumped`](Self::jumped) returned `jumped`, without the
    /// jumps in between.
    #[must_use]
    pub fn lasted(&self, begun: Instant, jumped: Duration) -> Duration {
        let since = self.jumped().saturating_sub(jumped);
        begun.elapsed().saturating_sub(since)
    }

    pub(super) fn network(&self) -> &Network {
        &self.0.network
    }

    pub(super) fn watched(&self) -> Vec<WatchedClient> {
        self.0.watched.lock().clone()
    }

    /// Returns whether some client was given no other node that is still there to begin with.
    pub(super) fn is_last_contact(&self, node: &NodeAddress) -> bool {
        let left = self.cluster().contact_points();
        let node = node.to_string();
        self.0.watched.lock().iter().any(|client| {
            let mut contacts = client.contacts.iter().filter(|it| left.contains(it));
            contacts.next() == Some(&node) && contacts.next().is_none()
        })
    }

    /// Reports that a check failed.
    pub(super) fn violated(&self, check: Check, what: impl Into<String>) {
        let what = what.into();
        self.log(format_args!("VIOLATED {check}: {what}"));
        self.0.faults.lock().failed();
        let mut violations = self.0.violations.lock();
        if violations.len() < 32 {
            let at = self.elapsed();
            violations.push(Violation { check, at, what });
        }
    }

    /// Notes that a fault begins.
    pub(super) fn struck(&self, fault: Fault, node: usize, lasting: Duration) {
        self.log(format_args!("fault {fault} at node {node} for {lasting:?}"));
        let at = self.elapsed();
        self.0.faults.lock().push(Inflicted {
            fault,
            node,
            at,
            lasting,
        });
    }

    /// Returns the faults so far, as far as they are kept.
    pub(super) fn faults(&self) -> Faults {
        self.0.faults.lock().clone()
    }

    pub(super) fn violations(&self) -> Vec<Violation> {
        self.0.violations.lock().clone()
    }

    /// Returns the node that leads, as the nodes see it; the first where none does.
    pub(super) fn leader(&self) -> usize {
        let cluster = self.cluster();
        let alive = cluster.status().nodes;
        let running = alive.iter().enumerate().filter(|(_, node)| node.alive);
        running
            .min_by_key(|(node, _)| cluster.address(*node))
            .map_or(0, |(node, _)| node)
    }

    /// Returns whether a node still reads from a connection that its client has closed: messages of
    /// the next connection may overtake those.
    pub(super) fn reads_closed_connections(&self, node: usize) -> bool {
        let Some(address) = self.cluster().address(node) else {
            return false;
        };
        let connections = self.network().connections_to(&address);
        connections
            .iter()
            .any(|connection| connection.lock().is_half_closed())
    }

    /// Waits in virtual time until `wanted` holds, looking every 10 ms, for at most `limit`.
    /// Returns whether it came to hold.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub async fn wait_until(&self, limit: Duration, mut wanted: impl FnMut() -> bool) -> bool {
        let end = Instant::now() + limit;
        while !wanted() {
            if Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        true
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.0.seed)
            .finish_non_exhaustive()
    }
}
