//! Random histories, against what must hold in all of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

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
            Event::Register(number) => host(number),
            Event::Query(shard) => {
                self.asked += 1;
                self.open.insert(self.asked);
                let asker = self.asked;
                query(shard, asker)
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
                assert!(self.open.remove(asker), "answered twice");
            }
            CoordinatorOutput::Publish { epoch, .. } => {
                assert!(*epoch > self.epoch, "the epoch grows");
                assert_eq!(self.bench.engine.role(), CoordinatorRole::Leader);
            }
            CoordinatorOutput::Register { .. } => {
                assert_eq!(self.bench.engine.role(), CoordinatorRole::Follower);
            }
            CoordinatorOutput::Wait(_) => {}
        }
    }
}

/// Runs a history, checks what holds in all of them, and returns the log.
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
            "answered or buffered"
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
    fn every_query_is_answered_once_or_still_buffered(events in events()) {
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
