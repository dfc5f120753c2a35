//! Dates and times as the crate `jiff` has them (feature `jiff`).
//!
//! What is finer than a microsecond is left out on the way to Python's.

use ::jiff::civil;
use ::jiff::tz::{AmbiguousOffset, Disambiguation, Offset, TimeZone};
use ::jiff::{SignedDuration, Timestamp, ZonedDateTime};

use super::temporal::SECOND;
use super::{Date, DateTime, Time, TimeDelta, TimeError};

impl TryFrom<civil::Date> for Date {
    type Error = TimeError;

    fn try_from(date: civil::Date) -> Result<Self, TimeError> {
        let year = u16::try_from(date.year()).map_err(|_| TimeError::OutOfRange)?;
        let date = Self::new(year, date.month().unsigned_abs(), date.day().unsigned_abs());
        date.ok_or(TimeError::OutOfRange)
    }
}

impl TryFrom<Date> for civil::Date {
    type Error = TimeError;

    fn try_from(date: Date) -> Result<Self, TimeError> {
        let Date { year, month, day } = date;
        Date::new(year, month, day).ok_or(TimeError::NoSuchTime)?;
        let (Ok(year), Ok(month), Ok(day)) = (year.try_into(), month.try_into(), day.try_into())
        else {
            return Err(TimeError::NoSuchTime);
        };
        Self::new(year, month, day).map_err(|_| TimeError::NoSuchTime)
    }
}

impl TryFrom<civil::Time> for Time {
    type Error = TimeError;

    fn try_from(time: civil::Time) -> Result<Self, TimeError> {
        let [hour, minute, second] =
            [time.hour(), time.minute(), time.second()].map(i8::unsigned_abs);
        let micros = time.subsec_nanosecond().unsigned_abs() / 1_000;
        Self::new(hour, minute, second, micros).ok_or(TimeError::NoSuchTime)
    }
}

/// Refused unless it is naive.
impl TryFrom<&Time> for civil::Time {
    type Error = TimeError;

    fn try_from(time: &Time) -> Result<Self, TimeError> {
        if time.offset.is_some() || time.zone.is_some() {
            return Err(TimeError::NotNaive);
        }
        clock(time)
    }
}

/// Returns the time by the clock on the wall.
fn clock(time: &Time) -> Result<civil::Time, TimeError> {
    time.check()?;
    let [hour, minute, second] = [time.hour, time.minute, time.second].map(u8::cast_signed);
    let nanos = time.microsecond.cast_signed() * 1_000;
    civil::Time::new(hour, minute, second, nanos).map_err(|_| TimeError::NoSuchTime)
}

impl TryFrom<civil::DateTime> for DateTime {
    type Error = TimeError;

    fn try_from(time: civil::DateTime) -> Result<Self, TimeError> {
        Ok(Self {
            date: time.date().try_into()?,
            time: time.time().try_into()?,
        })
    }
}

/// Refused unless it is naive.
impl TryFrom<&DateTime> for civil::DateTime {
    type Error = TimeError;

    fn try_from(time: &DateTime) -> Result<Self, TimeError> {
        let clock = civil::Time::try_from(&time.time)?;
        Ok(civil::Date::try_from(time.date)?.to_datetime(clock))
    }
}

/// In UTC.
impl TryFrom<Timestamp> for DateTime {
    type Error = TimeError;

    fn try_from(time: Timestamp) -> Result<Self, TimeError> {
        let micros = time.as_nanosecond().div_euclid(1_000);
        let micros = i64::try_from(micros).map_err(|_| TimeError::OutOfRange)?;
        Self::from_unix_microseconds(micros)
    }
}

/// Refused if it has no offset; in a zone that has a name, take it as a [`ZonedDateTime`] first.
impl TryFrom<&DateTime> for Timestamp {
    type Error = TimeError;

    fn try_from(time: &DateTime) -> Result<Self, TimeError> {
        let micros = time.unix_microseconds()?;
        Self::from_microsecond(micros).map_err(|_| TimeError::OutOfRange)
    }
}

/// In the zone of that name, if it has one, else at its offset.
impl TryFrom<&ZonedDateTime> for DateTime {
    type Error = TimeError;

    fn try_from(time: &ZonedDateTime) -> Result<Self, TimeError> {
        let mut found = Self::try_from(time.datetime())?;
        let named = time.time_zone().iana_name();
        if let Some(zone) = named.and_then(|name| name.parse().ok()) {
            found.time.zone = Some(zone);
            let offset = time
                .time_zone()
                .to_ambiguous_zoned_datetime(time.datetime())
                .offset();
            found.time.fold = match offset {
                AmbiguousOffset::Fold { after, .. } => after == time.offset(),
                _ => false,
            };
        } else {
            let offset = i128::from(time.offset().seconds()) * i128::from(SECOND);
            found.time.offset = TimeDelta::from_microseconds(offset);
        }
        Ok(found)
    }
}

/// In a zone that has a name by what jiff knows of it, which needs one of jiff's features for that. A time
/// that occurs twice is told by its `fold`, and one that the clocks leave out is moved by as much as they are,
/// as in Python.
impl TryFrom<&DateTime> for ZonedDateTime {
    type Error = TimeError;

    fn try_from(time: &DateTime) -> Result<Self, TimeError> {
        let Some(zone) = &time.time.zone else {
            let offset = time.time.offset.ok_or(TimeError::Naive)?.microseconds();
            if offset % i128::from(SECOND) != 0 {
                return Err(TimeError::FineOffset);
            }
            let seconds = i32::try_from(offset / i128::from(SECOND)).ok();
            let offset = seconds.and_then(|it| Offset::from_seconds(it).ok());
            let zone = TimeZone::fixed(offset.ok_or(TimeError::OutOfRange)?);
            return Ok(Timestamp::try_from(time)?.to_zoned_datetime(zone));
        };
        let zone = TimeZone::get(zone.as_str()).map_err(|_| TimeError::NamedZone)?;
        let wall = civil::Date::try_from(time.date)?.to_datetime(clock(&time.time)?);
        let ambiguous = zone.to_ambiguous_zoned_datetime(wall);
        let which = match (ambiguous.offset(), time.time.fold) {
            (_, false) => Disambiguation::Compatible,
            (AmbiguousOffset::Gap { .. }, true) => Disambiguation::Earlier,
            (_, true) => Disambiguation::Later,
        };
        let found = ambiguous.disambiguate(which);
        found.map_err(|_| TimeError::OutOfRange)
    }
}

impl TryFrom<SignedDuration> for TimeDelta {
    type Error = TimeError;

    fn try_from(duration: SignedDuration) -> Result<Self, TimeError> {
        let micros = duration.as_nanos().div_euclid(1_000);
        Self::from_microseconds(micros).ok_or(TimeError::OutOfRange)
    }
}

/// Never refused, but for parts that are out of range.
impl TryFrom<TimeDelta> for SignedDuration {
    type Error = TimeError;

    fn try_from(delta: TimeDelta) -> Result<Self, TimeError> {
        let total = delta.microseconds();
        let seconds = i64::try_from(total / i128::from(SECOND));
        let nanos = i32::try_from(total % i128::from(SECOND) * 1_000);
        match (seconds, nanos) {
            (Ok(seconds), Ok(nanos)) => Ok(Self::new(seconds, nanos)),
            _ => Err(TimeError::OutOfRange),
        }
    }
}
