//! Dates, times and complex numbers as the schema's messages.

use prost::Message;

use crate::protobuf::v1;
use crate::value::{Date, DateTime, Time, TimeDelta};

impl From<Date> for v1::Date {
    fn from(date: Date) -> Self {
        Self {
            year: date.year.into(),
            month: date.month.into(),
            day: date.day.into(),
        }
    }
}

impl From<TimeDelta> for v1::TimeDelta {
    fn from(delta: TimeDelta) -> Self {
        Self {
            days: delta.days,
            seconds: delta.seconds,
            microseconds: delta.microseconds,
        }
    }
}

impl From<&Time> for v1::Time {
    fn from(time: &Time) -> Self {
        // The offset follows from the zone.
        let zone = time.zone.as_ref().map(ToString::to_string);
        Self {
            hour: time.hour.into(),
            minute: time.minute.into(),
            second: time.second.into(),
            microsecond: time.microsecond,
            fold: time.fold,
            offset: time.offset.filter(|_| zone.is_none()).map(Into::into),
            zone: zone.unwrap_or_default(),
        }
    }
}

impl From<&DateTime> for v1::DateTime {
    fn from(value: &DateTime) -> Self {
        Self {
            date: Some(value.date.into()),
            time: Some((&value.time).into()),
        }
    }
}

/// Returns a `complex` as a message.
pub(super) fn of_complex(re: f64, im: f64) -> v1::Complex {
    v1::Complex {
        re: Some(re),
        im: Some(im),
    }
}

/// The error of a malformed message, or of one that stands for no value in Python.
pub(super) struct Invalid;

fn message<T: Message + Default>(bytes: &[u8]) -> Result<T, Invalid> {
    T::decode(bytes).map_err(|_| Invalid)
}

fn small(value: u32) -> Result<u8, Invalid> {
    u8::try_from(value).map_err(|_| Invalid)
}

fn of_date(date: &v1::Date) -> Result<Date, Invalid> {
    let year = u16::try_from(date.year).map_err(|_| Invalid)?;
    Date::new(year, small(date.month)?, small(date.day)?).ok_or(Invalid)
}

fn of_delta(delta: &v1::TimeDelta) -> Result<TimeDelta, Invalid> {
    TimeDelta::new(delta.days, delta.seconds, delta.microseconds).ok_or(Invalid)
}

fn of_time(time: &v1::Time) -> Result<Time, Invalid> {
    let (hour, minute, second) = (small(time.hour)?, small(time.minute)?, small(time.second)?);
    let naive = Time::new(hour, minute, second, time.microsecond).ok_or(Invalid)?;
    let offset = time.offset.as_ref().map(of_delta).transpose()?;
    if offset.is_some_and(|offset| !offset.is_offset()) {
        return Err(Invalid);
    }
    let zone = match &*time.zone {
        "" => None,
        name if offset.is_none() => Some(name.parse().map_err(|_| Invalid)?),
        _ => return Err(Invalid),
    };
    Ok(Time {
        fold: time.fold,
        offset,
        zone,
        ..naive
    })
}

pub(super) fn date(bytes: &[u8]) -> Result<Date, Invalid> {
    of_date(&message(bytes)?)
}

pub(super) fn time(bytes: &[u8]) -> Result<Time, Invalid> {
    of_time(&message(bytes)?)
}

pub(super) fn time_delta(bytes: &[u8]) -> Result<TimeDelta, Invalid> {
    of_delta(&message(bytes)?)
}

pub(super) fn date_time(bytes: &[u8]) -> Result<DateTime, Invalid> {
    let value: v1::DateTime = message(bytes)?;
    Ok(DateTime {
        date: of_date(value.date.as_ref().ok_or(Invalid)?)?,
        time: of_time(value.time.as_ref().ok_or(Invalid)?)?,
    })
}

pub(super) fn complex(bytes: &[u8]) -> Result<(f64, f64), Invalid> {
    let value: v1::Complex = message(bytes)?;
    Ok((value.re.unwrap_or(0.0), value.im.unwrap_or(0.0)))
}
