//! Pickle without Python: protocol 5 is written, and the part of protocols 2 to 5 that nodes write is
//! read, as data.
//!
//! - [`mod@write`]: the serializer, straight into the caller's buffer;
//! - [`only`]: pickles that are one scalar, which need nothing of what follows;
//! - [`read`]: the opcodes, run into an [`arena`] of small nodes; [`measure`] refuses arenas that
//!   nest too deep, or whose shared nodes would take exponential time to visit;
//! - [`de`] and [`read_value`]: typed values and [`Value`](crate::Value)s from the arena;
//! - [`stdlib`]: the arguments of the constructors of Python's standard library.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::allowed::Allowed;
use super::scalar;
use crate::{DecodeError, EncodeError, Limits, TypeHint};

mod arena;
mod class;
mod construction;
mod de;
mod int;
mod measure;
mod only;
mod opcode;
mod python_text;
mod read;
mod read_value;
mod stdlib;
mod write;

pub(super) use construction::Construction;
pub(super) use only::only;

pub(super) fn encode<T: Serialize + ?Sized>(
    value: &T,
    construction: Construction,
    allowed: Allowed,
    out: &mut Vec<u8>,
) -> Result<TypeHint, EncodeError> {
    write::write(value, construction, allowed, out)
}

pub(super) fn encode_envelope<T: Serialize + ?Sized>(
    entity_id: &str,
    message: &T,
    construction: Construction,
    allowed: Allowed,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    write::write_envelope(entity_id, message, construction, allowed, out)
}

#[inline]
pub(super) fn decode<T: DeserializeOwned>(input: &[u8], limits: &Limits) -> Result<T, DecodeError> {
    match scalar::read(input, limits, only) {
        Some(value) => Ok(value),
        None => decode_whole(input, limits),
    }
}

pub(super) fn decode_whole<T: DeserializeOwned>(
    input: &[u8],
    limits: &Limits,
) -> Result<T, DecodeError> {
    let (mut arena, root) = read::read(input, limits)?;
    arena.shrink();
    measure::check(&arena, root, input.len())?;
    T::deserialize(de::De::new(&arena, root))
}
