//! The memory that json and msgpack take, counted.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(all(feature = "json", feature = "msgpack"))]

use allocation_counter::{AllocationInfo, measure};
use casty_proto::message::ShardEnvelope;
use casty_proto::message::structures::counter::Increment;
use casty_proto::{ActorRef, Codec, Limits, Value};
use serde::de::IgnoredAny;

fn decoded(codec: Codec, input: &[u8]) -> AllocationInfo {
    measure(|| {
        let value = codec.decode::<Value>(input, &Limits::default());
        drop(std::hint::black_box(value));
    })
}

#[test]
fn writing_a_message_of_a_known_class_allocates_nothing() {
    let actor =
        ActorRef::new("casty://s-client@127.0.0.1:0/_ask/d9c58575cce248e6a12742cd").unwrap();
    let message = Increment {
        amount: 5,
        reply_to: actor,
    };
    let envelope: ShardEnvelope<_> = ShardEnvelope::new("user-42", message);
    for codec in [Codec::json(), Codec::msgpack()] {
        let mut out = Vec::with_capacity(1024);
        // Its names are spelled the first time.
        codec.encode(&envelope, &mut out).unwrap();
        out.clear();
        let info = measure(|| {
            codec.encode(&envelope, &mut out).unwrap();
        });
        assert_eq!(info.count_total, 0, "{codec:?}");
    }
}

#[test]
fn reading_a_scalar_allocates_nothing() {
    for (codec, input) in [
        (Codec::json(), &b"12345"[..]),
        (Codec::msgpack(), b"\xcd\x30\x39"),
    ] {
        let info =
            measure(|| assert_eq!(codec.decode::<i64>(input, &Limits::default()), Ok(12345)));
        assert_eq!(info.count_total, 0, "{codec:?}");
    }
}

#[test]
fn reading_any_value_takes_memory_in_proportion_to_the_input() {
    let list = |item: &str, count: usize| "[".to_owned() + &vec![item; count].join(",") + "]";
    let packed = |item: &[u8], count: u32| {
        [
            &b"\xdd"[..],
            &count.to_be_bytes(),
            &item.repeat(count as usize),
        ]
        .concat()
    };
    // One element over a power of two is where a growing vector wastes most.
    let json = [
        "0",
        "[]",
        "[0]",
        "[[0]]",
        "{}",
        "\"\"",
        "\"a\"",
        "{\"a\":0}",
        "{\"__dict__\":[[0,0]]}",
        "{\"__tuple__\":[0]}",
        "{\"_type\":\"\",\"\":0}",
        "{\"_type\":\"\"}",
        "{\"__enum__\":\"\",\"value\":\"\"}",
        "{\"__ref__\":\"\"}",
        "99999999999999999999",
    ]
    .map(|item| list(item, 16_385));
    let msgpack: [&[u8]; 12] = [
        b"\x00",
        b"\x90",
        b"\x91\x00",
        b"\x91\x91\x00",
        b"\x80",
        b"\xa0",
        b"\xa1a",
        b"\x81\xa1a\x00",
        b"\x81\xa8__dict__\x91\x92\x00\x00",
        b"\x81\xa9__tuple__\x91\x00",
        b"\x82\xa5_type\xa0\xa0\x00",
        b"\xc4\x00",
    ];
    let inputs = json
        .iter()
        .map(|text| (Codec::json(), text.clone().into_bytes()));
    let inputs = inputs.chain(msgpack.map(|item| (Codec::msgpack(), packed(item, 16_385))));
    for (codec, input) in inputs {
        let info = decoded(codec, &input);
        assert!(codec.decode::<Value>(&input, &Limits::default()).is_ok());
        let allowed = 48 * input.len() as u64 + 256 * 1024;
        let start = &input[..input.len().min(30)];
        assert!(
            info.bytes_max <= allowed,
            "{codec:?} {:?}: {} bytes, {} a byte of input",
            String::from_utf8_lossy(start),
            info.bytes_max,
            info.bytes_max / input.len() as u64
        );
    }
}

#[test]
fn announced_lengths_set_no_memory_aside() {
    // Each level announces all that is left of the input.
    let filler = vec![0x90; 100_000];
    let mut input = Vec::new();
    for _ in 0..100 {
        input.extend_from_slice(b"\xdd\x00\x01\x80\x00");
    }
    input.extend_from_slice(&filler);
    let info = decoded(Codec::msgpack(), &input);
    assert!(
        info.bytes_max <= 48 * input.len() as u64 + 256 * 1024,
        "{}",
        info.bytes_max
    );
    let info = decoded(Codec::msgpack(), b"\xdd\xff\xff\xff\xff");
    assert!(info.bytes_max < 1024);
}

#[test]
fn ignoring_a_value_takes_memory_for_its_nesting_only() {
    let text = format!("[{}0]", "[[1,\"a\\n\"],{\"a\":[]}],".repeat(10_000));
    let info = measure(|| {
        Codec::json()
            .decode::<IgnoredAny>(text.as_bytes(), &Limits::default())
            .unwrap();
    });
    assert!(info.bytes_max < 4_096, "{}", info.bytes_max);
}
