//! Pickles that Python 3.12 made of collections, zones and states that are no plain dataclass's:
//! those that are data are read, and the others told by their class. `standard_vectors.py` beside the
//! suite with real nodes wrote them.
#![cfg(feature = "pickle")]
#![allow(clippy::unwrap_used)] // tests throughout

use std::collections::BTreeMap;
use std::path::Path;

use casty_proto::{Codec, DecodeError, Limits, Value};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The protocols that each was written in.
const PROTOCOLS: [u8; 2] = [4, 5];

fn read(name: &str, protocol: u8) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/standard");
    std::fs::read(folder.join(format!("{name}.{protocol}.pickle"))).unwrap()
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    Codec::pickle().decode(bytes, &Limits::default())
}

fn encode(value: &Value) -> Vec<u8> {
    let codec = Codec::pickle().allowing(["*"]).unwrap();
    let mut out = Vec::new();
    codec.encode(value, &mut out).unwrap();
    out
}

/// The pickles that are data, in the notation.
const DATA: [(&str, &str); 13] = [
    ("ordered_dict", PAIRS),
    ("ordered_dict_empty", r#"{"__dict__": []}"#),
    ("default_dict", PAIRS),
    ("default_dict_function", PAIRS),
    ("default_dict_none", PAIRS),
    ("counter", r#"{"__dict__": [["b", 1], ["a", 2]]}"#),
    ("deque", r#"[1, "two"]"#),
    ("deque_bounded", r#"[1, "two"]"#),
    ("deque_empty", "[]"),
    (
        "datetime_zone",
        r#"{"__datetime__": "2024-10-27T02:30:00[Europe/Berlin]", "fold": 1}"#,
    ),
    (
        "datetime_zone_uncached",
        r#"{"__datetime__": "2024-01-02T03:04:05.000006[UTC]"}"#,
    ),
    ("time_zone", r#"{"__time__": "01:02:03[Europe/Berlin]"}"#),
    (
        "nested",
        r#"[{"__dict__": [["x", [{"__dict__": [["a", 1]]}]]]}]"#,
    ),
];

const PAIRS: &str = r#"{"__dict__": [["b", 1], ["a", [2]]]}"#;

#[test]
fn collections_and_zones_that_are_data_are_read_and_survive_writing() {
    for (name, notation) in DATA {
        let expected = Value::from_notation(notation, &Limits::default()).unwrap();
        for protocol in PROTOCOLS {
            let value: Value = decode(&read(name, protocol)).unwrap();
            assert_eq!(value.to_notation().unwrap(), notation, "{name}.{protocol}");
            assert_eq!(value, expected);
            assert_eq!(decode(&encode(&value)), Ok(value));
        }
    }
}

#[test]
fn the_hex_of_a_report_is_an_ordered_dict() {
    let hex = "80059529000000000000008c0b636f6c6c656374696f6e73948c0b4f72646572656444696374\
               9493942952948c0161944b01732e";
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    assert_eq!(decode(&bytes), Ok(Value::dict([("a", 1)])));
}

#[test]
fn collections_are_typed_maps_and_lists() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Amount {
        One(i64),
        Many(Vec<i64>),
    }
    let expected = BTreeMap::from([
        ("a".to_owned(), Amount::Many(vec![2])),
        ("b".to_owned(), Amount::One(1)),
    ]);
    for name in ["ordered_dict", "default_dict", "default_dict_none"] {
        let pairs: BTreeMap<String, Amount> = decode(&read(name, 4)).unwrap();
        assert_eq!(pairs, expected, "{name}");
    }
    let counts: BTreeMap<String, u32> = decode(&read("counter", 4)).unwrap();
    assert_eq!(
        counts,
        BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)])
    );
    let (one, two): (u8, String) = decode(&read("deque_bounded", 4)).unwrap();
    assert_eq!((one, &*two), (1, "two"));
}

/// The pickles that only Python can read, by the class or function that the error names.
const NEEDS_PYTHON: [(&str, &str); 11] = [
    ("ordered_dict_attribute", "collections.OrderedDict"),
    ("dict_subclass", "__main__.Dict"),
    ("list_subclass", "__main__.List"),
    ("ordered_dict_subclass", "__main__.Ordered"),
    ("default_dict_subclass", "__main__.Default"),
    ("deque_subclass", "__main__.Deque"),
    ("deque_subclass_bounded", "__main__.Deque"),
    ("datetime_own_zone", "__main__.Zone"),
    ("zone", "zoneinfo.ZoneInfo"),
    ("class_method", "__main__.Made.make"),
    ("numbered_state", "__main__.Numbered"),
];

#[test]
fn what_only_python_can_read_is_told_by_its_class() {
    for (name, class) in NEEDS_PYTHON {
        let expected = DecodeError::NeedsPython { what: class.into() };
        for protocol in PROTOCOLS {
            let read = decode::<Value>(&read(name, protocol));
            assert_eq!(read, Err(expected.clone()), "{name}.{protocol}");
        }
    }
}

/// States that are empty or missing in part: a class with a `__setstate__` can tell them apart.
const STATES: [&str; 7] = [
    "stateless",
    "empty_state",
    "slots",
    "halves_both_empty",
    "halves_own_none",
    "halves_slots_none",
    "halves_own",
];

/// Returns a pickle without frames and the memo, which the writer here has not.
fn bare(pickle: &[u8]) -> Vec<u8> {
    // None of these pickles has a string with one of the letters.
    assert_eq!(pickle[2], 0x95, "a frame");
    pickle[11..]
        .iter()
        .copied()
        .filter(|byte| *byte != 0x94)
        .collect()
}

#[test]
fn a_state_is_written_as_it_was_read_be_it_empty() {
    let mut written = Vec::new();
    for name in STATES {
        let value: Value = decode(&read(name, 4)).unwrap();
        let again = encode(&value);
        assert_eq!(decode(&again), Ok(value), "{name}");
        // A dict of one entry is SETITEM to Python; of none it has no opcode.
        let canonical = |bytes: &[u8]| {
            let text: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'(').collect();
            text.into_iter()
                .filter(|byte| !matches!(byte, b's' | b'u'))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            canonical(&again[2..]),
            canonical(&bare(&read(name, 4))),
            "{name}"
        );
        written.push(again);
    }
    written.sort();
    written.dedup();
    assert_eq!(written.len(), STATES.len());
}
