//! The part of a member that takes in the states of others.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use casty_proto::NodeAddress;
use casty_proto::message::{ClusterState, MemberStatus};

use super::event::{Healing, MembershipEvent, MembershipOutput, MembershipRefusal};
use super::merge::{self, merge_gossip};
use super::rounds::after;
use super::{Membership, Stage, change, plausible};
use crate::steps::step;

impl<Q> Membership<Q> {
    /// Merges the state of another node, and answers with the outcome.
    pub(super) fn gossip(
        &mut self,
        now: Instant,
        from: &NodeAddress,
        theirs: &ClusterState,
        is_reply: bool,
    ) {
        if let Err(reason) = self.admit(from, theirs) {
            return self.refuse(from, reason);
        }
        let verdict = self.verdicts.get(from);
        if verdict.is_some_and(|verdict| !verdict.is_order()) {
            self.take_back(now, from);
        }
        let before = Arc::clone(&self.state);
        let mut merged = merge_gossip(&before, theirs, &self.config.address, from);
        if self.config.healing != Healing::Off {
            self.decide_allocations(from, theirs, &mut merged);
        }
        self.replace(now, from, &before, merged);
        if !is_reply {
            self.outputs.push_back(MembershipOutput::Gossip {
                to: from.clone(),
                state: Arc::clone(&self.state),
                is_reply: true,
            });
        }
        self.promote_if_leader();
    }

    /// Ends a disagreement of two allocations of one epoch, as two leaders make them that do not see each
    /// other, and neither would ever be taken in the place of the other: those of the leader count.
    fn decide_allocations(
        &self,
        from: &NodeAddress,
        theirs: &ClusterState,
        merged: &mut ClusterState,
    ) {
        let is_same_epoch = theirs.allocation_epoch == merged.allocation_epoch;
        if !is_same_epoch || theirs.shard_allocations == merged.shard_allocations {
            return;
        }
        let leader = merged.leader();
        if leader == Some(&self.config.address) {
            // All others take what has a higher epoch.
            merged.allocation_epoch += 1;
        } else if leader == Some(from) {
            merged
                .shard_allocations
                .clone_from(&theirs.shard_allocations);
        }
    }

    fn admit(&self, from: &NodeAddress, theirs: &ClusterState) -> Result<(), MembershipRefusal> {
        let mut theirs_listed = theirs.members.iter();
        let sender = theirs_listed.find(|member| member.address == *from);
        if *from == self.config.address {
            let id = sender.map_or(&self.config.id, |member| &member.id);
            let id = Arc::clone(id);
            return Err(MembershipRefusal::OwnAddress { id });
        }
        plausible::check(theirs, &self.state, &self.config)?;
        sender.map_or(Err(MembershipRefusal::Stranger), |_| Ok(()))
    }

    /// Takes the state of a node that has taken this one in. What this node knows of a member counts more.
    pub(super) fn accepted(&mut self, now: Instant, theirs: &ClusterState) {
        if !self.asked {
            return;
        }
        let first = theirs.members.first().map(|member| &member.address);
        let from = theirs.leader().or(first).unwrap_or(&self.config.address);
        let from = from.clone();
        if let Err(reason) = self.admit_acceptance(theirs) {
            return self.refuse(&from, reason);
        }
        let before = Arc::clone(&self.state);
        let mut members = merge::by_address(theirs);
        members.extend(merge::by_address(&before));
        let mut state = ClusterState::clone(&before);
        state.members = members.into_values().cloned().collect();
        state.version.merge(&theirs.version);
        change::count(&mut state, &self.config.address);
        if theirs.allocation_epoch > state.allocation_epoch {
            state.shard_allocations = theirs.shard_allocations.clone();
            state.allocation_epoch = theirs.allocation_epoch;
        }
        state.registry = merge::both_services(&before.registry, &theirs.registry);
        let is_first = !self.joined;
        self.replace(now, &from, &before, state);
        if is_first {
            // Nodes refuse connections to an address for 5 s after one has failed, unless its node asks to
            // join: one that has just started again at its address asks them all.
            let others: Vec<_> = self.others(&self.state).collect();
            let seeds: BTreeSet<_> = self.config.seeds.iter().collect();
            let unasked = others.into_iter().filter(|node| !seeds.contains(node));
            let unasked = unasked.collect();
            self.ask_to_join(unasked, false);
        }
    }

    fn admit_acceptance(&self, theirs: &ClusterState) -> Result<(), MembershipRefusal> {
        plausible::check(theirs, &self.state, &self.config)?;
        let me = &self.config.address;
        if theirs.members.iter().any(|member| member.address == *me) {
            return Ok(());
        }
        Err(MembershipRefusal::NotListed)
    }

    /// Takes a state that is the outcome of merging, corrected where this node knows better.
    fn replace(
        &mut self,
        now: Instant,
        from: &NodeAddress,
        before: &ClusterState,
        mut merged: ClusterState,
    ) {
        change::drop_unlisted(&mut merged);
        self.growth.note(now, &merged);
        let mut dead: BTreeSet<_> = self.verdicts.keys().cloned().collect();
        dead.retain(|node| self.stays_down(now, node, from, before, &merged));
        change::mark_down(&mut merged, &dead);
        let mut corrected = !dead.is_empty();
        if self.config.healing != Healing::Off && self.stage == Stage::Member {
            corrected |= self.insist_on_itself(now, from, &mut merged);
        }
        if corrected {
            merged.seen = [self.config.address.clone()].into_iter().collect();
            // The correction has to reach the others before they gossip among themselves once more.
            let interval = self.config.gossip_interval;
            self.rounds.hurry(after(now, interval / 20), interval / 5);
        }
        self.withdrawn.leave_out(&mut merged);
        self.take(merged);
        if !self.joined && self.state.members.len() > 1 {
            self.joined = true;
            let members = self.state.members.len();
            self.report(MembershipEvent::Joined { members });
        }
    }

    /// Returns whether a member that this node calls dead, and a state calls alive, is dead all the same.
    fn stays_down(
        &mut self,
        now: Instant,
        node: &NodeAddress,
        from: &NodeAddress,
        before: &ClusterState,
        merged: &ClusterState,
    ) -> bool {
        step();
        let status = change::status(merged, node).filter(|status| status.is_alive());
        let (Some(status), Some(verdict)) = (status, self.verdicts.get(node).copied()) else {
            return false;
        };
        if *node != self.config.address {
            let was_down = change::status(before, node).is_none_or(|status| !status.is_alive());
            // One that died while it joined is called joining by all who do not know of its death yet.
            let is_news = verdict.status != MemberStatus::Joining || verdict.is_order();
            if status == MemberStatus::Joining && was_down && is_news {
                // It has asked another node.
                self.verdicts.remove(node);
                let first_answer = after(now, self.config.first_answer);
                self.detector.expect(first_answer, node);
                self.report(MembershipEvent::Joining { node: node.clone() });
                return false;
            }
            let is_strict = matches!(self.config.healing, Healing::SilenceAndStillness(_));
            let version = merged.version.version_of(node);
            if is_strict && verdict.version.is_some_and(|then| version > then) {
                self.verdicts.remove(node);
                self.report(MembershipEvent::Back { node: node.clone() });
                return false;
            }
        }
        if let Some(verdict) = self.verdicts.get_mut(node) {
            verdict.told = true;
        }
        if !verdict.told {
            let (node, from) = (node.clone(), from.clone());
            self.report(MembershipEvent::KeptDown { node, from });
        }
        true
    }

    /// Corrects what a state says of this node. Returns whether it had to.
    fn insist_on_itself(
        &mut self,
        now: Instant,
        from: &NodeAddress,
        merged: &mut ClusterState,
    ) -> bool {
        let listed = change::listed(merged, &self.config.address);
        let status = listed.map(|member| member.status);
        let alive = status.filter(|status| status.is_alive());
        let own = super::member(&self.config, alive.unwrap_or(MemberStatus::Up));
        if listed.is_some_and(|listed| merge::is_same(listed, &own)) {
            return false;
        }
        change::put(merged, own);
        let interval = self.config.join_interval;
        if alive.is_none() && self.rounds.is_rejoin_due(now, interval) {
            self.report(MembershipEvent::CalledDead { from: from.clone() });
            let members: Vec<_> = self.others(merged).collect();
            self.ask_to_join(members, true);
        }
        true
    }
}
