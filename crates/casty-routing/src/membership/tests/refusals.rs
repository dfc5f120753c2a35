//! Messages of peers that cannot be true.

use std::sync::Arc;

use casty_proto::message::{
    ClusterState, Member, MemberStatus, ServiceEntry, ShardAllocation, VectorClock,
};
use casty_proto::{FrozenSet, NodeAddress, Tuple};

use super::alone::{drain, engine, gossip, member, state};
use super::world::node;
use crate::membership::{MembershipEvent, MembershipInput, MembershipOutput, MembershipRefusal};

/// Returns the reason why gossip of `other` is refused, and sees that nothing of it was taken in.
fn refused(state: ClusterState) -> MembershipRefusal {
    let (now, mut engine) = engine();
    let before = Arc::clone(engine.state());
    engine.handle(now, gossip("other", state));
    assert_eq!(*engine.state(), before);
    refusal(&drain(&mut engine))
}

fn refusal(outputs: &[MembershipOutput<&str>]) -> MembershipRefusal {
    let refused = outputs.iter().find_map(|output| match output {
        MembershipOutput::Event(MembershipEvent::Refused { reason, .. }) => Some(reason.clone()),
        _ => None,
    });
    refused.unwrap_or_else(|| panic!("taken in: {outputs:?}"))
}

#[test]
fn gossip_that_cannot_be_true_changes_nothing() {
    let with = |change: &dyn Fn(&mut ClusterState)| {
        let mut state = state(&["other"]);
        change(&mut state);
        refused(state)
    };
    let many = |count: usize| (0..count).map(|number| node(&format!("n{number}")));
    let limit = 10;
    let too_many = with(&|state| {
        let more = (0..10_000).map(|number| member(&format!("n{number}")));
        state.members.extend(more);
    });
    assert_eq!(too_many, MembershipRefusal::TooManyMembers { limit });
    // Those that are known already count as well.
    let one_more = with(&|state| {
        state
            .members
            .extend((0..9).map(|n| member(&format!("n{n}"))));
    });
    assert_eq!(one_more, MembershipRefusal::TooManyMembers { limit });
    let clocks = with(&|state| {
        let versions = many(11).map(|node| (node, 1)).collect();
        state.version = VectorClock { versions };
    });
    let nodes = 11;
    assert_eq!(clocks, MembershipRefusal::TooManyClocks { nodes, limit });
    let seen = with(&|state| state.seen = many(11).collect());
    assert_eq!(seen, MembershipRefusal::TooManyClocks { nodes, limit });
    let count = u64::MAX;
    let clock = with(&|state| state.version.versions = [(node("other"), count)].into());
    let what = "changes of a node";
    assert_eq!(clock, MembershipRefusal::Implausible { what, count });
    let epoch = with(&|state| state.allocation_epoch = count);
    let what = "changes of allocations";
    assert_eq!(epoch, MembershipRefusal::Implausible { what, count });
    let twice = with(&|state| state.members.push(member("other")));
    assert_eq!(
        twice,
        MembershipRefusal::ListedTwice {
            node: node("other")
        }
    );
    assert_eq!(refused(state(&["b"])), MembershipRefusal::Stranger);
}

#[test]
fn gossip_that_would_be_kept_and_passed_on_without_bounds_changes_nothing() {
    let too_many = |change: &dyn Fn(&mut ClusterState)| {
        let mut state = state(&["other"]);
        change(&mut state);
        match refused(state) {
            MembershipRefusal::TooMany { count, .. } => count,
            other => panic!("{other:?}"),
        }
    };
    let services = too_many(&|state| state.registry = (0..65_537).map(entry).collect());
    assert_eq!(services, 65_537);
    let path = too_many(&|state| {
        let path = "p".repeat(4_097).into();
        state.registry = [ServiceEntry { path, ..entry(1) }].into_iter().collect();
    });
    assert_eq!(path, 4_097);
    let roles = too_many(&|state| {
        state.members[0].roles = (0..65).map(|number| number.to_string().into()).collect();
    });
    assert_eq!(roles, 65);
    let name = "n".repeat(1_025);
    let id = too_many(&|state| state.members[0].id = name.as_str().into());
    let host = too_many(&|state| state.members.push(member(&name)));
    let regions = |count: usize| (0..count).map(|number| (number.to_string().into(), [].into()));
    let region =
        too_many(&|state| state.shard_allocations = [(name.as_str().into(), [].into())].into());
    assert_eq!([id, host, region], [1_025; 3]);
    let regions = too_many(&|state| state.shard_allocations = regions(4_097).collect());
    assert_eq!(regions, 4_097);
}

fn entry(number: usize) -> ServiceEntry {
    ServiceEntry {
        key: "greeter".into(),
        node: node("other"),
        path: format!("/{number}").into(),
    }
}

#[test]
fn what_is_added_bit_by_bit_is_bounded_as_well() {
    let (now, mut engine) = engine();
    let half = |from: usize| (from..from + 40_000).map(entry).collect();
    engine.handle(now, MembershipInput::Services(half(0)));
    engine.handle(now, MembershipInput::Services(half(0)));
    drain(&mut engine);
    let before = Arc::clone(engine.state());
    assert_eq!(before.registry.len(), 40_000);
    let mut more = state(&["other"]);
    more.registry = half(40_000);
    engine.handle(now, MembershipInput::Services(half(40_000)));
    let count = 80_000;
    let what = "instances of services";
    let too_many = MembershipRefusal::TooMany { what, count };
    assert_eq!(refusal(&drain(&mut engine)), too_many);
    engine.handle(now, gossip("other", more));
    assert_eq!(refusal(&drain(&mut engine)), too_many);
    for number in 0..4_096 {
        let region = MembershipInput::Allocations {
            region: number.to_string().into(),
            allocations: [].into(),
            epoch: number + 1,
        };
        engine.handle(now, region);
    }
    drain(&mut engine);
    let one_more = MembershipInput::Allocations {
        region: "one more".into(),
        allocations: [].into(),
        epoch: 4_097,
    };
    engine.handle(now, one_more);
    let (what, count) = ("regions", 4_097);
    let too_many = MembershipRefusal::TooMany { what, count };
    assert_eq!(refusal(&drain(&mut engine)), too_many);
    assert_eq!(engine.state().allocation_epoch, 4_096);
}

#[test]
fn counts_and_sights_of_nodes_that_nobody_lists_are_not_kept() {
    let (now, mut engine) = engine();
    for round in 0..100 {
        let strangers = || (0..9).map(move |number| node(&format!("s{round}-{number}")));
        let mut odd = state(&["other"]);
        odd.version.versions = strangers().map(|node| (node, 1)).collect();
        odd.version.increment(&node("other"));
        odd.seen = strangers().collect();
        odd.unreachable = strangers().collect();
        engine.handle(now, gossip("other", odd));
        drain(&mut engine);
    }
    let state = engine.state();
    assert_eq!(state.members.len(), 2);
    assert_eq!(state.version.versions.len(), 2);
    assert_eq!(state.seen.len(), 2);
    assert_eq!(state.unreachable.len(), 0);
}

#[test]
fn a_count_may_be_ahead_but_not_as_far_as_to_stay_the_greatest() {
    let (now, mut engine) = engine();
    let step = 1 << 40;
    for count in [step, 2 * step] {
        let mut ahead = state(&["other"]);
        ahead.version.versions = [(node("other"), count)].into();
        ahead.allocation_epoch = count;
        engine.handle(now, gossip("other", ahead.clone()));
        assert_eq!(
            engine.state().version,
            VectorClock {
                versions: [(node("other"), count), (node("me"), count / step)].into(),
            }
        );
        assert_eq!(engine.state().allocation_epoch, count);
    }
}

#[test]
fn gossip_that_merely_is_odd_is_taken_in_and_nobody_undialable_is_dialled() {
    let (now, mut engine) = engine();
    let mut odd = state(&["other"]);
    let nowhere = NodeAddress::new("no host at all: ", 0);
    odd.members.push(Member {
        address: nowhere.clone(),
        ..member("x")
    });
    let allocation = ShardAllocation {
        primary: nowhere.clone(),
        replicas: Tuple::default(),
    };
    // Of a region that nobody hosts.
    odd.shard_allocations = [("ghost".into(), [(3, allocation)].into())].into();
    odd.allocation_epoch = 5;
    engine.handle(now, gossip("other", odd));
    let mut sent = drain(&mut engine);
    for seconds in 1..20 {
        engine.handle(
            now + std::time::Duration::from_millis(500 * seconds),
            MembershipInput::Tick,
        );
        sent.extend(drain(&mut engine));
    }
    let dialled = sent.iter().filter_map(|output| match output {
        MembershipOutput::Gossip { to, .. } | MembershipOutput::Heartbeat { to } => Some(to),
        _ => None,
    });
    let dialled: Vec<_> = dialled.collect();
    assert!(!dialled.is_empty());
    assert!(!dialled.contains(&&nowhere), "{dialled:?}");
    assert_eq!(engine.state().allocation_epoch, 5);
}

#[test]
fn a_request_to_join_that_cannot_be_true_changes_nothing() {
    let refused = |address: NodeAddress, id: &str| {
        let (now, mut engine) = engine();
        let before = Arc::clone(engine.state());
        let join = MembershipInput::Join {
            node: address,
            id: id.into(),
            roles: FrozenSet::default(),
            asker: Some("asker"),
        };
        engine.handle(now, join);
        assert_eq!(*engine.state(), before);
        let outputs = drain(&mut engine);
        let answers =
            |output: &MembershipOutput<_>| matches!(output, MembershipOutput::Accept { .. });
        assert!(!outputs.iter().any(answers));
        refusal(&outputs)
    };
    // Those of clients, of Python's and of Rust's, cannot be dialled, nor can hosts that are none.
    for (host, port) in [
        ("client-7", 0),
        ("239.1.2.3", 25_520),
        ("0.0.0.0", 25_520),
        ("no host at all", 25_520),
        ("host\u{7}", 25_520),
        ("", 25_520),
    ] {
        let client = NodeAddress::new(host, port);
        let reason = MembershipRefusal::Undialable {
            node: client.clone(),
        };
        assert_eq!(refused(client, "c"), reason);
    }
    let reason = MembershipRefusal::OwnAddress { id: "you".into() };
    assert_eq!(refused(node("me"), "you"), reason);
}

#[test]
fn one_node_more_than_there_may_be_is_not_taken_in() {
    let (now, mut engine) = engine();
    for number in 0..10 {
        let name = format!("n{number}");
        let join = MembershipInput::Join {
            node: node(&name),
            id: name.into(),
            roles: FrozenSet::default(),
            asker: Some("asker"),
        };
        engine.handle(now, join);
    }
    assert_eq!(engine.state().members.len(), 10);
    let limit = 10;
    let reason = MembershipRefusal::TooManyMembers { limit };
    assert_eq!(refusal(&drain(&mut engine)), reason);
}

#[test]
fn an_acceptance_that_nobody_asked_for_and_implausible_allocations_change_nothing() {
    let (now, mut engine) = engine();
    let before = Arc::clone(engine.state());
    engine.handle(
        now,
        MembershipInput::Accepted(state(&["other", "b"]).into()),
    );
    let allocations = MembershipInput::Allocations {
        region: "account".into(),
        allocations: [].into(),
        epoch: u64::MAX,
    };
    engine.handle(now, allocations);
    engine.handle(now, MembershipInput::Answered { node: node("b") });
    engine.handle(now, MembershipInput::Answered { node: node("me") });
    engine.handle(now, gossip("me", state(&["me", "b"])));
    engine.handle(now, MembershipInput::Promote(node("b")));
    engine.handle(now, MembershipInput::Down(node("b")));
    assert_eq!(*engine.state(), before);
}

#[test]
fn an_acceptance_that_does_not_list_this_node_is_none() {
    let (now, mut engine) = engine();
    // It is called dead, and asks to join anew.
    let mut dead = state(&["other", "me"]);
    dead.members[1].status = MemberStatus::Down;
    dead.version.increment(&node("other"));
    engine.handle(now, gossip("other", dead));
    drain(&mut engine);
    engine.handle(
        now,
        MembershipInput::Accepted(state(&["other", "b"]).into()),
    );
    assert_eq!(refusal(&drain(&mut engine)), MembershipRefusal::NotListed);
    let accepted = state(&["other", "b", "me"]);
    engine.handle(now, MembershipInput::Accepted(accepted.into()));
    assert_eq!(engine.state().members.len(), 3);
}
