//! Members that are called gone, or are named no more, while they are connected.

use super::*;

/// Two members that are connected, of which the first sends the views.
fn both_connected() -> (Bench, [NodeAddress; 2]) {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[]);
    bench.view(&[&a, &b], &[]);
    bench.connect(&a);
    bench.connect(&b);
    bench.source(&a);
    (bench, [a, b])
}

#[test]
fn a_member_that_is_gone_may_still_answer_for_a_moment_however_often_views_say_so() {
    let (mut bench, [a, b]) = both_connected();
    assert_eq!(bench.view(&[&a], &[&b]), []);
    assert_eq!(bench.run_to(1_500), []);
    assert_eq!(bench.view(&[&a], &[&b]), []);
    assert_eq!(bench.run_to(10_000), [(2_000, close(&b))]);
    assert_eq!(bench.engine.connected_nodes().collect::<Vec<_>>(), [&a]);
}

#[test]
fn a_member_that_vanished_before_it_was_declared_gone_does_not_stay_longer_for_that() {
    let (mut bench, [a, b]) = both_connected();
    bench.view(&[&a], &[]);
    assert_eq!(bench.run_to(9_000), []);
    assert_eq!(bench.view(&[&a], &[&b]), []);
    assert_eq!(bench.run_to(20_000), [(10_000, close(&b))]);
}

#[test]
fn a_member_that_is_gone_is_never_closed_while_it_sends_the_views() {
    let (mut bench, [a, b]) = both_connected();
    assert_eq!(bench.view(&[&b], &[&a]), []);
    assert_eq!(bench.run_to(10_000), []);
    assert_eq!(bench.source(&b), [close(&a)]);
    assert_eq!(bench.engine.connected_nodes().collect::<Vec<_>>(), [&b]);
}

#[test]
fn a_member_that_vanishes_from_the_view_is_closed_after_a_while() {
    let (mut bench, [a, b]) = both_connected();
    bench.view(&[&a], &[]);
    assert_eq!(bench.run_to(9_000), []);
    bench.view(&[&a], &[]);
    assert_eq!(bench.run_to(10_000), [(10_000, close(&b))]);
}

#[test]
fn a_member_that_returns_to_the_view_in_time_keeps_its_connection() {
    let (mut bench, [a, b]) = both_connected();
    for _ in 0..10 {
        bench.view(&[&a], &[]);
        let next = bench.now + 9_000;
        assert_eq!(bench.run_to(next), []);
        assert_eq!(bench.view(&[&a, &b], &[]), []);
    }
}
