//! The cost of events, in members looked at: in proportion to those that there are, however many change at
//! once.

use std::time::{Duration, Instant};

use casty_proto::message::{ClusterState, MemberStatus};

use super::alone::{drain, gossip, member};
use super::world::node;
use crate::membership::{Membership, MembershipConfig, MembershipInput};
use crate::steps;

/// Returns an engine whose state lists so many members, all of them `up`, and what the last of them gossips.
fn many(now: Instant, members: usize) -> (Membership<&'static str>, ClusterState) {
    let mut config = MembershipConfig::new(node("a"), "a");
    config.max_members = members + 1;
    let mut engine = Membership::new(now, config, 1);
    let mut state = ClusterState {
        members: (0..members)
            .map(|number| member(&format!("n{number}")))
            .collect(),
        ..ClusterState::default()
    };
    state.version.increment(&node("n0"));
    engine.handle(now, gossip("n0", state.clone()));
    drain(&mut engine);
    (engine, state)
}

/// Returns how many members were looked at, for each that there is.
fn steps_of(members: usize, events: impl FnOnce()) -> u64 {
    let before = steps::taken();
    events();
    (steps::taken() - before) / members as u64
}

#[test]
fn members_that_all_fall_silent_at_once_and_are_called_alive_cost_no_more_each_than_a_few() {
    for members in [100, 1_000, 10_000] {
        let start = Instant::now();
        let (mut engine, mut state) = many(start, members);
        let after = |millis| start + Duration::from_millis(millis);
        let silent = steps_of(members, || {
            // They were never heard, and have 5 s and a little more.
            for round in 1..20 {
                engine.handle(after(500 * round), MembershipInput::Tick);
                drain(&mut engine);
            }
        });
        let down = |engine: &Membership<_>| {
            let members = engine.state().members.iter();
            members
                .filter(|member| member.status == MemberStatus::Down)
                .count()
        };
        assert_eq!(down(&engine), members);
        let contradicted = steps_of(members, || {
            state.version.increment(&node("n1"));
            engine.handle(after(9_600), gossip("n1", state.clone()));
            drain(&mut engine);
        });
        // The one that gossips is alive.
        assert_eq!(down(&engine), members - 1);
        assert!(silent <= 100, "{members}: {silent}");
        assert!(contradicted <= 100, "{members}: {contradicted}");
    }
}

#[test]
fn members_that_all_join_at_once_are_made_up_together() {
    for members in [100, 1_000, 10_000] {
        let now = Instant::now();
        let (mut engine, mut state) = many(now, members);
        for member in &mut *state.members {
            member.status = MemberStatus::Joining;
        }
        state.version.versions = engine.state().version.versions.clone();
        state.version.increment(&node("n0"));
        let nodes = state.members.iter().map(|member| member.address.clone());
        state.seen = nodes.collect();
        let steps = steps_of(members, || {
            // A change, and then the news that all have seen it.
            for _ in 0..2 {
                engine.handle(now, gossip("n0", state.clone()));
                state.version.versions = engine.state().version.versions.clone();
                state.version.increment(&node("n0"));
                drain(&mut engine);
            }
        });
        let is_up = |status| status == MemberStatus::Up;
        assert!(
            engine
                .state()
                .members
                .iter()
                .all(|member| is_up(member.status))
        );
        assert!(steps <= 100, "{members}: {steps}");
    }
}
