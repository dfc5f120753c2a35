//! Values in protobuf: both ways, against prost's own encoder and decoder of the same schema, and
//! against the other serializers.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(feature = "protobuf")]

use casty_proto::protobuf::prost::Message;
use casty_proto::protobuf::v1::{self, value::Kind};
use casty_proto::value::{
    BigInt, ByteArray, Complex, Date, DateTime, Decimal, Member, State, Time, TimeDelta, Uuid,
};
use casty_proto::{ActorRef, Codec, DecodeError, Limits, Value};
use proptest::prelude::*;
use serde::de::IgnoredAny;

fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let class = Codec::protobuf().encode(value, &mut out).unwrap();
    assert_eq!(class, value.class_name());
    out
}

fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
    Codec::protobuf().decode(bytes, &Limits::default())
}

fn date() -> impl Strategy<Value = Date> {
    (1..=9999u16, 1..=12u8, 1..=28u8).prop_map(|(y, m, d)| Date::new(y, m, d).unwrap())
}

fn delta() -> impl Strategy<Value = TimeDelta> {
    (-999_999_999..=999_999_999i32, 0..86_400u32, 0..1_000_000u32)
        .prop_map(|(days, seconds, micros)| TimeDelta::new(days, seconds, micros).unwrap())
}

fn time() -> impl Strategy<Value = Time> {
    let day = 86_400_000_000_i128;
    let offset = (1 - day..day).prop_map(|total| TimeDelta::from_microseconds(total).unwrap());
    let clock = (0..24u8, 0..60u8, 0..60u8, 0..1_000_000u32);
    let zone = prop::option::of(prop::sample::select(vec!["UTC", "Europe/Berlin"]));
    (clock, any::<bool>(), prop::option::of(offset), zone).prop_map(
        |((hour, minute, second, micros), fold, offset, zone)| Time {
            fold,
            offset: offset.filter(|_| zone.is_none()),
            zone: zone.map(|name| name.parse().unwrap()),
            ..Time::new(hour, minute, second, micros).unwrap()
        },
    )
}

fn leaf() -> impl Strategy<Value = Value> {
    let float = || prop::num::f64::ANY.prop_filter("a nan differs from itself", |f| !f.is_nan());
    prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i128>().prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Value::from(BigInt(
            num_bigint::BigInt::from_signed_bytes_le(&bytes)
        ))),
        float().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        // Around the lengths that take one byte and two.
        (100..150usize).prop_map(|len| Value::from("x".repeat(len))),
        any::<Vec<u8>>().prop_map(Value::bytes),
        any::<Vec<u8>>().prop_map(|bytes| ByteArray(bytes).into()),
        "[a-z]{1,9}".prop_map(|path| ActorRef::<()>::new(format!("casty://s@h:1/{path}"))
            .unwrap()
            .into()),
        ("[a-z.]{1,9}", ".{1,9}").prop_map(|(class, name)| Value::member(class, name)),
        (date(), time()).prop_map(|(date, time)| DateTime { date, time }.into()),
        date().prop_map(Value::from),
        time().prop_map(Value::from),
        delta().prop_map(Value::from),
        any::<[u8; 16]>().prop_map(|bytes| Uuid(bytes).into()),
        "-?[0-9]{1,9}([.][0-9]{1,9})?".prop_map(|text| Decimal(text.into()).into()),
        (float(), float()).prop_map(|(re, im)| Complex { re, im }.into()),
        ("[a-z/.]{0,9}", any::<Vec<u8>>()).prop_map(|(url, bytes)| Value::object(
            "google.protobuf.Any",
            [
                ("type_url", Value::from(url)),
                ("value", Value::bytes(bytes))
            ]
        )),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(8, 256, 8, |inner| {
        let items = || prop::collection::vec(inner.clone(), 0..8);
        prop_oneof![
            items().prop_map(Value::list),
            items().prop_map(Value::tuple),
            items().prop_map(Value::set),
            items().prop_map(Value::frozen_set),
            prop::collection::vec((inner.clone(), inner.clone()), 0..5).prop_map(Value::dict),
            (
                // No module of Python's own, such as os: pickle refuses to read its classes.
                "app_[a-z]{1,5}[.][A-Z]",
                prop::collection::vec((any::<String>(), inner), 0..5)
            )
                .prop_map(|(class, fields)| Value::object(class, fields)),
        ]
    })
}

fn of_time(time: &Time) -> v1::Time {
    v1::Time {
        hour: time.hour.into(),
        minute: time.minute.into(),
        second: time.second.into(),
        microsecond: time.microsecond,
        fold: time.fold,
        offset: time.offset.map(of_delta),
        zone: time
            .zone
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

fn of_delta(delta: TimeDelta) -> v1::TimeDelta {
    v1::TimeDelta {
        days: delta.days,
        seconds: delta.seconds,
        microseconds: delta.microseconds,
    }
}

fn of_date(date: Date) -> v1::Date {
    v1::Date {
        year: date.year.into(),
        month: date.month.into(),
        day: date.day.into(),
    }
}

/// The value as a message of the schema.
fn message(value: &Value) -> v1::Value {
    let items = |items: &[Value]| v1::Items {
        items: items.iter().map(message).collect(),
    };
    let kind = match value {
        Value::None => Kind::None(0),
        Value::Bool(value) => Kind::Bool(*value),
        Value::Int(value) => Kind::Int(*value),
        Value::BigInt(value) => Kind::BigInt(value.to_signed_bytes_le()),
        Value::Float(value) => Kind::Float(*value),
        Value::Str(text) => Kind::Str(text.to_string()),
        Value::Bytes(bytes) => Kind::Bytes(bytes.to_vec()),
        Value::ByteArray(bytes) => Kind::Bytearray(bytes.to_vec()),
        Value::List(parts) => Kind::List(items(parts)),
        Value::Tuple(parts) => Kind::Tuple(items(parts)),
        Value::Set(parts) => Kind::Set(items(parts)),
        Value::FrozenSet(parts) => Kind::Frozenset(items(parts)),
        Value::Dict(pairs) => Kind::Dict(v1::Dict {
            keys: pairs.iter().map(|(key, _)| message(key)).collect(),
            values: pairs.iter().map(|(_, value)| message(value)).collect(),
        }),
        Value::Ref(actor) => Kind::Ref(actor.uri().to_owned()),
        Value::Enum(member) => match &member.member {
            Member::Name(name) => Kind::Enum(v1::Member {
                class: member.class.to_string(),
                name: name.to_string(),
            }),
            Member::Value(_) => panic!("a member by its value"),
        },
        Value::Object(object) => {
            let State::Named(fields) = &object.state else {
                panic!("an object without names");
            };
            if &*object.class == "google.protobuf.Any" {
                Kind::Any(prost_types::Any {
                    type_url: value.get("type_url").unwrap().as_str().unwrap().to_owned(),
                    value: value.get("value").unwrap().as_bytes().unwrap().to_vec(),
                })
            } else {
                Kind::Object(v1::Object {
                    class: object.class.to_string(),
                    names: fields.iter().map(|(name, _)| name.to_string()).collect(),
                    values: fields.iter().map(|(_, value)| message(value)).collect(),
                })
            }
        }
        Value::Uuid(bytes) => Kind::Uuid(bytes.to_vec()),
        Value::Decimal(text) => Kind::Decimal(text.to_string()),
        Value::Complex(re, im) => Kind::Complex(v1::Complex {
            re: Some(*re),
            im: Some(*im),
        }),
        temporal => of_temporal(temporal),
    };
    v1::Value { kind: Some(kind) }
}

fn of_temporal(value: &Value) -> Kind {
    match value {
        Value::DateTime(value) => Kind::Datetime(v1::DateTime {
            date: Some(of_date(value.date)),
            time: Some(of_time(&value.time)),
        }),
        Value::Date(date) => Kind::Date(of_date(*date)),
        Value::Time(time) => Kind::Time(of_time(time)),
        Value::TimeDelta(delta) => Kind::Timedelta(of_delta(*delta)),
        other => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_value_is_read_as_it_was_written(value in value()) {
        prop_assert_eq!(decode(&encode(&value)).unwrap(), value);
    }

    #[test]
    fn prost_reads_what_is_written(value in value()) {
        let read = v1::Value::decode(&*encode(&value)).unwrap();
        prop_assert_eq!(read, message(&value));
    }

    #[test]
    fn what_prost_writes_is_read(value in value()) {
        prop_assert_eq!(decode(&message(&value).encode_to_vec()).unwrap(), value);
    }

    #[test]
    fn a_message_is_as_long_as_prost_makes_it(value in value()) {
        prop_assert_eq!(encode(&value).len(), message(&value).encoded_len());
    }

    #[test]
    fn what_other_serializers_carry_is_the_same_in_protobuf(value in value()) {
        for codec in [
            #[cfg(feature = "json")]
            Codec::json(),
            #[cfg(feature = "msgpack")]
            Codec::msgpack(),
            #[cfg(feature = "pickle")]
            Codec::pickle().allowing(["*"]).unwrap(),
        ] {
            let mut bytes = Vec::new();
            // Each lacks something.
            if codec.encode(&value, &mut bytes).is_ok() {
                let other: Value = codec.decode(&bytes, &Limits::default()).unwrap();
                // By way of pickle, members are known by a value where they are known at all.
                prop_assert_eq!(&decode(&encode(&other)).unwrap(), &other);
                prop_assert_eq!(decode(&encode(&value)).unwrap().to_string(), other.to_string());
            }
        }
    }

    #[test]
    fn no_input_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&bytes));
        drop(Codec::protobuf().decode::<IgnoredAny>(&bytes, &Limits::default()));
    }

    #[test]
    fn no_damage_to_a_message_makes_the_reader_panic(
        value in value(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode(&value);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        drop(decode(&bytes));
        bytes.truncate(cut.index(bytes.len()));
        drop(decode(&bytes));
        drop(Codec::protobuf().decode::<Vec<Option<(u8, String)>>>(&bytes, &Limits::default()));
    }
}

#[test]
fn lengths_of_every_size_are_put_in_place() {
    let around = |middle: usize| middle - 12..middle + 4;
    let sizes = (0..4)
        .chain(around(1 << 7))
        .chain(around(1 << 14))
        .chain(around(1 << 21));
    for size in sizes {
        let text = Value::from("x".repeat(size));
        let value = Value::list([
            Value::tuple([text.clone(), Value::None, text.clone()]),
            Value::dict([(text.clone(), Value::object("a.B", [("c", text)]))]),
            Value::from(7),
        ]);
        let bytes = encode(&value);
        // One entry and one field each: prost writes them in the same order.
        assert!(bytes == message(&value).encode_to_vec(), "{size}");
        assert_eq!(decode(&bytes).unwrap(), value);
    }
}
