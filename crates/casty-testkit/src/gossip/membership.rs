//! The engines of nodes as the outside world uses them: messages, time, and orders.

#[cfg(feature = "sim")]
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use casty_proto::NodeAddress;
use casty_proto::message::ClusterState;
use casty_routing::membership::MembershipInput;
use casty_transport::Connection;
use tokio::sync::watch;

use super::Gossip;
use super::engine::EngineInput;
use super::topology::Topology;

impl Gossip {
    /// Tells the engine of a node something. Nothing happens if it has none.
    pub(crate) fn order(&self, number: usize, input: EngineInput) {
        self.change(|topology| topology.order(number, input));
    }

    /// Tells the engine of a node what has arrived for it, and what time it is.
    pub(crate) fn run_engine(&self, number: usize) {
        self.change(|topology| {
            topology.awake.insert(number);
        });
    }

    /// Returns a receiver of the time at which a node's engine has something to do; `None` if it has none.
    pub(crate) fn due(&self, number: usize) -> Option<watch::Receiver<Option<Instant>>> {
        let topology = self.topology.lock();
        let engine = topology.members.get(number)?.engine.as_ref()?;
        Some(engine.due())
    }

    /// Returns whether all nodes that run are up to all of them.
    pub(crate) fn is_agreed(&self) -> bool {
        let topology = self.topology.lock();
        let count = topology.members.len();
        let running = (0..count).filter(|number| topology.node(*number).is_some());
        let running: Vec<_> = running.collect();
        let addresses = self.mailboxes.addresses();
        let sees_all = |viewer: usize| {
            let roll = topology.roll(viewer);
            let up = roll.up();
            let is_up = |number: &usize| addresses.get(*number).is_some_and(|it| up.contains(&it));
            running.iter().all(is_up)
        };
        running.iter().all(|viewer| sees_all(*viewer))
    }

    /// Returns in what nodes that run do not agree.
    #[cfg(feature = "sim")]
    pub(crate) fn disagreement(&self) -> Option<String> {
        let topology = self.topology.lock();
        let count = topology.members.len();
        let running = (0..count).filter(|number| topology.node(*number).is_some());
        let running: Vec<_> = running.collect();
        let addresses = running
            .iter()
            .filter_map(|number| topology.address(*number));
        let addresses: BTreeSet<_> = addresses.collect();
        let first = topology.members.get(*running.first()?)?;
        for number in running {
            let roll = topology.roll(number);
            let up: BTreeSet<_> = roll.up().into_iter().cloned().collect();
            if up != addresses {
                return Some(format!("up to node {number} are {up:?}, not {addresses:?}"));
            }
            let member = topology.members.get(number)?;
            if member.allocations != first.allocations {
                return Some(format!(
                    "node {number} knows other allocations than the first"
                ));
            }
        }
        let shards = first.allocations.values().flatten();
        let mut lost = shards.filter(|(_, it)| !addresses.contains(&it.primary));
        let (shard, allocation) = lost.next()?;
        Some(format!(
            "{} owns shard {shard} and is dead",
            allocation.primary
        ))
    }

    /// Returns the state of the cluster as a node has it; `None` if that does not run.
    pub(crate) fn state(&self, number: usize) -> Option<Arc<ClusterState>> {
        let topology = self.topology.lock();
        topology.node(number)?;
        let engine = topology.members.get(number)?.engine.as_ref();
        let gossiped = engine.map(|engine| Arc::clone(engine.membership.state()));
        Some(gossiped.unwrap_or_else(|| Arc::new(topology.state(number))))
    }

    /// Returns whether a node has left, or does not run.
    pub(crate) fn has_left(&self, number: usize) -> bool {
        let topology = self.topology.lock();
        let member = topology.members.get(number);
        let engine = member.and_then(|member| member.engine.as_ref());
        engine.is_none_or(|engine| engine.membership.has_left())
    }

    /// Returns whether an address is that of a node, as far as a node knows: a member, dead or alive, a seed, or
    /// one of this process.
    pub(crate) fn is_node(&self, number: usize, address: &NodeAddress) -> bool {
        let is_member = self.topology.lock().is_member(number, address);
        is_member || self.is_seed(address) || self.mailboxes.number(address).is_some()
    }

    /// Returns whether a connection that a node has dialled is one to the node that its peer calls itself. Without
    /// certificates a seed is believed, because a name leads to any node, but no member that was dialled as itself
    /// and calls itself as another one.
    pub(crate) fn admits(&self, number: usize, to: &NodeAddress, made: &Connection) -> bool {
        let announced = &made.peer;
        let is_believed = || {
            let topology = self.topology.lock();
            let is_member = |node| topology.is_member(number, node);
            self.is_seed(to) && !(is_member(to) && is_member(announced))
        };
        to == announced || made.covered.unwrap_or_else(is_believed)
    }

    fn is_seed(&self, address: &NodeAddress) -> bool {
        let options = self.settings.membership.as_ref();
        options.is_some_and(|options| options.seeds.contains(address))
    }

    /// Cuts the link from one node to another, or mends it.
    pub(crate) fn set_link_cut(&self, from: usize, to: usize, is_cut: bool) {
        self.topology.lock().ways.set_cut(from, to, is_cut);
    }
}

impl Topology {
    /// Returns whether a member is listed in the state that a node gossips.
    fn is_member(&self, number: usize, address: &NodeAddress) -> bool {
        let engine = self.members.get(number).and_then(|it| it.engine.as_ref());
        let state = engine.map(|engine| engine.membership.state());
        state.is_some_and(|state| state.members.iter().any(|it| it.address == *address))
    }

    /// Tells the engine of a node something now.
    pub(super) fn order(&mut self, number: usize, input: EngineInput) {
        self.tell_engine(number, super::topology::now(), input);
    }

    /// Has all engines take a node for alive, as a late answer to a heartbeat makes them.
    pub(super) fn hear_of(&mut self, number: usize) {
        let Some(node) = self.address(number) else {
            return;
        };
        for other in 0..self.members.len() {
            let node = node.clone();
            self.order(other, MembershipInput::Answered { node });
        }
    }
}
