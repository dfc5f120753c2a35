//! Pickle, without Python.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::TypeHint;
use crate::{DecodeError, EncodeError, Limits};

pub(super) fn encode<T: Serialize + ?Sized>(
    _value: &T,
    _out: &mut Vec<u8>,
) -> Result<TypeHint, EncodeError> {
    Err(EncodeError::Unsupported {
        codec: "pickle",
        what: "anything yet",
    })
}

pub(super) fn decode<T: DeserializeOwned>(
    _input: &[u8],
    _limits: &Limits,
) -> Result<T, DecodeError> {
    Err(DecodeError::Truncated { at: 0 })
}
