//! Python's classes by serde's derive, in json and msgpack.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(all(feature = "json", feature = "msgpack"))]

use std::collections::{BTreeMap, HashMap};

use casty_proto::value::{BigInt, Date, Uuid};
use casty_proto::{
    ActorRef, Codec, DecodeError, EncodeError, FrozenSet, Limits, Set, Tuple, Value, ValueCodec,
};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const CODECS: [Codec; 3] = [Codec::json(), Codec::msgpack(), Codec::custom(&Detour)];

/// The json codec by way of a [`Value`], which must make no difference.
struct Detour;

impl ValueCodec for Detour {
    fn name(&self) -> &'static str {
        "detour"
    }

    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        Codec::json().encode(value, out).map(drop)
    }

    fn decode(&self, input: &[u8], limits: &Limits) -> Result<Value, DecodeError> {
        Codec::json().decode(input, limits)
    }
}

fn json<T: Serialize>(value: &T) -> String {
    let mut out = Vec::new();
    Codec::json().encode(value, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, DecodeError> {
    Codec::json().decode(text.as_bytes(), &Limits::default())
}

/// Returns all codecs of trees, and one whose form is another but whose shapes are the same.
fn all_codecs() -> Vec<Codec> {
    #[cfg_attr(not(feature = "protobuf"), allow(unused_mut))]
    let mut all = CODECS.to_vec();
    #[cfg(feature = "protobuf")]
    all.push(Codec::protobuf());
    all
}

/// Writes and reads a value in all codecs, typed, and by way of a [`Value`].
fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    for codec in all_codecs() {
        let mut out = Vec::new();
        let class = codec.encode(value, &mut out).unwrap();
        assert_eq!(&codec.decode::<T>(&out, &Limits::default()).unwrap(), value);
        let any: Value = codec.decode(&out, &Limits::default()).unwrap();
        let mut again = Vec::new();
        assert_eq!(codec.encode(&any, &mut again).unwrap(), class);
        assert_eq!(again, out);
        if codec == Codec::custom(&Detour) {
            assert_eq!(String::from_utf8(out).unwrap(), json(value));
        }
    }
}

fn refused<T: Serialize>(value: &T) -> EncodeError {
    let [one, two, three] = CODECS.map(|codec| {
        let mut out = vec![7];
        let error = codec.encode(value, &mut out).unwrap_err();
        assert_eq!(out, [7], "nothing was written");
        error
    });
    assert_eq!(std::mem::discriminant(&one), std::mem::discriminant(&two));
    assert_eq!(std::mem::discriminant(&one), std::mem::discriminant(&three));
    one
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Point", rename_all = "camelCase")]
struct Point {
    x_axis: i64,
    #[serde(default)]
    y_axis: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Color", rename_all = "UPPERCASE")]
enum Color {
    Red,
    Green,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Stop")]
struct Stop;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Command {
    #[serde(rename = "app.Point")]
    Point(Point),
    #[serde(rename = "app.Stop")]
    Stop,
    #[serde(rename = "app.commands:outer.Move")]
    Move { by: (i8, f64) },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Name(String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pair(u8, String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Everything")]
struct Everything<M> {
    message: M,
    name: Name,
    pair: Pair,
    unit: (),
    letter: char,
    small: i8,
    wide: i64,
    huge: u64,
    float: f64,
    list: Vec<Option<bool>>,
    tuple: Tuple<String>,
    set: FrozenSet<i32>,
    fixed: [u8; 3],
    dict: BTreeMap<i32, String>,
    keys: BTreeMap<(i32, String), Option<u8>>,
    actor: ActorRef<Value>,
    color: Color,
    commands: Vec<Command>,
    any: Value,
    big: BigInt,
    stop: Stop,
}

prop_compose! {
    fn everything()(
        (x, y, text, letter) in (any::<i64>(), any::<Option<i64>>(), any::<String>(), any::<char>()),
        (small, wide, huge, float) in (any::<i8>(), any::<i64>(), any::<u64>(), -1e300..1e300f64),
        list in prop::collection::vec(any::<Option<bool>>(), 0..5),
        names in prop::collection::vec(any::<String>(), 0..4),
        dict in prop::collection::btree_map(any::<i32>(), any::<String>(), 0..20),
        by in any::<i8>(),
    ) -> Everything<Point> {
        let point = Point { x_axis: x, y_axis: y };
        Everything {
            message: point.clone(),
            name: Name(text.clone()),
            pair: Pair(by.unsigned_abs(), text.clone()),
            unit: (),
            letter,
            small,
            wide,
            huge,
            float,
            list,
            tuple: names.iter().cloned().collect(),
            set: FrozenSet(vec![dict.len().try_into().unwrap(), small.into()]),
            fixed: [1, 2, by.unsigned_abs()],
            keys: dict.iter().map(|(key, text)| ((*key, text.clone()), None)).collect(),
            dict,
            actor: ActorRef::new("casty://s@h:1/a").unwrap(),
            color: if by > 0 { Color::Green } else { Color::Red },
            commands: vec![
                Command::Point(point),
                Command::Stop,
                Command::Move { by: (by, float) },
            ],
            any: Value::tuple([Value::from(huge), Value::from(text), Value::from(names)]),
            big: BigInt(huge.into()),
            stop: Stop,
        }
    }
}

proptest! {
    #[test]
    fn a_type_of_all_shapes_survives_all_codecs(value in everything()) {
        survives(&value);
    }

    #[test]
    fn integers_of_128_bits_survive_json(signed in any::<i128>(), unsigned in any::<u128>()) {
        prop_assert_eq!(read::<(i128, u128)>(&json(&(signed, unsigned))).unwrap(), (signed, unsigned));
    }

    #[test]
    fn any_text_reads_as_serde_json_reads_it(text in any::<String>()) {
        prop_assert_eq!(serde_json::from_str::<String>(&json(&text)).unwrap(), text.clone());
        prop_assert_eq!(read::<String>(&serde_json::to_string(&text).unwrap()).unwrap(), text);
    }

    #[test]
    fn any_float_reads_as_serde_json_reads_it(float in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL) {
        let text = json(&float);
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), float.to_bits());
        prop_assert_eq!(read::<f64>(&text).unwrap().to_bits(), float.to_bits());
    }

    #[test]
    fn msgpack_scalars_are_those_of_rmp_serde(
        int in any::<i64>(), uint in any::<u64>(), float in any::<f64>(), text in any::<String>(),
        list in prop::collection::vec(any::<i32>(), 0..40),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        fn same<T: Serialize + ?Sized>(value: &T) {
            let mut out = Vec::new();
            Codec::msgpack().encode(value, &mut out).unwrap();
            assert_eq!(out, rmp_serde::to_vec(value).unwrap());
        }
        struct Bytes(Vec<u8>);
        impl Serialize for Bytes {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_bytes(&self.0)
            }
        }
        same(&int);
        same(&uint);
        same(&float);
        same(&text);
        same(&list);
        same(&Bytes(bytes));
        same(&(true, false).0);
        same(&());
    }
}

#[test]
fn dataclasses_unions_and_enums_are_written_as_python_writes_them() {
    let point = Point {
        x_axis: 1,
        y_axis: None,
    };
    assert_eq!(
        json(&point),
        r#"{"_type": "app.Point", "xAxis": 1, "yAxis": null}"#
    );
    assert_eq!(
        json(&Command::Point(point)),
        r#"{"_type": "app.Point", "xAxis": 1, "yAxis": null}"#
    );
    assert_eq!(json(&Command::Stop), r#"{"_type": "app.Stop"}"#);
    assert_eq!(json(&Stop), r#"{"_type": "app.Stop"}"#);
    assert_eq!(
        json(&Command::Move { by: (1, 0.5) }),
        r#"{"_type": "app.commands.outer.Move", "by": {"__tuple__": [1, 0.5]}}"#
    );
    assert_eq!(
        json(&Color::Red),
        r#"{"__enum__": "app.Color", "value": "RED"}"#
    );
    assert_eq!(
        json(&BTreeMap::from([(1, vec![true])])),
        r#"{"__dict__": [[1, [true]]]}"#
    );
    assert_eq!(json(&FrozenSet(vec![1])), r#"{"__frozenset__": [1]}"#);
    assert_eq!(json(&Tuple::<u8>::default()), r#"{"__tuple__": []}"#);
    assert_eq!(
        json(&(f64::NAN, -f64::INFINITY)),
        r#"{"__tuple__": [NaN, -Infinity]}"#
    );
}

#[test]
fn the_type_hint_is_the_class_of_the_outermost_value() {
    fn hint<T: Serialize>(value: &T) -> String {
        let hints = all_codecs()
            .into_iter()
            .map(|codec| codec.encode(value, &mut Vec::new()).unwrap().into_owned());
        let mut hints: Vec<_> = hints.collect();
        hints.dedup();
        assert_eq!(hints.len(), 1, "{hints:?}");
        hints.remove(0)
    }
    assert_eq!(
        hint(&Point {
            x_axis: 1,
            y_axis: None
        }),
        "app.Point"
    );
    assert_eq!(hint(&Command::Stop), "app.Stop");
    assert_eq!(
        hint(&Command::Move { by: (0, 0.0) }),
        "app.commands.outer.Move"
    );
    assert_eq!(hint(&Some(Color::Red)), "app.Color");
    assert_eq!(hint(&5), "builtins.int");
    assert_eq!(hint(&vec![Stop]), "builtins.list");
    assert_eq!(hint(&(Stop,)), "builtins.tuple");
    assert_eq!(
        hint(&FrozenSet(vec![Stop.clone()].len().to_be_bytes().to_vec())),
        "builtins.frozenset"
    );
    assert_eq!(hint(&BTreeMap::<u8, u8>::new()), "builtins.dict");
    assert_eq!(hint(&()), "builtins.NoneType");
    assert_eq!(hint(&Name("a".into())), "builtins.str");
    assert_eq!(hint(&Value::object("a.B", [("c", 1)])), "a.B");
    assert_eq!(hint(&Value::member("a.B", "C")), "a.B");
    assert_eq!(hint(&Value::from(1.5)), "builtins.float");
}

#[test]
fn a_name_without_a_dot_is_no_class_wherever_it_stands() {
    #[derive(Serialize)]
    struct Plain {
        a: u8,
    }
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    enum Plainer {
        Unit,
        Newtype(u8),
        Struct { a: u8 },
        Tuple(u8, u8),
    }
    let name = |error| match error {
        EncodeError::NoClass { name } => String::from(name),
        other => panic!("{other}"),
    };
    assert_eq!(name(refused(&Plain { a: 1 })), "Plain");
    assert_eq!(name(refused(&vec![Plain { a: 1 }])), "Plain");
    assert_eq!(name(refused(&Unit)), "Unit");
    assert_eq!(name(refused(&Plainer::Unit)), "Plainer");
    assert_eq!(name(refused(&Plainer::Newtype(1))), "Newtype");
    assert_eq!(name(refused(&Plainer::Struct { a: 1 })), "Struct");
    assert_eq!(name(refused(&Plainer::Tuple(1, 1))), "Tuple");
}

#[test]
fn what_serde_cannot_say_fails_when_it_is_written() {
    #[derive(Serialize)]
    #[serde(rename = "app.Wrapped")]
    struct Wrapped(u8);
    #[derive(Serialize)]
    #[serde(rename = "app.Both")]
    struct Both(u8, u8);
    #[derive(Serialize)]
    enum Union {
        #[serde(rename = "app.Scalar")]
        Scalar(u8),
        #[serde(rename = "app.Other")]
        Renamed(Stop),
        #[serde(rename = "app.Both")]
        Both(u8, u8),
    }
    #[derive(Serialize)]
    #[serde(rename = "app.Flat")]
    struct Flat {
        #[serde(flatten)]
        rest: HashMap<String, u8>,
    }
    let unsupported = |error| match error {
        EncodeError::Unsupported { what, .. } => what,
        other => panic!("{other}"),
    };
    assert!(unsupported(refused(&Wrapped(1))).contains("no names"));
    assert!(unsupported(refused(&Both(1, 1))).contains("no names"));
    assert!(unsupported(refused(&Union::Scalar(1))).contains("around anything but"));
    assert!(unsupported(refused(&Union::Renamed(Stop))).contains("around anything but"));
    assert!(unsupported(refused(&Union::Both(1, 1))).contains("no names"));
    assert!(
        unsupported(refused(&Flat {
            rest: HashMap::new()
        }))
        .contains("flatten")
    );
    assert!(unsupported(refused(&Set(vec![1]))).contains("a set"));
    assert!(unsupported(refused(&Uuid([0; 16]))).contains("UUID"));
    assert!(unsupported(refused(&Date::new(2024, 1, 1))).contains("a date"));
}

#[test]
fn bytes_and_wide_integers_are_carried_by_one_codec_each() {
    let encode = |codec: Codec, value: &Value| codec.encode(value, &mut Vec::new());
    let bytes = Value::bytes(*b"ab");
    assert!(encode(Codec::json(), &bytes).is_err());
    let mut out = Vec::new();
    Codec::msgpack().encode(&bytes, &mut out).unwrap();
    assert_eq!(out, b"\xc4\x02ab");
    assert_eq!(
        Codec::msgpack()
            .decode::<Value>(&out, &Limits::default())
            .unwrap(),
        bytes
    );
    for wide in [u128::from(u64::MAX) + 1, u128::MAX] {
        assert!(encode(Codec::msgpack(), &Value::from(wide)).is_err());
        assert!(encode(Codec::json(), &Value::from(wide)).is_ok());
    }
    assert!(encode(Codec::msgpack(), &Value::from(i128::from(i64::MIN) - 1)).is_err());
    assert!(encode(Codec::msgpack(), &Value::from(u64::MAX)).is_ok());
}

#[test]
fn the_class_is_checked_where_the_type_names_one() {
    let class = |error| match error {
        DecodeError::Class { found, .. } => String::from(found),
        other => panic!("{other}"),
    };
    for (text, found) in [
        (r#"{"_type": "app.Other", "xAxis": 1}"#, "app.Other"),
        (r#"{"xAxis": 1}"#, "builtins.dict"),
        (r#"{"__dict__": []}"#, "builtins.dict"),
        (r#"{"__tuple__": []}"#, "builtins.tuple"),
        (r#"{"_type": 5, "xAxis": 1}"#, "builtins.dict"),
        ("[]", "builtins.list"),
        ("5", "builtins.int"),
        ("null", "builtins.NoneType"),
    ] {
        assert_eq!(class(read::<Point>(text).unwrap_err()), found, "{text}");
    }
    let other = r#"{"__enum__": "app.Colour", "value": "RED"}"#;
    assert_eq!(class(read::<Color>(other).unwrap_err()), "app.Colour");
    assert_eq!(
        class(read::<Color>(r#""RED""#).unwrap_err()),
        "builtins.str"
    );
    assert_eq!(
        class(read::<Command>(r#"{"__tuple__": []}"#).unwrap_err()),
        "builtins.tuple"
    );
    assert!(read::<Command>(r#"{"_type": "app.Unheard"}"#).is_err());
    let unheard = r#"{"__enum__": "app.Color", "value": "BLUE"}"#;
    assert_eq!(read::<Color>(unheard).unwrap(), Color::Unknown);
}

#[test]
fn a_marker_is_found_wherever_it_stands() {
    let point = Point {
        x_axis: 1,
        y_axis: Some(2),
    };
    for text in [
        r#"{"xAxis": 1, "_type": "app.Point", "yAxis": 2}"#,
        r#"{"new": {"a": [1, {}]}, "yAxis": 2, "xAxis": 1, "_type": "app.Point"}"#,
    ] {
        assert_eq!(read::<Point>(text).unwrap(), point);
        assert_eq!(
            read::<Command>(text).unwrap(),
            Command::Point(point.clone())
        );
        let any: Value = read(text).unwrap();
        assert_eq!(any.class(), Some("app.Point"));
        assert_eq!(any.get("xAxis"), Some(&Value::Int(1)));
    }
    let late = r#"{"value": "RED", "more": 1, "__enum__": "app.Color"}"#;
    assert_eq!(read::<Color>(late).unwrap(), Color::Red);
    assert_eq!(
        read::<Value>(late).unwrap(),
        Value::member("app.Color", "RED")
    );
    assert_eq!(
        read::<(u8, u8)>(r#"{"more": 1, "__tuple__": [1, 2], "even": 2}"#).unwrap(),
        (1, 2)
    );
    let actor = r#"{"more": 1, "__ref__": "casty://s@h:1/a"}"#;
    assert_eq!(
        read::<ActorRef<()>>(actor).unwrap().uri(),
        "casty://s@h:1/a"
    );
}

#[test]
fn unknown_fields_are_passed_over_whatever_they_hold() {
    let text =
        r#"{"_type": "app.Point", "old": {"__dict__": [[1, "\ud800"]]}, "xAxis": 1, "z": [{}]}"#;
    assert_eq!(
        read::<Point>(text).unwrap(),
        Point {
            x_axis: 1,
            y_axis: None
        }
    );
}

#[test]
fn sequences_of_other_lengths_are_refused() {
    assert!(read::<(u8, u8)>(r#"{"__tuple__": [1]}"#).is_err());
    assert!(read::<(u8, u8)>(r#"{"__tuple__": [1, 2, 3]}"#).is_err());
    assert!(read::<BTreeMap<u8, u8>>(r#"{"__dict__": [[1, 2, 3]]}"#).is_err());
    assert!(read::<BTreeMap<u8, u8>>(r#"{"__dict__": [[1]]}"#).is_err());
    assert!(read::<Value>(r#"{"__dict__": [[1, 2, 3]]}"#).is_err());
    assert!(read::<Value>(r#"{"__dict__": [[1]]}"#).is_err());
    assert!(read::<Value>(r#"{"__dict__": [1]}"#).is_err());
}

#[test]
fn a_plain_object_is_a_map_with_text_for_keys() {
    let map = read::<BTreeMap<String, u8>>(r#"{"a": 1, "b": 2}"#).unwrap();
    assert_eq!(
        map,
        BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)])
    );
    let text = r#"{"a": {"__tuple__": [1]}}"#;
    assert_eq!(
        read::<Value>(text).unwrap(),
        Value::dict([("a", Value::tuple([1]))])
    );
}

#[test]
fn texts_that_are_no_json_are_refused() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "tru",
        "[1,]",
        "[1 2]",
        "{\"a\" 1}",
        "{1: 2}",
        "{\"a\": 1,}",
        "01",
        "-",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"abc",
        "[",
        "{",
        "[1",
        "{\"a\"",
        "{\"a\":",
        "1 2",
        "-NaN",
        "Infinit",
        "[1]]",
        "'a'",
    ] {
        assert!(read::<Value>(text).is_err(), "{text:?}");
    }
    let lone = read::<Value>(r#"["a", "\ud800x"]"#).unwrap_err();
    assert_eq!(lone, DecodeError::LoneSurrogate { at: 6 });
    assert!(matches!(
        read::<String>(r#""\udc00""#),
        Err(DecodeError::LoneSurrogate { at: 0 })
    ));
    assert_eq!(
        read::<String>(r#" "\ud83d\ude00\/\b" "#).unwrap(),
        "\u{1f600}/\u{8}"
    );
    assert_eq!(read::<Value>("-0").unwrap(), Value::Int(0));
    assert!(read::<f64>("1e999").unwrap().is_infinite());
    assert!(read::<f64>("NaN").unwrap().is_nan());
    assert_eq!(
        read::<Value>("[9223372036854775807, -9223372036854775808]").unwrap(),
        Value::list([i64::MAX, i64::MIN])
    );
    assert_eq!(read::<u64>("18446744073709551615").unwrap(), u64::MAX);
}
