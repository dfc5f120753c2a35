//! Medians and percentiles.

/// Returns the middle value, or the mean of the two in the middle; 0 of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => 0.0,
    }
}

/// Returns the 50th and the 99th percentile; `None` of none. Sorts the values.
pub fn percentiles(values: &mut [u64]) -> Option<(u64, u64)> {
    values.sort_unstable();
    let at = |percent: usize| values.get(values.len() * percent / 100).copied();
    Some((at(50)?, at(99)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_those_of_the_sorted_values() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median([]).abs() < 1e-9);
        let mut values: Vec<u64> = (0..1000).rev().collect();
        assert_eq!(percentiles(&mut values), Some((500, 990)));
        assert_eq!(percentiles(&mut []), None);
        assert_eq!(percentiles(&mut [7]), Some((7, 7)));
    }
}
