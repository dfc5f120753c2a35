use proptest::prelude::*;

use casty_proto::FrozenSet;
use casty_proto::message::Member;

use super::*;

type Shards = BTreeMap<u32, ShardAllocation>;

struct Bench {
    engine: Coordinator<u32>,
    start: Instant,
}

fn node(number: u16) -> NodeAddress {
    NodeAddress::new("n", number)
}

/// The coordinator of node 1 for a region of 100 shards.
fn bench_of(config: CoordinatorConfig) -> Bench {
    Bench {
        engine: Coordinator::new(config, node(1)),
        start: Instant::now(),
    }
}

fn bench() -> Bench {
    bench_of(CoordinatorConfig::new(100))
}

/// A bench whose node 1 leads the nodes, all of which host the region.
fn leader_of(config: CoordinatorConfig, nodes: &[u16]) -> Bench {
    let mut bench = bench_of(config);
    bench.give(CoordinatorInput::View(view(Some(1), nodes)));
    for number in nodes {
        bench.register(*number);
    }
    bench
}

fn leader(nodes: &[u16]) -> Bench {
    leader_of(CoordinatorConfig::new(100), nodes)
}

fn view(leader: Option<u16>, live: &[u16]) -> RegionView {
    RegionView {
        leader: leader.map(node),
        live: live.iter().copied().map(node).collect(),
        ..RegionView::default()
    }
}

fn allocation(primary: u16, replicas: &[u16]) -> ShardAllocation {
    ShardAllocation {
        primary: node(primary),
        replicas: replicas.iter().copied().map(node).collect(),
    }
}

impl RegionView {
    fn with(mut self, epoch: u64, allocations: &[(u32, u16)]) -> Self {
        self.epoch = epoch;
        let allocated = |(shard, primary): &(u32, u16)| (*shard, allocation(*primary, &[]));
        self.allocations = allocations.iter().map(allocated).collect();
        self
    }
}

impl Bench {
    fn give_at(
        &mut self,
        millis: u64,
        input: CoordinatorInput<u32>,
    ) -> Vec<CoordinatorOutput<u32>> {
        let now = self.start + Duration::from_millis(millis);
        self.engine.handle(now, input);
        let mut outputs = Vec::new();
        loop {
            match self.engine.poll() {
                CoordinatorOutput::Wait(_) => return outputs,
                output => outputs.push(output),
            }
        }
    }

    fn give(&mut self, input: CoordinatorInput<u32>) -> Vec<CoordinatorOutput<u32>> {
        self.give_at(0, input)
    }

    fn query(&mut self, shard: u32, asker: u32) -> Vec<CoordinatorOutput<u32>> {
        self.give(CoordinatorInput::Query { shard, asker })
    }

    fn register(&mut self, number: u16) -> Vec<CoordinatorOutput<u32>> {
        let node = node(number);
        self.give(CoordinatorInput::Register { node })
    }

    /// Asks a leader for a shard; its primary.
    fn place(&mut self, shard: u32) -> u16 {
        match self.query(shard, 0).first() {
            Some(CoordinatorOutput::Locate { location, .. }) => location.node.port(),
            other => panic!("no location: {other:?}"),
        }
    }
}

fn located(asker: u32, shard: u32, primary: u16, replicas: &[u16]) -> CoordinatorOutput<u32> {
    CoordinatorOutput::Locate {
        asker,
        location: ShardLocation {
            shard_id: shard,
            node: node(primary),
            replicas: replicas.iter().copied().map(node).collect(),
        },
    }
}

fn forward(leader: u16, shard: u32, asker: u32) -> CoordinatorOutput<u32> {
    let leader = node(leader);
    CoordinatorOutput::Forward {
        leader,
        shard,
        asker,
    }
}

fn pass_on(leader: u16, host: u16) -> CoordinatorOutput<u32> {
    CoordinatorOutput::Register {
        leader: node(leader),
        node: node(host),
    }
}

fn publish(epoch: u64, allocations: &[(u32, u16)]) -> CoordinatorOutput<u32> {
    CoordinatorOutput::Publish {
        allocations: RegionView::default().with(0, allocations).allocations,
        epoch,
    }
}

fn refused(asker: u32, reason: QueryRefusal) -> CoordinatorOutput<u32> {
    CoordinatorOutput::Refused { asker, reason }
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let config = CoordinatorConfig::new(7);
    assert_eq!(
        (config.shards, config.replicas, config.buffered_queries),
        (7, 0, 10_000)
    );
    assert_eq!(config.query_timeout, Duration::from_secs(30));
    assert_eq!(config.hosts, 1_024);
}

#[test]
fn without_a_view_queries_are_held_and_then_answered_in_order() {
    let mut bench = bench();
    assert_eq!(bench.engine.role(), CoordinatorRole::Pending);
    assert_eq!(bench.register(1), []);
    assert_eq!(bench.query(5, 10), []);
    assert_eq!(bench.query(4, 11), []);
    assert_eq!(bench.query(5, 12), []);
    assert_eq!(bench.engine.buffered_queries(), 3);
    assert_eq!(
        bench.give(CoordinatorInput::View(view(Some(1), &[1]))),
        [
            located(10, 5, 1, &[]),
            located(11, 4, 1, &[]),
            located(12, 5, 1, &[]),
            publish(2, &[(4, 1), (5, 1)]),
        ]
    );
    assert_eq!(bench.engine.buffered_queries(), 0);
}

#[test]
fn the_leader_answers_what_it_knows_without_publishing() {
    let mut bench = bench();
    let known = view(Some(1), &[1, 2]).with(9, &[(3, 2)]);
    assert_eq!(bench.give(CoordinatorInput::View(known)), []);
    assert_eq!(bench.engine.role(), CoordinatorRole::Leader);
    assert_eq!(bench.query(3, 1), [located(1, 3, 2, &[])]);
    assert_eq!(bench.engine.epoch(), 9);
}

#[test]
fn a_shard_goes_to_the_host_with_the_fewest_and_the_lowest_address_among_equals() {
    let mut bench = leader(&[3, 1, 2]);
    let placed: Vec<_> = (0..7).map(|shard| bench.place(shard)).collect();
    assert_eq!(placed, [1, 2, 3, 1, 2, 3, 1]);
    // A newcomer takes all until it has as many; nothing is moved.
    bench.give(CoordinatorInput::View(view(Some(1), &[1, 2, 3, 4])));
    bench.register(4);
    let placed: Vec<_> = (7..11).map(|shard| bench.place(shard)).collect();
    assert_eq!(placed, [4, 4, 2, 3]);
    assert_eq!(bench.place(0), 1);
}

#[test]
fn the_epoch_grows_with_each_change_and_only_then() {
    let mut bench = leader(&[1, 2]);
    assert_eq!(bench.query(0, 7).last(), Some(&publish(1, &[(0, 1)])));
    assert_eq!(
        bench.query(1, 7).last(),
        Some(&publish(2, &[(0, 1), (1, 2)]))
    );
    assert_eq!(bench.query(1, 7), [located(7, 1, 2, &[])]);
    let same = view(Some(1), &[1, 2]).with(2, &[(0, 1), (1, 2)]);
    assert_eq!(bench.give(CoordinatorInput::View(same)), []);
    assert_eq!(
        bench.give(CoordinatorInput::NodeDown(node(2))),
        [publish(3, &[(0, 1)])]
    );
    assert_eq!(bench.give(CoordinatorInput::NodeDown(node(2))), []);
}

#[test]
fn nodes_that_host_nothing_or_are_not_live_get_nothing() {
    let mut bench = bench();
    bench.give(CoordinatorInput::View(view(Some(1), &[1, 2, 3])));
    bench.register(3);
    bench.register(4);
    assert_eq!((0..5).map(|s| bench.place(s)).collect::<Vec<_>>(), [3; 5]);
}

#[test]
fn without_a_host_the_leader_holds_queries_until_one_registers() {
    let mut bench = bench();
    bench.give(CoordinatorInput::View(view(Some(1), &[1, 2])));
    assert_eq!(bench.query(1, 5), []);
    assert_eq!(bench.register(3), [], "it is not live");
    assert_eq!(
        bench.register(2),
        [located(5, 1, 2, &[]), publish(1, &[(1, 2)])]
    );
}

#[test]
fn held_queries_are_bounded_in_number_and_time() {
    let mut bench = bench_of(CoordinatorConfig {
        buffered_queries: 2,
        ..CoordinatorConfig::new(100)
    });
    assert_eq!(bench.query(1, 1), []);
    let second = CoordinatorInput::Query { shard: 1, asker: 2 };
    assert_eq!(bench.give_at(10_000, second), []);
    let third = CoordinatorInput::Query { shard: 1, asker: 3 };
    assert_eq!(
        bench.give_at(10_000, third),
        [refused(3, QueryRefusal::Full { limit: 2 })]
    );
    let expired = QueryRefusal::Expired(Duration::from_secs(30));
    assert_eq!(bench.give_at(29_999, CoordinatorInput::Tick), []);
    assert_eq!(
        bench.engine.poll(),
        CoordinatorOutput::Wait(Some(bench.start + Duration::from_secs(30)))
    );
    assert_eq!(
        bench.give_at(30_000, CoordinatorInput::Tick),
        [refused(1, expired)]
    );
    assert_eq!(
        bench.give_at(40_000, CoordinatorInput::Tick),
        [refused(2, expired)]
    );
    assert_eq!(bench.engine.poll(), CoordinatorOutput::Wait(None));
}

#[test]
fn an_expired_query_makes_room_for_the_next() {
    let mut bench = bench_of(CoordinatorConfig {
        buffered_queries: 1,
        ..CoordinatorConfig::new(100)
    });
    bench.query(1, 1);
    let next = CoordinatorInput::Query { shard: 1, asker: 2 };
    let expired = QueryRefusal::Expired(Duration::from_secs(30));
    assert_eq!(bench.give_at(30_000, next), [refused(1, expired)]);
    assert_eq!(bench.engine.buffered_queries(), 1);
}

#[test]
fn shards_beyond_the_count_are_refused_and_ignored_in_views() {
    let mut bench = leader(&[1]);
    assert_eq!(
        bench.query(100, 1),
        [refused(1, QueryRefusal::NoSuchShard { shards: 100 })]
    );
    bench.give(CoordinatorInput::View(
        view(Some(1), &[1]).with(5, &[(100, 1), (99, 1)]),
    ));
    assert_eq!(bench.engine.allocations().len(), 1);
}

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
fn a_follower_without_a_leader_holds_until_there_is_one() {
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
fn replicas_are_placed_on_other_hosts_evenly() {
    let config = CoordinatorConfig {
        replicas: 1,
        ..CoordinatorConfig::new(100)
    };
    let mut bench = leader_of(config, &[1, 2, 3]);
    let replicas: Vec<_> = (0..6)
        .map(|shard| match bench.query(shard, 0).first() {
            Some(CoordinatorOutput::Locate { location, .. }) => {
                let replicas: Vec<_> = location.replicas.iter().map(NodeAddress::port).collect();
                (location.node.port(), replicas)
            }
            other => panic!("no location: {other:?}"),
        })
        .collect();
    assert_eq!(
        replicas,
        [
            (1, vec![2]),
            (2, vec![1]),
            (3, vec![1]),
            (1, vec![3]),
            (2, vec![3]),
            (3, vec![2]),
        ],
        "the fewest replicas, the lowest address among equals"
    );
}

#[test]
fn too_few_nodes_for_all_replicas_get_as_many_as_there_are() {
    let config = CoordinatorConfig {
        replicas: 5,
        ..CoordinatorConfig::new(100)
    };
    let mut bench = leader_of(config, &[1, 2, 3]);
    assert_eq!(bench.query(0, 4).first(), Some(&located(4, 0, 1, &[2, 3])));
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

#[test]
fn a_snapshot_is_read_for_one_region_and_without_unreachable_nodes() {
    let member = |number, status| Member {
        address: node(number),
        status,
        roles: FrozenSet::default(),
        id: "id".into(),
    };
    let snapshot = TopologySnapshot {
        members: FrozenSet(vec![
            member(1, MemberStatus::Up),
            member(2, MemberStatus::Up),
            member(3, MemberStatus::Down),
            member(4, MemberStatus::Joining),
        ]),
        leader: Some(node(1)),
        shard_allocations: [
            ("bank".into(), [(3, allocation(1, &[]))].into()),
            ("shop".into(), [(4, allocation(2, &[]))].into()),
        ]
        .into(),
        allocation_epoch: 12,
        unreachable: FrozenSet(vec![node(2)]),
        registry: FrozenSet::default(),
    };
    assert_eq!(
        RegionView::of(&snapshot, "bank"),
        view(Some(1), &[1]).with(12, &[(3, 1)])
    );
    assert_eq!(RegionView::of(&snapshot, "none").allocations, Shards::new());
}

const NODES: u16 = 5;
const SHARDS: u32 = 12;

#[derive(Debug, Clone)]
enum Event {
    Pass(u64),
    View {
        leader: Option<u16>,
        live: BTreeSet<u16>,
        epoch: u64,
        allocations: Vec<(u32, u16)>,
    },
    Register(u16),
    Query(u32),
    Down(u16),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let allocations = proptest::collection::vec((0..SHARDS + 2, 1..=NODES), 0..6);
    let live = proptest::collection::btree_set(1..=NODES, 0..5);
    let view = (proptest::option::of(1u16..3), live, 0u64..30, allocations);
    let event = prop_oneof![
        2 => (0u64..20_000).prop_map(Event::Pass),
        2 => view.prop_map(|(leader, live, epoch, allocations)| Event::View {
            leader, live, epoch, allocations,
        }),
        2 => (1..=NODES).prop_map(Event::Register),
        6 => (0..SHARDS + 2).prop_map(Event::Query),
        1 => (1..=NODES).prop_map(Event::Down),
    ];
    proptest::collection::vec(event, 1..80)
}

/// A coordinator, and what is known of it from outside.
struct World {
    bench: Bench,
    now: u64,
    asked: u32,
    open: BTreeSet<u32>,
    epoch: u64,
    log: Vec<CoordinatorOutput<u32>>,
}

impl World {
    fn new() -> Self {
        let config = CoordinatorConfig {
            buffered_queries: 4,
            replicas: 1,
            ..CoordinatorConfig::new(SHARDS)
        };
        Self {
            bench: bench_of(config),
            now: 0,
            asked: 0,
            open: BTreeSet::new(),
            epoch: 0,
            log: Vec::new(),
        }
    }

    fn input(&mut self, event: Event) -> CoordinatorInput<u32> {
        match event {
            Event::Pass(millis) => {
                self.now += millis;
                CoordinatorInput::Tick
            }
            Event::View {
                leader,
                live,
                epoch,
                allocations,
            } => {
                let live: Vec<_> = live.into_iter().collect();
                CoordinatorInput::View(view(leader, &live).with(epoch, &allocations))
            }
            Event::Register(number) => CoordinatorInput::Register { node: node(number) },
            Event::Query(shard) => {
                self.asked += 1;
                self.open.insert(self.asked);
                let asker = self.asked;
                CoordinatorInput::Query { shard, asker }
            }
            Event::Down(number) => CoordinatorInput::NodeDown(node(number)),
        }
    }

    fn check(&mut self, output: &CoordinatorOutput<u32>) {
        match output {
            CoordinatorOutput::Locate { asker, location } => {
                assert!(self.open.remove(asker), "answered twice");
                assert!(self.bench.engine.view.live.contains(&location.node));
                assert!(!location.replicas.contains(&location.node));
            }
            CoordinatorOutput::Forward { asker, leader, .. } => {
                assert!(self.open.remove(asker), "answered twice");
                assert_ne!(*leader, node(1), "sent to itself");
            }
            CoordinatorOutput::Refused { asker, .. } => {
                assert!(self.open.remove(asker), "answered twice")
            }
            CoordinatorOutput::Publish { epoch, .. } => {
                assert!(*epoch > self.epoch, "the epoch grows");
                assert_eq!(self.bench.engine.role(), CoordinatorRole::Leader);
            }
            CoordinatorOutput::Register { .. } => {
                assert_eq!(self.bench.engine.role(), CoordinatorRole::Follower)
            }
            CoordinatorOutput::Wait(_) => {}
        }
    }
}

/// Runs a history and checks what holds in all of them; the log.
fn history(events: Vec<Event>) -> Vec<CoordinatorOutput<u32>> {
    let mut world = World::new();
    for event in events {
        let input = world.input(event);
        for output in world.bench.give_at(world.now, input) {
            world.check(&output);
            world.log.push(output);
        }
        let engine = &world.bench.engine;
        assert_eq!(
            world.open.len(),
            engine.buffered_queries(),
            "answered or held"
        );
        assert!(engine.buffered_queries() <= 4);
        assert!(engine.epoch() >= world.epoch);
        assert!(engine.allocations().keys().all(|shard| *shard < SHARDS));
        world.epoch = engine.epoch();
    }
    world.log
}

proptest! {
    #[test]
    fn every_query_is_answered_once_or_still_held(events in events()) {
        history(events);
    }

    #[test]
    fn equal_histories_give_equal_logs(events in events()) {
        prop_assert_eq!(history(events.clone()), history(events));
    }

    #[test]
    fn shards_are_balanced_within_one(
        shards in proptest::collection::btree_set(0u32..100, 1..100),
        hosts in proptest::collection::btree_set(1u16..20, 1..10),
        replicas in 0usize..3,
    ) {
        let config = CoordinatorConfig { replicas, ..CoordinatorConfig::new(100) };
        let hosts: Vec<_> = hosts.into_iter().chain([1]).collect();
        let mut bench = leader_of(config, &hosts);
        let distinct: BTreeSet<_> = hosts.iter().copied().collect();
        for shard in &shards {
            bench.place(*shard);
        }
        let mut primaries: BTreeMap<u16, usize> = distinct.iter().map(|host| (*host, 0)).collect();
        for allocation in bench.engine.allocations().values() {
            *primaries.entry(allocation.primary.port()).or_default() += 1;
            prop_assert_eq!(allocation.replicas.len(), replicas.min(distinct.len() - 1));
        }
        let (most, least) = (primaries.values().max().unwrap(), primaries.values().min().unwrap());
        prop_assert!(most - least <= 1, "{:?}", primaries);
    }
}
