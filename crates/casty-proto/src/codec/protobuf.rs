//! Protobuf: the schema `proto/casty/v1/value.proto`, streamed.
//!
//! - [`sink`]: a target of the tree's serializer that writes straight into the caller's buffer;
//!   [`lengths`] puts in place the lengths that were not known when a container was begun;
//! - [`wire`]: fields, within an input's [`Budget`](wire::Budget); [`kind`]: the kinds of a `Value`;
//! - [`de`] and [`read_value`]: typed values and [`Value`](crate::Value)s. A container announces its
//!   length in bytes, so a reader goes from part to part and skips the rest in one step;
//! - [`stdlib`]: dates and the like, as the generated messages in [`v1`](crate::protobuf::v1).

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::tree::ser;
use crate::{DecodeError, EncodeError, Limits, TypeHint};

mod de;
mod kind;
mod lengths;
mod read_value;
mod sink;
mod stdlib;
mod tag;
mod target;
mod wire;
mod write_value;

pub(super) fn encode<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
) -> Result<TypeHint, EncodeError> {
    ser::encode(value, sink::ProtobufSink::new(out))
}

pub(super) fn decode<T: DeserializeOwned>(input: &[u8], limits: &Limits) -> Result<T, DecodeError> {
    limits.admit(input.len())?;
    if input.is_empty() {
        return Err(DecodeError::Truncated { at: 0 });
    }
    let budget = wire::Budget::new(input, limits);
    T::deserialize(de::De::new(&budget, input)?)
}
