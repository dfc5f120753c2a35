//! The check that a type can travel.

use std::fmt::Debug;

use casty_proto::{Codec, Limits};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Asserts that a value comes back equal from every serializer a cluster can be configured with:
/// json, msgpack, both forms of pickle, and protobuf.
///
/// # Panics
/// One of them cannot carry the value, or gives back another.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// #[serde(rename = "bank.Deposit")]
/// struct Deposit { amount: i64 }
///
/// casty_testkit::assert_round_trips(&Deposit { amount: 5 });
/// ```
#[track_caller]
pub fn assert_round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    for codec in [
        Codec::json(),
        Codec::msgpack(),
        Codec::pickle(),
        Codec::pickle_positional(),
        Codec::protobuf(),
    ] {
        // What a `Value` in the message names is for the program to allow, and no matter here.
        let codec = codec.allowing(["*"]).unwrap_or(codec);
        let mut bytes = Vec::new();
        if let Err(error) = codec.encode(value, &mut bytes) {
            panic!("{codec:?} cannot write {value:?}: {error}");
        }
        match codec.decode::<T>(&bytes, &Limits::default()) {
            Ok(read) => assert_eq!(*value, read, "{codec:?} gives back another value"),
            Err(error) => panic!("{codec:?} cannot read what it wrote of {value:?}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "app.Deposit")]
    struct Deposit {
        amount: i64,
        note: Option<String>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "app.Forgetful")]
    struct Forgetful {
        #[serde(skip)]
        forgotten: u8,
    }

    #[test]
    fn a_value_that_all_codecs_carry_passes() {
        assert_round_trips(&Deposit {
            amount: -5,
            note: Some("rent".into()),
        });
    }

    #[test]
    #[should_panic(expected = "gives back another value")]
    fn a_value_that_loses_a_field_fails() {
        assert_round_trips(&Forgetful { forgotten: 1 });
    }

    #[test]
    #[should_panic(expected = "cannot write")]
    fn a_value_that_json_cannot_carry_fails() {
        assert_round_trips(&casty_proto::Value::bytes(*b"bytes"));
    }
}
