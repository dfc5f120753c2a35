//! Dates, times and durations that Python makes none of: their fields may hold anything, and a node that
//! cannot load a message says nothing.
#![cfg(any(feature = "pickle", feature = "protobuf"))]
#![allow(clippy::unwrap_used)] // tests throughout

use casty_proto::value::{Date, DateTime, Time, TimeDelta};
use casty_proto::{Codec, EncodeError, Limits, Value};

const DAY: i128 = 86_400_000_000;

fn codecs() -> Vec<Codec> {
    vec![
        #[cfg(feature = "pickle")]
        Codec::pickle(),
        #[cfg(feature = "protobuf")]
        Codec::protobuf(),
    ]
}

fn date(year: u16, month: u8, day: u8) -> Date {
    Date { year, month, day }
}

fn clock(hour: u8, minute: u8, second: u8, microsecond: u32) -> Time {
    Time {
        hour,
        minute,
        second,
        microsecond,
        ..Time::new(0, 0, 0, 0).unwrap()
    }
}

fn ahead(microseconds: i128) -> Time {
    Time {
        offset: TimeDelta::from_microseconds(microseconds),
        ..clock(0, 0, 0, 0)
    }
}

fn delta(days: i32, seconds: u32, microseconds: u32) -> TimeDelta {
    TimeDelta {
        days,
        seconds,
        microseconds,
    }
}

/// Returns each as itself, and as a part of a datetime if it can be one.
fn all(dates: &[Date], times: &[Time], deltas: &[TimeDelta]) -> Vec<Value> {
    let of_date = |date: &Date| DateTime {
        date: *date,
        time: clock(0, 0, 0, 0),
    };
    let of_time = |time: &Time| DateTime {
        date: date(2026, 1, 1),
        time: time.clone(),
    };
    let datetimes = dates.iter().map(of_date).chain(times.iter().map(of_time));
    let mut all: Vec<_> = datetimes.map(Value::from).collect();
    all.extend(dates.iter().map(|date| Value::from(*date)));
    all.extend(times.iter().cloned().map(Value::from));
    all.extend(deltas.iter().map(|delta| Value::from(*delta)));
    all
}

#[test]
fn what_python_makes_none_of_is_refused() {
    let dates = [
        date(0, 1, 1),
        date(10_000, 1, 1),
        date(2026, 0, 1),
        date(2026, 13, 1),
        date(2026, 1, 0),
        date(2026, 4, 31),
        date(2025, 2, 29),
    ];
    let times = [
        clock(24, 0, 0, 0),
        clock(0, 60, 0, 0),
        clock(0, 0, 60, 0),
        clock(0, 0, 0, 1_000_000),
        ahead(DAY),
        ahead(-DAY),
        Time {
            offset: Some(delta(0, 86_400, 0)),
            ..clock(0, 0, 0, 0)
        },
    ];
    let deltas = [
        delta(1_000_000_000, 0, 0),
        delta(-1_000_000_000, 0, 0),
        delta(0, 86_400, 0),
        delta(0, 0, 1_000_000),
    ];
    for codec in codecs() {
        for value in all(&dates, &times, &deltas) {
            let mut out = b"kept".to_vec();
            let refused = codec.encode(&value, &mut out).unwrap_err();
            assert!(
                matches!(refused, EncodeError::Unsupported { .. }),
                "{value:?}: {refused}"
            );
            assert_eq!(out, b"kept");
        }
    }
}

#[test]
fn the_last_that_python_makes_are_read_back_as_they_were() {
    let dates = [date(1, 1, 1), date(9999, 12, 31), date(2024, 2, 29)];
    let times = [clock(23, 59, 59, 999_999), ahead(DAY - 1), ahead(1 - DAY)];
    let deltas = [
        delta(-999_999_999, 0, 0),
        delta(999_999_999, 86_399, 999_999),
    ];
    for codec in codecs() {
        for value in all(&dates, &times, &deltas) {
            let mut out = Vec::new();
            codec.encode(&value, &mut out).unwrap();
            let read: Value = codec.decode(&out, &Limits::default()).unwrap();
            assert_eq!(read, value);
        }
    }
    // In a zone that has a name, the offset counts for nothing.
    let zoned = Time {
        zone: Some("UTC".parse().unwrap()),
        ..ahead(DAY)
    };
    for codec in codecs() {
        codec
            .encode(&Value::from(zoned.clone()), &mut Vec::new())
            .unwrap();
    }
}
