//! One node's place in the cluster, and what it knows of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use casty_proto::message::{
    Allocations, ShardAllocation, ShardLocation, TopologySnapshot, WaitForMembers,
};
use casty_proto::{ActorRef, NodeAddress, Tuple};
use casty_routing::Coordinator;
use casty_routing::ShardId;

use super::engine::Engine;
use crate::node::Node;

/// The sender of a query for a shard.
pub(super) type Asker = ActorRef<ShardLocation>;

/// The opinion that a node has of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// The other was never heard of.
    Unknown,
    Up,
    Down,
}

/// One node as the cluster knows it, running or not.
pub(super) struct Member {
    /// The number under which actors are configured that it runs: its own, or that of the first
    /// node in whose place it is.
    pub(super) place: usize,
    /// Another has taken its place: it never runs again.
    pub(super) replaced: bool,
    /// The node while it runs.
    pub(super) node: Option<Arc<Node>>,
    /// The opinions of each node, itself included.
    pub(super) sight: Vec<Sight>,
    /// Members that it was told are dead: it believes that, although it may reach them.
    declared_dead: BTreeSet<usize>,
    pub(super) allocations: Allocations,
    pub(super) epoch: u64,
    pub(super) coordinators: BTreeMap<Arc<str>, Coordinator<Asker>>,
    pub(super) subscribers: Vec<ActorRef<TopologySnapshot>>,
    pub(super) waiting: Vec<WaitForMembers>,
    /// Its engine, if nodes agree by gossip on who is a member. What it has seen is of no account then.
    pub(super) engine: Option<Box<Engine>>,
}

impl Member {
    /// Makes a node in that place that does not run, of a cluster of `count`.
    pub(super) fn new(place: usize, count: usize) -> Self {
        Self {
            place,
            replaced: false,
            node: None,
            sight: vec![Sight::Unknown; count],
            declared_dead: BTreeSet::new(),
            allocations: Allocations::new(),
            epoch: 0,
            coordinators: BTreeMap::new(),
            subscribers: Vec::new(),
            waiting: Vec::new(),
            engine: None,
        }
    }

    /// Takes up a node that runs by now, and knows nothing.
    pub(super) fn start(&mut self, node: Arc<Node>) {
        *self = Self {
            node: Some(node),
            ..Self::new(self.place, self.sight.len())
        };
    }

    /// Forgets the node and all that it knew, and returns it if it ran.
    pub(super) fn stop(&mut self) -> Option<Arc<Node>> {
        let node = self.node.take();
        *self = Self {
            replaced: self.replaced,
            ..Self::new(self.place, self.sight.len())
        };
        node
    }

    /// Adds one more node, of which it has not heard.
    pub(super) fn add_other(&mut self) {
        self.sight.push(Sight::Unknown);
    }

    /// Notes that it can reach another node from now on, or cannot any more. One that it has never
    /// heard of stays unknown while it is out of reach.
    pub(super) fn meet(&mut self, other: usize, connected: bool) {
        self.declared_dead.remove(&other);
        if let Some(sight) = self.sight.get_mut(other) {
            match (connected, *sight) {
                (true, _) => *sight = Sight::Up,
                (false, Sight::Up) => *sight = Sight::Down,
                (false, _) => {}
            }
        }
    }

    /// Returns whether it takes another node for alive.
    pub(super) fn sees(&self, other: usize) -> bool {
        self.sight.get(other) == Some(&Sight::Up)
    }

    /// Has it believe that another node, or it itself, is dead. Returns whether that is news.
    pub(super) fn declare_dead(&mut self, other: usize) -> bool {
        let news = self.sees(other);
        if news {
            self.meet(other, false);
            self.declared_dead.insert(other);
        }
        news
    }

    /// Returns the members that are dead only because it was told so.
    pub(super) fn declared_dead(&self) -> &BTreeSet<usize> {
        &self.declared_dead
    }

    /// Gives a shard to a node, under a new epoch.
    pub(super) fn assign(&mut self, region: &str, shard: ShardId, primary: NodeAddress) {
        let allocation = ShardAllocation {
            primary,
            replicas: Tuple::default(),
        };
        let allocations = self.allocations.entry(region.into()).or_default();
        allocations.insert(shard.get(), allocation);
        self.epoch += 1;
    }
}
