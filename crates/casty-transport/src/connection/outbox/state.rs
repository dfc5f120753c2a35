//! The contents of an outbox: buffered frames, the messages in them, and their counters.

use std::collections::VecDeque;
use std::task::{Context, Waker};
use std::time::Duration;

use super::limits::{OutboxLimit, OutboxLimits, RejectReason};

/// A message's tag: the sender's own note of it, as far as an [`Outbox`](crate::Outbox) must know
/// it.
pub trait OutboxTag {
    /// Returns the group that the message is counted in: a small number, for counters are kept for
    /// all groups up to the highest.
    fn group(&self) -> usize {
        0
    }
}

impl OutboxTag for () {}

/// The counters of the tagged messages of one group. Messages that were accepted and are counted
/// in none of the rest still wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OutboxCounters {
    /// Messages accepted by [`Outbox::push`](crate::Outbox::push).
    pub accepted: u64,
    /// Messages handed to the kernel, those excepted that are `unknown`.
    pub written: u64,
    /// Messages given back when the connection ended, or [revoked](crate::Outbox::revoke) before:
    /// nothing of them left.
    pub unsent: u64,
    /// Messages that were not known to be acknowledged when the connection ended.
    pub unknown: u64,
}

/// The place that an [`Outbox`](crate::Outbox) has come to, in bytes of whole frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OutboxProgress {
    /// Bytes that were ever accepted, of frames that were [revoked](crate::Outbox::revoke)
    /// excepted.
    pub accepted: u64,
    /// Bytes of these that were handed to the kernel.
    pub sent: u64,
}

/// The bytes of the frames of tagged messages that have left an [`Outbox`](crate::Outbox).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MessageBytes {
    /// Bytes of messages that were handed to the kernel whole, those excepted that are `unknown`.
    pub written: u64,
    /// Bytes of messages that were not known to be acknowledged when the connection ended.
    pub unknown: u64,
}

/// The bytes that the driver has taken, and how far they are written.
#[derive(Debug, Default)]
pub(super) struct Flight {
    pub(super) bytes: Vec<u8>,
    pub(super) at: usize,
}

impl Flight {
    /// Returns the bytes that are not written.
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

/// Everything of an outbox that senders and the driver share.
#[derive(Debug)]
pub(super) struct State<T> {
    /// Whole frames that the driver has not taken yet.
    pub(super) bytes: Vec<u8>,
    /// One entry for each message that is not known to be acknowledged, oldest first.
    pub(super) entries: VecDeque<Entry<T>>,
    /// The number of entries, from the front, that the kernel took whole.
    pub(super) whole: usize,
    /// Messages were taken as acknowledged without being told since they last were known to be.
    pub(super) is_assumed: bool,
    /// The stream offset of the end of all that was accepted.
    pub(super) accepted: u64,
    /// The same when it was last looked at, see [`Outbox::give_back_if_idle`](crate::Outbox).
    pub(super) accepted_when_looked: u64,
    /// The stream offset of the end of all that the kernel took.
    pub(super) written: u64,
    /// The stream offset of the end of the last message that the kernel took whole.
    pub(super) whole_to: u64,
    /// The stream offset of the end of the last message that is no longer among the entries.
    pub(super) forgotten_to: u64,
    /// The bytes before `whole_to` of frames that have no tag, or whose fate is unknown.
    pub(super) excepted_bytes: u64,
    /// The bytes of tagged messages whose fate is unknown.
    pub(super) unknown_bytes: u64,
    /// The counters of tagged messages, by their groups.
    pub(super) counters: Vec<OutboxCounters>,
    /// Tagged messages that are not wholly written.
    pub(super) messages_pending: usize,
    pub(super) phase: Phase,
    /// The silence for which the connection was given up, if it was.
    pub(super) given_up: Option<Duration>,
    /// The tagged messages that are refused: see [`Outbox::revoke`](crate::Outbox::revoke).
    pub(super) revoked: Option<fn(&T) -> bool>,
    /// The number of revocations so far.
    pub(super) revocations: usize,
    /// The driver, woken by the next push and by the end.
    pub(super) driver: Option<Waker>,
    /// The driver, woken by [`Outbox::abort`](crate::Outbox::abort) whatever else it waits for.
    pub(super) aborting: Option<Waker>,
    /// Tasks that wait for capacity.
    pub(super) waiting: usize,
    /// The number of times that a waiter that was woken and wants more than there is may still
    /// wake the next one.
    pub(super) passes: usize,
    /// Tasks that were woken and have not pushed since: a hint, see
    /// [`Outbox::expect_pushes`](crate::Outbox::expect_pushes).
    pub(super) expected_pushes: usize,
}

/// A message that is not known to be acknowledged.
#[derive(Debug)]
pub(super) struct Entry<T> {
    /// The stream offset of its end.
    pub(super) end: u64,
    pub(super) tag: Option<T>,
}

/// The stage of an outbox's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Messages are accepted and written.
    Open,
    /// No more is accepted; messages that are there are still written.
    Draining,
    /// Nothing more is written.
    Closed,
}

impl<T: OutboxTag> State<T> {
    /// Returns the counters of the group that a message with this tag is counted in.
    #[inline]
    pub(super) fn counters_of(&mut self, tag: &T) -> &mut OutboxCounters {
        counters_of(&mut self.counters, tag)
    }

    /// Adds the entry of the message that was appended last.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "copies the tag once less")]
    pub(super) fn add(&mut self, tag: Option<T>) {
        if let Some(tag) = &tag {
            self.messages_pending += 1;
            self.counters_of(tag).accepted += 1;
        }
        let end = self.accepted;
        self.entries.push_back(Entry { end, tag });
        self.expected_pushes = self.expected_pushes.saturating_sub(1);
    }

    /// Notes that the kernel took `count` more bytes, which moves messages into flight.
    #[inline]
    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count as u64;
        for entry in self.entries.range(self.whole..) {
            if entry.end > self.written {
                break;
            }
            self.whole += 1;
            let begin = std::mem::replace(&mut self.whole_to, entry.end);
            if let Some(tag) = &entry.tag {
                self.messages_pending -= 1;
                counters_of(&mut self.counters, tag).written += 1;
            } else {
                // So that the many, which have a tag, cost nothing.
                self.excepted_bytes += entry.end - begin;
            }
        }
    }
}

/// Returns the counters of a tag's group among `all`, which grow for it.
#[inline]
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
    /// Forgets the messages that end before the stream offset `to`, all of which are acknowledged.
    /// Returns whether any of them was tagged.
    #[inline]
    pub(super) fn acknowledge(&mut self, to: u64) -> bool {
        let before = self.entries.partition_point(|entry| entry.end <= to);
        self.forget(before.min(self.whole))
    }

    /// Forgets the oldest `count` of the messages that the kernel took whole. Returns whether any of
    /// them was tagged.
    pub(super) fn forget(&mut self, count: usize) -> bool {
        self.whole -= count;
        if let Some(last) = count.checked_sub(1).and_then(|at| self.entries.get(at)) {
            self.forgotten_to = last.end;
        }
        let mut forgotten = self.entries.drain(..count);
        forgotten.any(|entry| entry.tag.is_some())
    }

    /// Creates the state of an empty, open outbox.
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            entries: VecDeque::new(),
            whole: 0,
            is_assumed: false,
            accepted: 0,
            accepted_when_looked: 0,
            written: 0,
            whole_to: 0,
            forgotten_to: 0,
            excepted_bytes: 0,
            unknown_bytes: 0,
            counters: Vec::new(),
            messages_pending: 0,
            phase: Phase::Open,
            given_up: None,
            revoked: None,
            revocations: 0,
            driver: None,
            aborting: None,
            waiting: 0,
            passes: 0,
            expected_pushes: 0,
        }
    }

    /// Returns the bytes that were accepted and not yet handed to the kernel.
    #[inline]
    pub(super) fn pending(&self) -> usize {
        distance(self.written, self.accepted)
    }

    /// Returns whether half of the capacity is free: that is worth a wake-up.
    #[inline]
    pub(super) fn is_half_free(&self, limits: OutboxLimits) -> bool {
        self.pending() <= limits.bytes / 2 && self.messages_pending <= limits.messages / 2
    }

    /// Checks that a frame of `length` bytes can be accepted now.
    #[inline]
    pub(super) fn admit(&self, length: usize, limits: OutboxLimits) -> Result<(), RejectReason> {
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
#[inline]
pub(super) fn keep_waker(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        slot => *slot = Some(cx.waker().clone()),
    }
}

/// Returns the bytes between two stream offsets that both lie within what is in memory.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the bytes between are in memory"
)]
pub(super) fn distance(from: u64, to: u64) -> usize {
    (to - from) as usize
}
