//! The markers that Casty's JSON notation has beside those of the serializers.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::sink::Sink;
use crate::value::{DateTime, Time, complex_of, is_decimal, time_delta_of, uuid};
use crate::{EncodeError, Value};

pub(super) const VALUE: &str = "__value__";
pub(super) const STATE: &str = "__state__";
pub(super) const ARGS: &str = "__args__";
pub(super) const SET: &str = "__set__";
const BYTES: &str = "__bytes__";
const BYTE_ARRAY: &str = "__bytearray__";
const DATE_TIME: &str = "__datetime__";
const DATE: &str = "__date__";
const TIME: &str = "__time__";
const TIME_DELTA: &str = "__timedelta__";
const UUID: &str = "__uuid__";
const DECIMAL: &str = "__decimal__";
const COMPLEX: &str = "__complex__";
/// The key beside a time that is the second of two equal wall-clock times.
const FOLD: &str = "fold";

/// Returns the name of a kind of value that some serializers lack, for their errors.
pub(super) fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::ByteArray(_) => "a bytearray",
        Value::Set(_) => "a set (a frozenset can be carried)",
        Value::DateTime(_) => "a datetime",
        Value::Date(_) => "a date",
        Value::Time(_) => "a time",
        Value::TimeDelta(_) => "a timedelta",
        Value::Uuid(_) => "a UUID",
        Value::Decimal(_) => "a Decimal",
        Value::Complex(..) => "a complex",
        _ => "such a value",
    }
}

/// Writes a value that has no parts and that no serializer of trees carries; of bytes, `max` at
/// most.
pub(super) fn write<S: Sink>(sink: &mut S, value: &Value, max: usize) -> Result<(), EncodeError> {
    match value {
        Value::Bytes(bytes) => text(sink, BYTES, &base64(bytes, max)),
        Value::ByteArray(bytes) => text(sink, BYTE_ARRAY, &base64(bytes, max)),
        Value::DateTime(value) => time(sink, DATE_TIME, &value.to_string(), value.time.fold),
        Value::Date(value) => text(sink, DATE, &value.to_string()),
        Value::Time(value) => time(sink, TIME, &value.to_string(), value.fold),
        Value::TimeDelta(delta) => {
            let parts = [
                i64::from(delta.days),
                i64::from(delta.seconds),
                i64::from(delta.microseconds),
            ];
            sink.open_map(1)?;
            sink.key(true, TIME_DELTA)?;
            array(sink, parts, S::int)?;
            sink.close_map();
            Ok(())
        }
        Value::Uuid(value) => text(sink, UUID, &uuid::print(value)),
        Value::Decimal(value) => text(sink, DECIMAL, value),
        Value::Complex(re, im) => {
            sink.open_map(1)?;
            sink.key(true, COMPLEX)?;
            array(sink, [*re, *im], S::float)?;
            sink.close_map();
            Ok(())
        }
        _ => {
            sink.null();
            Ok(())
        }
    }
}

fn base64(bytes: &[u8], max: usize) -> String {
    match bytes.get(..max) {
        Some(start) if start.len() < bytes.len() => STANDARD.encode(start) + "...",
        _ => STANDARD.encode(bytes),
    }
}

fn text<S: Sink>(sink: &mut S, marker: &str, text: &str) -> Result<(), EncodeError> {
    sink.open_map(1)?;
    sink.key(true, marker)?;
    sink.str(text)?;
    sink.close_map();
    Ok(())
}

fn time<S: Sink>(sink: &mut S, marker: &str, time: &str, fold: bool) -> Result<(), EncodeError> {
    if !fold {
        return text(sink, marker, time);
    }
    sink.open_map(2)?;
    sink.key(true, marker)?;
    sink.str(time)?;
    sink.key(false, FOLD)?;
    sink.int(1);
    sink.close_map();
    Ok(())
}

fn array<S: Sink, T, const N: usize>(
    sink: &mut S,
    parts: [T; N],
    write: impl Fn(&mut S, T),
) -> Result<(), EncodeError> {
    let array = sink.open_array(Some(N))?;
    for (index, part) in parts.into_iter().enumerate() {
        sink.element(index == 0);
        write(sink, part);
    }
    sink.close_array(array, N)
}

/// Returns the value that an object with such an entry stands for; `None` if the key is no marker.
///
/// # Errors
/// The value behind the marker is not of the kind that the marker announces.
pub(super) fn read(
    key: &str,
    value: &Value,
    entries: &[(Arc<str>, Value)],
) -> Result<Option<Value>, &'static str> {
    let found = match key {
        BYTES => base64_of(value).map(|bytes| Value::Bytes(bytes.into())),
        BYTE_ARRAY => base64_of(value).map(|bytes| Value::ByteArray(bytes.into())),
        SET => match value {
            Value::List(items) => Some(Value::Set(items.clone())),
            _ => None,
        },
        DATE_TIME => parsed(value).and_then(|mut found: DateTime| {
            found.time.fold = fold(entries)?;
            Some(Value::from(found))
        }),
        DATE => parsed(value).map(Value::Date),
        TIME => parsed(value).and_then(|mut found: Time| {
            found.fold = fold(entries)?;
            Some(Value::from(found))
        }),
        TIME_DELTA => time_delta_of(value).map(Value::TimeDelta),
        UUID => value
            .as_str()
            .and_then(uuid::parse)
            .map(|bytes| Value::Uuid(Arc::new(bytes))),
        DECIMAL => match value {
            Value::Str(text) if is_decimal(text) => Some(Value::Decimal(Arc::clone(text))),
            _ => None,
        },
        COMPLEX => complex_of(value),
        _ => return Ok(None),
    };
    match found {
        Some(found) => Ok(Some(found)),
        None if key == DECIMAL => Err("a decimal that Python cannot read"),
        None => Err("something else behind a marker than it announces"),
    }
}

/// Returns whether a time is the second of two: 1 or true says so, as in Python, 0 or false the
/// contrary, as does nothing. `None` if it is anything else.
fn fold(entries: &[(Arc<str>, Value)]) -> Option<bool> {
    match entries.iter().find(|(key, _)| &**key == FOLD) {
        None | Some((_, Value::Int(0) | Value::Bool(false))) => Some(false),
        Some((_, Value::Int(1) | Value::Bool(true))) => Some(true),
        Some(_) => None,
    }
}

fn parsed<T: std::str::FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

fn base64_of(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.as_str()?).ok()
}
