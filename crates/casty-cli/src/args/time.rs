//! Times as people write them.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The shortest time that may be given.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);
/// The longest time that may be given, short enough to be added to any time.
pub(crate) const LONGEST: Duration = Duration::from_hours(366 * 24);

/// The units, and the seconds of each.
const UNITS: [(&str, f64); 6] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("min", 60.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

/// Reads a time such as `5s`, `500ms`, `1h30m` or `2.5`, which are seconds; from a millisecond to a year.
///
/// # Errors
/// It is no such time; the text says what is.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    within(text, SHORTEST..=LONGEST)
}

/// Reads a time within a range.
///
/// # Errors
/// It is no such time; the text says what is.
pub(crate) fn within(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let time = seconds(text).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.filter(|time| range.contains(time)).ok_or_else(|| {
        format!(
            "a time such as 5s, 500ms, 1h30m or 2.5 (seconds) is needed, from {} to {}",
            shown(*range.start()),
            shown(*range.end())
        )
    })
}

/// Reads a number of days, such as `90` or `90d`.
///
/// # Errors
/// It is none, or out of range; the text says what is.
pub(crate) fn days(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let number = text.strip_suffix('d').unwrap_or(text);
    let days = number.parse().ok().filter(|days| range.contains(days));
    days.ok_or_else(|| {
        format!(
            "a number of days such as 90 or 90d is needed, from {} to {}",
            range.start(),
            range.end()
        )
    })
}

/// Returns the sum of the parts, each a number with its unit; of a bare number, that.
fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(is_of_number) {
        return text.parse().ok();
    }
    let (mut rest, mut sum) = (text, 0.0);
    while !rest.is_empty() {
        let end = rest.bytes().position(|byte| !is_of_number(byte))?;
        let (number, behind) = rest.split_at_checked(end)?;
        let behind = behind.trim_start();
        let end = behind.bytes().position(|byte| !byte.is_ascii_alphabetic());
        let (unit, behind) = behind.split_at_checked(end.unwrap_or(behind.len()))?;
        let (_, worth) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum += number.parse::<f64>().ok()? * worth;
        rest = behind.trim_start();
    }
    (!text.is_empty()).then_some(sum)
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'.'
}

/// Shows a time in the largest unit of which it is a whole number.
fn shown(time: Duration) -> String {
    let millis = time.as_millis();
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
    ];
    let fits = |(unit, _): &(u128, &str)| millis > 0 && millis.is_multiple_of(*unit);
    match units.into_iter().find(fits) {
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_units_or_as_seconds_and_stay_within_a_year() {
        for (text, millis) in [
            ("0.25", 250),
            ("5", 5000),
            ("5s", 5000),
            ("500ms", 500),
            ("1.5s", 1500),
            ("2m", 120_000),
            ("2min", 120_000),
            ("1h30m", 5_400_000),
            ("1h 30m 5s", 5_405_000),
            ("1d", 86_400_000),
            ("5 s", 5000),
            (" .5 ", 500),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text:?}");
        }
        assert_eq!(time("31622400"), Ok(LONGEST));
        assert_eq!(time("366d"), Ok(LONGEST));
        for bad in [
            "0", "-1", "nan", "inf", "1e30", "31622401", "367d", "", " ", "s", "5x", "5s5",
            "1..2s", "1h-5m", "0ms", "5\u{b5}s", "5s\u{fc}",
        ] {
            assert!(time(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_time_is_told_with_its_range() {
        let range = Duration::ZERO..=Duration::from_hours(9);
        assert_eq!(within("0", range.clone()), Ok(Duration::ZERO));
        let told = within("10h", range).unwrap_err();
        assert!(told.ends_with("from 0ms to 9h"), "{told}");
        assert!(time("x").unwrap_err().ends_with("from 1ms to 366d"));
    }

    #[test]
    fn days_are_whole_numbers() {
        assert_eq!(days("90", 1..=100), Ok(90));
        assert_eq!(days("90d", 1..=100), Ok(90));
        for bad in ["0", "101", "1.5", "d", "", "-1", "90s"] {
            assert!(days(bad, 1..=100).is_err(), "{bad}");
        }
    }
}
