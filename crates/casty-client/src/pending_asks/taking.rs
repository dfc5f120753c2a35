//! The taking of the outcomes of many asks, by one task that waits for all of them.

use super::PendingAsks;
use super::id::AskId;
use super::outcome::Outcome;
use super::stripe_lock::StripeLock;

/// The taking of the outcomes of many asks, under few locks.
pub(crate) struct Taking<'a> {
    asks: &'a PendingAsks,
    lock: StripeLock<'a>,
}

impl<'a> Taking<'a> {
    /// Returns one that has nothing locked.
    pub(crate) fn new(asks: &'a PendingAsks) -> Self {
        let lock = StripeLock::new(&asks.stripes);
        Self { asks, lock }
    }

    /// Returns the outcome of an ask, whose slot is free then; `None` if it has not ended. A stripe
    /// stays locked.
    #[inline]
    pub(crate) fn take(&mut self, id: AskId) -> Option<Outcome> {
        let outcome = self.lock.stripe(id).take_outcome(id)?;
        self.asks.taken(&outcome);
        Some(outcome)
    }

    /// Releases the stripe that is locked.
    pub(crate) fn release(&mut self) {
        self.lock.release();
    }
}
