//! JSON as it is written.

use num_bigint::BigInt;

use super::super::sink::{Array, Scalars, Sink, unsupported};
use super::source::MAX_DIGITS;
use crate::EncodeError;
use crate::codec::float;
use crate::escape;

/// A sink that appends JSON to a buffer.
pub(crate) struct JsonSink<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> JsonSink<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }
}

impl Scalars for JsonSink<'_> {
    const NAME: &'static str = "json";

    fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }

    fn bool(&mut self, value: bool) {
        self.out
            .extend_from_slice(if value { b"true" } else { b"false" });
    }

    #[inline]
    fn int(&mut self, value: i64) {
        let mut digits = itoa::Buffer::new();
        self.out.extend_from_slice(digits.format(value).as_bytes());
    }

    #[inline]
    fn uint(&mut self, value: u64) {
        let mut digits = itoa::Buffer::new();
        self.out.extend_from_slice(digits.format(value).as_bytes());
    }

    fn big(&mut self, value: &BigInt) -> Result<(), EncodeError> {
        // Printing takes quadratic time, so an int that is over the limit for sure is not printed: a
        // digit takes less than 3.322 bits.
        let text = (value.bits() <= MAX_DIGITS as u64 * 3322 / 1000 + 1)
            .then(|| value.to_string())
            .filter(|text| text.trim_start_matches('-').len() <= MAX_DIGITS)
            .ok_or(unsupported::<Self>("an int of more than 4,300 digits"))?;
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn float(&mut self, value: f64) {
        write_float(self.out, value);
    }

    #[inline]
    fn str(&mut self, value: &str) -> Result<(), EncodeError> {
        write_str(self.out, value);
        Ok(())
    }

    fn bytes(&mut self, _: &[u8]) -> Result<(), EncodeError> {
        Err(unsupported::<Self>("bytes"))
    }
}

impl Sink for JsonSink<'_> {
    #[inline]
    fn open_array(&mut self, _: Option<usize>) -> Result<Array, EncodeError> {
        self.out.push(b'[');
        Ok(Array(0))
    }

    #[inline]
    fn element(&mut self, first: bool) {
        if !first {
            self.out.extend_from_slice(b", ");
        }
    }

    #[inline]
    fn close_array(&mut self, _: Array, _: usize) -> Result<(), EncodeError> {
        self.out.push(b']');
        Ok(())
    }

    #[inline]
    fn open_map(&mut self, _: usize) -> Result<(), EncodeError> {
        self.out.push(b'{');
        Ok(())
    }

    #[inline]
    fn key(&mut self, first: bool, key: &str) -> Result<(), EncodeError> {
        self.element(first);
        write_str(self.out, key);
        self.out.extend_from_slice(b": ");
        Ok(())
    }

    #[inline]
    fn close_map(&mut self) {
        self.out.push(b'}');
    }
}

/// Appends a float as Python's `json` writes it.
fn write_float(out: &mut Vec<u8>, value: f64) {
    match value {
        f64::INFINITY => out.extend_from_slice(b"Infinity"),
        f64::NEG_INFINITY => out.extend_from_slice(b"-Infinity"),
        _ if value.is_nan() => out.extend_from_slice(b"NaN"),
        _ => float::push_finite(out, value),
    }
}

/// Returns whether a byte of a string stands for itself.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// Appends a string in ASCII, as `json.dumps` writes it.
#[inline]
fn write_str(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    // Without an early exit, the loop is vectorised.
    if text
        .bytes()
        .fold(true, |plain, byte| plain & is_plain(byte))
    {
        out.extend_from_slice(text.as_bytes());
    } else {
        write_escaped(out, text);
    }
    out.push(b'"');
}

fn write_escaped(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        let short = match character {
            '"' | '\\' => character as u8,
            '\n' => b'n',
            '\r' => b'r',
            '\t' => b't',
            '\u{8}' => b'b',
            '\u{c}' => b'f',
            ' '..='~' => {
                out.push(character as u8);
                continue;
            }
            _ => {
                escape::push_unicode(out, character);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> String {
        let mut out = Vec::new();
        write_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_are_written_as_pythons_json_writes_them() {
        for (value, text) in [
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn strings_are_written_in_ascii() {
        let mut out = Vec::new();
        write_str(&mut out, "a\"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}\u{e9}\u{1f600}");
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#""a\"\\\n\r\t\b\f\u0001\u007f\u00e9\ud83d\ude00""#
        );
    }

    #[test]
    fn an_int_of_more_digits_than_python_reads_is_refused() {
        let mut out = Vec::new();
        let longest = BigInt::from(10).pow(4_300) - 1;
        JsonSink::new(&mut out).big(&-&longest).unwrap();
        assert_eq!(out.len(), 4_301);
        assert!(JsonSink::new(&mut out).big(&(longest + 1)).is_err());
    }
}
