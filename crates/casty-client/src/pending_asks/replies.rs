//! The matching of replies to their asks, many at once, as they are read.

use std::sync::atomic::Ordering;

use super::id::ReplyAddress;
use super::outcome::Outcome;
use super::reply::EncodedReply;
use super::slot::SlotState;
use super::stripe_lock::StripeLock;
use super::waiter::Woken;
use super::{PendingAsks, SHORT_REPLY};

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
            lock: StripeLock::new(&asks.stripes),
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
            return self.count_late(address);
        };
        let outcome = outcome(self.asks);
        // The waiter is moved out, as it must not be dropped with the stripe locked.
        if let Some(waiter) = slot.state.waiter().and_then(Option::take) {
            self.woken.add(waiter);
        }
        let before = std::mem::replace(&mut slot.state, SlotState::Done(outcome));
        if let SlotState::Repeatable(copies) = before {
            drop(copies);
        } else {
            // There is nothing to drop in what has no waiter, and no code that looks is run.
            std::mem::forget(before);
        }
        true
    }

    /// Counts a reply to an ask that has ended; returns `false` if there never was one of this address.
    #[cold]
    fn count_late(&mut self, address: ReplyAddress) -> bool {
        let told = self.lock.stripe(address.id).address(address.id);
        let is_late = told == Some(address);
        self.asks
            .late
            .fetch_add(u64::from(is_late), Ordering::Relaxed);
        is_late
    }
}

impl PendingAsks {
    /// Ends the ask that was told this address, waking its task; a reply that comes too late or twice is
    /// counted and dropped. Returns `false` if none was ever told it.
    pub(crate) fn end(&self, address: ReplyAddress, outcome: Outcome) -> bool {
        let mut woken = Woken::default();
        let was_told = match outcome {
            Ok(reply) => Batch::new(self, &mut woken).reply(address, reply),
            failed => Batch::new(self, &mut woken).end(address, |_| failed),
        };
        woken.wake();
        was_told
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use bytes::Bytes;

    use super::super::id::AskId;
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
        let told = ids.iter().map(|id| asks.address(*id).unwrap());
        let told: Vec<_> = told.collect();
        let mut woken = Woken::default();
        let mut batch = Batch::new(&asks, &mut woken);
        for address in told {
            batch.reply(address, Bytes::new().into());
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
        let told = [open, over].map(|id| asks.address(id).unwrap());
        let mut woken = Woken::default();
        let mut batch = Batch::new(&asks, &mut woken);
        for mut guessed in told {
            guessed.secret ^= 1;
            assert!(!batch.reply(guessed, Bytes::new().into()));
        }
        assert!(batch.reply(told[1], Bytes::new().into()));
        drop(batch);
        assert_eq!((woken.tasks(), asks.late()), (0, 1));
        assert!(poll(&asks, open).is_pending());
    }

    #[test]
    fn who_was_told_one_address_cannot_tell_another() {
        let asks = PendingAsks::of(10, 0);
        let ids = [(); 3].map(|()| asks.open_one(Tick::after(1)).unwrap());
        let told = ids.map(|id| asks.address(id).unwrap());
        let mut woken = Woken::default();
        let mut batch = Batch::new(&asks, &mut woken);
        for one in told {
            // A node that was told one knows the others' ids, and not what goes with them.
            for id in ids.into_iter().filter(|id| *id != one.id) {
                assert!(!batch.reply(ReplyAddress { id, ..one }, Bytes::new().into()));
            }
            for bit in (0..64).map(|bit| 1 << bit) {
                let secret = one.secret ^ bit;
                assert!(!batch.reply(ReplyAddress { secret, ..one }, Bytes::new().into()));
                // The bits of its place in the stripe aside: there the next ask of that number is not yet.
                if bit >> 32 == 0 || bit >> 60 != 0 {
                    let id = AskId::from_bits(one.id.bits() ^ bit);
                    assert!(!batch.reply(ReplyAddress { id, ..one }, Bytes::new().into()));
                }
            }
        }
        drop(batch);
        assert_eq!((woken.tasks(), asks.late()), (0, 0));
        assert!(ids.iter().all(|id| poll(&asks, *id).is_pending()));
    }
}
