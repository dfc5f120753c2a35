//! Nodes that die: their shards, their replicas, and the places they took among the hosts.

use super::*;

#[test]
fn shards_of_a_dead_node_are_free_again_and_others_stay() {
    let mut bench = leader(&[1, 2, 3]);
    for shard in 0..6 {
        bench.place(shard);
    }
    let left = [(0, 1), (2, 3), (3, 1), (5, 3)];
    assert_eq!(
        bench.give(CoordinatorInput::NodeDown(node(2))),
        [publish(7, &left)]
    );
    assert_eq!((bench.place(1), bench.place(4)), (1, 3));
}

#[test]
fn a_view_without_a_node_vacates_its_shards_too() {
    let mut bench = leader(&[1, 2]);
    bench.place(0);
    bench.place(1);
    assert_eq!(
        bench.give(CoordinatorInput::View(
            view(Some(1), &[1]).with(2, &[(0, 1), (1, 2)])
        )),
        [publish(3, &[(0, 1)])]
    );
}

#[test]
fn the_first_live_replica_takes_the_place_of_a_dead_primary() {
    let mut bench = bench();
    let mut known = view(Some(1), &[1, 2, 3, 4]);
    known.epoch = 1;
    known.allocations = [
        (0, allocation(2, &[3, 4])),
        (1, allocation(3, &[2, 4])),
        (2, allocation(2, &[])),
        (3, allocation(4, &[1])),
    ]
    .into();
    bench.give(CoordinatorInput::View(known));
    let published = bench.give(CoordinatorInput::NodeDown(node(2)));
    let left = [
        (0, allocation(3, &[4])),
        (1, allocation(3, &[4])),
        (3, allocation(4, &[1])),
    ];
    let expected = CoordinatorOutput::Publish {
        allocations: left.into(),
        epoch: 2,
    };
    assert_eq!(published, [expected]);
    // Two at once: the dead replica is passed over.
    let mut both = view(Some(1), &[1, 4]);
    both.allocations = bench.engine.allocations().clone();
    bench.give(CoordinatorInput::View(both));
    assert_eq!(bench.place(0), 4);
}

#[test]
fn a_dead_replica_is_taken_out_and_that_is_published() {
    let mut bench = bench();
    let mut known = view(Some(1), &[1, 2]);
    known.allocations = [(0, allocation(1, &[2]))].into();
    bench.give(CoordinatorInput::View(known));
    assert_eq!(
        bench.give(CoordinatorInput::NodeDown(node(2))),
        [publish(1, &[(0, 1)])]
    );
}

#[test]
fn a_report_of_its_own_death_is_ignored() {
    let mut bench = leader(&[1]);
    bench.place(0);
    assert_eq!(bench.give(CoordinatorInput::NodeDown(node(1))), []);
    assert_eq!(bench.place(0), 1);
}

#[test]
fn known_hosts_are_bounded_and_dead_ones_make_room() {
    let config = CoordinatorConfig {
        hosts: 2,
        ..CoordinatorConfig::new(100)
    };
    let mut bench = bench_of(config);
    bench.give(CoordinatorInput::View(view(Some(1), &[1, 2, 4])));
    for number in [3, 2, 1, 4] {
        bench.register(number);
    }
    // Node 3, which is not live, made room for node 1; node 4 found none.
    assert_eq!(
        (0..4).map(|s| bench.place(s)).collect::<Vec<_>>(),
        [1, 2, 1, 2]
    );
}

#[test]
fn a_host_that_is_not_live_yet_is_known_for_as_long_as_there_is_room() {
    let mut bench = bench();
    bench.give(CoordinatorInput::View(view(Some(1), &[1])));
    bench.register(2);
    bench.register(1);
    assert_eq!(bench.place(0), 1);
    bench.give(CoordinatorInput::View(view(Some(1), &[1, 2])));
    assert_eq!(bench.place(1), 2);
}
