//! The fields of the schema, by their numbers.

/// The wire types, which delimit a field's content: the low three bits of a tag.
pub(super) const VARINT: u8 = 0;
pub(super) const FIXED64: u8 = 1;
pub(super) const LEN: u8 = 2;
pub(super) const FIXED32: u8 = 5;

/// The kinds of a `Value`.
pub(super) mod kind {
    pub(in crate::codec::protobuf) const NONE: u8 = 1;
    pub(in crate::codec::protobuf) const BOOL: u8 = 2;
    pub(in crate::codec::protobuf) const INT: u8 = 3;
    pub(in crate::codec::protobuf) const FLOAT: u8 = 4;
    pub(in crate::codec::protobuf) const STR: u8 = 5;
    pub(in crate::codec::protobuf) const BYTES: u8 = 6;
    pub(in crate::codec::protobuf) const LIST: u8 = 7;
    pub(in crate::codec::protobuf) const TUPLE: u8 = 8;
    pub(in crate::codec::protobuf) const DICT: u8 = 9;
    pub(in crate::codec::protobuf) const OBJECT: u8 = 10;
    pub(in crate::codec::protobuf) const REF: u8 = 11;
    pub(in crate::codec::protobuf) const MEMBER: u8 = 12;
    pub(in crate::codec::protobuf) const FROZEN_SET: u8 = 13;
    pub(in crate::codec::protobuf) const SET: u8 = 14;
    pub(in crate::codec::protobuf) const BIG_INT: u8 = 15;
    pub(in crate::codec::protobuf) const BYTE_ARRAY: u8 = 16;
    pub(in crate::codec::protobuf) const DATE_TIME: u8 = 17;
    pub(in crate::codec::protobuf) const DATE: u8 = 18;
    pub(in crate::codec::protobuf) const TIME: u8 = 19;
    pub(in crate::codec::protobuf) const TIME_DELTA: u8 = 20;
    pub(in crate::codec::protobuf) const UUID: u8 = 21;
    pub(in crate::codec::protobuf) const DECIMAL: u8 = 22;
    pub(in crate::codec::protobuf) const COMPLEX: u8 = 23;
    pub(in crate::codec::protobuf) const ANY: u8 = 24;
}

/// The parts of `Items`.
pub(super) const ITEMS: u8 = 1;
/// The parts of a `Dict`.
pub(super) const KEYS: u8 = 1;
pub(super) const VALUES: u8 = 2;
/// The parts of an `Object`.
pub(super) const CLASS: u8 = 1;
pub(super) const NAMES: u8 = 2;
pub(super) const FIELD_VALUES: u8 = 3;
/// The second part of a `Member`; the first is its [`CLASS`].
pub(super) const NAME: u8 = 2;

/// Returns the tag of a field whose number is below 16: one byte.
pub(super) const fn one_byte_tag(number: u8, wire_type: u8) -> u8 {
    (number << 3) | wire_type
}
