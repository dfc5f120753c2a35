//! The part of a member that acts by the clock: it asks to join, asks who lives, gossips, and looks at who is
//! silent.

use std::collections::BTreeSet;
use std::time::Instant;

use casty_proto::NodeAddress;

use super::event::{Healing, MembershipEvent, MembershipOutput};
use super::rounds::{after, is_due};
use super::verdict::Verdict;
use super::{Membership, Stage, change, plausible};
use crate::steps::step;

impl<Q> Membership<Q> {
    /// Takes itself to have been paused if something is long overdue.
    pub(super) fn notice_pause(&mut self, now: Instant) {
        if self.stage != Stage::Member {
            return;
        }
        let late = now.saturating_duration_since(self.rounds.next(false));
        if late > self.config.pause {
            self.detector.begin_anew(now);
            self.growth.begin_anew(now);
            self.rounds.begin_anew(now);
            self.report(MembershipEvent::Paused(late));
        }
    }

    /// Returns when something is due.
    pub(super) fn next_round(&self) -> Instant {
        match self.stage {
            Stage::Leaving { by } => by.min(self.rounds.gossip()),
            Stage::Member | Stage::Left => self.rounds.next(self.wants_to_join()),
        }
    }

    fn wants_to_join(&self) -> bool {
        !self.joined && self.seeds().next().is_some()
    }

    /// Does all that is due.
    pub(super) fn run_due(&mut self, now: Instant) {
        if let Stage::Leaving { by } = self.stage {
            return self.go_on_leaving(now, by);
        }
        let config = &self.config;
        let (join, heartbeat) = (config.join_interval, config.heartbeat_interval);
        let (check, gossip) = (config.check_interval, config.gossip_interval);
        if self.wants_to_join() && is_due(now, &mut self.rounds.join, join) {
            let seeds = self.seeds().cloned().collect();
            self.ask_to_join(seeds, true);
        }
        if is_due(now, &mut self.rounds.heartbeat, heartbeat) {
            self.ask_who_lives();
        }
        if is_due(now, &mut self.rounds.check, check) {
            self.judge(now);
        }
        if self.rounds.is_gossip_due(now, gossip) {
            self.tell_some();
        }
    }

    /// Tells all who have not seen it yet that this node is dead, several times a second.
    fn go_on_leaving(&mut self, now: Instant, by: Instant) {
        let interval = self.config.gossip_interval / 10;
        if now >= by || self.state.is_converged() {
            self.stage = Stage::Left;
        } else if self.rounds.is_gossip_due(now, interval) {
            self.tell_some();
        }
    }

    fn seeds(&self) -> impl Iterator<Item = &NodeAddress> {
        let seeds = self.config.seeds.iter();
        seeds.filter(|seed| **seed != self.config.address)
    }

    /// Sends heartbeats, to those as well whom only this node may take for dead, and to those of whom others
    /// say so.
    fn ask_who_lives(&mut self) {
        let heals = self.config.healing != Healing::Off;
        let members = self.state.members.iter();
        let members = members.filter(|member| member.address != self.config.address);
        let asked = members.filter(|member| {
            let node = &member.address;
            let verdict = self.verdicts.get(node);
            let is_silent = verdict.is_some_and(|verdict| !verdict.is_order());
            let is_judged = heals && self.detector.knows(node);
            change::is_asked(member.status) || is_judged || is_silent
        });
        let asked: BTreeSet<_> = asked.map(|member| member.address.clone()).collect();
        self.detector.retain(|node| asked.contains(node));
        let dialable = asked.into_iter().filter(plausible::is_dialable);
        let ask = |to| MembershipOutput::Heartbeat { to };
        self.outputs.extend(dialable.map(ask));
    }

    /// Declares dead who is silent. One whom others call dead is judged as well, for they may change their minds
    /// without a reason.
    fn judge(&mut self, now: Instant) {
        if self.config.healing != Healing::Off {
            let alive: Vec<_> = self.others(&self.state).collect();
            let first_answer = after(now, self.config.first_answer);
            for node in &alive {
                // It may have been dead for long: nodes that were never heard are suspected by nobody else.
                if !self.detector.knows(node) {
                    self.detector.expect(first_answer, node);
                }
            }
        }
        let mut dead = BTreeSet::new();
        for (node, phi) in self.detector.suspects(now) {
            if self.judge_silent(now, &node, phi) {
                dead.insert(node);
            }
        }
        if !dead.is_empty() {
            self.edit(|state| change::mark_down(state, &dead));
        }
    }

    /// Comes to a verdict on a member that is silent. Returns whether the state does not yet say so.
    fn judge_silent(&mut self, now: Instant, node: &NodeAddress, phi: f64) -> bool {
        step();
        let node = node.clone();
        if let Healing::SilenceAndStillness(long) = self.config.healing
            && !self.growth.is_still(now, &node, long)
        {
            if self.unheard.insert(node.clone()) {
                self.report(MembershipEvent::Unheard { node });
            }
            return false;
        }
        self.unheard.remove(&node);
        self.detector.forget(&node);
        let verdict = self.verdicts.get(&node);
        let Some(status) = change::status(&self.state, &node) else {
            return false;
        };
        // An order stands, and is not made one that a sign of life ends.
        if verdict.is_some_and(Verdict::is_order) {
            return false;
        }
        if self.config.healing != Healing::Off {
            let version = self.state.version.version_of(&node);
            let verdict = Verdict::of_silence(status, version);
            self.verdicts.insert(node.clone(), verdict);
        }
        if status.is_alive() {
            self.report(MembershipEvent::Silent { node, phi });
        }
        status.is_alive()
    }

    /// Gossips to a few members, to those first who have not seen the state.
    fn tell_some(&mut self) {
        let peers = self.others(&self.state).filter(plausible::is_dialable);
        let peers: Vec<_> = peers.collect();
        let seen: BTreeSet<_> = self.state.seen.iter().collect();
        let unseen: Vec<_> = peers
            .iter()
            .filter(|peer| !seen.contains(peer))
            .cloned()
            .collect();
        let mut chosen = if unseen.is_empty() { peers } else { unseen };
        let fanout = self.config.gossip_fanout.min(chosen.len());
        for place in 0..fanout {
            let others = chosen.len() - place;
            chosen.swap(place, place + self.rng.below(others));
        }
        for to in chosen.into_iter().take(fanout) {
            let (state, is_reply) = (self.state.clone(), false);
            self.outputs.push_back(MembershipOutput::Gossip {
                to,
                state,
                is_reply,
            });
        }
    }
}
