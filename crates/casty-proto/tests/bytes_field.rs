//! `bytes` as a field of a typed message.
#![cfg(all(feature = "json", feature = "msgpack", feature = "pickle"))]
#![allow(clippy::unwrap_used)] // tests throughout

use casty_proto::value::{ByteArray, Bytes};
use casty_proto::{Codec, EncodeError, Limits, Value};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Blob")]
struct Blob {
    data: Bytes,
}

fn blob() -> Blob {
    Blob {
        data: Bytes(vec![0, 255, b'r']),
    }
}

fn through<T: serde::de::DeserializeOwned>(
    codec: Codec,
    value: &impl Serialize,
) -> Result<T, casty_proto::DecodeError> {
    let mut out = Vec::new();
    codec.encode(value, &mut out).unwrap();
    codec.decode(&out, &Limits::default())
}

#[test]
fn bytes_are_bytes_to_python_and_come_back() {
    for codec in [
        Codec::msgpack(),
        Codec::pickle(),
        Codec::pickle_positional(),
    ] {
        assert_eq!(through(codec, &blob()), Ok(blob()));
        let plain: Value = through(codec, &blob().data).unwrap();
        assert_eq!(plain, Value::bytes(*b"\0\xffr"));
        assert_eq!(plain, blob().data.into());
        let list: Value = through(codec, &blob().data.0).unwrap();
        assert_eq!(list, Value::list([0, 255, 114]), "{codec:?}");
    }
    let mut out = Vec::new();
    let hint = Codec::pickle().encode(&blob().data, &mut out).unwrap();
    assert_eq!(hint, "builtins.bytes");
    assert_eq!(out, b"\x80\x05C\x03\0\xffr.");
}

#[test]
fn json_refuses_bytes() {
    let refused = Codec::json().encode(&blob(), &mut Vec::new());
    assert!(matches!(refused, Err(EncodeError::Unsupported { .. })));
}

#[test]
fn a_bytearray_and_a_list_of_bytes_are_read_as_bytes_and_nothing_else_is() {
    let pickle = Codec::pickle();
    assert_eq!(through(pickle, &ByteArray(vec![1])), Ok(Bytes(vec![1])));
    for codec in [Codec::json(), Codec::msgpack(), pickle] {
        assert_eq!(through(codec, &vec![1, 2]), Ok(Bytes(vec![1, 2])));
        assert!(through::<Bytes>(codec, &vec![256]).is_err());
        assert!(through::<Bytes>(codec, &"text").is_err());
        assert!(through::<Bytes>(codec, &5).is_err());
    }
}

#[test]
fn other_formats_have_their_own_bytes() {
    let text = serde_json::to_string(&blob()).unwrap();
    assert_eq!(text, r#"{"data":[0,255,114]}"#);
    assert_eq!(serde_json::from_str::<Blob>(&text).unwrap(), blob());
    let packed = rmp_serde::to_vec(&blob()).unwrap();
    assert_eq!(rmp_serde::from_slice::<Blob>(&packed).unwrap(), blob());
}
