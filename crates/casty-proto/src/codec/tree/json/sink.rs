//! JSON as it is written.

use num_bigint::BigInt;

use super::super::sink::{Array, Scalars, Sink, spell_class, unsupported};
use super::source::MAX_DIGITS;
use super::text::{push_text, write_str};
use crate::EncodeError;
use crate::codec::float;
use crate::codec::prepared::{Prepared, Spelling, Table};

/// The classes that the program's own types name.
static CLASSES: Table<()> = Table::new(Spelling {
    class: |name, out| spell_class(JsonSink::new(out), name),
    field: |name, out| write_key(out, false, name),
});

/// A sink that appends JSON to a buffer.
pub(crate) struct JsonSink<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> JsonSink<'a> {
    #[inline]
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
        write_key(self.out, first, key);
        Ok(())
    }

    #[inline]
    fn close_map(&mut self) {
        self.out.push(b'}');
    }

    #[inline]
    fn open_ref(&mut self) {
        self.out.extend_from_slice(br#"{"__ref__": "#);
    }

    #[inline]
    fn prepared(name: &'static str) -> Option<&'static Prepared<()>> {
        CLASSES.get(name)
    }

    #[inline]
    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }
}

fn write_key(out: &mut Vec<u8>, first: bool, key: &str) {
    let opening: &[u8] = if first { b"\"" } else { b", \"" };
    out.extend_from_slice(opening);
    push_text(out, key);
    out.extend_from_slice(b"\": ");
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
    fn an_int_of_more_digits_than_python_reads_is_refused() {
        let mut out = Vec::new();
        let longest = BigInt::from(10).pow(4_300) - 1;
        JsonSink::new(&mut out).big(&-&longest).unwrap();
        assert_eq!(out.len(), 4_301);
        assert!(JsonSink::new(&mut out).big(&(longest + 1)).is_err());
    }
}
