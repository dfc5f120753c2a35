//! Writes the shapes of values as fields of the schema.

use num_bigint::BigInt;
use prost::Message;
use serde::ser::Error as _;

use super::lengths::{Gap, Lengths, put_varint, varint_len};
use super::tag::{self, LEN, VARINT, kind, short};
use super::write_value;
use crate::codec::tree::target::{Shape, Target};
use crate::{EncodeError, Value};

/// Appends a `Value` to a buffer.
///
/// The field that the next value stands in is written with that value, whose length is known then
/// or is the length of the container that it begins.
pub(crate) struct ProtobufSink<'a> {
    out: &'a mut Vec<u8>,
    lengths: Lengths,
    /// The tag of the field that the next value stands in; none of the outermost.
    field: Option<u8>,
    /// What the next text is.
    text: u8,
    /// What the next bytes are.
    bytes: u8,
}

/// A container that was begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    /// The length of the field around the value; the outermost has none.
    value: Option<Gap>,
    /// The length of the value's kind.
    content: Gap,
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
    fn begin(&mut self, len: usize) {
        if let Some(field) = self.field {
            self.out.push(field);
            put_varint(self.out, len as u64);
        }
    }

    /// Writes a kind of value that is a varint.
    #[inline]
    fn varint(&mut self, kind: u8, value: u64) {
        self.begin(1 + varint_len(value));
        self.out.push(short(kind, VARINT));
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

    #[inline]
    fn container(&mut self, kind: u8) -> Open {
        let value = self.field.map(|field| {
            self.out.push(field);
            self.lengths.leave(self.out)
        });
        self.out.push(short(kind, LEN));
        Open {
            value,
            content: self.lengths.leave(self.out),
        }
    }

    #[inline]
    pub(super) fn end(&mut self, open: Open) {
        self.lengths.fill(self.out, open.content);
        if let Some(value) = open.value {
            self.lengths.fill(self.out, value);
        }
    }

    /// Writes a text that is a field of a container.
    #[inline]
    fn part(&mut self, number: u8, text: &str) {
        self.out.push(short(number, LEN));
        put_varint(self.out, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }
}

impl Target for ProtobufSink<'_> {
    const NAME: &'static str = "protobuf";

    type Open = Open;
    type Entry = ();

    #[inline]
    fn null(&mut self) {
        self.varint(kind::NONE, 0);
    }

    #[inline]
    fn bool(&mut self, value: bool) {
        self.varint(kind::BOOL, value.into());
    }

    #[inline]
    fn int(&mut self, value: i64) {
        // Zigzag: small numbers are short, whatever their sign.
        self.varint(kind::INT, ((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    #[inline]
    fn uint(&mut self, value: u64) {
        if let Ok(value) = i64::try_from(value) {
            return self.int(value);
        }
        let [bytes @ .., _, _, _, _, _, _, _] = u128::from(value).to_le_bytes();
        self.raw(kind::BIG_INT, &bytes);
    }

    fn big(&mut self, value: &BigInt) -> Result<(), EncodeError> {
        match i64::try_from(value) {
            Ok(value) => self.int(value),
            Err(_) => self.raw(kind::BIG_INT, &value.to_signed_bytes_le()),
        }
        Ok(())
    }

    #[inline]
    fn float(&mut self, value: f64) {
        self.begin(9);
        self.out.push(short(kind::FLOAT, tag::FIXED64));
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    #[inline]
    fn str(&mut self, value: &str) -> Result<(), EncodeError> {
        self.raw(self.text, value.as_bytes());
        Ok(())
    }

    fn bytes(&mut self, value: &[u8]) -> Result<(), EncodeError> {
        let kind = std::mem::replace(&mut self.bytes, kind::BYTES);
        self.raw(kind, value);
        Ok(())
    }

    #[inline]
    fn open(&mut self, shape: Shape, _: Option<usize>) -> Result<Open, EncodeError> {
        Ok(self.container(match shape {
            Shape::List => kind::LIST,
            Shape::Tuple => kind::TUPLE,
            Shape::Set => kind::SET,
            Shape::FrozenSet => kind::FROZEN_SET,
            Shape::Dict => kind::DICT,
        }))
    }

    #[inline]
    fn element(&mut self, _: bool) {
        self.field = Some(short(tag::ITEMS, LEN));
    }

    #[inline]
    fn entry(&mut self, _: bool) -> Result<(), EncodeError> {
        self.field = Some(short(tag::KEYS, LEN));
        Ok(())
    }

    #[inline]
    fn entry_value(&mut self) {
        self.field = Some(short(tag::VALUES, LEN));
    }

    #[inline]
    fn close_entry(&mut self, (): ()) -> Result<(), EncodeError> {
        Ok(())
    }

    #[inline]
    fn close(&mut self, _: Shape, open: Open, _: usize) -> Result<(), EncodeError> {
        self.end(open);
        Ok(())
    }

    #[inline]
    fn open_object(&mut self, class: &str, _: usize) -> Result<Open, EncodeError> {
        let open = self.container(kind::OBJECT);
        self.part(tag::CLASS, class);
        Ok(open)
    }

    #[inline]
    fn field(&mut self, name: &str) -> Result<(), EncodeError> {
        self.part(tag::NAMES, name);
        self.field = Some(short(tag::FIELD_VALUES, LEN));
        Ok(())
    }

    #[inline]
    fn close_object(&mut self, object: Open) {
        self.end(object);
    }

    fn member(&mut self, class: &str, name: &str) -> Result<(), EncodeError> {
        let open = self.container(kind::MEMBER);
        self.part(tag::CLASS, class);
        self.part(tag::NAME, name);
        self.end(open);
        Ok(())
    }

    #[inline]
    fn open_ref(&mut self) -> Result<(), EncodeError> {
        self.text = kind::REF;
        Ok(())
    }

    #[inline]
    fn close_ref(&mut self) {
        self.text = kind::STR;
    }

    fn any(&mut self) -> Result<(), EncodeError> {
        self.bytes = kind::ANY;
        Ok(())
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), EncodeError> {
        write_value::write(self, value, depth)
    }

    #[inline]
    fn finish(&mut self) {
        self.lengths.finish(self.out);
    }
}
