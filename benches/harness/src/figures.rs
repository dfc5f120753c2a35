//! Medians, quartiles and percentiles.

use serde::{Deserialize, Serialize};

/// The percentiles of an ask's time that are kept, in thousandths.
pub const PERMILLES: [u16; 10] = [50, 100, 250, 500, 750, 900, 950, 990, 995, 999];

/// The place of the median among [`PERMILLES`], ...
pub const P50: usize = 3;
/// ... and that of the 99th percentile.
pub const P99: usize = 7;

/// The middle of some values, and the half of them around it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The value that a quarter is below.
    pub low: f64,
    /// The value that a half is below.
    pub median: f64,
    /// The value that three quarters are below.
    pub high: f64,
}

impl Spread {
    /// Returns the quartiles; `None` of no values. Between two values it takes what lies between
    /// them in proportion.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|it| it.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Some(Self {
            low: quantile(&values, 1)?,
            median: quantile(&values, 2)?,
            high: quantile(&values, 3)?,
        })
    }
}

/// Returns the value that so many quarters of the sorted values are below.
#[expect(clippy::cast_precision_loss, reason = "a remainder of four")]
fn quantile(sorted: &[f64], quarters: usize) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let (at, between) = (last * quarters / 4, last * quarters % 4);
    let low = *sorted.get(at)?;
    let high = sorted.get(at + 1).copied().unwrap_or(low);
    Some(low + (high - low) * between as f64 / 4.0)
}

/// Returns the value in the middle; 0 of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    Spread::of(values).map_or(0.0, |spread| spread.median)
}

/// Returns the 50th and the 99th percentile; `None` of none. Sorts the values.
pub fn p50_and_p99(values: &mut [u64]) -> Option<(u64, u64)> {
    values.sort_unstable();
    let at = |percent: usize| values.get(values.len() * percent / 100).copied();
    Some((at(50)?, at(99)?))
}

/// Returns the [`PERMILLES`] of times in nanoseconds, in microseconds; none of none. Sorts the
/// times.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub fn percentiles(nanoseconds: &mut [u64]) -> Vec<f64> {
    nanoseconds.sort_unstable();
    let at = |permille: u16| nanoseconds.get(nanoseconds.len() * usize::from(permille) / 1000);
    PERMILLES
        .into_iter()
        .filter_map(|permille| Some(*at(permille)? as f64 / 1e3))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_those_of_the_sorted_values() {
        for (values, expected) in [
            (&[7.0][..], [7.0, 7.0, 7.0]),
            (&[3.0, 1.0, 2.0], [1.5, 2.0, 2.5]),
            (&[4.0, 1.0, 2.0, 3.0], [1.75, 2.5, 3.25]),
            (&[5.0, 1.0, 2.0, 4.0, 3.0], [2.0, 3.0, 4.0]),
            (&[f64::NAN, 1.0, f64::INFINITY], [1.0, 1.0, 1.0]),
        ] {
            let [low, median, high] = expected;
            let spread = Spread::of(values.iter().copied());
            assert_eq!(spread, Some(Spread { low, median, high }));
        }
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN]), None);
    }

    #[test]
    fn medians_are_those_of_the_sorted_values() {
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median([]).abs() < 1e-9);
        let mut values: Vec<u64> = (0..1000).rev().collect();
        assert_eq!(p50_and_p99(&mut values), Some((500, 990)));
        assert_eq!(p50_and_p99(&mut []), None);
    }

    #[test]
    fn percentiles_are_in_microseconds() {
        let mut times: Vec<u64> = (0..1000).rev().map(|micros| micros * 1000).collect();
        let found = percentiles(&mut times);
        let expected = PERMILLES.map(f64::from);
        assert_eq!(found, expected);
        assert_eq!(percentiles(&mut []), Vec::<f64>::new());
        assert_eq!(percentiles(&mut [2000]), vec![2.0; PERMILLES.len()]);
        assert_eq!((PERMILLES[P50], PERMILLES[P99]), (500, 990));
    }
}
