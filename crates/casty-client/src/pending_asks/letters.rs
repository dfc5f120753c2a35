//! The letters as which 64 bits travel: sixteen, from `a` for a nibble of 0 to `p` for one of 15, the lowest
//! nibble first, so that eight at a time are told and read by a few operations on a word.

/// A byte of each of the eight in a word.
const ONES: u64 = 0x0101_0101_0101_0101;

/// Returns the sixteen letters of 64 bits.
#[inline]
pub(crate) fn letters(bits: u64) -> [u8; 16] {
    let (mut letters, word) = ([0; 16], |half: u64| letters_of(half).to_le_bytes());
    let (low, high) = letters.split_at_mut(8);
    low.copy_from_slice(&word(bits & u64::from(u32::MAX)));
    high.copy_from_slice(&word(bits >> 32));
    letters
}

/// Reads sixteen letters as [`letters`] writes them; `None` for anything else.
#[inline]
pub(crate) fn from_letters(letters: &[u8]) -> Option<u64> {
    let letters: &[u8; 16] = letters.try_into().ok()?;
    let (low, high) = letters.split_first_chunk::<8>()?;
    let [low, high] = [low, high.try_into().ok()?]
        .map(|half| u64::from_le_bytes(*half).wrapping_sub(ONES * u64::from(b'a')));
    // Of bytes that are all below sixteen, none was below `a`: that would have taken from another one.
    let are_nibbles = (high | low) & (ONES * 0xf0) == 0;
    are_nibbles.then_some(packed(high) << 32 | packed(low))
}

/// Returns the letters of the lower half of a word, the first in the lowest byte.
#[inline]
fn letters_of(half: u64) -> u64 {
    let pairs = (half << 16 | half) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs << 8 | pairs) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (bytes << 4 | bytes) & (ONES * 0x0f);
    nibbles + ONES * u64::from(b'a')
}

/// Returns the 32 bits that eight nibbles are, the first in the lowest byte.
#[inline]
fn packed(nibbles: u64) -> u64 {
    let bytes = (nibbles >> 4 | nibbles) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes >> 8 | bytes) & 0x0000_ffff_0000_ffff;
    (pairs >> 16 | pairs) & u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_the_nibbles_in_order() {
        assert_eq!(&letters(0xfedc_ba98_7654_3210), b"abcdefghijklmnop");
        let mut bits = 0x0123_4567_89ab_cdefu64;
        for turn in 0..10_000 {
            let expected: Vec<_> = format!("{bits:016x}")
                .bytes()
                .rev()
                .map(|digit| match digit {
                    b'0'..=b'9' => digit - b'0' + b'a',
                    _ => digit + 10,
                })
                .collect();
            assert_eq!(letters(bits), *expected);
            assert_eq!(from_letters(&letters(bits)), Some(bits));
            bits = bits.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ turn;
        }
        for bits in [0, 1, 0xf, u64::MAX, 1 << 63] {
            assert_eq!(from_letters(&letters(bits)), Some(bits));
        }
    }

    #[test]
    fn any_other_byte_in_any_place_is_no_letter() {
        for place in 0..16 {
            for byte in 0..=u8::MAX {
                let mut text = *b"aponmlkjihgfedcb";
                text[place] = byte;
                let read = from_letters(&text);
                assert_eq!(
                    read.is_some(),
                    matches!(byte, b'a'..=b'p'),
                    "{place} {byte}"
                );
                assert!(read.is_none_or(|bits| letters(bits) == text));
            }
        }
        // Two that make up for one another.
        assert_eq!(from_letters(b"aaaaaa`qaaaaaaaa"), None);
        assert_eq!(from_letters(b"aaaaaaaaaaaaaaa"), None);
        assert_eq!(from_letters(b"aaaaaaaaaaaaaaaaa"), None);
        assert_eq!(from_letters(b"aaaaaaa"), None);
    }
}
