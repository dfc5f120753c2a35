//! Conversions from Rust's own types into values.

use std::sync::Arc;

use super::{Date, DateTime, EnumMember, Items, Member, Object, State, Time, TimeDelta, Value};
use crate::ActorRef;

impl Value {
    /// Returns a `list`.
    #[must_use]
    pub fn list<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(collect(items))
    }

    /// Returns a `tuple`.
    #[must_use]
    pub fn tuple<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Tuple(collect(items))
    }

    /// Returns a `set`, which pickle and protobuf carry. The caller makes sure that no member occurs
    /// twice.
    #[must_use]
    pub fn set<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Set(collect(items))
    }

    /// Returns a `frozenset`. The caller makes sure that no member occurs twice.
    #[must_use]
    pub fn frozen_set<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::FrozenSet(collect(items))
    }

    /// Returns a `dict`. The caller makes sure that no key occurs twice.
    #[must_use]
    pub fn dict<K: Into<Value>, V: Into<Value>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let pairs = pairs.into_iter();
        Self::Dict(
            pairs
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }

    /// Returns `bytes`.
    #[must_use]
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// Returns an instance of a dataclass, by its fields.
    #[must_use]
    pub fn object<N: Into<Arc<str>>, V: Into<Value>>(
        class: impl Into<Arc<str>>,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self::Object(Arc::new(Object {
            class: class.into(),
            state: State::Named(fields.into_iter().collect()),
        }))
    }

    /// Returns the member of an enum by its name, as all serializers but pickle carry it.
    #[must_use]
    pub fn member(class: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self::Enum(Arc::new(EnumMember {
            class: class.into(),
            member: Member::Name(name.into()),
        }))
    }

    /// Returns the member of an enum by its value, as pickle carries it.
    #[must_use]
    pub fn member_of_value(class: impl Into<Arc<str>>, value: impl Into<Value>) -> Self {
        Self::Enum(Arc::new(EnumMember {
            class: class.into(),
            member: Member::Value(value.into()),
        }))
    }
}

fn collect<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Items {
    items.into_iter().map(Into::into).collect()
}

macro_rules! from {
    ($($type:ty, $value:ident => $result:expr;)*) => {$(
        impl From<$type> for Value {
            #[inline]
            fn from($value: $type) -> Self {
                $result
            }
        }
    )*};
}

from! {
    (), _unit => Self::None;
    bool, value => Self::Bool(value);
    i8, value => Self::Int(value.into());
    i16, value => Self::Int(value.into());
    i32, value => Self::Int(value.into());
    i64, value => Self::Int(value);
    u8, value => Self::Int(value.into());
    u16, value => Self::Int(value.into());
    u32, value => Self::Int(value.into());
    u64, value => i64::try_from(value).map_or_else(|_| big(value), Self::Int);
    i128, value => i64::try_from(value).map_or_else(|_| big(value), Self::Int);
    u128, value => i64::try_from(value).map_or_else(|_| big(value), Self::Int);
    num_bigint::BigInt, value => i64::try_from(&value).map_or_else(|_| big(value), Self::Int);
    f32, value => Self::Float(value.into());
    f64, value => Self::Float(value);
    char, value => Self::from(&*value.encode_utf8(&mut [0; 4]));
    &str, value => Self::Str(value.into());
    String, value => Self::Str(value.into());
    Arc<str>, value => Self::Str(value);
    DateTime, value => Self::DateTime(Arc::new(value));
    Date, value => Self::Date(value);
    Time, value => Self::Time(Arc::new(value));
    TimeDelta, value => Self::TimeDelta(value);
    Object, value => Self::Object(Arc::new(value));
    EnumMember, value => Self::Enum(Arc::new(value));
}

fn big(value: impl Into<num_bigint::BigInt>) -> Value {
    Value::BigInt(Arc::new(value.into()))
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::list(items)
    }
}

impl<M: ?Sized> From<ActorRef<M>> for Value {
    fn from(actor: ActorRef<M>) -> Self {
        Self::Ref(actor.cast())
    }
}

impl<A: Into<Value>, B: Into<Value>> From<(A, B)> for Value {
    fn from((a, b): (A, B)) -> Self {
        Self::tuple([a.into(), b.into()])
    }
}

impl<A: Into<Value>, B: Into<Value>, C: Into<Value>> From<(A, B, C)> for Value {
    fn from((a, b, c): (A, B, C)) -> Self {
        Self::tuple([a.into(), b.into(), c.into()])
    }
}

impl FromIterator<Value> for Value {
    /// Returns a `list`.
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Self::List(items.into_iter().collect())
    }
}
