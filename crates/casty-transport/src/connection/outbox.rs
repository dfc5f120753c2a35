//! What is on its way to one peer: a bounded buffer of frames that many tasks fill and one driver
//! empties.
//!
//! A message is copied once, into the buffer, under a short lock; nothing waits and nothing is
//! allocated per message once the buffer has grown. The driver swaps the whole buffer for an empty
//! one and writes it in as few system calls as the kernel allows. A message may carry a tag of its
//! sender's: it is then counted, and when the connection is lost it comes back with it if it never
//! left, and is named by it if it may have been in flight. Messages without a tag are of use on
//! this connection only.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::task::{Context, Poll, Waker, ready};

use casty_proto::frame::{self, FrameKind};
use parking_lot::Mutex;
use tokio::sync::Notify;

mod leftover;

pub use leftover::{Leftover, UnsentMessage};

/// The limits of what an [`Outbox`] holds. Setters take and give the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct OutboxLimits {
    bytes: usize,
    messages: usize,
    max_frame: usize,
}

impl OutboxLimits {
    /// Creates the defaults: 1 MiB, 65,536 messages, frames of up to 16 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the limit of the bytes that are accepted and not yet handed to the kernel. Default:
    /// 1 MiB. A single frame over this is accepted when nothing else waits.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets the limit of the tagged messages that are accepted and not yet wholly handed to the
    /// kernel. Default: 65,536.
    pub fn messages(mut self, messages: usize) -> Self {
        self.messages = messages;
        self
    }

    /// Sets the length of the longest frame in bytes, type byte included. Default: 16 MiB.
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    /// The limits of untagged messages, which keep a connection going: a full outbox has some room
    /// for them still.
    fn with_reserve(self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(RESERVE),
            messages: usize::MAX,
            ..self
        }
    }
}

/// Bytes beyond the limit that are left to untagged messages.
const RESERVE: usize = 64 * 1024;

impl Default for OutboxLimits {
    fn default() -> Self {
        Self {
            bytes: 1024 * 1024,
            messages: 65_536,
            max_frame: frame::DEFAULT_MAX_FRAME,
        }
    }
}

/// A buffer of more bytes is given back once it is written.
const LARGE_FLIGHT: usize = 512 * 1024;

/// The frames on their way to one peer, each with a tag of type `T`.
#[derive(Debug)]
pub struct Outbox<T> {
    /// Locked before the state where both are.
    flight: Mutex<Flight>,
    state: Mutex<State<T>>,
    limits: OutboxLimits,
    space: Notify,
}

/// What the driver has taken, and how much of it is written.
#[derive(Debug, Default)]
struct Flight {
    bytes: Vec<u8>,
    at: usize,
}

impl Flight {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

#[derive(Debug)]
struct State<T> {
    /// Whole frames that the driver has not taken yet.
    bytes: Vec<u8>,
    /// One entry for each message that is not known to have arrived, oldest first.
    entries: VecDeque<Entry<T>>,
    /// How many of them, from the front, the kernel took whole.
    whole: usize,
    /// Stream offsets: of all that was accepted, of all that the kernel took, and at which the
    /// last message that it took whole ended.
    accepted: u64,
    written: u64,
    whole_to: u64,
    /// What became of tagged messages, by their accounts.
    counters: Vec<OutboxCounters>,
    /// Tagged messages that are not wholly written.
    messages_pending: usize,
    phase: Phase,
    /// Tagged messages that are refused: see [`Outbox::revoke`].
    revoked: Option<fn(&T) -> bool>,
    /// How often there was a revoke.
    revocations: usize,
    /// Woken by the next push, and by the end.
    driver: Option<Waker>,
    /// Woken by [`Outbox::abort`], whatever else the driver waits for.
    aborting: Option<Waker>,
    waiting_for_space: usize,
    /// How often one that was woken and wants more than there is may still wake the next.
    turns: usize,
    /// Tasks that were woken and have not pushed since: a hint, see [`Outbox::owe`].
    debt: usize,
}

#[derive(Debug)]
struct Entry<T> {
    end: u64,
    tag: Option<T>,
}

/// What an outbox needs to know of a tag.
pub trait OutboxTag {
    /// The account that the message is counted in: a small number, for as many accounts as the
    /// highest are kept.
    fn group(&self) -> usize {
        0
    }
}

impl OutboxTag for () {}

/// What became of the tagged messages of one counters. What was accepted and is none of the rest
/// still waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxCounters {
    /// Accepted by [`Outbox::push`].
    pub accepted: u64,
    /// Handed to the kernel, those excepted that are `unknown`.
    pub written: u64,
    /// Given back when the connection ended, or [revoked](Outbox::revoke) before: nothing of them
    /// left.
    pub unsent: u64,
    /// Not known to have arrived when the connection ended.
    pub unknown: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// No more is accepted; what is there is still written.
    Draining,
    /// Nothing more is written.
    Closed,
}

/// Why a message was not accepted; its tag comes back.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejected<T> {
    /// The message's tag.
    pub tag: Option<T>,
    /// The reason.
    pub reason: RejectReason,
}

/// Why an outbox does not accept a message. Nothing of it was or will be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectReason {
    /// As many bytes or messages wait as may wait.
    #[error("the outbox is full ({limit}) for a frame of {length} bytes")]
    Full {
        /// The frame's length in bytes, for [`Outbox::capacity`].
        length: usize,
        /// The limit that is reached.
        limit: OutboxLimit,
    },
    /// The frame would be longer than any may be.
    #[error("the message makes a frame of {length} bytes, over the limit of {limit}")]
    TooLong {
        /// The frame's length in bytes.
        length: usize,
        /// [`OutboxLimits::max_frame`].
        limit: usize,
    },
    /// The connection is closed or closing, or the like of the message was [revoked].
    ///
    /// [revoked]: Outbox::revoke
    #[error("the connection is closed")]
    Closed,
}

/// The limit of [`OutboxLimits`] that an outbox has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxLimit {
    /// [`OutboxLimits::bytes`].
    Bytes(usize),
    /// [`OutboxLimits::messages`].
    Messages(usize),
}

impl fmt::Display for OutboxLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(limit) => write!(f, "{limit} bytes"),
            Self::Messages(limit) => write!(f, "{limit} messages"),
        }
    }
}

impl<T: OutboxTag> Outbox<T> {
    /// An empty outbox.
    pub fn new(limits: OutboxLimits) -> Self {
        Self {
            flight: Mutex::default(),
            state: Mutex::new(State {
                bytes: Vec::new(),
                entries: VecDeque::new(),
                whole: 0,
                accepted: 0,
                written: 0,
                whole_to: 0,
                counters: Vec::new(),
                messages_pending: 0,
                phase: Phase::Open,
                revoked: None,
                revocations: 0,
                driver: None,
                aborting: None,
                waiting_for_space: 0,
                turns: 0,
                debt: 0,
            }),
            limits,
            space: Notify::new(),
        }
    }

    /// Appends one message frame whose payload is `parts`. Never waits; costs one copy.
    ///
    /// # Errors
    /// The outbox is full or closed, or the frame too long; nothing was appended.
    pub fn push(&self, parts: &[&[u8]], tag: Option<T>) -> Result<(), Rejected<T>> {
        let length = parts
            .iter()
            .fold(1usize, |sum, part| sum.saturating_add(part.len()));
        let mut state = self.state.lock();
        let limits = match &tag {
            Some(_) => self.limits,
            None => self.limits.with_reserve(),
        };
        let revoked = state.revoked.zip(tag.as_ref());
        let admitted = match revoked {
            Some((which, tag)) if which(tag) => Err(RejectReason::Closed),
            _ => state.admit(length, limits),
        };
        let written = admitted.and_then(|()| {
            let max = self.limits.max_frame;
            frame::write_frame(&mut state.bytes, FrameKind::Message, parts, max)
                .map_err(|_| RejectReason::TooLong { length, limit: max })
        });
        if let Err(reason) = written {
            return Err(Rejected { tag, reason });
        }
        state.accepted += length as u64 + 4;
        if let Some(tag) = &tag {
            state.messages_pending += 1;
            state.counters_of(tag).accepted += 1;
        }
        let end = state.accepted;
        state.entries.push_back(Entry { end, tag });
        state.debt = state.debt.saturating_sub(1);
        let driver = state.driver.take();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        Ok(())
    }

    /// Waits until a frame of `length` bytes, type byte included, would not be refused for want of
    /// room, or the like of it may have been [revoked](Self::revoke). Another task may be faster, so
    /// a [`push`](Self::push) after it can still be refused.
    ///
    /// Of those who wait, one is woken at a time, the one that has waited longest; the next when
    /// its [`Permit`] is dropped, if there is room then, or as soon as there is. So push before you
    /// drop it.
    ///
    /// # Cancel safety
    /// Nothing is lost: no place is reserved, and the turn passes to the next.
    pub async fn capacity(&self, length: usize) -> Permit<'_, T> {
        let (mut woken, mut revocations) = (false, None);
        loop {
            let notified = self.space.notified();
            tokio::pin!(notified);
            // From here on a notification counts, so none between the check and the wait is missed.
            notified.as_mut().enable();
            let pass = {
                let mut state = self.state.lock();
                let known = *revocations.get_or_insert(state.revocations);
                match state.admit(length, self.limits) {
                    // It may be refused now whatever the room, and find another way.
                    _ if known != state.revocations => return Permit(self),
                    Err(RejectReason::Full { .. }) => state.waiting_for_space += 1,
                    _ => return Permit(self),
                }
                let pass = woken && state.turns > 0 && state.is_roomy(self.limits);
                state.turns -= usize::from(pass);
                pass
            };
            let _leaving = Leaving(self);
            if pass {
                // There is room, for those who want less.
                self.space.notify_one();
            }
            notified.await;
            woken = true;
        }
    }

    /// Bytes accepted and not yet handed to the kernel.
    pub fn pending_bytes(&self) -> usize {
        self.state.lock().pending()
    }

    /// Tagged messages accepted and not wholly handed to the kernel, those included that came back
    /// when the connection ended.
    pub fn pending_messages(&self) -> usize {
        self.state.lock().messages_pending
    }

    /// Tagged messages wholly handed to the kernel so far; once the connection has ended, those
    /// excepted that may have been in flight.
    pub fn messages_written(&self) -> u64 {
        let state = self.state.lock();
        state.counters.iter().map(|counters| counters.written).sum()
    }

    /// Whether a tagged message waits, or is not known to have arrived. Walks what was written
    /// lately.
    pub fn is_in_flight(&self) -> bool {
        let state = self.state.lock();
        state.entries.iter().any(|entry| entry.tag.is_some())
    }

    /// What became of the tagged messages so far, by their accounts.
    pub fn counters(&self) -> Vec<OutboxCounters> {
        self.state.lock().counters.clone()
    }

    /// Accepts no more; the driver writes what is there and then ends the connection.
    pub fn drain(&self) {
        self.enter(Phase::Draining);
    }

    /// Accepts no more and writes no more; the driver ends the connection at once.
    pub fn abort(&self) {
        self.enter(Phase::Closed);
    }

    /// Notes that `woken` tasks were just woken that are likely to push soon. Each push pays one.
    pub(crate) fn owe(&self, woken: usize) {
        self.state.lock().debt += woken;
    }

    /// Whether a write now would be a small one that woken tasks are about to add to.
    pub(crate) fn may_grow(&self, enough: usize) -> bool {
        let state = self.state.lock();
        state.debt > 0 && (1..enough).contains(&state.pending())
    }

    /// Forgets the debt: the tasks had their chance.
    pub(crate) fn forgive(&self) {
        self.state.lock().debt = 0;
    }

    /// Whether all that the driver took is written.
    pub(crate) fn is_written(&self) -> bool {
        self.flight.lock().rest().is_empty()
    }

    /// Takes the waiting bytes, to be written next. `Ready(true)`: there are some; `Ready(false)`:
    /// none are there and none will be.
    pub(crate) fn poll_take(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut flight = self.flight.lock();
        debug_assert!(flight.rest().is_empty(), "what was taken is written first");
        let mut state = self.state.lock();
        match state.phase {
            Phase::Closed => return Poll::Ready(false),
            Phase::Draining if state.bytes.is_empty() => return Poll::Ready(false),
            _ => {}
        }
        if state.bytes.is_empty() {
            note(&mut state.driver, cx);
            return Poll::Pending;
        }
        flight.bytes.clear();
        flight.at = 0;
        std::mem::swap(&mut state.bytes, &mut flight.bytes);
        // One long message must not keep its memory for ever.
        if state.bytes.capacity() > 2 * self.limits.bytes {
            state.bytes = Vec::new();
        }
        Poll::Ready(true)
    }

    /// Has `write` hand what was taken to the kernel, while nobody can revoke it. Returns how many
    /// bytes the kernel took, and how many messages it has whole that are not known to have
    /// arrived; none if all of it was revoked meanwhile.
    pub(crate) fn poll_write(
        &self,
        write: impl FnOnce(&[u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<Option<(usize, usize)>>> {
        let mut flight = self.flight.lock();
        if flight.rest().is_empty() {
            return Poll::Ready(Ok(None));
        }
        let count = ready!(write(flight.rest()))?;
        flight.at += count;
        if flight.rest().is_empty() && flight.bytes.capacity() > LARGE_FLIGHT {
            *flight = Flight::default();
        }
        Poll::Ready(Ok(Some((count, self.wrote(count)))))
    }

    /// Notes that the kernel took `count` more bytes. Returns how many messages it took whole that
    /// are not known to have arrived.
    fn wrote(&self, count: usize) -> usize {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let roomy = state.is_roomy(self.limits);
        state.written += count as u64;
        while let Some(entry) = state.entries.get(state.whole)
            && entry.end <= state.written
        {
            state.whole += 1;
            state.whole_to = entry.end;
            if let Some(tag) = &entry.tag {
                state.messages_pending -= 1;
                counters_of(&mut state.counters, tag).written += 1;
            }
        }
        let in_flight = state.whole;
        // Once when half of it is free, and once when all is, for frames longer than half.
        let wake = !roomy && state.is_roomy(self.limits) || state.pending() == 0;
        let wake = wake && state.waiting_for_space > 0;
        if wake {
            state.turns = state.waiting_for_space - 1;
        }
        drop(guard);
        if wake {
            self.space.notify_one();
        }
        in_flight
    }

    /// Notes that everything before the stream offset `to` has arrived. Returns how many messages
    /// are written and not known to have arrived.
    pub(crate) fn arrived(&self, to: u64) -> usize {
        let mut state = self.state.lock();
        while state.whole > 0
            && state
                .entries
                .pop_front_if(|entry| entry.end <= to)
                .is_some()
        {
            state.whole -= 1;
        }
        state.whole
    }

    /// Takes all but the newest `keep` of the messages that are written as arrived.
    pub(crate) fn presume(&self, keep: usize) {
        let mut state = self.state.lock();
        while state.whole > keep && state.entries.pop_front().is_some() {
            state.whole -= 1;
        }
    }

    /// Ready once [`abort`](Self::abort) was called.
    pub(crate) fn poll_aborted(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.phase == Phase::Closed {
            return Poll::Ready(());
        }
        note(&mut state.aborting, cx);
        Poll::Pending
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.state.lock();
        if state.phase != Phase::Closed {
            state.phase = phase;
        }
        let wakers = [state.driver.take(), state.aborting.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
        self.space.notify_waiters();
    }
}

impl<T: OutboxTag> State<T> {
    fn counters_of(&mut self, tag: &T) -> &mut OutboxCounters {
        counters_of(&mut self.counters, tag)
    }
}

/// The account that a message with this tag is counted in.
fn counters_of<'a, T: OutboxTag>(
    all: &'a mut Vec<OutboxCounters>,
    tag: &T,
) -> &'a mut OutboxCounters {
    let group = tag.group();
    if all.len() <= group {
        all.resize(group + 1, OutboxCounters::default());
    }
    &mut all[group]
}

impl<T> State<T> {
    fn pending(&self) -> usize {
        distance(self.written, self.accepted)
    }

    /// Whether half of the room is free: that is worth a wake-up.
    fn is_roomy(&self, limits: OutboxLimits) -> bool {
        self.pending() <= limits.bytes / 2 && self.messages_pending <= limits.messages / 2
    }

    fn admit(&self, length: usize, limits: OutboxLimits) -> Result<(), RejectReason> {
        if self.phase != Phase::Open {
            return Err(RejectReason::Closed);
        }
        if length > limits.max_frame {
            return Err(RejectReason::TooLong {
                length,
                limit: limits.max_frame,
            });
        }
        let pending = self.pending();
        let limit = if pending > 0 && pending + length + 4 > limits.bytes {
            OutboxLimit::Bytes(limits.bytes)
        } else if pending > 0 && self.messages_pending >= limits.messages {
            OutboxLimit::Messages(limits.messages)
        } else {
            return Ok(());
        };
        Err(RejectReason::Full { length, limit })
    }
}

/// Keeps the waker of the task that polls.
fn note(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        slot => *slot = Some(cx.waker().clone()),
    }
}

/// The bytes between two stream offsets that both lie within what waits.
#[expect(clippy::cast_possible_truncation, reason = "what waits is in memory")]
fn distance(from: u64, to: u64) -> usize {
    (to - from) as usize
}

/// The turn of one that waited for room; dropped, it passes to the next.
#[derive(Debug)]
#[must_use = "the next one is woken when it is dropped"]
pub struct Permit<'a, T>(&'a Outbox<T>);

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        let Self(outbox) = self;
        let state = outbox.state.lock();
        let wake = state.waiting_for_space > 0 && state.is_roomy(outbox.limits);
        drop(state);
        if wake {
            outbox.space.notify_one();
        }
    }
}

/// Counts a task out that waited for space, whether it was woken or dropped.
struct Leaving<'a, T>(&'a Outbox<T>);

impl<T> Drop for Leaving<'_, T> {
    fn drop(&mut self) {
        self.0.state.lock().waiting_for_space -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    impl OutboxTag for u32 {
        fn group(&self) -> usize {
            *self as usize
        }
    }

    fn small() -> Outbox<u32> {
        Outbox::new(OutboxLimits::new().bytes(40).messages(3).max_frame(100))
    }

    fn take(outbox: &Outbox<u32>) -> Vec<u8> {
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(outbox.poll_take(&cx), Poll::Ready(true));
        outbox.flight.lock().rest().to_vec()
    }

    /// Tells how many messages are in flight.
    fn wrote(outbox: &Outbox<u32>, count: usize) -> usize {
        match outbox.poll_write(|_| Poll::Ready(Ok(count))) {
            Poll::Ready(Ok(Some((written, in_flight)))) if written == count => in_flight,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn full_is_an_answer_and_gives_the_tag_back() {
        let outbox = small();
        outbox.push(&[&[0; 30]], Some(1)).unwrap();
        let full = RejectReason::Full {
            length: 11,
            limit: OutboxLimit::Bytes(40),
        };
        assert_eq!(
            outbox.push(&[&[0; 10]], Some(2)),
            Err(Rejected {
                tag: Some(2),
                reason: full
            })
        );
        assert_eq!(outbox.pending_messages(), 1);
    }

    #[test]
    fn as_many_messages_wait_as_may_however_short_they_are() {
        let outbox = small();
        for tag in 0..3 {
            outbox.push(&[b"a"], Some(tag)).unwrap();
        }
        let full = RejectReason::Full {
            length: 2,
            limit: OutboxLimit::Messages(3),
        };
        assert_eq!(outbox.push(&[b"a"], Some(3)).unwrap_err().reason, full);
        outbox.push(&[b"a"], None).unwrap();
        let flight = take(&outbox);
        wrote(&outbox, 6);
        outbox.push(&[b"a"], Some(3)).unwrap();
        wrote(&outbox, flight.len() - 6);
        assert_eq!(outbox.pending_messages(), 1);
    }

    #[test]
    fn a_full_outbox_has_capacity_for_a_message_without_a_tag_still() {
        let outbox = small();
        outbox.push(&[&[0; 30]], Some(1)).unwrap();
        assert!(outbox.push(&[&[0; 10]], Some(2)).is_err());
        outbox.push(&[&[0; 10]], None).unwrap();
        let long = vec![0; 90];
        let most = RESERVE / (long.len() + 5);
        let pushed = (0..2 * most).take_while(|_| outbox.push(&[&long], None).is_ok());
        assert!(
            (most - 1..=most).contains(&pushed.count()),
            "but not for ever"
        );
    }

    #[test]
    fn a_frame_over_the_limit_of_bytes_passes_alone() {
        let outbox = small();
        outbox.push(&[&[0; 80]], Some(1)).unwrap();
        assert_eq!(take(&outbox).len(), 85);
        let long = RejectReason::TooLong {
            length: 101,
            limit: 100,
        };
        assert_eq!(outbox.push(&[&[0; 100]], Some(2)).unwrap_err().reason, long);
    }

    #[test]
    fn what_never_left_comes_back_whole_and_what_was_cut_is_named() {
        for written in 0..=21 {
            let outbox = small();
            outbox.push(&[b"a", b"b"], Some(1)).unwrap();
            outbox.push(&[b"cd"], Some(2)).unwrap();
            let flight = take(&outbox);
            outbox.push(&[b"ef"], Some(3)).unwrap();
            let written = written.min(flight.len());
            wrote(&outbox, written);
            let left = outbox.close();
            let unsent: Vec<_> = left
                .unsent
                .iter()
                .map(|u| (u.tag, &u.payload[..]))
                .collect();
            let all: [(u32, &[u8]); 3] = [(1, b"ab"), (2, b"cd"), (3, b"ef")];
            let (whole, part) = (written / 7, written % 7);
            assert_eq!(unsent, all[whole + usize::from(part > 0)..], "{written}");
            let unknown = &[1, 2, 3][..whole + usize::from(part > 0)];
            assert_eq!(left.unknown, unknown, "{written}");
            assert_eq!(outbox.messages_written(), 0);
            assert_eq!(
                outbox.push(&[b"x"], Some(9)).unwrap_err().reason,
                RejectReason::Closed
            );
        }
    }

    #[test]
    fn what_is_acknowledged_is_not_unknown_and_counters_add_up() {
        for arrived in 0..=21 {
            let outbox = small();
            for tag in [1, 2, 3] {
                outbox.push(&[b"ab"], Some(tag)).unwrap();
            }
            take(&outbox);
            assert_eq!(wrote(&outbox, 10), 1, "one is whole, one is cut");
            let left = outbox.arrived(arrived.min(10));
            let known = usize::from(arrived >= 7);
            assert_eq!(left, 1 - known);
            let left = outbox.close();
            assert_eq!(left.unknown, [1, 2][known..], "{arrived}");
            let counters = outbox.counters();
            let known = known as u64;
            let sum = |count: fn(&OutboxCounters) -> u64| counters.iter().map(count).sum::<u64>();
            assert_eq!(sum(|counters| counters.accepted), 3);
            assert_eq!(sum(|counters| counters.written), known);
            assert_eq!(sum(|counters| counters.unknown), 2 - known);
            assert_eq!(sum(|counters| counters.unsent), 1);
            assert_eq!(counters[3].unsent, 1, "each in its own");
        }
    }

    #[test]
    fn draining_accepts_nothing_and_still_hands_out_what_is_there() {
        let outbox = small();
        outbox.push(&[b"ab"], Some(1)).unwrap();
        outbox.drain();
        assert_eq!(
            outbox.push(&[b"cd"], Some(2)).unwrap_err().reason,
            RejectReason::Closed
        );
        let flight = take(&outbox);
        wrote(&outbox, flight.len());
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(outbox.poll_take(&cx), Poll::Ready(false));
    }

    #[tokio::test]
    async fn waiters_for_capacity_are_woken_by_writing_and_by_closing() {
        let outbox = small();
        outbox.push(&[&[0; 30]], Some(1)).unwrap();
        let flight = take(&outbox);
        let wait = async |length| drop(outbox.capacity(length).await);
        tokio::join!(wait(10), wait(20), async {
            wrote(&outbox, flight.len());
        });
        outbox.push(&[&[0; 30]], Some(2)).unwrap();
        tokio::join!(wait(10), wait(20), async { outbox.abort() });
        assert_eq!(outbox.state.lock().waiting_for_space, 0);
    }

    #[tokio::test]
    async fn a_dropped_waiter_takes_nobodys_wake_up_with_it() {
        let outbox = small();
        outbox.push(&[&[0; 30]], Some(1)).unwrap();
        let flight = take(&outbox);
        let mut dropped = Box::pin(outbox.capacity(10));
        assert!(futures_pending(dropped.as_mut()));
        let mut kept = Box::pin(outbox.capacity(10));
        assert!(futures_pending(kept.as_mut()));
        drop(dropped);
        wrote(&outbox, flight.len());
        let _turn = kept.await;
    }

    #[tokio::test]
    async fn a_permit_that_is_not_used_wakes_the_next() {
        let outbox = small();
        outbox.push(&[&[0; 30]], Some(1)).unwrap();
        let flight = take(&outbox);
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(outbox.capacity(10))).collect();
        for waiter in &mut waiting {
            assert!(futures_pending(waiter.as_mut()));
        }
        // Nothing more is written, so no write will wake anybody.
        wrote(&outbox, flight.len());
        let mut waiting = waiting.into_iter();
        drop(waiting.next().unwrap());
        drop(waiting.next().unwrap().await);
        let _turn = waiting.next().unwrap().await;
    }

    #[test]
    fn of_a_hundred_that_wait_two_are_woken_at_a_time_and_find_capacity() {
        let outbox = Outbox::new(OutboxLimits::new().bytes(300));
        let fill = |outbox: &Outbox<u32>| while outbox.push(&[&[0; 25]], Some(0)).is_ok() {};
        fill(&outbox);
        let woken: Vec<_> = (0..100).map(|_| Arc::new(Woken::default())).collect();
        let mut waiting: Vec<_> = woken
            .iter()
            .map(|woken| {
                let mut waiter = Box::pin(outbox.capacity(26));
                let waker = Waker::from(Arc::clone(woken));
                let mut cx = Context::from_waker(&waker);
                assert!(waiter.as_mut().poll(&mut cx).is_pending());
                Some(waiter)
            })
            .collect();
        let wakes = || {
            woken
                .iter()
                .map(|woken| woken.0.load(Relaxed))
                .sum::<usize>()
        };
        let mut pushed = 0;
        while pushed < 100 {
            let flight = take(&outbox);
            for part in flight.chunks(7) {
                wrote(&outbox, part.len());
            }
            // Whoever is woken pushes, and only then the next one has its turn.
            while let Some(at) =
                (0..100).find(|at| waiting[*at].is_some() && woken[*at].0.swap(0, Relaxed) > 0)
            {
                let mut waiter = waiting[at].take().unwrap();
                let mut cx = Context::from_waker(Waker::noop());
                let Poll::Ready(turn) = waiter.as_mut().poll(&mut cx) else {
                    panic!("woken for nothing");
                };
                outbox.push(&[&[0; 25]], Some(0)).unwrap();
                pushed += 1;
                drop(turn);
                assert!(wakes() <= 2, "a herd");
            }
        }
        assert_eq!(outbox.state.lock().waiting_for_space, 0);
    }

    #[test]
    fn capacity_for_a_small_one_is_not_lost_to_a_large_one_that_waits_before_it() {
        let outbox = Outbox::new(OutboxLimits::new().bytes(100));
        outbox.push(&[&[0; 85]], Some(0_u32)).unwrap();
        let _flight = take(&outbox);
        let [mut large, mut small] = [80, 5].map(|length| Box::pin(outbox.capacity(length)));
        assert!(futures_pending(large.as_mut()));
        outbox.push(&[&[0; 1]], Some(0)).unwrap();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        assert!(small.as_mut().poll(&mut cx).is_pending());
        wrote(&outbox, 60);
        assert_eq!(woken.0.load(Relaxed), 0, "it is the turn of the large one");
        assert!(
            futures_pending(large.as_mut()),
            "which wants more than there is"
        );
        assert_eq!(woken.0.load(Relaxed), 1);
        assert!(small.as_mut().poll(&mut cx).is_ready());
    }

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    fn futures_pending<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
        future
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    }
}
