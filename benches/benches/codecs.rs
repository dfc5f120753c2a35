//! Encoding and decoding, per serializer: what is sent often, what comes often, and the largest
//! message that nodes push.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that fails ends; criterion's macros"
)]

use std::fmt::Debug;
use std::hint::black_box;

use casty_benches::frames::{GetCount, Increment, entity};
use casty_benches::node::view;
use casty_proto::message::{ShardEnvelope, ShardLocation, TopologySnapshot};
use casty_proto::{ActorRef, Codec, Limits, NodeAddress, Tuple};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn codecs() -> [(&'static str, Codec); 5] {
    [
        ("json", Codec::json()),
        ("msgpack", Codec::msgpack()),
        ("pickle", Codec::pickle()),
        ("pickle positional", Codec::pickle_positional()),
        ("protobuf", Codec::protobuf()),
    ]
}

fn encode(c: &mut Criterion, what: &str, message: &impl Serialize) {
    let mut group = c.benchmark_group(format!("encode {what}"));
    for (name, codec) in codecs() {
        let mut out = Vec::new();
        codec.encode(message, &mut out).unwrap();
        group.throughput(Throughput::Bytes(out.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                codec.encode(black_box(message), &mut out).unwrap()
            });
        });
    }
    group.finish();
}

fn decode<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    c: &mut Criterion,
    what: &str,
    message: &T,
) {
    let limits = Limits::default();
    let mut group = c.benchmark_group(format!("decode {what}"));
    for (name, codec) in codecs() {
        let mut bytes = Vec::new();
        codec.encode(message, &mut bytes).unwrap();
        assert_eq!(&codec.decode::<T>(&bytes, &limits).unwrap(), message);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| codec.decode::<T>(black_box(&bytes), &limits).unwrap());
        });
    }
    group.finish();
}

fn outbound(c: &mut Criterion) {
    let tell = ShardEnvelope::new(entity(42), Increment { amount: 5 });
    encode(c, "tell", &tell);
    let reply_to =
        ActorRef::new("casty://bench-client@127.93.201.17:0/_ask/000000070000002a1f2e3d4c5b6a7988");
    let reply_to = reply_to.unwrap();
    encode(
        c,
        "ask",
        &ShardEnvelope::new(entity(42), GetCount { reply_to }),
    );
}

fn inbound(c: &mut Criterion) {
    let node = NodeAddress::new("10.0.1.10", 25520);
    decode(c, "int reply", &1234_i64);
    let location = ShardLocation {
        shard_id: 7,
        node: node.clone(),
        replicas: Tuple::default(),
    };
    decode(c, "ShardLocation", &location);
    let snapshot: TopologySnapshot = view(&node, 1000);
    decode(c, "TopologySnapshot of 1000 shards", &snapshot);
    encode(c, "TopologySnapshot of 1000 shards", &snapshot);
}

criterion_group!(benches, outbound, inbound);
criterion_main!(benches);
