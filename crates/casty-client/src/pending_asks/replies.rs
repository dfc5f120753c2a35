//! The matching of replies to their asks, many at once, as they are read.

use std::sync::atomic::Ordering;

use super::id::{AskId, ReplyAddress};
use super::outcome::Outcome;
use super::reply::EncodedReply;
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

    /// Ends the ask that was told this address by its reply; one that comes too late or twice is counted
    /// and dropped. Returns `false` if none was ever told it.
    #[inline]
    pub(crate) fn reply(&mut self, address: ReplyAddress, reply: EncodedReply) -> bool {
        self.end(address, |asks| match &reply {
            EncodedReply::Long(long) if long.len() > SHORT_REPLY => asks.admit(reply),
            _ => Ok(reply),
        })
    }

    #[inline]
    fn end(
        &mut self,
        address: ReplyAddress,
        outcome: impl FnOnce(&PendingAsks) -> Outcome,
    ) -> bool {
        let slot = self.lock.find(address.id);
        let slot = slot.filter(|slot| slot.secret == address.secret && slot.state.is_waiting());
        let Some(slot) = slot else {
            return self.asks.count_late(address);
        };
        let outcome = outcome(self.asks);
        // The waiter is moved out, as it must not be dropped with the stripe locked. All cases are
        // written out, so that no code to drop the others is run.
        match std::mem::replace(&mut slot.state, SlotState::Done(outcome)) {
            SlotState::Waiting(Some(waiter)) => self.woken.add(waiter),
            SlotState::Repeatable(copies) => copies
                .waiter
                .into_iter()
                .for_each(|waiter| self.woken.add(waiter)),
            SlotState::Waiting(None) | SlotState::Free | SlotState::Done(_) => {}
        }
        true
    }
}

impl PendingAsks {
    /// Ends one ask, waking its task; a reply that comes too late or twice is counted and dropped.
    pub(crate) fn end(&self, id: AskId, outcome: Outcome) {
        let mut woken = Woken::default();
        let address = self.secrets.address(id);
        match outcome {
            Ok(reply) => Batch::new(self, &mut woken).reply(address, reply),
            failed => Batch::new(self, &mut woken).end(address, |_| failed),
        };
        woken.wake();
    }

    /// Counts a reply to an ask that has ended; returns `false` if there never was one of this address.
    #[cold]
    fn count_late(&self, address: ReplyAddress) -> bool {
        let is_late = self.secrets.is_true(address);
        self.late.fetch_add(u64::from(is_late), Ordering::Relaxed);
        is_late
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
        let asks = PendingAsks::of(100, 0);
        let open = || asks.open_one(Tick::after(1)).unwrap();
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
            batch.reply(asks.secrets.address(*id), Bytes::new().into());
        }
        drop(batch);
        assert_eq!(woken.tasks(), ids.len());
        woken.wake();
        for id in ids {
            assert!(matches!(poll(&asks, id), std::task::Poll::Ready(Ok(_))));
        }
        assert_eq!(asks.late(), 0);
    }

    #[test]
    fn a_reply_without_the_secret_of_its_ask_ends_none_and_is_not_taken_for_a_late_one() {
        let asks = PendingAsks::of(10, 0);
        let [open, over] = [(); 2].map(|()| asks.open_one(Tick::after(1)).unwrap());
        assert!(poll(&asks, open).is_pending());
        asks.abandon(over);
        let mut woken = Woken::default();
        let mut batch = Batch::new(&asks, &mut woken);
        for id in [open, over] {
            let mut guessed = asks.secrets.address(id);
            guessed.secret ^= 1;
            assert!(!batch.reply(guessed, Bytes::new().into()));
        }
        assert!(batch.reply(asks.secrets.address(over), Bytes::new().into()));
        drop(batch);
        assert_eq!((woken.tasks(), asks.late()), (0, 1));
        assert!(poll(&asks, open).is_pending());
    }
}
