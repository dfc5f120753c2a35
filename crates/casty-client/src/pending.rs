//! The asks that wait for a reply: a bounded table of slots, found again by the id that travels
//! in the reply's address.
//!
//! An id is a slot's index and generation, so a late or repeated reply finds a slot that has moved
//! on, and is fenced. The table is striped by the asking thread: threads do not wait for one
//! another, and the driver that reads a batch of replies locks a few times for all of them.
//!
//! An ask that may be sent again keeps an account of its copies in its slot; its own task sends
//! them, woken when that is due.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use casty_proto::NodeAddress;
use parking_lot::{Mutex, MutexGuard};

use crate::error::Fate;
use crate::node::peer::PeerId;
use crate::runtime::clock::Tick;
use crate::runtime::stripes::{Apart, STRIPES, stripe_of_this_thread};

mod byte_limit;
mod copies;

use byte_limit::Room;
use copies::Copies;
pub(crate) use copies::{Standing, Why};

/// The asks of one client.
pub(crate) struct Asks {
    stripes: [Apart<Mutex<Stripe>>; STRIPES],
    pending: Apart<AtomicUsize>,
    limit: usize,
    late: AtomicU64,
    /// For messages kept to be sent again, and for long replies that nobody has taken yet.
    pub(crate) room: Room,
}

/// Replies up to so many bytes are not counted: the number of asks bounds them.
const SHORT_REPLY: usize = 4096;

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
    /// The connection that carries the ask if it is sent once, as far as it is known.
    carrier: Option<PeerId>,
    state: State,
}

enum State {
    Free,
    Waiting(Option<Waker>),
    /// It waits, and may be sent again.
    Repeatable(Box<Copies>),
    Done(Outcome),
}

/// What an event is to an ask.
enum Turn {
    /// Nothing.
    Wait,
    /// Its task is to look after it.
    Nudge,
    End(Failure),
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
    /// A reply of so many bytes came and was dropped, for want of room.
    Dropped(usize),
    /// The client has ended.
    Closed,
}

impl Asks {
    /// An empty table of at most `limit` asks, which keep at most `bytes` bytes.
    pub(crate) fn new(limit: usize, bytes: usize) -> Self {
        Self {
            stripes: std::array::from_fn(|_| Apart::default()),
            pending: Apart::default(),
            limit: limit.min(MAX_PENDING),
            late: AtomicU64::new(0),
            room: Room::new(bytes),
        }
    }

    /// Takes a slot for an ask; `None` when all are taken.
    pub(crate) fn open(&self, deadline: Tick) -> Option<AskId> {
        self.open_as(deadline, State::Waiting(None))
    }

    /// Takes a slot for an ask that may be sent again, at `due` for the first time.
    pub(crate) fn open_repeatable(&self, deadline: Tick, due: Option<Tick>) -> Option<AskId> {
        let copies = Copies::new(due);
        self.open_as(deadline, State::Repeatable(Box::new(copies)))
    }

    #[inline]
    fn open_as(&self, deadline: Tick, state: State) -> Option<AskId> {
        if self.pending.fetch_add(1, Ordering::SeqCst) >= self.limit {
            self.pending.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let stripe = stripe_of_this_thread();
        let mut stripes = self.stripes[stripe].lock();
        Some(stripes.open(stripe, deadline, state))
    }

    /// Notes that a connection is about to carry an ask, or one more copy of it.
    pub(crate) fn carried_by(&self, id: AskId, carrier: PeerId) {
        let mut stripe = self.stripe(id);
        match stripe.find(id) {
            Some(Slot {
                state: State::Repeatable(copies),
                ..
            }) => copies.carried_by(carrier),
            Some(slot) => slot.carrier = Some(carrier),
            None => {}
        }
    }

    /// Notes that a connection did not take, or gave back, what it was to carry.
    pub(crate) fn returned(&self, id: AskId, carrier: PeerId) {
        let mut stripe = self.stripe(id);
        match stripe.find(id) {
            Some(Slot {
                state: State::Repeatable(copies),
                ..
            }) => copies.returned(carrier),
            Some(slot) => slot.returned(carrier),
            None => {}
        }
    }

    /// Why the task of a repeatable ask was woken, if not by its end. To be asked for after
    /// [`poll`](Self::poll), so that none is missed.
    pub(crate) fn nudge(&self, id: AskId) -> Option<Standing> {
        self.with_copies(id, Copies::take_nudge)?
    }

    /// Notes that one more copy is about to be sent, and when the next is due; `false` if the ask
    /// has ended.
    pub(crate) fn repeat(&self, id: AskId, due: Option<Tick>) -> bool {
        let noted = self.with_copies(id, |copies| {
            copies.add();
            copies.arm(due);
        });
        noted.is_some()
    }

    /// Notes when the next copy is due.
    pub(crate) fn arm(&self, id: AskId, due: Option<Tick>) {
        self.with_copies(id, |copies| copies.arm(due));
    }

    /// Notes that the copy just announced was not accepted.
    pub(crate) fn refused(&self, id: AskId) {
        self.turn(id, |slot| match &mut slot.state {
            State::Repeatable(copies) => copies.refused(),
            _ => Turn::Wait,
        });
    }

    /// Ends an ask of which no copy can be answered any more.
    pub(crate) fn give_up(&self, id: AskId) {
        self.turn(id, |slot| match &slot.state {
            State::Repeatable(copies) => copies.end(),
            _ => Turn::Wait,
        });
    }

    fn with_copies<T>(&self, id: AskId, act: impl FnOnce(&mut Copies) -> T) -> Option<T> {
        match self.stripe(id).find(id) {
            Some(Slot {
                state: State::Repeatable(copies),
                ..
            }) => Some(act(copies)),
            _ => None,
        }
    }

    /// The outcome, or later a wake-up of the task. The slot is free once the outcome was taken.
    pub(crate) fn poll(&self, id: AskId, cx: &Context<'_>) -> Poll<Outcome> {
        let mut stripe = self.stripe(id);
        let Some(slot) = stripe.find(id) else {
            debug_assert!(false, "an ask is polled only until it has ended");
            return Poll::Ready(Err(Failure::Timeout));
        };
        match slot.state.waker() {
            Some(Some(waker)) if waker.will_wake(cx.waker()) => Poll::Pending,
            Some(waker) => {
                let former = waker.replace(cx.waker().clone());
                // A waker may be the last to hold a task, and that may end asks of its own.
                drop(stripe);
                drop(former);
                Poll::Pending
            }
            None => {
                let state = stripe.close(id);
                drop(stripe);
                self.freed(state.as_ref());
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
        self.freed(state.as_ref());
    }

    /// Takes what was in a slot off the books.
    fn freed(&self, state: Option<&State>) {
        let Some(state) = state else {
            return;
        };
        self.pending.fetch_sub(1, Ordering::Relaxed);
        if let State::Done(Ok(reply)) = state
            && reply.len() > SHORT_REPLY
        {
            self.room.release(reply.len());
        }
    }

    /// Ends one ask, waking its task; a reply that comes too late or twice is counted and dropped.
    pub(crate) fn end(&self, id: AskId, outcome: Outcome) {
        let mut batch = Batch::new(self);
        batch.end(id, outcome);
    }

    /// Ends one ask without a reply, unless it has ended, or another copy of it may be answered.
    pub(crate) fn fail(&self, id: AskId, failure: Failure) {
        self.turn(id, |slot| match (&mut slot.state, failure) {
            (State::Repeatable(copies), Failure::NotSent(reason)) => copies.bury(reason),
            (State::Repeatable(copies), Failure::Lost { .. }) => copies.doubt(),
            (State::Waiting(_) | State::Repeatable(_), failure) => Turn::End(failure),
            (State::Free | State::Done(_), _) => Turn::Wait,
        });
    }

    /// Ends every ask that `lost` had carried to the node's kernel, or has it sent again.
    pub(crate) fn lose(&self, lost: PeerId, node: &NodeAddress) {
        self.sweep(|slot| match &mut slot.state {
            State::Waiting(_) if slot.carrier == Some(lost) => Turn::End(Failure::Lost {
                node: node.clone(),
                fate: Fate::Written,
            }),
            State::Repeatable(copies) => copies.lose(lost, node),
            _ => Turn::Wait,
        });
    }

    /// Ends every ask on its way whose deadline is `now` or earlier. One that is held is ended by
    /// the router, which knows that it was not sent.
    pub(crate) fn expire(&self, now: Tick) {
        self.sweep(|slot| match &mut slot.state {
            State::Waiting(_) if slot.deadline <= now && slot.carrier.is_some() => {
                Turn::End(Failure::Timeout)
            }
            State::Repeatable(copies) => copies.expire(now, slot.deadline),
            _ => Turn::Wait,
        });
    }

    /// Ends every ask: no reply comes any more.
    pub(crate) fn end_all(&self) {
        self.sweep(|slot| {
            if slot.state.is_waiting() {
                Turn::End(Failure::Closed)
            } else {
                Turn::Wait
            }
        });
    }

    /// Whether somebody still waits for the reply.
    pub(crate) fn is_awaited(&self, id: AskId) -> bool {
        self.stripe(id)
            .find(id)
            .is_some_and(|slot| slot.state.is_waiting())
    }

    /// Whether any ask still waits for its reply. Walks all slots.
    pub(crate) fn any_awaited(&self) -> bool {
        let waits = |slot: &Slot| slot.state.is_waiting();
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

    /// Keeps a long reply if there is room.
    fn admit(&self, reply: Bytes) -> Outcome {
        if self.room.reserve(reply.len()) {
            Ok(reply)
        } else {
            Err(Failure::Dropped(reply.len()))
        }
    }

    fn turn(&self, id: AskId, turn: impl FnOnce(&mut Slot) -> Turn) {
        let mut stripe = self.stripe(id);
        let waker = stripe.find(id).and_then(|slot| {
            let turn = turn(slot);
            slot.take(turn)
        });
        drop(stripe);
        waker.into_iter().for_each(Waker::wake);
    }

    fn sweep(&self, turn: impl Fn(&mut Slot) -> Turn) {
        let mut wakers = Vec::new();
        for stripe in &self.stripes {
            let mut stripe = stripe.lock();
            for slot in &mut stripe.slots {
                let turn = turn(slot);
                wakers.extend(slot.take(turn));
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
        match std::mem::replace(state, State::Done(outcome)) {
            State::Waiting(Some(waker)) => self.wakers.push(waker),
            State::Repeatable(copies) => self.wakers.extend(copies.waker),
            State::Waiting(None) | State::Free | State::Done(_) => {}
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

impl Slot {
    /// A connection did not take, or gave back, an ask that is sent once.
    fn returned(&mut self, carrier: PeerId) {
        if self.carrier.take_if(|it| *it == carrier).is_some()
            && let State::Done(Err(Failure::Lost { .. })) = self.state
        {
            // The connection was lost before the ask could be put on it. Nobody has looked since.
            self.state = State::Waiting(None);
        }
    }

    /// Takes in an event; gives the waker of a task that is to be woken.
    fn take(&mut self, turn: Turn) -> Option<Waker> {
        let waker = match turn {
            Turn::Wait => None,
            Turn::Nudge | Turn::End(_) => self.state.take_waker(),
        };
        if let Turn::End(failure) = turn {
            self.state = State::Done(Err(failure));
        }
        waker
    }
}

impl State {
    fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_) | Self::Repeatable(_))
    }

    /// Where the waker of the task is kept that waits; `None` if it does not wait any more.
    fn waker(&mut self) -> Option<&mut Option<Waker>> {
        match self {
            Self::Waiting(waker) => Some(waker),
            Self::Repeatable(copies) => Some(&mut copies.waker),
            Self::Free | Self::Done(_) => None,
        }
    }

    fn take_waker(&mut self) -> Option<Waker> {
        self.waker()?.take()
    }
}

impl Stripe {
    fn open(&mut self, stripe: usize, deadline: Tick, state: State) -> AskId {
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
        slot.state = state;
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
    fn a_slot_fits_a_cache_line() {
        assert!(size_of::<Slot>() <= 64, "{}", size_of::<Slot>());
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
        let asks = Asks::new(10, 0);
        let id = asks.open(Tick::after(100)).unwrap();
        assert!(poll(&asks, id).is_pending());
        asks.end(id, Ok(Bytes::from_static(b"first")));
        asks.end(id, Ok(Bytes::from_static(b"second")));
        assert!(matches!(poll(&asks, id), Poll::Ready(Ok(reply)) if reply == b"first"[..]));
        assert_eq!((asks.pending(), asks.late()), (0, 1));
    }

    #[test]
    fn a_late_reply_never_reaches_the_next_ask_in_the_slot() {
        let asks = Asks::new(10, 0);
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
        let asks = Asks::new(2, 0);
        let id = asks.open(Tick::after(1)).unwrap();
        asks.open(Tick::after(1)).unwrap();
        assert_eq!(asks.open(Tick::after(1)), None);
        asks.abandon(id);
        assert!(asks.open(Tick::after(1)).is_some());
    }

    #[test]
    fn deadlines_and_lost_connections_end_only_their_own() {
        let asks = Asks::new(10, 0);
        let soon = asks.open(Tick::after(5)).unwrap();
        asks.carried_by(soon, PeerId(1));
        let late = asks.open(Tick::after(50)).unwrap();
        asks.carried_by(late, PeerId(1));
        let unsent = asks.open(Tick::after(50)).unwrap();
        asks.carried_by(unsent, PeerId(1));
        let other = asks.open(Tick::after(50)).unwrap();
        asks.carried_by(other, PeerId(2));
        asks.expire(Tick::after(5));
        assert!(matches!(
            poll(&asks, soon),
            Poll::Ready(Err(Failure::Timeout))
        ));
        let node = NodeAddress::new("n", 1);
        asks.returned(unsent, PeerId(1));
        asks.lose(PeerId(1), &node);
        assert!(
            matches!(poll(&asks, late), Poll::Ready(Err(Failure::Lost { node: lost, .. })) if lost == node)
        );
        assert!(poll(&asks, unsent).is_pending() && poll(&asks, other).is_pending());
    }

    #[test]
    fn an_ask_that_a_connection_did_not_take_before_it_was_lost_is_not_lost_with_it() {
        let (asks, node) = (Asks::new(10, 0), NodeAddress::new("n", 1));
        let id = asks.open(Tick::after(50)).unwrap();
        asks.carried_by(id, PeerId(1));
        asks.lose(PeerId(1), &node);
        asks.returned(id, PeerId(1));
        assert!(poll(&asks, id).is_pending());
        let reason = crate::error::NotSent::NodeGone;
        asks.fail(id, Failure::NotSent(reason));
        let end = poll(&asks, id);
        assert!(matches!(end, Poll::Ready(Err(Failure::NotSent(_)))));
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
            let asks = std::sync::Arc::new(Asks::new(10, 0));
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
