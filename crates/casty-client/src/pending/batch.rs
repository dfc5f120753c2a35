//! The end of many asks at once, as replies come in.

use std::sync::atomic::Ordering;
use std::task::Waker;

use parking_lot::MutexGuard;

use super::id::AskId;
use super::outcome::Outcome;
use super::slot::{SlotState, Stripe};
use super::{PendingAsks, SHORT_REPLY};

/// Ends many asks under few locks, and wakes their tasks when all are filled.
pub(crate) struct Batch<'a> {
    asks: &'a PendingAsks,
    held: Option<(usize, MutexGuard<'a, Stripe>)>,
    wakers: Vec<Waker>,
}

impl<'a> Batch<'a> {
    /// An empty batch.
    pub(crate) fn new(asks: &'a PendingAsks) -> Self {
        Self {
            asks,
            held: None,
            wakers: Vec::new(),
        }
    }

    /// Ends one ask; its task is woken when the batch is dropped.
    pub(crate) fn end(&mut self, id: AskId, outcome: Outcome) {
        let number = id.stripe();
        if self.held.as_ref().is_none_or(|(held, _)| *held != number) {
            // The lock that is held goes first: two batches never wait for one another.
            self.held = None;
            self.held = Some((number, self.asks.stripes[number].lock()));
        }
        let slot = self.held.as_mut().and_then(|(_, stripe)| stripe.find(id));
        let state = slot.map(|slot| &mut slot.state);
        let Some(state) = state.filter(|state| state.is_waiting()) else {
            self.asks.late.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let outcome = match outcome {
            Ok(reply) if reply.len() > SHORT_REPLY => self.asks.admit(reply),
            outcome => outcome,
        };
        // Moved apart, so that what is empty in nearly every case is not dropped piece by piece.
        match std::mem::replace(state, SlotState::Done(outcome)) {
            SlotState::Waiting(Some(waker)) => self.wakers.push(waker),
            SlotState::Repeatable(copies) => self.wakers.extend(copies.waker),
            SlotState::Waiting(None) | SlotState::Free | SlotState::Done(_) => {}
        }
    }

    /// Tasks that will be woken.
    pub(crate) fn woken(&self) -> usize {
        self.wakers.len()
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.held = None;
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

impl PendingAsks {
    /// Ends one ask, waking its task; a reply that comes too late or twice is counted and dropped.
    pub(crate) fn end(&self, id: AskId, outcome: Outcome) {
        let mut batch = Batch::new(self);
        batch.end(id, outcome);
    }
}
