//! The router against a naive model of the world around it: whatever happens in whatever order,
//! every message ends exactly once, in order, within bounds, and only where it may go.

// A test has to begin at some moment, and may panic.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::time::Instant;

use casty_routing::Overflow;
use proptest::prelude::*;

#[path = "router_model/world.rs"]
mod world;

use world::{NODES, Picture, REGIONS, SHARDS, Step, To, play};

fn to() -> impl Strategy<Value = To> {
    prop_oneof![
        6 => (0..REGIONS, 0..SHARDS).prop_map(|(region, shard)| To::Shard(region, shard)),
        1 => (0..NODES).prop_map(To::Node),
        1 => Just(To::Leader),
    ]
}

fn picture() -> impl Strategy<Value = Picture> {
    let few = || prop::collection::vec(0..NODES, 0..2);
    let owner = (0..REGIONS, 0..SHARDS, 0..NODES);
    let owners = prop::collection::vec(owner, 0..8);
    (prop::option::weighted(0.9, 0..NODES), few(), few(), owners).prop_map(
        |(leader, unreachable, down, owners)| Picture {
            leader,
            unreachable,
            down,
            owners,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let node = || 0..NODES;
    prop_oneof![
        12 => (to(), 1_usize..30, 0_u64..6_000)
            .prop_map(|(to, bytes, ttl)| Step::Send { to, bytes, ttl }),
        4 => (-1_i8..3, picture()).prop_map(|(epoch, picture)| Step::View { epoch, picture }),
        4 => (0_usize..8, node()).prop_map(|(which, owner)| Step::Answer { which, owner }),
        1 => (0..REGIONS, 0..SHARDS + 1, node())
            .prop_map(|(region, shard, owner)| Step::Unasked { region, shard, owner }),
        5 => node().prop_map(Step::Up),
        3 => (node(), 0_usize..6).prop_map(|(node, unsent)| Step::Down { node, unsent }),
        2 => node().prop_map(Step::Fill),
        3 => node().prop_map(Step::Empty),
        2 => node().prop_map(Step::ConnectFailed),
        4 => (0_u64..1_500).prop_map(Step::Pass),
        1 => to().prop_map(Step::Cancel),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_message_ends_once_in_order_within_bounds_and_the_same_seed_repeats_it(
        steps in prop::collection::vec(step(), 0..120),
        seed: u64,
        overflow in prop::sample::select(vec![Overflow::Refuse, Overflow::DropOldest]),
    ) {
        let start = Instant::now();
        let log = play(&steps, start, seed, overflow);
        prop_assert_eq!(log, play(&steps, start, seed, overflow));
    }
}
