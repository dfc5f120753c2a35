//! The keys that make an object of the tree something else than a dict.

use std::borrow::Cow;

use super::source::Kind;

pub(super) const TYPE: &str = "_type";
pub(super) const REF: &str = "__ref__";
pub(super) const ENUM: &str = "__enum__";
/// The key beside [`ENUM`] that names the member.
pub(super) const MEMBER: &str = "value";
pub(super) const TUPLE: &str = "__tuple__";
pub(super) const FROZEN_SET: &str = "__frozenset__";
pub(super) const DICT: &str = "__dict__";

/// What an object with such a key is.
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
    /// The marker that `key` is, if any.
    #[inline]
    pub(super) fn of(key: &str) -> Option<Self> {
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

    /// Whether nodes take the marker seriously in front of a value of this kind.
    #[inline]
    pub(super) fn fits(self, kind: Kind) -> bool {
        match self {
            Self::Type | Self::Ref | Self::Enum => kind == Kind::Str,
            Self::Tuple | Self::FrozenSet | Self::Dict => kind == Kind::Array,
        }
    }

    /// The Python class of what the marker announces, as far as the marker tells.
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

/// Whether a serde name is the name of a Python class.
#[inline]
pub(crate) fn is_class(name: &str) -> bool {
    name.bytes().any(|byte| byte == b'.')
}

/// A serde name as the tree and type hints write it: the colon that separates module and class is
/// for pickle only.
#[inline]
pub(crate) fn written(name: &str) -> Cow<'_, str> {
    // Counting has no early end, so it is compiled to wide instructions.
    if name.bytes().filter(|byte| *byte == b':').count() > 0 {
        Cow::Owned(name.replace(':', "."))
    } else {
        Cow::Borrowed(name)
    }
}

/// Whether the serde name `expected` is the class that is written as `found`.
#[inline]
pub(crate) fn same_class(expected: &str, found: &str) -> bool {
    expected == found || (expected.contains(':') && written(expected) == found)
}
