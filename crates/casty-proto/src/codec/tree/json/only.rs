//! JSON texts that are one scalar.

use crate::codec::scalar::{Scalar, short_text};

/// Returns the scalar that is the whole text; `None` for any other text, and for malformed ones, floats,
/// ints of more than 18 digits, strings with escapes, and white space around it.
#[inline]
pub(in crate::codec) fn only(text: &[u8]) -> Option<Scalar<'_>> {
    match text {
        b"null" => Some(Scalar::None),
        b"true" => Some(Scalar::Bool(true)),
        b"false" => Some(Scalar::Bool(false)),
        [b'"', text @ .., b'"'] => {
            let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
            text.iter().all(plain).then(|| short_text(text))?
        }
        [b'-', digits @ ..] => int(digits).map(|int| Scalar::Int(-int)),
        digits => int(digits).map(Scalar::Int),
    }
}

#[inline]
fn int(digits: &[u8]) -> Option<i64> {
    match digits {
        [] | [b'0', _, ..] => return None,
        _ if digits.len() > 18 => return None,
        _ => {}
    }
    digits.iter().try_fold(0, |int, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| int * 10 + i64::from(digit))
    })
}
