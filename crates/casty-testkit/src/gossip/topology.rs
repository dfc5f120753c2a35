//! The state that real nodes gossip, a view of it for each node, and what follows from a change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use casty_proto::message::{ClusterState, ServiceEntry, ShardAllocation, TopologySnapshot};
use casty_proto::{FrozenSet, NodeAddress};
use casty_routing::membership::MembershipInput;
use casty_routing::{
    Coordinator, CoordinatorConfig, CoordinatorInput, CoordinatorOutput, RegionView, ShardId,
};

use super::member::{Asker, Member};
use super::roll::Roll;
use super::ways::Ways;
use crate::actor::ActorPlan;
use crate::node::Node;
use crate::node::mailboxes::Mailboxes;
use crate::settings::Settings;
use crate::status::Counters;

/// An input of the coordinator of a region on a node.
struct Step {
    node: usize,
    region: Arc<str>,
    input: CoordinatorInput<Asker>,
}

/// Regions that no node hosts and that were asked for all the same, on one node.
const UNKNOWN_REGIONS: usize = 64;

/// All that changes under one lock.
pub(super) struct Topology {
    pub(super) settings: Arc<Settings>,
    pub(super) mailboxes: Arc<Mailboxes>,
    pub(super) members: Vec<Member>,
    /// The services that are registered, wherever they are configured.
    pub(super) services: Vec<ActorPlan>,
    /// The services that have ended, where nodes gossip: nodes outside go on to list them.
    pub(super) withdrawn: FrozenSet<ServiceEntry>,
    pub(super) counters: Vec<Arc<Counters>>,
    pub(super) ways: Ways,
    /// Inputs that coordinators have not been given yet.
    steps: VecDeque<Step>,
    /// Nodes whose view has changed since it was last pushed.
    pub(super) changed: BTreeSet<usize>,
    /// Nodes to which something is on its way that may have arrived.
    pub(super) awake: BTreeSet<usize>,
    /// Shards that nodes have lost by their own views: their entities are to end.
    pub(super) vacated: Vec<(usize, Arc<str>, ShardId)>,
}

impl Topology {
    /// Makes the topology of nodes of which none runs yet.
    pub(super) fn new(settings: &Arc<Settings>, mailboxes: &Arc<Mailboxes>) -> Self {
        let count = mailboxes.addresses().len();
        Self {
            settings: Arc::clone(settings),
            mailboxes: Arc::clone(mailboxes),
            members: (0..count).map(|place| Member::new(place, count)).collect(),
            services: settings.services.clone(),
            withdrawn: FrozenSet::default(),
            counters: (0..count).map(|_| Arc::default()).collect(),
            ways: Ways::new(settings.membership.as_ref()),
            steps: VecDeque::new(),
            changed: BTreeSet::new(),
            awake: BTreeSet::new(),
            vacated: Vec::new(),
        }
    }

    /// Returns a node if it runs.
    pub(super) fn node(&self, number: usize) -> Option<&Arc<Node>> {
        self.members.get(number)?.node.as_ref()
    }

    /// Returns whether two nodes run and can reach each other.
    pub(super) fn connected(&self, a: usize, b: usize) -> bool {
        self.carries(a, b) && self.carries(b, a)
    }

    /// Returns whether two nodes run, and what one sends reaches the other.
    pub(super) fn carries(&self, from: usize, to: usize) -> bool {
        self.ways.carry(from, to) && self.node(from).is_some() && self.node(to).is_some()
    }

    /// Returns the address of a node.
    pub(super) fn address(&self, number: usize) -> Option<NodeAddress> {
        self.mailboxes.addresses().get(number).cloned()
    }

    /// Returns whether nodes agree by gossip on who is a member.
    pub(super) fn gossips(&self) -> bool {
        self.settings.membership.is_some()
    }

    /// Returns the members as one of them sees them.
    pub(super) fn roll(&self, viewer: usize) -> Roll<'_> {
        Roll::new(&self.members, viewer, self.mailboxes.addresses())
    }

    /// Returns the whole view of a node.
    pub(super) fn snapshot(&self, viewer: usize) -> TopologySnapshot {
        self.roll(viewer).snapshot(&self.services)
    }

    /// Returns the view of a node as its topology actor answers with it.
    pub(super) fn state(&self, viewer: usize) -> ClusterState {
        let member = self.members.get(viewer);
        if let Some(engine) = member.and_then(|member| member.engine.as_ref()) {
            return ClusterState::clone(engine.membership.state());
        }
        let snapshot = self.snapshot(viewer);
        ClusterState {
            members: snapshot.members,
            unreachable: snapshot.unreachable,
            shard_allocations: snapshot.shard_allocations,
            allocation_epoch: snapshot.allocation_epoch,
            registry: snapshot.registry,
            ..ClusterState::default()
        }
    }

    /// Returns the node that takes itself for the leader; the lowest number of several.
    pub(super) fn leader(&self) -> Option<usize> {
        let leads = |number: &usize| {
            let leader = self.roll(*number).leader().cloned();
            self.node(*number)
                .is_some_and(|node| leader.as_ref() == Some(node.outbound().address()))
        };
        (0..self.members.len()).find(leads)
    }

    /// Has a node that runs by now be a member.
    pub(super) fn joined(&mut self, number: usize) {
        if self.gossips() {
            self.start_engine(number);
        } else {
            self.meet_all(number);
        }
        let settings = Arc::clone(&self.settings);
        for plan in &settings.regions {
            self.step(number, &plan.name, CoordinatorInput::Host);
        }
    }

    /// Has a node that runs by now and those that can reach it see each other; it learns what they know.
    fn meet_all(&mut self, number: usize) {
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
        self.all_viewed();
    }

    /// Has every node see which others it can reach, and learn what those know.
    pub(super) fn notice(&mut self) {
        if self.gossips() {
            // They find out by themselves.
            return;
        }
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
                if !connected && let Some(address) = self.mailboxes.addresses().get(other) {
                    self.lost_sight(viewer, address);
                }
            }
        }
        for member in 0..count {
            self.spread(member);
            self.viewed(member);
        }
    }

    /// Tells the coordinators of a node that another one is gone.
    pub(super) fn lost_sight(&mut self, viewer: usize, gone: &NodeAddress) {
        let member = self.members.get(viewer).into_iter();
        let regions: Vec<_> = member
            .flat_map(|member| member.coordinators.keys().cloned())
            .collect();
        for region in regions {
            self.step(viewer, &region, CoordinatorInput::NodeDown(gone.clone()));
        }
    }

    /// Merges gossip as real nodes do: a member that any other node takes for alive is alive again
    /// to a node that was told otherwise.
    pub(super) fn revive(&mut self, viewer: usize) {
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
    /// older.
    ///
    /// So no leader hands them to one with a lower address, which it would follow if it saw it, and
    /// what leaders make of each other's allocations comes to an end.
    fn spread(&mut self, from: usize) {
        if self.gossips() {
            return;
        }
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

    /// Notes that a node's view has changed: its coordinators and subscribers are told of it when
    /// the change is [settled](Self::settle).
    pub(super) fn viewed(&mut self, number: usize) {
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

    /// Notes that the views of all nodes have changed.
    pub(super) fn all_viewed(&mut self) {
        for member in 0..self.members.len() {
            self.viewed(member);
        }
    }

    /// Adds an input of a coordinator, for when the change is [settled](Self::settle).
    pub(super) fn step(&mut self, node: usize, region: &str, input: CoordinatorInput<Asker>) {
        self.steps.push_back(Step {
            node,
            region: region.into(),
            input,
        });
    }

    /// Gives coordinators their inputs, and those that follow, and pushes the changed views.
    pub(super) fn settle(&mut self) {
        let now = now();
        loop {
            while let Some(step) = self.steps.pop_front() {
                self.carry_out(step, now);
            }
            let Some(number) = self.awake.pop_first() else {
                break;
            };
            self.run_engine(number, now);
        }
        for number in std::mem::take(&mut self.changed) {
            self.demote_unless_leading(number);
            self.push(number);
            self.answer_waiting(number);
        }
        let engines = self.members.iter().filter_map(|it| it.engine.as_ref());
        engines.for_each(|engine| engine.arrange());
    }

    /// Tells a node that does not lead, as it sees it, that its singletons are gone.
    fn demote_unless_leading(&self, number: usize) {
        if let Some(node) = self.node(number)
            && self.roll(number).leader() != Some(node.outbound().address())
        {
            node.demote();
        }
    }

    fn carry_out(&mut self, step: Step, now: Instant) {
        let Step {
            node,
            region,
            mut input,
        } = step;
        if matches!(input, CoordinatorInput::View(_)) {
            input = CoordinatorInput::View(RegionView::of(&self.snapshot(node), &region));
        }
        let Some(mut coordinator) = self.take_coordinator(node, &region, now) else {
            return;
        };
        coordinator.handle(now, input);
        loop {
            match coordinator.poll() {
                CoordinatorOutput::Locate { asker, location } => {
                    if let Some(node) = self.node(node) {
                        node.outbound().tell(&asker, &location);
                    }
                }
                CoordinatorOutput::Forward {
                    leader,
                    shard,
                    asker,
                } => {
                    let from = self.mailboxes.addresses().get(node).cloned();
                    let input = CoordinatorInput::Query { shard, asker, from };
                    self.send(node, &leader, &region, input);
                }
                CoordinatorOutput::Register { leader, node: host } => {
                    self.send(
                        node,
                        &leader,
                        &region,
                        CoordinatorInput::Register { node: host },
                    );
                }
                CoordinatorOutput::Publish { allocations, epoch } => {
                    self.publish(node, &region, allocations, epoch);
                }
                // Nodes have no word for that.
                CoordinatorOutput::Refused { reason, .. } => {
                    tracing::debug!(node, %region, %reason, "a query stays unanswered");
                }
                CoordinatorOutput::Wait(_) => break,
            }
        }
        if let Some(member) = self.members.get_mut(node) {
            member.coordinators.insert(region, coordinator);
        }
    }

    /// Takes up the allocations of a region under a new epoch, and tells the others.
    fn publish(
        &mut self,
        node: usize,
        region: &Arc<str>,
        allocations: BTreeMap<u32, ShardAllocation>,
        epoch: u64,
    ) {
        if self.gossips() {
            let region = Arc::clone(region);
            let input = MembershipInput::Allocations {
                region,
                allocations,
                epoch,
            };
            return self.tell_engine(node, now(), input);
        }
        if let Some(member) = self.members.get_mut(node)
            && epoch > member.epoch
        {
            member.allocations.insert(Arc::clone(region), allocations);
            member.epoch = epoch;
            self.viewed(node);
            self.spread(node);
        }
    }

    /// Takes a coordinator out of its node, or makes one: nodes have one for each region that they
    /// are asked about. `None` if there are too many of regions that no node hosts.
    fn take_coordinator(
        &mut self,
        node: usize,
        region: &Arc<str>,
        now: Instant,
    ) -> Option<Coordinator<Asker>> {
        let member = self.members.get_mut(node)?;
        let address = member.node.as_ref()?.outbound().address().clone();
        if let Some(known) = member.coordinators.remove(region) {
            return Some(known);
        }
        let most = self.settings.regions.len() + UNKNOWN_REGIONS;
        if self.settings.shards(region).is_none() && member.coordinators.len() >= most {
            return None;
        }
        // Nodes of Casty do not know how many shards a region has: they allocate whatever they are
        // asked for.
        let config = CoordinatorConfig::new(u32::MAX);
        let mut coordinator = Coordinator::new(config, address);
        let view = RegionView::of(&self.snapshot(node), region);
        coordinator.handle(now, CoordinatorInput::View(view));
        Some(coordinator)
    }

    /// Gives an input to the coordinator of another node, if that can be reached.
    fn send(
        &mut self,
        from: usize,
        to: &NodeAddress,
        region: &str,
        input: CoordinatorInput<Asker>,
    ) {
        match self.mailboxes.number(to) {
            Some(to) if self.carries(from, to) => self.step(to, region, input),
            Some(_) => {}
            None => self.ask_outside(from, to, region, input),
        }
    }

    /// Sends the view of a node to its subscribers.
    fn push(&self, number: usize) {
        let Some(member) = self.members.get(number) else {
            return;
        };
        let Some(node) = &member.node else { return };
        if member.subscribers.is_empty() {
            return;
        }
        let node = node.outbound();
        node.tell_all(&member.subscribers, &self.snapshot(number));
        for _ in &member.subscribers {
            node.counters().snapshots.increment();
        }
    }

    /// Answers those that wait for as many members as are up by now.
    pub(super) fn answer_waiting(&mut self, number: usize) {
        let up = self.roll(number).up().len();
        let state = self.state(number);
        let Some(member) = self.members.get_mut(number) else {
            return;
        };
        let Some(node) = member.node.clone() else {
            return;
        };
        member.waiting.retain(|waiting| {
            let answered = usize::try_from(waiting.n).is_ok_and(|wanted| wanted <= up);
            if answered {
                node.outbound().tell(&waiting.reply_to, &state);
            }
            !answered
        });
    }

    /// Gives a shard to a node in the view of the leader, and so in those of all it can reach.
    pub(super) fn assign(&mut self, region: &str, shard: ShardId, to: &NodeAddress) {
        let Some(leader) = self.leader() else {
            return;
        };
        let Some(member) = self.members.get_mut(leader) else {
            return;
        };
        member.assign(region, shard, to.clone());
        if member.engine.is_some() {
            let (epoch, region) = (member.epoch, Arc::from(region));
            let allocations = member.allocations.get(&region).cloned();
            return self.publish(leader, &region, allocations.unwrap_or_default(), epoch);
        }
        self.viewed(leader);
        self.spread(leader);
    }
}

/// Returns what time it is.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
