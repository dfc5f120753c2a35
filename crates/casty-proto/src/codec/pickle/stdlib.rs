//! Values of Python's standard library from the arguments of their constructors.

use std::sync::Arc;

use super::arena::{Arena, Id, Node};
use super::class::Callee;
use super::int;
use crate::Value;
use crate::value::{Date, DateTime, Time, TimeDelta, ZoneName, is_decimal, uuid};

/// Returns the value that `callee` makes of a tuple of arguments, or of the state of a UUID; `None` if
/// it does not take them.
pub(super) fn value(arena: &Arena<'_>, callee: Callee, parts: Id) -> Option<Value> {
    let args = match arena.node(parts) {
        Node::Tuple(children) | Node::Dict(children) => arena.children(children),
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
            Value::Time(Arc::new(zone.of(time(state)?)))
        }
        Callee::DateTime => {
            let (state, zone) = state_and_zone(arena, args)?;
            let DateTime { date, time } = datetime(state)?;
            let time = zone.of(time);
            Value::DateTime(Arc::new(DateTime { date, time }))
        }
        Callee::TimeDelta => Value::TimeDelta(timedelta(arena, args)?),
        // A timezone by itself is no `Value`, but well-formed: only its arguments are checked.
        Callee::TimeZone => Value::TimeDelta(offset(arena, args)?),
        // Nor is a named one.
        Callee::ZoneInfo => Value::Str(zone_name(arena, args)?.as_str().into()),
        Callee::Decimal => match *args {
            [text] => {
                let text = arena.str(text).filter(|text| is_decimal(text))?;
                Value::Decimal(text.into())
            }
            _ => return None,
        },
        Callee::Uuid => Value::Uuid(Arc::new(uuid_bytes(arena, args)?)),
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
    Date::new(u16::from_be_bytes([high, low]), month, day)
}

/// The bit that marks the second of two equal wall-clock times: on the hour of a time, on the
/// month of a datetime.
pub(super) const FOLD: u8 = 0x80;

fn time(state: &[u8]) -> Option<Time> {
    let &[hour, minute, second, a, b, c] = state else {
        return None;
    };
    let microsecond = u32::from_be_bytes([0, a, b, c]);
    let time = Time::new(hour & !FOLD, minute, second, microsecond)?;
    Some(Time {
        fold: hour & FOLD != 0,
        ..time
    })
}

fn datetime(state: &[u8]) -> Option<DateTime> {
    let (day, clock) = state.split_at_checked(4)?;
    let &[high, low, month, day] = day else {
        return None;
    };
    let mut time = time(clock)?;
    if time.fold {
        return None;
    }
    time.fold = month & FOLD != 0;
    Some(DateTime {
        date: date(&[high, low, month & !FOLD, day])?,
        time,
    })
}

/// The zone of a time.
enum Zone {
    Naive,
    Offset(TimeDelta),
    Named(ZoneName),
}

impl Zone {
    /// Returns a naive time in this zone.
    fn of(self, time: Time) -> Time {
        match self {
            Self::Naive => time,
            Self::Offset(offset) => Time {
                offset: Some(offset),
                ..time
            },
            Self::Named(name) => Time {
                zone: Some(name),
                ..time
            },
        }
    }
}

/// Reads the arguments of a time or datetime: its bytes and its zone.
fn state_and_zone<'de>(arena: &Arena<'de>, args: &[Id]) -> Option<(&'de [u8], Zone)> {
    match *args {
        [state] => Some((bytes(arena, state)?, Zone::Naive)),
        [state, zone] => {
            let zone = match arena.node(zone) {
                Node::None => Zone::Naive,
                Node::Stdlib {
                    callee: Callee::TimeZone,
                    args: parts,
                } => Zone::Offset(offset(arena, arguments(arena, parts)?)?),
                Node::Stdlib {
                    callee: Callee::ZoneInfo,
                    args: parts,
                } => Zone::Named(zone_name(arena, arguments(arena, parts)?)?),
                _ => return None,
            };
            Some((bytes(arena, state)?, zone))
        }
        _ => None,
    }
}

/// Reads the arguments of a named zone: its name, and whether it may come from a cache.
fn zone_name(arena: &Arena<'_>, args: &[Id]) -> Option<ZoneName> {
    match *args {
        [name, cached] if matches!(arena.node(cached), Node::Bool(_) | Node::Int(0 | 1)) => {
            arena.str(name)?.parse().ok()
        }
        _ => None,
    }
}

fn arguments<'a>(arena: &'a Arena<'_>, parts: Id) -> Option<&'a [Id]> {
    match arena.node(parts) {
        Node::Tuple(children) => Some(arena.children(children)),
        _ => None,
    }
}

/// Returns the offset of a timezone, whose name does not matter.
fn offset(arena: &Arena<'_>, args: &[Id]) -> Option<TimeDelta> {
    match arena.node(*args.first()?) {
        Node::Stdlib {
            callee: Callee::TimeDelta,
            args: parts,
        } => timedelta(arena, arguments(arena, parts)?).filter(TimeDelta::is_offset),
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
    TimeDelta::new(
        i32::try_from(days).ok()?,
        u32::try_from(seconds).ok()?,
        u32::try_from(microseconds).ok()?,
    )
}

/// Reads a UUID from the constructor's text or the state's int.
fn uuid_bytes(arena: &Arena<'_>, parts: &[Id]) -> Option<[u8; 16]> {
    if let [text] = *parts {
        return uuid::parse(arena.str(text)?);
    }
    let entry = parts.chunks_exact(2).find_map(|entry| match *entry {
        [key, value] if arena.str(key) == Some("int") => Some(value),
        _ => None,
    })?;
    match arena.node(entry) {
        Node::Int(int) => Some(u128::try_from(int).ok()?.to_be_bytes()),
        Node::Long(span) => int::unsigned(arena.bytes(span)).map(u128::to_be_bytes),
        _ => None,
    }
}

/// Returns an ISO 8601 duration, with one sign for all of it.
pub(super) fn duration(delta: TimeDelta) -> String {
    let total = delta.microseconds();
    let sign = if total < 0 { "-" } else { "" };
    let total = total.unsigned_abs();
    let (seconds, micros) = (total / 1_000_000, total % 1_000_000);
    let (days, seconds) = (seconds / 86_400, seconds % 86_400);
    if micros == 0 {
        format!("{sign}P{days}DT{seconds}S")
    } else {
        format!("{sign}P{days}DT{seconds}.{micros:06}S")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read_up_to_the_last_there_is() {
        let day = |year: u16, month, day| {
            let [high, low] = year.to_be_bytes();
            date(&[high, low, month, day]).is_some()
        };
        for (year, month, last) in [(1900, 2, 28), (2000, 2, 29), (2024, 2, 29), (9999, 12, 31)] {
            assert!(day(year, month, last) && !day(year, month, last + 1));
        }
        assert!(!day(0, 1, 1) && !day(10_000, 1, 1) && !day(1, 0, 1) && !day(1, 1, 0));
        let at = |hour, minute, second, microsecond: u32| {
            let [_, a, b, c] = microsecond.to_be_bytes();
            time(&[hour, minute, second, a, b, c])
        };
        let last = at(23, 59, 59, 999_999).unwrap();
        assert_eq!(last.to_string(), "23:59:59.999999");
        assert_eq!(
            at(FOLD + 23, 59, 59, 999_999),
            Some(Time {
                fold: true,
                ..last.clone()
            })
        );
        for beyond in [
            at(24, 0, 0, 0),
            at(0, 60, 0, 0),
            at(0, 0, 60, 0),
            at(0, 0, 0, 1_000_000),
        ] {
            assert_eq!(beyond, None);
        }
    }

    #[test]
    fn durations_are_written_as_iso_8601_has_them() {
        let second = 1_000_000;
        for (total, written) in [
            (0, "P0DT0S"),
            (1, "P0DT0.000001S"),
            (-1, "-P0DT0.000001S"),
            (86_399 * second, "P0DT86399S"),
            (86_400 * second, "P1DT0S"),
            (-3 * 86_400 * second - 5 * second, "-P3DT5S"),
            ((200 * 86_400 + 3_725) * second + 20, "P200DT3725.000020S"),
        ] {
            let delta = TimeDelta::from_microseconds(total).unwrap();
            assert_eq!(duration(delta), written);
        }
    }
}
