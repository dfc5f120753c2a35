//! Ints in two's complement, the least significant byte first.

/// Reads an int; `None` if it takes more than eight bytes.
#[inline]
pub(super) fn small(bytes: &[u8]) -> Option<i64> {
    let mut wide = match bytes.last() {
        Some(&last) if last >= 0x80 => [0xff; 8],
        _ => [0; 8],
    };
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(wide))
}

/// Reads an int; `None` if it is negative or takes more than 128 bits.
pub(super) fn unsigned(bytes: &[u8]) -> Option<u128> {
    let digits = match bytes {
        [digits @ .., 0] => digits,
        [.., 0..0x80] => bytes,
        _ => return None,
    };
    let mut wide = [0; 16];
    wide.get_mut(..digits.len())?.copy_from_slice(digits);
    Some(u128::from_le_bytes(wide))
}

/// Reads an int; `None` if it takes more than 128 bits with its sign.
pub(super) fn signed(bytes: &[u8]) -> Option<i128> {
    let mut wide = match bytes.last() {
        Some(&last) if last >= 0x80 => [0xff; 16],
        _ => [0; 16],
    };
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i128::from_le_bytes(wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ints_of_128_bits_are_read_with_and_without_sign() {
        for (bytes, without, with) in [
            (&[][..], None, Some(0)),
            (&[0], Some(0), Some(0)),
            (&[5], Some(5), Some(5)),
            (&[5, 0], Some(5), Some(5)),
            (&[0xff], None, Some(-1)),
            (&[0xff, 0], Some(0xff), Some(0xff)),
            (&[0, 0x80], None, Some(-0x8000)),
            (
                &[[0xff; 15].as_slice(), &[0x7f]].concat(),
                Some(u128::MAX / 2),
                Some(i128::MAX),
            ),
            (
                &[[0; 15].as_slice(), &[0x80]].concat(),
                None,
                Some(i128::MIN),
            ),
            (
                &[[0xff; 16].as_slice(), &[0]].concat(),
                Some(u128::MAX),
                None,
            ),
            (&[1; 17], None, None),
            (&[0xff; 17], None, None),
            (&[[1; 17].as_slice(), &[0]].concat(), None, None),
        ] {
            assert_eq!(unsigned(bytes), without, "{bytes:?}");
            assert_eq!(signed(bytes), with, "{bytes:?}");
        }
    }
}
