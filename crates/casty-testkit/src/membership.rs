//! The settings of nodes that agree by gossip on who is a member, as real nodes do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::{FrozenSet, NodeAddress};
use casty_routing::membership::{DetectorConfig, Healing, MembershipConfig, MembershipEvent};

/// A function that is told what happens to the members of a node, by its number.
type OnEvent = dyn Fn(usize, &MembershipEvent) + Send + Sync;

/// The way in which nodes agree on who is a member: heartbeats, gossip and joins, as real nodes do it.
///
/// Each node runs [`casty_routing::membership::Membership`]. Real nodes may join them over TCP, or be joined:
/// see [`seeds`](Self::seeds). What is not set is as with real nodes, but for healing.
///
/// ```
/// # use std::time::Duration;
/// # use casty_testkit::{Cluster, MembershipOptions};
/// # async fn start() -> Result<(), casty_testkit::StartError> {
/// let options = MembershipOptions::new().seeds(["10.0.0.1:25520".parse().unwrap()]);
/// let cluster = Cluster::builder("my-cluster")
///     .addresses(["10.0.0.9:25520".parse().unwrap()])
///     .membership(options)
///     .start()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "settings do nothing by themselves"]
pub struct MembershipOptions {
    pub(crate) seeds: Vec<NodeAddress>,
    healing: Healing,
    detector: DetectorConfig,
    gossip: Duration,
    check: Duration,
    roles: FrozenSet<Arc<str>>,
    id: Option<Arc<str>>,
    pub(crate) latency: Duration,
    pub(crate) seed: u64,
    pub(crate) on_event: Option<Arc<OnEvent>>,
}

impl Default for MembershipOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl MembershipOptions {
    /// Returns the defaults: no seeds but the other nodes of the cluster, [`Healing::Silence`], the times of
    /// real nodes, no latency.
    pub fn new() -> Self {
        let any = MembershipConfig::new(NodeAddress::new("any", 0), "any");
        Self {
            seeds: Vec::new(),
            healing: any.healing,
            detector: any.detector,
            gossip: any.gossip_interval,
            check: any.check_interval,
            roles: any.roles,
            id: None,
            latency: Duration::ZERO,
            seed: 0,
            on_event: None,
        }
    }

    /// Adds nodes outside of this process that are asked to take the nodes in. They are tried each second
    /// until one has answered.
    pub fn seeds(mut self, seeds: impl IntoIterator<Item = NodeAddress>) -> Self {
        self.seeds.extend(seeds);
        self
    }

    /// Sets what is done against dead members that gossip brings back. Default: [`Healing::Silence`]; real
    /// nodes do nothing ([`Healing::Off`]).
    pub fn healing(mut self, healing: Healing) -> Self {
        self.healing = healing;
        self
    }

    /// Sets when a member counts as silent.
    pub fn detector(mut self, detector: DetectorConfig) -> Self {
        self.detector = detector;
        self
    }

    /// Sets the time between two looks at who is silent. Default: 500 ms; real nodes look each 2 s.
    pub fn check_interval(mut self, every: Duration) -> Self {
        self.check = every;
        self
    }

    /// Sets the time between two rounds of gossip. Default: 1 s, as real nodes.
    pub fn gossip_interval(mut self, every: Duration) -> Self {
        self.gossip = every;
        self
    }

    /// Sets the roles of all nodes. Default: none.
    pub fn roles(mut self, roles: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the name of a cluster's only node. Default: `node-` and the number of the node.
    pub fn id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets how long a message between two nodes of this process takes at most; each takes a time of its
    /// own, and none overtakes another of the same sender. Default: 0.
    pub fn latency(mut self, most: Duration) -> Self {
        self.latency = most;
        self
    }

    /// Sets what decides to whom nodes gossip, and how long messages take. Default: 0.
    pub fn random_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Has a function told what happens, with the number of the node that it happens to. It is called while
    /// nodes are locked: it must not use the cluster.
    pub fn on_event(
        mut self,
        told: impl Fn(usize, &MembershipEvent) + Send + Sync + 'static,
    ) -> Self {
        self.on_event = Some(Arc::new(told));
        self
    }

    /// Returns the configuration of a node; `others` are those of this process.
    pub(crate) fn config(
        &self,
        number: usize,
        address: NodeAddress,
        others: impl IntoIterator<Item = NodeAddress>,
    ) -> MembershipConfig {
        let id = match &self.id {
            Some(id) if number == 0 => Arc::clone(id),
            _ => format!("node-{number}").into(),
        };
        let mut config = MembershipConfig::new(address, id);
        config.seeds.extend(others);
        config.seeds.extend(self.seeds.iter().cloned());
        config.roles = self.roles.clone();
        config.healing = self.healing;
        config.detector = self.detector;
        config.gossip_interval = self.gossip;
        config.check_interval = self.check;
        config
    }
}

impl fmt::Debug for MembershipOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MembershipOptions")
            .field("seeds", &self.seeds)
            .field("healing", &self.healing)
            .field("latency", &self.latency)
            .finish_non_exhaustive()
    }
}
