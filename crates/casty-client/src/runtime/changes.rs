//! Something that changes, and tasks that wait for it.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// The number of times that something has changed. Tasks that wait for the next time are woken in the order
/// in which they began to wait, which those of a watch are not: a simulation repeats itself.
#[derive(Default)]
pub(crate) struct Changes {
    count: AtomicU64,
    changed: Notify,
}

impl Changes {
    /// Returns the number of changes so far.
    pub(crate) fn count(&self) -> u64 {
        // Pairs with `note`: whoever sees the number sees what has changed.
        self.count.load(Ordering::Acquire)
    }

    /// Notes a change, and wakes all who wait.
    pub(crate) fn note(&self) {
        self.count.fetch_add(1, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Waits until there were more changes than `seen`.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub(crate) async fn since(&self, seen: u64) {
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on a change counts, so none between the look and the wait is missed.
            changed.as_mut().enable();
            if self.count() != seen {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn a_change_before_and_during_a_wait_ends_it() {
        let changes = Changes::default();
        let mut cx = Context::from_waker(Waker::noop());
        let seen = changes.count();
        let mut waiting = pin!(changes.since(seen));
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        changes.note();
        assert!(waiting.as_mut().poll(&mut cx).is_ready());
        assert!(pin!(changes.since(seen)).poll(&mut cx).is_ready());
        let seen = changes.count();
        assert!(pin!(changes.since(seen)).poll(&mut cx).is_pending());
    }
}
