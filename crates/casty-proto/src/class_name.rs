//! Serde names as names of Python classes.

use std::borrow::Cow;

/// The kind of value that most codecs refuse: a tuple struct named as a dataclass.
pub(crate) const TUPLE_STRUCT: &str = "a tuple struct as a dataclass: its fields have no names";

/// The kind of value that most codecs refuse: a tuple variant named as a dataclass.
pub(crate) const TUPLE_VARIANT: &str = "a tuple variant as a dataclass: its fields have no names";

/// The kind of value that all codecs but pickle refuse: a newtype variant that changes the class.
pub(crate) const OTHER_VARIANT: &str =
    "a variant with a dotted name around anything but the dataclass of that name";

/// Returns whether a serde name is the name of a Python class.
#[inline]
pub(crate) fn is_class(name: &str) -> bool {
    name.bytes().any(|byte| byte == b'.')
}

/// Returns a serde name as trees and type hints have it: the colon that separates module and class
/// is for pickle only.
#[inline]
pub(crate) fn with_dots(name: &str) -> Cow<'_, str> {
    // Counting has no early exit, so the loop is vectorised.
    if name.bytes().filter(|byte| *byte == b':').count() > 0 {
        Cow::Owned(name.replace(':', "."))
    } else {
        Cow::Borrowed(name)
    }
}

/// Returns whether the serde name `expected` is the class that the wire calls `found`.
#[inline]
pub(crate) fn same_class(expected: &str, found: &str) -> bool {
    expected == found || (expected.contains(':') && with_dots(expected) == found)
}
