//! Hostile or broken pickles: opcodes, lengths, nesting and sharing. Each gets a typed error within the
//! limits.
#![cfg(feature = "pickle")]
#![allow(clippy::unwrap_used)] // tests throughout

use casty_proto::{ActorRef, Codec, DecodeError, FrozenSet, Limit, Limits, Set, Tuple, Value};
use serde::Deserialize;

use opcodes::{decode, global, malformed, pickle, text, value};

#[path = "pickle_hostile/opcodes.rs"]
mod opcodes;

#[track_caller]
fn limited(result: Result<Value, DecodeError>, which: Limit) {
    match result {
        Err(DecodeError::Limit { limit, .. }) => assert_eq!(limit, which),
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn other_inputs_are_no_pickles() {
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
fn a_doubling_bomb_is_refused_before_it_is_read() {
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
fn values_that_contain_themselves_are_malformed() {
    malformed(&[b"]\x94h\x00a"]);
    malformed(&[b"}\x94Nh\x00s"]);
    malformed(&[b"]\x94h\x00\x85a"]);
    malformed(&[b"]\x94(h\x00\x91a"]);
    let point = global("app", "Point");
    malformed(&[&point, b")\x81\x94}", &text("me"), b"h\x00sb"]);
    malformed(&[&point, b")\x81\x94]h\x00ab"]);
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
