//! The parts of a value for which Python has no hash, found without recursion.

use std::collections::HashSet;

use super::classes::is_new;
use super::decimal::is_signaling;
use super::{Items, Value};

impl Value {
    /// Returns a part for which Python has no hash, so that the value can neither be a member of a set nor
    /// a key of a dict there; `None` if there is none.
    ///
    /// Such are lists, dicts, sets, `bytearray` and the signaling nan of `Decimal`: the value itself, or
    /// what tuples and frozensets hold, however deep. Nothing is said of objects, which have a hash if their
    /// class has one, as that of a frozen dataclass, and of their fields. Takes time in proportion to the
    /// memory of the value, however often its parts are shared.
    ///
    /// ```
    /// use casty_proto::{Limits, Value};
    ///
    /// let read = |text| Value::from_notation(text, &Limits::default());
    /// assert!(read(r#"{"__tuple__": [1, "a"]}"#)?.unhashable().is_none());
    /// let member = read(r#"{"__tuple__": [1, ["a"]]}"#)?;
    /// assert_eq!(member.unhashable().map(Value::class_name), Some("builtins.list"));
    /// # Ok::<(), casty_proto::notation::NotationError>(())
    /// ```
    pub fn unhashable(&self) -> Option<&Self> {
        let mut pending = vec![self];
        // Values that share parts may be exponentially larger than the memory they take.
        let mut seen = HashSet::new();
        while let Some(value) = pending.pop() {
            match value {
                Self::List(_) | Self::Dict(_) | Self::Set(_) | Self::ByteArray(_) => {
                    return Some(value);
                }
                Self::Decimal(text) if is_signaling(text) => return Some(value),
                Self::Tuple(Items(Some(items))) | Self::FrozenSet(Items(Some(items)))
                    if is_new(&mut seen, items) =>
                {
                    pending.extend(items.as_slice());
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Pairs;

    fn tuple(items: impl IntoIterator<Item = Value>) -> Value {
        Value::Tuple(items.into_iter().collect())
    }

    fn list() -> Value {
        Value::List(Items::default())
    }

    #[test]
    fn what_python_cannot_hash_is_found_wherever_tuples_and_frozensets_hold_it() {
        let frozen = Value::FrozenSet([tuple([Value::Int(1), list()])].into_iter().collect());
        for (value, class) in [
            (list(), "builtins.list"),
            (Value::Dict(Pairs::default()), "builtins.dict"),
            (Value::Set(Items::default()), "builtins.set"),
            (Value::ByteArray([].into()), "builtins.bytearray"),
            (Value::Decimal("-sNaN12".into()), "decimal.Decimal"),
            (tuple([tuple([Value::None]), frozen]), "builtins.list"),
        ] {
            let found = value.unhashable().map(Value::class_name);
            assert_eq!(found, Some(class), "{value:?}");
        }
    }

    #[test]
    fn what_python_can_hash_is_a_member() {
        for value in [
            Value::None,
            Value::Float(f64::NAN),
            Value::Str("a".into()),
            Value::Bytes([1].into()),
            Value::Decimal("NaN".into()),
            Value::Decimal("1".into()),
            tuple([]),
            tuple([Value::FrozenSet(Items::default()), Value::Bool(true)]),
        ] {
            assert!(value.unhashable().is_none(), "{value:?}");
        }
    }

    #[test]
    fn shared_parts_are_looked_at_once() {
        let mut value = tuple([Value::None]);
        for _ in 0..200 {
            value = tuple([value.clone(), value]);
        }
        assert!(value.unhashable().is_none());
    }
}
