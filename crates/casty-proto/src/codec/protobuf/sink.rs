//! The buffer that values are written to.

use prost::Message;
use serde::ser::Error as _;

use super::lengths::{Lengths, Reserved, put_varint, varint_len};
use super::tag::{LEN, VARINT, kind, one_byte_tag};
use crate::EncodeError;

/// A buffer that a `Value` is appended to.
///
/// The field around a value is written together with the value: only then is the field's length
/// known, or that it is the length of a container.
pub(crate) struct ProtobufSink<'a> {
    pub(super) out: &'a mut Vec<u8>,
    lengths: Lengths,
    /// The tag of the field around the next value; the outermost value has none.
    pub(super) field: Option<u8>,
    /// The kind of the next text.
    pub(super) text: u8,
    /// The kind of the next bytes.
    pub(super) bytes: u8,
}

/// A container that was begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    /// The length of the field around the value; the outermost value has none.
    value: Option<Reserved>,
    /// The length of the container itself.
    content: Reserved,
}

impl<'a> ProtobufSink<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            lengths: Lengths::default(),
            field: None,
            text: kind::STR,
            bytes: kind::BYTES,
        }
    }

    /// Begins the field around a value whose message takes `len` bytes.
    #[inline]
    pub(super) fn begin(&mut self, len: usize) {
        if let Some(field) = self.field {
            self.out.push(field);
            put_varint(self.out, len as u64);
        }
    }

    /// Writes a kind of value that is a varint.
    #[inline]
    pub(super) fn varint(&mut self, kind: u8, value: u64) {
        self.begin(1 + varint_len(value));
        self.out.push(one_byte_tag(kind, VARINT));
        put_varint(self.out, value);
    }

    /// Begins a kind of value that is delimited by its length.
    #[inline]
    fn delimited(&mut self, kind: u8, len: usize) {
        let tag_len = if kind < 16 { 1 } else { 2 };
        self.begin(tag_len + varint_len(len as u64) + len);
        put_varint(self.out, (u64::from(kind) << 3) | u64::from(LEN));
        put_varint(self.out, len as u64);
    }

    /// Writes a kind of value that is these bytes.
    #[inline]
    pub(super) fn raw(&mut self, kind: u8, bytes: &[u8]) {
        self.delimited(kind, bytes.len());
        self.out.extend_from_slice(bytes);
    }

    /// Writes a kind of value that is a small message of its own.
    pub(super) fn message(&mut self, kind: u8, message: &impl Message) -> Result<(), EncodeError> {
        self.delimited(kind, message.encoded_len());
        message.encode(self.out).map_err(EncodeError::custom)
    }

    /// Begins a kind of value that is a message with parts.
    #[inline]
    pub(super) fn container(&mut self, kind: u8) -> Open {
        let value = self.field.map(|field| {
            self.out.push(field);
            self.lengths.reserve(self.out)
        });
        self.out.push(one_byte_tag(kind, LEN));
        Open {
            value,
            content: self.lengths.reserve(self.out),
        }
    }

    /// Ends a container and fills in its lengths.
    #[inline]
    pub(super) fn end(&mut self, open: Open) {
        self.lengths.fill(self.out, open.content);
        if let Some(value) = open.value {
            self.lengths.fill(self.out, value);
        }
    }

    /// Writes a text that is a field of a container.
    #[inline]
    pub(super) fn part(&mut self, number: u8, text: &str) {
        self.out.push(one_byte_tag(number, LEN));
        put_varint(self.out, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Puts all lengths in place.
    #[inline]
    pub(super) fn finish_lengths(&mut self) {
        self.lengths.finish(self.out);
    }
}
