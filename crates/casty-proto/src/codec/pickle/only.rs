//! Pickles that are one scalar.

use super::int;
use super::opcode as op;
use crate::codec::scalar::{Scalar, short_text};

/// Returns the scalar that is the whole pickle; `None` for any other pickle, and for malformed ones.
#[inline]
pub(in crate::codec) fn only(input: &[u8]) -> Option<Scalar<'_>> {
    let [op::PROTO, 2..=5, framed @ .., op::STOP] = input else {
        return None;
    };
    let scalar = match framed {
        [op::FRAME, _, _, _, _, _, _, _, _, rest @ ..] => rest,
        all => all,
    };
    Some(match *scalar {
        [op::NONE] => Scalar::None,
        [op::NEWTRUE] => Scalar::Bool(true),
        [op::NEWFALSE] => Scalar::Bool(false),
        [op::BININT1, int] => Scalar::Int(int.into()),
        [op::BININT2, a, b] => Scalar::Int(u16::from_le_bytes([a, b]).into()),
        [op::BININT, a, b, c, d] => Scalar::Int(i32::from_le_bytes([a, b, c, d]).into()),
        [op::LONG1, len, ref int @ ..] if int.len() == usize::from(len) => {
            Scalar::Int(int::small(int)?)
        }
        [op::BINFLOAT, ref float @ ..] => Scalar::Float(f64::from_be_bytes(float.try_into().ok()?)),
        [op::SHORT_BINUNICODE, len, ref rest @ ..] => match rest {
            [text @ .., op::MEMOIZE] | text if text.len() == usize::from(len) => short_text(text)?,
            _ => return None,
        },
        _ => return None,
    })
}
