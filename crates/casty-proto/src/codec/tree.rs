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

use super::scalar;
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

#[cfg(feature = "msgpack")]
use sink::Scalars as _;

pub(super) use json::only as only_json;
#[cfg(feature = "msgpack")]
pub(super) use msgpack::only as only_msgpack;

pub(super) fn encode_json<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
) -> Result<TypeHint, EncodeError> {
    ser::encode(value, json::JsonSink::new(out))
}

#[inline]
pub(super) fn decode_json<T: DeserializeOwned>(
    input: &[u8],
    limits: &Limits,
) -> Result<T, DecodeError> {
    match scalar::read(input, limits, only_json) {
        Some(value) => Ok(value),
        None => decode_whole_json(input, limits),
    }
}

pub(super) fn decode_whole_json<T: DeserializeOwned>(
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

/// The bytes of an envelope before the entity's id, between that and the message, and at the end.
const JSON_ENVELOPE: [&[u8]; 3] = [
    br#"{"_type": "casty.cluster.envelope.ShardEnvelope", "entity_id": ""#,
    br#"", "message": "#,
    b"}",
];

pub(super) fn encode_json_envelope<T: Serialize + ?Sized>(
    entity_id: &str,
    message: &T,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let [before_id, before_message, end] = JSON_ENVELOPE;
    out.extend_from_slice(before_id);
    json::push_text(out, entity_id);
    out.extend_from_slice(before_message);
    ser::encode_field(message, json::JsonSink::new(out))?;
    out.extend_from_slice(end);
    Ok(())
}

/// The same in msgpack, where none come at the end.
#[cfg(feature = "msgpack")]
const MSGPACK_ENVELOPE: [&[u8]; 2] = [
    b"\x83\xa5_type\xd9\x24casty.cluster.envelope.ShardEnvelope\xa9entity_id",
    b"\xa7message",
];

#[cfg(feature = "msgpack")]
pub(super) fn encode_msgpack_envelope<T: Serialize + ?Sized>(
    entity_id: &str,
    message: &T,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let [before_id, before_message] = MSGPACK_ENVELOPE;
    out.extend_from_slice(before_id);
    msgpack::MsgPackSink::new(out).str(entity_id)?;
    out.extend_from_slice(before_message);
    ser::encode_field(message, msgpack::MsgPackSink::new(out))
}

#[cfg(feature = "msgpack")]
#[inline]
pub(super) fn decode_msgpack<T: DeserializeOwned>(
    input: &[u8],
    limits: &Limits,
) -> Result<T, DecodeError> {
    match scalar::read(input, limits, only_msgpack) {
        Some(value) => Ok(value),
        None => decode_whole_msgpack(input, limits),
    }
}

#[cfg(feature = "msgpack")]
pub(super) fn decode_whole_msgpack<T: DeserializeOwned>(
    input: &[u8],
    limits: &Limits,
) -> Result<T, DecodeError> {
    let size = input.len();
    limits.admit(size)?;
    de::decode(msgpack::MsgPackSource::new(input), size, limits)
}
