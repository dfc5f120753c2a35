//! JSON strings as they are written: in ASCII, as Python's `json.dumps` writes them.

use crate::escape;

/// Appends a string.
#[inline]
pub(super) fn write_str(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_text(out, text);
    out.push(b'"');
}

/// Appends what is between the quotes of a string.
#[inline]
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    if all_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        push_escaped(out, text);
    }
}

/// Returns whether a byte of a string stands for itself.
#[inline]
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// Returns whether all bytes of some chunks stand for themselves. Without an early exit, the bytes of a
/// chunk are looked at all at once.
#[inline]
fn are_plain<'a, const N: usize>(chunks: impl Iterator<Item = &'a [u8; N]>) -> bool {
    let mut escaped = [false; N];
    for chunk in chunks {
        for (escaped, byte) in escaped.iter_mut().zip(chunk) {
            *escaped |= !is_plain(*byte);
        }
    }
    escaped == [false; N]
}

/// Returns whether all bytes stand for themselves. The last chunk overlaps the one before.
#[inline]
fn all_plain(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk::<16>() {
        return are_plain(bytes.as_chunks().0.iter().chain([last]));
    }
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => are_plain([first, last].into_iter()),
        _ => bytes.iter().all(|byte| is_plain(*byte)),
    }
}

/// Appends a text that has characters to be escaped, and the runs between them as they are.
#[cold]
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let plain = plain_run(rest.as_bytes());
        if let Some((run, behind)) = rest.split_at_checked(plain)
            && plain > 0
        {
            out.extend_from_slice(run.as_bytes());
            rest = behind;
            continue;
        }
        push_escape(out, character);
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
}

/// Returns the number of bytes up to the first that does not stand for itself.
fn plain_run(bytes: &[u8]) -> usize {
    let chunks = bytes.as_chunks::<16>().0.iter();
    let plain = chunks.take_while(|chunk| are_plain([*chunk].into_iter()));
    let plain = plain.count() * 16;
    let rest = bytes.get(plain..).unwrap_or_default();
    plain + rest.iter().take_while(|byte| is_plain(**byte)).count()
}

fn push_escape(out: &mut Vec<u8>, character: char) {
    let short = match character {
        '"' | '\\' => character as u8,
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        _ => return escape::push_unicode(out, character),
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_str(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_written_in_ascii() {
        assert_eq!(
            written("a\"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}\u{e9}\u{1f600}"),
            r#""a\"\\\n\r\t\b\f\u0001\u007f\u00e9\ud83d\ude00""#
        );
    }

    #[test]
    fn a_character_is_escaped_wherever_it_stands_in_a_text_of_any_length() {
        for length in 0..40 {
            assert_eq!(
                written(&"x".repeat(length)),
                format!("\"{}\"", "x".repeat(length))
            );
            for at in 0..length {
                for (character, escape) in [('"', "\\\""), ('\u{7f}', "\\u007f"), ('é', "\\u00e9")]
                {
                    let text = |middle: &str| {
                        ["x".repeat(at).as_str(), middle, &"y".repeat(length - at)].concat()
                    };
                    let expected = format!("\"{}\"", text(escape));
                    assert_eq!(written(&text(&character.to_string())), expected);
                    let twice = text(&format!("{character}{character}"));
                    let expected = format!("\"{}\"", text(&escape.repeat(2)));
                    assert_eq!(written(&twice), expected);
                }
            }
        }
    }
}
