//! The asks that wait for a reply: a bounded table of slots, found again by the id that travels
//! in the reply's address.
//!
//! An id is a slot's index and generation, so a late or repeated reply finds a slot that has moved
//! on, and is fenced. The table is striped by the asking thread: threads do not wait for one
//! another, and the driver that reads a batch of replies locks a few times for all of them.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use casty_proto::NodeAddress;
use parking_lot::{Mutex, MutexGuard};

use crate::clock::Tick;
use crate::error::Fate;
use crate::lines::{Apart, STRIPES, stripe_of_this_thread};
use crate::peer::PeerId;

/// The asks of one client.
pub(crate) struct Asks {
    stripes: [Apart<Mutex<Stripe>>; STRIPES],
    pending: Apart<AtomicUsize>,
    limit: usize,
    late: AtomicU64,
}

/// Where a reply belongs: 64 bits that travel as sixteen hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct AskId {
    slot: u32,
    generation: u32,
}

#[derive(Default)]
struct Stripe {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

struct Slot {
    generation: u32,
    deadline: Tick,
    /// The connection that carries the ask, as far as it is known.
    carrier: Option<PeerId>,
    state: State,
}

enum State {
    Free,
    Waiting(Option<Waker>),
    Done(Outcome),
}

/// How an ask ended.
pub(crate) type Outcome = Result<Bytes, Failure>;

/// Why an ask ended without a reply.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// Its time ran out.
    Timeout,
    /// The connection that carried it was lost.
    Lost { node: NodeAddress, fate: Fate },
    /// It was never sent.
    NotSent(crate::error::NotSent),
    /// The client has ended.
    Closed,
}

impl Asks {
    /// An empty table of at most `limit` asks.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            stripes: std::array::from_fn(|_| Apart::default()),
            pending: Apart::default(),
            limit: limit.min(MAX_PENDING),
            late: AtomicU64::new(0),
        }
    }

    /// Takes a slot for an ask; `None` when all are taken.
    pub(crate) fn open(&self, deadline: Tick) -> Option<AskId> {
        if self.pending.fetch_add(1, Ordering::SeqCst) >= self.limit {
            self.pending.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let stripe = stripe_of_this_thread();
        Some(self.stripes[stripe].lock().open(stripe, deadline))
    }

    /// Notes which connection carries an ask; `None` while it is held.
    pub(crate) fn carried_by(&self, id: AskId, carrier: Option<PeerId>) {
        if let Some(slot) = self.stripe(id).find(id) {
            slot.carrier = carrier;
        }
    }

    /// The outcome, or later a wake-up of the task. The slot is free once the outcome was taken.
    pub(crate) fn poll(&self, id: AskId, cx: &Context<'_>) -> Poll<Outcome> {
        let mut stripe = self.stripe(id);
        let Some(slot) = stripe.find(id) else {
            debug_assert!(false, "an ask is polled only until it has ended");
            return Poll::Ready(Err(Failure::Timeout));
        };
        match &mut slot.state {
            State::Waiting(Some(waker)) if waker.will_wake(cx.waker()) => Poll::Pending,
            State::Waiting(waker) => {
                let former = waker.replace(cx.waker().clone());
                // A waker may be the last to hold a task, and that may end asks of its own.
                drop(stripe);
                drop(former);
                Poll::Pending
            }
            State::Done(_) | State::Free => {
                let state = stripe.close(id);
                drop(stripe);
                self.pending.fetch_sub(1, Ordering::Relaxed);
                Poll::Ready(match state {
                    Some(State::Done(outcome)) => outcome,
                    _ => Err(Failure::Timeout),
                })
            }
        }
    }

    /// Frees the slot of an ask that nobody waits for any more.
    pub(crate) fn abandon(&self, id: AskId) {
        let state = self.stripe(id).close(id);
        if state.is_some() {
            self.pending.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Ends one ask, waking its task; what comes too late or twice is counted and dropped.
    pub(crate) fn end(&self, id: AskId, outcome: Outcome) {
        let mut batch = Batch::new(self);
        batch.end(id, outcome);
    }

    /// Ends one ask without a reply, unless it has ended.
    pub(crate) fn fail(&self, id: AskId, failure: Failure) {
        let mut stripe = self.stripe(id);
        let waker = match stripe.find(id).map(|slot| &mut slot.state) {
            Some(state @ State::Waiting(_)) => {
                match std::mem::replace(state, State::Done(Err(failure))) {
                    State::Waiting(waker) => waker,
                    _ => None,
                }
            }
            _ => None,
        };
        drop(stripe);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Ends every ask that `lost` had carried to the node's kernel.
    pub(crate) fn lose(&self, lost: PeerId, node: &NodeAddress) {
        let failure = || Failure::Lost {
            node: node.clone(),
            fate: Fate::Written,
        };
        self.end_where(|slot| (slot.carrier == Some(lost)).then(failure));
    }

    /// Ends every ask on its way whose deadline is `now` or earlier. One that is held is ended by
    /// the router, which knows that it was not sent.
    pub(crate) fn expire(&self, now: Tick) {
        self.end_where(|slot| {
            (slot.deadline <= now && slot.carrier.is_some()).then_some(Failure::Timeout)
        });
    }

    /// Ends every ask: no reply comes any more.
    pub(crate) fn end_all(&self) {
        self.end_where(|_| Some(Failure::Closed));
    }

    /// Whether somebody still waits for the reply.
    pub(crate) fn is_awaited(&self, id: AskId) -> bool {
        self.stripe(id)
            .find(id)
            .is_some_and(|slot| matches!(slot.state, State::Waiting(_)))
    }

    /// Whether any ask still waits for its reply. Walks all slots.
    pub(crate) fn any_awaited(&self) -> bool {
        let waits = |slot: &Slot| matches!(slot.state, State::Waiting(_));
        self.stripes
            .iter()
            .any(|stripe| stripe.lock().slots.iter().any(waits))
    }

    /// Asks that wait, or whose outcome has not been looked at.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::SeqCst)
    }

    /// The most asks that may wait.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Replies that came after their ask had ended.
    pub(crate) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    fn end_where(&self, failure: impl Fn(&Slot) -> Option<Failure>) {
        let mut wakers = Vec::new();
        for stripe in &self.stripes {
            let mut stripe = stripe.lock();
            for slot in &mut stripe.slots {
                let State::Waiting(waker) = &mut slot.state else {
                    continue;
                };
                let waker = waker.take();
                if let Some(failure) = failure(slot) {
                    slot.state = State::Done(Err(failure));
                    wakers.extend(waker);
                } else {
                    slot.state = State::Waiting(waker);
                }
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    fn stripe(&self, id: AskId) -> MutexGuard<'_, Stripe> {
        self.stripes[id.stripe()].lock()
    }
}

/// Ends many asks under few locks, and wakes their tasks when all are filled.
pub(crate) struct Batch<'a> {
    asks: &'a Asks,
    held: Option<(usize, MutexGuard<'a, Stripe>)>,
    wakers: Vec<Waker>,
}

impl<'a> Batch<'a> {
    /// An empty batch.
    pub(crate) fn new(asks: &'a Asks) -> Self {
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
        match slot.map(|slot| &mut slot.state) {
            Some(state @ State::Waiting(_)) => {
                if let State::Waiting(Some(waker)) = std::mem::replace(state, State::Done(outcome))
                {
                    self.wakers.push(waker);
                }
            }
            _ => {
                self.asks.late.fetch_add(1, Ordering::Relaxed);
            }
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

impl Stripe {
    fn open(&mut self, stripe: usize, deadline: Tick) -> AskId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                deadline,
                carrier: None,
                state: State::Free,
            });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        }) as usize;
        let slot = &mut self.slots[index];
        slot.deadline = deadline;
        slot.carrier = None;
        slot.state = State::Waiting(None);
        AskId::new(stripe, index, slot.generation)
    }

    fn find(&mut self, id: AskId) -> Option<&mut Slot> {
        self.slots
            .get_mut(id.index())
            .filter(|slot| slot.generation == id.generation && !matches!(slot.state, State::Free))
    }

    /// Frees a slot and gives what was in it, to be dropped when the lock is free.
    fn close(&mut self, id: AskId) -> Option<State> {
        let slot = self.find(id)?;
        slot.generation = slot.generation.wrapping_add(1);
        let state = std::mem::replace(&mut slot.state, State::Free);
        self.free
            .push(u32::try_from(id.index()).unwrap_or(u32::MAX));
        Some(state)
    }
}

/// The upper bits of [`AskId::slot`] name the stripe.
const INDEX_BITS: u32 = 28;
const MAX_PENDING: usize = 1 << INDEX_BITS;

impl AskId {
    fn new(stripe: usize, index: usize, generation: u32) -> Self {
        let slot = u32::try_from(stripe << INDEX_BITS | index).unwrap_or(u32::MAX);
        Self { slot, generation }
    }

    fn stripe(self) -> usize {
        (self.slot >> INDEX_BITS) as usize % STRIPES
    }

    fn index(self) -> usize {
        self.slot as usize & (MAX_PENDING - 1)
    }

    /// The sixteen digits by which it travels.
    pub(crate) fn hex(self) -> [u8; 16] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bytes = (u64::from(self.slot) << 32 | u64::from(self.generation)).to_be_bytes();
        std::array::from_fn(|at| {
            let byte = bytes[at / 2];
            DIGITS[usize::from(if at % 2 == 0 { byte >> 4 } else { byte & 15 })]
        })
    }

    /// Reads the sixteen digits; `None` if they are none.
    pub(crate) fn from_hex(digits: &[u8]) -> Option<Self> {
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0u32, |number, digit| {
                let digit = match digit {
                    b'0'..=b'9' => digit - b'0',
                    b'a'..=b'f' => digit - b'a' + 10,
                    _ => return None,
                };
                Some(number << 4 | u32::from(digit))
            })
        };
        let (slot, generation) = digits.split_at_checked(8)?;
        if generation.len() != 8 {
            return None;
        }
        Some(Self {
            slot: number(slot)?,
            generation: number(generation)?,
        })
    }
}

impl fmt::Debug for AskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.hex()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(asks: &Asks, id: AskId) -> Poll<Outcome> {
        asks.poll(id, &Context::from_waker(Waker::noop()))
    }

    #[test]
    fn ids_survive_their_digits() {
        for id in [
            AskId::new(15, 77, 5),
            AskId::new(0, 0, 0),
            AskId::new(3, MAX_PENDING - 1, !0),
        ] {
            assert_eq!(AskId::from_hex(&id.hex()), Some(id));
        }
        for wrong in [
            &b"0123456789abcde"[..],
            b"0123456789ABCDEF",
            b"0123456789abcdeg0",
        ] {
            assert_eq!(AskId::from_hex(wrong), None);
        }
    }

    #[test]
    fn a_reply_reaches_its_ask_once_and_a_second_one_is_counted() {
        let asks = Asks::new(10);
        let id = asks.open(Tick::after(100)).unwrap();
        assert!(poll(&asks, id).is_pending());
        asks.end(id, Ok(Bytes::from_static(b"first")));
        asks.end(id, Ok(Bytes::from_static(b"second")));
        assert!(matches!(poll(&asks, id), Poll::Ready(Ok(reply)) if reply == b"first"[..]));
        assert_eq!((asks.pending(), asks.late()), (0, 1));
    }

    #[test]
    fn a_late_reply_never_reaches_the_next_ask_in_the_slot() {
        let asks = Asks::new(10);
        let first = asks.open(Tick::after(100)).unwrap();
        asks.abandon(first);
        let second = asks.open(Tick::after(100)).unwrap();
        assert_ne!(first, second);
        asks.end(first, Ok(Bytes::from_static(b"late")));
        assert!(poll(&asks, second).is_pending());
        assert_eq!(asks.late(), 1);
    }

    #[test]
    fn a_full_table_is_an_answer_and_a_dropped_ask_makes_room() {
        let asks = Asks::new(2);
        let id = asks.open(Tick::after(1)).unwrap();
        asks.open(Tick::after(1)).unwrap();
        assert_eq!(asks.open(Tick::after(1)), None);
        asks.abandon(id);
        assert!(asks.open(Tick::after(1)).is_some());
    }

    #[test]
    fn deadlines_and_lost_connections_end_only_their_own() {
        let asks = Asks::new(10);
        let soon = asks.open(Tick::after(5)).unwrap();
        asks.carried_by(soon, Some(PeerId(1)));
        let late = asks.open(Tick::after(50)).unwrap();
        asks.carried_by(late, Some(PeerId(1)));
        let unsent = asks.open(Tick::after(50)).unwrap();
        asks.carried_by(unsent, Some(PeerId(1)));
        let other = asks.open(Tick::after(50)).unwrap();
        asks.carried_by(other, Some(PeerId(2)));
        asks.expire(Tick::after(5));
        assert!(matches!(
            poll(&asks, soon),
            Poll::Ready(Err(Failure::Timeout))
        ));
        let node = NodeAddress::new("n", 1);
        asks.carried_by(unsent, None);
        asks.lose(PeerId(1), &node);
        assert!(
            matches!(poll(&asks, late), Poll::Ready(Err(Failure::Lost { node: lost, .. })) if lost == node)
        );
        assert!(poll(&asks, unsent).is_pending() && poll(&asks, other).is_pending());
    }

    /// A waker that is the last to know of a task whose asks it ends when it is dropped.
    struct Last(std::sync::Arc<Asks>, AskId);

    impl std::task::Wake for Last {
        fn wake(self: std::sync::Arc<Self>) {}
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
            let asks = std::sync::Arc::new(Asks::new(10));
            let [first, second, other] = [1; 3].map(|tick| asks.open(Tick::after(tick)).unwrap());
            for ends in [first, second] {
                let waker = Waker::from(std::sync::Arc::new(Last(asks.clone(), ends)));
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
}
