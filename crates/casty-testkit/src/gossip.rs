//! The state that all nodes share in memory, where real nodes gossip, and the ways in which
//! messages and faults change it.

use std::sync::Arc;

use casty_proto::NodeAddress;
use casty_routing::{ShardId, entity_shard};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::node::mailboxes::Mailboxes;
use crate::node::{Node, Place};
use crate::settings::Settings;
use crate::status::{NodeStatus, Status};

mod actors;
mod answers;
mod engine;
mod engines;
mod growth;
mod member;
mod membership;
mod roll;
mod topology;
mod ways;

pub(crate) use engine::{Asker, EngineInput};

use member::Member;
use topology::Topology;

/// The cluster as a whole.
pub(crate) struct Gossip {
    settings: Arc<Settings>,
    mailboxes: Arc<Mailboxes>,
    /// Comes first in the order of locks: those of nodes and mailboxes are taken while it is held,
    /// never the other way round.
    topology: Mutex<Topology>,
    changes: watch::Sender<()>,
}

impl Gossip {
    /// Makes a cluster of which no node runs yet.
    pub(crate) fn new(settings: Settings, addresses: Vec<NodeAddress>) -> Self {
        let settings = Arc::new(settings);
        let mailboxes = Arc::new(Mailboxes::new(addresses));
        Self {
            topology: Mutex::new(Topology::new(&settings, &mailboxes)),
            settings,
            mailboxes,
            changes: watch::Sender::new(()),
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn mailboxes(&self) -> &Mailboxes {
        &self.mailboxes
    }

    /// Wakes those that wait for a change.
    pub(crate) fn changed(&self) {
        // Replaced rather than sent: that is an error while no test listens.
        self.changes.send_replace(());
    }

    /// Returns a receiver that is woken by each change from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Changes the topology, carries out what follows from it, and tells subscribers.
    fn change<T>(&self, change: impl FnOnce(&mut Topology) -> T) -> T {
        let mut topology = self.topology.lock();
        let outcome = change(&mut topology);
        topology.settle();
        let vacated = std::mem::take(&mut topology.vacated);
        let vacated = vacated.into_iter().filter_map(|(number, region, shard)| {
            let node = topology.node(number)?;
            Some((Arc::clone(node), region, shard))
        });
        let vacated: Vec<_> = vacated.collect();
        // Those that are woken look at the status, and so take this lock; that of a region is held while an
        // entity handles a message.
        drop(topology);
        for (node, region, shard) in vacated {
            node.vacate(&region, shard);
        }
        self.changed();
        outcome
    }

    /// Lets a node join that listens already. `None` if one of that number runs, or never will.
    pub(crate) fn join(&self, number: usize) -> Option<Arc<Node>> {
        self.change(|topology| {
            let address = self.mailboxes.addresses().get(number)?.clone();
            let counters = topology.counters.get(number)?;
            let member = topology.members.get_mut(number)?;
            if member.node.is_some() || member.replaced {
                return None;
            }
            let place = Place {
                number,
                actors: member.place,
            };
            let plans = (&self.settings, &*topology.services);
            let node = Node::new(place, address, plans, &self.mailboxes, counters);
            let node = Arc::new(node);
            member.start(Arc::clone(&node));
            topology.joined(number);
            Some(node)
        })
    }

    /// Ends a node; the others have not noticed yet.
    pub(crate) fn kill(&self, number: usize) {
        let node = {
            let mut topology = self.topology.lock();
            topology.members.get_mut(number).and_then(Member::stop)
        };
        // Without the lock, which its connections may wait for.
        if let Some(node) = node {
            node.die();
        }
        self.changed();
    }

    /// Cuts two nodes off from each other, or joins them again; neither has noticed yet.
    pub(crate) fn separate(&self, a: usize, b: usize, separated: bool) {
        let ways = &mut self.topology.lock().ways;
        ways.set_cut(a, b, separated);
        ways.set_cut(b, a, separated);
    }

    /// Has every node notice which others it can reach.
    pub(crate) fn notice(&self) {
        self.change(Topology::notice);
    }

    /// Has every node that runs take one for alive.
    pub(crate) fn call_up(&self, number: usize) {
        self.change(|topology| {
            if topology.gossips() {
                return topology.hear_of(number);
            }
            for member in 0..topology.members.len() {
                if topology.node(member).is_some()
                    && let Some(member) = topology.members.get_mut(member)
                {
                    member.meet(number, true);
                }
                topology.viewed(member);
            }
        });
    }

    /// Runs `act` on a node if it is alive.
    pub(crate) fn with_node(&self, number: usize, act: impl FnOnce(&Node)) {
        let topology = self.topology.lock();
        let member = topology.members.get(number);
        if let Some(node) = member.and_then(|member| member.node.clone()) {
            // A fault may wake tasks that take the lock.
            drop(topology);
            act(&node);
        }
    }

    /// Gives a shard to a node. The entities of the shard on other nodes are gone.
    pub(crate) fn move_shard(&self, region: &str, shard: ShardId, to: usize) {
        let nodes: Vec<_> = self.change(|topology| {
            if let Some(address) = self.mailboxes.addresses().get(to) {
                topology.assign(region, shard, address);
            }
            let others = topology.members.iter().enumerate();
            let others = others.filter(|(number, _)| *number != to);
            others
                .filter_map(|(_, member)| member.node.clone())
                .collect()
        });
        // Without the lock: a region's own is held while an entity handles a message.
        for node in nodes {
            node.vacate(region, shard);
        }
        self.changed();
    }

    /// Returns the node that holds an entity's shard, as the leader sees it.
    pub(crate) fn owner(&self, region: &str, entity: &str) -> Option<usize> {
        let shard = entity_shard(entity, self.settings.shards(region)?);
        let topology = self.topology.lock();
        let leader = topology.leader()?;
        let allocations = topology.members.get(leader)?.allocations.get(region)?;
        self.mailboxes
            .number(&allocations.get(&shard.get())?.primary)
    }

    /// Returns the figures that tests may look at.
    pub(crate) fn status(&self) -> Status {
        // The figures of nodes have locks of their own, taken after this one is released.
        let members: Vec<_> = {
            let topology = self.topology.lock();
            let members = topology.members.iter().map(|member| {
                let subscribers = member.subscribers.len();
                (member.node.clone(), subscribers, member.replaced)
            });
            members.zip(topology.counters.clone()).collect()
        };
        let nodes = members.into_iter();
        let nodes = nodes.map(|((node, subscribers, replaced), counters)| NodeStatus {
            alive: node.is_some(),
            replaced,
            connections: node.as_ref().map_or(0, |node| node.connections()),
            subscribers,
            entities: node.as_ref().map_or(0, |node| node.entities()),
            messages: counters.messages.get(),
            snapshots: counters.snapshots.get(),
            queries: counters.queries.get(),
            malformed: counters.malformed.get(),
            unrouted: counters.unrouted.get(),
            undelivered: counters.undelivered.get(),
            refused: counters.refused.get(),
        });
        Status {
            nodes: nodes.collect(),
        }
    }
}
