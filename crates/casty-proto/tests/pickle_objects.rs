//! Objects of unknown classes, which go back to Python in the form in which they came.
#![cfg(feature = "pickle")]
#![allow(clippy::unwrap_used)] // tests throughout

use std::sync::Arc;

use casty_proto::value::{Fields, State};
use casty_proto::{Codec, Limits, Value};
use serde::Deserialize;

/// The pickles of CPython 3.12 of objects of these classes, without memo entries that nothing refers to.
const PYTHONS: &[(&str, &[u8])] = &[
    (
        "a plain dataclass",
        b"\x80\x05\x8c\x06shapes\x8c\x05Plain\x93)\x81}(\x8c\x01xK\x01\x8c\x01yK\x02ub.",
    ),
    (
        "a frozen dataclass",
        b"\x80\x05\x8c\x06shapes\x8c\x06Frozen\x93)\x81}(\x8c\x01xK\x01\x8c\x01yK\x02ub.",
    ),
    ("a dataclass with slots", SLOTS),
    (
        "a frozen dataclass with slots",
        b"\x80\x05\x8c\x06shapes\x8c\x0bFrozenSlots\x93)\x81](K\x01K\x02eb.",
    ),
    ("a dataclass with init=False", COMPUTED),
    (
        "one with slots too",
        b"\x80\x05\x8c\x06shapes\x8c\x0dComputedSlots\x93)\x81\
          N}(\x8c\x04sideK\x03\x8c\x04areaK\tu\x86b.",
    ),
    (
        "a dataclass derived from one with slots",
        b"\x80\x05\x8c\x06shapes\x8c\x05Mixed\x93)\x81\
          }(\x8c\x01zK\x03\x8c\x01wK\x04u}(\x8c\x01xK\x01\x8c\x01yK\x02u\x86b.",
    ),
    (
        "a dataclass without fields",
        b"\x80\x05\x8c\x06shapes\x8c\x05Empty\x93)\x81.",
    ),
    (
        "a class whose __reduce__ calls it",
        b"\x80\x05\x8c\x06shapes\x8c\x07Reduced\x93)R}(\x8c\x01aK\x01\x8c\x01bK\x02ub.",
    ),
];

const SLOTS: &[u8] =
    b"\x80\x05\x8c\x06shapes\x8c\x05Slots\x93)\x81N}(\x8c\x01xK\x01\x8c\x01yK\x02u\x86b.";

const COMPUTED: &[u8] =
    b"\x80\x05\x8c\x06shapes\x8c\x08Computed\x93)\x81}(\x8c\x04sideK\x03\x8c\x04areaK\tub.";

fn decode(pickle: &[u8]) -> Value {
    Codec::pickle().decode(pickle, &Limits::default()).unwrap()
}

fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let codec = Codec::pickle().allowing(["*"]).unwrap();
    codec.encode(value, &mut out).unwrap();
    out
}

fn by_keyword(pickle: &[u8]) -> bool {
    let partial = b"\x8c\x09functools\x8c\x07partial\x93";
    pickle.windows(partial.len()).any(|part| part == partial)
}

#[test]
fn objects_are_written_byte_for_byte_as_python_wrote_them() {
    for (what, pickle) in PYTHONS {
        assert_eq!(&encode(&decode(pickle)), pickle, "{what}");
    }
}

#[test]
fn one_value_holds_objects_of_every_origin() {
    let objects = PYTHONS.iter().map(|(_, pickle)| decode(pickle));
    let all = Value::object("shapes.All", [("objects", Value::list(objects))]);
    let written = encode(&all);
    assert!(by_keyword(&written));
    let again = decode(&written);
    assert_eq!(again, all);
    assert_eq!(encode(&again), written);
    let inner = again.get("objects").unwrap().items().unwrap();
    for ((what, pickle), object) in PYTHONS.iter().zip(inner) {
        assert_eq!(&encode(object), pickle, "{what}");
    }
}

#[test]
fn fields_that_came_from_no_pickle_are_keywords() {
    let built = Value::object("shapes.Computed", [("side", 3), ("area", 9)]);
    let noted = Value::from_notation(&built.to_string(), &Limits::default()).unwrap();
    let mut values = vec![built, noted];
    for codec in other_codecs() {
        let mut out = Vec::new();
        codec.encode(&decode(COMPUTED), &mut out).unwrap();
        values.push(codec.decode(&out, &Limits::default()).unwrap());
    }
    for value in values {
        assert_eq!(value, decode(COMPUTED), "the origin makes no difference");
        let written = encode(&value);
        assert!(by_keyword(&written), "{value}");
        // What the constructor was called with stays that.
        assert_eq!(encode(&decode(&written)), written);
    }
}

fn other_codecs() -> Vec<Codec> {
    vec![
        #[cfg(feature = "json")]
        Codec::json(),
        #[cfg(feature = "msgpack")]
        Codec::msgpack(),
    ]
}

#[test]
fn the_origin_is_seen_nowhere_else() {
    for pickle in [COMPUTED, SLOTS] {
        let Value::Object(object) = decode(pickle) else {
            panic!("an object");
        };
        let State::Named(fields) = &object.state else {
            panic!("fields with names");
        };
        let mut names = fields.iter().map(|(name, _)| Arc::clone(name));
        let built = Value::object(
            Arc::clone(&object.class),
            fields
                .iter()
                .map(|(name, value)| (Arc::clone(name), value.clone())),
        );
        let read = Value::Object(Arc::clone(&object));
        assert_eq!(read, built);
        assert_eq!(read.to_string(), built.to_string());
        assert_eq!(
            format!("{object:?}"),
            format!("{} {:?}", object.class, object.state)
        );
        let name = names.next().unwrap();
        assert!(read.get(&name).is_some());
        assert_eq!(read.get(&name), built.get(&name));
    }
}

#[test]
fn a_field_changed_in_place_keeps_the_origin_and_collecting_anew_loses_it() {
    let Value::Object(mut object) = decode(COMPUTED) else {
        panic!("an object");
    };
    let State::Named(fields) = &mut Arc::make_mut(&mut object).state else {
        panic!("fields with names");
    };
    fields[1].1 = 10.into();
    let anew: Fields = fields.iter().take(1).cloned().collect();
    assert_eq!(
        encode(&Value::Object(Arc::clone(&object))),
        [&COMPUTED[..COMPUTED.len() - 4], b"\x0aub."].concat()
    );
    Arc::make_mut(&mut object).state = State::Named(anew);
    assert!(by_keyword(&encode(&Value::Object(object))));
}

#[test]
fn states_that_python_gives_seldom_lose_no_field() {
    let head = b"\x80\x05\x8c\x01a\x8c\x01B\x93)\x81";
    for state in [
        // The slots are empty, or none, which only a class's own `__setstate__` takes.
        &b"}(\x8c\x01xK\x01u}\x86b."[..],
        b"}(\x8c\x01xK\x01uN\x86b.",
        // There are no fields in __dict__, or there is none.
        b"}}(\x8c\x01xK\x01u\x86b.",
        b"N}(\x8c\x01xK\x01u\x86b.",
        // There are none at all.
        b"}b.",
        b"N}\x86b.",
        b"}N\x86b.",
        b"}}\x86b.",
        b".",
    ] {
        let value = decode(&[head, state].concat());
        assert_eq!(encode(&value), [head, state].concat(), "{value}");
        assert_eq!(decode(&encode(&value)), value);
    }
}

#[test]
fn a_newtype_is_read_from_its_only_field_wherever_that_is() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename = "a.B")]
    struct Only(u8);
    let head = b"\x80\x05\x8c\x01a\x8c\x01B\x93)\x81";
    let read = |state: &[u8]| {
        let pickle = [head, state].concat();
        Codec::pickle().decode::<Only>(&pickle, &Limits::default())
    };
    assert_eq!(read(b"}\x8c\x01xK\x01sb."), Ok(Only(1)));
    assert_eq!(read(b"N}\x8c\x01xK\x01s\x86b."), Ok(Only(1)));
    assert_eq!(read(b"}\x8c\x01xK\x01sN\x86b."), Ok(Only(1)));
    assert!(read(b"}\x8c\x01xK\x01s}\x8c\x01yK\x02s\x86b.").is_err());
}
