//! Serde names as names of Python classes.

use std::borrow::Cow;

/// The kind of value that most codecs refuse: a tuple struct named as a dataclass.
pub(crate) const TUPLE_STRUCT: &str = "a tuple struct as a dataclass: its fields have no names";

/// The kind of value that most codecs refuse: a tuple variant named as a dataclass.
pub(crate) const TUPLE_VARIANT: &str = "a tuple variant as a dataclass: its fields have no names";

/// The kind of value that all codecs but pickle refuse: a newtype variant that changes the class.
pub(crate) const OTHER_VARIANT: &str =
    "a variant with a dotted name around anything but the dataclass of that name";

/// The longest name of a module, or of a class in it, that is read from pickles, in bytes. Names are
/// compared each time they occur, so long ones would cost more than their mention in the input.
///
/// Beyond it, the message is not read (`DecodeError`), or not written (`EncodeError`).
pub(crate) const MAX_NAME: usize = 512;

/// Returns whether a serde name is the name of a Python class.
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

/// Splits a qualified name into its module and the class's path in it.
///
/// `pkg.mod.Outer.Inner` splits before the first capitalised segment, a name without one at its
/// last dot, and a colon says explicitly where: `pkg.mod:outer.inner`. `None` if there is no module.
pub(crate) fn split(name: &str) -> Option<(&str, &str)> {
    let bytes = name.as_bytes();
    let (mut capital, mut last) = (None, None);
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == b':' {
            capital = Some(at);
            break;
        }
        if byte == b'.' {
            last = Some(at);
            if capital.is_none() && is_capitalised(bytes, at + 1) {
                capital = Some(at);
            }
        }
    }
    let at = capital.or(last)?;
    let (module, class) = (name.get(..at)?, name.get(at + 1..)?);
    (!module.is_empty() && !class.is_empty()).then_some((module, class))
}

/// Returns whether a name goes on with a capital letter at an offset.
pub(crate) fn is_capitalised(name: &[u8], at: usize) -> bool {
    match name.get(at) {
        Some(byte) if byte.is_ascii() => byte.is_ascii_uppercase(),
        Some(_) => name
            .get(at..)
            .and_then(|rest| std::str::from_utf8(rest).ok())
            .and_then(|rest| rest.chars().next())
            .is_some_and(char::is_uppercase),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_split_before_the_first_capital_or_at_the_last_dot_or_at_the_colon() {
        for (name, parts) in [
            ("pkg.mod.Outer.Inner", Some(("pkg.mod", "Outer.Inner"))),
            ("pkg.mod.thing", Some(("pkg.mod", "thing"))),
            ("pkg.mod:outer.inner", Some(("pkg.mod", "outer.inner"))),
            ("pkg.Mod:x", Some(("pkg.Mod", "x"))),
            ("pkg.Élan.x", Some(("pkg", "Élan.x"))),
            ("Pkg.Thing", Some(("Pkg", "Thing"))),
            ("__main__.Thing", Some(("__main__", "Thing"))),
            ("plain", None),
            (".X", None),
            (".X.y", None),
            (":x", None),
            ("pkg.", None),
        ] {
            assert_eq!(split(name), parts, "{name}");
        }
    }
}
