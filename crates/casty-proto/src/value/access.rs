//! What a value is, and what is in it.

use super::{Member, State, Value};

impl Value {
    /// The qualified name of the value's Python class, as headers have it.
    pub fn class_name(&self) -> &str {
        match self {
            Self::None => "builtins.NoneType",
            Self::Bool(_) => "builtins.bool",
            Self::Int(_) | Self::BigInt(_) => "builtins.int",
            Self::Float(_) => "builtins.float",
            Self::Str(_) => "builtins.str",
            Self::Bytes(_) => "builtins.bytes",
            Self::ByteArray(_) => "builtins.bytearray",
            Self::List(_) => "builtins.list",
            Self::Tuple(_) => "builtins.tuple",
            Self::Set(_) => "builtins.set",
            Self::FrozenSet(_) => "builtins.frozenset",
            Self::Dict(_) => "builtins.dict",
            Self::Ref(_) => "casty.remote.ref.RemoteActorRef",
            Self::Enum(member) => &member.class,
            Self::Object(object) => &object.class,
            Self::DateTime(_) => "datetime.datetime",
            Self::Date(_) => "datetime.date",
            Self::Time(_) => "datetime.time",
            Self::TimeDelta(_) => "datetime.timedelta",
            Self::Uuid(_) => "uuid.UUID",
            Self::Decimal(_) => "decimal.Decimal",
            Self::Complex(..) => "builtins.complex",
        }
    }

    /// Whether the value holds others.
    pub(crate) fn is_container(&self) -> bool {
        match self {
            Self::List(_)
            | Self::Tuple(_)
            | Self::Set(_)
            | Self::FrozenSet(_)
            | Self::Dict(_)
            | Self::Object(_) => true,
            Self::Enum(member) => matches!(member.member, Member::Value(_)),
            _ => false,
        }
    }

    /// Whether it is `None`.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The `bool`.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The `int`, if 64 bits hold it.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The `int`, if it is not negative and 64 bits hold it.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(value) => u64::try_from(*value).ok(),
            Self::BigInt(value) => u64::try_from(&**value).ok(),
            _ => None,
        }
    }

    /// The `float`, or the nearest one to an `int` of 64 bits.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the nearest is what is asked for"
    )]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The `str`.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(value) => Some(value),
            _ => None,
        }
    }

    /// The `bytes` or `bytearray`.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(value) | Self::ByteArray(value) => Some(value),
            _ => None,
        }
    }

    /// The elements of a list, tuple or set.
    pub fn items(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) | Self::Tuple(items) | Self::Set(items) | Self::FrozenSet(items) => {
                Some(items)
            }
            _ => None,
        }
    }

    /// The entries of a dict.
    pub fn pairs(&self) -> Option<&[(Value, Value)]> {
        match self {
            Self::Dict(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The class of an object or enum.
    pub fn class(&self) -> Option<&str> {
        match self {
            Self::Object(object) => Some(&object.class),
            Self::Enum(member) => Some(&member.class),
            _ => None,
        }
    }

    /// The field of an object, or the entry of a dict under that `str`. Takes time linear in their
    /// number.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(object) => match &object.state {
                State::Named(fields) => fields
                    .iter()
                    .find(|(field, _)| &**field == name)
                    .map(|(_, value)| value),
                _ => None,
            },
            Self::Dict(pairs) => {
                let entry = pairs.iter().find(|(key, _)| key.as_str() == Some(name));
                entry.map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The element of a list, tuple or set at `index`.
    pub fn at(&self, index: usize) -> Option<&Value> {
        self.items()?.get(index)
    }
}
