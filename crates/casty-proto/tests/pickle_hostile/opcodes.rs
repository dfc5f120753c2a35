//! Pickles put together by hand.

use casty_proto::{Codec, DecodeError, Limits, Value};
use serde::de::DeserializeOwned;

/// A pickle of these opcodes, its first and last ones added.
pub(crate) fn pickle(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![0x80, 5];
    for part in parts {
        out.extend_from_slice(part);
    }
    out.push(b'.');
    out
}

pub(crate) fn decode<T: DeserializeOwned>(input: &[u8]) -> Result<T, DecodeError> {
    Codec::pickle().decode(input, &Limits::default())
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    let mut out = vec![0x8c, u8::try_from(text.len()).unwrap()];
    out.extend_from_slice(text.as_bytes());
    out
}

pub(crate) fn global(module: &str, name: &str) -> Vec<u8> {
    [text(module), text(name), vec![0x93]].concat()
}

/// Decodes a pickle of these opcodes.
#[allow(dead_code)] // not used by every program of tests
pub(crate) fn value(parts: &[&[u8]]) -> Result<Value, DecodeError> {
    decode(&pickle(parts))
}

/// Asserts that a pickle of these opcodes is malformed.
#[allow(dead_code)] // not used by every program of tests
#[track_caller]
pub(crate) fn malformed(parts: &[&[u8]]) {
    let error = value(parts);
    assert!(
        matches!(error, Err(DecodeError::Malformed { .. })),
        "{:?}",
        error.err()
    );
}
