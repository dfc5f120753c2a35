//! Values as fields of the schema.

use num_bigint::BigInt;

use super::sink::{Open, ProtobufSink};
use super::tag::{self, LEN, kind, one_byte_tag};
use super::write_value;
use crate::class_name::{is_class, with_dots};
use crate::codec::tree::sink::Scalars;
use crate::codec::tree::target::{Shape, Target};
use crate::{EncodeError, Value};

impl Scalars for ProtobufSink<'_> {
    const NAME: &'static str = "protobuf";

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
        // Zigzag: numbers near zero are short, whatever their sign.
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
        self.out.push(one_byte_tag(kind::FLOAT, tag::FIXED64));
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
}

impl ProtobufSink<'_> {
    /// Begins an object of the class of that name.
    #[inline]
    pub(super) fn object(&mut self, class: &str) -> Open {
        let open = self.container(kind::OBJECT);
        self.part(tag::CLASS, class);
        open
    }

    /// Begins a field of an object.
    #[inline]
    pub(super) fn named(&mut self, name: &str) {
        self.part(tag::NAMES, name);
        self.field = Some(one_byte_tag(tag::FIELD_VALUES, LEN));
    }
}

impl Target for ProtobufSink<'_> {
    type Class = ();
    type Open = Open;
    type Entry = ();

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
        self.field = Some(one_byte_tag(tag::ITEMS, LEN));
    }

    #[inline]
    fn entry(&mut self, _: bool) -> Result<(), EncodeError> {
        self.field = Some(one_byte_tag(tag::KEYS, LEN));
        Ok(())
    }

    #[inline]
    fn entry_value(&mut self) {
        self.field = Some(one_byte_tag(tag::VALUES, LEN));
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
    fn class(name: &'static str) -> Option<()> {
        is_class(name).then_some(())
    }

    #[inline]
    fn open_object(&mut self, (): (), name: &'static str, _: usize) -> Result<Open, EncodeError> {
        Ok(self.object(&with_dots(name)))
    }

    #[inline]
    fn field(&mut self, (): (), _: usize, name: &'static str) -> Result<(), EncodeError> {
        self.named(name);
        Ok(())
    }

    #[inline]
    fn close_object(&mut self, (): (), object: Open, _: usize) {
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
    fn open_ref(&mut self) {
        self.text = kind::REF;
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
        self.finish_lengths();
    }
}
