//! Messages for the leader, whichever node that is.

use super::*;

fn message(bench: &Bench, item: u32) -> PendingMessage<u32> {
    PendingMessage {
        target: Target::Leader,
        item,
        bytes: 10,
        deadline: bench.now + 5 * SECOND,
    }
}

fn send(bench: &mut Bench, item: u32) -> Vec<String> {
    let message = message(bench, item);
    bench.handle(RouterInput::Send(message))
}

/// Returns what is done with messages, and nothing of the table.
fn of_messages(mut log: Vec<String>) -> Vec<String> {
    log.retain(|it| it != "publish");
    log
}

#[test]
fn what_is_for_the_leader_and_was_not_sent_goes_to_the_next_one_in_order() {
    let mut bench = Bench::formed(&[]);
    assert_eq!(send(&mut bench, 1), ["1 to 1"]);
    let unsent = vec![message(&bench, 1)];
    assert_eq!(of_messages(bench.down(1, unsent)), ["connect 1"]);
    assert_eq!(send(&mut bench, 2), [""; 0]);
    // It may come back, for views still call it the leader.
    let failed = bench.handle(RouterInput::ConnectFailed(node(1)));
    assert_eq!(of_messages(failed), [""; 0]);
    assert!(bench.router.wants_connection(&node(1)));
    let next = bench.view(led_by(Some(2), 2, &[1], &[]));
    assert_eq!(of_messages(next), ["1 to 2", "2 to 2"]);
    assert!(!bench.router.wants_connection(&node(1)));
    assert_eq!(bench.wait, None, "nothing is buffered");
    assert_eq!(send(&mut bench, 3), ["3 to 2"]);
}

#[test]
fn what_is_for_the_leader_waits_for_one_asks_nobody_and_is_late_for_want_of_one() {
    let mut bench = Bench::new();
    assert_eq!(send(&mut bench, 1), [""; 0]);
    assert_eq!(
        bench.later(5 * SECOND),
        ["1: the deadline passed: no view of the cluster has come"]
    );
    let mut bench = Bench::formed(&[]);
    for view in [led_by(None, 2, &[], &[]), led_by(Some(1), 3, &[1], &[])] {
        bench.view(view);
        assert_eq!(send(&mut bench, 1), [""; 0]);
        assert_eq!(
            bench.later(5 * SECOND),
            ["1: the deadline passed: no leader is known"]
        );
    }
    bench.down(2, vec![]);
    bench.view(led_by(Some(2), 4, &[], &[]));
    assert_eq!(send(&mut bench, 1), ["connect 2"]);
    assert_eq!(
        bench.later(5 * SECOND),
        ["1: the deadline passed: no connection to 10.0.0.1:2"]
    );
}

#[test]
fn what_is_for_the_leader_leaves_capacity_for_others_as_what_is_for_its_node() {
    let config = RouterConfig {
        buffer_messages: 4,
        ..RouterConfig::default()
    };
    let mut bench = Bench::with(config);
    bench.view(led_by(Some(2), 1, &[], &[]));
    assert_eq!(send(&mut bench, 1), ["connect 2"]);
    assert_eq!(send(&mut bench, 2), [""; 0]);
    let full = send(&mut bench, 3);
    assert!(full[0].starts_with("3: the buffer is full"), "{full:?}");
    assert!(!bench.router.accepts(&Target::Node(node(2)), 10));
    assert!(bench.router.accepts(&Target::Node(node(3)), 10));
}
