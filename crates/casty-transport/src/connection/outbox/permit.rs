//! Waiting for capacity in an outbox, one task after the other.

use std::pin::pin;

use super::Outbox;
use super::limits::RejectReason;
use super::state::OutboxTag;

/// The permission to push of a task that waited for capacity; dropped, it wakes the next one that
/// waits, if there is capacity left. It reserves nothing.
#[derive(Debug)]
#[must_use = "the next one is woken when it is dropped"]
pub struct Permit<'a, T>(&'a Outbox<T>);

impl<T: OutboxTag> Outbox<T> {
    /// Waits until a frame of `length` bytes, type byte included, would not be refused for want of
    /// capacity, or until messages that match it may have been [revoked](Self::revoke). Another
    /// task may be faster, so a [`push`](Self::push) after it can still be refused.
    ///
    /// Of those who wait, one is woken at a time, the one that has waited longest; the next when
    /// its [`Permit`] is dropped, if there is capacity then, or as soon as there is. So push before
    /// you drop it.
    ///
    /// # Cancel safety
    /// Nothing is lost: no place is reserved, and the permit passes to the next.
    pub async fn capacity(&self, length: usize) -> Permit<'_, T> {
        let (mut woken, mut revocations) = (false, None);
        loop {
            let mut notified = pin!(self.capacity.notified());
            // From here on a notification counts, so none between the check and the wait is missed.
            notified.as_mut().enable();
            let pass = {
                // Released before the await below, and before the notification, which takes a lock
                // of its own.
                let mut state = self.state.lock();
                let known = *revocations.get_or_insert(state.revocations);
                match state.admit(length, self.limits) {
                    // It may be refused now whatever the capacity, and find another route.
                    _ if known != state.revocations => return Permit(self),
                    Err(RejectReason::Full { .. }) => state.waiting += 1,
                    _ => return Permit(self),
                }
                let pass = woken && state.passes > 0 && state.is_half_free(self.limits);
                state.passes -= usize::from(pass);
                pass
            };
            // Counts this task out again, also if it is dropped while it waits. Dropped before
            // `notified`, which hands a notification that was not used to the next waiter.
            let _leaving = Leaving(self);
            if pass {
                // There is capacity, if not for this task: wake the next, which may want less.
                // `passes` bounds that, so that waiters do not wake each other in a circle.
                self.capacity.notify_one();
            }
            notified.await;
            woken = true;
        }
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        let Self(outbox) = self;
        let state = outbox.state.lock();
        let wake = state.waiting > 0 && state.is_half_free(outbox.limits);
        // Released first, so that the woken task does not find it taken.
        drop(state);
        if wake {
            outbox.capacity.notify_one();
        }
    }
}

/// A task that waits for capacity: counted out when it is woken or dropped.
struct Leaving<'a, T>(&'a Outbox<T>);

impl<T> Drop for Leaving<'_, T> {
    fn drop(&mut self) {
        self.0.state.lock().waiting -= 1;
    }
}
