//! Leaders and followers, and what stays when one becomes the other.

use super::*;

#[test]
fn a_follower_answers_from_the_view_and_forwards_the_rest() {
    let mut bench = bench();
    bench.give(CoordinatorInput::View(
        view(Some(2), &[1, 2]).with(1, &[(3, 1)]),
    ));
    assert_eq!(bench.engine.role(), CoordinatorRole::Follower);
    assert_eq!(bench.query(3, 8), [located(8, 3, 1, &[])]);
    assert_eq!(bench.query(4, 9), [forward(2, 4, 9)]);
}

#[test]
fn a_follower_does_not_answer_with_a_dead_node() {
    let mut bench = bench();
    bench.give(CoordinatorInput::View(
        view(Some(2), &[1, 2, 3]).with(1, &[(4, 3)]),
    ));
    bench.give(CoordinatorInput::NodeDown(node(3)));
    assert_eq!(bench.query(4, 9), [forward(2, 4, 9)]);
}

#[test]
fn a_follower_without_a_leader_buffers_until_there_is_one() {
    let mut bench = bench();
    bench.give(CoordinatorInput::View(view(None, &[1, 2])));
    assert_eq!(bench.query(4, 9), []);
    // A leader that the view calls unreachable is none.
    assert_eq!(bench.give(CoordinatorInput::View(view(Some(2), &[1]))), []);
    assert_eq!(
        bench.give(CoordinatorInput::View(view(Some(2), &[1, 2]))),
        [forward(2, 4, 9)]
    );
    bench.give(CoordinatorInput::NodeDown(node(2)));
    assert_eq!(bench.query(4, 10), [], "nothing is sent to a dead leader");
    assert_eq!(
        bench.give(CoordinatorInput::View(view(Some(3), &[1, 3]))),
        [forward(3, 4, 10)]
    );
}

#[test]
fn followers_tell_every_new_leader_who_hosts_the_region() {
    let mut bench = bench();
    bench.register(1);
    assert_eq!(
        bench.give(CoordinatorInput::View(view(Some(2), &[1, 2, 3]))),
        [pass_on(2, 1)]
    );
    assert_eq!(bench.register(3), [pass_on(2, 3)]);
    assert_eq!(bench.register(3), [], "known, and passed on already");
    assert_eq!(bench.register(1), [pass_on(2, 1)], "its own it repeats");
    assert_eq!(
        bench.give(CoordinatorInput::View(view(Some(2), &[1, 2, 3]))),
        []
    );
    assert_eq!(
        bench.give(CoordinatorInput::View(view(Some(3), &[1, 3]))),
        [pass_on(3, 1), pass_on(3, 3)]
    );
    // A leader that went and came back has forgotten.
    bench.give(CoordinatorInput::NodeDown(node(3)));
    assert_eq!(
        bench.give(CoordinatorInput::View(view(Some(3), &[1, 3]))),
        [pass_on(3, 1), pass_on(3, 3)]
    );
}

/// Carries messages between the coordinators of nodes 1 and 2 until none is under way, and returns
/// their number. Each takes the other for the leader.
fn exchange(nodes: &mut [Coordinator<u32>; 2]) -> usize {
    let now = Instant::now();
    for count in 0..100 {
        let next = nodes.iter_mut().enumerate().find_map(|(at, it)| {
            let input = match it.poll() {
                CoordinatorOutput::Register { node, .. } => CoordinatorInput::Register { node },
                CoordinatorOutput::Forward { shard, asker, .. } => {
                    let from = Some([node(1), node(2)][at].clone());
                    CoordinatorInput::Query { shard, asker, from }
                }
                CoordinatorOutput::Wait(_) => return None,
                other => panic!("{other:?}"),
            };
            Some((1 - at, input))
        });
        match next {
            Some((to, input)) => nodes[to].handle(now, input),
            None => return count,
        }
    }
    panic!("it does not end")
}

#[test]
fn two_nodes_that_each_take_the_other_for_the_leader_do_not_pass_anything_to_and_fro() {
    let now = Instant::now();
    let mut nodes = [1, 2].map(|it| Coordinator::new(CoordinatorConfig::new(100), node(it)));
    for (at, leader) in [(0, 2), (1, 1)] {
        let input = CoordinatorInput::View(view(Some(leader), &[1, 2]));
        nodes[at].handle(now, input);
        nodes[at].handle(now, CoordinatorInput::Host);
    }
    assert_eq!(
        exchange(&mut nodes),
        4,
        "each is told, and passes it on once"
    );
    nodes[0].handle(now, CoordinatorInput::Host);
    assert_eq!(exchange(&mut nodes), 1);
    nodes[1].handle(now, CoordinatorInput::Register { node: node(3) });
    assert_eq!(
        exchange(&mut nodes),
        2,
        "there, and back to one that knows it"
    );
    nodes[0].handle(now, query(7, 9));
    assert_eq!(exchange(&mut nodes), 1);
    assert_eq!(nodes[1].buffered_queries(), 1, "until views agree");
    nodes[1].handle(now, CoordinatorInput::View(view(Some(2), &[1, 2])));
    assert_eq!(nodes[1].poll(), located(9, 7, 1, &[]));
}

#[test]
fn a_query_that_was_forwarded_goes_on_to_the_leader_unless_that_forwarded_it() {
    let mut bench = bench();
    bench.give(CoordinatorInput::View(view(Some(2), &[1, 2, 3])));
    let forwarded = |asker, from| {
        let from = Some(node(from));
        CoordinatorInput::Query {
            shard: 4,
            asker,
            from,
        }
    };
    assert_eq!(bench.give(forwarded(8, 3)), [forward(2, 4, 8)]);
    assert_eq!(bench.give(forwarded(9, 2)), []);
    let other = CoordinatorInput::View(view(Some(3), &[1, 2, 3]));
    assert_eq!(bench.give(other), [forward(3, 4, 9)]);
}

#[test]
fn a_promoted_follower_vacates_the_shards_of_nodes_that_are_unreachable_or_down() {
    let mut bench = bench();
    bench.register(1);
    let member = |number, status| Member {
        address: node(number),
        status,
        roles: FrozenSet::default(),
        id: number.to_string().into(),
    };
    let (up, down) = (MemberStatus::Up, MemberStatus::Down);
    let members = [(1, up), (2, up), (3, down), (4, up)];
    let owned = (0..4).map(|shard| (shard, allocation(u16::try_from(shard).unwrap() + 1, &[])));
    let mut snapshot = TopologySnapshot {
        members: FrozenSet(
            members
                .map(|(number, status)| member(number, status))
                .into(),
        ),
        leader: Some(node(2)),
        shard_allocations: [("r".into(), owned.collect())].into(),
        allocation_epoch: 4,
        ..TopologySnapshot::default()
    };
    bench.give(CoordinatorInput::View(RegionView::of(&snapshot, "r")));
    snapshot.leader = Some(node(1));
    snapshot.unreachable = FrozenSet([node(2)].into());
    let promoted = bench.give(CoordinatorInput::View(RegionView::of(&snapshot, "r")));
    assert_eq!(promoted, [publish(5, &[(0, 1), (3, 4)])]);
    assert_eq!((bench.place(1), bench.place(2)), (1, 1));
}

#[test]
fn a_promoted_follower_allocates_on_the_hosts_it_knows() {
    let mut bench = bench();
    bench.register(1);
    bench.register(2);
    bench.give(CoordinatorInput::View(
        view(Some(0), &[0, 1, 2]).with(4, &[(0, 0), (1, 1)]),
    ));
    // Node 0 dies: its shard is free again.
    let left = view(Some(1), &[1, 2]).with(4, &[(0, 0), (1, 1)]);
    assert_eq!(
        bench.give(CoordinatorInput::View(left)),
        [publish(5, &[(1, 1)])]
    );
    assert_eq!(bench.place(0), 2);
}

#[test]
fn a_promoted_follower_does_not_revive_what_the_old_leader_took_back() {
    let mut bench = bench();
    bench.give(CoordinatorInput::View(
        view(Some(0), &[0, 1, 2]).with(4, &[(7, 2)]),
    ));
    assert_eq!(
        bench.give(CoordinatorInput::View(view(Some(1), &[1, 2]).with(5, &[]))),
        []
    );
    assert_eq!(bench.engine.allocations(), &Shards::new());
}

#[test]
fn a_demoted_leader_follows_and_keeps_allocations_newer_than_the_view() {
    let mut bench = leader(&[1, 2]);
    bench.place(0);
    bench.place(1);
    assert_eq!(
        bench.give(CoordinatorInput::View(
            view(Some(2), &[1, 2]).with(1, &[(0, 2)])
        )),
        [pass_on(2, 1), pass_on(2, 2)]
    );
    assert_eq!(bench.query(0, 5), [located(5, 0, 1, &[])]);
    bench.give(CoordinatorInput::View(
        view(Some(2), &[1, 2]).with(3, &[(0, 2)]),
    ));
    assert_eq!(bench.query(0, 5), [located(5, 0, 2, &[])]);
    assert_eq!(bench.query(1, 5), [forward(2, 1, 5)]);
}

#[test]
fn an_older_view_never_replaces_newer_allocations() {
    for leader in [1, 2] {
        let mut bench = bench();
        bench.give(CoordinatorInput::View(
            view(Some(leader), &[1, 2]).with(5, &[(0, 1)]),
        ));
        bench.give(CoordinatorInput::View(
            view(Some(leader), &[1, 2]).with(4, &[(0, 2)]),
        ));
        assert_eq!(bench.query(0, 5), [located(5, 0, 1, &[])]);
        assert_eq!(bench.engine.epoch(), 5);
    }
}

#[test]
fn a_newer_view_that_lacks_what_the_leader_allocated_does_not_undo_it() {
    let mut bench = leader(&[1, 2]);
    assert_eq!(bench.place(0), 1);
    // Another region's change raised the epoch before this one's arrived.
    assert_eq!(
        bench.give(CoordinatorInput::View(
            view(Some(1), &[1, 2]).with(6, &[(8, 2)])
        )),
        [publish(7, &[(0, 1), (8, 2)])]
    );
}

#[test]
fn what_was_published_under_an_epoch_that_was_taken_is_published_anew() {
    let mut bench = leader(&[1, 2]);
    assert_eq!(bench.place(0), 1);
    // Another region, or another leader, was first with epoch 1.
    let view = || view(Some(1), &[1, 2]);
    assert_eq!(
        bench.give(CoordinatorInput::View(view().with(1, &[(8, 2)]))),
        [publish(2, &[(0, 1), (8, 2)])]
    );
    assert_eq!(
        bench.give(CoordinatorInput::View(view().with(2, &[(0, 1), (8, 2)]))),
        [],
        "it has arrived"
    );
}

#[test]
fn a_shard_that_was_taken_from_a_dead_node_is_not_given_back_by_a_view_of_the_same_epoch() {
    let mut bench = leader(&[1, 2, 3]);
    let mut seen = view(Some(1), &[1, 2, 3]).with(4, &[(0, 3)]);
    bench.give(CoordinatorInput::View(seen.clone()));
    seen.live.remove(&node(3));
    assert_eq!(
        bench.give(CoordinatorInput::View(seen.clone())),
        [publish(5, &[])]
    );
    assert_eq!(bench.place(0), 1);
    // Neither 5 nor 6 was accepted: another leader had counted as far.
    seen.epoch = 6;
    assert_eq!(
        bench.give(CoordinatorInput::View(seen)),
        [publish(7, &[(0, 1)])]
    );
}

#[test]
fn a_newer_view_that_moves_a_shard_is_believed() {
    let mut bench = leader(&[1, 2]);
    assert_eq!(bench.place(0), 1);
    assert_eq!(
        bench.give(CoordinatorInput::View(
            view(Some(1), &[1, 2]).with(2, &[(0, 2)])
        )),
        []
    );
    assert_eq!(bench.place(0), 2);
}
