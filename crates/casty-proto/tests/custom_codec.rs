//! A codec from outside: the values it carries and refuses, and its bounds.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use casty_proto::Limit;
use casty_proto::value::{TimeDelta, Uuid, from_value, to_value};
use casty_proto::{Codec, DecodeError, EncodeError, Limits, Set, Value, ValueCodec};
use serde::{Deserialize, Serialize};

/// Reads every input as a list of its bytes, and writes such a list.
struct Bytes;

impl ValueCodec for Bytes {
    fn name(&self) -> &'static str {
        "bytes"
    }

    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let Value::List(items) = value else {
            return Err(EncodeError::Unsupported {
                codec: "bytes",
                what: "anything but a list",
            });
        };
        for item in items {
            let byte = item.as_i64().and_then(|item| u8::try_from(item).ok());
            out.push(byte.ok_or(EncodeError::Unsupported {
                codec: "bytes",
                what: "anything but bytes",
            })?);
        }
        Ok(())
    }

    fn decode(&self, input: &[u8], _: &Limits) -> Result<Value, DecodeError> {
        Ok(Value::list(input.iter().copied()))
    }
}

const CODEC: Codec = Codec::custom(&Bytes);

#[test]
fn typed_values_pass_through_the_codec_with_their_class() {
    let mut out = Vec::new();
    let hint = CODEC.encode(&vec![1_u8, 2, 3], &mut out).unwrap();
    assert_eq!((&*hint, &*out), ("builtins.list", &[1, 2, 3][..]));
    let read: Vec<u64> = CODEC.decode(&out, &Limits::default()).unwrap();
    assert_eq!(read, [1, 2, 3]);
    assert!(CODEC.decode::<String>(&out, &Limits::default()).is_err());
    let shown = "Codec { kind: Custom(bytes), compressor: None, allowed: Allowed(None) }";
    assert_eq!(format!("{CODEC:?}"), shown);
}

#[test]
fn what_a_codec_wrote_before_an_error_is_taken_back() {
    let mut out = vec![7];
    assert!(CODEC.encode(&vec![1_i64, 1000], &mut out).is_err());
    assert_eq!(out, [7]);
}

#[test]
fn an_input_beyond_the_limits_never_reaches_the_codec() {
    let limits = Limits::new().with_bytes(2);
    let error = CODEC.decode::<Value>(&[1, 2, 3], &limits).unwrap_err();
    let expected = DecodeError::Limit {
        limit: Limit::Bytes,
        max: 2,
    };
    assert_eq!(error, expected);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.All")]
struct All {
    set: Set<i64>,
    id: Uuid,
    within: TimeDelta,
    big: u128,
    any: Value,
    colour: Colour,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Colour")]
enum Colour {
    #[serde(alias = "1")]
    Red,
}

#[test]
fn a_value_holds_what_pickle_alone_carries() {
    let all = All {
        set: [1, 2].into_iter().collect(),
        id: Uuid([7; 16]),
        within: TimeDelta {
            days: 1,
            seconds: 2,
            microseconds: 3,
        },
        big: u128::MAX,
        any: Value::set(["x"]),
        colour: Colour::Red,
    };
    let value = to_value(&all).unwrap();
    assert_eq!(value.class_name(), "app.All");
    assert_eq!(from_value::<All>(&value, &Limits::default()).unwrap(), all);
}

#[test]
fn members_that_are_known_by_value_match_their_alias() {
    let read = |value| from_value::<Colour>(&value, &Limits::default());
    assert_eq!(
        read(Value::member_of_value("app.Colour", 1)),
        Ok(Colour::Red)
    );
    assert!(read(Value::member_of_value("app.Colour", 2)).is_err());
    assert!(read(Value::member("app.Other", "Red")).is_err());
}

#[derive(Debug, Deserialize)]
struct Nested(#[allow(dead_code, reason = "only its depth matters")] Vec<Nested>);

#[test]
fn shared_parts_and_deep_nesting_end_at_the_limits() {
    let mut wide = Value::list([Value::None; 0]);
    for _ in 0..60 {
        wide = Value::list([wide.clone(), wide]);
    }
    let error = from_value::<Nested>(&wide, &Limits::default()).unwrap_err();
    assert!(
        matches!(
            error,
            DecodeError::Limit {
                limit: Limit::Items,
                ..
            }
        ),
        "{error}"
    );
    let mut deep = Value::None;
    for _ in 0..10_000 {
        deep = Value::list([deep]);
    }
    let error = from_value::<Nested>(&deep, &Limits::default()).unwrap_err();
    assert!(
        matches!(
            error,
            DecodeError::Limit {
                limit: Limit::Depth,
                ..
            }
        ),
        "{error}"
    );
}

#[derive(Serialize)]
struct Endless<'a>(Option<&'a Endless<'a>>, Vec<u8>);

#[test]
fn nothing_nests_deeper_than_any_reader_accepts() {
    fn grow(inner: Option<&Endless<'_>>, left: usize) -> Result<Value, EncodeError> {
        let outer = Endless(inner, Vec::new());
        match left {
            0 => to_value(&outer),
            _ => grow(Some(&outer), left - 1),
        }
    }
    assert!(grow(None, 100).is_ok());
    let error = grow(None, 300).unwrap_err();
    assert_eq!(error, EncodeError::TooDeep { limit: 256 });
}
