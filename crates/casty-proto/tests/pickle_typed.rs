//! Typed values from the contents that a pickle can have beside plain dataclasses.
#![cfg(feature = "pickle")]
#![allow(clippy::unwrap_used)] // tests throughout

use std::collections::BTreeMap;

use casty_proto::Limit;
use casty_proto::{DecodeError, Limits, Value};
use serde::Deserialize;

use opcodes::{decode, global, pickle, text};

#[path = "pickle_hostile/opcodes.rs"]
mod opcodes;

/// A class, called with one argument: an enum's member by its value.
fn called(argument: &[u8]) -> Vec<u8> {
    pickle(&[&global("app", "Kind"), argument, b"\x85R"])
}

fn long(bytes: &[u8]) -> Vec<u8> {
    [&[0x8a, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

#[test]
fn a_member_by_value_is_the_text_that_python_makes_of_the_value() {
    let quoted = [
        b"(".to_vec(),
        text("a"),
        text("it's"),
        text("say \"hi\""),
        text("both ' and \""),
        b"t".to_vec(),
    ]
    .concat();
    let nested = |levels: usize| [b")".to_vec(), b"\x85".repeat(levels - 1)].concat();
    let cases: [(&[u8], &str); 17] = [
        (b"N", "None"),
        (b"\x88", "True"),
        (b"\x89", "False"),
        (b"K\x02", "2"),
        (b"J\xff\xff\xff\xff", "-1"),
        (&text("it's\n"), "it's\n"),
        (b"G\x3f\xf8\0\0\0\0\0\0", "1.5"),
        (b"G\x43\x41\xc3\x79\x37\xe0\x80\0", "1e+16"),
        (b"G\x7f\xf8\0\0\0\0\0\0", "nan"),
        (
            &long(&[&[0xff; 16][..], &[0]].concat()),
            "340282366920938463463374607431768211455",
        ),
        (
            &long(&i128::MIN.to_le_bytes()),
            "-170141183460469231731687303715884105728",
        ),
        (b")", "()"),
        (b"K\x01\x85", "(1,)"),
        (b"N\x88\x89\x87", "(None, True, False)"),
        (&quoted, r#"('a', "it's", 'say "hi"', 'both \' and "')"#),
        (
            &[text("\n\r\t\\"), b"\x85".to_vec()].concat(),
            r"('\n\r\t\\',)",
        ),
        (&nested(4), "((((),),),)"),
    ];
    for (value, expected) in cases {
        assert_eq!(
            decode::<String>(&called(value)),
            Ok(expected.to_owned()),
            "{value:?}"
        );
    }
    // No scalars, or too deep or too large: what the call was made with.
    for value in [&b"]"[..], b"}", b"C\x01a", &nested(5), &long(&[1; 17])] {
        assert!(decode::<String>(&called(value)).is_err(), "{value:?}");
    }
    let any = decode::<serde_json::Value>(&called(b"]"));
    assert_eq!(any, Ok(serde_json::json!([[]])));
}

#[test]
fn a_member_is_chosen_by_the_text_of_its_value() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename = "app.Kind")]
    enum Kind {
        #[serde(rename = "(0, 'x')")]
        Pair,
        #[serde(rename = "None")]
        Nothing,
    }
    let pair = [b"K\x00".to_vec(), text("x"), b"\x86".to_vec()].concat();
    assert_eq!(decode(&called(&pair)), Ok(Kind::Pair));
    let other = DecodeError::Class {
        expected: "app.Kind",
        found: "app.Other".into(),
    };
    let argument = pickle(&[&global("app", "Other"), b")\x81"]);
    assert_eq!(decode::<Kind>(&argument), Err(other));
    assert_eq!(decode(&called(b"N")), Ok(Kind::Nothing));
    assert!(decode::<Kind>(&called(b"K\x05")).is_err());
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename = "app.Point")]
struct Point {
    x: u8,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Plain {
    x: u8,
}

fn x_is_one() -> Vec<u8> {
    [b"}".to_vec(), text("x"), b"K\x01s".to_vec()].concat()
}

#[test]
fn a_dict_is_read_as_a_struct_without_a_class_and_never_as_one_of_a_class() {
    let dict = pickle(&[&x_is_one()]);
    assert_eq!(decode(&dict), Ok(Plain { x: 1 }));
    let class = DecodeError::Class {
        expected: "app.Point",
        found: "builtins.dict".into(),
    };
    assert_eq!(decode::<Point>(&dict), Err(class));
    let object = pickle(&[&global("app", "Point"), b")\x81", &x_is_one(), b"b"]);
    assert_eq!(decode(&object), Ok(Plain { x: 1 }));
    assert_eq!(decode(&object), Ok(Point { x: 1 }));
}

#[test]
fn an_object_is_read_as_a_map_of_its_fields() {
    let point = global("app", "Point");
    let object = pickle(&[&point, b")\x81", &x_is_one(), b"b"]);
    let fields = BTreeMap::from([("x".to_owned(), 1)]);
    assert_eq!(decode::<BTreeMap<String, u8>>(&object), Ok(fields));
    let bare = pickle(&[&point, b")\x81"]);
    assert_eq!(decode::<BTreeMap<String, u8>>(&bare), Ok(BTreeMap::new()));
    let positional = pickle(&[&point, b")\x81](K\x01eb"]);
    assert!(decode::<BTreeMap<String, u8>>(&positional).is_err());
}

#[test]
fn an_object_without_state_is_a_tuple_struct_without_fields() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename = "app.Nothing")]
    struct Nothing();
    let nothing = global("app", "Nothing");
    assert_eq!(decode(&pickle(&[&nothing, b")\x81"])), Ok(Nothing()));
    let named = pickle(&[&nothing, b")\x81", &x_is_one(), b"b"]);
    assert!(decode::<Nothing>(&named).is_err());
}

const TWO_FLOATS: &[u8] = b"G\x3f\xf0\0\0\0\0\0\0G\x40\0\0\0\0\0\0\0\x86R";

#[test]
fn a_complex_is_read_as_its_two_parts() {
    let complex = pickle(&[&global("builtins", "complex"), TWO_FLOATS]);
    assert_eq!(decode::<(f64, f64)>(&complex), Ok((1.0, 2.0)));
    assert_eq!(decode::<Value>(&complex), Ok(Value::Complex(1.0, 2.0)));
}

#[test]
fn what_is_there_instead_of_a_dataclass_is_told_by_its_class() {
    let made = |module, name, args: &[u8]| [global(module, name), args.to_vec()].concat();
    let uri = [text("casty://s/a"), b"\x85R".to_vec()].concat();
    for (value, found) in [
        (b"N".to_vec(), "builtins.NoneType"),
        (b"\x88".to_vec(), "builtins.bool"),
        (b"K\x01".to_vec(), "builtins.int"),
        (long(&[1; 9]), "builtins.int"),
        (b"G\0\0\0\0\0\0\0\0".to_vec(), "builtins.float"),
        (text("a"), "builtins.str"),
        (b"C\x01a".to_vec(), "builtins.bytes"),
        (b"\x96\0\0\0\0\0\0\0\0".to_vec(), "builtins.bytearray"),
        (b"]".to_vec(), "builtins.list"),
        (b")".to_vec(), "builtins.tuple"),
        (b"\x8f".to_vec(), "builtins.set"),
        (b"(\x91".to_vec(), "builtins.frozenset"),
        (b"}".to_vec(), "builtins.dict"),
        (made("app", "Other", b")\x81"), "app.Other"),
        (made("builtins", "complex", TWO_FLOATS), "builtins.complex"),
        (
            made(
                "datetime",
                "datetime",
                b"C\x0a\x07\xea\x01\x01\0\0\0\0\0\0\x85R",
            ),
            "datetime.datetime",
        ),
        (
            made("datetime", "date", b"C\x04\x07\xea\x01\x01\x85R"),
            "datetime.date",
        ),
        (
            made("datetime", "time", b"C\x06\0\0\0\0\0\0\x85R"),
            "datetime.time",
        ),
        (
            made("datetime", "timedelta", b"K\x01K\x01K\x01\x87R"),
            "datetime.timedelta",
        ),
        (
            made("uuid", "UUID", &[&text(ID), &b"\x85R"[..]].concat()),
            "uuid.UUID",
        ),
        (
            made("decimal", "Decimal", b"\x8c\x011\x85R"),
            "decimal.Decimal",
        ),
        (
            made("casty.remote.ref", "restore_actor_ref", &uri),
            "casty.remote.ref.RemoteActorRef",
        ),
    ] {
        let class = DecodeError::Class {
            expected: "app.Point",
            found: found.into(),
        };
        assert_eq!(decode::<Point>(&pickle(&[&value])), Err(class));
    }
}

const ID: &str = "00010203-0405-0607-0809-0a0b0c0d0e0f";

#[test]
fn a_uuid_is_read_from_its_text_and_from_its_int_however_short() {
    let by_text = |text: &[u8]| {
        let class = global("uuid", "UUID");
        decode::<Value>(&pickle(&[&class, text, b"\x85R"]))
    };
    let by_int = |int: &[u8]| {
        let class = global("uuid", "UUID");
        decode::<Value>(&pickle(&[&class, b")\x81}", &text("int"), int, b"sb"]))
    };
    let id = |bytes: [u8; 16]| Ok(Value::Uuid(bytes.into()));
    let counting = std::array::from_fn(|at| u8::try_from(at).unwrap());
    assert_eq!(by_text(&text(ID)), id(counting));
    assert_eq!(by_text(&text(&ID.replace('-', ""))), id(counting));
    assert_eq!(by_int(&long(&[1; 16])), id([1; 16]));
    let seven = id(7_u128.to_be_bytes());
    assert_eq!(by_int(b"K\x07"), seven);
    let state = [
        b"}(".to_vec(),
        text("is_safe"),
        b"N".to_vec(),
        text("int"),
        b"K\x07ub".to_vec(),
    ];
    let unsafe_first = [global("uuid", "UUID"), b")\x81".to_vec(), state.concat()];
    assert_eq!(decode(&pickle(&[&unsafe_first.concat()])), seven);
    for wrong in ["", &"0".repeat(31), &"0".repeat(33), &"g".repeat(32)] {
        assert!(by_text(&text(wrong)).is_err(), "{wrong}");
    }
    // 32 characters that Rust would take for a number, and Python for none.
    assert!(by_text(&text(&format!("+{}", "0".repeat(31)))).is_err());
    for wrong in [&b"J\xff\xff\xff\xff"[..], &long(&[0xff; 16]), b"N"] {
        assert!(by_int(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn containers_that_grow_bit_by_bit_keep_all_their_parts_in_order() {
    // Python writes a thousand parts at a time. Two containers grow in turns here.
    let lists: [&[u8]; 8] = [
        b"(]\x94(K\x01K\x02e",
        b"]\x94(K\x0be",
        b"h\x00(K\x03e",
        b"h\x01K\x0ca",
        b"h\x00K\x04a",
        b"h\x01(K\x0dK\x0ee",
        b"h\x00(e",
        b"t",
    ];
    let (one, two) = (vec![1, 2, 3, 4], vec![11, 12, 13, 14]);
    let read = decode::<Vec<Vec<u8>>>(&pickle(&lists)).unwrap();
    assert_eq!(
        read,
        [&one, &two, &one, &two, &one, &two, &one].map(Clone::clone)
    );
    let sets: [&[u8]; 5] = [
        b"(\x8f\x94(K\x01K\x02\x90",
        b"\x8f\x94(K\x0b\x90",
        b"h\x00(K\x03K\x04\x90",
        b"h\x01(K\x0cK\x0d\x90h\x01(K\x0e\x90",
        b"t",
    ];
    let read = decode::<Vec<Vec<u8>>>(&pickle(&sets)).unwrap();
    assert_eq!(read, [&one, &two, &one, &two, &two].map(Clone::clone));
    let dicts: [&[u8]; 6] = [
        b"(}\x94(K\x01NK\x02Nu",
        b"}\x94K\x0bNs",
        b"h\x00(K\x03Nu",
        b"h\x01(K\x0cNK\x0dNu",
        b"h\x00K\x04Nsh\x01K\x0eNs",
        b"t",
    ];
    let keys = |keys: &[u8]| keys.iter().map(|key| (*key, None)).collect();
    let (one, two): (BTreeMap<_, _>, BTreeMap<_, _>) = (keys(&one), keys(&two));
    let read = decode::<Vec<BTreeMap<u8, Option<u8>>>>(&pickle(&dicts)).unwrap();
    assert_eq!(read, [&one, &two, &one, &two, &one, &two].map(Clone::clone));
}

#[test]
fn what_occurs_twice_is_shared_however_late_it_occurs() {
    for before in 600..664 {
        let input = pickle(&[b"(", &b"K\x01".repeat(before), b"]\x94(K\x02eh\x00t"]);
        let all = decode::<Value>(&input).unwrap();
        let [.., first, second] = all.items().unwrap() else {
            panic!("two lists");
        };
        assert_eq!(first.items(), Some(&[Value::Int(2)][..]));
        assert!(std::ptr::eq(
            first.items().unwrap(),
            second.items().unwrap()
        ));
    }
}

#[test]
fn what_is_shared_is_read_as_long_as_a_walk_is_in_proportion_to_the_input() {
    // A tuple of 42 empty ones, mentioned in two bytes each time.
    let mentioned = |times| {
        let inner = [b"(", &b")".repeat(42)[..], b"t\x94"].concat();
        let mentions = b"h\x00".repeat(times);
        pickle(&[b"(", &inner, &mentions, b"Nt"])
    };
    // The outer tuple, the inner ones, and the None: exactly what may be visited.
    let most = mentioned(161);
    assert_eq!(1 + 43 * (1 + 161) + 1, Limits::visits(most.len()));
    let all = decode::<Value>(&most).unwrap();
    assert_eq!(all.items().map(<[Value]>::len), Some(163));
    assert!(matches!(
        decode::<Value>(&mentioned(162)),
        Err(DecodeError::Limit {
            limit: Limit::Visits,
            ..
        })
    ));
}

#[test]
fn what_is_shared_nests_as_deep_as_it_does_wherever_it_is_mentioned() {
    let mentioned = |outside| {
        let inner = [b"N", &b"\x85".repeat(100)[..], b"\x94"].concat();
        let outer = [b"h\x00", &b"\x85".repeat(outside)[..]].concat();
        decode::<Value>(&pickle(&[b"(", &inner, &outer, b"t"])).map(drop)
    };
    let depth = Limits::default().depth;
    assert_eq!(mentioned(depth - 101), Ok(()));
    let passed = DecodeError::Limit {
        limit: Limit::Depth,
        max: depth,
    };
    assert_eq!(mentioned(depth - 100), Err(passed));
}

#[test]
fn texts_of_up_to_64_bytes_may_be_mentioned_as_often_as_the_input_can() {
    let mentioned = |len: u8| {
        let text = [&[0x8c, len][..], &vec![b'x'; len.into()], b"\x94"].concat();
        decode::<Vec<String>>(&pickle(&[b"(", &text, &b"h\x00".repeat(50_000), b"t"]))
    };
    assert_eq!(mentioned(64).unwrap().len(), 50_001);
    assert!(matches!(mentioned(65), Err(DecodeError::Limit { .. })));
}
