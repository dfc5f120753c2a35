//! The tree that json and msgpack share: plain scalars and arrays, and objects with a marker for
//! everything else, such as `{"__tuple__": [1, 2]}` or `{"_type": "bank.Deposit", "amount": 5}`.
//!
//! One serializer ([`ser`]) writes the shapes of values to a [`Target`](target::Target), which
//! spells them as tokens of a [`Sink`](sink::Sink) here and as fields in protobuf; one deserializer
//! ([`de`]) streams the tree from a [`Source`](source::Source). json and msgpack each are a sink
//! and a source. A [`Value`](crate::Value) is written and read without recursion by
//! [`write_value`] and [`read_value`], which also know the markers of Casty's JSON [`notation`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{DecodeError, EncodeError, Limits, TypeHint};

mod de;
pub(crate) mod json;
mod marker;
#[cfg(feature = "msgpack")]
mod msgpack;
mod notation;
pub(crate) mod read_value;
pub(crate) mod reader;
pub(super) mod ser;
pub(super) mod sink;
mod sink_target;
mod source;
pub(super) mod target;
pub(crate) mod write_value;

pub(super) fn encode_json<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
) -> Result<TypeHint, EncodeError> {
    ser::encode(value, json::JsonSink::new(out))
}

pub(super) fn decode_json<T: DeserializeOwned>(
    input: &[u8],
    limits: &Limits,
) -> Result<T, DecodeError> {
    let size = input.len();
    limits.admit(size)?;
    de::decode(json::JsonSource::new(input)?, size, limits)
}

#[cfg(feature = "msgpack")]
pub(super) fn encode_msgpack<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
) -> Result<TypeHint, EncodeError> {
    ser::encode(value, msgpack::MsgPackSink::new(out))
}

#[cfg(feature = "msgpack")]
pub(super) fn decode_msgpack<T: DeserializeOwned>(
    input: &[u8],
    limits: &Limits,
) -> Result<T, DecodeError> {
    let size = input.len();
    limits.admit(size)?;
    de::decode(msgpack::MsgPackSource::new(input), size, limits)
}
