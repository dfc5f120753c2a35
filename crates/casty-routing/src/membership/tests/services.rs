//! Instances of services that end.

use std::time::Duration;

use casty_proto::FrozenSet;
use casty_proto::message::ServiceEntry;

use super::alone::{drain, engine};
use super::formed;
use super::world::{World, node};
use crate::membership::{
    Healing, MembershipEvent, MembershipInput, MembershipOutput, MembershipRefusal,
};

fn entry(path: &str) -> ServiceEntry {
    ServiceEntry {
        key: "greeter".into(),
        node: node("b"),
        path: path.into(),
    }
}

fn set(path: &str) -> FrozenSet<ServiceEntry> {
    [entry(path)].into_iter().collect()
}

/// Returns which instances a node lists.
fn listed(world: &World, name: &str) -> Vec<String> {
    let registry = &world.node(name).state().registry;
    let mut paths: Vec<_> = registry.iter().map(|it| it.path.to_string()).collect();
    paths.sort();
    paths
}

#[test]
fn what_is_withdrawn_is_listed_by_those_alone_that_were_not_told_until_it_is_added_again() {
    let mut world = formed(4, &["a", "b", "c"], &[("b", Healing::Silence)]);
    for path in ["/one", "/two"] {
        world.tell("b", MembershipInput::Services(set(path)));
    }
    world.run(Duration::from_secs(5));
    assert_eq!(listed(&world, "a"), ["/one", "/two"]);
    world.tell("a", MembershipInput::Withdraw(set("/one")));
    world.tell("b", MembershipInput::Withdraw(set("/one")));
    for _ in 0..10 {
        world.run(Duration::from_millis(700));
        assert_eq!(listed(&world, "a"), ["/two"]);
        assert_eq!(listed(&world, "b"), ["/two"]);
        // No message takes it out where it was not withdrawn.
        assert_eq!(listed(&world, "c"), ["/one", "/two"]);
    }
    // The state is one that all have seen all the same, so that those that join are taken in.
    assert!(world.node("a").state().is_converged());
    world.tell("b", MembershipInput::Services(set("/one")));
    assert_eq!(listed(&world, "b"), ["/one", "/two"]);
    world.run(Duration::from_secs(5));
    assert_eq!(listed(&world, "a"), ["/two"]);
    world.tell("a", MembershipInput::Services(set("/one")));
    assert_eq!(listed(&world, "a"), ["/one", "/two"]);
}

#[test]
fn what_is_withdrawn_is_kept_in_mind_within_a_limit() {
    let (now, mut engine) = engine();
    let all = (0..65_536).map(|number| entry(&number.to_string()));
    engine.handle(now, MembershipInput::Withdraw(all.collect()));
    drain(&mut engine);
    engine.handle(now, MembershipInput::Withdraw(set("/one more")));
    let refused = drain(&mut engine)
        .into_iter()
        .find_map(|output| match output {
            MembershipOutput::Event(MembershipEvent::Refused { reason, .. }) => Some(reason),
            _ => None,
        });
    let (what, count) = ("instances of services that have ended", 65_537);
    assert_eq!(refused, Some(MembershipRefusal::TooMany { what, count }));
}
