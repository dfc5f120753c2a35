//! Finding the target: the shard of an entity, and the connected owner of a shard.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that fails ends; criterion's macros"
)]

use std::hint::black_box;

use casty_benches::frames::entity;
use casty_benches::routed::{SHARDS, table};
use casty_routing::{ShardCount, ShardId, entity_shard};
use criterion::{Criterion, criterion_group, criterion_main};

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

fn route(c: &mut Criterion) {
    let (shared, region) = table().unwrap();
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
