//! Casty's JSON notation: any value as one line of JSON that people can read and write.
//!
//! It is the tree of the JSON serializer, `{"_type": "bank.Deposit", "amount": 5}`, and some more
//! markers for what only the other serializers carry:
//!
//! | | |
//! |---|---|
//! | `bytes`, `bytearray` | `{"__bytes__": "AP8="}`, `{"__bytearray__": "AP8="}` (base64) |
//! | `set` | `{"__set__": [1, 2]}` |
//! | `datetime`, `date`, `time` | `{"__datetime__": "2024-02-29T12:30:00+01:00"}`, `{"__date__": "2024-02-29"}`, `{"__time__": "12:30:00"}` |
//! | the second of two equal wall-clock times | `{"__datetime__": "2024-10-27T02:30:00", "fold": 1}` |
//! | `timedelta` | `{"__timedelta__": [days, seconds, microseconds]}` |
//! | `UUID`, `Decimal`, `complex` | `{"__uuid__": "c0ffee00-..."}`, `{"__decimal__": "1.50"}`, `{"__complex__": [0.0, 1.0]}` |
//! | an enum's member by its value | `{"__enum__": "pkg.Color", "__value__": 2}` |
//! | an object by position, by constructor | `{"_type": "pkg.Point", "__state__": [1, 2]}`, `{"_type": "pkg.Point", "__args__": [1, 2]}` |
//!
//! A plain object without any marker is a dict with `str` keys; a dict is written as
//! `{"__dict__": [[key, value]]}`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::codec::tree::Reader;
use crate::codec::tree::json::{JsonSink, JsonSource};
use crate::codec::tree::read_value::{self, Dialect};
use crate::codec::tree::sink::Sink;
use crate::codec::tree::write_value::{self, Style};
use crate::value::{DateTime, Time, TimeDelta, uuid};
use crate::{DecodeError, EncodeError, Limits, Value};

mod print;

pub(crate) const VALUE: &str = "__value__";
pub(crate) const STATE: &str = "__state__";
pub(crate) const ARGS: &str = "__args__";
pub(crate) const SET: &str = "__set__";
const BYTES: &str = "__bytes__";
const BYTE_ARRAY: &str = "__bytearray__";
const DATE_TIME: &str = "__datetime__";
const DATE: &str = "__date__";
const TIME: &str = "__time__";
const TIME_DELTA: &str = "__timedelta__";
const UUID: &str = "__uuid__";
const DECIMAL: &str = "__decimal__";
const COMPLEX: &str = "__complex__";
/// The key beside a time that is the second of two equal ones.
const FOLD: &str = "fold";

/// Why a text is no value, or a value has no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotationError {
    /// The text is no value in Casty's JSON notation.
    #[error(transparent)]
    Read(#[from] DecodeError),
    /// The value nests too deep or holds an integer of more than 4,300 digits.
    #[error(transparent)]
    Write(#[from] EncodeError),
}

impl Value {
    /// The value that a text in [Casty's JSON notation](crate::notation) stands for.
    ///
    /// # Errors
    /// The text is malformed, passes a limit, or has something wrong behind a marker.
    pub fn from_notation(text: &str, limits: &Limits) -> Result<Self, NotationError> {
        limits.admit(text.len())?;
        let source = JsonSource::new(text.as_bytes())?;
        let mut reader = Reader::new(source, text.len(), limits);
        let value = read_value::read(&mut reader, Dialect::Notation)?;
        reader.end()?;
        Ok(value)
    }

    /// The value in [Casty's JSON notation](crate::notation): one line, in ASCII, exact.
    ///
    /// What reads it back gets an equal value, except that a class whose module is set apart by a
    /// colon comes back with a dot. The text is JSON but for Python's `NaN` and `Infinity`.
    ///
    /// # Errors
    /// The value nests deeper than 256 levels, has more than 4,194,304 parts, or holds an integer
    /// of more than 4,300 digits.
    pub fn to_notation(&self) -> Result<String, NotationError> {
        let mut out = Vec::new();
        write_value::write(&mut JsonSink::new(&mut out), self, Style::Notation, 0)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

/// What a serializer that lacks a kind of value says it lacks.
pub(crate) fn name(value: &Value) -> &'static str {
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
pub(crate) fn write<S: Sink>(sink: &mut S, value: &Value, max: usize) -> Result<(), EncodeError> {
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
            array(sink, parts, Sink::int)?;
            sink.close_map();
            Ok(())
        }
        Value::Uuid(value) => text(sink, UUID, &uuid::print(value)),
        Value::Decimal(value) => text(sink, DECIMAL, value),
        Value::Complex(re, im) => {
            sink.open_map(1)?;
            sink.key(true, COMPLEX)?;
            array(sink, [*re, *im], Sink::float)?;
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

/// The value that an object with such an entry stands for; none if the key is no marker.
///
/// # Errors
/// What is behind the marker makes no such value.
pub(crate) fn read(
    key: &str,
    value: &Value,
    entries: &[(Arc<str>, Value)],
) -> Result<Option<Value>, &'static str> {
    let fold = || {
        entries
            .iter()
            .any(|(key, value)| &**key == FOLD && matches!(value, Value::Int(1)))
    };
    let found = match key {
        BYTES => base64_of(value).map(|bytes| Value::Bytes(bytes.into())),
        BYTE_ARRAY => base64_of(value).map(|bytes| Value::ByteArray(bytes.into())),
        SET => match value {
            Value::List(items) => Some(Value::Set(items.clone())),
            _ => None,
        },
        DATE_TIME => parsed(value).map(|mut found: DateTime| {
            found.time.fold = fold();
            Value::from(found)
        }),
        DATE => parsed(value).map(Value::Date),
        TIME => parsed(value).map(|mut found: Time| {
            found.fold = fold();
            Value::from(found)
        }),
        TIME_DELTA => time_delta(value).map(Value::TimeDelta),
        UUID => value
            .as_str()
            .and_then(uuid::parse)
            .map(|bytes| Value::Uuid(Arc::new(bytes))),
        DECIMAL => match value {
            Value::Str(text) => Some(Value::Decimal(Arc::clone(text))),
            _ => None,
        },
        COMPLEX => complex(value),
        _ => return Ok(None),
    };
    match found {
        Some(found) => Ok(Some(found)),
        None => Err("something else behind a marker than it announces"),
    }
}

fn parsed<T: std::str::FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

fn base64_of(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.as_str()?).ok()
}

pub(crate) fn time_delta(value: &Value) -> Option<TimeDelta> {
    let [days, seconds, microseconds] = value.items()? else {
        return None;
    };
    TimeDelta::new(
        i32::try_from(days.as_i64()?).ok()?,
        u32::try_from(seconds.as_i64()?).ok()?,
        u32::try_from(microseconds.as_i64()?).ok()?,
    )
}

pub(crate) fn complex(value: &Value) -> Option<Value> {
    let [re, im] = value.items()? else {
        return None;
    };
    Some(Value::Complex(re.as_f64()?, im.as_f64()?))
}
