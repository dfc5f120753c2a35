use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use casty_proto::message::{
    Member, MemberStatus, ShardAllocation, ShardLocation, TopologySnapshot,
};
use casty_proto::{FrozenSet, NodeAddress};

use super::{
    Coordinator, CoordinatorConfig, CoordinatorInput, CoordinatorOutput, CoordinatorRole,
    QueryRefusal, RegionView,
};

mod dead_nodes;
mod histories;
mod roles;

type Shards = BTreeMap<u32, ShardAllocation>;

struct Bench {
    engine: Coordinator<u32>,
    start: Instant,
}

fn node(number: u16) -> NodeAddress {
    NodeAddress::new("n", number)
}

/// Makes the coordinator of node 1 for a region of 100 shards.
fn bench_of(config: CoordinatorConfig) -> Bench {
    Bench {
        engine: Coordinator::new(config, node(1)),
        start: Instant::now(),
    }
}

fn bench() -> Bench {
    bench_of(CoordinatorConfig::new(100))
}

/// Makes a bench whose node 1 leads the nodes, all of which host the region.
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
        self.give(query(shard, asker))
    }

    fn register(&mut self, number: u16) -> Vec<CoordinatorOutput<u32>> {
        self.give(host(number))
    }

    /// Asks a leader for a shard, and returns its primary.
    fn place(&mut self, shard: u32) -> u16 {
        match self.query(shard, 0).first() {
            Some(CoordinatorOutput::Locate { location, .. }) => location.node.port(),
            other => panic!("no location: {other:?}"),
        }
    }
}

/// Returns the event of a node that hosts the region: the bench's own, or another.
fn host(number: u16) -> CoordinatorInput<u32> {
    if number == 1 {
        CoordinatorInput::Host
    } else {
        let node = node(number);
        CoordinatorInput::Register { node }
    }
}

/// Returns a query of an asker that sent it here.
fn query(shard: u32, asker: u32) -> CoordinatorInput<u32> {
    let from = None;
    CoordinatorInput::Query { shard, asker, from }
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
fn without_a_view_queries_are_buffered_and_then_answered_in_order() {
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
fn without_a_host_the_leader_buffers_queries_until_one_registers() {
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
fn buffered_queries_are_bounded_in_number_and_time() {
    let mut bench = bench_of(CoordinatorConfig {
        buffered_queries: 2,
        ..CoordinatorConfig::new(100)
    });
    assert_eq!(bench.query(1, 1), []);
    let second = query(1, 2);
    assert_eq!(bench.give_at(10_000, second), []);
    let third = query(1, 3);
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
    let next = query(1, 2);
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
