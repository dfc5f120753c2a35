//! Escapes in JSON texts.

/// Appends a character as `\uXXXX`, or as two of these if it is beyond U+FFFF.
pub(crate) fn push_unicode(out: &mut Vec<u8>, character: char) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for unit in character.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(b"\\u");
        for shift in [12, 8, 4, 0] {
            out.push(HEX[usize::from(*unit >> shift & 15)]);
        }
    }
}
