//! Dates and times as the crate `chrono` has them (feature `chrono`).
//!
//! What is finer than a microsecond is left out on the way to Python's.

use ::chrono::{
    Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta as Delta,
    TimeZone, Timelike, Utc,
};

use super::temporal::SECOND;
use super::{Date, DateTime, Time, TimeDelta, TimeError};

impl TryFrom<NaiveDate> for Date {
    type Error = TimeError;

    fn try_from(date: NaiveDate) -> Result<Self, TimeError> {
        let year = u16::try_from(date.year()).map_err(|_| TimeError::OutOfRange)?;
        let part = |part: u32| u8::try_from(part).map_err(|_| TimeError::OutOfRange);
        let date = Self::new(year, part(date.month())?, part(date.day())?);
        date.ok_or(TimeError::OutOfRange)
    }
}

impl TryFrom<Date> for NaiveDate {
    type Error = TimeError;

    fn try_from(date: Date) -> Result<Self, TimeError> {
        let Date { year, month, day } = date;
        Date::new(year, month, day).ok_or(TimeError::NoSuchTime)?;
        let date = Self::from_ymd_opt(year.into(), month.into(), day.into());
        date.ok_or(TimeError::NoSuchTime)
    }
}

/// A leap second is refused, for Python has none.
impl TryFrom<NaiveTime> for Time {
    type Error = TimeError;

    fn try_from(time: NaiveTime) -> Result<Self, TimeError> {
        let part = |part: u32| u8::try_from(part).map_err(|_| TimeError::NoSuchTime);
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let micros = time.nanosecond() / 1_000;
        let time = Self::new(part(hour)?, part(minute)?, part(second)?, micros);
        time.ok_or(TimeError::NoSuchTime)
    }
}

/// Refused unless it is naive.
impl TryFrom<&Time> for NaiveTime {
    type Error = TimeError;

    fn try_from(time: &Time) -> Result<Self, TimeError> {
        if time.offset.is_some() || time.zone.is_some() {
            return Err(TimeError::NotNaive);
        }
        clock(time)
    }
}

/// Returns the time by the clock on the wall.
fn clock(time: &Time) -> Result<NaiveTime, TimeError> {
    time.check()?;
    let (hour, minute, second) = (time.hour.into(), time.minute.into(), time.second.into());
    let found = NaiveTime::from_hms_micro_opt(hour, minute, second, time.microsecond);
    found.ok_or(TimeError::NoSuchTime)
}

impl TryFrom<NaiveDateTime> for DateTime {
    type Error = TimeError;

    fn try_from(time: NaiveDateTime) -> Result<Self, TimeError> {
        Ok(Self {
            date: time.date().try_into()?,
            time: time.time().try_into()?,
        })
    }
}

/// Refused unless it is naive.
impl TryFrom<&DateTime> for NaiveDateTime {
    type Error = TimeError;

    fn try_from(time: &DateTime) -> Result<Self, TimeError> {
        let clock = NaiveTime::try_from(&time.time)?;
        Ok(NaiveDate::try_from(time.date)?.and_time(clock))
    }
}

/// With the offset of its zone at that time; the zone's name is left out.
impl<Z: TimeZone> TryFrom<::chrono::DateTime<Z>> for DateTime {
    type Error = TimeError;

    fn try_from(time: ::chrono::DateTime<Z>) -> Result<Self, TimeError> {
        let offset = i128::from(time.offset().fix().local_minus_utc());
        let offset = TimeDelta::from_microseconds(offset * i128::from(SECOND));
        // Near the ends of chrono's years there is no local time.
        let utc = time.naive_utc().and_utc();
        let local = utc.with_timezone(&time.offset().fix());
        let within = (0..=10_000).contains(&utc.year());
        let naive = within.then(|| local.naive_local());
        let naive: Self = naive.ok_or(TimeError::OutOfRange)?.try_into()?;
        Ok(Self {
            time: Time {
                offset,
                ..naive.time
            },
            ..naive
        })
    }
}

/// Refused if it has no offset, or one of parts of a second.
impl TryFrom<&DateTime> for ::chrono::DateTime<FixedOffset> {
    type Error = TimeError;

    fn try_from(time: &DateTime) -> Result<Self, TimeError> {
        let utc = ::chrono::DateTime::<Utc>::try_from(time)?;
        let offset = time.time.offset.ok_or(TimeError::Naive)?.microseconds();
        if offset % i128::from(SECOND) != 0 {
            return Err(TimeError::FineOffset);
        }
        let seconds = i32::try_from(offset / i128::from(SECOND)).ok();
        let offset = seconds.and_then(FixedOffset::east_opt);
        Ok(utc.with_timezone(&offset.ok_or(TimeError::OutOfRange)?))
    }
}

/// Refused if it has no offset.
impl TryFrom<&DateTime> for ::chrono::DateTime<Utc> {
    type Error = TimeError;

    fn try_from(time: &DateTime) -> Result<Self, TimeError> {
        let micros = time.unix_microseconds()?;
        Self::from_timestamp_micros(micros).ok_or(TimeError::OutOfRange)
    }
}

impl TryFrom<Delta> for TimeDelta {
    type Error = TimeError;

    fn try_from(delta: Delta) -> Result<Self, TimeError> {
        let (seconds, nanos) = (i128::from(delta.num_seconds()), delta.subsec_nanos());
        let total = seconds * 1_000_000_000 + i128::from(nanos);
        Self::from_microseconds(total.div_euclid(1_000)).ok_or(TimeError::OutOfRange)
    }
}

impl TryFrom<TimeDelta> for Delta {
    type Error = TimeError;

    fn try_from(delta: TimeDelta) -> Result<Self, TimeError> {
        let total = delta.microseconds();
        let seconds = i64::try_from(total.div_euclid(i128::from(SECOND)));
        let micros = u32::try_from(total.rem_euclid(i128::from(SECOND)));
        let (Ok(seconds), Ok(micros)) = (seconds, micros) else {
            return Err(TimeError::OutOfRange);
        };
        Self::new(seconds, micros * 1_000).ok_or(TimeError::OutOfRange)
    }
}
