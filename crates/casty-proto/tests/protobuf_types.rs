//! Typed messages in protobuf, and messages of protobuf's own in them.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(feature = "protobuf")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use casty_proto::message::{MemberStatus, ShardEnvelope};
use casty_proto::protobuf::{Any, prost};
use casty_proto::value::{
    ByteArray, Bytes, Complex, Date, DateTime, Decimal, Time, TimeDelta, Uuid, from_value, to_value,
};
use casty_proto::{ActorRef, Codec, DecodeError, EncodeError, FrozenSet, Limits, Set, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    Codec::protobuf().encode(value, &mut out).unwrap();
    out
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    Codec::protobuf().decode(bytes, &Limits::default())
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Point")]
struct Point {
    x: i64,
    #[serde(default)]
    y: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Command {
    #[serde(rename = "app.Point")]
    Point(Point),
    #[serde(rename = "app.Stop")]
    Stop,
    #[serde(rename = "app.commands:outer.Move")]
    Move { by: (i8, f64) },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Python")]
struct Python {
    bytes: Bytes,
    array: ByteArray,
    set: Set<u8>,
    frozen: FrozenSet<u8>,
    at: DateTime,
    day: Date,
    time: Time,
    delta: TimeDelta,
    id: Uuid,
    price: Decimal,
    complex: Complex,
    huge: u128,
    negative: i128,
}

fn python() -> Python {
    Python {
        bytes: Bytes(vec![0, 255]),
        array: ByteArray(vec![1]),
        set: Set(vec![1, 2]),
        frozen: FrozenSet(vec![3]),
        at: "2024-01-02T03:04:05.000006+05:30".parse().unwrap(),
        day: "2024-02-29".parse().unwrap(),
        time: "23:59:59.999999".parse().unwrap(),
        delta: TimeDelta::new(-1, 2, 3).unwrap(),
        id: "12345678-1234-5678-1234-567812345678".parse().unwrap(),
        price: Decimal("-1E+5".into()),
        complex: Complex { re: -0.0, im: 1.5 },
        huge: u128::MAX,
        negative: i128::MIN,
    }
}

#[test]
fn a_message_takes_these_bytes() {
    assert_eq!(
        encode(&Point { x: 1, y: Some(-1) }),
        b"\x52\x19\x0a\x09app.Point\x12\x01x\x1a\x02\x18\x02\x12\x01y\x1a\x02\x18\x01"
    );
    assert_eq!(encode(&()), b"\x08\x00");
    assert_eq!(encode(&true), b"\x10\x01");
    assert_eq!(encode(&1.0), b"\x21\0\0\0\0\0\0\xf0\x3f");
    assert_eq!(encode(&"ab"), b"\x2a\x02ab");
    assert_eq!(
        encode(&vec![1, -1]),
        b"\x3a\x08\x0a\x02\x18\x02\x0a\x02\x18\x01"
    );
    assert_eq!(encode(&(1,)), b"\x42\x04\x0a\x02\x18\x02");
    assert_eq!(
        encode(&BTreeMap::from([(1, true)])),
        b"\x4a\x08\x0a\x02\x18\x02\x12\x02\x10\x01"
    );
    assert_eq!(
        encode(&MemberStatus::Up),
        b"\x62\x26\x0a\x20casty.cluster.state.MemberStatus\x12\x02up"
    );
    assert_eq!(
        encode(&u64::MAX),
        b"\x7a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00"
    );
}

#[test]
fn python_s_types_survive_and_have_a_plain_form() {
    let bytes = encode(&python());
    assert_eq!(decode::<Python>(&bytes).unwrap(), python());
    let value: Value = decode(&bytes).unwrap();
    assert_eq!(value, to_value(&python()).unwrap());
    assert_eq!(encode(&value), bytes);
    let plain: serde_json::Value = decode(&encode(&(python().at, python().price))).unwrap();
    assert_eq!(
        plain,
        serde_json::json!(["2024-01-02T03:04:05.000006+05:30", "-1E+5"])
    );
    let texts: (String, [f64; 2], String) =
        decode(&encode(&(python().id, python().complex, python().day))).unwrap();
    assert_eq!(texts.0, "12345678-1234-5678-1234-567812345678");
    assert_eq!(texts.2, "2024-02-29");
}

#[test]
fn the_class_is_checked_where_the_type_names_one() {
    let class = |error| match error {
        DecodeError::Class { found, .. } => String::from(found),
        other => panic!("{other}"),
    };
    for (value, found) in [
        (Value::object("app.Other", [("x", 1)]), "app.Other"),
        (Value::dict([("x", 1)]), "builtins.dict"),
        (Value::tuple([1]), "builtins.tuple"),
        (Value::from(5), "builtins.int"),
        (Value::None, "builtins.NoneType"),
        (Value::Date(python().day), "datetime.date"),
    ] {
        assert_eq!(class(decode::<Point>(&encode(&value)).unwrap_err()), found);
        let union = decode::<Command>(&encode(&value)).unwrap_err();
        assert!(union.to_string().contains(found), "{union}");
    }
    let member = encode(&Value::member("app.Color", "RED"));
    assert_eq!(class(decode::<Point>(&member).unwrap_err()), "app.Color");
    assert!(decode::<Command>(&member).is_err());
    let moved = encode(&Command::Move { by: (1, 0.5) });
    assert_eq!(
        decode::<Value>(&moved).unwrap().class(),
        Some("app.commands.outer.Move")
    );
    assert_eq!(
        decode::<Command>(&moved).unwrap(),
        Command::Move { by: (1, 0.5) }
    );
}

#[test]
fn other_shapes_than_the_type_s_are_refused() {
    let two = encode(&(1, 2));
    assert!(decode::<(u8,)>(&two).is_err());
    assert!(decode::<(u8, u8, u8)>(&two).is_err());
    assert!(decode::<Set<u8>>(&two).is_err());
    assert!(decode::<ActorRef<()>>(&encode(&"casty://s@h:1/a")).is_err());
    assert!(decode::<u8>(&encode(&256)).is_err());
    assert!(decode::<u128>(&encode(&-1)).is_err());
    assert!(decode::<Any<Rate>>(&encode(&1)).is_err());
    assert_eq!(decode::<[u8; 2]>(&encode(&Bytes(vec![1, 2]))), Ok([1, 2]));
}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "prost")]
struct Rate {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(string, tag = "2")]
    currency: String,
}

impl prost::Name for Rate {
    const NAME: &'static str = "Rate";
    const PACKAGE: &'static str = "bank";
}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "prost")]
struct Other {}

impl prost::Name for Other {
    const NAME: &'static str = "Other";
    const PACKAGE: &'static str = "bank";
}

fn rate() -> Any<Rate> {
    Any(Rate {
        value: 0.5,
        currency: "CHF".into(),
    })
}

#[test]
fn a_protobuf_message_travels_whole_and_inside() {
    let whole = encode(&rate());
    assert_eq!(
        whole,
        b"\xc2\x01\x1c\x0a\x0a/bank.Rate\x12\x0e\x09\0\0\0\0\0\0\xe0\x3f\x12\x03CHF"
    );
    assert_eq!(decode::<Any<Rate>>(&whole).unwrap(), rate());
    let inside = ShardEnvelope::new("alice", (rate(), Some(rate())));
    let bytes = encode(&inside);
    let read: ShardEnvelope<(Any<Rate>, Option<Any<Rate>>)> = decode(&bytes).unwrap();
    assert_eq!(read.message, inside.message);
    let value: Value = decode(&whole).unwrap();
    assert_eq!(value.class(), Some("google.protobuf.Any"));
    assert_eq!(value.get("type_url"), Some(&"/bank.Rate".into()));
    assert_eq!(encode(&value), whole);
    assert_eq!(
        from_value::<Any<Rate>>(&value, &Limits::default()).unwrap(),
        rate()
    );
}

#[test]
fn a_message_of_another_name_or_none_is_refused() {
    let other = decode::<Any<Rate>>(&encode(&Any(Other {}))).unwrap_err();
    let text = other.to_string();
    assert!(
        text.contains("bank.Rate") && text.contains("/bank.Other"),
        "{text}"
    );
    let damaged = Value::object(
        "google.protobuf.Any",
        [
            ("type_url", Value::from("type.googleapis.com/bank.Rate")),
            ("value", Value::bytes(*b"\x12\x09CHF")),
        ],
    );
    assert!(decode::<Any<Rate>>(&encode(&damaged)).is_err());
}

fn refuses<T: Serialize + DeserializeOwned + Debug>(codec: Codec, value: &T) {
    let error = codec.encode(value, &mut Vec::new()).unwrap_err();
    let EncodeError::Unsupported { what, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(
        what,
        "a protobuf message, which the protobuf serializer alone carries"
    );
    let mut five = Vec::new();
    codec.encode(&5, &mut five).unwrap();
    let error = codec.decode::<T>(&five, &Limits::default()).unwrap_err();
    assert!(
        error.to_string().contains("the protobuf serializer alone"),
        "{error}"
    );
}

#[test]
fn other_serializers_say_that_they_carry_no_protobuf_message() {
    #[cfg(feature = "json")]
    refuses(Codec::json(), &rate());
    #[cfg(feature = "msgpack")]
    refuses(Codec::msgpack(), &rate());
    #[cfg(feature = "pickle")]
    refuses(Codec::pickle(), &rate());
    // By way of a value, a codec of your own gets it as bytes.
    let value = to_value(&rate()).unwrap();
    assert!(matches!(value, Value::Bytes(_)));
    assert_eq!(
        from_value::<Any<Rate>>(&value, &Limits::default()).unwrap(),
        rate()
    );
}
