//! What a hostile or broken peer can send as a pickle: typed errors within the limits, always.
#![cfg(feature = "pickle")]
#![allow(clippy::unwrap_used)] // tests throughout

use casty_proto::Limit;
use casty_proto::value::{State, Time, TimeDelta};
use casty_proto::{ActorRef, Codec, DecodeError, FrozenSet, Limits, Set, Tuple, Value};
use serde::Deserialize;

use opcodes::{decode, global, pickle, text};

#[path = "pickle_hostile/opcodes.rs"]
mod opcodes;

fn value(parts: &[&[u8]]) -> Result<Value, DecodeError> {
    decode(&pickle(parts))
}

#[track_caller]
fn malformed(parts: &[&[u8]]) {
    let error = value(parts);
    assert!(
        matches!(error, Err(DecodeError::Malformed { .. })),
        "{:?}",
        error.err()
    );
}

#[track_caller]
fn needs_python(parts: &[&[u8]], named: &str) {
    match value(parts) {
        Err(DecodeError::NeedsPython { what }) => assert_eq!(&*what, named),
        other => panic!("{:?}", other.err()),
    }
}

#[track_caller]
fn limited(result: Result<Value, DecodeError>, which: Limit) {
    match result {
        Err(DecodeError::Limit { limit, .. }) => assert_eq!(limit, which),
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn what_is_no_pickle_is_said_to_be_none() {
    assert_eq!(
        decode::<Value>(b"").err(),
        Some(DecodeError::Truncated { at: 0 })
    );
    for input in [
        &b"{\"a\": 1}"[..],
        b"\x82\xa5",
        b"\x80\x06N.",
        b"\x80\x01N.",
        b"N.",
    ] {
        assert!(matches!(
            decode::<Value>(input),
            Err(DecodeError::Malformed { .. })
        ));
    }
    let trailing = [pickle(&[b"N"]), b"N".to_vec()].concat();
    assert_eq!(
        decode::<Value>(&trailing).err(),
        Some(DecodeError::Trailing { extra: 1 })
    );
}

#[test]
fn opcodes_outside_the_list_are_refused_by_number() {
    // PERSID, BINPERSID, INST, OBJ, EXT1, NEXT_BUFFER, READONLY_BUFFER, INT, STRING, UNICODE,
    // LONG, PUT, GET, DUP, POP, POP_MARK, DICT, LIST, BINSTRING, SHORT_BINSTRING, FLOAT
    for opcode in *b"PQio\x82\x97\x98ISVLpg201dlTUF\x00\xff" {
        assert_eq!(
            value(&[b"N", &[opcode], b"abc\nabc\n"]).err(),
            Some(DecodeError::Opcode { opcode, at: 3 })
        );
    }
}

#[test]
fn a_stack_that_holds_too_little_or_too_much_is_malformed() {
    malformed(&[]);
    malformed(&[b"NN"]);
    malformed(&[b"N("]);
    // Everything that takes from the stack, on an empty one and on one that a mark guards.
    for opcode in *b"\x94q\x85\x86\x87aesu\x90\x91tbR\x81\x92\x93" {
        malformed(&[&[opcode, 0]]);
        if !b"\x91te".contains(&opcode) {
            malformed(&[b"]]]]](", &[opcode, 0]]);
        }
    }
    // What a mark guards stays as it was when the mark is closed.
    for parts in [
        &b"](Nae"[..],
        b"]((Nee",
        b"}(NNsu",
        b"}((NNuu",
        b"\x8f((N\x90\x90",
        b"N(\x85t",
    ] {
        malformed(&[parts]);
    }
}

#[test]
fn items_for_the_wrong_container_are_malformed() {
    for container in [&b"N"[..], b")", b"K\x01", b"\x8f", b"}"] {
        malformed(&[container, b"Na"]);
        malformed(&[container, b"(Ne"]);
    }
    for container in [&b"N"[..], b")", b"K\x01", b"\x8f", b"]"] {
        malformed(&[container, b"NNs"]);
        malformed(&[container, b"(NNu"]);
    }
    malformed(&[b"}(NNNu"]);
    malformed(&[b"](N\x90"]);
    malformed(&[b"N}b"]);
    malformed(&[&global("app", "Point"), b"N\x81"]);
    malformed(&[&global("app", "Point"), b"NR"]);
    malformed(&[b"N)R"]);
    malformed(&[b"NN\x93"]);
}

#[test]
fn memo_entries_out_of_turn_or_missing_are_malformed() {
    malformed(&[b"h\x00"]);
    malformed(&[b"j\xff\xff\xff\xff"]);
    malformed(&[b"Nr\xff\xff\xff\x7f"]);
    malformed(&[b"Nq\x01"]);
    assert!(matches!(
        value(&[b"]q\x00q\x00h\x00\x86"]),
        Ok(Value::Tuple(_))
    ));
}

#[test]
fn announced_lengths_are_believed_only_as_far_as_the_input_goes() {
    for opcodes in [
        &b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x96\xff\xff\xff\xff\xff\xff\xff\xff",
        b"X\xff\xff\xff\xff",
        b"B\xff\xff\xff\xff",
        b"\x8c\xff",
        b"C\xff",
        b"\x8a\xff",
        b"\x95\x00\x00",
        b"capp",
    ] {
        assert!(matches!(
            value(&[opcodes]),
            Err(DecodeError::Truncated { .. })
        ));
    }
    malformed(&[b"\x8b\xff\xff\xff\xff"]);
    malformed(&[b"\x8b\x01\x10\x00\x00", &[1; 4097]]);
    assert!(value(&[b"\x8b\x00\x10\x00\x00", &[1; 4096]]).is_ok());
}

#[test]
fn deep_nesting_is_an_error_on_a_small_stack() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Endless(Box<Option<Vec<Endless>>>);
    let shapes: [(&[u8], &[u8]); 4] = [
        (b"N", b"\x85"),
        (b"", b"]"),
        (b"(", b"("),
        (b"N", b"\x94\x85"),
    ];
    let check = move || {
        for (first, repeated) in shapes {
            let mut input = pickle(&[first, &repeated.repeat(100_000)]);
            if repeated == b"]" || repeated == b"(" {
                // Lists inside each other, tuples inside each other.
                input.pop();
                let close: &[u8] = if repeated == b"]" { b"a" } else { b"t" };
                let closes = if repeated == b"]" { 99_999 } else { 100_001 };
                input.extend(close.repeat(closes));
                input.push(b'.');
            }
            limited(decode::<Value>(&input), Limit::Depth);
            assert!(matches!(
                decode::<Endless>(&input),
                Err(DecodeError::Limit { .. } | DecodeError::Custom(_))
            ));
        }
    };
    std::thread::Builder::new()
        .stack_size(128 * 1024)
        .spawn(check)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn nesting_is_counted_in_containers() {
    let limits = Limits::new().with_depth(3);
    let nested = |levels: usize| pickle(&[b"N", &b"\x85".repeat(levels)]);
    assert!(Codec::pickle().decode::<Value>(&nested(3), &limits).is_ok());
    limited(Codec::pickle().decode(&nested(4), &limits), Limit::Depth);
    let deep = Limits::new().with_depth(usize::MAX);
    assert!(
        Codec::pickle()
            .decode::<Value>(&nested(Limits::MAX_DEPTH), &deep)
            .is_ok()
    );
    limited(
        Codec::pickle().decode(&nested(Limits::MAX_DEPTH + 1), &deep),
        Limit::Depth,
    );
}

#[test]
fn a_doubling_bomb_is_refused_before_it_is_walked() {
    // Each level holds the one before twice.
    let mut input = b"(]\x94".to_vec();
    for level in 0..60 {
        input.extend([b'h', level, b'h', level, 0x86, 0x94]);
    }
    let bomb = pickle(&[&input, b"t"]);
    limited(decode::<Value>(&bomb), Limit::Visits);
}

/// A long text that is mentioned often.
fn repeated(mentions: usize) -> Vec<u8> {
    let long = [&b"X\x00\x00\x02\x00"[..], &vec![b'x'; 1 << 17], b"\x94"].concat();
    pickle(&[b"(", &long, &b"h\x00".repeat(mentions), b"t"])
}

#[test]
fn a_text_is_not_copied_out_of_proportion_to_the_input() {
    let texts = decode::<Vec<String>>(&repeated(20));
    assert_eq!(texts.unwrap().len(), 21);
    let texts = decode::<Vec<String>>(&repeated(100)).map(|_| ());
    assert!(matches!(
        texts,
        Err(DecodeError::Limit {
            limit: Limit::Visits,
            ..
        })
    ));
    // A value shares it.
    assert!(decode::<Value>(&repeated(100)).is_ok());
}

#[test]
fn a_state_that_many_objects_share_is_not_copied_for_each() {
    let fields = [text("x"), b"\x94N".to_vec(), b"h\x01N".repeat(39)].concat();
    let point = [global("app", "Point"), b"\x94)\x81".to_vec()].concat();
    let state = [&b"}("[..], &fields, b"u\x94"].concat();
    let objects = b"h\x00)\x81h\x02b".repeat(1000);
    let input = pickle(&[b"(", &point, &state, &objects, b"t"]);
    let limit = DecodeError::Limit {
        limit: Limit::Visits,
        max: input.len(),
    };
    assert_eq!(decode::<Value>(&input).err(), Some(limit));
}

#[test]
fn names_of_globals_are_short() {
    let long = [&b"X\x01\x02\x00\x00"[..], &[b'A'; 513]].concat();
    malformed(&[&text("app"), &long, b"\x93)\x81"]);
    malformed(&[&long, &text("App"), b"\x93)\x81"]);
}

#[test]
fn a_module_with_a_colon_in_its_name_is_malformed() {
    // Its class could not be told from one of another module.
    malformed(&[&global("app:b", "Point"), b")\x81"]);
    malformed(&[&global("app:b", "Kind"), b"K\x02\x85R"]);
}

#[test]
fn values_that_hold_themselves_are_malformed() {
    malformed(&[b"]\x94h\x00a"]);
    malformed(&[b"}\x94Nh\x00s"]);
    malformed(&[b"]\x94h\x00\x85a"]);
    malformed(&[b"]\x94(h\x00\x91a"]);
    let point = global("app", "Point");
    malformed(&[&point, b")\x81\x94}", &text("me"), b"h\x00sb"]);
    malformed(&[&point, b")\x81\x94]h\x00ab"]);
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
        ("zoneinfo", "ZoneInfo._unpickle"),
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
fn classes_of_code_are_never_made_and_others_whatever_their_name_looks_like() {
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
fn what_is_made_by_value_is_not_made_again() {
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
        assert_eq!(value(&[&time, args]), Ok(noon.into()));
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
fn a_lone_surrogate_is_told_from_text_that_is_no_utf8() {
    assert_eq!(
        value(&[b"\x8c\x04a\xed\xa0\x80"]).err(),
        Some(DecodeError::LoneSurrogate { at: 4 })
    );
    malformed(&[b"\x8c\x01\xff"]);
    malformed(&[b"\x8c\x04\xed\xa0\x80\xff"]);
    malformed(&[b"\x8c\x02\xed\xa0"]);
}

#[test]
fn inputs_over_a_limit_are_refused() {
    let small = Limits::new().with_bytes(10).with_items(3);
    let read = |input: &[u8]| Codec::pickle().decode::<Value>(input, &small);
    limited(read(&[0x80; 11]), Limit::Bytes);
    assert!(read(b"\x80\x05\x8c\x05abcde.").is_ok());
    assert!(read(b"\x80\x05NN\x86.").is_ok());
    limited(read(b"\x80\x05NNN\x87."), Limit::Items);
    let none = Limits::new().with_items(0);
    limited(Codec::pickle().decode(b"\x80\x05N.", &none), Limit::Items);
}

#[test]
fn what_our_own_writer_emits_is_read() {
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

#[test]
fn collections_keep_to_their_kind() {
    assert!(decode::<FrozenSet<u8>>(&pickle(&[b"(K\x01\x91"])).is_ok());
    assert!(decode::<Set<u8>>(&pickle(&[b"\x8f(K\x01\x90"])).is_ok());
    assert!(decode::<Tuple<u8>>(&pickle(&[b"](K\x01e"])).is_ok());
    assert!(decode::<Vec<u8>>(&pickle(&[b"K\x01\x85"])).is_ok());
    assert!(decode::<FrozenSet<u8>>(&pickle(&[b"](K\x01e"])).is_err());
    assert!(decode::<Tuple<u8>>(&pickle(&[b"(K\x01\x91"])).is_err());
    assert!(decode::<(u8, u8)>(&pickle(&[b"K\x01K\x02K\x03\x87"])).is_err());
    assert!(decode::<ActorRef<()>>(&pickle(&[&text("casty://s/a")])).is_err());
    assert_eq!(decode::<[u8; 2]>(&pickle(&[b"C\x02ab"])), Ok(*b"ab"));
    assert_eq!(
        decode::<Vec<u8>>(&pickle(&[b"C\x02ab"])),
        Ok(b"ab".to_vec())
    );
}

#[test]
fn integers_are_read_at_any_size() {
    let long = |bytes: &[u8]| pickle(&[&[0x8a, u8::try_from(bytes.len()).unwrap()], bytes]);
    assert_eq!(decode::<i64>(&long(b"")), Ok(0));
    assert_eq!(decode::<i64>(&long(&[0xff])), Ok(-1));
    assert_eq!(
        decode::<u64>(&long(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0])),
        Ok(u64::MAX)
    );
    let most = [[0xff; 16].as_slice(), &[0]].concat();
    assert_eq!(decode::<u128>(&long(&most)), Ok(u128::MAX));
    assert_eq!(
        decode::<i128>(&long(&i128::MIN.to_le_bytes())),
        Ok(i128::MIN)
    );
    assert!(decode::<u128>(&long(&[1; 17])).is_err());
    assert!(decode::<u8>(&long(&[0, 1])).is_err());
    // Longer than it need be, and small all the same.
    let padded = [&[5], [0; 11].as_slice()].concat();
    assert!(decode::<Value>(&long(&padded)).unwrap() == Value::Int(5));
}

#[test]
fn protocols_two_and_three_are_read_too() {
    let point = b"\x80\x02capp\nPoint\nq\x00)\x81q\x01}q\x02X\x01\x00\x00\x00xq\x03K\x01sb.";
    let Value::Object(object) = decode::<Value>(point).unwrap() else {
        panic!("an object");
    };
    assert_eq!(&*object.class, "app.Point");
}
