//! The keys that make an object of the tree something else than a dict.

use super::source::Kind;

pub(super) const TYPE: &str = "_type";
pub(super) const REF: &str = "__ref__";
pub(super) const ENUM: &str = "__enum__";
/// The key beside [`ENUM`] that names the member.
pub(super) const MEMBER: &str = "value";
pub(super) const TUPLE: &str = "__tuple__";
pub(super) const FROZEN_SET: &str = "__frozenset__";
pub(super) const DICT: &str = "__dict__";

/// The meanings that a key can give to its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Type,
    Ref,
    Enum,
    Tuple,
    FrozenSet,
    Dict,
}

impl Marker {
    /// Returns the marker that `key` is, if it is one.
    #[inline]
    pub(super) fn from_key(key: &str) -> Option<Self> {
        if !key.starts_with('_') {
            return None;
        }
        Some(match key {
            TYPE => Self::Type,
            REF => Self::Ref,
            ENUM => Self::Enum,
            TUPLE => Self::Tuple,
            FROZEN_SET => Self::FrozenSet,
            DICT => Self::Dict,
            _ => return None,
        })
    }

    /// Returns whether nodes take the marker for one in front of a value of this kind.
    #[inline]
    pub(super) fn fits(self, kind: Kind) -> bool {
        match self {
            Self::Type | Self::Ref | Self::Enum => kind == Kind::Str,
            Self::Tuple | Self::FrozenSet | Self::Dict => kind == Kind::Array,
        }
    }

    /// Returns the Python class of the announced value, as far as the marker tells.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Type => "another object",
            Self::Ref => "casty.remote.ref.RemoteActorRef",
            Self::Enum => "an enum",
            Self::Tuple => "builtins.tuple",
            Self::FrozenSet => "builtins.frozenset",
            Self::Dict => "builtins.dict",
        }
    }
}
