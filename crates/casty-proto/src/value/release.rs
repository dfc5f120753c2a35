//! The destructors of values, which never recurse, however deep the values nest.

use std::sync::Arc;

use super::{EnumMember, Items, Member, Object, Pairs, State, Value};

/// Drops `pending` and all values that only they hold.
fn release(mut pending: Vec<Value>) {
    // The compiler's own drop of a nested value recurses, and a peer chooses the nesting. So each
    // container gives its parts to the list before it goes: its own drop then finds nothing to do.
    // A container that something else shares gives nothing, and is dropped with its last owner.
    while let Some(value) = pending.pop() {
        match value {
            Value::List(mut items)
            | Value::Tuple(mut items)
            | Value::Set(mut items)
            | Value::FrozenSet(mut items) => pending.append(&mut items.take_unshared()),
            Value::Dict(mut pairs) => {
                pending.extend(
                    pairs
                        .take_unshared()
                        .into_iter()
                        .flat_map(<[Value; 2]>::from),
                );
            }
            Value::Object(object) => {
                if let Some(mut object) = Arc::into_inner(object) {
                    object.state.empty_into(&mut pending);
                }
            }
            Value::Enum(member) => {
                if let Some(mut member) = Arc::into_inner(member) {
                    pending.extend(member.member.take_value());
                }
            }
            _ => {}
        }
    }
}

impl State {
    fn empty_into(&mut self, pending: &mut Vec<Value>) {
        match self {
            Self::Named(fields) => {
                pending.extend(fields.fields.drain(..).map(|(_, value)| value));
            }
            Self::Positional(values) | Self::Constructed(values) => pending.append(values),
        }
    }
}

impl Member {
    fn take_value(&mut self) -> Option<Value> {
        match self {
            Self::Name(_) => None,
            Self::Value(value) => Some(std::mem::replace(value, Value::None)),
        }
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        release(self.take_unshared());
    }
}

impl Drop for Pairs {
    fn drop(&mut self) {
        let pairs = self.take_unshared();
        if !pairs.is_empty() {
            release(pairs.into_iter().flat_map(<[Value; 2]>::from).collect());
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let mut pending = Vec::new();
        self.state.empty_into(&mut pending);
        release(pending);
    }
}

impl Drop for EnumMember {
    fn drop(&mut self) {
        release(self.member.take_value().into_iter().collect());
    }
}
