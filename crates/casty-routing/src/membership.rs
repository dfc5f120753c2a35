//! The members of a cluster, as one of them sees it: the part of a node that joins, gossips, and notices who
//! is dead.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use casty_proto::message::{ClusterState, Member, MemberStatus, ServiceEntry, ShardAllocation};
use casty_proto::{FrozenSet, NodeAddress};

use crate::rng::Rng;

mod change;
mod detector;
mod event;
mod gossiping;
mod merge;
mod plausible;
mod rounds;
mod ticking;
mod verdict;
mod withdrawn;

pub use detector::DetectorConfig;
pub use event::{
    Healing, MembershipConfig, MembershipEvent, MembershipInput, MembershipOutput,
    MembershipRefusal,
};
pub use merge::merge_gossip;

use detector::Detector;
use rounds::{Rounds, after};
use verdict::{Growth, Verdict};
use withdrawn::Withdrawn;

/// The membership engine of one node: it is a member of a cluster of Casty's own nodes.
///
/// It joins by way of its seeds, gossips its state and merges that of others by the rules of those nodes
/// ([`merge_gossip`]), makes members `up` when it leads, and declares dead who does not answer its heartbeats.
/// Beyond what those nodes do, dead members stay dead ([`Healing`]), a pause of its own is no evidence
/// against others, leaving is said, and what cannot be true is refused as a whole ([`MembershipRefusal`]).
///
/// Memory and the time that gossip costs are in proportion to the members, which are limited, and to what
/// they have allocated.
///
/// ```
/// # use std::time::Instant;
/// use casty_routing::membership::{
///     Membership, MembershipConfig, MembershipInput, MembershipOutput,
/// };
///
/// let mut config = MembershipConfig::new("rust-1:25520".parse()?, "rust-1");
/// config.seeds = vec!["10.0.0.1:25520".parse()?];
/// let now = Instant::now();
/// let mut membership: Membership<()> = Membership::new(now, config, 7);
/// membership.handle(now, MembershipInput::Tick);
/// let join = MembershipOutput::Join { to: "10.0.0.1:25520".parse()?, wants_answer: true };
/// assert_eq!(membership.poll(), join);
/// assert!(matches!(membership.poll(), MembershipOutput::Wait(Some(_))));
/// # Ok::<(), casty_proto::AddressError>(())
/// ```
#[derive(Debug)]
pub struct Membership<Q> {
    config: MembershipConfig,
    /// The state that is gossiped. Its members are listed by address.
    state: Arc<ClusterState>,
    detector: Detector,
    verdicts: BTreeMap<NodeAddress, Verdict>,
    growth: Growth,
    /// The members of whom it was said that only this node does not hear them.
    unheard: BTreeSet<NodeAddress>,
    withdrawn: Withdrawn,
    rounds: Rounds,
    /// `true` once another node has been in the state.
    joined: bool,
    /// `true` once a node was asked to take this one in.
    asked: bool,
    stage: Stage,
    /// `true` while the view is due to be told.
    changed: bool,
    rng: Rng,
    outputs: VecDeque<MembershipOutput<Q>>,
}

/// The stage of a node's membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Member,
    /// It says that it is dead.
    Leaving {
        /// The time by which it is gone.
        by: Instant,
    },
    Left,
}

impl<Q> Membership<Q> {
    /// Creates a node that is the only member of its cluster until another one takes it in. `seed` decides
    /// whom it gossips to.
    pub fn new(now: Instant, config: MembershipConfig, seed: u64) -> Self {
        let mut state = ClusterState::default();
        change::put(&mut state, member(&config, MemberStatus::Up));
        Self {
            detector: Detector::new(config.detector),
            rounds: Rounds::new(now),
            config,
            state: Arc::new(state),
            verdicts: BTreeMap::new(),
            growth: Growth::default(),
            unheard: BTreeSet::new(),
            withdrawn: Withdrawn::default(),
            joined: false,
            asked: false,
            stage: Stage::Member,
            changed: false,
            rng: Rng::new(seed),
            outputs: VecDeque::new(),
        }
    }

    /// Takes in an event; [`poll`](Self::poll) then returns what to do.
    pub fn handle(&mut self, now: Instant, input: MembershipInput<Q>) {
        if self.stage == Stage::Left {
            return;
        }
        self.notice_pause(now);
        match input {
            MembershipInput::Gossip {
                from,
                state,
                is_reply,
            } => self.gossip(now, &from, &state, is_reply),
            MembershipInput::Join {
                node,
                id,
                roles,
                asker,
            } => {
                let (address, status) = (node, MemberStatus::Joining);
                let member = Member {
                    address,
                    status,
                    roles,
                    id,
                };
                self.join(now, member, asker);
            }
            MembershipInput::Accepted(state) => self.accepted(now, &state),
            MembershipInput::Heartbeat { asker } => {
                self.outputs.push_back(MembershipOutput::Answer { asker });
            }
            MembershipInput::Answered { node } => self.answered(now, &node),
            MembershipInput::Promote(node) => self.promote(node),
            MembershipInput::Down(node) => self.down(node),
            MembershipInput::Allocations {
                region,
                allocations,
                epoch,
            } => self.allocate(region, allocations, epoch),
            MembershipInput::Services(entries) => self.register(&entries),
            MembershipInput::Withdraw(entries) => self.withdraw(&entries),
            MembershipInput::Leave => self.leave(now),
            MembershipInput::Tick => {}
        }
        if self.stage != Stage::Left {
            self.run_due(now);
        }
    }

    /// Returns the next thing to do. To be called until it returns [`MembershipOutput::Wait`].
    #[must_use = "an output is returned once"]
    pub fn poll(&mut self) -> MembershipOutput<Q> {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        if std::mem::take(&mut self.changed) {
            return MembershipOutput::View(Arc::clone(&self.state));
        }
        MembershipOutput::Wait((self.stage != Stage::Left).then(|| self.next_round()))
    }

    /// Returns what this node gossips.
    pub fn state(&self) -> &Arc<ClusterState> {
        &self.state
    }

    /// Returns the address of this node.
    pub fn address(&self) -> &NodeAddress {
        &self.config.address
    }

    /// Returns the name and the roles by which this node asks to join.
    pub fn identity(&self) -> (&Arc<str>, &FrozenSet<Arc<str>>) {
        (&self.config.id, &self.config.roles)
    }

    /// Returns whether this node has left: nothing that it is told changes it any more.
    pub fn has_left(&self) -> bool {
        self.stage == Stage::Left
    }

    /// Returns whether another node has taken this one in, or asked it to join.
    pub fn has_joined(&self) -> bool {
        self.joined
    }

    fn join(&mut self, now: Instant, member: Member, asker: Option<Q>) {
        let node = member.address.clone();
        if let Err(reason) = self.admit_member(&member) {
            return self.refuse(&node, reason);
        }
        if node != self.config.address {
            self.verdicts.remove(&node);
            self.unheard.remove(&node);
            if self.config.healing == Healing::Off {
                self.detector.forget(&node);
            } else {
                let first_answer = after(now, self.config.first_answer);
                self.detector.expect(first_answer, &node);
            }
            let allow = MembershipOutput::EndQuarantine(node.clone());
            self.outputs.push_back(allow);
            if change::status(&self.state, &node) != Some(MemberStatus::Joining) {
                self.report(MembershipEvent::Joining { node });
            }
            self.edit(|state| change::put(state, member));
            self.joined = true;
        }
        if let Some(asker) = asker {
            let state = Arc::clone(&self.state);
            self.outputs
                .push_back(MembershipOutput::Accept { asker, state });
        }
    }

    fn admit_member(&self, member: &Member) -> Result<(), MembershipRefusal> {
        plausible::check_member(member)?;
        plausible::check_dialable(&member.address)?;
        if member.address == self.config.address && member.id != self.config.id {
            let id = member.id.clone();
            return Err(MembershipRefusal::OwnAddress { id });
        }
        let is_known = change::status(&self.state, &member.address).is_some();
        let limit = self.config.max_members;
        if !is_known && self.state.members.len() >= limit {
            return Err(MembershipRefusal::TooManyMembers { limit });
        }
        Ok(())
    }

    /// Sends requests to join.
    fn ask_to_join(&mut self, nodes: Vec<NodeAddress>, wants_answer: bool) {
        self.asked |= wants_answer && !nodes.is_empty();
        let ask = |to| MembershipOutput::Join { to, wants_answer };
        self.outputs.extend(nodes.into_iter().map(ask));
    }

    fn answered(&mut self, now: Instant, node: &NodeAddress) {
        let is_other = *node != self.config.address;
        if !is_other || change::status(&self.state, node).is_none() {
            return;
        }
        let verdict = self.verdicts.get(node);
        let is_dead = verdict.is_some();
        if verdict.is_some_and(Verdict::is_order) {
            return;
        }
        self.unheard.remove(node);
        self.detector.heard(now, node);
        if is_dead {
            self.take_back(now, node);
        }
    }

    /// Takes a member for alive that was declared dead because it was silent.
    fn take_back(&mut self, now: Instant, node: &NodeAddress) {
        let Some(verdict) = self.verdicts.remove(node) else {
            return;
        };
        self.detector.expect(now, node);
        self.report(MembershipEvent::Back { node: node.clone() });
        if verdict.status.is_alive() {
            let back = [node.clone()].into();
            self.edit(|state| change::mark_alive(state, &back, verdict.status));
        }
    }

    /// Makes all `up` that join, if this node leads and all have seen that they do.
    fn promote_if_leader(&mut self) {
        let leads = self.state.leader() == Some(&self.config.address);
        if !leads || !self.state.is_converged() {
            return;
        }
        let members = self.state.members.iter();
        let joining = members.filter(|member| member.status == MemberStatus::Joining);
        let joining: BTreeSet<_> = joining.map(|member| member.address.clone()).collect();
        if joining.is_empty() {
            return;
        }
        self.edit(|state| change::mark_alive(state, &joining, MemberStatus::Up));
        for node in joining {
            self.report(MembershipEvent::Promoted { node });
        }
    }

    fn promote(&mut self, node: NodeAddress) {
        if change::status(&self.state, &node) == Some(MemberStatus::Joining) {
            self.edit(|state| change::mark_alive(state, &[node].into(), MemberStatus::Up));
        }
    }

    /// Obeys the order to declare a member dead.
    fn down(&mut self, node: NodeAddress) {
        let Some(status) = change::status(&self.state, &node) else {
            return;
        };
        if self.config.healing != Healing::Off {
            self.verdicts
                .insert(node.clone(), Verdict::by_order(status));
        }
        if node == self.config.address {
            self.stage = Stage::Left;
        }
        if status.is_alive() {
            self.detector.forget(&node);
            self.report(MembershipEvent::Ordered { node: node.clone() });
            self.edit(|state| change::mark_down(state, &[node].into()));
        }
    }

    fn allocate(
        &mut self,
        region: Arc<str>,
        allocations: BTreeMap<u32, ShardAllocation>,
        epoch: u64,
    ) {
        if epoch <= self.state.allocation_epoch {
            return;
        }
        let known = &self.state.shard_allocations;
        let checked = plausible::check_epoch(epoch, &self.state)
            .and_then(|()| plausible::check_region(known, &region, &allocations));
        if let Err(reason) = checked {
            return self.refuse_from_inside(reason);
        }
        let state = Arc::make_mut(&mut self.state);
        state.shard_allocations.insert(region, allocations);
        state.allocation_epoch = epoch;
        self.changed = true;
    }

    fn register(&mut self, entries: &FrozenSet<ServiceEntry>) {
        if let Err(reason) = plausible::check_services(&self.state.registry, entries) {
            return self.refuse_from_inside(reason);
        }
        self.withdrawn.restore(entries);
        self.edit(|state| state.registry = merge::both_services(&state.registry, entries));
    }

    /// Lists instances no more, whatever is gossiped.
    fn withdraw(&mut self, entries: &FrozenSet<ServiceEntry>) {
        let known = self.withdrawn.len();
        if let Err(reason) = plausible::check_withdrawn(known, entries) {
            return self.refuse_from_inside(reason);
        }
        self.withdrawn.add(entries);
        let withdrawn = std::mem::take(&mut self.withdrawn);
        self.edit(|state| withdrawn.leave_out(state));
        self.withdrawn = withdrawn;
    }

    /// Says that it is dead, and insists on it until all have seen that.
    fn leave(&mut self, now: Instant) {
        if self.stage != Stage::Member {
            return;
        }
        let by = after(now, self.config.leaving);
        self.stage = Stage::Leaving { by };
        let members: Vec<_> = self.others(&self.state).collect();
        let leaving = members
            .into_iter()
            .map(|to| MembershipOutput::Leaving { to });
        self.outputs.extend(leaving);
        let me = self.config.address.clone();
        let mut verdict = Verdict::by_order(MemberStatus::Up);
        verdict.told = true;
        self.verdicts.insert(me.clone(), verdict);
        self.edit(|state| change::mark_down(state, &[me].into()));
        self.rounds.hurry(now, Duration::ZERO);
    }

    /// Changes the state of its own accord: the change is counted, and has to be seen by all.
    fn edit(&mut self, change: impl FnOnce(&mut ClusterState)) {
        let state = Arc::make_mut(&mut self.state);
        change(state);
        change::count(state, &self.config.address);
        self.changed = true;
    }

    fn take(&mut self, state: ClusterState) {
        self.state = Arc::new(state);
        self.changed = true;
    }

    /// Returns the members that are alive, but for this node.
    fn others<'a>(&'a self, state: &'a ClusterState) -> impl Iterator<Item = NodeAddress> + 'a {
        let members = state.members.iter();
        let alive = members.filter(|member| change::is_asked(member.status));
        let others = alive.filter(|member| member.address != self.config.address);
        others.map(|member| member.address.clone())
    }

    fn refuse(&mut self, from: &NodeAddress, reason: MembershipRefusal) {
        let from = from.clone();
        self.report(MembershipEvent::Refused { from, reason });
    }

    /// Refuses what was not sent as a state, by a sender that is not told: a coordinator or service of this node.
    fn refuse_from_inside(&mut self, reason: MembershipRefusal) {
        let me = self.config.address.clone();
        self.refuse(&me, reason);
    }

    fn report(&mut self, event: MembershipEvent) {
        self.outputs.push_back(MembershipOutput::Event(event));
    }
}

fn member(config: &MembershipConfig, status: MemberStatus) -> Member {
    Member {
        address: config.address.clone(),
        status,
        roles: config.roles.clone(),
        id: Arc::clone(&config.id),
    }
}

#[cfg(test)]
mod tests;
