//! Who gets how much of the hold, and who gives way.

use super::*;

fn config(items: usize, bytes: usize) -> RouterConfig {
    RouterConfig {
        hold_items: items,
        hold_bytes: bytes,
        ..RouterConfig::default()
    }
}

fn dropping(items: usize, bytes: usize) -> RouterConfig {
    RouterConfig {
        overflow: Overflow::DropOldest,
        ..config(items, bytes)
    }
}

const ONWARD: &str = "it gave way to a newer message";

#[test]
fn a_full_hold_refuses_the_newest() {
    let mut bench = Bench::with(config(6, 50));
    bench.send(0, 1);
    bench.send(1, 2);
    let full = "as much is held as may be, of 6 messages and 50 bytes";
    assert_eq!(bench.send(0, 3), [format!("3: {full}")], "by bytes");
    let mut small = bench.parcel(0, 4);
    small.bytes = 1;
    assert_eq!(bench.handle(Input::Send(small.clone())), [""; 0]);
    assert_eq!(
        bench.handle(Input::Send(small.clone())),
        [format!("4: {full}")],
        "by items"
    );
    let held = Held {
        items: 3,
        bytes: 21,
    };
    assert_eq!(bench.router.held(), held);
    bench.up(1);
    // What was accepted before needs no share, but some room.
    let unsent = [5, 6, 7, 8].map(|item| Parcel {
        item,
        ..small.clone()
    });
    assert_eq!(bench.down(1, unsent.into()), [format!("8: {full}")]);
}

#[test]
fn a_node_that_is_out_of_order_leaves_room_for_all_others() {
    let mut bench = Bench::with(config(90, 100_000));
    bench.view(view(1, &[], &[(0, 1), (1, 2), (2, 3)]));
    let fill = |bench: &mut Bench, shard| {
        let before = bench.router.held().items;
        while bench.router.accepts(&bench.target(shard), 10) {
            bench.send(shard, 0);
        }
        let refused = bench.send(shard, 1);
        assert!(
            refused
                .last()
                .is_some_and(|last| last.starts_with("1: as much"))
        );
        bench.router.held().items - before
    };
    assert_eq!(fill(&mut bench, 0), 45, "one alone has half");
    assert_eq!(fill(&mut bench, 1), 22, "the next has half of the rest");
    assert_eq!(fill(&mut bench, 2), 11);
    assert_eq!(fill(&mut bench, 7), 6, "of which nobody knows whose it is");
}

#[test]
fn messages_for_live_nodes_are_held_and_delivered_while_a_dead_one_has_its_share_full() {
    let owners = [(0, 1), (1, 2), (2, 3), (3, 1), (4, 2), (5, 3)];
    let mut bench = Bench::with(config(100, 100_000));
    bench.view(view(1, &[], &owners));
    bench.up(1);
    bench.up(2);
    for item in 0..200 {
        bench.send(2, item);
    }
    assert_eq!(bench.router.held().items, 50);
    // The connection to node 2 is lost for a moment.
    assert_eq!(bench.down(2, Vec::new()), ["publish"]);
    for item in 1000..1020 {
        let told = bench.send(1, item);
        assert!(!told.iter().any(|line| line.contains("held")), "{told:?}");
    }
    let delivered = bench.up(2);
    let expected = (1000..1020).map(|item| format!("{item} to 2"));
    assert_eq!(delivered[..20], expected.collect::<Vec<_>>());
}

#[test]
fn the_share_of_a_node_is_free_again_when_it_is_connected() {
    let mut bench = Bench::with(config(4, 1000));
    bench.view(view(1, &[], &[(0, 1)]));
    bench.send(0, 1);
    bench.send(0, 2);
    assert!(!bench.router.accepts(&bench.target(0), 1));
    bench.up(1);
    bench.down(1, Vec::new());
    assert!(bench.router.accepts(&bench.target(0), 1));
}

#[test]
fn the_oldest_gives_way_to_the_newest_if_that_is_wanted() {
    let mut bench = Bench::with(dropping(4, 1000));
    bench.view(view(1, &[], &[(0, 1)]));
    bench.send(0, 1);
    assert_eq!(bench.send(0, 2), [""; 0]);
    assert_eq!(bench.send(0, 3), [format!("1: {ONWARD}")]);
    assert_eq!(bench.send(0, 4), [format!("2: {ONWARD}")]);
    assert_eq!(bench.up(1), ["3 to 1", "4 to 1", "publish"]);
}

#[test]
fn whoever_has_most_gives_way_to_others() {
    let mut bench = Bench::with(dropping(8, 1000));
    bench.view(view(1, &[], &[(0, 1), (1, 2)]));
    for item in 1..=4 {
        bench.send(0, item);
    }
    bench.send(1, 5);
    bench.send(1, 6);
    // First the one that has more, then, both being even, the newcomer's own.
    let gone = [1, 5].map(|item| format!("{item}: {ONWARD}"));
    assert_eq!(bench.send(1, 7), gone);
    assert_eq!(bench.up(2), ["6 to 2", "7 to 2", "publish"]);
}

#[test]
fn one_that_no_room_could_be_made_for_is_refused_and_displaces_nobody() {
    let mut bench = Bench::with(dropping(4, 100));
    bench.send(0, 1);
    let mut long = bench.parcel(0, 2);
    long.bytes = 101;
    assert!(!bench.router.accepts(&long.target, long.bytes));
    let refused = bench.handle(Input::Send(long));
    assert_eq!(
        refused,
        ["2: as much is held as may be, of 4 messages and 100 bytes"]
    );
    assert_eq!(bench.router.held().items, 1);
}

#[test]
fn of_what_a_connection_gives_back_the_oldest_gives_way() {
    let mut bench = Bench::with(dropping(4, 1000));
    bench.view(view(1, &[], &[(0, 1), (1, 2)]));
    bench.send(1, 9);
    bench.up(1);
    let unsent = (1..=4).map(|item| bench.parcel(0, item)).collect();
    let told = bench.down(1, unsent);
    assert_eq!(
        told,
        [format!("1: {ONWARD}"), "connect 1".into(), "publish".into()]
    );
    assert_eq!(bench.up(1), ["2 to 1", "3 to 1", "4 to 1", "publish"]);
}
