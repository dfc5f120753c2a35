//! Points in time and lengths of time: their order, and how std has them.

use std::cmp::Ordering;
use std::time::{Duration, SystemTime};

use super::temporal::{DAY, SECOND};
use super::{Date, DateTime, Time, TimeDelta, ZoneName};

/// The error of a date, time or duration that another type cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// It is beyond what the other type can hold: Python's years are 1 to 9999, its durations a billion
    /// days at most, a duration of std is not negative.
    #[error("the time is out of range")]
    OutOfRange,
    /// A part of it is out of range, such as a month of 13, or the second is a leap second.
    #[error("there is no such date or time")]
    NoSuchTime,
    /// It is no point in time, because it has neither an offset from UTC nor a zone.
    #[error("the time has no offset from UTC")]
    Naive,
    /// It has an offset from UTC or a zone, which the other type has not.
    #[error("the time has an offset from UTC or a zone")]
    NotNaive,
    /// Its zone has a name, and what that stands for is known to nobody here.
    #[error("the time is in a zone that has a name, whose offset is not known")]
    NamedZone,
    /// Its offset has parts that the other type cannot hold: seconds, or their fractions.
    #[error("the offset from UTC is too fine")]
    FineOffset,
}

/// The days from the first of March of the year 0 to 1970.
const EPOCH: i64 = 719_468;
/// The days of four hundred years.
const ERA: i64 = 146_097;
/// The nanoseconds of a microsecond.
const NANOS: u32 = 1_000;

impl Date {
    /// Returns the days since 1970 began, of any numbers in place of year, month and day.
    fn days(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        // The year begins in March, so that the day that may be missing is its last.
        let year = i64::from(self.year) - i64::from(month <= 2);
        let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let of_era = year * 365 + year / 4 - year / 100 + of_year;
        era * ERA + of_era - EPOCH
    }

    /// Returns the day that is so many days after 1970 began.
    fn of_days(days: i64) -> Option<Self> {
        let days = days.checked_add(EPOCH)?;
        let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year + i64::from(month <= 2);
        Self::new(
            u16::try_from(year).ok()?,
            u8::try_from(month).ok()?,
            u8::try_from(day).ok()?,
        )
    }
}

impl Time {
    /// Returns the microseconds since midnight by the clock on the wall.
    fn wall(&self) -> i64 {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute);
        (minutes * 60 + i64::from(self.second)) * SECOND + i64::from(self.microsecond)
    }

    /// Returns the naive time so many microseconds after midnight; `None` on another day.
    fn of_wall(total: i64) -> Option<Self> {
        let (seconds, microsecond) = (total.div_euclid(SECOND), total.rem_euclid(SECOND));
        let (minutes, second) = (seconds.div_euclid(60), seconds.rem_euclid(60));
        let [hour, minute] = [minutes.div_euclid(60), minutes.rem_euclid(60)];
        Self::new(
            u8::try_from(hour).ok()?,
            u8::try_from(minute).ok()?,
            u8::try_from(second).ok()?,
            u32::try_from(microsecond).ok()?,
        )
    }

    /// Returns what comes first in the order of times: the kind, the zone, and the microseconds.
    fn rank(&self, wall: i64) -> (u8, Option<&ZoneName>, i128) {
        let wall = i128::from(wall);
        match (&self.zone, self.offset) {
            (Some(zone), _) => (1, Some(zone), wall),
            (None, Some(offset)) => (2, None, wall - offset.microseconds()),
            (None, None) => (0, None, wall),
        }
    }

    fn fields(&self) -> (i64, bool, Option<TimeDelta>, Option<&ZoneName>) {
        (self.wall(), self.fold, self.offset, self.zone.as_ref())
    }
}

impl DateTime {
    /// Returns the time so many microseconds after 1970 began, in UTC.
    ///
    /// # Errors
    /// It is in no year from 1 to 9999.
    pub fn from_unix_microseconds(total: i64) -> Result<Self, TimeError> {
        let (day, rest) = (
            total.div_euclid(DAY * SECOND),
            total.rem_euclid(DAY * SECOND),
        );
        let date = Date::of_days(day).ok_or(TimeError::OutOfRange)?;
        let time = Time::of_wall(rest).ok_or(TimeError::OutOfRange)?;
        let offset = TimeDelta::new(0, 0, 0);
        Ok(Self {
            date,
            time: Time { offset, ..time },
        })
    }

    /// Returns the microseconds from the beginning of 1970 in UTC.
    ///
    /// # Errors
    /// It is naive, in a zone that has a name, or a time that does not exist.
    pub fn unix_microseconds(&self) -> Result<i64, TimeError> {
        if self.time.zone.is_some() {
            return Err(TimeError::NamedZone);
        }
        let offset = self.time.offset.ok_or(TimeError::Naive)?;
        self.check()?;
        let total = i128::from(self.wall()) - offset.microseconds();
        i64::try_from(total).map_err(|_| TimeError::OutOfRange)
    }

    /// Returns the same moment by the clocks at another offset from UTC.
    ///
    /// # Errors
    /// It is no moment, or in no year from 1 to 9999 there.
    pub fn at_offset(&self, offset: TimeDelta) -> Result<Self, TimeError> {
        if offset.microseconds().abs() >= i128::from(DAY * SECOND) {
            return Err(TimeError::OutOfRange);
        }
        let there = i128::from(self.unix_microseconds()?) + offset.microseconds();
        let there = i64::try_from(there).map_err(|_| TimeError::OutOfRange)?;
        let mut moved = Self::from_unix_microseconds(there)?;
        moved.time.offset = Some(offset);
        Ok(moved)
    }

    /// Refuses one whose parts are out of range: the fields are public.
    pub(super) fn check(&self) -> Result<(), TimeError> {
        let Date { year, month, day } = self.date;
        let date = Date::new(year, month, day).ok_or(TimeError::NoSuchTime)?;
        debug_assert_eq!(date, self.date);
        self.time.check()
    }

    /// Returns the microseconds since 1970 began by the clock on the wall.
    fn wall(&self) -> i64 {
        self.date.days() * DAY * SECOND + self.time.wall()
    }
}

impl Time {
    /// Refuses one whose parts are out of range.
    pub(super) fn check(&self) -> Result<(), TimeError> {
        let Self {
            hour,
            minute,
            second,
            microsecond,
            ..
        } = *self;
        let naive = Self::new(hour, minute, second, microsecond);
        naive.map(drop).ok_or(TimeError::NoSuchTime)
    }
}

/// In order of time by the clock on the wall if they are naive, and by the moment if they have offsets.
/// Those that cannot be compared are in a fixed order: naive ones come first, then those in zones that have
/// names, by zone, then those with offsets. Of two that are the same moment at different offsets one comes
/// first, for they are not equal.
impl Ord for DateTime {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = self
            .time
            .rank(self.wall())
            .cmp(&other.time.rank(other.wall()));
        rank.then_with(|| self.date.cmp(&other.date))
            .then_with(|| self.time.fields().cmp(&other.time.fields()))
            .then_with(|| self.time.parts().cmp(&other.time.parts()))
    }
}

impl PartialOrd for DateTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// In the order of one day, as [`DateTime`] is.
impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = self.rank(self.wall()).cmp(&other.rank(other.wall()));
        rank.then_with(|| self.fields().cmp(&other.fields()))
            .then_with(|| self.parts().cmp(&other.parts()))
    }
}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Time {
    /// Returns the parts, which differ between times that do not exist and are equally long.
    fn parts(&self) -> (u8, u8, u8, u32) {
        (self.hour, self.minute, self.second, self.microsecond)
    }
}

/// In UTC; what is finer than a microsecond is left out.
impl TryFrom<SystemTime> for DateTime {
    type Error = TimeError;

    fn try_from(time: SystemTime) -> Result<Self, TimeError> {
        let micros = |duration: Duration| i64::try_from(duration.as_micros());
        let total = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => micros(after),
            Err(before) => {
                let before = before.duration();
                // Towards the past, as after 1970.
                let fine = before.subsec_nanos() % NANOS > 0;
                micros(before).map(|total| -total - i64::from(fine))
            }
        };
        Self::from_unix_microseconds(total.map_err(|_| TimeError::OutOfRange)?)
    }
}

impl TryFrom<&DateTime> for SystemTime {
    type Error = TimeError;

    fn try_from(time: &DateTime) -> Result<Self, TimeError> {
        let total = time.unix_microseconds()?;
        let length = Duration::from_micros(total.unsigned_abs());
        let moved = if total < 0 {
            Self::UNIX_EPOCH.checked_sub(length)
        } else {
            Self::UNIX_EPOCH.checked_add(length)
        };
        moved.ok_or(TimeError::OutOfRange)
    }
}

impl TryFrom<DateTime> for SystemTime {
    type Error = TimeError;

    fn try_from(time: DateTime) -> Result<Self, TimeError> {
        Self::try_from(&time)
    }
}

/// In whole microseconds; anything finer is left out.
impl TryFrom<Duration> for TimeDelta {
    type Error = TimeError;

    fn try_from(duration: Duration) -> Result<Self, TimeError> {
        let total = i128::try_from(duration.as_micros()).map_err(|_| TimeError::OutOfRange)?;
        Self::from_microseconds(total).ok_or(TimeError::OutOfRange)
    }
}

impl TryFrom<TimeDelta> for Duration {
    type Error = TimeError;

    fn try_from(delta: TimeDelta) -> Result<Self, TimeError> {
        let total = u128::try_from(delta.microseconds()).map_err(|_| TimeError::OutOfRange)?;
        let second = u128::from(SECOND.unsigned_abs());
        let seconds = u64::try_from(total / second).map_err(|_| TimeError::OutOfRange)?;
        let micros = u32::try_from(total % second).map_err(|_| TimeError::OutOfRange)?;
        Ok(Self::new(seconds, micros * NANOS))
    }
}
