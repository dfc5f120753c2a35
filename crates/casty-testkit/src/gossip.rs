//! What all nodes share: the state that real nodes gossip, a view of it for each node, and the
//! ways in which messages and faults change it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use casty_proto::message::{ClusterState, ShardLocation, TopologySnapshot};
use casty_proto::{ActorRef, NodeAddress};
use casty_routing::{
    Coordinator, CoordinatorConfig, CoordinatorInput, CoordinatorOutput, RegionView, ShardCount,
    ShardId, entity_shard,
};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::builder::Settings;
use crate::node::{Node, Post};
use crate::status::{Counters, NodeStatus, Status};

mod answers;
mod growth;
mod member;

use member::{Member, Roll};

/// Who asks for a shard.
type Asker = ActorRef<ShardLocation>;

/// Something for the coordinator of a region on a node.
struct Step {
    node: usize,
    region: Arc<str>,
    input: CoordinatorInput<Asker>,
}

/// Regions that nobody hosts and yet somebody asked for, on one node.
const UNKNOWN_REGIONS: usize = 64;
/// References subscribed to one node, and references that wait for members there.
const WAITING: usize = 10_000;

/// The cluster as a whole.
pub(crate) struct World {
    settings: Arc<Settings>,
    post: Arc<Post>,
    topology: Mutex<Topology>,
    changes: watch::Sender<()>,
}

/// All that changes under one lock. Locks of nodes are taken while it is held, never the other way
/// round.
struct Topology {
    members: Vec<Member>,
    counters: Vec<Arc<Counters>>,
    /// Pairs of nodes that cannot reach each other, the lower number first.
    partitions: BTreeSet<(usize, usize)>,
    /// What is still to be told to coordinators.
    steps: VecDeque<Step>,
    /// Nodes whose view has changed since it was last pushed.
    changed: BTreeSet<usize>,
}

impl World {
    /// A cluster of which no node runs yet.
    pub(crate) fn new(settings: Settings, addresses: Vec<NodeAddress>) -> Self {
        let count = addresses.len();
        Self {
            settings: Arc::new(settings),
            post: Arc::new(Post::new(addresses)),
            topology: Mutex::new(Topology {
                members: (0..count).map(|place| Member::new(place, count)).collect(),
                counters: (0..count).map(|_| Arc::default()).collect(),
                partitions: BTreeSet::new(),
                steps: VecDeque::new(),
                changed: BTreeSet::new(),
            }),
            changes: watch::Sender::new(()),
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn post(&self) -> &Post {
        &self.post
    }

    /// Wakes those who wait for something to happen.
    pub(crate) fn changed(&self) {
        self.changes.send_replace(());
    }

    /// Follows what happens.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Changes the topology, carries out what follows from it, and tells subscribers.
    fn change<T>(&self, change: impl FnOnce(&mut Topology) -> T) -> T {
        let mut topology = self.topology.lock();
        let outcome = change(&mut topology);
        topology.settle(self);
        drop(topology);
        self.changed();
        outcome
    }

    /// Lets a node join that listens already. `None` if one of that number runs, or never will.
    pub(crate) fn join(&self, number: usize) -> Option<Arc<Node>> {
        self.change(|topology| {
            let address = self.post.addresses().get(number)?.clone();
            let counters = topology.counters.get(number)?;
            let member = topology.members.get_mut(number)?;
            if member.node.is_some() || member.replaced {
                return None;
            }
            let place = (number, member.place);
            let node = Node::new(place, address, &self.settings, &self.post, counters);
            let node = Arc::new(node);
            member.start(Arc::clone(&node));
            topology.joined(number, self);
            Some(node)
        })
    }

    /// Ends a node; the others have not noticed yet.
    pub(crate) fn kill(&self, number: usize) {
        let node = {
            let mut topology = self.topology.lock();
            topology.members.get_mut(number).and_then(Member::stop)
        };
        if let Some(node) = node {
            node.die();
        }
        self.changed();
    }

    /// Cuts two nodes off from each other, or joins them again; neither has noticed yet.
    pub(crate) fn separate(&self, a: usize, b: usize, separated: bool) {
        let pair = (a.min(b), a.max(b));
        let partitions = &mut self.topology.lock().partitions;
        if separated && a != b {
            partitions.insert(pair);
        } else {
            partitions.remove(&pair);
        }
    }

    /// Has every node notice whom it can reach.
    pub(crate) fn notice(&self) {
        self.change(|topology| topology.notice(self));
    }

    /// Has every node that runs take one for alive.
    pub(crate) fn call_up(&self, number: usize) {
        self.change(|topology| {
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
            drop(topology);
            act(&node);
        }
    }

    /// Gives a shard to a node. The entities of the shard on other nodes are gone.
    pub(crate) fn move_shard(&self, region: &str, shard: ShardId, to: usize) {
        let nodes: Vec<_> = self.change(|topology| {
            if let Some(address) = self.post.addresses().get(to) {
                topology.assign(region, shard, address, self);
            }
            let others = topology.members.iter().enumerate();
            let others = others.filter(|(number, _)| *number != to);
            others
                .filter_map(|(_, member)| member.node.clone())
                .collect()
        });
        for node in nodes {
            node.vacate(region, shard);
        }
        self.changed();
    }

    /// The node that holds an entity's shard, as the leader sees it.
    pub(crate) fn owner(&self, region: &str, entity: &str) -> Option<usize> {
        let shard = entity_shard(entity, self.settings.shards(region)?);
        let topology = self.topology.lock();
        let leader = topology.leader(&self.post)?;
        let allocations = topology.members.get(leader)?.allocations.get(region)?;
        self.post.number(&allocations.get(&shard.get())?.primary)
    }

    /// Everything that tests may look at.
    pub(crate) fn status(&self) -> Status {
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
        });
        Status {
            nodes: nodes.collect(),
        }
    }
}

impl Topology {
    fn node(&self, number: usize) -> Option<&Arc<Node>> {
        self.members.get(number)?.node.as_ref()
    }

    /// Whether two nodes run and can reach each other.
    fn connected(&self, a: usize, b: usize) -> bool {
        let apart = self.partitions.contains(&(a.min(b), a.max(b)));
        !apart && self.node(a).is_some() && self.node(b).is_some()
    }

    /// The members as one of them sees them.
    fn roll(&self, viewer: usize, post: &Post) -> Roll<'_> {
        Roll::new(&self.members, viewer, post.addresses())
    }

    fn snapshot(&self, viewer: usize, world: &World) -> TopologySnapshot {
        self.roll(viewer, &world.post).snapshot(&world.settings)
    }

    fn state(&self, viewer: usize, world: &World) -> ClusterState {
        let snapshot = self.snapshot(viewer, world);
        ClusterState {
            members: snapshot.members,
            unreachable: snapshot.unreachable,
            shard_allocations: snapshot.shard_allocations,
            allocation_epoch: snapshot.allocation_epoch,
            registry: snapshot.registry,
            ..ClusterState::default()
        }
    }

    /// The node that takes itself for the leader; the lowest number of several.
    fn leader(&self, post: &Post) -> Option<usize> {
        let leads = |number: &usize| {
            let leader = self.roll(*number, post).leader().cloned();
            self.node(*number)
                .is_some_and(|node| leader.as_ref() == Some(node.address()))
        };
        (0..self.members.len()).find(leads)
    }

    /// A node runs: it and those who can reach it see each other, and it learns what they know.
    fn joined(&mut self, number: usize, world: &World) {
        let count = self.members.len();
        for other in 0..count {
            let connected = self.connected(number, other);
            if let Some(member) = self.members.get_mut(number) {
                member.meet(other, connected);
            }
            if connected && let Some(member) = self.members.get_mut(other) {
                member.meet(number, true);
            }
        }
        let informed = (0..count)
            .filter(|other| *other != number && self.connected(number, *other))
            .max_by_key(|other| self.members.get(*other).map(|member| member.epoch));
        if let Some(informed) = informed {
            self.spread(informed);
        }
        for member in 0..count {
            self.viewed(member);
        }
        let Some(node) = world.post.addresses().get(number).cloned() else {
            return;
        };
        for plan in &world.settings.regions {
            let node = node.clone();
            self.step(number, &plan.name, CoordinatorInput::Register { node });
        }
    }

    /// Every node sees whom it can reach, and what the others know meanwhile.
    fn notice(&mut self, world: &World) {
        let count = self.members.len();
        for viewer in 0..count {
            for other in 0..count {
                let connected = self.connected(viewer, other);
                let Some(member) = self.members.get_mut(viewer) else {
                    continue;
                };
                let seen = member.sees(other);
                let told = member.declared_dead().contains(&other);
                if member.node.is_none() || seen == connected || told {
                    continue;
                }
                member.meet(other, connected);
                if !connected && let Some(address) = world.post.addresses().get(other) {
                    self.lost_sight(viewer, address);
                }
            }
        }
        for member in 0..count {
            self.spread(member);
            self.viewed(member);
        }
    }

    /// The coordinators of a node are to be told that another one is gone.
    fn lost_sight(&mut self, viewer: usize, gone: &NodeAddress) {
        let member = self.members.get(viewer).into_iter();
        let regions: Vec<_> = member
            .flat_map(|member| member.coordinators.keys().cloned())
            .collect();
        for region in regions {
            self.step(viewer, &region, CoordinatorInput::NodeDown(gone.clone()));
        }
    }

    /// Gossip, as real nodes merge it: whom any of the others takes for alive is alive again to a
    /// node that was told otherwise.
    fn revive(&mut self, viewer: usize) {
        let Some(member) = self.members.get(viewer) else {
            return;
        };
        let takes_for_alive = |other: usize, dead: usize| {
            let sees = self.members.get(other).is_some_and(|it| it.sees(dead));
            sees && self.connected(viewer, other)
        };
        let revived: Vec<_> = member
            .declared_dead()
            .iter()
            .copied()
            .filter(|dead| (0..self.members.len()).any(|other| takes_for_alive(other, *dead)))
            .collect();
        for node in revived {
            if let Some(member) = self.members.get_mut(viewer) {
                member.meet(node, true);
            }
            self.viewed(viewer);
        }
    }

    /// Hands a node's allocations on to those it can reach and takes for alive, where theirs are
    /// older. So no leader hands them to one with a lower address, which it would follow if it saw
    /// it, and what leaders make of each other's allocations comes to an end.
    fn spread(&mut self, from: usize) {
        let Some(member) = self.members.get(from) else {
            return;
        };
        let (allocations, epoch) = (member.allocations.clone(), member.epoch);
        let told: Vec<_> = (0..self.members.len())
            .filter(|to| *to != from && member.sees(*to) && self.connected(from, *to))
            .collect();
        for to in told {
            if let Some(member) = self.members.get_mut(to)
                && member.epoch < epoch
            {
                member.allocations.clone_from(&allocations);
                member.epoch = epoch;
                self.viewed(to);
            }
        }
    }

    /// A node's view has changed: its coordinators and subscribers are to be told.
    fn viewed(&mut self, number: usize) {
        let Some(member) = self.members.get(number) else {
            return;
        };
        if member.node.is_none() {
            return;
        }
        self.changed.insert(number);
        let regions: Vec<_> = member.coordinators.keys().cloned().collect();
        for region in regions {
            // The view is made when its turn comes, so that it is the latest.
            let input = CoordinatorInput::View(RegionView::default());
            self.steps.push_back(Step {
                node: number,
                region,
                input,
            });
        }
    }

    fn step(&mut self, node: usize, region: &str, input: CoordinatorInput<Asker>) {
        self.steps.push_back(Step {
            node,
            region: region.into(),
            input,
        });
    }

    /// Carries out what is to be done, and what follows from it, and pushes the changed views.
    fn settle(&mut self, world: &World) {
        let now = tokio::time::Instant::now().into_std();
        while let Some(step) = self.steps.pop_front() {
            self.carry_out(step, now, world);
        }
        for number in std::mem::take(&mut self.changed) {
            self.push(number, world);
            self.answer_waiting(number, world);
        }
    }

    fn carry_out(&mut self, step: Step, now: Instant, world: &World) {
        let Step {
            node,
            region,
            mut input,
        } = step;
        if matches!(input, CoordinatorInput::View(_)) {
            input = CoordinatorInput::View(RegionView::of(&self.snapshot(node, world), &region));
        }
        let Some(mut coordinator) = self.take_coordinator(node, &region, now, world) else {
            return;
        };
        coordinator.handle(now, input);
        loop {
            match coordinator.poll() {
                CoordinatorOutput::Locate { asker, location } => {
                    if let Some(node) = self.node(node) {
                        node.tell(&asker, &location);
                    }
                }
                CoordinatorOutput::Forward {
                    leader,
                    shard,
                    asker,
                } => self.send(
                    node,
                    &leader,
                    &region,
                    CoordinatorInput::Query { shard, asker },
                    world,
                ),
                CoordinatorOutput::Register { leader, node: host } => {
                    self.send(
                        node,
                        &leader,
                        &region,
                        CoordinatorInput::Register { node: host },
                        world,
                    );
                }
                CoordinatorOutput::Publish { allocations, epoch } => {
                    if let Some(member) = self.members.get_mut(node)
                        && epoch > member.epoch
                    {
                        member.allocations.insert(Arc::clone(&region), allocations);
                        member.epoch = epoch;
                        self.viewed(node);
                        self.spread(node);
                    }
                }
                // Nodes have no word for that.
                CoordinatorOutput::Refused { reason, .. } => {
                    tracing::debug!(node, %region, %reason, "a question stays unanswered");
                }
                CoordinatorOutput::Wait(_) => break,
            }
        }
        if let Some(member) = self.members.get_mut(node) {
            member.coordinators.insert(region, coordinator);
        }
    }

    /// Takes a coordinator out of its node, or makes one: nodes have one for whatever they are
    /// asked about.
    fn take_coordinator(
        &mut self,
        node: usize,
        region: &Arc<str>,
        now: Instant,
        world: &World,
    ) -> Option<Coordinator<Asker>> {
        let member = self.members.get_mut(node)?;
        let address = member.node.as_ref()?.address().clone();
        if let Some(known) = member.coordinators.remove(region) {
            return Some(known);
        }
        let shards = world.settings.shards(region);
        let most = world.settings.regions.len() + UNKNOWN_REGIONS;
        if shards.is_none() && member.coordinators.len() >= most {
            return None;
        }
        let config = CoordinatorConfig::new(shards.map_or(u32::MAX, ShardCount::get));
        let mut coordinator = Coordinator::new(config, address);
        let view = RegionView::of(&self.snapshot(node, world), region);
        coordinator.handle(now, CoordinatorInput::View(view));
        Some(coordinator)
    }

    /// Sends something to the coordinator of another node, if it can be reached.
    fn send(
        &mut self,
        from: usize,
        to: &NodeAddress,
        region: &str,
        input: CoordinatorInput<Asker>,
        world: &World,
    ) {
        if let Some(to) = world.post.number(to)
            && self.connected(from, to)
        {
            self.step(to, region, input);
        }
    }

    fn push(&self, number: usize, world: &World) {
        let Some(member) = self.members.get(number) else {
            return;
        };
        let Some(node) = &member.node else { return };
        if member.subscribers.is_empty() {
            return;
        }
        node.tell_all(&member.subscribers, &self.snapshot(number, world));
        for _ in &member.subscribers {
            node.counters().snapshots.increment();
        }
    }

    /// Answers those who wait for as many members as are up by now.
    fn answer_waiting(&mut self, number: usize, world: &World) {
        let up = self.roll(number, &world.post).up().count();
        let state = self.state(number, world);
        let Some(member) = self.members.get_mut(number) else {
            return;
        };
        let Some(node) = member.node.clone() else {
            return;
        };
        member.waiting.retain(|waiting| {
            let answered = usize::try_from(waiting.n).is_ok_and(|wanted| wanted <= up);
            if answered {
                node.tell(&waiting.reply_to, &state);
            }
            !answered
        });
    }

    /// Gives a shard to a node in the view of the leader, and so in those of all it can reach.
    fn assign(&mut self, region: &str, shard: ShardId, to: &NodeAddress, world: &World) {
        let Some(leader) = self.leader(&world.post) else {
            return;
        };
        let Some(member) = self.members.get_mut(leader) else {
            return;
        };
        member.assign(region, shard, to.clone());
        self.viewed(leader);
        self.spread(leader);
    }
}
