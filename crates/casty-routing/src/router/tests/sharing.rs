//! The shares of the pending buffer, and the messages that give way.

use super::*;

fn config(items: usize, bytes: usize) -> RouterConfig {
    RouterConfig {
        buffer_messages: items,
        buffer_bytes: bytes,
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
fn a_full_buffer_refuses_the_newest() {
    let mut bench = Bench::with(config(6, 50));
    bench.send(0, 1);
    bench.send(1, 2);
    let full = "the buffer is full, of 6 messages and 50 bytes";
    assert_eq!(bench.send(0, 3), [format!("3: {full}")], "by bytes");
    let mut small = bench.message(0, 4);
    small.bytes = 1;
    assert_eq!(bench.handle(RouterInput::Send(small.clone())), [""; 0]);
    assert_eq!(
        bench.handle(RouterInput::Send(small.clone())),
        [format!("4: {full}")],
        "by messages"
    );
    let buffered = Buffered {
        messages: 3,
        bytes: 21,
    };
    assert_eq!(bench.router.buffered(), buffered);
    bench.up(1);
    // What was accepted before needs no share, but some capacity.
    let unsent = [5, 6, 7, 8].map(|item| PendingMessage {
        item,
        ..small.clone()
    });
    assert_eq!(bench.down(1, unsent.into()), [format!("8: {full}")]);
}

#[test]
fn a_node_that_is_out_of_order_leaves_capacity_for_all_others() {
    let mut bench = Bench::with(config(90, 100_000));
    bench.view(view(1, &[], &[(0, 1), (1, 2), (2, 3)]));
    let fill = |bench: &mut Bench, shard| {
        let before = bench.router.buffered().messages;
        while bench.router.accepts(&bench.target(shard), 10) {
            bench.send(shard, 0);
        }
        let refused = bench.send(shard, 1);
        assert!(
            refused
                .last()
                .is_some_and(|last| last.starts_with("1: the buffer is full"))
        );
        bench.router.buffered().messages - before
    };
    assert_eq!(fill(&mut bench, 0), 45, "one alone has half");
    assert_eq!(fill(&mut bench, 1), 22, "the next has half of the rest");
    assert_eq!(fill(&mut bench, 2), 11);
    assert_eq!(fill(&mut bench, 7), 6, "of which nobody knows whose it is");
}

#[test]
fn messages_for_live_nodes_are_buffered_and_delivered_while_a_dead_one_has_its_share_full() {
    let owners = [(0, 1), (1, 2), (2, 3), (3, 1), (4, 2), (5, 3)];
    let mut bench = Bench::with(config(100, 100_000));
    bench.view(view(1, &[], &owners));
    bench.up(1);
    bench.up(2);
    for item in 0..200 {
        bench.send(2, item);
    }
    assert_eq!(bench.router.buffered().messages, 50);
    // The connection to node 2 is lost for a moment.
    assert_eq!(bench.down(2, Vec::new()), ["publish"]);
    for item in 1000..1020 {
        let told = bench.send(1, item);
        assert!(
            !told.iter().any(|line| line.contains("the buffer is full")),
            "{told:?}"
        );
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
    let accepts = [1_000, 1_001].map(|bytes| bench.router.accepts(&bench.target(0), bytes));
    assert_eq!(
        accepts,
        [true, false],
        "others give way to what fits at all"
    );
    assert_eq!(bench.send(0, 3), [format!("1: {ONWARD}")]);
    assert_eq!(bench.send(0, 4), [format!("2: {ONWARD}")]);
    assert_eq!(bench.up(1), ["3 to 1", "4 to 1", "publish"]);
}

#[test]
fn whoever_would_have_most_bytes_with_the_new_message_gives_way() {
    // What waits for the other, what waits for the newest's own node, the newest; what gives way.
    for (other, own, newest, gone) in [(60, 50, 20, 2), (80, 20, 30, 1)] {
        let mut bench = Bench::with(dropping(100, 120));
        bench.view(view(1, &[], &[(0, 1), (1, 2)]));
        let mut told = Vec::new();
        for (shard, item, bytes) in [(0, 1, other), (1, 2, own), (1, 3, newest)] {
            let mut message = bench.message(shard, item);
            message.bytes = bytes;
            told = bench.handle(RouterInput::Send(message));
        }
        assert_eq!(told, [format!("{gone}: {ONWARD}")]);
    }
}

#[test]
fn many_messages_weigh_against_few_large_ones_by_their_part_of_the_limits() {
    let mut bench = Bench::with(dropping(10, 1000));
    bench.view(view(1, &[], &[(0, 1), (1, 2)]));
    let mut large = bench.message(1, 0);
    large.bytes = 300;
    bench.handle(RouterInput::Send(large));
    for item in 1..=4 {
        bench.send(0, item);
    }
    let told = bench.send(0, 5);
    assert_eq!(told, [format!("1: {ONWARD}")], "half of the messages");
}

#[test]
fn a_message_as_large_as_the_buffer_takes_the_place_of_all_others() {
    let mut bench = Bench::with(dropping(4, 100));
    bench.view(view(1, &[], &[(0, 1)]));
    bench.send(0, 1);
    bench.send(0, 2);
    let mut message = bench.message(0, 3);
    message.bytes = 100;
    let told = bench.handle(RouterInput::Send(message));
    assert_eq!(told, [1, 2].map(|item| format!("{item}: {ONWARD}")));
    assert_eq!(bench.router.buffered().bytes, 100);
}

#[test]
fn a_buffer_of_nothing_accepts_nothing() {
    let bench = Bench::with(dropping(0, 1000));
    assert!(!bench.router.accepts(&bench.target(0), 10));
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
fn one_that_could_not_fit_anyway_is_refused_and_displaces_nothing() {
    let mut bench = Bench::with(dropping(4, 100));
    bench.send(0, 1);
    let mut long = bench.message(0, 2);
    long.bytes = 101;
    assert!(!bench.router.accepts(&long.target, long.bytes));
    let refused = bench.handle(RouterInput::Send(long));
    assert_eq!(
        refused,
        ["2: the buffer is full, of 4 messages and 100 bytes"]
    );
    assert_eq!(bench.router.buffered().messages, 1);
}

#[test]
fn of_what_a_connection_gives_back_the_oldest_gives_way() {
    let mut bench = Bench::with(dropping(4, 1000));
    bench.view(view(1, &[], &[(0, 1), (1, 2)]));
    bench.send(1, 9);
    bench.up(1);
    let unsent = (1..=4).map(|item| bench.message(0, item)).collect();
    let told = bench.down(1, unsent);
    assert_eq!(
        told,
        [format!("1: {ONWARD}"), "connect 1".into(), "publish".into()]
    );
    assert_eq!(bench.up(1), ["2 to 1", "3 to 1", "4 to 1", "publish"]);
    let unsent = (1..=5).map(|item| bench.message(0, item)).collect();
    let told = bench.down(1, unsent);
    let [first, second] = [1, 2].map(|item| format!("{item}: {ONWARD}"));
    assert_eq!(told, [first, second, "connect 1".into(), "publish".into()]);
}

#[test]
fn a_full_buffer_accepts_what_needs_not_be_buffered() {
    let mut bench = Bench::with(config(1, 100));
    bench.view(view(1, &[], &[(0, 2), (1, 3)]));
    bench.up(3);
    assert_eq!(bench.send(0, 1), ["connect 2"]);
    let (full, open) = (bench.target(0), bench.target(1));
    assert!(bench.router.has_buffered(&full) && !bench.router.has_buffered(&open));
    assert!(!bench.router.accepts(&full, 10));
    assert!(bench.router.accepts(&open, 10));
    assert!(bench.router.accepts(&bench.target(8), 10), "it is answered");
    let node = node(3);
    let unsent = vec![];
    bench.handle(RouterInput::PeerBusy { node, unsent });
    assert!(!bench.router.accepts(&open, 10), "it is busy");
}

#[test]
fn what_has_to_go_behind_a_buffered_message_is_not_accepted_by_a_full_buffer() {
    let mut bench = Bench::with(config(1, 100));
    bench.view(view(1, &[], &[(0, 2)]));
    bench.send(0, 1);
    let (node, handle) = (node(2), 2);
    bench
        .router
        .handle(bench.now, RouterInput::PeerUp { node, handle });
    assert!(!bench.router.accepts(&bench.target(0), 10));
    assert_eq!(bench.drain(), ["1 to 2", "publish"]);
    assert!(bench.router.accepts(&bench.target(0), 10));
}

#[test]
fn what_has_no_route_displaces_nothing_that_is_buffered() {
    let mut bench = Bench::with(dropping(1, 100));
    assert_eq!(bench.send(0, 1), [""; 0]);
    let unknown = "2: a region of 8 shards has no shard 8";
    assert_eq!(bench.send(8, 2), [unknown]);
    assert_eq!(bench.router.buffered().messages, 1);
}

#[test]
fn what_is_on_its_way_to_another_peer_is_not_put_back() {
    let mut bench = Bench::with(config(1, 100));
    bench.view(view(1, &[], &[(0, 2), (1, 3)]));
    bench.up(2);
    bench.up(3);
    for message in [bench.message(0, 1), bench.message(1, 2)] {
        bench.router.handle(bench.now, RouterInput::Send(message));
    }
    assert_eq!(
        bench.down(2, vec![]),
        ["2 to 3", "connect 2", "publish"],
        "the first is buffered, which leaves no capacity"
    );
}
