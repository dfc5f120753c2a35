//! The owner of a shard: named by views, learned from coordinators, and lost.

use super::*;

#[test]
fn an_answer_that_names_a_dead_node_is_refused_and_asked_for_later() {
    let mut bench = Bench::formed(&[]);
    bench.view(view(2, &[3], &[]));
    bench.down(2, vec![]);
    bench.handle(RouterInput::ConnectFailed(node(2)));
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 3), [""; 0], "unreachable");
    assert!(bench.later(Duration::from_millis(249)).is_empty());
    assert_eq!(bench.later(Duration::from_millis(251)), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 2), [""; 0], "could not be connected");
    assert_eq!(bench.later(2 * SECOND), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 1), ["1 to 1", "publish"]);
}

#[test]
fn a_node_that_could_not_be_connected_is_avoided_until_it_is() {
    let mut bench = Bench::formed(&[(0, 2)]);
    assert_eq!(bench.down(2, vec![]), ["publish"]);
    assert_eq!(bench.send(0, 1), ["connect 2"]);
    assert!(bench.router.wants_connection(&node(2)));
    let failed = bench.handle(RouterInput::ConnectFailed(node(2)));
    assert_eq!(failed, ["query 0 of 1"], "although the view calls it up");
    assert!(!bench.router.wants_connection(&node(2)));
    assert_eq!(
        bench.up(2),
        ["1 to 2", "publish"],
        "connected, it is trusted again"
    );
}

#[test]
fn a_message_whose_owner_could_not_be_connected_ends_with_its_name() {
    let mut bench = Bench::formed(&[(0, 2)]);
    bench.down(2, vec![]);
    bench.handle(RouterInput::ConnectFailed(node(2)));
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    let ended = bench.later(6 * SECOND);
    let end = format!("1: the deadline passed: no connection to {}", node(2));
    assert_eq!(ended.last(), Some(&end));
}

#[test]
fn unreachable_is_authoritative_even_while_the_connection_is_up() {
    let mut bench = Bench::formed(&[(0, 2)]);
    assert_eq!(bench.view(view(1, &[2], &[(0, 2)])), ["publish"]);
    assert_eq!(bench.listed(0), None);
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 3), ["1 to 3", "publish"]);
    assert_eq!(bench.listed(0), Some(3));
    bench.view(view(1, &[], &[(0, 2)]));
    assert_eq!(
        bench.listed(0),
        Some(3),
        "what was learned stays until a newer view"
    );
    bench.view(view(2, &[], &[(0, 2)]));
    assert_eq!(bench.listed(0), Some(2));
}

#[test]
fn absence_in_a_view_unassigns_what_views_assigned_but_not_what_was_learned() {
    let mut bench = Bench::formed(&[(0, 2)]);
    bench.send(1, 1);
    bench.location(1, 3);
    bench.view(view(1, &[], &[]));
    assert_eq!(
        (bench.listed(0), bench.listed(1)),
        (Some(2), Some(3)),
        "the same epoch"
    );
    bench.view(view(2, &[], &[(2, 2)]));
    assert_eq!((bench.listed(0), bench.listed(1)), (None, Some(3)));
    bench.view(view(3, &[], &[(1, 2)]));
    assert_eq!(bench.listed(1), Some(2), "a newer view assigns otherwise");
}

#[test]
fn the_first_answer_is_kept_until_its_node_is_gone() {
    let mut bench = Bench::formed(&[]);
    bench.send(0, 1);
    bench.location(0, 3);
    assert_eq!(
        bench.location(0, 2),
        [""; 0],
        "a second answer changes nothing"
    );
    assert_eq!(bench.listed(0), Some(3));
    bench.view(view(1, &[3], &[]));
    assert_eq!(bench.listed(0), None);
    bench.view(view(1, &[], &[]));
    assert_eq!(
        bench.listed(0),
        None,
        "gone is gone: the leader decides anew"
    );
    assert_eq!(bench.send(0, 2), ["query 0 of 1"]);
}

#[test]
fn an_unchanged_view_publishes_nothing() {
    let mut bench = Bench::formed(&[(0, 2)]);
    assert_eq!(bench.view(view(1, &[], &[(0, 2)])), [""; 0]);
    assert_eq!(
        bench.view(view(0, &[], &[(0, 3)])),
        [""; 0],
        "an older one neither"
    );
    assert_eq!(bench.listed(0), Some(2));
    assert_eq!(
        bench.view(view(2, &[], &[(0, 2)])),
        [""; 0],
        "a newer one that says the same"
    );
}

#[test]
fn a_new_generation_forgets_what_was_learned_before() {
    let mut bench = Bench::formed(&[]);
    bench.view(view(9, &[], &[]));
    bench.send(0, 1);
    bench.location(0, 3);
    let mut keeper = crate::ViewKeeper::new();
    let mut offer = |epoch| {
        let snapshot = TopologySnapshot {
            leader: Some(node(1)),
            allocation_epoch: epoch,
            ..TopologySnapshot::default()
        };
        let later = bench.now + u32::try_from(20 - epoch).unwrap() * SECOND;
        keeper.offer(later, 1, snapshot);
        Arc::clone(keeper.view().unwrap())
    };
    let (old, _, new) = (offer(9), offer(8), offer(1));
    assert_eq!(
        new.version(),
        crate::ViewVersion {
            generation: 1,
            epoch: 1
        }
    );
    bench.view(old);
    assert_eq!(bench.listed(0), Some(3));
    bench.view(new);
    assert_eq!(bench.listed(0), None);
}

#[test]
fn a_learned_owner_is_not_given_up_for_one_that_is_not_there() {
    let mut bench = Bench::formed(&[(0, 2)]);
    bench.view(view(1, &[2], &[(0, 2)]));
    bench.send(0, 1);
    assert_eq!(bench.location(0, 3), ["1 to 3", "publish"]);
    bench.view(view(2, &[2], &[(0, 2)]));
    assert_eq!(bench.listed(0), Some(3), "the view itself avoids node 2");
    bench.down(2, vec![]);
    bench.handle(RouterInput::ConnectFailed(node(2)));
    bench.view(view(3, &[], &[(0, 2)]));
    assert_eq!(bench.listed(0), Some(3), "node 2 could not be connected");
    bench.up(2);
    bench.view(view(4, &[], &[(0, 2)]));
    assert_eq!(bench.listed(0), Some(2));
}

#[test]
fn an_owner_that_no_view_lists_and_that_cannot_be_connected_is_asked_for_anew() {
    let mut bench = Bench::formed(&[]);
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 9), ["connect 9"]);
    let failed = || RouterInput::ConnectFailed(node(9));
    assert_eq!(bench.handle(failed()), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 9), ["connect 9"], "it may be back");
    assert_eq!(bench.handle(failed()), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 2), ["1 to 2", "publish"]);
}

#[test]
fn a_stranger_that_is_named_again_is_dialled_for_all_its_shards_that_are_waited_for() {
    let mut bench = Bench::formed(&[]);
    bench.send(0, 1);
    assert_eq!(bench.location(0, 9), ["connect 9"]);
    bench.send(1, 2);
    assert_eq!(bench.location(1, 9), [""; 0], "dialled already");
    let failed = bench.handle(RouterInput::ConnectFailed(node(9)));
    assert_eq!(failed, ["query 0 of 1", "query 1 of 1"]);
    let target = bench.target(0);
    assert!(bench.router.cancel(&target, |_| true).is_some());
    bench.drain();
    assert_eq!(bench.location(0, 9), ["connect 9"]);
    assert_eq!(bench.up(9), ["2 to 9", "publish"]);
}
