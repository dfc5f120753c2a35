//! Constructions in pickles: calls, classes and states, of which only those that are data are read.
#![cfg(feature = "pickle")]
#![allow(clippy::unwrap_used)] // tests throughout

use casty_proto::value::{State, Time, TimeDelta};
use casty_proto::{DecodeError, Value};
use serde::Deserialize;

use opcodes::{decode, global, malformed, pickle, text, value};

#[path = "pickle_hostile/opcodes.rs"]
mod opcodes;

#[track_caller]
fn needs_python(parts: &[&[u8]], named: &str) {
    match value(parts) {
        Err(DecodeError::NeedsPython { what }) => assert_eq!(&*what, named),
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn functions_are_never_called() {
    let call = |module, name, args: &[u8]| value(&[&global(module, name), args, b"R"]).err();
    for (module, name) in [
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "type"),
        ("builtins", "__import__"),
        ("os", "system"),
        ("posix", "system"),
        ("subprocess", "run"),
        ("types", "CodeType"),
        ("types", "FunctionType"),
        ("_codecs", "encode"),
        ("copyreg", "_reconstructor"),
        ("cloudpickle.cloudpickle", "_make_skeleton_class"),
        ("functools", "partial"),
        ("operator", "attrgetter"),
        ("app", "make_point"),
    ] {
        let error = call(module, name, b"NN\x86");
        let named = format!("{module}.{name}");
        let Some(DecodeError::NeedsPython { what }) = error else {
            panic!("{named}: {error:?}");
        };
        assert_eq!(what.replace(':', "."), named);
    }
}

#[test]
fn classes_of_code_are_never_instantiated_and_others_whatever_their_name_looks_like() {
    let getattr = global("builtins", "getattr");
    for (module, name) in [
        ("builtins", "object"),
        ("copyreg", "thing"),
        ("datetime", "tzinfo"),
        ("functools", "reduce"),
        ("operator", "attrgetter"),
        ("os", "stat_result"),
        ("types", "SimpleNamespace"),
    ] {
        let class = global(module, name);
        let named = format!("{module}.{name}");
        for made in [&b")\x81"[..], b")}\x92", b"K\x01\x85\x81"] {
            needs_python(&[&class, made], &named);
        }
        let member = [&getattr, &class[..], &text("x"), b"\x86R"];
        needs_python(&member, "builtins.getattr");
    }
    for name in ["Point", "point"] {
        let class = global("app", name);
        for made in [&b")\x81"[..], b")}\x92", b"K\x01\x85\x81"] {
            assert!(value(&[&class, made]).is_ok());
        }
        assert!(value(&[&getattr, &class[..], &text("x"), b"\x86R"]).is_ok());
    }
}

#[test]
fn results_of_by_value_functions_are_not_instantiated() {
    let made = [
        global("cloudpickle.cloudpickle", "_builtin_type"),
        text("x"),
        b"\x85R".to_vec(),
    ]
    .concat();
    for call in [&b")\x81"[..], b")}\x92"] {
        needs_python(&[&made, call], "cloudpickle.cloudpickle._builtin_type");
    }
}

#[test]
fn arguments_make_the_same_object_however_they_are_passed() {
    let point = global("app", "Point");
    let same = |one: &[u8], other: &[u8]| {
        let one = value(&[&point, one]).unwrap();
        assert_eq!(one, value(&[&point, other]).unwrap());
    };
    same(b")\x81", b"(t\x81");
    same(b")\x81", b")}\x92");
    same(b"K\x01K\x02\x86\x81", b"K\x01K\x02\x86}\x92");
    same(b"K\x01K\x02\x86\x81", b"(K\x01K\x02tR");
}

#[test]
fn constructors_take_as_many_arguments_as_python_gives_them() {
    let delta = global("datetime", "timedelta");
    for (args, days, seconds) in [
        (&b")R"[..], 0, 0),
        (b"K\x02\x85R", 2, 0),
        (b"K\x02K\x03\x86R", 2, 3),
        (b"K\x02K\x03K\x00\x87R", 2, 3),
    ] {
        let expected = TimeDelta::new(days, seconds, 0).unwrap();
        assert_eq!(value(&[&delta, args]), Ok(expected.into()));
    }
    malformed(&[&delta, b"(K\x02K\x03K\x00K\x00tR"]);
    let time = global("datetime", "time");
    let noon = Time::new(12, 0, 0, 0).unwrap();
    for args in [
        &b"C\x06\x0c\0\0\0\0\0\x85R"[..],
        b"C\x06\x0c\0\0\0\0\0N\x86R",
    ] {
        assert_eq!(value(&[&time, args]), Ok(noon.clone().into()));
    }
    malformed(&[&time, b"C\x06\x0c\0\0\0\0\0K\x01\x86R"]);
    needs_python(
        &[&global("builtins", "dict"), b"](NNe\x85R"],
        "builtins.dict",
    );
}

#[test]
fn classes_and_constructors_by_themselves_are_no_values() {
    needs_python(&[&global("app", "Point")], "app.Point");
    needs_python(&[b"]", &global("app", "Point"), b"a"], "app.Point");
    let partial = [
        global("functools", "partial"),
        global("app", "Point"),
        b"\x85}\x92".to_vec(),
    ];
    needs_python(&[&partial.concat()], "app.Point");
    let zone = [
        global("datetime", "timezone"),
        global("datetime", "timedelta"),
        b"K\x00K\x00K\x00\x87R\x85R".to_vec(),
    ];
    needs_python(&[&zone.concat()], "datetime.timezone");
}

#[test]
fn states_that_only_python_can_set_are_refused() {
    let point = global("app", "Point");
    for state in [&b"N"[..], b"K\x01", b"K\x01\x85", b"NN\x86", b"NNN\x87"] {
        needs_python(&[&point, b")\x81", state, b"b"], "app.Point");
    }
    needs_python(&[&point, b"K\x01\x85\x81}b"], "app.Point");
    malformed(&[&point, b")\x81}b}b"]);
}

#[test]
fn impossible_dates_and_ids_are_malformed() {
    let made = |module, name, args: &[u8]| {
        let class = global(module, name);
        malformed(&[&class, args, b"R"]);
    };
    made("datetime", "date", b"C\x04\x07\xea\x02\x1e\x85");
    made("datetime", "date", b"C\x04\x00\x00\x01\x01\x85");
    made("datetime", "date", b"K\x01K\x01K\x01\x87");
    made("datetime", "time", b"C\x06\x18\x00\x00\x00\x00\x00\x85");
    made(
        "datetime",
        "datetime",
        b"C\x0a\x07\xea\x01\x01\x00\x00\x00\xff\xff\xff\x85",
    );
    made(
        "datetime",
        "datetime",
        b"C\x0a\x07\xea\x01\x01\x00\x00\x00\x00\x00\x00N\x86N\x86",
    );
    made("datetime", "timedelta", b"K\x00J\xff\xff\xff\xffK\x00\x87");
    made("datetime", "timedelta", b"J\xff\xff\xff\x7fK\x00K\x00\x87");
    made("decimal", "Decimal", b"\x8c\x00\x85");
    made("uuid", "UUID", b"\x8c\x03abc\x85");
    made("builtins", "complex", b"NN\x86");
    malformed(&[&global("uuid", "UUID"), b")\x81}b"]);
}

#[test]
fn an_offset_from_utc_of_a_day_or_more_is_malformed() {
    let noon = |days: i32, seconds: i32| {
        let zone = [
            global("datetime", "time"),
            b"C\x06\x0c\0\0\0\0\0".to_vec(),
            global("datetime", "timezone"),
            global("datetime", "timedelta"),
            [b"J", &days.to_le_bytes()[..], b"J", &seconds.to_le_bytes()].concat(),
            b"K\x00\x87R\x85R\x86R".to_vec(),
        ];
        value(&[&zone.concat()])
    };
    for (days, seconds) in [(0, 86_399), (0, 0), (-1, 1)] {
        let offset = TimeDelta::new(days, seconds.try_into().unwrap(), 0);
        let time = Time {
            offset,
            ..Time::new(12, 0, 0, 0).unwrap()
        };
        assert_eq!(noon(days, seconds), Ok(time.into()));
    }
    for (days, seconds) in [(1, 0), (-1, 0), (-2, 86_399), (999_999_999, 0)] {
        assert!(matches!(
            noon(days, seconds),
            Err(DecodeError::Malformed { .. })
        ));
    }
}

#[test]
fn constructions_of_our_own_writer_are_read() {
    let list = |items: &[u8]| [b"](".as_slice(), items, b"e\x85R"].concat();
    let made = |name: &str, args: &[u8]| value(&[&global("builtins", name), args]).unwrap();
    assert!(matches!(made("frozenset", &list(b"NK\x01")), Value::FrozenSet(set) if set.len() == 2));
    assert!(matches!(made("set", &list(b"N")), Value::Set(set) if set.len() == 1));
    assert!(matches!(made("set", b")R"), Value::Set(set) if set.is_empty()));
    assert!(matches!(made("tuple", &list(b"NN")), Value::Tuple(items) if items.len() == 2));
    assert!(matches!(made("list", &list(b"NN")), Value::List(items) if items.len() == 2));
    assert!(matches!(made("dict", b")R"), Value::Dict(pairs) if pairs.is_empty()));
    assert!(matches!(made("bytearray", b"C\x01a\x85R"), Value::ByteArray(b) if *b == *b"a"));
    assert!(matches!(made("bytes", b")R"), Value::Bytes(b) if b.is_empty()));
    assert!(matches!(
        made("complex", b"G\0\0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0\x86R"),
        Value::Complex(..)
    ));
}

#[test]
fn a_collection_made_of_another_is_not_extended() {
    // Each extension would copy the shared children: quadratic memory for a linear input.
    let set = [global("builtins", "set"), b"](NNe\x85R(N\x90".to_vec()].concat();
    malformed(&[&set]);
}

#[test]
fn keywords_without_partial_are_the_state_by_name() {
    let point = global("app", "Point");
    let object = value(&[&point, b")}", &text("x"), b"K\x01s\x92"]).unwrap();
    let Value::Object(object) = object else {
        panic!("an object");
    };
    assert!(matches!(&object.state, State::Named(fields) if fields.len() == 1));
    needs_python(
        &[&point, b"K\x01\x85}", &text("x"), b"K\x01s\x92"],
        "app.Point",
    );
}

#[test]
fn a_state_of_dict_and_slots_holds_the_fields_of_both() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename = "app.Mixed")]
    struct Mixed {
        x: u8,
        y: u8,
    }
    let mixed = [
        global("app", "Mixed"),
        b")\x81}".to_vec(),
        text("x"),
        b"K\x01s}".to_vec(),
        text("y"),
        b"K\x02s\x86b".to_vec(),
    ]
    .concat();
    assert_eq!(decode(&pickle(&[&mixed])), Ok(Mixed { x: 1, y: 2 }));
}

#[test]
fn positional_states_must_fit_exactly() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename = "app.Point")]
    struct Point {
        x: u8,
        y: u8,
    }
    let point = global("app", "Point");
    let read = |parts: &[&[u8]]| decode::<Point>(&pickle(parts));
    let fits = Ok(Point { x: 1, y: 2 });
    assert_eq!(read(&[&point, b")\x81](K\x01K\x02eb"]), fits);
    assert_eq!(read(&[&point, b"K\x01K\x02\x86R"]), fits);
    assert_eq!(read(&[&point, b"K\x01K\x02\x86\x81"]), fits);
    for surplus in [
        &b")\x81](K\x01K\x02K\x03eb"[..],
        b"K\x01K\x02K\x03\x87R",
        b"K\x01\x85R",
    ] {
        assert!(matches!(
            read(&[&point, surplus]),
            Err(DecodeError::Custom(_))
        ));
    }
}
