//! The codecs that values have to survive, and the reading of one.

use std::fmt::Debug;

use casty_client::{Codec, DecodeError, Limits};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The codecs that carry everything.
const FULL: [fn() -> Codec; 2] = [Codec::pickle, Codec::protobuf];

pub(crate) fn survives_in<T>(codec: Codec, value: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let mut bytes = Vec::new();
    codec.encode(value, &mut bytes).unwrap();
    let back: T = codec.decode(&bytes, &Limits::default()).unwrap();
    assert_eq!(&back, value, "{codec:?}");
}

/// Asserts that a value survives all codecs.
pub(crate) fn survives<T>(value: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    survives_in(Codec::json(), value);
    survives_in(Codec::msgpack(), value);
    survives_in_full(value);
}

/// Asserts that it survives those that carry everything.
pub(crate) fn survives_in_full<T>(value: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    for codec in FULL {
        survives_in(codec(), value);
    }
}

pub(crate) fn read<T: DeserializeOwned>(json: &str) -> Result<T, DecodeError> {
    Codec::json().decode(json.as_bytes(), &Limits::default())
}
