//! Protobuf: the schema `proto/casty/v1/value.proto`, streamed.
//!
//! - [`sink`]: the tree's serializer writes to it, straight into the caller's buffer; [`lengths`]
//!   puts in place the lengths that were not known when something was begun;
//! - [`wire`]: fields, within an input's [`Budget`](wire::Budget); [`kind`]: what a `Value` is;
//! - [`de`] and [`read_value`]: typed values and [`Value`](crate::Value)s. Containers are as long as
//!   they say, so a reader goes from part to part and passes over the rest in one step;
//! - [`stdlib`]: dates and the like, as the generated messages in [`v1`](crate::protobuf::v1).

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::TypeHint;
use super::tree::ser;
use crate::{DecodeError, EncodeError, Limits};

mod de;
mod kind;
mod lengths;
mod read_value;
mod sink;
mod stdlib;
mod tag;
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
