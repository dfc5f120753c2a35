//! A member that insists: on who is dead, and on itself.

use std::time::Duration;

use casty_proto::FrozenSet;
use casty_proto::message::MemberStatus;

use super::alone::{drain, engine, gossip, state};
use super::world::{World, node};
use crate::membership::{MembershipConfig, MembershipInput, MembershipOutput};

#[test]
fn roles_that_come_in_another_order_are_the_same() {
    let (now, mut engine) = engine();
    let mut tell = |roles: [&str; 2]| {
        let mut theirs = state(&["other", "elsewhere"]);
        theirs.members[0].roles = roles.map(Into::into).into_iter().collect();
        theirs.version.versions = engine.state().version.versions.clone();
        theirs.version.increment(&node("other"));
        theirs.seen = [node("elsewhere")].into_iter().collect();
        engine.handle(now, gossip("other", theirs));
        engine.state().seen.len()
    };
    assert_eq!(tell(["x", "y"]), 2);
    assert_eq!(tell(["y", "x"]), 3);
}

#[test]
fn a_member_that_is_listed_under_another_name_or_with_other_roles_corrects_that() {
    let (now, mut engine) = engine();
    let mut theirs = state(&["me", "other"]);
    theirs.members[0].id = "it was another one before".into();
    theirs.members[0].roles = ["x".into()].into_iter().collect();
    theirs.version.increment(&node("other"));
    engine.handle(now, gossip("other", theirs));
    let own = &engine.state().members[0];
    assert_eq!((&*own.id, own.roles.len()), ("me", 0));
    assert_eq!(*engine.state().seen, [node("me")]);
}

#[test]
fn a_member_that_is_called_dead_again_and_again_asks_all_to_join_once_an_interval() {
    let (start, mut engine) = engine();
    let mut asked = 0;
    for round in 0..100 {
        let mut theirs = state(&["other", "me"]);
        theirs.members[1].status = MemberStatus::Down;
        theirs.version.versions = engine.state().version.versions.clone();
        theirs.version.increment(&node("other"));
        let now = start + Duration::from_millis(10 * round);
        engine.handle(now, gossip("other", theirs));
        assert_eq!(engine.state().members[0].status, MemberStatus::Up);
        let is_join =
            |output: &&MembershipOutput<_>| matches!(output, MembershipOutput::Join { .. });
        asked += drain(&mut engine).iter().filter(is_join).count();
    }
    assert_eq!(asked, 1);
}

#[test]
fn an_order_is_not_lifted_by_an_answer_that_was_under_way() {
    let (start, mut engine) = engine();
    let theirs = state(&["other", "b"]);
    engine.handle(start, gossip("other", theirs));
    engine.handle(start, MembershipInput::Answered { node: node("b") });
    engine.handle(start, MembershipInput::Down(node("b")));
    for round in 1..40 {
        let now = start + Duration::from_millis(500 * round);
        // It answers for a while, is silent, and answers again.
        if !(5..20).contains(&round) {
            engine.handle(now, MembershipInput::Answered { node: node("b") });
        }
        engine.handle(
            now,
            MembershipInput::Answered {
                node: node("other"),
            },
        );
        drain(&mut engine);
    }
    assert_eq!(engine.state().members[0].status, MemberStatus::Down);
}

#[test]
fn one_that_died_while_it_joined_is_not_revived_by_those_who_do_not_know() {
    let (start, mut engine) = engine();
    let mut theirs = state(&["other", "b"]);
    theirs.members[1].status = MemberStatus::Joining;
    theirs.seen = [node("other")].into_iter().collect();
    theirs.version.increment(&node("other"));
    let mut revived = 0;
    for round in 0..60 {
        let now = start + Duration::from_millis(500 * round);
        engine.handle(now, gossip("other", theirs.clone()));
        theirs.version.increment(&node("other"));
        engine.handle(
            now,
            MembershipInput::Answered {
                node: node("other"),
            },
        );
        drain(&mut engine);
        let status = engine.state().members[0].status;
        revived += u32::from(round > 20 && status != MemberStatus::Down);
    }
    assert_eq!(revived, 0);
    // It asks again: this is another life.
    let join = MembershipInput::Join {
        node: node("b"),
        id: "b".into(),
        roles: FrozenSet::default(),
        asker: None,
    };
    engine.handle(start + Duration::from_secs(30), join);
    assert_eq!(engine.state().members[0].status, MemberStatus::Joining);
}

#[test]
fn one_that_leaves_while_others_call_it_joining_stays_down() {
    let (now, mut engine) = engine();
    engine.handle(now, gossip("other", state(&["other"])));
    engine.handle(now, MembershipInput::Leave);
    let mut theirs = state(&["other", "me"]);
    theirs.members[1].status = MemberStatus::Joining;
    theirs.version.increment(&node("other"));
    engine.handle(now, gossip("other", theirs));
    assert_eq!(engine.state().members[0].status, MemberStatus::Down);
    assert!(engine.state().unreachable.contains(&node("me")));
}

#[test]
fn one_that_contradicts_with_each_gossip_tells_so_at_once_but_only_some_times_a_second() {
    let (start, mut engine) = engine();
    engine.handle(start, gossip("other", state(&["other", "b"])));
    engine.handle(start, MembershipInput::Down(node("b")));
    let mut sent = 0;
    for round in 1..1_000 {
        let now = start + Duration::from_millis(10 * round);
        let mut theirs = state(&["other", "b"]);
        theirs.version.versions = engine.state().version.versions.clone();
        theirs.version.increment(&node("other"));
        engine.handle(now, gossip("other", theirs));
        engine.handle(
            now,
            MembershipInput::Answered {
                node: node("other"),
            },
        );
        let outputs = drain(&mut engine);
        let is_told =
            |output: &&MembershipOutput<_>| matches!(output, MembershipOutput::Gossip { .. });
        sent += outputs.iter().filter(is_told).count();
    }
    // In 10 s, where one that has nothing to correct gossips 10 times.
    assert!((40..=52).contains(&sent), "{sent}");
}

#[test]
fn settings_without_bounds_are_no_panic() {
    for time in [Duration::ZERO, Duration::MAX] {
        let mut world = World::new(11);
        world.start_with(MembershipConfig {
            join_interval: time,
            gossip_interval: time,
            heartbeat_interval: time,
            check_interval: time,
            pause: time,
            first_answer: time,
            leaving: time,
            gossip_fanout: usize::MAX,
            seeds: vec![node("b")],
            ..MembershipConfig::new(node("a"), "a")
        });
        world.tell("a", MembershipInput::Tick);
        let mut theirs = state(&["b", "a"]);
        theirs.members[1].status = MemberStatus::Down;
        let (from, is_reply) = (node("b"), false);
        let gossip = MembershipInput::Gossip {
            from,
            state: theirs.into(),
            is_reply,
        };
        world.tell("a", gossip);
        world.tell("a", MembershipInput::Leave);
        world.tell("a", MembershipInput::Tick);
    }
}
