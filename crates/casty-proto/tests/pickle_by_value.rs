//! Classes and functions that cloudpickle nodes write by value: only Python can rebuild them, and errors
//! name them.
#![cfg(feature = "pickle")]
#![allow(clippy::unwrap_used)] // tests throughout

use std::path::Path;

use casty_proto::{ActorRef, Codec, DecodeError, Limits, Value};
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

fn read(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/by_value");
    std::fs::read(folder.join(name).with_extension("pickle")).unwrap()
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    Codec::pickle().decode(bytes, &Limits::default())
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename = "counter_app.messages.Echo")]
struct Echo {
    value: i64,
    reply_to: Option<ActorRef<()>>,
}

const NAMES: [(&str, &str); 12] = [
    ("instance", "__main__.Thing"),
    ("class", "__main__.Thing"),
    ("dataclass", "__main__.Record"),
    ("enum", "__main__.Shade"),
    ("lambda", "__main__.<lambda>"),
    ("function", "__main__.function"),
    ("local_class", "__main__.Inner"),
    ("closure", "__main__.outer.<locals>.nested"),
    ("bound_method", "__main__.Thing.method"),
    ("in_a_list", "__main__.Record"),
    ("in_a_dataclass", "__main__.<lambda>"),
    ("code", "cloudpickle.cloudpickle._builtin_type"),
];

#[test]
fn classes_and_functions_by_value_are_named() {
    for (file, name) in NAMES {
        let bytes = read(file);
        let expected = DecodeError::NeedsPython { what: name.into() };
        assert_eq!(decode::<Value>(&bytes), Err(expected.clone()), "{file}");
        assert_eq!(decode::<i64>(&bytes), Err(expected.clone()), "{file}");
        assert_eq!(decode::<Echo>(&bytes), Err(expected), "{file}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_damage_makes_the_reader_panic(
        file in prop::sample::select(&NAMES[..]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = read(file.0);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        drop(decode::<Value>(&bytes));
        drop(decode::<Echo>(&bytes));
    }
}
