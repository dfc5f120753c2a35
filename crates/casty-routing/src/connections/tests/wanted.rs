//! Nodes that no view names, but that something is to be sent to.

use super::*;

#[test]
fn a_wanted_node_outside_the_view_is_dialled_once_and_kept() {
    let [a, other] = nodes([1, 2]);
    let mut bench = regular(&[]);
    bench.view(&[&a], &[]);
    bench.connect(&a);
    bench.source(&a);
    let want = || ConnectionsInput::Want(other.clone());
    assert_eq!(bench.give(want()), [dial(&other)]);
    assert_eq!(bench.give(want()), [], "it is being dialled");
    assert_eq!(bench.fail(&other), [suspect(&other)]);
    assert_eq!(bench.run_to(10_000), [], "whoever wants it repeats it");
    assert_eq!(bench.give(want()), [dial(&other)]);
    assert_eq!(bench.fail(&other), [suspect(&other)], "each time");
    assert_eq!(bench.run_to(20_000), []);
    assert_eq!(bench.give(want()), [dial(&other)]);
    assert_eq!(bench.connect(&other), []);
    assert_eq!(bench.give(want()), []);
    assert_eq!(bench.run_to(60_000), []);
    assert_eq!(bench.view(&[&a], &[]), []);
    assert_eq!(bench.run_to(120_000), [], "views need not name it");
    assert_eq!(bench.view(&[&a], &[&other]), []);
    assert_eq!(bench.run_to(122_000), [(122_000, close(&other))]);
    bench.give(want());
    bench.connect(&other);
    assert_eq!(bench.lose(&other), []);
    assert_eq!(bench.run_to(180_000), [], "nor is it redialled");
}

#[test]
fn a_node_that_is_wanted_by_two_names_is_kept() {
    let (name, [a, other]) = (alias("one"), nodes([1, 2]));
    let mut bench = bench(&[]);
    bench.view(&[&a], &[]);
    bench.connect(&a);
    bench.source(&a);
    bench.give(ConnectionsInput::Want(name.clone()));
    bench.give(ConnectionsInput::Want(other.clone()));
    assert_eq!(bench.connect_as(&name, &other), []);
    assert_eq!(bench.run_to(60_000), []);
    assert!(bench.engine.is_connected(&other));
}

#[test]
fn a_wanted_node_whose_connection_breaks_at_once_is_not_redialled_at_once() {
    let [a, other] = nodes([1, 2]);
    let mut bench = regular(&[]);
    bench.view(&[&a], &[]);
    bench.connect(&a);
    bench.give(ConnectionsInput::Want(other.clone()));
    bench.connect(&other);
    assert_eq!(bench.run_to(500), []);
    assert_eq!(bench.lose(&other), []);
    assert_eq!(bench.give(ConnectionsInput::Want(other.clone())), []);
    assert_eq!(bench.run_to(1_000), [(550, dial(&other))]);
}

#[test]
fn a_wanted_node_may_be_reached_by_a_name() {
    let config = ConnectionsConfig {
        non_members: 1,
        ..ConnectionsConfig::default()
    };
    let (name, [a, b]) = (alias("one"), nodes([1, 2]));
    let mut bench = bench_of(config, &[&name]);
    bench.tick();
    assert_eq!(bench.give(ConnectionsInput::Want(a.clone())), [dial(&a)]);
    assert_eq!(bench.fail(&a), [suspect(&a)]);
    assert_eq!(
        bench.give(ConnectionsInput::Want(a.clone())),
        [],
        "a little later"
    );
    assert_eq!(bench.connect_as(&name, &a), []);
    bench.lose(&a);
    assert_eq!(
        bench.give(ConnectionsInput::Want(b.clone())),
        [dial(&b)],
        "room again"
    );
}

#[test]
fn a_wish_brings_the_dial_of_a_failing_member_forward_but_once_a_second() {
    let config = ConnectionsConfig {
        backoff: BackoffConfig {
            floor: Duration::from_secs(5),
            ..BackoffConfig::default()
        },
        ..ConnectionsConfig::default()
    };
    let [a, b] = nodes([1, 2]);
    let mut bench = bench_of(config, &[]);
    bench.view(&[&a, &b], &[]);
    bench.connect(&b);
    bench.fail(&a);
    for _ in 0..100 {
        bench.give(ConnectionsInput::Want(a.clone()));
    }
    assert_eq!(bench.run_to(4_000), [(1_000, dial(&a))]);
}

#[test]
fn wanted_nodes_outside_the_view_are_bounded() {
    let config = ConnectionsConfig {
        non_members: 3,
        ..ConnectionsConfig::default()
    };
    let mut bench = bench_of(config, &[]);
    bench.view(&[&node(100)], &[]);
    for number in 1..=2 {
        bench.give(ConnectionsInput::Want(node(number)));
        bench.connect(&node(number));
    }
    assert_eq!(
        bench.give(ConnectionsInput::Want(node(3))),
        [dial(&node(3))]
    );
    assert_eq!(bench.give(ConnectionsInput::Want(node(4))), []);
    bench.lose(&node(1));
    assert_eq!(
        bench.give(ConnectionsInput::Want(node(4))),
        [dial(&node(4))]
    );
}
