//! The hexadecimal digits of 64 bits, eight at a time.

/// A byte of each of the eight in a word.
const ONES: u64 = 0x0101_0101_0101_0101;

/// Returns the sixteen hexadecimal digits of 64 bits.
#[inline]
pub(crate) fn hex(bits: u64) -> [u8; 16] {
    let (mut digits, word) = ([0; 16], |half: u64| digits_of(half).to_be_bytes());
    let (high, low) = digits.split_at_mut(8);
    high.copy_from_slice(&word(bits >> 32));
    low.copy_from_slice(&word(bits & u64::from(u32::MAX)));
    digits
}

/// Reads sixteen hexadecimal digits as [`hex`] writes them; `None` for anything else.
#[inline]
pub(crate) fn from_hex(digits: &[u8]) -> Option<u64> {
    let (high, low) = digits.split_first_chunk::<8>()?;
    let [high, low] = [high, low.try_into().ok()?].map(|half| u64::from_be_bytes(*half));
    let bits = bits_of(high) << 32 | bits_of(low);
    // Whatever they were read as: they are its digits, or none.
    let is_read = digits_of(bits >> 32) == high && digits_of(bits & u64::from(u32::MAX)) == low;
    is_read.then_some(bits)
}

/// Returns the digits of the lower half of a word, the first in the highest byte.
#[inline]
fn digits_of(half: u64) -> u64 {
    let pairs = (half << 16 | half) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs << 8 | pairs) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (bytes << 4 | bytes) & (ONES * 0x0f);
    // 1 where it is ten or more.
    let letters = (nibbles + ONES * 6) >> 4 & ONES;
    nibbles + ONES * u64::from(b'0') + letters * u64::from(b'a' - b'0' - 10)
}

/// Returns the 32 bits whose digits these are, if they are digits.
#[inline]
fn bits_of(digits: u64) -> u64 {
    let letters = digits >> 6 & ONES;
    let nibbles = (digits & (ONES * 0x0f)).wrapping_add(letters * 9) & (ONES * 0x0f);
    let bytes = (nibbles >> 4 | nibbles) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes >> 8 | bytes) & 0x0000_ffff_0000_ffff;
    (pairs >> 16 | pairs) & u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_standard_library() {
        let mut bits = 0x0123_4567_89ab_cdefu64;
        for turn in 0..10_000 {
            let digits = hex(bits);
            assert_eq!(str::from_utf8(&digits), Ok(&*format!("{bits:016x}")));
            assert_eq!(from_hex(&digits), Some(bits));
            bits = bits.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ turn;
        }
        for bits in [0, 1, 0xf, u64::MAX, 1 << 63] {
            assert_eq!(from_hex(&hex(bits)), Some(bits));
        }
    }

    #[test]
    fn any_other_byte_in_any_place_is_no_digit() {
        for place in 0..16 {
            for byte in 0..=u8::MAX {
                let mut digits = *b"0123456789abcdef";
                digits[place] = byte;
                let read = str::from_utf8(&digits)
                    .ok()
                    .filter(|_| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                let expected = read.map(|text| u64::from_str_radix(text, 16).unwrap());
                assert_eq!(from_hex(&digits), expected, "{place} {byte}");
            }
        }
        assert_eq!(from_hex(b"0123456789abcde"), None);
        assert_eq!(from_hex(b"0123456789abcdef0"), None);
        assert_eq!(from_hex(b"0123456"), None);
    }
}
