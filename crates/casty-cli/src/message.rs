//! Messages as they are typed: Casty's JSON notation, with `$reply` for the asker's reference.

use std::sync::Arc;

use casty_client::{ActorRef, DecodeError, Value};
use casty_proto::notation::NotationError;
use casty_proto::value::{EnumMember, Member, Object, State};
use casty_proto::{AddressError, Limits};

/// The reference that stands for the asker's own.
const REPLY: &str = "$reply";

/// A message that was typed.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    value: Value,
    asks: bool,
}

/// A message of either kind.
#[derive(Debug, Clone)]
pub(crate) enum Either {
    Tell(Value),
    Ask(Message),
}

/// The reason why a text is no message, or not one that can be sent so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("the message is not in Casty's JSON notation")]
    Notation(#[from] NotationError),
    #[error("no JSON: {remedy}")]
    Text { remedy: String },
    #[error("the message refers to {uri:?}")]
    Reference { uri: String, source: AddressError },
    #[error(
        "the message asks for no reply: put {{\"__ref__\": \"$reply\"}} where its reply_to belongs"
    )]
    NoReply,
    #[error(
        "a told message gets no reply, so {{\"__ref__\": \"$reply\"}} stands for nothing in it"
    )]
    Reply,
}

impl MessageError {
    /// Makes the error of a text that is no value.
    fn unread(text: &str, error: NotationError) -> Self {
        let is_malformed = matches!(
            error,
            NotationError::Read(
                DecodeError::Malformed { .. }
                    | DecodeError::Truncated { .. }
                    | DecodeError::Trailing { .. }
            )
        );
        match remedy(text).filter(|_| is_malformed) {
            Some(remedy) => Self::Text { remedy },
            None => Self::Notation(error),
        }
    }
}

/// Returns what to do about a text that is no JSON; `None` if it is a number, or begins as JSON with parts
/// does, for its fault is another.
fn remedy(text: &str) -> Option<String> {
    /// The longest text that is repeated.
    const LONGEST: usize = 40;
    let text = text.trim_start_matches('\u{feff}').trim();
    let pythons = [("True", "true"), ("False", "false"), ("None", "null")];
    if let Some((python, json)) = pythons.iter().find(|(python, _)| *python == text) {
        return Some(format!("it has {json} for {python}"));
    }
    let digits = text.trim_start_matches('-');
    let is_number = !digits.is_empty() && digits.chars().all(|it| it.is_ascii_digit());
    if is_number || text.starts_with(['{', '[', '"']) {
        return None;
    }
    let is_plain = |it: char| it.is_alphanumeric() || " _.,:;/@+-".contains(it);
    let is_repeated = text.chars().count() <= LONGEST && text.chars().all(is_plain);
    let text = if is_repeated { text } else { "text" };
    Some(format!(
        "text needs quotes, \"{text}\", and in a shell others around them, '\"{text}\"'"
    ))
}

impl Message {
    /// Reads a message to tell.
    ///
    /// # Errors
    /// It cannot be read, or asks for a reply.
    pub(crate) fn tell(text: &str) -> Result<Value, MessageError> {
        let message = Self::parse(text)?;
        if message.asks {
            return Err(MessageError::Reply);
        }
        Ok(message.value)
    }

    /// Reads a message to ask with.
    ///
    /// # Errors
    /// It cannot be read, or asks for no reply.
    pub(crate) fn ask(text: &str) -> Result<Self, MessageError> {
        let message = Self::parse(text)?;
        if message.asks {
            Ok(message)
        } else {
            Err(MessageError::NoReply)
        }
    }

    /// Reads a message of either kind: one to ask with if it asks for a reply, else one to tell.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn either(text: &str) -> Result<Either, MessageError> {
        let message = Self::parse(text)?;
        Ok(if message.asks {
            Either::Ask(message)
        } else {
            Either::Tell(message.value)
        })
    }

    fn parse(text: &str) -> Result<Self, MessageError> {
        let value = Value::from_notation(text, &Limits::default())
            .map_err(|error| MessageError::unread(text, error))?;
        let (mut asks, mut wrong) = (false, None);
        with_references(&value, &mut |reference| {
            if reference.uri() == REPLY {
                asks = true;
            } else if let Err(source) = reference.parts() {
                let uri = reference.uri().to_owned();
                wrong = Some(MessageError::Reference { uri, source });
            }
            reference.clone()
        });
        wrong.map_or(Ok(Self { value, asks }), Err)
    }

    /// Returns the message with `reply_to` in the place of every `$reply`.
    pub(crate) fn answered_to(&self, reply_to: &ActorRef<Value>) -> Value {
        with_references(&self.value, &mut |reference| {
            let chosen = if reference.uri() == REPLY {
                reply_to
            } else {
                reference
            };
            chosen.clone()
        })
    }
}

/// Copies `value`, with each reference replaced by what `replaced` makes of it.
///
/// Values that were read nest no deeper than the reader's limit, so neither does this recursion.
fn with_references(
    value: &Value,
    replaced: &mut dyn FnMut(&ActorRef<Value>) -> ActorRef<Value>,
) -> Value {
    let mut all = |items: &[Value]| -> Vec<Value> {
        let copies = items.iter().map(|item| with_references(item, replaced));
        copies.collect()
    };
    match value {
        Value::Ref(reference) => Value::Ref(replaced(reference)),
        Value::List(items) => Value::List(all(items).into()),
        Value::Tuple(items) => Value::Tuple(all(items).into()),
        Value::Set(items) => Value::Set(all(items).into()),
        Value::FrozenSet(items) => Value::FrozenSet(all(items).into()),
        Value::Dict(pairs) => {
            let mut copy = |item| with_references(item, replaced);
            let copies = pairs.iter().map(|(key, item)| (copy(key), copy(item)));
            Value::Dict(copies.collect())
        }
        Value::Object(object) => {
            let state = match &object.state {
                State::Positional(items) => State::Positional(all(items)),
                State::Constructed(items) => State::Constructed(all(items)),
                State::Named(fields) => {
                    let copies = fields
                        .iter()
                        .map(|(name, field)| (Arc::clone(name), with_references(field, replaced)));
                    State::Named(copies.collect())
                }
            };
            let class = Arc::clone(&object.class);
            Value::Object(Arc::new(Object { class, state }))
        }
        Value::Enum(named) => match &named.member {
            Member::Name(_) => value.clone(),
            Member::Value(inner) => {
                let member = Member::Value(with_references(inner, replaced));
                let class = Arc::clone(&named.class);
                Value::Enum(Arc::new(EnumMember { class, member }))
            }
        },
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_marker_becomes_the_reference_wherever_it_stands() {
        let reply_to = ActorRef::new("casty://s@h:1/a").unwrap();
        let marker = r#"{"__ref__": "$reply"}"#;
        let shapes = [
            "M",
            r#"{"_type": "a.B", "reply_to": M, "n": 1}"#,
            r"[1, [M, M]]",
            r#"{"__tuple__": [M]}"#,
            r#"{"__frozenset__": [M]}"#,
            r#"{"__set__": [M]}"#,
            r#"{"__dict__": [[M, "a"], ["b", M]]}"#,
            r#"{"plain": M}"#,
            r#"{"_type": "a.B", "__state__": [M]}"#,
            r#"{"_type": "a.B", "__args__": [M]}"#,
            r#"{"__enum__": "a.E", "__value__": M}"#,
        ];
        for shape in shapes {
            let message = Message::ask(&shape.replace('M', marker)).unwrap();
            let expected = shape.replace('M', r#"{"__ref__": "casty://s@h:1/a"}"#);
            let expected = Value::from_notation(&expected, &Limits::default()).unwrap();
            assert_eq!(message.answered_to(&reply_to), expected, "{shape}");
        }
    }

    #[test]
    fn an_ask_without_a_marker_and_a_tell_with_one_are_refused() {
        let other = r#"{"_type": "a.B", "to": {"__ref__": "casty://s@h:1/a"}, "text": "$reply"}"#;
        assert!(matches!(Message::ask(other), Err(MessageError::NoReply)));
        Message::tell(other).unwrap();
        let marked = r#"{"_type": "a.B", "to": {"__ref__": "$reply"}}"#;
        assert!(matches!(Message::tell(marked), Err(MessageError::Reply)));
    }

    #[test]
    fn text_without_quotes_is_told_how_to_be_written() {
        for (text, told) in [
            (
                "hello",
                r#"text needs quotes, "hello", and in a shell others around them, '"hello"'"#,
            ),
            (
                " a b ",
                r#"text needs quotes, "a b", and in a shell others around them, '"a b"'"#,
            ),
            (
                "",
                r#"text needs quotes, "", and in a shell others around them, '""'"#,
            ),
            (
                "'it'",
                r#"text needs quotes, "text", and in a shell others around them, '"text"'"#,
            ),
            (
                "5 apples",
                r#"text needs quotes, "5 apples", and in a shell others around them, '"5 apples"'"#,
            ),
            (
                "true-ish",
                r#"text needs quotes, "true-ish", and in a shell others around them, '"true-ish"'"#,
            ),
            ("True", "it has true for True"),
            ("None", "it has null for None"),
        ] {
            let error = Message::tell(text).unwrap_err();
            assert_eq!(error.to_string(), format!("no JSON: {told}"), "{text}");
        }
        let digits = "9".repeat(5000);
        for other in ["{", "[1", "\"open", "{a: 1}", digits.as_str()] {
            let error = Message::tell(other).unwrap_err();
            assert!(
                matches!(error, MessageError::Notation(_)),
                "{other}: {error}"
            );
        }
    }

    #[test]
    fn references_to_nowhere_are_refused() {
        let wrong = Message::tell(r#"[{"__ref__": "http://example.org"}]"#);
        assert!(matches!(wrong, Err(MessageError::Reference { .. })));
        let broken = Message::tell(r#"{"_type": "#);
        assert!(matches!(broken, Err(MessageError::Notation(_))));
    }
}
