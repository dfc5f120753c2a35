//! Python's dates and times, as pickles carry them. Their text is that of Python's `isoformat`.

use std::fmt;
use std::str::FromStr;

use super::zone::ZoneName;

/// The reason for which a date, time or duration is refused whose parts are out of range.
#[cfg(any(feature = "pickle", feature = "protobuf"))]
pub(crate) const NO_SUCH_TIME: &str = "a date, time or duration that Python makes none of";

/// A `datetime.datetime`, displayed in ISO 8601, with the name of its zone in brackets if it has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// The day.
    pub date: Date,
    /// The time of day, with its offset if it has one.
    pub time: Time,
}

/// A `datetime.date`, displayed in ISO 8601.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// The year, 1 to 9999.
    pub year: u16,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, 1 to 31.
    pub day: u8,
}

/// A `datetime.time`, displayed in ISO 8601, with the name of its zone in brackets if it has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Time {
    /// The hour, 0 to 23.
    pub hour: u8,
    /// The minute, 0 to 59.
    pub minute: u8,
    /// The second, 0 to 59.
    pub second: u8,
    /// The microsecond, 0 to 999,999.
    pub microsecond: u32,
    /// True for the second of two equal wall-clock times (PEP 495).
    pub fold: bool,
    /// The offset from UTC of a `datetime.timezone`; `None` for a naive time, and for one in a zone
    /// that has a name.
    pub offset: Option<TimeDelta>,
    /// The name of its `zoneinfo.ZoneInfo`; then the offset counts for nothing, as that follows from
    /// the zone.
    pub zone: Option<ZoneName>,
}

/// A `datetime.timedelta`, normalised as Python does: only the days are ever negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeDelta {
    /// The days, -999,999,999 to 999,999,999.
    pub days: i32,
    /// The seconds beyond whole days, 0 to 86,399.
    pub seconds: u32,
    /// The microseconds beyond whole seconds, 0 to 999,999.
    pub microseconds: u32,
}

impl Date {
    /// Returns a day; `None` if the calendar has no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        ((1..=9999).contains(&year) && (1..=days).contains(&day)).then_some(Self {
            year,
            month,
            day,
        })
    }
}

impl Time {
    /// Returns a naive time of day; `None` if a part is out of range.
    pub fn new(hour: u8, minute: u8, second: u8, microsecond: u32) -> Option<Self> {
        (hour < 24 && minute < 60 && second < 60 && microsecond < 1_000_000).then_some(Self {
            hour,
            minute,
            second,
            microsecond,
            fold: false,
            offset: None,
            zone: None,
        })
    }
}

/// The seconds of a day.
pub(super) const DAY: i64 = 86_400;
/// The microseconds of a second.
pub(super) const SECOND: i64 = 1_000_000;

#[cfg(any(feature = "pickle", feature = "protobuf"))]
impl DateTime {
    /// Returns whether Python can make it.
    pub(crate) fn exists(&self) -> bool {
        self.date.exists() && self.time.exists()
    }
}

#[cfg(any(feature = "pickle", feature = "protobuf"))]
impl Date {
    /// Returns whether Python can make it.
    pub(crate) fn exists(self) -> bool {
        Self::new(self.year, self.month, self.day).is_some()
    }
}

#[cfg(any(feature = "pickle", feature = "protobuf"))]
impl Time {
    /// Returns whether Python can make it.
    pub(crate) fn exists(&self) -> bool {
        let counts = |offset: &TimeDelta| offset.exists() && offset.is_offset();
        let offset = self.offset.as_ref().filter(|_| self.zone.is_none());
        Self::new(self.hour, self.minute, self.second, self.microsecond).is_some()
            && offset.is_none_or(counts)
    }
}

impl TimeDelta {
    /// Returns a duration of parts that are normalised; `None` if one is out of range.
    pub fn new(days: i32, seconds: u32, microseconds: u32) -> Option<Self> {
        let fits = (-999_999_999..=999_999_999).contains(&days)
            && seconds < 86_400
            && microseconds < 1_000_000;
        fits.then_some(Self {
            days,
            seconds,
            microseconds,
        })
    }

    /// Returns the duration of so many microseconds; `None` if it is beyond a billion days, which
    /// Python cannot hold.
    pub fn from_microseconds(total: i128) -> Option<Self> {
        let (day, second) = (i128::from(DAY * SECOND), i128::from(SECOND));
        let rest = total.rem_euclid(day);
        Self::new(
            i32::try_from(total.div_euclid(day)).ok()?,
            u32::try_from(rest / second).ok()?,
            u32::try_from(rest % second).ok()?,
        )
    }

    /// Returns the whole duration in microseconds.
    pub fn microseconds(&self) -> i128 {
        let seconds = i128::from(self.days) * i128::from(DAY) + i128::from(self.seconds);
        seconds * i128::from(SECOND) + i128::from(self.microseconds)
    }

    /// Returns whether Python can make it.
    #[cfg(any(feature = "pickle", feature = "protobuf"))]
    pub(crate) fn exists(self) -> bool {
        Self::new(self.days, self.seconds, self.microseconds).is_some()
    }

    /// Returns whether it can be an offset from UTC: Python has none of a day or more.
    #[cfg(any(feature = "pickle", feature = "protobuf"))]
    pub(crate) fn is_offset(&self) -> bool {
        self.microseconds().abs() < i128::from(DAY * SECOND)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.hour, self.minute, self.second)?;
        if self.microsecond != 0 {
            write!(f, ".{:06}", self.microsecond)?;
        }
        if let Some(zone) = &self.zone {
            return write!(f, "[{zone}]");
        }
        let Some(offset) = self.offset else {
            return Ok(());
        };
        let total = offset.microseconds();
        let size = total.unsigned_abs();
        let (seconds, micros) = (size / 1_000_000, size % 1_000_000);
        let (minutes, second) = (seconds / 60, seconds % 60);
        f.write_str(if total < 0 { "-" } else { "+" })?;
        write!(f, "{:02}:{:02}", minutes / 60, minutes % 60)?;
        if second != 0 || micros != 0 {
            write!(f, ":{second:02}")?;
        }
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        Ok(())
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.date, self.time)
    }
}

/// The error of a text that is no date or time in ISO 8601.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no date or time in ISO format")]
pub struct TemporalError;

/// Reads exactly `len` digits.
fn digits<T: FromStr>(text: Option<&str>, len: usize) -> Result<T, TemporalError> {
    text.filter(|text| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or(TemporalError)
}

/// A wall-clock time as it is written, its parts not checked yet.
struct Clock {
    hour: u8,
    minute: u8,
    second: u8,
    microsecond: u32,
}

/// Reads `HH:MM[:SS[.ffffff]]`.
fn clock(text: &str) -> Result<Clock, TemporalError> {
    let (text, microsecond) = match text.split_once('.') {
        Some((text, micros)) if text.len() == 8 => (text, digits(Some(micros), 6)?),
        Some(_) => return Err(TemporalError),
        None => (text, 0),
    };
    let mut parts = text.split(':');
    let hour = digits(parts.next(), 2)?;
    let minute = digits(parts.next(), 2)?;
    let second = match parts.next() {
        None => 0,
        some => digits(some, 2)?,
    };
    match parts.next() {
        None => Ok(Clock {
            hour,
            minute,
            second,
            microsecond,
        }),
        Some(_) => Err(TemporalError),
    }
}

impl FromStr for Date {
    type Err = TemporalError;

    fn from_str(text: &str) -> Result<Self, TemporalError> {
        let mut parts = text.splitn(3, '-');
        let year = digits(parts.next(), 4)?;
        let month = digits(parts.next(), 2)?;
        let day = digits(parts.next(), 2)?;
        Self::new(year, month, day).ok_or(TemporalError)
    }
}

impl FromStr for Time {
    type Err = TemporalError;

    fn from_str(text: &str) -> Result<Self, TemporalError> {
        if let Some((local, zone)) = text.strip_suffix(']').and_then(|text| text.split_once('[')) {
            let zone = zone.parse().map_err(|_| TemporalError)?;
            let time: Self = local.parse()?;
            let naive = time.offset.is_none() && time.zone.is_none();
            return naive
                .then_some(Self {
                    zone: Some(zone),
                    ..time
                })
                .ok_or(TemporalError);
        }
        let (text, utc) = match text.strip_suffix('Z') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let sign = text.find(['+', '-']);
        let (local, offset) = text.split_at(sign.unwrap_or(text.len()));
        let Clock {
            hour,
            minute,
            second,
            microsecond,
        } = clock(local)?;
        let mut time = Self::new(hour, minute, second, microsecond).ok_or(TemporalError)?;
        if offset.is_empty() {
            time.offset = if utc { TimeDelta::new(0, 0, 0) } else { None };
            return Ok(time);
        }
        let ahead = clock(offset.get(1..).unwrap_or_default())?;
        if utc || ahead.hour > 23 || ahead.minute > 59 || ahead.second > 59 {
            return Err(TemporalError);
        }
        let minutes = i128::from(ahead.hour) * 60 + i128::from(ahead.minute);
        let seconds = minutes * 60 + i128::from(ahead.second);
        let total = seconds * i128::from(SECOND) + i128::from(ahead.microsecond);
        let negative = offset.starts_with('-');
        time.offset = TimeDelta::from_microseconds(if negative { -total } else { total });
        Ok(time)
    }
}

impl FromStr for DateTime {
    type Err = TemporalError;

    fn from_str(text: &str) -> Result<Self, TemporalError> {
        let (date, time) = text.split_once(['T', ' ']).ok_or(TemporalError)?;
        Ok(Self {
            date: date.parse()?,
            time: time.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_as_python_writes_them() {
        for text in [
            "2024-02-29T00:00:00",
            "0001-01-01T23:59:59.999999",
            "2024-01-02T03:04:05.000006+05:30",
            "2024-01-02T03:04:05-11:59:30",
            "2024-01-02T03:04:05-00:00:00.000001",
            "9999-12-31T00:00:00+00:00",
            "9999-12-31T00:00:00+23:59:59",
            "9999-12-31T00:00:00-23:59:59.999999",
            "2024-10-27T02:30:00[Europe/Berlin]",
            "2024-01-02T03:04:05.000006[UTC]",
        ] {
            assert_eq!(text.parse::<DateTime>().unwrap().to_string(), text);
        }
        let utc: Time = "12:30Z".parse().unwrap();
        assert_eq!(utc.to_string(), "12:30:00+00:00");
    }

    #[test]
    fn malformed_times_are_refused() {
        for text in [
            "",
            "T",
            "2024-02-30T00:00:00",
            "2023-02-29T00:00:00",
            "2024-1-2T00:00:00",
            "2024-01-02T24:00:00",
            "2024-01-02T00:00:00.5",
            "2024-01-02T00:00.500000",
            "2024-01-02T00:00:00+24:00",
            "2024-01-02T00:00:00+01:60",
            "2024-01-02T00:00:00+01:00:60",
            "0000-01-01T00:00:00",
            "2024-01-02T00:00:00+",
            "2024-01-02T00:00:00+01:00Z",
            "2024-01-02T00:00:00+01:00[Europe/Berlin]",
            "2024-01-02T00:00:00[Europe/Berlin][UTC]",
            "2024-01-02T00:00:00[../UTC]",
            "2024-01-02T00:00:00[]",
            "2024-01-02T00:00:00]",
            "2024-01-02[UTC]T00:00:00",
        ] {
            assert_eq!(text.parse::<DateTime>(), Err(TemporalError), "{text}");
        }
    }

    #[test]
    fn durations_are_normalised_as_python_does() {
        let minute_less = TimeDelta::from_microseconds(-60_000_000);
        assert_eq!(minute_less, TimeDelta::new(-1, 86_340, 0));
        assert_eq!(
            minute_less.map(|delta| delta.microseconds()),
            Some(-60_000_000)
        );
    }
}
