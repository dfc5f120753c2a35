//! The memory of nodes that are not connected.

use super::*;

fn stranger(number: u32) -> NodeAddress {
    let [_, _, high, low] = number.to_be_bytes();
    NodeAddress::new(format!("10.1.{high}.{low}"), 1)
}

fn to_node(bench: &Bench, node: NodeAddress, deadline: Duration) -> RouterInput<u16, u32> {
    RouterInput::Send(PendingMessage {
        target: Target::Node(node),
        item: 1,
        bytes: 10,
        deadline: bench.now + deadline,
    })
}

#[test]
fn nodes_that_are_told_once_and_never_again_are_forgotten_without_a_view() {
    let mut bench = Bench::formed(&[(0, 2)]);
    bench.down(2, vec![]);
    assert_eq!(bench.send(0, 1), ["connect 2"]);
    let waiting = to_node(&bench, stranger(0), 3_600 * SECOND);
    assert_eq!(bench.handle(waiting), ["connect 1"]);
    for number in 1..20_000 {
        let once = to_node(&bench, stranger(number), SECOND / 1_000);
        assert_eq!(bench.handle(once), ["connect 1"]);
        bench.handle(RouterInput::ConnectFailed(stranger(number)));
        bench.later(SECOND / 1_000);
        assert!(bench.router.routes.peers.len() <= 1_025, "{number}");
    }
    // Who is waited for is not asked for again, and a member is not forgotten.
    let more = to_node(&bench, stranger(0), 3_600 * SECOND);
    assert_eq!(bench.handle(more), [""; 0]);
    assert!(bench.router.wants_connection(&stranger(0)));
    bench.handle(RouterInput::ConnectFailed(node(2)));
    for number in 1..2_000 {
        bench.handle(RouterInput::ConnectFailed(stranger(number)));
    }
    assert!(bench.router.routes.peers.is_suspected(&node(2)));
}

#[test]
fn many_nodes_that_messages_wait_for_are_all_remembered() {
    let mut bench = Bench::formed(&[]);
    for number in 0..5_000 {
        let waiting = to_node(&bench, stranger(number), 3_600 * SECOND);
        assert_eq!(bench.handle(waiting), ["connect 1"]);
    }
    for number in 0..5_000 {
        let more = to_node(&bench, stranger(number), 3_600 * SECOND);
        assert_eq!(bench.handle(more), [""; 0]);
    }
    assert_eq!(bench.router.routes.peers.len(), 5_003);
}

#[test]
fn a_learned_owner_that_is_forgotten_may_be_dialled_again() {
    let mut bench = Bench::formed(&[]);
    let owner = stranger(0);
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    let (region, replicas) = (bench.region, Tuple::default());
    let location = ShardLocation {
        shard_id: 0,
        node: owner.clone(),
        replicas,
    };
    assert_eq!(
        bench.handle(RouterInput::Location { region, location }),
        ["connect 1"]
    );
    // The message is accounted to no node, because none was known when it came.
    assert_eq!(
        bench.handle(RouterInput::ConnectFailed(owner.clone())),
        ["query 0 of 1"]
    );
    let mut dialled = Vec::new();
    for number in 1..2_000 {
        dialled.extend(bench.handle(RouterInput::ConnectFailed(stranger(number))));
    }
    assert_eq!(
        dialled,
        ["connect 1"],
        "nothing is known against it any more"
    );
    bench.handle(RouterInput::PeerUp {
        node: owner,
        handle: 9,
    });
}
