//! Data that several threads write at once, striped over separate cache lines.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of stripes: so many threads write without contention.
pub(crate) const STRIPES: usize = 16;

/// A value on cache lines of its own, so that writing it does not slow down the use of its
/// neighbour.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct CachePadded<T>(pub(crate) T);

impl<T> Deref for CachePadded<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

thread_local! {
    static STRIPE: Cell<usize> = {
        // Relaxed: each thread needs a number of its own, in no particular order.
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES)
    };
}

/// Returns the stripe of the calling thread, below [`STRIPES`].
pub(crate) fn stripe_of_this_thread() -> usize {
    STRIPE.get()
}

/// Gives the calling thread the first stripe, whichever thread of the process it is. The ids of
/// asks hold the stripe, and must be the same whenever a simulation is run.
pub(crate) fn take_first_stripe() {
    STRIPE.set(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_have_different_stripes_and_one_may_take_the_first() {
        let stripes: std::collections::BTreeSet<_> = std::thread::scope(|scope| {
            let threads = (0..20).map(|_| {
                scope.spawn(|| {
                    let own = stripe_of_this_thread();
                    take_first_stripe();
                    assert_eq!(stripe_of_this_thread(), 0);
                    own
                })
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert!(stripes.len() > 1 && stripes.iter().all(|stripe| *stripe < STRIPES));
    }
}
