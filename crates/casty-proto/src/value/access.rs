//! Access to a value's class and parts.

use super::{Member, State, Value};

impl Value {
    /// Returns the qualified name of the value's Python class, as headers have it.
    pub fn class_name(&self) -> &str {
        self.class()
            .unwrap_or_else(|| self.builtin_class().unwrap_or_default())
    }

    /// Returns the class of a value that is of Python's standard library; `None` for objects and
    /// members of enums.
    pub(crate) fn builtin_class(&self) -> Option<&'static str> {
        Some(match self {
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
            Self::Enum(_) | Self::Object(_) => return None,
            Self::DateTime(_) => "datetime.datetime",
            Self::Date(_) => "datetime.date",
            Self::Time(_) => "datetime.time",
            Self::TimeDelta(_) => "datetime.timedelta",
            Self::Uuid(_) => "uuid.UUID",
            Self::Decimal(_) => "decimal.Decimal",
            Self::Complex(..) => "builtins.complex",
        })
    }

    /// Returns whether the value can hold others.
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

    /// Returns whether the value is `None`.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Returns a `bool`; `None` if the value is something else.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns an `int`; `None` if it takes more than 64 bits or the value is something else.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns an `int`; `None` if it is negative, takes more than 64 bits or the value is something
    /// else.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(value) => u64::try_from(*value).ok(),
            Self::BigInt(value) => u64::try_from(&**value).ok(),
            _ => None,
        }
    }

    /// Returns a `float`, or the nearest one to an `int` of 64 bits; `None` if the value is something
    /// else.
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

    /// Returns a `str`; `None` if the value is something else.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(value) => Some(value),
            _ => None,
        }
    }

    /// Returns `bytes` or a `bytearray`; `None` if the value is something else.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(value) | Self::ByteArray(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the elements of a list, tuple or set; `None` if the value is something else.
    pub fn items(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) | Self::Tuple(items) | Self::Set(items) | Self::FrozenSet(items) => {
                Some(items)
            }
            _ => None,
        }
    }

    /// Returns the entries of a dict; `None` if the value is something else.
    pub fn pairs(&self) -> Option<&[(Value, Value)]> {
        match self {
            Self::Dict(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// Returns the class of an object or of an enum's member; `None` if the value is something else.
    pub fn class(&self) -> Option<&str> {
        match self {
            Self::Object(object) => Some(&object.class),
            Self::Enum(member) => Some(&member.class),
            _ => None,
        }
    }

    /// Returns the field of an object of that name, or the entry of a dict under that `str`, if there
    /// is one. Takes time linear in their number.
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

    /// Returns the element of a list, tuple or set at `index`, if there is one.
    pub fn at(&self, index: usize) -> Option<&Value> {
        self.items()?.get(index)
    }
}
