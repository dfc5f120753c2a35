//! The replies of `casty.distributed._optional`, by which nodes after casty 0.21 tell no value from
//! `None`.

use crate::Value;
use crate::value::State;

/// The class of a value that is there.
const SOME: &str = "casty.distributed._optional.Some";
/// The class of the value that stands for none.
const EMPTY: &str = "casty.distributed._optional._Empty";

/// Returns the value in the reply of a queue; `None` if that says that there is none.
///
/// Nodes of casty 0.21 reply with the bare value, or with `None`; later ones with `Some(value)`, or with
/// `EMPTY`. Of the former, a value that is `None` itself cannot be told from none.
pub fn optional(reply: Value) -> Option<Value> {
    match &reply {
        Value::None => None,
        Value::Object(object) if *object.class == *EMPTY => None,
        Value::Object(object) if *object.class == *SOME => match &object.state {
            State::Named(_) => reply.get("value").cloned(),
            State::Positional(items) | State::Constructed(items) => items.first().cloned(),
        },
        _ => Some(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_from_the_replies_of_every_version() {
        let some = |value: Value| Value::object(SOME, [("value", value)]);
        let empty = Value::object::<&str, Value>(EMPTY, []);
        let cases = [
            (Value::Int(7), Some(Value::Int(7))),
            (Value::None, None),
            (some(Value::Int(7)), Some(Value::Int(7))),
            (some(Value::None), Some(Value::None)),
            (some(empty.clone()), Some(empty.clone())),
            (empty, None),
        ];
        for (reply, expected) in cases {
            assert_eq!(optional(reply.clone()), expected, "{reply:?}");
        }
    }
}
