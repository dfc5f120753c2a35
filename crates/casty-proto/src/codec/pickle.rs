//! Pickle, without Python: protocol 5 is written, and what nodes write of protocols 2 to 5 is
//! read, as data.
//!
//! - [`write`]: the serializer, straight into the caller's buffer;
//! - [`read`]: the opcodes, run into an [`arena`] of small nodes; [`measure`] refuses what would
//!   nest too deep or explode when walked;
//! - [`de`] and [`read_value`]: typed values and [`Value`](crate::Value)s from the arena.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::TypeHint;
use crate::{DecodeError, EncodeError, Limits};

mod arena;
mod class;
mod de;
mod measure;
mod opcode;
mod read;
mod read_value;
mod stdlib;
mod write;

/// How the objects of a user's classes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Construction {
    /// By calling the class with keywords.
    Keyword,
    /// By calling the class with the fields in their order.
    Positional,
}

pub(super) fn encode<T: Serialize + ?Sized>(
    value: &T,
    construction: Construction,
    out: &mut Vec<u8>,
) -> Result<TypeHint, EncodeError> {
    write::write(value, construction, out)
}

pub(super) fn decode<T: DeserializeOwned>(input: &[u8], limits: &Limits) -> Result<T, DecodeError> {
    let (mut arena, root) = read::read(input, limits)?;
    arena.settle();
    measure::check(&arena, root, input.len())?;
    T::deserialize(de::De::new(&arena, root))
}
