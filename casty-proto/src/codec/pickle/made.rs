//! Values of Python's standard library: what their constructors take, and their text.

use std::fmt::Write as _;
use std::sync::Arc;

use super::arena::{Arena, Id, Node};
use super::class::Callee;
use crate::Value;
use crate::value::{Date, DateTime, Time, TimeDelta, is_decimal};

/// The value that `callee` makes of a tuple of arguments (a UUID: of its state).
pub(super) fn value(arena: &Arena<'_>, callee: Callee, parts: Id) -> Option<Value> {
    let args = match arena.node(parts) {
        Node::Tuple(kids) | Node::Dict(kids) => arena.kids(kids),
        _ => return None,
    };
    Some(match callee {
        Callee::Complex => match *args {
            [re, im] => Value::Complex(float(arena, re)?, float(arena, im)?),
            _ => return None,
        },
        Callee::Date => match *args {
            [state] => Value::Date(date(bytes(arena, state)?)?),
            _ => return None,
        },
        Callee::Time => {
            let (state, zone) = state_and_zone(arena, args)?;
            Value::Time(Arc::new(time(state, zone)?))
        }
        Callee::DateTime => {
            let (state, offset) = state_and_zone(arena, args)?;
            Value::DateTime(Arc::new(datetime(state, offset)?))
        }
        Callee::TimeDelta => Value::TimeDelta(timedelta(arena, args)?),
        // An offset by itself is no value of ours, but well-formed.
        Callee::TimeZone => Value::TimeDelta(offset(arena, args)?),
        Callee::Decimal => match *args {
            [text] => {
                let text = arena.str(text).filter(|text| is_decimal(text))?;
                Value::Decimal(text.into())
            }
            _ => return None,
        },
        Callee::Uuid => Value::Uuid(Arc::new(uuid(arena, args)?)),
        _ => return None,
    })
}

fn float(arena: &Arena<'_>, id: Id) -> Option<f64> {
    match arena.node(id) {
        Node::Float(float) => Some(float),
        _ => None,
    }
}

fn bytes<'de>(arena: &Arena<'de>, id: Id) -> Option<&'de [u8]> {
    match arena.node(id) {
        Node::Bytes(span) => Some(arena.bytes(span)),
        _ => None,
    }
}

fn date(state: &[u8]) -> Option<Date> {
    let &[high, low, month, day] = state else {
        return None;
    };
    let year = u16::from_be_bytes([high, low]);
    let valid = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day);
    valid.then_some(Date { year, month, day })
}

fn days_in(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// The bit that marks the second of two equal wall-clock times: on the hour of a time, on the
/// month of a datetime.
pub(super) const FOLD: u8 = 0x80;

fn time(state: &[u8], offset: Option<TimeDelta>) -> Option<Time> {
    let &[hour, minute, second, a, b, c] = state else {
        return None;
    };
    let microsecond = u32::from_be_bytes([0, a, b, c]);
    let fold = hour & FOLD != 0;
    let hour = hour & !FOLD;
    let valid = hour < 24 && minute < 60 && second < 60 && microsecond < 1_000_000;
    valid.then_some(Time {
        hour,
        minute,
        second,
        microsecond,
        fold,
        offset,
    })
}

fn datetime(state: &[u8], offset: Option<TimeDelta>) -> Option<DateTime> {
    let (day, clock) = state.split_at_checked(4)?;
    let &[high, low, month, day] = day else {
        return None;
    };
    let mut time = time(clock, offset)?;
    if time.fold {
        return None;
    }
    time.fold = month & FOLD != 0;
    Some(DateTime {
        date: date(&[high, low, month & !FOLD, day])?,
        time,
    })
}

fn state_and_zone<'de>(arena: &Arena<'de>, args: &[Id]) -> Option<(&'de [u8], Option<TimeDelta>)> {
    match *args {
        [state] => Some((bytes(arena, state)?, None)),
        [state, zone] => {
            let offset = match arena.node(zone) {
                Node::None => None,
                Node::Made {
                    callee: Callee::TimeZone,
                    parts,
                } => Some(offset(arena, arguments(arena, parts)?)?),
                _ => return None,
            };
            Some((bytes(arena, state)?, offset))
        }
        _ => None,
    }
}

fn arguments<'a>(arena: &'a Arena<'_>, parts: Id) -> Option<&'a [Id]> {
    match arena.node(parts) {
        Node::Tuple(kids) => Some(arena.kids(kids)),
        _ => None,
    }
}

/// The offset of a timezone, whose name is of no consequence.
fn offset(arena: &Arena<'_>, args: &[Id]) -> Option<TimeDelta> {
    match arena.node(*args.first()?) {
        Node::Made {
            callee: Callee::TimeDelta,
            parts,
        } => timedelta(arena, arguments(arena, parts)?),
        _ => None,
    }
}

fn timedelta(arena: &Arena<'_>, args: &[Id]) -> Option<TimeDelta> {
    let mut parts = [0_i64; 3];
    if args.len() > parts.len() {
        return None;
    }
    for (part, &arg) in parts.iter_mut().zip(args) {
        match arena.node(arg) {
            Node::Int(int) => *part = int,
            _ => return None,
        }
    }
    let [days, seconds, microseconds] = parts;
    let valid = (-999_999_999..=999_999_999).contains(&days)
        && (0..86_400).contains(&seconds)
        && (0..1_000_000).contains(&microseconds);
    valid.then_some(TimeDelta {
        days: i32::try_from(days).ok()?,
        seconds: u32::try_from(seconds).ok()?,
        microseconds: u32::try_from(microseconds).ok()?,
    })
}

/// From the constructor's text or the state's int.
fn uuid(arena: &Arena<'_>, parts: &[Id]) -> Option<[u8; 16]> {
    if let [text] = *parts {
        let hex: String = arena.str(text)?.chars().filter(|&c| c != '-').collect();
        if hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        return u128::from_str_radix(&hex, 16).ok().map(u128::to_be_bytes);
    }
    let entry = parts.chunks_exact(2).find_map(|entry| match *entry {
        [key, value] if arena.str(key) == Some("int") => Some(value),
        _ => None,
    })?;
    match arena.node(entry) {
        Node::Int(int) => Some(u128::try_from(int).ok()?.to_be_bytes()),
        Node::Long(span) => unsigned(arena.bytes(span)).map(u128::to_be_bytes),
        _ => None,
    }
}

/// An int of two's complement, if it is one of 128 bits without sign.
pub(super) fn unsigned(bytes: &[u8]) -> Option<u128> {
    let (digits, sign) = match bytes {
        [digits @ .., 0] if digits.len() == 16 => (digits, 0),
        [.., last] if bytes.len() <= 16 => (bytes, last & 0x80),
        _ => return None,
    };
    let mut wide = [0; 16];
    wide.get_mut(..digits.len())?.copy_from_slice(digits);
    (sign == 0).then(|| u128::from_le_bytes(wide))
}

/// An int of two's complement, if it is one of 128 bits with sign.
pub(super) fn signed(bytes: &[u8]) -> Option<i128> {
    let mut wide = match bytes.last() {
        Some(&last) if last >= 0x80 => [0xff; 16],
        _ => [0; 16],
    };
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i128::from_le_bytes(wide))
}

/// The text of such a value: dates and times in ISO 8601, a UUID with hyphens, a Decimal in
/// Python's notation. None of a complex.
pub(super) fn text(value: &Value) -> Option<String> {
    let mut out = String::new();
    match value {
        Value::Date(date) => write_date(&mut out, *date),
        Value::Time(time) => write_time(&mut out, time),
        Value::DateTime(datetime) => {
            write_date(&mut out, datetime.date);
            out.push('T');
            write_time(&mut out, &datetime.time);
        }
        Value::TimeDelta(delta) => write_duration(&mut out, *delta),
        Value::Uuid(uuid) => {
            for (at, byte) in uuid.iter().enumerate() {
                if matches!(at, 4 | 6 | 8 | 10) {
                    out.push('-');
                }
                let _ = write!(out, "{byte:02x}");
            }
        }
        Value::Decimal(text) => out.push_str(text),
        _ => return None,
    }
    Some(out)
}

fn write_date(out: &mut String, date: Date) {
    let Date { year, month, day } = date;
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

fn write_time(out: &mut String, time: &Time) {
    let Time {
        hour,
        minute,
        second,
        microsecond,
        ..
    } = time;
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
    if *microsecond != 0 {
        let _ = write!(out, ".{microsecond:06}");
    }
    if let Some(offset) = time.offset {
        write_offset(out, offset);
    }
}

fn write_offset(out: &mut String, offset: TimeDelta) {
    let total = micros(offset);
    out.push(if total < 0 { '-' } else { '+' });
    let total = total.unsigned_abs();
    let (seconds, micros) = (total / 1_000_000, total % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "{hours:02}:{minutes:02}");
    if seconds != 0 || micros != 0 {
        let _ = write!(out, ":{seconds:02}");
    }
    if micros != 0 {
        let _ = write!(out, ".{micros:06}");
    }
}

/// An ISO 8601 duration, with one sign for all of it.
fn write_duration(out: &mut String, delta: TimeDelta) {
    let total = micros(delta);
    if total < 0 {
        out.push('-');
    }
    let total = total.unsigned_abs();
    let (seconds, micros) = (total / 1_000_000, total % 1_000_000);
    let _ = write!(out, "P{}DT{}", seconds / 86_400, seconds % 86_400);
    if micros != 0 {
        let _ = write!(out, ".{micros:06}");
    }
    out.push('S');
}

fn micros(delta: TimeDelta) -> i128 {
    let seconds = i128::from(delta.days) * 86_400 + i128::from(delta.seconds);
    seconds * 1_000_000 + i128::from(delta.microseconds)
}
