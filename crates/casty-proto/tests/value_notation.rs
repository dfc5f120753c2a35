//! Casty's JSON notation, both ways, and values in other formats.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use casty_proto::notation::NotationError;
use casty_proto::value::{
    BigInt, ByteArray, Complex, Date, DateTime, Decimal, EnumMember, Member, Object, State, Time,
    TimeDelta, Uuid,
};
use casty_proto::{ActorRef, Codec, EncodeError, Limits, Value};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

fn read(text: &str) -> Result<Value, NotationError> {
    Value::from_notation(text, &Limits::default())
}

fn offset() -> impl Strategy<Value = Option<TimeDelta>> {
    let day = 86_400_000_000_i128;
    prop::option::of((1 - day..day).prop_map(|total| TimeDelta::from_microseconds(total).unwrap()))
}

prop_compose! {
    fn date()(year in 1..=9999u16, month in 1..=12u8, day in 1..=28u8) -> Date {
        Date::new(year, month, day).unwrap()
    }
}

prop_compose! {
    fn time()(
        hour in 0..24u8, minute in 0..60u8, second in 0..60u8, micros in 0..1_000_000u32,
        fold in any::<bool>(), offset in offset(),
        zone in prop::option::of("[A-Za-z0-9_+-]{1,9}(/[A-Za-z0-9_+-]{1,9}){0,2}"),
    ) -> Time {
        let zone = zone.map(|name| name.parse().unwrap());
        let offset = offset.filter(|_| zone.is_none());
        Time { fold, offset, zone, ..Time::new(hour, minute, second, micros).unwrap() }
    }
}

fn leaf() -> impl Strategy<Value = Value> {
    let float = || prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::INFINITE;
    prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u128>().prop_map(Value::from),
        float().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<Vec<u8>>().prop_map(Value::bytes),
        any::<Vec<u8>>().prop_map(|bytes| ByteArray(bytes).into()),
        "[a-z]{1,4}".prop_map(|path| ActorRef::<()>::new(format!("casty://s@h:1/{path}"))
            .unwrap()
            .into()),
        ("[a-z.]{1,9}", any::<String>()).prop_map(|(class, name)| Value::member(class, name)),
        (date(), time()).prop_map(|(date, time)| DateTime { date, time }.into()),
        date().prop_map(Value::from),
        time().prop_map(Value::from),
        (-999_999_999..=999_999_999i32, 0..86_400u32, 0..1_000_000u32).prop_map(
            |(days, seconds, micros)| TimeDelta::new(days, seconds, micros).unwrap().into()
        ),
        any::<[u8; 16]>().prop_map(|bytes| Uuid(bytes).into()),
        "[+-]?([0-9]{1,6}(\\.[0-9]{0,3})?(E[+-]?[0-9]{1,3})?|NaN[0-9]{0,2}|Infinity)"
            .prop_map(|text| Decimal(text.into()).into()),
        (float(), float()).prop_map(|(re, im)| Complex { re, im }.into()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(6, 64, 6, |inner| {
        let items = || prop::collection::vec(inner.clone(), 0..6);
        let object = |class: &str, state| {
            Value::from(Object {
                class: class.into(),
                state,
            })
        };
        prop_oneof![
            items().prop_map(Value::list),
            items().prop_map(Value::tuple),
            items().prop_map(Value::set),
            items().prop_map(Value::frozen_set),
            prop::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::dict),
            prop::collection::vec(("__[a-z]{3,5}__|[a-z_]{1,6}", inner.clone()), 0..4).prop_map(
                |fields| Value::object(
                    "pkg.mod.Class",
                    fields.into_iter().map(|(name, value)| {
                        (
                            name.replace("__state__", "s").replace("__args__", "a"),
                            value,
                        )
                    })
                )
            ),
            items().prop_map(move |items| object("pkg.Slots", State::Positional(items))),
            items().prop_map(move |items| object("pkg.Made", State::Constructed(items))),
            inner.prop_map(|value| {
                EnumMember {
                    class: "pkg.Enum".into(),
                    member: Member::Value(value),
                }
                .into()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_survives_the_notation(value in value()) {
        let text = value.to_notation().unwrap();
        prop_assert!(text.is_ascii() && !text.contains('\n'));
        prop_assert_eq!(&value.to_string(), &text);
        prop_assert_eq!(read(&text).unwrap(), value);
    }

    #[test]
    fn no_text_makes_the_notation_panic(text in any::<String>()) {
        drop(read(&text));
    }

    #[test]
    fn values_equal_themselves_and_no_value_that_prints_differently(one in value(), two in value()) {
        prop_assert_eq!(&one, &one.clone());
        let reread = read(&one.to_notation().unwrap()).unwrap();
        prop_assert_eq!(&reread, &one);
        prop_assert_eq!(one == two, one.to_string() == two.to_string());
    }
}

#[test]
fn people_write_plain_json_and_markers() {
    for (text, value) in [
        ("null", Value::None),
        (
            r#"{"a": 1, "b": [true]}"#,
            Value::dict([("a", Value::from(1)), ("b", Value::list([true]))]),
        ),
        ("{}", Value::dict::<&str, i32>([])),
        (r#"{"__bytes__": "AP8="}"#, Value::bytes([0, 255])),
        (r#"{"__set__": [1]}"#, Value::set([1])),
        (
            r#"{"__uuid__": "00000000-0000-0000-0000-00000000002a"}"#,
            Uuid(42_u128.to_be_bytes()).into(),
        ),
        (
            r#"{"__timedelta__": [-1, 86399, 5]}"#,
            TimeDelta::new(-1, 86_399, 5).into(),
        ),
        (
            r#"{"__complex__": [0, 1.5]}"#,
            Complex { re: 0.0, im: 1.5 }.into(),
        ),
        (
            r#"{"__date__": "2024-02-29"}"#,
            Date::new(2024, 2, 29).into(),
        ),
        (
            r#"{"__enum__": "m.C", "__value__": 2}"#,
            Value::member_of_value("m.C", 2),
        ),
        (
            r#"{"_type": "bank.Deposit", "amount": 5}"#,
            Value::object("bank.Deposit", [("amount", 5)]),
        ),
        (r#"{"__unknown__": 1}"#, Value::dict([("__unknown__", 1)])),
    ] {
        assert_eq!(read(text).unwrap(), value, "{text}");
    }
}

#[test]
fn what_does_not_fit_its_marker_is_refused() {
    for text in [
        r#"{"__bytes__": "A"}"#,
        r#"{"__bytes__": 1}"#,
        r#"{"__set__": 1}"#,
        r#"{"__date__": "2023-02-29"}"#,
        r#"{"__datetime__": "yesterday"}"#,
        r#"{"__timedelta__": [0, 86400, 0]}"#,
        r#"{"__timedelta__": [0, 0]}"#,
        r#"{"__uuid__": "42"}"#,
        r#"{"__uuid__": "0000000000000000000000000000000+"}"#,
        r#"{"__uuid__": "0000000-00000-0000-0000-000000000000"}"#,
        r#"{"__complex__": ["a", 1]}"#,
        r#"{"__decimal__": 1}"#,
        r#"{"__decimal__": "abc"}"#,
        r#"{"__decimal__": "1,50"}"#,
        r#"{"__decimal__": ""}"#,
        r#"{"__decimal__": "0x10"}"#,
        r#"{"__decimal__": "1E+999999999999999999999"}"#,
        r#"{"__time__": "02:30:00", "fold": 2}"#,
        r#"{"__time__": "02:30:00", "fold": "1"}"#,
        r#"{"__datetime__": "2024-10-27T02:30:00", "fold": null}"#,
        r#"{"__datetime__": "2024-10-27T02:30:00[../etc]"}"#,
        "1 2",
        "",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn a_time_is_the_second_of_two_equal_ones_only_if_its_text_says_so() {
    let wall = "02:30:00";
    for (beside, fold) in [
        ("", false),
        (r#", "fold": 1"#, true),
        (r#", "fold": 0"#, false),
        (r#", "fold": true"#, true),
        (r#", "fold": false"#, false),
        (r#", "other": 1"#, false),
    ] {
        let time = Time {
            fold,
            ..wall.parse().unwrap()
        };
        let text = format!(r#"{{"__time__": "{wall}"{beside}}}"#);
        assert_eq!(read(&text), Ok(time.clone().into()), "{text}");
        let day: DateTime = "2024-10-27T02:30:00".parse().unwrap();
        let text = format!(r#"{{"__datetime__": "{day}"{beside}}}"#);
        assert_eq!(read(&text), Ok(DateTime { time, ..day }.into()), "{text}");
    }
}

#[test]
fn a_byte_order_mark_before_the_text_is_passed_over() {
    assert_eq!(read("\u{feff}[1]"), Ok(Value::list([1])));
    assert!(read("\u{feff}\u{feff}[1]").is_err() && read("[\u{feff}1]").is_err());
}

#[test]
fn bytes_are_shown_up_to_256_of_them() {
    for (len, ends) in [
        (0, "\"\"}"),
        (255, "AAAA\"}"),
        (256, "AA==\"}"),
        (257, "AA==...\"}"),
    ] {
        let bytes = vec![0; len];
        for value in [Value::bytes(bytes.clone()), ByteArray(bytes).into()] {
            let shown = format!("{value:?}");
            assert!(shown.ends_with(ends), "{len}: {shown}");
            assert_eq!(read(&value.to_string()), Ok(value));
        }
    }
}

#[test]
fn what_the_serializers_of_trees_cannot_carry_is_named() {
    let second = TimeDelta::new(0, 1, 0).unwrap();
    let values: [(Value, &str); 9] = [
        (ByteArray(vec![1]).into(), "a bytearray"),
        (Value::set([1]), "a set (a frozenset can be carried)"),
        (
            "2024-01-02T03:04:05".parse::<DateTime>().unwrap().into(),
            "a datetime",
        ),
        ("2024-01-02".parse::<Date>().unwrap().into(), "a date"),
        ("03:04:05".parse::<Time>().unwrap().into(), "a time"),
        (second.into(), "a timedelta"),
        (Uuid([0; 16]).into(), "a UUID"),
        (Decimal("1.50".into()).into(), "a Decimal"),
        (Complex { re: 0.0, im: 1.0 }.into(), "a complex"),
    ];
    for (value, named) in values {
        for codec in TREES {
            let error = codec.encode(&value, &mut Vec::new()).unwrap_err();
            let what = match error {
                EncodeError::Unsupported { what, .. } => what,
                other => panic!("{other}"),
            };
            assert_eq!(what, named);
        }
    }
}

const TREES: &[Codec] = &[
    #[cfg(feature = "json")]
    Codec::json(),
    #[cfg(feature = "msgpack")]
    Codec::msgpack(),
];

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Scalars {
    any: Value,
    date_time: DateTime,
    date: Date,
    time: Time,
    delta: TimeDelta,
    uuid: Uuid,
    decimal: Decimal,
    complex: Complex,
    bytes: ByteArray,
    big: BigInt,
    wide: BigInt,
    nested: Vec<Option<Value>>,
}

#[test]
fn other_formats_have_values_plainly() {
    let wide: num_bigint::BigInt = "123456789012345678901234567890".parse().unwrap();
    let scalars = Scalars {
        any: Value::dict([("a", Value::list([1, 2]))]),
        date_time: "2024-01-02T03:04:05+01:00".parse().unwrap(),
        date: "2024-01-02".parse().unwrap(),
        time: "03:04:05".parse().unwrap(),
        delta: TimeDelta::new(1, 2, 3).unwrap(),
        uuid: Uuid(*b"0123456789abcdef"),
        decimal: Decimal("1.50".into()),
        complex: Complex { re: 1.0, im: -1.0 },
        bytes: ByteArray(vec![1, 2]),
        big: BigInt(5.into()),
        wide: BigInt(wide),
        nested: vec![None, Some(Value::from("x"))],
    };
    let text = serde_json::to_string(&scalars).unwrap();
    assert_eq!(
        text,
        r#"{"any":{"a":[1,2]},"date_time":"2024-01-02T03:04:05+01:00","date":"2024-01-02","#
            .to_owned()
            + r#""time":"03:04:05","delta":[1,2,3],"uuid":"30313233-3435-3637-3839-616263646566","#
            + r#""decimal":"1.50","complex":[1.0,-1.0],"bytes":[1,2],"big":5,"#
            + r#""wide":"123456789012345678901234567890","nested":[null,"x"]}"#
    );
    assert_eq!(serde_json::from_str::<Scalars>(&text).unwrap(), scalars);
    let packed = rmp_serde::to_vec(&scalars).unwrap();
    assert_eq!(rmp_serde::from_slice::<Scalars>(&packed).unwrap(), scalars);
    let object = Value::object("a.B", [("c", Value::member("a.D", "E"))]);
    assert_eq!(
        serde_json::to_string(&object).unwrap(),
        r#"{"_type":"a.B","c":"E"}"#
    );
    assert!(serde_json::from_str::<Uuid>("5").is_err());
    assert!(serde_json::from_str::<Date>(r#""2024-13-01""#).is_err());
}
