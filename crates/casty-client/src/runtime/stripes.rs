//! What several threads write at once, kept on cache lines apart.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// As many threads write without meeting.
pub(crate) const STRIPES: usize = 16;

/// A value on cache lines of its own: writing it does not slow down who uses its neighbour.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct CachePadded<T>(pub(crate) T);

impl<T> Deref for CachePadded<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// A number that only grows, cheap to add to from many threads and dear to read.
#[derive(Debug, Default)]
pub(crate) struct StripedCounter([CachePadded<AtomicU64>; STRIPES]);

impl StripedCounter {
    /// Counts one more.
    pub(crate) fn increment(&self) {
        self.0[stripe_of_this_thread()].fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted.
    pub(crate) fn get(&self) -> u64 {
        self.0
            .iter()
            .map(|stripe| stripe.load(Ordering::Relaxed))
            .sum()
    }
}

thread_local! {
    static STRIPE: Cell<usize> = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES)
    };
}

/// The stripe of the calling thread, below [`STRIPES`].
pub(crate) fn stripe_of_this_thread() -> usize {
    STRIPE.get()
}

/// Gives the calling thread the first stripe, whichever thread of the process it is: the ids of
/// asks tell the stripe, and must be the same whenever a simulation is run.
pub(crate) fn take_first_stripe() {
    STRIPE.set(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_count_is_summed() {
        let counter = StripedCounter::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| (0..100).for_each(|_| counter.increment()));
            }
        });
        assert_eq!(counter.get(), 2000);
    }
}
