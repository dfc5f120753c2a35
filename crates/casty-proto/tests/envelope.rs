//! Envelopes that are written from prepared parts: byte for byte those of the serializer.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(all(
    feature = "json",
    feature = "msgpack",
    feature = "pickle",
    feature = "protobuf",
    feature = "zlib"
))]

use std::collections::BTreeMap;

use casty_proto::message::{SHARD_ENVELOPE, ShardEnvelope};
use casty_proto::value::ByteArray;
use casty_proto::{
    ActorRef, Codec, Compression, EncodeError, FrozenSet, Limits, Value, ValueCodec,
};
use proptest::prelude::*;
use serde::Serialize;

/// JSON as a codec from outside.
struct Outside;

impl ValueCodec for Outside {
    fn name(&self) -> &'static str {
        "outside"
    }

    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        Codec::json().encode(value, out).map(drop)
    }

    fn decode(&self, input: &[u8], limits: &Limits) -> Result<Value, casty_proto::DecodeError> {
        Codec::json().decode(input, limits)
    }
}

fn codecs() -> [Codec; 8] {
    [
        Codec::json(),
        Codec::msgpack(),
        Codec::pickle(),
        Codec::pickle_positional(),
        Codec::protobuf(),
        Codec::custom(&Outside),
        Codec::pickle().compressed(Compression::Zlib),
        Codec::pickle().allowing(["bank.*"]).unwrap(),
    ]
}

/// Checks that both ways write the same, or are refused for the same reason.
fn check<T: Serialize>(entity_id: &str, message: &T) {
    for codec in codecs() {
        let mut whole = vec![7];
        let envelope = ShardEnvelope { entity_id, message };
        let written = codec.encode(&envelope, &mut whole);
        let mut parts = vec![7];
        let prepared = codec.encode_envelope(entity_id, message, &mut parts);
        assert_eq!(parts, whole, "{codec:?}");
        match written {
            Ok(class) => {
                assert_eq!(class, SHARD_ENVELOPE);
                assert_eq!(prepared, Ok(()), "{codec:?}");
            }
            Err(error) => {
                assert_eq!(prepared, Err(error), "{codec:?}");
                assert_eq!(parts, [7], "{codec:?}");
            }
        }
    }
}

#[derive(Serialize)]
#[serde(rename = "bank.Deposit")]
struct Deposit {
    amount: i64,
    reply_to: ActorRef<i64>,
    tags: FrozenSet<String>,
}

#[derive(Serialize)]
#[serde(rename = "casty.cluster.Own")]
struct Own {
    inner: Empty,
}

#[derive(Serialize)]
#[serde(rename = "bank.Empty")]
struct Empty {}

#[derive(Serialize)]
#[serde(rename = "bank.Kind")]
enum Kind {
    First,
}

#[derive(Serialize)]
#[serde(rename = "Plain")]
struct Plain {
    amount: i64,
}

#[derive(Serialize)]
enum Union {
    #[serde(rename = "bank.Empty")]
    Empty(Empty),
    #[serde(rename = "bank.Other")]
    Other(Empty),
}

#[test]
fn typed_messages_are_written_the_same_from_prepared_parts() {
    let reply_to = ActorRef::new("casty://s@a:1/x").unwrap();
    let tags = FrozenSet(vec!["a".to_owned()]);
    let amount = -3;
    let deposit = Deposit {
        amount,
        reply_to,
        tags,
    };
    check("account-1", &deposit);
    check("", &Own { inner: Empty {} });
    check("e", &Kind::First);
    check("e", &Union::Empty(Empty {}));
    // These are refused.
    check("e", &Union::Other(Empty {}));
    check("e", &Plain { amount });
    check("e", &ByteArray(vec![1]));
    check("e", &f64::NAN);
    check("e", &());
    check("e", &BTreeMap::from([(1, "one")]));
    check("e", &ShardEnvelope::new("inner", Empty {}));
}

#[test]
fn a_message_may_nest_as_deep_in_prepared_parts_as_in_an_envelope() {
    for levels in Limits::MAX_DEPTH - 3..Limits::MAX_DEPTH + 3 {
        let nested = (0..levels).fold(Value::from(0), |inner, _| Value::List(vec![inner].into()));
        check("e", &nested);
    }
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,300}".prop_map(|text| Value::from(&*text)),
        Just(Value::Decimal("1.5".into())),
    ];
    scalar.prop_recursive(4, 20, 4, |inner| {
        let many = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            many.clone().prop_map(|items| Value::List(items.into())),
            many.prop_map(|items| Value::Tuple(items.into())),
            inner.prop_map(|field| Value::object("bank.Deposit", [("amount", field)])),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_message_is_written_the_same_from_prepared_parts(
        entity_id in "\\PC{0,20}|.{0,300}",
        message in value(),
    ) {
        check(&entity_id, &message);
    }
}
