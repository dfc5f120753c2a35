//! The values that nodes can send, where their types are not known beforehand.
//!
//! [`Value`] is any of them. Its scalars that Rust has no type for ([`Uuid`],
//! [`Decimal`], [`DateTime`] and the others) are fields of typed messages as well. [`to_value`] and
//! [`from_value`] convert between typed messages and values, for codecs of your own.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::ActorRef;

mod access;
#[cfg(feature = "chrono")]
mod chrono;
mod classes;
mod compare;
mod convert;
mod de;
mod decimal;
mod foreign;
mod hashing;
mod instant;
#[cfg(feature = "jiff")]
mod jiff;
mod release;
mod rfc3339;
mod ser;
mod side_channel;
mod temporal;
mod typed;
pub(crate) mod uuid;
mod via_value;
mod zone;

pub use num_bigint;

pub(crate) use de::big_int;
pub use de::from_value;
#[cfg(any(feature = "pickle", feature = "protobuf"))]
pub(crate) use de::plain;
pub use decimal::DecimalError;
#[cfg(any(feature = "pickle", feature = "protobuf"))]
pub(crate) use decimal::NO_DECIMAL;
pub(crate) use decimal::is_decimal;
pub use instant::TimeError;
pub use ser::to_value;
pub(crate) use side_channel::{VALUE, hand_over, take};
#[cfg(any(feature = "pickle", feature = "protobuf"))]
pub(crate) use temporal::NO_SUCH_TIME;
pub use temporal::{Date, DateTime, TemporalError, Time, TimeDelta};
pub use typed::{BigInt, ByteArray, Bytes, Complex, Decimal, Uuid, UuidError};
pub(crate) use typed::{complex_of, time_delta_of};
pub use zone::{ZoneName, ZoneNameError};

/// Any Python value that a serializer of Casty can carry.
///
/// At most 24 bytes; cloning costs one reference count, whatever the size. Values that a pickle
/// shares stay shared. Dropping, comparing, printing, encoding and decoding a value never recurse
/// without bound.
///
/// Values are equal if they are of the same kind and their parts are, in the same order: unlike in
/// Python, `1`, `1.0` and `True` differ, and so do sets that list their members differently. The
/// way in which a pickle gave an object its [`Fields`] makes no difference. As in Python, a `nan`
/// differs from itself, but a container that holds one equals itself.
///
/// A value may name any class, whatever it was made of. In a pickle that is code, so pickle writes
/// only those that name Casty's classes and what the program has
/// [allowed](crate::Codec::allowing); [`classes`](Self::classes) tells what a value names.
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
    /// A `bytes`.
    Bytes(Arc<[u8]>),
    /// A `bytearray` (pickle and protobuf only).
    ByteArray(Arc<[u8]>),
    /// A `list`; of a pickle also a `deque`, however long that may be.
    List(Items),
    /// A `tuple`.
    Tuple(Items),
    /// A `set` (pickle and protobuf only).
    Set(Items),
    /// A `frozenset`.
    FrozenSet(Items),
    /// A `dict`, its keys of any type, in order; of a pickle also an `OrderedDict`, a `defaultdict`
    /// without what makes its missing values, or a `Counter`.
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
    /// The member, by its name or by its value.
    pub member: Member,
}

/// The part of an [`EnumMember`] that tells it from the enum's other members.
#[derive(Clone)]
pub enum Member {
    /// The member of this name.
    Name(Arc<str>),
    /// The member of this value.
    Value(Value),
}

/// An instance of a Python class.
#[derive(Clone)]
pub struct Object {
    /// The class's qualified name.
    pub class: Arc<str>,
    /// The object's fields.
    pub state: State,
}

/// The fields of an [`Object`].
#[derive(Clone)]
pub enum State {
    /// Fields by name: the state of any dataclass but one with frozen slots.
    Named(Fields),
    /// Fields in the class's order: the state of a dataclass with frozen slots (pickle only).
    Positional(Vec<Value>),
    /// The arguments of the constructor that made it (pickle only).
    Constructed(Vec<Value>),
}

/// The elements of a list, tuple or set, shared. Empty ones take no memory.
#[derive(Clone, Default)]
pub struct Items(Option<Arc<Elements>>);

/// At least one element.
///
/// A single one is held inline: a value that is nothing but nested brackets, a few bytes on the
/// wire for each level, then takes one allocation a level instead of two.
#[derive(Clone)]
enum Elements {
    One([Value; 1]),
    Many(Box<[Value]>),
}

/// The entries of a dict, in order, shared. Empty ones take no memory.
#[derive(Clone, Default)]
pub struct Pairs(Option<Arc<Vec<(Value, Value)>>>);

/// The fields of an object by name, in order.
///
/// Fields that a pickle held remember how it gave them to their object, and pickle writes them
/// back the same way: a class need not have a constructor that takes them all, as one with
/// `field(init=False)` has not. All others, those of json, msgpack, the notation and the
/// program's own, become keywords of the constructor. Values that differ in nothing else are
/// equal. Fields may be changed in place; collect them anew for the constructor to be called.
#[derive(Clone, Default)]
pub struct Fields {
    fields: Vec<(Arc<str>, Value)>,
    #[cfg(feature = "pickle")]
    origin: Origin,
}

/// The way in which a pickle gives an object its fields.
#[cfg(feature = "pickle")]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Origin {
    /// By calling its class with keywords.
    #[default]
    Keywords,
    /// By nothing: the object is made, and has none.
    Bare(Instantiation),
    /// By a dict, once the object is there.
    Dict(Instantiation),
    /// By two dicts, of which one may be `None`: so many fields for `__dict__`, the others for the
    /// slots.
    Slots(Instantiation, Halves, u32),
}

/// The halves of the state of an object with slots.
#[cfg(feature = "pickle")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halves {
    /// Both are dicts.
    Both,
    /// The one for `__dict__` is a dict, the one for the slots `None`.
    Own,
    /// The one for the slots is a dict, the one for `__dict__` `None`.
    Slots,
}

/// The way in which a pickle makes an object that has no fields yet.
#[cfg(feature = "pickle")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instantiation {
    /// By `cls.__new__(cls)`.
    New,
    /// By `cls()`.
    Call,
}

impl Elements {
    fn as_slice(&self) -> &[Value] {
        match self {
            Self::One(item) => item,
            Self::Many(items) => items,
        }
    }

    fn into_vec(self) -> Vec<Value> {
        match self {
            Self::One(item) => item.into(),
            Self::Many(items) => items.into_vec(),
        }
    }
}

impl Items {
    /// Returns the elements, copied (a reference count each) only if they are shared.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<Value> {
        let elements = self.0.take().map(Arc::unwrap_or_clone);
        elements.map(Elements::into_vec).unwrap_or_default()
    }

    /// Takes the elements out, or none if something else shares them.
    fn take_unshared(&mut self) -> Vec<Value> {
        let elements = self.0.take().and_then(Arc::into_inner);
        elements.map(Elements::into_vec).unwrap_or_default()
    }
}

impl Pairs {
    /// Returns the entries, copied (two reference counts each) only if they are shared.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<(Value, Value)> {
        self.0.take().map(Arc::unwrap_or_clone).unwrap_or_default()
    }

    /// Takes the entries out, or none if something else shares them.
    fn take_unshared(&mut self) -> Vec<(Value, Value)> {
        self.0.take().and_then(Arc::into_inner).unwrap_or_default()
    }
}

#[cfg(feature = "pickle")]
impl Fields {
    pub(crate) fn with_origin(origin: Origin, fields: Vec<(Arc<str>, Value)>) -> Self {
        Self { fields, origin }
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }
}

impl From<Vec<Value>> for Items {
    fn from(items: Vec<Value>) -> Self {
        let elements = match <[Value; 1]>::try_from(items) {
            Ok(item) => Elements::One(item),
            Err(items) if items.is_empty() => return Self(None),
            Err(items) => Elements::Many(items.into()),
        };
        Self(Some(Arc::new(elements)))
    }
}

impl From<Vec<(Value, Value)>> for Pairs {
    fn from(pairs: Vec<(Value, Value)>) -> Self {
        Self((!pairs.is_empty()).then(|| Arc::new(pairs)))
    }
}

impl From<Vec<(Arc<str>, Value)>> for Fields {
    fn from(fields: Vec<(Arc<str>, Value)>) -> Self {
        Self {
            fields,
            #[cfg(feature = "pickle")]
            origin: Origin::Keywords,
        }
    }
}

impl FromIterator<Value> for Items {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        items.into_iter().collect::<Vec<_>>().into()
    }
}

impl FromIterator<(Value, Value)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(pairs: I) -> Self {
        pairs.into_iter().collect::<Vec<_>>().into()
    }
}

impl<N: Into<Arc<str>>, V: Into<Value>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let fields = fields.into_iter();
        fields
            .map(|(name, value)| (name.into(), value.into()))
            .collect::<Vec<_>>()
            .into()
    }
}

impl Deref for Items {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        self.0.as_ref().map_or(&[], |elements| elements.as_slice())
    }
}

impl Deref for Pairs {
    type Target = [(Value, Value)];
    fn deref(&self) -> &[(Value, Value)] {
        self.0.as_ref().map_or(&[], |pairs| pairs)
    }
}

impl Deref for Fields {
    type Target = [(Arc<str>, Value)];
    fn deref(&self) -> &Self::Target {
        &self.fields
    }
}

impl DerefMut for Fields {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.fields
    }
}

impl<'a> IntoIterator for &'a Items {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a Pairs {
    type Item = &'a (Value, Value);
    type IntoIter = std::slice::Iter<'a, (Value, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a (Arc<str>, Value);
    type IntoIter = std::slice::Iter<'a, (Arc<str>, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
