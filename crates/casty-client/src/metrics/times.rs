//! A histogram of times that are counted as they come and told to the recorder once a second.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Histogram};

/// The buckets of each doubling, as a power of two: so a time is told right to a 32nd.
const FINENESS: u32 = 4;
/// The number of buckets of each doubling.
const PER_DOUBLING: usize = 1 << FINENESS;
/// The doublings that there are buckets for; the last one ends at 19 hours.
const DOUBLINGS: usize = 32;
const BUCKETS: usize = PER_DOUBLING * (DOUBLINGS + 1);

/// The most samples that one histogram is told at once: exporters keep each until they are asked.
///
/// Beyond it, the histogram is told a share of the samples, in the same proportions; the counter has all.
pub(crate) const SAMPLES: u64 = 10_000;

/// The times of one kind of ask. Takes 2 KiB.
pub(crate) struct Times {
    counts: Box<[AtomicU32]>,
    /// The asks whose time was not taken.
    untimed: AtomicU64,
    counter: Counter,
    histogram: Histogram,
}

impl Times {
    /// Creates an empty one, that is told to these.
    pub(crate) fn new(counter: Counter, histogram: Histogram) -> Self {
        Self {
            counts: (0..BUCKETS).map(|_| AtomicU32::new(0)).collect(),
            untimed: AtomicU64::new(0),
            counter,
            histogram,
        }
    }

    /// Counts an ask, and its time if it was taken. One atomic addition.
    #[inline]
    pub(crate) fn count(&self, took: Option<Duration>) {
        // Nothing is read by what was counted here but the count.
        let Some(took) = took else {
            self.untimed.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if let Some(count) = self.counts.get(bucket(took)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells the recorder what was counted since the last call, and returns how many asks that were.
    pub(crate) fn tell(&self) -> u64 {
        let untimed = self.untimed.swap(0, Ordering::Relaxed);
        let mut counts = self.counts.iter();
        if untimed == 0 && counts.all(|count| count.load(Ordering::Relaxed) == 0) {
            return 0;
        }
        let counts = self.counts.iter();
        let counts: Vec<u64> = counts
            .map(|count| match count.load(Ordering::Relaxed) {
                0 => 0,
                _ => count.swap(0, Ordering::Relaxed).into(),
            })
            .collect();
        let timed: u64 = counts.iter().sum();
        self.counter.increment(timed + untimed);
        for (bucket, samples) in shares(&counts, timed).filter(|(_, samples)| *samples > 0) {
            self.histogram.record_many(middle(bucket), samples);
        }
        timed + untimed
    }
}

/// Returns how many samples are told of each bucket: all, or its share of [`SAMPLES`].
fn shares(counts: &[u64], total: u64) -> impl Iterator<Item = (usize, usize)> {
    let wanted = total.min(SAMPLES);
    let (mut counted, mut told) = (0_u64, 0_u64);
    counts.iter().enumerate().map(move |(bucket, count)| {
        counted += count;
        // In 128 bits, because a product of both may be beyond 64.
        let due = u128::from(counted) * u128::from(wanted) / u128::from(total.max(1));
        let due = u64::try_from(due).unwrap_or(wanted);
        let samples = due - told;
        told = due;
        (bucket, usize::try_from(samples).unwrap_or(usize::MAX))
    })
}

/// Returns the bucket of a time, in microseconds: one for each of the first, then so many for each doubling.
fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let doubling = micros.max(1).ilog2().saturating_sub(FINENESS - 1);
    if doubling == 0 {
        return usize::try_from(micros).unwrap_or(BUCKETS);
    }
    let within = usize::try_from(micros >> (doubling - 1)).unwrap_or(BUCKETS) - PER_DOUBLING;
    let doubling = usize::try_from(doubling).unwrap_or(BUCKETS);
    (doubling * PER_DOUBLING + within).min(BUCKETS - 1)
}

/// Returns the time in the middle of a bucket, in seconds.
#[expect(clippy::cast_precision_loss, reason = "no bucket comes near 2^53")]
fn middle(bucket: usize) -> f64 {
    let (doubling, within) = (bucket / PER_DOUBLING, bucket % PER_DOUBLING);
    let micros = match doubling {
        0 => within as f64 + 0.5,
        _ => ((PER_DOUBLING + within) as f64 + 0.5) * (1_u64 << (doubling - 1)) as f64,
    };
    micros / 1e6
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use metrics::HistogramFn;
    use parking_lot::Mutex;

    use super::*;

    /// Keeps what it is told.
    #[derive(Default)]
    struct Told(Mutex<Vec<f64>>);

    impl HistogramFn for Told {
        fn record(&self, value: f64) {
            self.0.lock().push(value);
        }
    }

    #[test]
    fn what_is_not_timed_is_counted() {
        let (counter, told) = (Arc::new(AtomicU64::new(0)), Arc::new(Told::default()));
        let times = Times::new(
            Counter::from_arc(Arc::clone(&counter)),
            Histogram::from_arc(Arc::clone(&told)),
        );
        times.count(Some(Duration::from_micros(5)));
        (0..3).for_each(|_| times.count(None));
        assert_eq!(times.tell(), 4);
        assert_eq!(counter.load(Ordering::Relaxed), 4);
        assert_eq!(*told.0.lock(), [5.5e-6]);
        times.count(None);
        assert_eq!((times.tell(), times.tell()), (1, 0));
        assert_eq!(counter.load(Ordering::Relaxed), 5);
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "no time here comes near 2^53")]
    fn a_time_is_told_right_to_a_32nd() {
        let mut last = 0;
        for micros in (0..4_000).chain((4_000..3_000_000_000).step_by(777_777)) {
            let place = bucket(Duration::from_micros(micros));
            assert!(place >= last && place < BUCKETS, "{micros}: {place}");
            last = place;
            let (told, right) = (middle(place) * 1e6, micros as f64);
            let off = (told - right).abs();
            assert!(off <= 0.5 + right / 32.0, "{micros}: {told}");
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
        assert!(middle(BUCKETS - 1) > 60_000.0);
    }

    #[test]
    fn what_is_told_is_all_of_it_or_a_share_with_the_same_proportions() {
        let few = [3, 0, 7];
        let told: Vec<_> = shares(&few, 10).map(|(_, samples)| samples).collect();
        assert_eq!(told, [3, 0, 7]);
        let many = [SAMPLES * 30, 0, SAMPLES * 10];
        let told: Vec<_> = shares(&many, SAMPLES * 40).collect();
        assert_eq!(told, [(0, 7_500), (1, 0), (2, 2_500)]);
        let rare = [SAMPLES * SAMPLES, 1];
        let told: u64 = shares(&rare, SAMPLES * SAMPLES + 1)
            .map(|(_, it)| it as u64)
            .sum();
        assert_eq!(told, SAMPLES);
    }
}
