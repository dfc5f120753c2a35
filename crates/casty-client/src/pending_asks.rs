//! The asks that wait for a reply: a bounded table of slots, found by the id that travels in the
//! reply's address.
//!
//! An id is a slot's index and generation, so a late or repeated reply finds a newer generation and
//! is dropped. The table is striped by the asking thread: threads do not wait for one another, and
//! the driver that reads a batch of replies locks a few times for all of them.
//!
//! An ask that may be sent again keeps a record of its copies in its slot; its own task sends them,
//! woken when one is due.
//!
//! Each stripe has a lock, the last in the [lock order](crate::shared): with one locked, neither is
//! another one locked nor a waker woken or dropped, because a waker may be the last to own a task,
//! whose drop may end asks in turn. The outcome is stored and the waker taken under one lock, and a
//! task that finds no outcome leaves its waker under the same lock, so no wake-up is missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use casty_proto::NodeAddress;
use parking_lot::{Mutex, MutexGuard};

use crate::error::Fate;
use crate::runtime::byte_limit::ByteLimit;
use crate::runtime::clock::Tick;
use crate::runtime::stripes::CachePadded;

mod carriers;
pub(crate) mod copies;
pub(crate) mod id;
pub(crate) mod letters;
pub(crate) mod opening;
pub(crate) mod outcome;
pub(crate) mod replies;
pub(crate) mod reply;
pub(crate) mod retries;
pub(crate) mod secrets;
mod slot;
mod stripe_lock;
pub(crate) mod taking;
pub(crate) mod waiter;

use copies::{Copies, RetryStatus};
use id::{AskId, MAX_PENDING, NOBODY, PeerId, ReplyAddress};
use outcome::{Failure, Outcome, Step};
use reply::EncodedReply;
use secrets::Secrets;
use slot::{Slot, SlotState, Stripe};
use stripe_lock::{StripeLock, Stripes};
use waiter::{Group, Waiter, Woken};

/// The asks of one client.
pub(crate) struct PendingAsks {
    stripes: Stripes,
    /// The part of the limit that no stripe has. Relaxed: only the number counts.
    spare: CachePadded<AtomicUsize>,
    limit: usize,
    /// The number of late replies; read for statistics alone, so no order is needed.
    late: AtomicU64,
    /// The bytes of messages kept to be sent again, and of long replies that were not taken yet.
    pub(crate) bytes: ByteLimit,
}

/// The longest reply in bytes that is not counted against the limit: the number of asks bounds
/// such.
const SHORT_REPLY: usize = 4096;

impl PendingAsks {
    /// Creates an empty table of at most `limit` asks, which keep at most `bytes` bytes.
    pub(crate) fn new(limit: usize, bytes: usize, secrets: &Secrets) -> Self {
        let limit = limit.min(MAX_PENDING);
        Self {
            stripes: std::array::from_fn(|number| {
                CachePadded(Mutex::new(Stripe::new(secrets.of_stripe(number))))
            }),
            spare: CachePadded(AtomicUsize::new(limit)),
            limit,
            late: AtomicU64::new(0),
            bytes: ByteLimit::new(bytes),
        }
    }

    /// Notes that a connection is about to carry an ask, or one more copy of it.
    pub(crate) fn carried_by(&self, id: AskId, carrier: PeerId) {
        if let Some(slot) = self.stripe(id).find(id) {
            slot.carried_by(carrier);
        }
    }

    /// Notes that a connection is about to carry these asks: under few locks if one thread opened
    /// them.
    pub(crate) fn all_carried_by(&self, ids: impl Iterator<Item = AskId>, carrier: PeerId) {
        let mut lock = StripeLock::new(&self.stripes);
        for id in ids {
            if let Some(slot) = lock.find(id) {
                slot.carried_by(carrier);
            }
        }
    }

    /// Notes that a connection will not carry the ask that it was expected to carry, and did not have.
    #[cold]
    pub(crate) fn not_carried(&self, id: AskId, expected: PeerId) {
        if let Some(slot) = self.stripe(id).find(id) {
            slot.not_carried(expected);
        }
    }

    /// Notes that a connection did not accept, or gave back, the ask that it was to carry.
    pub(crate) fn requeued(&self, id: AskId, carrier: PeerId) {
        if let Some(slot) = self.stripe(id).find(id) {
            slot.requeued(carrier);
        }
    }

    /// Returns the reason for which the task of a repeatable ask was woken, if not for its end. To
    /// be called after [`poll`](Self::poll), which leaves the waker: a reason that comes later
    /// wakes the task again.
    pub(crate) fn retry_status(&self, id: AskId) -> Option<RetryStatus> {
        self.with_copies(id, Copies::take_status)?
    }

    /// Notes that one more copy is about to be sent, and the time at which the next is due; returns
    /// `false` if the ask has ended.
    pub(crate) fn repeat(&self, id: AskId, due: Option<Tick>) -> bool {
        let noted = self.with_copies(id, |copies| {
            copies.add();
            copies.arm(due);
        });
        noted.is_some()
    }

    /// Notes the time at which the next copy is due.
    pub(crate) fn arm(&self, id: AskId, due: Option<Tick>) {
        self.with_copies(id, |copies| copies.arm(due));
    }

    /// Notes that the copy just announced was not accepted.
    pub(crate) fn refused(&self, id: AskId) {
        self.apply(id, |slot| match &mut slot.state {
            SlotState::Repeatable(copies) => copies.refused(),
            _ => Step::Wait,
        });
    }

    /// Ends a repeatable ask, of which no more copies are sent, unless one may still be answered.
    pub(crate) fn stop_retrying(&self, id: AskId) {
        self.apply(id, |slot| match &slot.state {
            SlotState::Repeatable(copies) => copies.end(),
            _ => Step::Wait,
        });
    }

    fn with_copies<T>(&self, id: AskId, act: impl FnOnce(&mut Copies) -> T) -> Option<T> {
        match self.stripe(id).find(id) {
            Some(Slot {
                state: SlotState::Repeatable(copies),
                ..
            }) => Some(act(copies)),
            _ => None,
        }
    }

    /// Returns the outcome, or has the task woken when there is one. The slot is free once the
    /// outcome was returned.
    pub(crate) fn poll(&self, id: AskId, cx: &Context<'_>) -> Poll<Outcome> {
        self.look(id, |waiter| waiter.is_task(cx), || Waiter::task(cx))
    }

    /// Returns the outcome of an ask of a group, or leaves the place to wait for it.
    pub(crate) fn poll_place(&self, id: AskId, group: &Arc<Group>, place: u32) -> Poll<Outcome> {
        let is_same = |waiter: &Waiter| matches!(waiter, Waiter::Place(..));
        self.look(id, is_same, || Waiter::Place(Arc::clone(group), place))
    }

    /// Returns the outcome, or leaves the waiter that `make` returns, unless the one that is there
    /// is the same.
    #[inline]
    fn look(
        &self,
        id: AskId,
        is_same: impl FnOnce(&Waiter) -> bool,
        make: impl FnOnce() -> Waiter,
    ) -> Poll<Outcome> {
        let mut stripe = self.stripe(id);
        if let Some(outcome) = stripe.take_outcome(id) {
            drop(stripe);
            self.taken(&outcome);
            return Poll::Ready(outcome);
        }
        let Some(waiter) = stripe.find(id).and_then(|slot| slot.state.waiter()) else {
            debug_assert!(false, "an ask is polled only until it has ended");
            return Poll::Ready(Err(Failure::Timeout));
        };
        if !waiter.as_ref().is_some_and(is_same) {
            let former = waiter.replace(make());
            // With no stripe locked: it may be the last to own a task.
            drop(stripe);
            drop(former);
        }
        Poll::Pending
    }

    /// Frees the slot of an ask whose reply is no longer awaited.
    pub(crate) fn abandon(&self, id: AskId) {
        // The guard is gone at the end of this statement, before the waker in the state is dropped.
        let state = self.stripe(id).close(id);
        if let Some(SlotState::Done(outcome)) = &state {
            self.taken(outcome);
        }
    }

    /// Releases the bytes of the reply that was in a slot.
    #[inline]
    fn taken(&self, outcome: &Outcome) {
        if let Ok(reply) = outcome
            && reply.len() > SHORT_REPLY
        {
            self.bytes.release(reply.len());
        }
    }

    /// Ends one ask without a reply, unless it has ended or another copy of it may be answered.
    pub(crate) fn fail(&self, id: AskId, failure: Failure) {
        self.apply(id, |slot| match (&mut slot.state, failure) {
            (SlotState::Repeatable(copies), Failure::NotSent(reason)) => {
                copies.fail_not_sent(reason)
            }
            (SlotState::Repeatable(copies), Failure::Lost { .. }) => copies.mark_unknown(),
            (SlotState::Waiting(_) | SlotState::Repeatable(_), failure) => Step::End(failure),
            (SlotState::Free | SlotState::Done(_), _) => Step::Wait,
        });
    }

    /// Ends every ask that the connection `lost` carried, or has it sent again.
    pub(crate) fn lose(&self, lost: PeerId, node: &NodeAddress) {
        self.sweep(|slot| match &mut slot.state {
            SlotState::Waiting(_) if slot.carrier == lost => Step::End(Failure::Lost {
                node: node.clone(),
                fate: Fate::Written,
            }),
            SlotState::Repeatable(copies) => copies.lose(lost, node),
            _ => Step::Wait,
        });
    }

    /// Ends every sent ask whose deadline is `now` or earlier. One that is buffered is ended by the
    /// router, which knows that it was not sent.
    pub(crate) fn expire(&self, now: Tick) {
        self.sweep(|slot| match &mut slot.state {
            SlotState::Waiting(_) if slot.deadline <= now && slot.carrier != NOBODY => {
                Step::End(Failure::Timeout)
            }
            SlotState::Repeatable(copies) => copies.expire(now, slot.deadline),
            _ => Step::Wait,
        });
    }

    /// Ends every ask, because no reply comes any more.
    pub(crate) fn end_all(&self) {
        self.sweep(|slot| {
            if slot.state.is_waiting() {
                Step::End(Failure::Closed)
            } else {
                Step::Wait
            }
        });
    }

    /// Returns the address that an ask was told, whether it has ended or not; `None` if there was none of
    /// that id.
    pub(crate) fn address(&self, id: AskId) -> Option<ReplyAddress> {
        self.stripe(id).address(id)
    }

    /// Returns whether the ask still waits for its reply.
    pub(crate) fn is_awaited(&self, id: AskId) -> bool {
        self.stripe(id)
            .find(id)
            .is_some_and(|slot| slot.state.is_waiting())
    }

    /// Returns whether any ask still waits for its reply. Walks all slots.
    pub(crate) fn any_awaited(&self) -> bool {
        let waits = |slot: &Slot| slot.state.is_waiting();
        self.stripes
            .iter()
            .any(|stripe| stripe.lock().slots.iter().any(waits))
    }

    /// Returns the number of asks that wait, or whose outcome was not taken yet: exact while none is
    /// opened or freed.
    pub(crate) fn pending(&self) -> usize {
        self.stripes
            .iter()
            .map(|stripe| stripe.lock().taken())
            .sum()
    }

    /// Returns the largest number of asks that may wait.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the number of replies that came after their ask had ended.
    pub(crate) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Returns a long reply, or its failure if the limit leaves no bytes for it.
    fn admit(&self, reply: EncodedReply) -> Outcome {
        if self.bytes.reserve(reply.len()) {
            Ok(reply)
        } else {
            Err(Failure::Dropped(reply.len()))
        }
    }

    /// Applies an event to one ask, and wakes its task if that is due.
    fn apply(&self, id: AskId, event: impl FnOnce(&mut Slot) -> Step) {
        let mut stripe = self.stripe(id);
        let waiter = stripe.find(id).and_then(|slot| {
            let step = event(slot);
            slot.take(step)
        });
        // With no stripe locked; see the module.
        drop(stripe);
        if let Some(waiter) = waiter {
            let mut woken = Woken::default();
            woken.add(waiter);
            woken.wake();
        }
    }

    /// Applies an event to all asks, each stripe locked by itself. An ask that is opened behind the
    /// sweep is not seen: after a loss the ended outbox refuses it, after the end of the client its
    /// opener finds that closed, and deadlines are swept again at the next tick.
    fn sweep(&self, event: impl Fn(&mut Slot) -> Step) {
        // Kept until all stripes are released, and then woken.
        let mut woken = Woken::default();
        for stripe in &self.stripes {
            let mut stripe = stripe.lock();
            for slot in &mut stripe.slots {
                let step = event(slot);
                slot.take(step).into_iter().for_each(|it| woken.add(it));
            }
        }
        woken.wake();
    }

    fn stripe(&self, id: AskId) -> MutexGuard<'_, Stripe> {
        self.stripes[id.stripe()].lock()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use bytes::Bytes;

    use super::*;

    fn poll(asks: &PendingAsks, id: AskId) -> Poll<Outcome> {
        asks.poll(id, &Context::from_waker(Waker::noop()))
    }

    /// Ends an ask with a reply, at the address that it was told.
    fn reply(asks: &PendingAsks, id: AskId, reply: impl Into<Bytes>) {
        let address = asks.address(id).unwrap();
        assert!(asks.end(address, Ok(reply.into().into())));
    }

    #[test]
    fn a_slot_fits_a_cache_line() {
        assert!(size_of::<Slot>() <= 64, "{}", size_of::<Slot>());
    }

    #[test]
    fn a_reply_reaches_its_ask_once_and_a_second_one_is_counted() {
        let asks = PendingAsks::of(10, 0);
        let id = asks.open_one(Tick::after(100)).unwrap();
        assert!(poll(&asks, id).is_pending());
        assert_eq!(asks.late(), 0);
        reply(&asks, id, &b"first"[..]);
        reply(&asks, id, &b"second"[..]);
        assert!(matches!(poll(&asks, id), Poll::Ready(Ok(reply)) if *reply == *b"first"));
        assert_eq!((asks.pending(), asks.late()), (0, 1));
    }

    #[test]
    fn a_late_reply_never_reaches_the_next_ask_in_the_slot() {
        let asks = PendingAsks::of(10, 0);
        let first = asks.open_one(Tick::after(100)).unwrap();
        asks.abandon(first);
        let second = asks.open_one(Tick::after(100)).unwrap();
        assert_ne!(first, second);
        reply(&asks, first, &b"late"[..]);
        assert!(poll(&asks, second).is_pending());
        assert_eq!(asks.late(), 1);
    }

    #[test]
    fn a_full_table_is_an_answer_and_a_dropped_ask_frees_a_slot() {
        let asks = PendingAsks::of(2, 0);
        let id = asks.open_one(Tick::after(1)).unwrap();
        asks.open_one(Tick::after(1)).unwrap();
        assert_eq!(asks.open_one(Tick::after(1)), None);
        asks.abandon(id);
        assert!(asks.open_one(Tick::after(1)).is_some());
    }

    #[test]
    fn deadlines_and_lost_connections_end_only_their_own() {
        let asks = PendingAsks::of(10, 0);
        let soon = asks.open_one(Tick::after(5)).unwrap();
        asks.carried_by(soon, PeerId(1));
        let late = asks.open_one(Tick::after(50)).unwrap();
        asks.carried_by(late, PeerId(1));
        let unsent = asks.open_one(Tick::after(50)).unwrap();
        asks.carried_by(unsent, PeerId(1));
        let other = asks.open_one(Tick::after(50)).unwrap();
        asks.carried_by(other, PeerId(2));
        asks.expire(Tick::after(5));
        assert!(matches!(
            poll(&asks, soon),
            Poll::Ready(Err(Failure::Timeout))
        ));
        let node = NodeAddress::new("n", 1);
        asks.requeued(unsent, PeerId(1));
        asks.lose(PeerId(1), &node);
        assert!(
            matches!(poll(&asks, late), Poll::Ready(Err(Failure::Lost { node: lost, .. })) if lost == node)
        );
        assert!(poll(&asks, unsent).is_pending() && poll(&asks, other).is_pending());
    }

    #[test]
    fn an_ask_that_a_connection_did_not_take_before_it_was_lost_is_not_lost_with_it() {
        let (asks, node) = (PendingAsks::of(10, 0), NodeAddress::new("n", 1));
        let id = asks.open_one(Tick::after(50)).unwrap();
        asks.carried_by(id, PeerId(1));
        asks.lose(PeerId(1), &node);
        asks.requeued(id, PeerId(1));
        assert!(poll(&asks, id).is_pending());
        let reason = crate::error::NotSent::NodeGone;
        asks.fail(id, Failure::NotSent(reason));
        let end = poll(&asks, id);
        assert!(matches!(end, Poll::Ready(Err(Failure::NotSent(_)))));
    }

    #[test]
    fn an_ask_is_expected_on_a_connection_before_it_is_sent_and_ends_with_that_unless_it_goes_elsewhere()
     {
        let node = NodeAddress::new("n", 1);
        for ends in [false, true] {
            let asks = PendingAsks::of(10, 0);
            let task = Arc::new(Woken::default());
            let waker = Waker::from(task.clone());
            let ask = opening::LoneAsk {
                deadline: Tick::after(5),
                kind: opening::AskKind::Once,
                carrier: Some(PeerId(1)),
                waiter: Some(Waiter::task(&Context::from_waker(&waker))),
            };
            let id = asks.open(ask).unwrap().id;
            asks.lose(PeerId(2), &node);
            assert_eq!(task.0.load(Ordering::Relaxed), 0);
            if ends {
                asks.expire(Tick::after(5));
            } else {
                asks.lose(PeerId(1), &node);
            }
            assert_eq!(task.0.load(Ordering::Relaxed), 1);
            asks.not_carried(id, PeerId(1));
            assert!(poll(&asks, id).is_pending());
            asks.expire(Tick::after(5));
            assert!(poll(&asks, id).is_pending(), "nobody carries it");
            asks.carried_by(id, PeerId(2));
            asks.not_carried(id, PeerId(1));
            asks.lose(PeerId(1), &node);
            assert!(poll(&asks, id).is_pending());
            asks.lose(PeerId(2), &node);
            let end = poll(&asks, id);
            assert!(matches!(end, Poll::Ready(Err(Failure::Lost { .. }))));
        }
    }

    /// A waker that is the last to own a task, and ends an ask of that when it is dropped.
    struct Last(Arc<PendingAsks>, AskId);

    impl std::task::Wake for Last {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Last {
        fn drop(&mut self) {
            self.0.abandon(self.1);
        }
    }

    #[test]
    fn wakers_are_dropped_with_no_lock_held() {
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let asks = Arc::new(PendingAsks::of(10, 0));
            let [first, second, other] =
                [1; 3].map(|tick| asks.open_one(Tick::after(tick)).unwrap());
            for ends in [first, second] {
                let waker = Waker::from(Arc::new(Last(asks.clone(), ends)));
                assert!(asks.poll(other, &Context::from_waker(&waker)).is_pending());
            }
            assert_eq!(asks.pending(), 2, "the first waker was replaced");
            asks.abandon(other);
            assert_eq!(asks.pending(), 0, "the second went with its ask");
            done.send(()).ok();
        });
        let outcome = ended.recv_timeout(std::time::Duration::from_secs(20));
        outcome.expect("it ended, and found what it should");
    }

    /// Counts its wake-ups.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn an_ask_that_another_task_took_over_wakes_that() {
        let asks = PendingAsks::of(10, 0);
        let id = asks.open_one(Tick::after(1)).unwrap();
        let tasks = [(); 2].map(|()| Arc::new(Woken::default()));
        for task in &tasks {
            let waker = Waker::from(task.clone());
            assert!(asks.poll(id, &Context::from_waker(&waker)).is_pending());
        }
        reply(&asks, id, Bytes::new());
        let woken = tasks.map(|task| task.0.load(Ordering::Relaxed));
        assert_eq!(woken, [0, 1]);
    }

    #[test]
    fn a_reply_counts_against_the_limit_until_it_is_taken_if_it_is_long() {
        let asks = PendingAsks::of(10, 100_000);
        for (length, counted) in [(SHORT_REPLY, 0), (SHORT_REPLY + 1, SHORT_REPLY + 1)] {
            let id = asks.open_one(Tick::after(1)).unwrap();
            reply(&asks, id, vec![0; length]);
            assert_eq!(asks.bytes.used(), counted, "{length}");
            assert!(matches!(poll(&asks, id), Poll::Ready(Ok(reply)) if reply.len() == length));
            assert_eq!(asks.bytes.used(), 0, "{length}");
        }
    }
}
