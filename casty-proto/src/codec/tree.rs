//! The tree that json and msgpack share.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::TypeHint;
use crate::{DecodeError, EncodeError, Limits};

#[cfg(feature = "json")]
pub(super) fn encode_json<T: Serialize + ?Sized>(
    _value: &T,
    _out: &mut Vec<u8>,
) -> Result<TypeHint, EncodeError> {
    Err(EncodeError::Unsupported {
        codec: "json",
        what: "anything yet",
    })
}

#[cfg(feature = "json")]
pub(super) fn decode_json<T: DeserializeOwned>(
    _input: &[u8],
    _limits: &Limits,
) -> Result<T, DecodeError> {
    Err(DecodeError::Truncated { at: 0 })
}

#[cfg(feature = "msgpack")]
pub(super) fn encode_msgpack<T: Serialize + ?Sized>(
    _value: &T,
    _out: &mut Vec<u8>,
) -> Result<TypeHint, EncodeError> {
    Err(EncodeError::Unsupported {
        codec: "msgpack",
        what: "anything yet",
    })
}

#[cfg(feature = "msgpack")]
pub(super) fn decode_msgpack<T: DeserializeOwned>(
    _input: &[u8],
    _limits: &Limits,
) -> Result<T, DecodeError> {
    Err(DecodeError::Truncated { at: 0 })
}
