//! Finding the target: the shard of an entity, and the connected owner of a shard.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that fails ends; criterion's macros"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use casty_benches::frames::{REGION, entity};
use casty_benches::node::view;
use casty_proto::NodeAddress;
use casty_routing::{
    RegionId, Router, RouterConfig, RouterInput, RouterOutput, ShardCount, ShardId, SharedTable,
    View, entity_shard,
};
use criterion::{Criterion, criterion_group, criterion_main};

const SHARDS: u32 = 1000;

fn shard(c: &mut Criterion) {
    let shards = ShardCount::new(SHARDS).unwrap();
    let id = entity(42);
    c.bench_function("shard of an id of 9 bytes", |b| {
        b.iter(|| entity_shard(black_box(&id), shards));
    });
    let long = id.repeat(8);
    c.bench_function("shard of an id of 72 bytes", |b| {
        b.iter(|| entity_shard(black_box(&long), shards));
    });
}

/// Returns a table in which one node owns all shards.
fn table() -> (SharedTable<Arc<NodeAddress>>, RegionId) {
    let node = NodeAddress::new("127.0.0.1", 25520);
    let mut router: Router<Arc<NodeAddress>, ()> = Router::new(RouterConfig::default(), 1);
    let region = router
        .register_region(REGION, ShardCount::new(SHARDS).unwrap())
        .unwrap();
    let shared = SharedTable::new();
    let up = RouterInput::PeerUp {
        node: node.clone(),
        handle: Arc::new(node.clone()),
    };
    let view = Arc::new(View::from_snapshot(view(&node, SHARDS)));
    for input in [up, RouterInput::View(view)] {
        router.handle(Instant::now(), input);
        loop {
            match router.poll() {
                RouterOutput::Publish(table) => shared.store(table),
                RouterOutput::Wait(_) => break,
                _ => {}
            }
        }
    }
    assert_eq!(shared.load().listed(), SHARDS as usize);
    (shared, region)
}

fn route(c: &mut Criterion) {
    let (shared, region) = table();
    let mut shard = 0;
    c.bench_function("owner of a shard", |b| {
        b.iter(|| {
            shard = (shard + 7) % SHARDS;
            let table = shared.load();
            table
                .owner(region, ShardId::new(shard))
                .map(|peer| peer.port())
        });
    });
    let held = shared.load();
    c.bench_function("owner of a shard, table in hand", |b| {
        b.iter(|| {
            shard = (shard + 7) % SHARDS;
            held.owner(region, ShardId::new(shard))
                .map(|peer| peer.port())
        });
    });
}

criterion_group!(benches, shard, route);
criterion_main!(benches);
