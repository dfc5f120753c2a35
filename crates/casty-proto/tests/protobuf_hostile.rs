//! Hostile or broken protobuf. All of it gets a typed error within the limits.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(feature = "protobuf")]

use std::collections::BTreeMap;

use allocation_counter::measure;
use casty_proto::Limit;
use casty_proto::message::ShardEnvelope;
use casty_proto::message::structures::counter::Increment;
use casty_proto::value::DateTime;
use casty_proto::{ActorRef, Codec, DecodeError, EncodeError, Limits, Value};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

fn decode<T: DeserializeOwned>(input: &[u8]) -> Result<T, DecodeError> {
    Codec::protobuf().decode(input, &Limits::default())
}

/// A field that is delimited by its length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, usize::from(number) * 8 + 2);
    varint(&mut out, content.len());
    out.extend_from_slice(content);
    out
}

fn varint(out: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
}

const NONE: &[u8] = b"\x08\x00";

fn list(item: &[u8], count: usize) -> Vec<u8> {
    field(7, &field(1, item).repeat(count))
}

fn object(class: &str, parts: &[(u8, &[u8])]) -> Vec<u8> {
    let mut content = field(1, class.as_bytes());
    for (number, part) in parts {
        content.extend(field(*number, part));
    }
    field(10, &content)
}

#[track_caller]
fn malformed(input: &[u8], expected: &str) {
    match decode::<Value>(input) {
        Err(DecodeError::Malformed { what, at }) => {
            assert_eq!(what, expected, "{input:?}");
            assert!(at <= input.len());
        }
        other => panic!("{other:?} of {input:?}"),
    }
}

#[test]
fn a_value_has_exactly_one_kind_that_is_known() {
    let empty = Err(DecodeError::Truncated { at: 0 });
    assert_eq!(decode::<Value>(b""), empty);
    malformed(&field(25, b"new"), "a value of no kind that is known");
    malformed(b"\x08\x00\x10\x01", "a field that is there twice");
    malformed(b"\x10\x01\x10\x01", "a field that is there twice");
    malformed(&list(b"", 1), "a value of no kind that is known");
}

#[test]
fn fields_that_are_not_known_are_passed_over() {
    let unknown: [&[u8]; 4] = [
        b"\xc8\x01\x05",
        b"\xc9\x01\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\xcd\x01\x01\x02\x03\x04",
        b"\xca\x01\x03abc",
    ];
    let point = object("a.B", &[(2, b"x"), (3, b"\x18\x02"), (9, b"new")]);
    for extra in unknown {
        let int = [extra, b"\x18\x02", extra].concat();
        assert_eq!(decode::<i64>(&int), Ok(1));
        assert_eq!(decode::<Value>(&int), Ok(Value::Int(1)));
        let inside = field(7, &[extra, &field(1, &int), extra].concat());
        assert_eq!(decode::<Vec<i64>>(&inside), Ok(vec![1]));
        assert_eq!(decode::<Value>(&inside), Ok(Value::list([1])));
    }
    assert_eq!(
        decode::<Value>(&point),
        Ok(Value::object("a.B", [("x", 1)]))
    );
    assert_eq!(
        decode::<BTreeMap<String, i64>>(&point),
        Ok(BTreeMap::from([("x".to_owned(), 1)]))
    );
}

#[test]
fn fields_of_another_form_are_refused() {
    let other = "a field of another form than the schema has";
    for input in [
        &b"\x0a\x00"[..],
        b"\x12\x01\x01",
        b"\x1d\x00\x00\x00\x00",
        b"\x20\x00",
        b"\x28\x00",
        b"\x38\x05",
        b"\x50\x01",
        b"\xc0\x01\x00",
    ] {
        malformed(input, other);
    }
    // Elements, class, names and values.
    assert!(decode::<Value>(&field(7, b"\x08\x01")).is_err());
    assert!(decode::<Vec<u8>>(&field(7, b"\x08\x01")).is_err());
    malformed(&field(9, b"\x08\x01"), other);
    malformed(&field(10, b"\x08\x01"), other);
    malformed(&object("a.B", &[]).repeat(2), "a field that is there twice");
    malformed(b"\x0b\x0c", "a field of no known form");
    malformed(b"\x0f\x04", "a field of no known form");
    malformed(b"\x00\x04", "a field that no message has");
    malformed(
        b"\x80\x80\x80\x80\x80\x80\x01\x00",
        "a field that no message has",
    );
}

#[test]
fn the_highest_number_that_a_field_can_have_is_passed_over_and_higher_ones_are_refused() {
    let behind_field = |number: usize| {
        let mut input = Vec::new();
        varint(&mut input, number * 8);
        [&input[..], b"\x00\x18\x02"].concat()
    };
    let highest = (1 << 29) - 1;
    assert_eq!(decode::<i64>(&behind_field(highest)), Ok(1));
    assert_eq!(decode::<Value>(&behind_field(highest)), Ok(Value::Int(1)));
    for number in [0, highest + 1, highest + 2] {
        malformed(&behind_field(number), "a field that no message has");
    }
}

#[test]
fn numbers_beyond_64_bits_are_refused() {
    let largest = [&b"\x18"[..], &[0xff; 9], b"\x01"].concat();
    assert_eq!(decode::<i64>(&largest), Ok(i64::MIN));
    for tail in [&b"\x02"[..], b"\x81\x00", b"\xff\x01"] {
        let input = [&b"\x18"[..], &[0xff; 9], tail].concat();
        malformed(&input, "a number beyond 64 bits");
    }
}

#[test]
fn an_input_that_ends_early_is_truncated() {
    let whole = list(
        &object("a.B", &[(2, b"x"), (3, b"\x21\0\0\0\0\0\0\xf0\x3f")]),
        2,
    );
    assert!(decode::<Value>(&whole).is_ok());
    for end in 1..whole.len() {
        assert_eq!(
            decode::<Value>(&whole[..end]),
            Err(DecodeError::Truncated { at: end })
        );
    }
    for input in [&b"\x18"[..], b"\x18\xff", b"\x21\x00", b"\x2a\x05abc"] {
        let at = input.len();
        assert_eq!(
            decode::<Value>(input),
            Err(DecodeError::Truncated { at }),
            "{input:?}"
        );
    }
    let endless = [&b"\x3a"[..], &[0xff; 9], b"\x01"].concat();
    assert!(decode::<Value>(&endless).is_err());
}

#[test]
fn keys_and_values_come_in_pairs() {
    malformed(&field(9, &field(1, NONE)), "a key without its value");
    malformed(&field(9, &field(2, NONE)), "a value without its key");
    malformed(&object("a.B", &[(2, b"x")]), "a key without its value");
    malformed(&object("a.B", &[(3, NONE)]), "a value without its key");
    malformed(&field(10, b""), "an object without its class");
    malformed(
        &field(10, &field(1, b"a.B").repeat(2)),
        "a field that is there twice",
    );
    assert!(decode::<Value>(&field(12, &field(1, b"a.B"))).is_err());
    assert!(decode::<Value>(&field(12, &field(2, b"A"))).is_err());
    // Each for itself, as generated code writes them.
    let apart = [field(1, b"\x18\x02"), field(1, b"\x18\x04"), field(2, NONE)].concat();
    let apart = field(9, &[apart, field(2, b"\x10\x01")].concat());
    let expected = Value::dict([(1, Value::None), (2, Value::Bool(true))]);
    assert_eq!(decode::<Value>(&apart), Ok(expected));
    let typed = BTreeMap::from([(1, None), (2, Some(true))]);
    assert_eq!(decode::<BTreeMap<u8, Option<bool>>>(&apart), Ok(typed));
}

#[test]
fn what_stands_for_nothing_in_python_is_refused() {
    let no_text = "a string that is no UTF-8";
    malformed(&field(5, b"\xed\xa0\x80"), no_text);
    malformed(&field(11, b"\xff"), no_text);
    malformed(&object("a.B", &[(2, b"\xff"), (3, NONE)]), no_text);
    let nothing = "a value that Python has not";
    let day = b"\x08\xe8\x0f\x10\x02\x18\x1e";
    for (kind, content) in [
        (17, &b""[..]),
        (17, &field(1, day)),
        (18, b""),
        (18, day),
        (18, b"\x0a"),
        (19, b"\x08\x18"),
        (19, b"\x32\x02\x08\x04"),
        (20, b"\x10\x80\xa3\x05"),
        (21, b"short"),
        (22, b"\xff"),
        (23, b"\x08\x01"),
    ] {
        let input = field(kind, content);
        assert!(
            matches!(decode::<Value>(&input), Err(DecodeError::Malformed { what, .. }) if what == nothing),
            "{kind} {content:?}"
        );
        assert!(decode::<DateTime>(&input).is_err());
        assert!(decode::<String>(&input).is_err());
    }
    assert!(decode::<Value>(&field(24, b"\x08\x01")).is_err());
}

#[test]
fn a_decimal_that_python_cannot_make_is_refused() {
    for text in ["", "<", "\u{1}", "1 5", "\u{661}"] {
        malformed(&field(22, text.as_bytes()), "a value that Python has not");
    }
    for text in ["1.50", "-1E+5", "NaN"] {
        let decimal = Value::Decimal(text.into());
        assert_eq!(decode(&field(22, text.as_bytes())), Ok(decimal));
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "a.Nested")]
struct Nested {
    inner: Option<Box<Nested>>,
}

#[test]
fn nesting_is_limited() {
    let deep = |levels: usize| (0..levels).fold(NONE.to_vec(), |value, _| list(&value, 1));
    let at_most = |depth| Limits::new().with_depth(depth);
    let too_deep = |max| {
        Err(DecodeError::Limit {
            limit: Limit::Depth,
            max,
        })
    };
    let codec = Codec::protobuf();
    assert!(codec.decode::<Value>(&deep(9), &at_most(9)).is_ok());
    assert_eq!(codec.decode::<Value>(&deep(10), &at_most(9)), too_deep(9));
    assert_eq!(
        codec.decode::<Value>(&deep(20_000), &at_most(1_000)),
        too_deep(Limits::MAX_DEPTH)
    );
    let mut nested = object("a.Nested", &[(2, b"inner"), (3, NONE)]);
    for _ in 0..5_000 {
        nested = object("a.Nested", &[(2, b"inner"), (3, &nested)]);
    }
    assert!(matches!(
        codec.decode::<Nested>(&nested, &at_most(1_000)),
        Err(DecodeError::Limit {
            limit: Limit::Depth,
            ..
        })
    ));
    // Unrequested fields are skipped in one step.
    assert!(
        codec
            .decode::<IgnoredAny>(&deep(20_000), &at_most(1))
            .is_ok()
    );
}

#[test]
fn values_keys_and_names_are_counted() {
    let at_most = |items| Limits::new().with_items(items);
    let dict = field(9, &[field(1, NONE), field(2, NONE)].concat().repeat(10));
    let object = object("a.B", &[(2, &b"x"[..]), (3, NONE)].repeat(10));
    for (input, items) in [(list(NONE, 20), 21), (dict, 21), (object, 21)] {
        let codec = Codec::protobuf();
        assert!(codec.decode::<Value>(&input, &at_most(items)).is_ok());
        assert_eq!(
            codec.decode::<Value>(&input, &at_most(items - 1)),
            Err(DecodeError::Limit {
                limit: Limit::Items,
                max: items - 1
            })
        );
    }
    let bytes = Limits::new().with_bytes(3);
    assert!(matches!(
        Codec::protobuf().decode::<Value>(&list(NONE, 1), &bytes),
        Err(DecodeError::Limit {
            limit: Limit::Bytes,
            max: 3
        })
    ));
}

#[test]
fn reading_any_value_takes_memory_in_proportion_to_the_input() {
    let one = list(NONE, 1);
    let items = [
        NONE.to_vec(),
        list(NONE, 0),
        one.clone(),
        list(&one, 1),
        field(5, b""),
        field(5, b"a"),
        field(6, b""),
        field(15, b"\x00\x00\x00\x00\x00\x00\x00\x00\x01"),
        field(9, b""),
        field(9, &[field(1, NONE), field(2, NONE)].concat()),
        object("", &[]),
        object("", &[(2, b""), (3, NONE)]),
        field(12, &[field(1, b""), field(2, b"")].concat()),
        field(11, b""),
        field(19, b""),
        field(20, b""),
        field(21, &[0; 16]),
        field(24, b""),
    ];
    for item in items {
        // One element over a power of two is where a growing vector wastes most.
        let input = list(&item, 16_385);
        assert!(decode::<Value>(&input).is_ok(), "{item:?}");
        let info = measure(|| {
            drop(std::hint::black_box(decode::<Value>(&input)));
        });
        let allowed = 48 * input.len() as u64 + 256 * 1024;
        assert!(
            info.bytes_max <= allowed,
            "{item:?}: {} bytes, {} a byte of input",
            info.bytes_max,
            info.bytes_max / input.len() as u64
        );
    }
    // Names that all differ.
    let names: Vec<u8> = (0..40_000_u32)
        .flat_map(|n| {
            let name = format!("{n:x}");
            object(&name, &[(2, name.as_bytes()), (3, NONE)])
        })
        .collect();
    drop(decode::<Value>(&names));
}

#[test]
fn memory_for_the_parts_of_a_container_is_set_aside_once() {
    let parts = 1000;
    let int = b"\x18\x02";
    let pair = [field(1, int), field(2, int)].concat();
    let named = [(2, &b"x"[..]), (3, int)].repeat(parts);
    for input in [
        list(int, parts),
        field(9, &pair.repeat(parts)),
        object("a.B", &named),
    ] {
        let info = measure(|| assert!(decode::<Value>(&input).is_ok()));
        assert!(info.count_total < 10, "{}", info.count_total);
    }
}

#[test]
fn writing_and_reading_what_is_sent_often_allocates_nothing() {
    let actor =
        ActorRef::new("casty://s-client@127.0.0.1:0/_ask/d9c58575cce248e6a12742cd").unwrap();
    let message = Increment {
        amount: 5,
        reply_to: actor,
    };
    let mut short = Vec::with_capacity(1024);
    let codec = Codec::protobuf();
    let info = measure(|| {
        codec.encode(&Point { x: 1, y: -1 }, &mut short).unwrap();
    });
    assert_eq!(info.count_total, 0);
    // Longer than 127 bytes: the lengths that take two bytes are noted.
    let envelope: ShardEnvelope<_> = ShardEnvelope::new("user-42", message);
    let mut out = Vec::with_capacity(1024);
    let info = measure(|| {
        codec.encode(&envelope, &mut out).unwrap();
    });
    assert_eq!(info.count_total, 1);
    let info = measure(|| assert_eq!(decode::<Point>(&short), Ok(Point { x: 1, y: -1 })));
    assert_eq!(info.count_total, 0);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Point")]
struct Point {
    x: i64,
    y: i64,
}

#[test]
fn nothing_is_written_of_what_cannot_be_carried() {
    let mut deep = Value::None;
    for _ in 0..=Limits::MAX_DEPTH {
        deep = Value::list([deep]);
    }
    let double = (0..60).fold(Value::from(1), |value, _| {
        Value::list([value.clone(), value])
    });
    let any = |url, value| {
        let fields = [(url, Value::from("x")), (value, Value::bytes(*b"x"))];
        Value::object("google.protobuf.Any", fields)
    };
    for (value, expected) in [
        (
            Value::list([Value::member_of_value("a.B", 1)]),
            "protobuf cannot carry an enum member that is known by its value only",
        ),
        (deep, "the value nests deeper than 256 levels"),
        (
            double,
            "protobuf cannot carry a value of more than 4,194,304 parts",
        ),
        (
            Value::object("google.protobuf.Any", [("type_url", "x")]),
            "protobuf cannot carry an Any without its type_url and its value",
        ),
        (
            any("type_url", "values"),
            "protobuf cannot carry an Any without its type_url and its value",
        ),
        (
            any("url", "value"),
            "protobuf cannot carry an Any without its type_url and its value",
        ),
    ] {
        let mut out = b"before".to_vec();
        let error: EncodeError = Codec::protobuf().encode(&value, &mut out).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(out, b"before");
    }
}
