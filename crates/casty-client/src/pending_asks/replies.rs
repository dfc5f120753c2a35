//! The matching of replies to their asks, many at once, as they are read.

use std::sync::atomic::Ordering;

use super::id::AskId;
use super::outcome::Outcome;
use super::slot::SlotState;
use super::waiter::Woken;
use super::{PendingAsks, SHORT_REPLY, StripeLock};

/// The end of many asks under few locks. Who waits for them is added to `woken`, to be woken once
/// the batch is dropped.
pub(crate) struct Batch<'a> {
    asks: &'a PendingAsks,
    lock: StripeLock<'a>,
    /// Kept until no stripe is locked, so that a woken task does not wait for this thread.
    woken: &'a mut Woken,
}

impl<'a> Batch<'a> {
    /// Creates an empty batch, with no stripe locked.
    pub(crate) fn new(asks: &'a PendingAsks, woken: &'a mut Woken) -> Self {
        Self {
            asks,
            lock: StripeLock::new(asks),
            woken,
        }
    }

    /// Ends one ask.
    pub(crate) fn end(&mut self, id: AskId, outcome: Outcome) {
        let slot = self.lock.find(id);
        let state = slot.map(|slot| &mut slot.state);
        let Some(state) = state.filter(|state| state.is_waiting()) else {
            self.asks.late.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let outcome = match outcome {
            Ok(reply) if reply.len() > SHORT_REPLY => self.asks.admit(reply),
            outcome => outcome,
        };
        // The waiter is moved out, as it must not be dropped with the stripe locked. All cases are
        // written out, so that no code to drop the others is run.
        match std::mem::replace(state, SlotState::Done(outcome)) {
            SlotState::Waiting(Some(waiter)) => self.woken.add(waiter),
            SlotState::Repeatable(copies) => copies
                .waiter
                .into_iter()
                .for_each(|waiter| self.woken.add(waiter)),
            SlotState::Waiting(None) | SlotState::Free | SlotState::Done(_) => {}
        }
    }
}

impl PendingAsks {
    /// Ends one ask, waking its task; a reply that comes too late or twice is counted and dropped.
    pub(crate) fn end(&self, id: AskId, outcome: Outcome) {
        let mut woken = Woken::default();
        Batch::new(self, &mut woken).end(id, outcome);
        woken.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use bytes::Bytes;

    use super::*;
    use crate::runtime::clock::Tick;

    fn poll(asks: &PendingAsks, id: AskId) -> std::task::Poll<Outcome> {
        asks.poll(id, &Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_batch_of_replies_to_asks_of_many_threads_reaches_all_of_them() {
        let asks = PendingAsks::new(100, 0);
        let open = || asks.open(Tick::after(1)).unwrap();
        // Two of each of 20 threads, one after the other, so that some lie in one stripe.
        let ids = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..20)
                .map(|_| scope.spawn(move || [open(), open()]))
                .collect();
            let ids = threads.into_iter().flat_map(|it| it.join().unwrap());
            ids.collect::<Vec<_>>()
        });
        assert!(ids.iter().any(|id| id.stripe() != ids[0].stripe()));
        for id in &ids {
            assert!(poll(&asks, *id).is_pending());
        }
        let mut woken = Woken::default();
        let mut batch = Batch::new(&asks, &mut woken);
        for id in &ids {
            batch.end(*id, Ok(Bytes::new().into()));
        }
        drop(batch);
        assert_eq!(woken.tasks(), ids.len());
        woken.wake();
        for id in ids {
            assert!(matches!(poll(&asks, id), std::task::Poll::Ready(Ok(_))));
        }
        assert_eq!(asks.late(), 0);
    }
}
