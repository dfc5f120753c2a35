//! Writes [`Value`]s without recursion.

use std::slice::Iter;
use std::sync::Arc;

use super::sink::{Open, ProtobufSink};
use super::stdlib;
use super::tag::kind;
use crate::class_name::with_dots;
use crate::codec::tree::sink::{Scalars, unsupported};
use crate::codec::tree::target::{MAX_VALUES, Shape, TOO_MANY_VALUES, Target};
use crate::protobuf::{self, v1};
use crate::value::{Member, NO_DECIMAL, NO_SUCH_TIME, Object, State, is_decimal};
use crate::{EncodeError, Limits, Value};

/// Writes `value`, which stands `depth` levels deep already.
pub(super) fn write(
    sink: &mut ProtobufSink<'_>,
    value: &Value,
    depth: usize,
) -> Result<(), EncodeError> {
    let mut stack: Vec<Frame<'_>> = Vec::new();
    let mut left = MAX_VALUES;
    let mut next = Some(value);
    loop {
        if let Some(part) = next {
            left = left
                .checked_sub(1)
                .ok_or_else(|| unsupported::<ProtobufSink<'_>>(TOO_MANY_VALUES))?;
            if part.is_container() && depth + stack.len() >= Limits::MAX_DEPTH {
                return Err(EncodeError::TooDeep {
                    limit: Limits::MAX_DEPTH,
                });
            }
            stack.extend(open(sink, part)?);
        }
        let Some(frame) = stack.last_mut() else {
            return Ok(());
        };
        next = frame.rest.next(sink)?;
        if next.is_none() {
            sink.end(frame.open);
            stack.pop();
        }
    }
}

/// A container of which some parts are written.
struct Frame<'a> {
    open: Open,
    rest: Rest<'a>,
}

/// The parts of a container that are still to be written.
enum Rest<'a> {
    Items(Iter<'a, Value>),
    /// Entries, and the value whose key was written.
    Pairs(Iter<'a, (Value, Value)>, Option<&'a Value>),
    Fields(Iter<'a, (Arc<str>, Value)>),
}

impl<'a> Rest<'a> {
    /// Begins the field of the next part and returns that.
    fn next(&mut self, sink: &mut ProtobufSink<'_>) -> Result<Option<&'a Value>, EncodeError> {
        match self {
            Self::Items(items) => {
                sink.element(false);
                Ok(items.next())
            }
            Self::Pairs(pairs, value) => {
                if let Some(value) = value.take() {
                    sink.entry_value();
                    return Ok(Some(value));
                }
                sink.entry(false)?;
                let Some((key, behind)) = pairs.next() else {
                    return Ok(None);
                };
                *value = Some(behind);
                Ok(Some(key))
            }
            Self::Fields(fields) => {
                let Some((name, value)) = fields.next() else {
                    return Ok(None);
                };
                sink.named(name);
                Ok(Some(value))
            }
        }
    }
}

/// Writes a leaf, or begins a container and returns its parts.
fn open<'a>(
    sink: &mut ProtobufSink<'_>,
    value: &'a Value,
) -> Result<Option<Frame<'a>>, EncodeError> {
    let (shape, rest) = match value {
        Value::List(items) => (Shape::List, Rest::Items(items.iter())),
        Value::Tuple(items) => (Shape::Tuple, Rest::Items(items.iter())),
        Value::Set(items) => (Shape::Set, Rest::Items(items.iter())),
        Value::FrozenSet(items) => (Shape::FrozenSet, Rest::Items(items.iter())),
        Value::Dict(pairs) => (Shape::Dict, Rest::Pairs(pairs.iter(), None)),
        Value::Object(object) => return open_object(sink, object),
        leaf => return write_leaf(sink, leaf).map(|()| None),
    };
    let open = sink.open(shape, None)?;
    Ok(Some(Frame { open, rest }))
}

fn open_object<'a>(
    sink: &mut ProtobufSink<'_>,
    object: &'a Object,
) -> Result<Option<Frame<'a>>, EncodeError> {
    let State::Named(fields) = &object.state else {
        return Err(unsupported::<ProtobufSink<'_>>(
            "an object whose fields have no names",
        ));
    };
    if &*object.class == protobuf::ANY_CLASS {
        let any = protobuf::any_of(fields).ok_or(unsupported::<ProtobufSink<'_>>(
            "an Any without its type_url and its value",
        ))?;
        sink.message(kind::ANY, &any)?;
        return Ok(None);
    }
    let open = sink.object(&with_dots(&object.class));
    Ok(Some(Frame {
        open,
        rest: Rest::Fields(fields.iter()),
    }))
}

fn write_leaf(sink: &mut ProtobufSink<'_>, value: &Value) -> Result<(), EncodeError> {
    match value {
        Value::Bool(value) => sink.bool(*value),
        Value::Int(value) => sink.int(*value),
        Value::BigInt(value) => sink.big(value)?,
        Value::Float(value) => sink.float(*value),
        Value::Str(text) => sink.raw(kind::STR, text.as_bytes()),
        Value::Bytes(bytes) => sink.raw(kind::BYTES, bytes),
        Value::ByteArray(bytes) => sink.raw(kind::BYTE_ARRAY, bytes),
        Value::Ref(actor) => sink.raw(kind::REF, actor.uri().as_bytes()),
        Value::Enum(member) => match &member.member {
            Member::Name(name) => sink.member(&with_dots(&member.class), name)?,
            Member::Value(_) => {
                return Err(unsupported::<ProtobufSink<'_>>(
                    "an enum member that is known by its value only",
                ));
            }
        },
        Value::DateTime(value) if value.exists() => {
            sink.message(kind::DATE_TIME, &v1::DateTime::from(&**value))?;
        }
        Value::Date(value) if value.exists() => {
            sink.message(kind::DATE, &v1::Date::from(*value))?;
        }
        Value::Time(value) if value.exists() => {
            sink.message(kind::TIME, &v1::Time::from(&**value))?;
        }
        Value::TimeDelta(value) if value.exists() => {
            sink.message(kind::TIME_DELTA, &v1::TimeDelta::from(*value))?;
        }
        Value::DateTime(_) | Value::Date(_) | Value::Time(_) | Value::TimeDelta(_) => {
            return Err(unsupported::<ProtobufSink<'_>>(NO_SUCH_TIME));
        }
        Value::Uuid(bytes) => sink.raw(kind::UUID, &**bytes),
        Value::Decimal(text) if !is_decimal(text) => {
            return Err(unsupported::<ProtobufSink<'_>>(NO_DECIMAL));
        }
        Value::Decimal(text) => sink.raw(kind::DECIMAL, text.as_bytes()),
        Value::Complex(re, im) => sink.message(kind::COMPLEX, &stdlib::of_complex(*re, *im))?,
        // Containers were begun by the caller.
        _ => sink.null(),
    }
    Ok(())
}
