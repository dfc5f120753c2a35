//! The memory that reading a pickle may take; writing one takes none.
#![cfg(feature = "pickle")]
#![allow(clippy::unwrap_used)] // tests throughout

use std::collections::BTreeMap;

use allocation_counter::measure;
use casty_proto::message::{ShardAllocation, ShardEnvelope, TopologySnapshot};
use casty_proto::{ActorRef, Codec, Limits, NodeAddress, Value};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// Pickles that hold as much as their bytes allow, each in another way.
fn dense(len: usize) -> Vec<(&'static str, Vec<u8>)> {
    let fill = |open: &[u8], item: &[u8], close: &[u8]| {
        let mut out = vec![0x80, 5];
        out.extend_from_slice(open);
        out.extend(item.repeat(len / item.len()));
        out.extend_from_slice(close);
        out.push(b'.');
        out
    };
    vec![
        ("nones", fill(b"(", b"N", b"t")),
        ("empty lists", fill(b"(", b"]", b"t")),
        ("empty dicts", fill(b"(", b"}", b"t")),
        ("tuples of one", fill(b"(", b"N\x85", b"t")),
        ("dicts of one", fill(b"(", b"}NNs", b"t")),
        ("memoized lists", fill(b"(", b"]\x94", b"t")),
        ("empty texts", fill(b"(", b"\x8c\x00", b"t")),
        ("small ints", fill(b"(", b"K\x01", b"t")),
        ("entries", fill(b"}(", b"NN", b"u")),
        ("extended lists", fill(b"(", b"]NaNa", b"t")),
        ("extended dicts", fill(b"(", b"}NNsNNs", b"t")),
        ("one list, item by item", fill(b"]", b"Na", b"")),
        (
            "objects",
            fill(b"\x8c\x01a\x8c\x01B\x93\x94h\x00(", b"h\x00)\x81", b"t\x86"),
        ),
        (
            "classes",
            fill(b"\x8c\x01a\x94(", b"h\x00h\x00\x93", b"t\x86"),
        ),
        (
            "one list that occurs twice",
            fill(b"(", b"]", b"]\x94h\x00t"),
        ),
        ("marks", fill(b"", b"(", b"")),
    ]
}

/// Limits that none of these reach by their number of values.
const LIMITS: Limits = Limits::new()
    .with_bytes(1 << 24)
    .with_depth(128)
    .with_items(usize::MAX);

#[test]
fn a_pickle_of_one_scalar_takes_no_memory() {
    for scalar in [
        &b"N"[..],
        b"\x88",
        b"\x89",
        b"K\x01",
        b"M\x01\x01",
        b"J\xff\xff\xff\xff",
        b"\x8a\x05\x01\x02\x03\x04\x05",
        b"G\0\0\0\0\0\0\0\0",
        b"\x8c\x02ab",
        b"\x8c\x02ab\x94",
    ] {
        let framed = [b"\x95\x0a\0\0\0\0\0\0\0", scalar].concat();
        for part in [scalar, &framed] {
            let input = [b"\x80\x05", part, b"."].concat();
            let info = measure(|| {
                let read = Codec::pickle().decode::<IgnoredAny>(&input, &LIMITS);
                assert!(read.is_ok(), "{input:?}");
            });
            assert_eq!(info.count_total, 0, "{input:?}");
        }
    }
}

#[test]
fn empty_collections_share_what_they_are_made_of() {
    for empty in [&b"]"[..], b"(t", b"\x8f", b"(\x91", b"}"] {
        let input = [b"\x80\x05(", &empty.repeat(10_000)[..], b"t."].concat();
        let info = measure(|| {
            let read = Codec::pickle().decode::<Value>(&input, &LIMITS);
            assert_eq!(read.unwrap().items().map(<[Value]>::len), Some(10_000));
        });
        assert!(info.count_total < 100, "{empty:?}: {}", info.count_total);
    }
}

#[test]
fn reading_stays_within_a_multiple_of_the_input() {
    #[derive(Deserialize)]
    struct Nothing;
    for (name, input) in dense(300_000) {
        let info = measure(|| {
            // The whole pickle is read, and found to be no `Nothing` then.
            assert!(Codec::pickle().decode::<Nothing>(&input, &LIMITS).is_err());
        });
        let most = 48 * input.len() as u64 + 256 * 1024;
        assert!(
            info.bytes_max <= most,
            "{name}: {} of {most}",
            info.bytes_max
        );
        assert_eq!(info.bytes_current, 0, "{name}");
    }
}

#[test]
fn any_value_stays_within_a_multiple_of_the_input() {
    for (name, input) in dense(300_000) {
        let info = measure(|| drop(Codec::pickle().decode::<Value>(&input, &LIMITS)));
        let most = 48 * input.len() as u64 + 256 * 1024;
        assert!(
            info.bytes_max <= most,
            "{name}: {} of {most}",
            info.bytes_max
        );
    }
}

#[test]
fn the_item_limit_bounds_memory_whatever_the_input() {
    let limits = Limits::new().with_items(10_000);
    for (name, input) in dense(1_000_000) {
        let info = measure(|| drop(Codec::pickle().decode::<Value>(&input, &limits)));
        // Marks and classes are no values: the input alone bounds them.
        if !matches!(name, "marks" | "classes") {
            assert!(info.bytes_max < 1 << 20, "{name}: {}", info.bytes_max);
        }
    }
}

/// The allocations of that many shards as a node writes them: each name once, and every shard
/// with two addresses of its own.
fn allocations(shards: u32) -> Vec<u8> {
    let name = |text: &str| [&[0x8c, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let mut out = b"\x80\x05((".to_vec();
    out.extend([name("casty.cluster.state"), b"\x94".to_vec()].concat());
    out.extend([name("ShardAllocation"), b"\x94\x93\x94".to_vec()].concat());
    out.extend(
        [
            name("primary"),
            b"\x94".to_vec(),
            name("replicas"),
            b"\x94".to_vec(),
        ]
        .concat(),
    );
    out.extend(
        [
            b"h\x00".to_vec(),
            name("NodeAddress"),
            b"\x94\x93\x94".to_vec(),
        ]
        .concat(),
    );
    out.extend(
        [
            name("host"),
            b"\x94".to_vec(),
            name("port"),
            b"\x94t}(".to_vec(),
        ]
        .concat(),
    );
    let node = |shard: u32| {
        let host = name(&format!("10.0.0.{}", shard % 250));
        [b"h\x06)\x81}(h\x07", &*host, b"h\x08M\xb0\x63ub"].concat()
    };
    for shard in 0..shards {
        out.push(b'J');
        out.extend(shard.to_le_bytes());
        out.extend([b"h\x02)\x81}(h\x03", &*node(shard)].concat());
        out.extend([b"h\x04", &*node(shard + 1), b"\x85ub"].concat());
    }
    out.extend(b"ut.");
    out
}

#[test]
fn a_hundred_thousand_shards_are_within_the_default_limits() {
    let (_, shards): (IgnoredAny, BTreeMap<u32, ShardAllocation>) = Codec::pickle()
        .decode(&allocations(100_000), &Limits::default())
        .unwrap();
    assert_eq!(shards.len(), 100_000);
    assert_eq!(shards[&7].primary, NodeAddress::new("10.0.0.7", 25_520));
    assert_eq!(shards[&7].replicas[0], NodeAddress::new("10.0.0.8", 25_520));
}

#[test]
fn a_length_without_its_bytes_sets_nothing_aside() {
    for opcodes in [&b"\x8d"[..], b"\x8e", b"\x96"] {
        let input = [b"\x80\x05", opcodes, &[0, 0, 0, 0, 0x10, 0, 0, 0], b"."].concat();
        let info = measure(|| {
            assert!(Codec::pickle().decode::<Value>(&input, &LIMITS).is_err());
        });
        assert!(info.bytes_max < 1024);
    }
}

#[test]
fn writing_a_message_allocates_nothing_but_for_the_first_of_its_class() {
    #[derive(Serialize)]
    #[serde(rename = "app.Increment")]
    struct Increment {
        amount: i64,
    }
    #[derive(Serialize)]
    #[serde(rename = "app.GetCount")]
    struct GetCount {
        reply_to: ActorRef<i64>,
    }
    let mut out = Vec::with_capacity(1024);
    for codec in [Codec::pickle(), Codec::pickle_positional()] {
        let increment = ShardEnvelope::<_, String>::new("alice", Increment { amount: 5 });
        let reply_to = ActorRef::new("casty://s@h:1/_ask/0").unwrap();
        let get = ShardEnvelope::<_, String>::new("alice", GetCount { reply_to });
        let mut write = || {
            out.clear();
            codec.encode(&increment, &mut out).unwrap();
            codec.encode(&get, &mut out).unwrap();
        };
        write();
        assert_eq!(measure(write).count_total, 0);
    }
    let snapshot = TopologySnapshot::default();
    let mut write = || {
        out.clear();
        Codec::pickle().encode(&snapshot, &mut out).unwrap();
    };
    write();
    assert_eq!(measure(write).count_total, 0);
}

#[test]
fn reading_a_scalar_reply_allocates_nothing() {
    let mut input = Vec::new();
    Codec::pickle().encode(&5, &mut input).unwrap();
    let info = measure(|| {
        let reply: i64 = Codec::pickle().decode(&input, &Limits::default()).unwrap();
        assert_eq!(reply, 5);
    });
    assert_eq!(info.count_total, 0);
}
