//! The texts of RFC 3339, which are wider than Python's own.

use std::fmt::Write;

use super::temporal::SECOND;
use super::{Date, DateTime, TemporalError, Time, TimeDelta, TimeError};

impl DateTime {
    /// Reads a time as RFC 3339 has it: `2024-01-02T03:04:05.25Z`, `2024-01-02 03:04:05+05:30`. There is an
    /// offset, and a fraction of the second may have any number of digits; beyond six they are left out.
    ///
    /// # Errors
    /// It is no such text, has a leap second, which Python has none of, or is in no year from 1 to 9999.
    ///
    /// ```
    /// use casty_proto::value::DateTime;
    ///
    /// let time = DateTime::parse_rfc3339("2024-01-02T03:04:05.25Z")?;
    /// assert_eq!(time.to_string(), "2024-01-02T03:04:05.250000+00:00");
    /// # Ok::<(), casty_proto::value::TemporalError>(())
    /// ```
    pub fn parse_rfc3339(text: &str) -> Result<Self, TemporalError> {
        let (date, rest) = text.split_at_checked(10).ok_or(TemporalError)?;
        let date: Date = date.parse()?;
        let rest = rest.strip_prefix(['T', 't', ' ']).ok_or(TemporalError)?;
        let (clock, rest) = rest.split_at_checked(8).ok_or(TemporalError)?;
        let mut parts = clock.split(':').map(two);
        let (Some(hour), Some(minute), Some(second), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TemporalError);
        };
        let (microsecond, offset) = fraction(rest)?;
        let offset = Some(offset_of(offset)?);
        let time = Time::new(hour?, minute?, second?, microsecond).ok_or(TemporalError)?;
        Ok(Self {
            date,
            time: Time { offset, ..time },
        })
    }

    /// Returns the time as RFC 3339 has it, with six digits of a fraction if there is one.
    ///
    /// # Errors
    /// It is naive or in a zone that has a name, its offset has seconds, or it does not exist.
    pub fn to_rfc3339(&self) -> Result<String, TimeError> {
        self.unix_microseconds()?;
        let offset = self.time.offset.ok_or(TimeError::Naive)?;
        if offset.microseconds() % i128::from(60 * SECOND) != 0 {
            return Err(TimeError::FineOffset);
        }
        let mut text = String::with_capacity(32);
        // Writing into a text never fails.
        let _ = write!(text, "{self}");
        Ok(text)
    }
}

/// Reads two digits.
fn two(text: &str) -> Result<u8, TemporalError> {
    match text.as_bytes() {
        [ten @ b'0'..=b'9', one @ b'0'..=b'9'] => Ok((ten - b'0') * 10 + (one - b'0')),
        _ => Err(TemporalError),
    }
}

/// Reads the microseconds of a fraction, if there is one, and returns what is behind it.
fn fraction(text: &str) -> Result<(u32, &str), TemporalError> {
    let Some(text) = text.strip_prefix('.') else {
        return Ok((0, text));
    };
    let is_digit = |digit: char| digit.is_ascii_digit();
    let rest = text.trim_start_matches(is_digit);
    let digits = &text.as_bytes()[..text.len() - rest.len()];
    if digits.is_empty() {
        return Err(TemporalError);
    }
    let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
    let microsecond = padded.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Ok((microsecond, rest))
}

/// Reads `Z` or an offset of hours and minutes.
fn offset_of(text: &str) -> Result<TimeDelta, TemporalError> {
    let (negative, text) = match text.split_at_checked(1) {
        Some(("Z" | "z", "")) => return TimeDelta::new(0, 0, 0).ok_or(TemporalError),
        Some(("+", rest)) => (false, rest),
        Some(("-", rest)) => (true, rest),
        _ => return Err(TemporalError),
    };
    let (hour, minute) = text.split_once(':').ok_or(TemporalError)?;
    let (hour, minute) = (two(hour)?, two(minute)?);
    if hour > 23 || minute > 59 {
        return Err(TemporalError);
    }
    let minutes = i128::from(hour) * 60 + i128::from(minute);
    let total = minutes * 60 * i128::from(SECOND);
    TimeDelta::from_microseconds(if negative { -total } else { total }).ok_or(TemporalError)
}
