//! MessagePack inputs that are one scalar.

use rmp::Marker;

use crate::codec::scalar::{Scalar, short_text};

/// Returns the scalar that is the whole input; `None` for any other input, and for malformed ones,
/// floats of 32 bits, and ints beyond 64 bits with their sign.
#[inline]
pub(in crate::codec) fn only(input: &[u8]) -> Option<Scalar<'_>> {
    let (marker, rest) = input.split_first()?;
    let int = match (Marker::from_u8(*marker), rest) {
        (Marker::FixPos(int), []) => int.into(),
        (Marker::FixNeg(int), []) => int.into(),
        (Marker::U8, [int]) => (*int).into(),
        (Marker::U16, rest) => u16::from_be_bytes(rest.try_into().ok()?).into(),
        (Marker::U32, rest) => u32::from_be_bytes(rest.try_into().ok()?).into(),
        (Marker::U64, rest) => u64::from_be_bytes(rest.try_into().ok()?).try_into().ok()?,
        (Marker::I8, rest) => i8::from_be_bytes(rest.try_into().ok()?).into(),
        (Marker::I16, rest) => i16::from_be_bytes(rest.try_into().ok()?).into(),
        (Marker::I32, rest) => i32::from_be_bytes(rest.try_into().ok()?).into(),
        (Marker::I64, rest) => i64::from_be_bytes(rest.try_into().ok()?),
        (Marker::F64, rest) => {
            return Some(Scalar::Float(f64::from_be_bytes(rest.try_into().ok()?)));
        }
        (Marker::Null, []) => return Some(Scalar::None),
        (Marker::True, []) => return Some(Scalar::Bool(true)),
        (Marker::False, []) => return Some(Scalar::Bool(false)),
        (Marker::FixStr(len), text) if text.len() == usize::from(len) => return short_text(text),
        (Marker::Str8, [len, text @ ..]) if text.len() == usize::from(*len) => {
            return short_text(text);
        }
        _ => return None,
    };
    Some(Scalar::Int(int))
}
