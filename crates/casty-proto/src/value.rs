//! Any value a node can send, when its type is not known beforehand.

use std::sync::Arc;

use crate::ActorRef;

mod access;
mod compare;
mod convert;
mod de;
mod fields;
mod foreign;

mod items;
mod name_cache;
mod release;
mod ser;
mod side_channel;
mod temporal;
mod typed;
pub(crate) mod uuid;

#[cfg(feature = "protobuf")]
pub(crate) use de::big_int;
pub use de::from_value;
#[cfg(any(feature = "pickle", feature = "protobuf"))]
pub(crate) use de::plain;
pub use fields::Fields;
#[cfg(feature = "pickle")]
pub(crate) use fields::{Maker, Origin};
pub use items::{Items, Pairs};
pub(crate) use name_cache::Names;
pub use num_bigint;
pub use ser::to_value;
pub(crate) use side_channel::{VALUE, give, take};
pub use temporal::{Date, DateTime, TemporalError, Time, TimeDelta};
#[cfg(any(feature = "pickle", feature = "protobuf"))]
pub(crate) use typed::is_decimal;
pub use typed::{BigInt, ByteArray, Bytes, Complex, Decimal, Uuid};

/// Any Python value that a serializer of Casty can carry.
///
/// At most 24 bytes; cloning costs one reference count, whatever the size. Values that a pickle
/// shares stay shared. Dropping, comparing, printing and walking a value never recurse without
/// bound.
///
/// Values are equal if they are of the same kind and their parts are, in the same order: unlike in
/// Python, `1`, `1.0` and `True` differ, and so do sets that list their members differently. How a
/// pickle made an object of its [`Fields`] makes no difference. As in
/// Python, a `nan` differs from itself, but a container that holds one equals itself.
///
/// As a field of a typed message it takes whatever is there. Other formats than Casty's write it
/// plainly: containers as sequences, dicts and objects as maps, references, dates, UUIDs and
/// decimals as text.
#[derive(Clone)]
#[non_exhaustive]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An `int` of 64 bits.
    Int(i64),
    /// An `int` beyond 64 bits; never one that [`Value::Int`] could hold.
    BigInt(Arc<num_bigint::BigInt>),
    /// A `float`, `nan` and the infinities included.
    Float(f64),
    /// A `str`.
    Str(Arc<str>),
    /// `bytes`.
    Bytes(Arc<[u8]>),
    /// A `bytearray` (pickle and protobuf only).
    ByteArray(Arc<[u8]>),
    /// A `list`.
    List(Items),
    /// A `tuple`.
    Tuple(Items),
    /// A `set` (pickle and protobuf only).
    Set(Items),
    /// A `frozenset`.
    FrozenSet(Items),
    /// A `dict`, its keys of any type, in order.
    Dict(Pairs),
    /// An actor reference.
    Ref(ActorRef<Value>),
    /// A member of an enum.
    Enum(Arc<EnumMember>),
    /// An instance of any other class.
    Object(Arc<Object>),
    /// A `datetime.datetime` (pickle and protobuf only, as are all that follow).
    DateTime(Arc<DateTime>),
    /// A `datetime.date`.
    Date(Date),
    /// A `datetime.time`.
    Time(Arc<Time>),
    /// A `datetime.timedelta`.
    TimeDelta(TimeDelta),
    /// A `uuid.UUID`, most significant byte first.
    Uuid(Arc<[u8; 16]>),
    /// A `decimal.Decimal` in Python's own notation.
    Decimal(Arc<str>),
    /// A `complex` of a real and an imaginary part.
    Complex(f64, f64),
}

/// A member of a Python enum: pickle gives its value, the other serializers name it.
#[derive(Clone)]
pub struct EnumMember {
    /// The enum's qualified name.
    pub class: Arc<str>,
    /// Which member.
    pub member: Member,
}

/// Which member of an enum.
#[derive(Clone)]
pub enum Member {
    /// The one of this name.
    Name(Arc<str>),
    /// The one of this value.
    Value(Value),
}

/// An instance of a Python class.
#[derive(Clone)]
pub struct Object {
    /// The class's qualified name.
    pub class: Arc<str>,
    /// Its fields.
    pub state: State,
}

/// The fields of an object.
#[derive(Clone)]
pub enum State {
    /// By name: the state of any dataclass but one with frozen slots.
    Named(Fields),
    /// In the class's order: the state of a dataclass with frozen slots (pickle only).
    Positional(Vec<Value>),
    /// The arguments of the constructor that made it (pickle only).
    Constructed(Vec<Value>),
}
