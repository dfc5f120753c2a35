//! The classes that a value names, found without recursion.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::{Items, Member, Pairs, State, Value};

impl Value {
    /// Returns the names of the classes that the value names, those of objects and of members of enums
    /// wherever they stand in it: what a node that reads the value would import, and call if the
    /// serializer is pickle.
    ///
    /// Values of Python's own types and references name none. Takes time in proportion to the memory
    /// of the value, however often its parts are shared.
    ///
    /// ```
    /// use casty_proto::{Limits, Value};
    ///
    /// let text = r#"{"_type": "bank.Deposit", "of": [{"__enum__": "bank.Tier", "value": "GOLD"}]}"#;
    /// let deposit = Value::from_notation(text, &Limits::default())?;
    /// assert!(deposit.classes().into_iter().eq(["bank.Deposit", "bank.Tier"]));
    /// # Ok::<(), casty_proto::notation::NotationError>(())
    /// ```
    pub fn classes(&self) -> BTreeSet<&str> {
        let (mut classes, mut pending) = (BTreeSet::new(), vec![self]);
        // Values that share parts may be exponentially larger than the memory they take.
        let mut seen = HashSet::new();
        while let Some(value) = pending.pop() {
            match value {
                Self::List(Items(Some(items)))
                | Self::Tuple(Items(Some(items)))
                | Self::Set(Items(Some(items)))
                | Self::FrozenSet(Items(Some(items)))
                    if is_new(&mut seen, items) =>
                {
                    pending.extend(items.as_slice());
                }
                Self::Dict(Pairs(Some(pairs))) if is_new(&mut seen, pairs) => {
                    pending.extend(pairs.iter().flat_map(|(key, value)| [key, value]));
                }
                Self::Object(object) if is_new(&mut seen, object) => {
                    classes.insert(&*object.class);
                    match &object.state {
                        State::Named(fields) => {
                            pending.extend(fields.iter().map(|(_, value)| value));
                        }
                        State::Positional(items) | State::Constructed(items) => {
                            pending.extend(items);
                        }
                    }
                }
                Self::Enum(member) if is_new(&mut seen, member) => {
                    classes.insert(&*member.class);
                    if let Member::Value(value) = &member.member {
                        pending.push(value);
                    }
                }
                _ => {}
            }
        }
        classes
    }
}

/// Returns whether a part was not met before; one that nothing else shares cannot have been.
pub(super) fn is_new<T>(seen: &mut HashSet<usize>, part: &Arc<T>) -> bool {
    Arc::strong_count(part) == 1 || seen.insert(Arc::as_ptr(part).addr())
}
