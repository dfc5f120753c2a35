//! Views of many shards, within the default limits in every codec.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![cfg(all(
    feature = "json",
    feature = "msgpack",
    feature = "pickle",
    feature = "protobuf"
))]

use std::sync::Arc;

use casty_proto::message::{ShardAllocation, TopologySnapshot};
use casty_proto::{Codec, DecodeError, Limit, Limits, NodeAddress, Tuple};

/// The shards of the view that is read, and those of the view that it stands for.
const SHARDS: [u32; 2] = [1_000, 1_000_000];

/// Returns the allocations of a cluster with long names, the last of a million shards, each of
/// which has two replicas.
fn view() -> TopologySnapshot {
    let node = |number| {
        let host = format!("casty-{number}.casty.my-namespace.svc.cluster.local");
        NodeAddress::new(host, 25520)
    };
    let allocation = ShardAllocation {
        primary: node(10),
        replicas: Tuple(vec![node(11), node(12)]),
    };
    let [read, all] = SHARDS;
    let shards = (all - read..all).map(|shard| (shard, allocation.clone()));
    TopologySnapshot {
        shard_allocations: [(Arc::from("account"), shards.collect())].into(),
        ..TopologySnapshot::default()
    }
}

#[test]
fn a_view_of_a_million_shards_with_replicas_is_within_the_defaults_in_every_codec() {
    let view = view();
    let [read, all] = SHARDS;
    let share = |limit: usize| limit / (all / read) as usize;
    let limits = Limits::new()
        .with_bytes(share(Limits::new().bytes))
        .with_items(share(Limits::new().items));
    for codec in [
        Codec::json(),
        Codec::msgpack(),
        Codec::pickle(),
        Codec::protobuf(),
    ] {
        let mut out = Vec::new();
        codec.encode(&view, &mut out).unwrap();
        let decoded: Result<TopologySnapshot, _> = codec.decode(&out, &limits);
        assert_eq!(decoded.as_ref(), Ok(&view), "{codec:?}");
        // Each shard counts: a third of them would not do.
        let few = limits.with_items(limits.items / 3);
        let over = codec.decode::<TopologySnapshot>(&out, &few).unwrap_err();
        let items = DecodeError::Limit {
            limit: Limit::Items,
            max: few.items,
        };
        assert_eq!(*over.without_path(), items, "{codec:?}");
    }
}
