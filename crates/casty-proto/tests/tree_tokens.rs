//! JSON and MessagePack token by token: read, skipped and refused.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(all(feature = "json", feature = "msgpack"))]

use std::collections::BTreeMap;
use std::sync::Arc;

use allocation_counter::measure;
use casty_proto::Limit;
use casty_proto::{ActorRef, Codec, DecodeError, Limits, Value};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

fn json<T: DeserializeOwned>(text: &str) -> Result<T, DecodeError> {
    Codec::json().decode(text.as_bytes(), &Limits::default())
}

fn pack<T: DeserializeOwned>(input: &[u8]) -> Result<T, DecodeError> {
    Codec::msgpack().decode(input, &Limits::default())
}

/// Returns the fault of a malformed input.
fn wrong<T>(result: Result<T, DecodeError>) -> &'static str {
    match result.map(drop) {
        Err(DecodeError::Malformed { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_escapes_of_json_are_read() {
    let text = r#""\" \\ \/ \b \f \n \r \t \u0041 \u00e9 \ud83d\ude00 \uD83D\uDE00""#;
    let read = "\" \\ / \u{8} \u{c} \n \r \t A é 😀 😀";
    assert_eq!(json::<String>(text).as_deref(), Ok(read));
    assert_eq!(json::<Value>(text), Ok(read.into()));
}

#[test]
fn what_is_no_json_is_malformed() {
    for text in [
        "[,1]",
        "[1,]",
        "[1,,2]",
        "[1 2]",
        "[1}",
        "{,\"a\": 1}",
        "{\"a\": 1,}",
        "{\"a\": 1 \"b\": 2}",
        "{\"a\" 1}",
        "{\"a\"}",
        "{1: 2}",
        "nil",
        "nul!",
        "True",
        "01 ",
        "-x",
        "1.x",
        "1ex",
        "+1",
        "\"\\x\"",
        "\"\\u00g0\"",
        "\"\u{1}\"",
    ] {
        wrong(json::<Value>(text));
        wrong(json::<Value>(&format!("[{text}]")));
        if !text.contains('\\') {
            wrong(json::<IgnoredAny>(text));
        }
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename = "app.Point")]
struct Point {
    x: i64,
}

#[test]
fn values_of_all_kinds_are_passed_over() {
    let others = r#"[null, true, false, 0, -1.5e3, NaN, -Infinity, "", "a\"b\\", "\\", "\ud800",
        {"\"": {"a": []}, "b\\": null}, [[], {}]]"#;
    assert!(json::<IgnoredAny>(others).is_ok());
    for text in [
        format!(r#"{{"_type": "app.Point", "new": {others}, "x": 1, "newer": {others}}}"#),
        format!(r#"{{"new": {others}, "x": 1, "_type": "app.Point"}}"#),
    ] {
        assert_eq!(json(&text), Ok(Point { x: 1 }), "{text}");
    }
    let others = [
        &b"\xdc\0\x10\xc0\xc2\xc3\x01\xff\xcc\x01\xd0\x01\xca\0\0\0\0\xa1a\xd9\x01a\xc4\x01a"[..],
        b"\xc5\0\x01a\x81\xa1a\xc0\x90\xcd\0\x01\xd1\0\x01",
    ]
    .concat();
    assert!(pack::<IgnoredAny>(&others).is_ok());
    let point = [
        &b"\x83\xa5_type\xa9app.Point\xa3new"[..],
        &others,
        b"\xa1x\x01",
    ]
    .concat();
    assert_eq!(pack(&point), Ok(Point { x: 1 }));
}

#[test]
fn what_is_passed_over_may_not_end_early() {
    for text in [r#"["a\"b\\c"]"#, r#"{"a\\": [null, true]}"#, r#"["\\"]"#] {
        assert!(json::<IgnoredAny>(text).is_ok());
        for end in 0..text.len() {
            let cut = json::<IgnoredAny>(&text[..end]).map(drop);
            assert_eq!(cut, Err(DecodeError::Truncated { at: end }), "{text}");
        }
    }
    for text in ["nule", "trux", "falsy", "\"\n\"", "-", "[1;2]"] {
        assert!(json::<IgnoredAny>(text).is_err(), "{text}");
    }
}

#[test]
fn what_follows_a_value_is_counted() {
    for (text, extra) in [("1 x", 1), ("[1]  yz ", 3), ("null,", 1)] {
        let trailing = Err(DecodeError::Trailing { extra });
        assert_eq!(json::<Value>(text), trailing);
        assert_eq!(json::<IgnoredAny>(text).map(|_| Value::None), trailing);
    }
    let trailing = Err(DecodeError::Trailing { extra: 2 });
    assert_eq!(pack::<Value>(b"\x93\x01\x02\x03\xc0\xc0"), trailing);
}

/// Returns a form of a length in msgpack: its marker, and a length in so many bytes.
fn announced(marker: u8, bytes: usize, len: usize) -> Vec<u8> {
    [&[marker], &len.to_be_bytes()[8 - bytes..]].concat()
}

#[test]
fn lengths_of_every_size_are_read_from_msgpack() {
    for (bytes, at, len) in [
        (1, 0, 3),
        (1, 0, 255),
        (2, 1, 256),
        (2, 1, 3),
        (4, 2, 70_000),
    ] {
        let text = "x".repeat(len);
        let strings = [0xd9, 0xda, 0xdb];
        let input = [&announced(strings[at], bytes, len), text.as_bytes()].concat();
        assert_eq!(pack::<String>(&input), Ok(text.clone()));
        assert_eq!(pack::<Value>(&input), Ok(text.as_str().into()));
        assert!(pack::<IgnoredAny>(&input).is_ok());
        let bins = [0xc4, 0xc5, 0xc6];
        let input = [&announced(bins[at], bytes, len), text.as_bytes()].concat();
        assert_eq!(pack::<Value>(&input), Ok(Value::bytes(text.into_bytes())));
        assert!(pack::<IgnoredAny>(&input).is_ok());
        if bytes > 1 {
            let nones = [announced([0, 0xdc, 0xdd][at], bytes, len), vec![0xc0; len]].concat();
            assert_eq!(pack::<Vec<()>>(&nones).map(|read| read.len()), Ok(len));
            let keys = (0..len).flat_map(|key| {
                let key = key.to_string();
                [
                    &[0xa0 + u8::try_from(key.len()).unwrap()],
                    key.as_bytes(),
                    &[0xc0],
                ]
                .concat()
            });
            let map: Vec<u8> = announced([0, 0xde, 0xdf][at], bytes, len)
                .into_iter()
                .chain(keys)
                .collect();
            let read = pack::<BTreeMap<String, Option<u8>>>(&map);
            assert_eq!(read.map(|read| read.len()), Ok(len));
        }
    }
}

#[test]
fn what_msgpack_has_no_meaning_for_is_told_apart() {
    assert_eq!(wrong(pack::<Value>(b"\xc1")), "the byte that is never used");
    for extension in [0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8] {
        assert_eq!(wrong(pack::<Value>(&[extension, 0])), "an extension type");
    }
    assert_eq!(
        wrong(pack::<Value>(b"\x81\x01\xc0")),
        "a key that is no string"
    );
}

#[test]
fn a_container_longer_than_the_input_is_refused_before_anything_is_read() {
    let four = [0xdc, 0, 4, 0xc0, 0xc0, 0xc0, 0xc0];
    let more = "more elements than the type has";
    assert_eq!(wrong(pack::<[u8; 0]>(&four)), more);
    let five = [0xdc, 0, 5, 0xc0, 0xc0, 0xc0, 0xc0];
    let truncated = Err(DecodeError::Truncated { at: five.len() });
    assert_eq!(pack::<[u8; 0]>(&five), truncated);
}

#[test]
fn no_memory_is_set_aside_for_more_than_the_limit_of_values() {
    let input = [announced(0xdd, 4, 100_000), vec![0xc0; 100_000]].concat();
    let limits = Limits::new().with_items(1000);
    let mut read = Ok(Value::None);
    let info = measure(|| read = Codec::msgpack().decode::<Value>(&input, &limits));
    let passed = DecodeError::Limit {
        limit: Limit::Items,
        max: 1000,
    };
    assert_eq!(read, Err(passed));
    assert!(info.bytes_max < 1024, "{} bytes", info.bytes_max);
}

#[test]
fn markers_of_the_notation_are_plain_keys_to_the_serializers() {
    for text in [
        r#"{"__bytes__": "AP8="}"#,
        r#"{"__set__": [1, 2]}"#,
        r#"{"__enum__": "a.B", "__value__": 2}"#,
        r#"{"__date__": "2024-02-29"}"#,
    ] {
        assert!(matches!(json(text), Ok(Value::Dict(_))), "{text}");
    }
    let state = r#"{"_type": "a.B", "__state__": [1]}"#;
    let named = Value::object("a.B", [("__state__", Value::list([1]))]);
    assert_eq!(json(state), Ok(named));
}

#[test]
fn a_marker_in_front_of_something_else_is_a_plain_key() {
    let inner = Value::dict([("a", 1)]);
    for (text, key, value) in [
        (r#"{"__dict__": {"a": 1}}"#, "__dict__", inner.clone()),
        (r#"{"__tuple__": {"a": 1}}"#, "__tuple__", inner.clone()),
        (r#"{"__frozenset__": 1}"#, "__frozenset__", 1.into()),
        (r#"{"_type": 1}"#, "_type", 1.into()),
        (r#"{"__ref__": null}"#, "__ref__", Value::None),
        (r#"{"__enum__": "a.B"}"#, "__enum__", "a.B".into()),
    ] {
        assert_eq!(json(text), Ok(Value::dict([(key, value)])), "{text}");
    }
}

#[test]
fn markers_that_come_late_in_many_objects_are_no_reason_to_refuse_them() {
    let text = vec![r#"{"x": 1, "_type": "app.Point"}"#; 1000].join(", ");
    let points = json::<Vec<Point>>(&format!("[{text}]"));
    assert_eq!(points.map(|points| points.len()), Ok(1000));
}

#[test]
fn a_reference_is_nothing_but_its_marker_and_its_uri() {
    let uri = "casty://s/a";
    let marked = format!(r#"{{"__ref__": "{uri}"}}"#);
    assert_eq!(json(&marked), Ok(ActorRef::<u8>::new(uri).unwrap()));
    for text in [
        format!("\"{uri}\""),
        format!("[\"{uri}\"]"),
        format!(r#"{{"_type": "a.B", "uri": "{uri}"}}"#),
        "{}".to_owned(),
    ] {
        let error = json::<ActorRef<u8>>(&text).unwrap_err();
        assert!(error.to_string().contains("an actor reference"), "{error}");
    }
}

#[test]
fn keys_are_read_as_newtypes_and_optional_ones() {
    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
    struct Name(String);
    let text = r#"{"a": 1, "b": 2}"#;
    let (a, b) = (|| "a".to_owned(), || "b".to_owned());
    let names = BTreeMap::from([(Name(a()), 1), (Name(b()), 2)]);
    assert_eq!(json(text), Ok(names));
    let optional = BTreeMap::from([(Some(a()), 1), (Some(b()), 2)]);
    assert_eq!(json(text), Ok(optional));
}

#[test]
fn a_variant_with_a_colon_in_its_name_does_not_pass_for_its_neighbours() {
    #[derive(Debug, PartialEq, Deserialize)]
    enum Command {
        #[serde(rename = "app.commands:outer.Move")]
        Move { by: i64 },
        #[serde(rename = "app.Stop")]
        Stop,
    }
    let moved = r#"{"_type": "app.commands.outer.Move", "by": 1}"#;
    assert_eq!(json(moved), Ok(Command::Move { by: 1 }));
    assert_eq!(json(r#"{"_type": "app.Stop"}"#), Ok(Command::Stop));
    assert!(json::<Command>(r#"{"_type": "app.Other", "by": 1}"#).is_err());
}

#[test]
fn objects_of_one_class_share_its_name() {
    let text = r#"[{"_type": "app.Point", "x": 1}, {"_type": "app.Point", "x": 2}]"#;
    let points: Value = json(text).unwrap();
    let [Value::Object(one), Value::Object(two)] = points.items().unwrap() else {
        panic!("two objects: {points}");
    };
    assert!(Arc::ptr_eq(&one.class, &two.class));
}

#[test]
fn a_tuple_struct_is_no_dataclass() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename = "app.Wrapped")]
    struct Wrapped(i64);
    let codecs: &[(Codec, &[u8])] = &[
        (Codec::json(), b"5"),
        (Codec::msgpack(), b"\x05"),
        #[cfg(feature = "protobuf")]
        (Codec::protobuf(), b"\x18\x0a"),
    ];
    for (codec, five) in codecs {
        let error = codec.decode::<Wrapped>(five, &Limits::default());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("its fields have no names"), "{error}");
    }
}
