//! Members in a cluster of engines, whose network and clock are simulated.

use std::time::Duration;

use casty_proto::Tuple;
use casty_proto::message::MemberStatus;

use super::*;

mod alone;
mod cost;
mod insisting;
mod refusals;
mod services;
mod world;

use world::{World, node};

/// A cluster of `nodes` that is formed, and of which those in `healing` heal.
fn formed(seed: u64, nodes: &[&str], healing: &[(&str, Healing)]) -> World {
    let mut world = World::new(seed);
    for name in nodes {
        let how = healing.iter().find(|(healer, _)| healer == name);
        world.start(name, &nodes[..1], how.map_or(Healing::Off, |(_, how)| *how));
    }
    world.run(Duration::from_secs(8));
    for name in nodes {
        let all_up = nodes
            .iter()
            .all(|other| world.status(name, other) == Some(MemberStatus::Up));
        assert!(
            all_up,
            "seed {seed}: {name} says {:?}",
            world.node(name).state()
        );
    }
    world
}

/// Returns whether any of the living calls a dead member alive.
fn is_revived(world: &World, dead: &str) -> bool {
    let living = world.living();
    living
        .iter()
        .any(|name| world.status(name, dead).is_some_and(MemberStatus::is_alive))
}

#[test]
fn members_join_by_a_seed_and_the_lowest_leads() {
    let world = formed(1, &["b", "a", "c"], &[]);
    for name in ["a", "b", "c"] {
        assert!(world.node(name).has_joined());
        assert_eq!(world.node(name).state().leader(), Some(&node("a")));
    }
    assert!(world.saw("a", |event| matches!(event, MembershipEvent::Joined { .. })));
    assert!(world.saw("b", |event| matches!(
        event,
        MembershipEvent::Joining { .. }
    )));
}

#[test]
fn a_member_that_dies_is_declared_dead_by_the_others() {
    let mut world = formed(2, &["a", "b"], &[]);
    world.kill("b");
    world.run(Duration::from_secs(4));
    assert_eq!(world.status("a", "b"), Some(MemberStatus::Down));
    assert!(world.node("a").state().unreachable.contains(&node("b")));
    assert!(world.saw("a", |event| matches!(event, MembershipEvent::Silent { .. })));
}

#[test]
fn without_healing_the_dead_are_revived_and_one_healer_keeps_them_down() {
    let mut revived = 0;
    for seed in 0..40 {
        let mut sick = formed(seed, &["a", "b", "c"], &[]);
        sick.kill("c");
        sick.run(Duration::from_secs(10));
        revived += u32::from(is_revived(&sick, "c"));
        for how in [
            Healing::Silence,
            Healing::SilenceAndStillness(Duration::from_secs(2)),
        ] {
            let mut healed = formed(seed, &["a", "b", "c", "rust"], &[("rust", how)]);
            healed.kill("c");
            healed.run(Duration::from_secs(10));
            assert!(!is_revived(&healed, "c"), "seed {seed}, {how:?}");
            let told = healed.count("rust", |event| {
                matches!(event, MembershipEvent::KeptDown { .. })
            });
            assert!(told <= 1, "seed {seed}: told {told} times");
        }
    }
    println!("without healing, {revived} of 40 came back");
    assert!(
        revived > 4,
        "the defect that is healed does not occur: {revived} of 40"
    );
}

#[test]
fn a_leader_that_dies_stays_dead_beside_a_healer() {
    for seed in 0..20 {
        let healing = [("rust", Healing::Silence)];
        let mut world = formed(seed, &["a", "b", "c", "rust"], &healing);
        world.kill("a");
        world.run(Duration::from_secs(10));
        assert!(!is_revived(&world, "a"), "seed {seed}");
        assert_eq!(world.node("c").state().leader(), Some(&node("b")));
    }
}

#[test]
fn those_that_were_dead_before_a_healer_came_are_found_by_it() {
    let seeds = (0..40).filter(|seed| {
        let mut world = formed(*seed, &["a", "b", "c"], &[]);
        world.kill("c");
        world.run(Duration::from_secs(10));
        if !is_revived(&world, "c") {
            return false;
        }
        world.start("rust", &["a"], Healing::Silence);
        world.run(Duration::from_secs(15));
        assert!(!is_revived(&world, "c"), "seed {seed}");
        true
    });
    assert!(seeds.count() > 4);
}

#[test]
fn a_member_that_only_the_healer_does_not_hear_stays_up_if_stillness_is_asked_for() {
    let long = Duration::from_secs(2);
    let cases = [
        (Healing::Silence, Some(MemberStatus::Down)),
        (Healing::SilenceAndStillness(long), Some(MemberStatus::Up)),
    ];
    for (how, expected) in cases {
        let mut world = formed(3, &["a", "b", "rust"], &[("rust", how)]);
        world.cut("b", "rust");
        world.run(Duration::from_secs(20));
        assert_eq!(world.status("rust", "b"), expected, "{how:?}");
        let unheard = |event: &MembershipEvent| matches!(event, MembershipEvent::Unheard { .. });
        let told = usize::from(expected == Some(MemberStatus::Up));
        assert_eq!(world.count("rust", unheard), told);
    }
}

#[test]
fn a_member_that_was_paused_judges_nobody_and_is_up_again() {
    let healing = [("rust", Healing::Silence)];
    let mut world = formed(4, &["a", "b", "rust"], &healing);
    world.pause("rust");
    world.run(Duration::from_secs(6));
    let is_silent = |event: &MembershipEvent| matches!(event, MembershipEvent::Silent { .. });
    assert!(world.saw("a", is_silent) || world.saw("b", is_silent));
    world.resume("rust");
    world.run(Duration::from_secs(8));
    assert!(world.saw("rust", |event| matches!(event, MembershipEvent::Paused(_))));
    assert!(!world.saw("rust", |event| matches!(
        event,
        MembershipEvent::Silent { .. }
    )));
    for name in ["a", "b", "rust"] {
        assert_eq!(world.status(name, "rust"), Some(MemberStatus::Up), "{name}");
        assert_eq!(world.status(name, "a"), Some(MemberStatus::Up), "{name}");
    }
}

#[test]
fn a_member_that_was_paused_is_taken_back_by_the_healer_that_declared_it_dead() {
    let healing = [("rust", Healing::Silence)];
    let mut world = formed(5, &["a", "b", "rust"], &healing);
    world.pause("b");
    world.run(Duration::from_secs(8));
    assert_eq!(world.status("rust", "b"), Some(MemberStatus::Down));
    world.resume("b");
    world.run(Duration::from_secs(8));
    assert!(world.saw("rust", |event| matches!(
        event,
        MembershipEvent::Back { .. }
    )));
    assert_eq!(world.status("a", "b"), Some(MemberStatus::Up));
}

#[test]
fn one_that_leaves_says_so_and_is_down_at_once() {
    let healing = [("rust", Healing::Silence)];
    let mut world = formed(6, &["a", "b", "rust"], &healing);
    world.tell("rust", MembershipInput::Leave);
    world.run(Duration::from_millis(500));
    assert!(matches!(world.next("rust"), MembershipOutput::Wait(None)));
    for name in ["a", "b"] {
        assert_eq!(
            world.status(name, "rust"),
            Some(MemberStatus::Down),
            "{name}"
        );
    }
    world.run(Duration::from_secs(10));
    assert!(!is_revived(&world, "rust"));
}

#[test]
fn one_that_is_started_again_at_its_address_is_up_again() {
    let healing = [("rust", Healing::Silence)];
    let mut world = formed(7, &["a", "b", "c", "rust"], &healing);
    world.kill("c");
    world.run(Duration::from_secs(5));
    world.start("c", &["a"], Healing::Off);
    world.run(Duration::from_secs(8));
    for name in ["a", "b", "c", "rust"] {
        assert_eq!(world.status(name, "c"), Some(MemberStatus::Up), "{name}");
    }
    // It asked those as well who were none of its seeds, for they refuse connections until it does.
    assert!(world.ended_quarantine("b", "c"));
}

#[test]
fn an_order_to_be_dead_is_obeyed_and_outlasts_what_is_gossiped_and_heard() {
    let healing = [("rust", Healing::Silence)];
    let mut world = formed(8, &["a", "b", "rust"], &healing);
    world.cut("b", "a");
    world.cut("a", "b");
    world.tell("rust", MembershipInput::Down(node("b")));
    world.run(Duration::from_secs(10));
    assert_eq!(world.status("rust", "b"), Some(MemberStatus::Down));
    assert_eq!(world.status("a", "b"), Some(MemberStatus::Down));
    world.tell("rust", MembershipInput::Down(node("rust")));
    assert!(matches!(world.next("rust"), MembershipOutput::Wait(None)));
}

#[test]
fn allocations_and_services_reach_all_members() {
    let mut world = formed(9, &["a", "b", "c"], &[("b", Healing::Silence)]);
    let allocation = ShardAllocation {
        primary: node("b"),
        replicas: Tuple::default(),
    };
    world.tell(
        "a",
        MembershipInput::Allocations {
            region: "account".into(),
            allocations: [(7, allocation)].into(),
            epoch: 1,
        },
    );
    let entry = ServiceEntry {
        key: "greeter".into(),
        node: node("c"),
        path: "/greeter".into(),
    };
    world.tell(
        "c",
        MembershipInput::Services([entry.clone()].into_iter().collect()),
    );
    world.run(Duration::from_secs(5));
    for name in ["a", "b", "c"] {
        let state = world.node(name).state();
        assert_eq!(
            state.shard_allocations["account"][&7].primary,
            node("b"),
            "{name}"
        );
        assert!(state.registry.contains(&entry), "{name}");
    }
    world.kill("c");
    world.run(Duration::from_secs(5));
    assert!(world.node("a").state().registry.is_empty());
}

#[test]
fn of_two_allocations_of_one_epoch_those_of_the_leader_count() {
    for (healing, ends) in [(Healing::Silence, true), (Healing::Off, false)] {
        let names = ["a", "b", "c"];
        let how: Vec<_> = names.iter().map(|name| (*name, healing)).collect();
        let mut world = formed(5, &names, &how);
        for (leader, epoch) in [("a", 1), ("b", 1)] {
            let primary = node(leader);
            let replicas = Tuple::default();
            let shards = [(0, ShardAllocation { primary, replicas })];
            let region = Arc::from("counter");
            let allocations = shards.into();
            world.tell(
                leader,
                MembershipInput::Allocations {
                    region,
                    allocations,
                    epoch,
                },
            );
        }
        world.run(Duration::from_secs(5));
        let owners = names.map(|name| {
            let allocations = &world.node(name).state().shard_allocations;
            allocations["counter"][&0].primary.clone()
        });
        assert_eq!(
            owners == ["a", "a", "a"].map(node),
            ends,
            "{healing:?} {owners:?}"
        );
    }
}
