//! The engines of nodes that agree by gossip: what they are told, and what comes of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use casty_proto::message::membership::{
    GossipMessage, HeartbeatRequest, HeartbeatResponse, JoinAccepted, JoinRequest,
};
use casty_proto::message::{
    ClusterState, DownMember, GetShardLocation, MemberStatus, RegisterRegion, ServiceEntry,
    ShardLocation, TOPOLOGY_PATH,
};
use casty_proto::{ActorRef, FrozenSet, NodeAddress};
use casty_routing::membership::{MembershipInput, MembershipOutput};
use casty_routing::{CoordinatorInput, ShardId};

use super::engine::{Asker, Engine, EngineInput};
use super::topology::Topology;

impl Topology {
    /// Starts the engine of a node that runs by now.
    pub(super) fn start_engine(&mut self, number: usize) {
        let now = super::topology::now();
        let settings = Arc::clone(&self.settings);
        let Some(options) = &settings.membership else {
            return;
        };
        let addresses = self.mailboxes.addresses();
        let Some(address) = addresses.get(number).cloned() else {
            return;
        };
        let others = addresses.iter().filter(|other| **other != address);
        let config = options.config(number, address.clone(), others.cloned());
        let seed = self.ways.draw_seed();
        if let Some(member) = self.members.get_mut(number) {
            member.engine = Some(Box::new(Engine::new(now, config, seed)));
        }
        let services = self.services_of(number);
        self.tell_engine(number, now, MembershipInput::Services(services));
        if !self.withdrawn.is_empty() {
            let withdrawn = self.withdrawn.clone();
            self.tell_engine(number, now, MembershipInput::Withdraw(withdrawn));
        }
        self.tell_engine(number, now, MembershipInput::Tick);
    }

    /// Tells a node's engine something, and carries out what it wants done.
    pub(super) fn tell_engine(&mut self, number: usize, now: Instant, input: EngineInput) {
        let Some(engine) = self.engine(number) else {
            return;
        };
        engine.membership.handle(now, input);
        while let Some(engine) = self.engine(number) {
            match engine.membership.poll() {
                MembershipOutput::Wait(until) => {
                    engine.wait = until;
                    return;
                }
                MembershipOutput::View(state) => self.show(number, &state),
                output => self.carry_out_of(number, now, output),
            }
        }
    }

    fn engine(&mut self, number: usize) -> Option<&mut Engine> {
        self.members.get_mut(number)?.engine.as_deref_mut()
    }

    fn carry_out_of(&mut self, from: usize, now: Instant, output: MembershipOutput<Asker>) {
        match output {
            MembershipOutput::Gossip {
                to,
                state,
                is_reply,
            } => self.gossip_to(from, now, &to, state, is_reply),
            MembershipOutput::Join { to, wants_answer } => {
                self.ask_to_join(from, now, &to, wants_answer);
            }
            MembershipOutput::Heartbeat { to } => self.ask_whether_alive(from, now, &to),
            MembershipOutput::Leaving { to } => {
                let Some(me) = self.address(from) else { return };
                match self.mailboxes.number(&to) {
                    Some(to) => self.carry(from, to, now, MembershipInput::Down(me)),
                    None => self.tell_outside(from, &to, &DownMember { address: me }),
                }
            }
            MembershipOutput::Accept { asker, state } => self.accept(from, now, asker, &state),
            MembershipOutput::Answer { asker } => self.answer_alive(from, now, asker),
            MembershipOutput::EndQuarantine(node) => {
                if let Some(runs) = self.node(from) {
                    runs.outbound().end_quarantine(&node);
                }
            }
            MembershipOutput::Event(event) => {
                tracing::info!(node = from, %event, "membership");
                let options = self.settings.membership.as_ref();
                if let Some(told) = options.and_then(|options| options.on_event.as_ref()) {
                    told(from, &event);
                }
            }
            MembershipOutput::View(_) | MembershipOutput::Wait(_) => {}
        }
    }
}

/// The messages that engines and coordinators send.
impl Topology {
    fn gossip_to(
        &mut self,
        from: usize,
        now: Instant,
        to: &NodeAddress,
        state: Arc<ClusterState>,
        is_reply: bool,
    ) {
        let Some(me) = self.address(from) else { return };
        if let Some(to) = self.mailboxes.number(to) {
            let gossip = MembershipInput::Gossip {
                from: me,
                state,
                is_reply,
            };
            return self.carry(from, to, now, gossip);
        }
        let gossip = GossipMessage {
            state: Arc::unwrap_or_clone(state),
            from_node: me,
            is_reply,
        };
        self.tell_outside(from, to, &gossip);
    }

    fn ask_to_join(&mut self, from: usize, now: Instant, to: &NodeAddress, wants_answer: bool) {
        let (Some(node), Some(engine)) = (self.address(from), self.engine(from)) else {
            return;
        };
        let (id, roles) = engine.membership.identity();
        let (id, roles) = (Arc::clone(id), roles.clone());
        if let Some(to) = self.mailboxes.number(to) {
            let asker = wants_answer.then_some(Asker::Node(from));
            let join = MembershipInput::Join {
                node,
                id,
                roles,
                asker,
            };
            return self.carry(from, to, now, join);
        }
        let join = JoinRequest {
            reply_to: wants_answer.then(|| self.topology_of(&node)),
            node,
            roles,
            node_id: id,
        };
        self.tell_outside(from, to, &join);
    }

    fn ask_whether_alive(&mut self, from: usize, now: Instant, to: &NodeAddress) {
        let Some(me) = self.address(from) else { return };
        if let Some(to) = self.mailboxes.number(to) {
            let asker = Asker::Node(from);
            return self.carry(from, to, now, MembershipInput::Heartbeat { asker });
        }
        let request = HeartbeatRequest {
            reply_to: self.topology_of(&me),
            from_node: me,
        };
        self.tell_outside(from, to, &request);
    }

    fn accept(&mut self, from: usize, now: Instant, asker: Asker, state: &Arc<ClusterState>) {
        match asker {
            Asker::Node(to) => {
                let accepted = MembershipInput::Accepted(Arc::clone(state));
                self.carry(from, to, now, accepted);
            }
            Asker::Joiner(to) => {
                if let Some(node) = self.node(from) {
                    let state = ClusterState::clone(state);
                    node.outbound().tell(&to, &JoinAccepted { state });
                }
            }
            // It did not ask to join.
            Asker::Prober(_) => {}
        }
    }

    fn answer_alive(&mut self, from: usize, now: Instant, asker: Asker) {
        let Some(me) = self.address(from) else { return };
        match asker {
            Asker::Node(to) => {
                self.carry(from, to, now, MembershipInput::Answered { node: me });
            }
            Asker::Prober(to) => {
                if let Some(node) = self.node(from) {
                    let alive = HeartbeatResponse { from_node: me };
                    node.outbound().tell(&to, &alive);
                }
            }
            // It did not ask whether this node lives.
            Asker::Joiner(_) => {}
        }
    }

    /// Sends what a coordinator asks that of a node outside.
    pub(super) fn ask_outside(
        &self,
        from: usize,
        to: &NodeAddress,
        region: &str,
        input: CoordinatorInput<ActorRef<ShardLocation>>,
    ) {
        let Some(node) = self.node(from).filter(|_| self.gossips()) else {
            return;
        };
        let path = format!("/_coord-{region}");
        match input {
            CoordinatorInput::Query { shard, asker, .. } => {
                let query = GetShardLocation {
                    shard_id: shard,
                    reply_to: asker,
                };
                node.outbound().tell(&self.actor(to, &path), &query);
            }
            CoordinatorInput::Register { node: host } => {
                let register = RegisterRegion { node: host };
                node.outbound().tell(&self.actor(to, &path), &register);
            }
            _ => {}
        }
    }

    /// Puts something on its way from one node of this process to another, unless it cannot arrive.
    fn carry(&mut self, from: usize, to: usize, now: Instant, input: EngineInput) {
        if !self.carries(from, to) {
            return;
        }
        let latency = self.ways.draw_latency();
        if let Some(engine) = self.engine(to) {
            engine.send(from, now + latency, input);
            self.awake.insert(to);
        }
    }

    /// Sends something to the topology of a node outside.
    fn tell_outside<M: serde::Serialize>(&self, from: usize, to: &NodeAddress, message: &M) {
        if let Some(node) = self.node(from) {
            node.outbound().tell(&self.topology_of(to), message);
        }
    }

    /// Returns the topology actor of a node.
    fn topology_of<M>(&self, node: &NodeAddress) -> ActorRef<M> {
        self.actor(node, TOPOLOGY_PATH)
    }

    fn actor<M>(&self, node: &NodeAddress, path: &str) -> ActorRef<M> {
        let (system, node) = (&self.settings.system, node.to_raw());
        ActorRef::from_uri_unchecked(format!("casty://{system}@{node}{path}"))
    }

    /// Returns the services that are registered on a node.
    pub(super) fn services_of(&self, number: usize) -> FrozenSet<ServiceEntry> {
        let (Some(node), Some(member)) = (self.address(number), self.members.get(number)) else {
            return FrozenSet::default();
        };
        let services = self
            .services
            .iter()
            .filter(|plan| plan.runs_on(member.place));
        let keyed = services.filter_map(|plan| Some((plan, plan.key.clone()?)));
        let entries = keyed.map(|(plan, key)| ServiceEntry {
            key,
            node: node.clone(),
            path: Arc::clone(&plan.path),
        });
        entries.collect()
    }
}

/// The inputs of engines, and the states that they show.
impl Topology {
    /// Tells the engine of a node what has arrived and whatever is due, unless its node is stopped.
    pub(super) fn run_engine(&mut self, number: usize, now: Instant) {
        let is_hung = self.node(number).is_none_or(|node| node.is_hung());
        if is_hung {
            return;
        }
        while let Some(input) = self.engine(number).and_then(|engine| engine.take_due(now)) {
            self.tell_engine(number, now, input);
        }
        if self
            .engine(number)
            .is_some_and(|engine| engine.is_late(now))
        {
            self.tell_engine(number, now, MembershipInput::Tick);
        }
    }

    /// Shows a state to the coordinators and subscribers of its node, if it is another one to them.
    fn show(&mut self, number: usize, state: &Arc<ClusterState>) {
        let Some(engine) = self.engine(number) else {
            return;
        };
        let before = std::mem::replace(&mut engine.shown, Arc::clone(state));
        let dead = newly_dead(&before, state);
        // Of two allocations of one epoch the leader's count, so the epoch does not tell all.
        let is_moved = before.allocation_epoch != state.allocation_epoch
            || before.shard_allocations != state.shard_allocations;
        let is_same = dead.is_empty()
            && !is_moved
            && before.members == state.members
            && before.registry == state.registry
            && before.unreachable == state.unreachable;
        if is_same {
            return;
        }
        if let Some(member) = self.members.get_mut(number)
            && is_moved
        {
            member.epoch = state.allocation_epoch;
            member.allocations.clone_from(&state.shard_allocations);
            self.vacate_lost(number, &before, state);
        }
        for node in dead {
            self.lost_sight(number, &node);
        }
        self.viewed(number);
    }
}

impl Topology {
    /// Notes the shards that a node owned and does not own any more: their entities end.
    fn vacate_lost(&mut self, number: usize, before: &ClusterState, now: &ClusterState) {
        let Some(me) = self.address(number) else {
            return;
        };
        for (region, shards) in &before.shard_allocations {
            let present = now.shard_allocations.get(region);
            for (shard, _) in shards.iter().filter(|(_, it)| it.primary == me) {
                let owner = present.and_then(|shards| shards.get(shard));
                if owner.is_some_and(|owner| owner.primary != me) {
                    let shard = ShardId::new(*shard);
                    self.vacated.push((number, Arc::clone(region), shard));
                }
            }
        }
    }
}

/// Returns the members that are dead now and were not before.
fn newly_dead(before: &ClusterState, now: &ClusterState) -> Vec<NodeAddress> {
    let is_alive = |status: MemberStatus| status.is_alive();
    let alive = before
        .members
        .iter()
        .filter(|member| is_alive(member.status));
    let alive: BTreeSet<_> = alive.map(|member| &member.address).collect();
    let dead = now.members.iter().filter(|member| !is_alive(member.status));
    let dead = dead.filter(|member| alive.contains(&member.address));
    dead.map(|member| member.address.clone()).collect()
}
