//! The driver's side of an outbox: taking bytes, writing them, and noting which were acknowledged.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::Outbox;
use super::state::{Flight, OutboxTag, Phase, keep_waker};

/// The outcome of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bytes that the kernel took.
    pub(crate) bytes: usize,
    /// Messages that the kernel took whole and that are not known to be acknowledged.
    pub(crate) in_flight: usize,
}

impl<T: OutboxTag> Outbox<T> {
    /// Notes that `woken` tasks were just woken that are likely to push soon. Each push counts one
    /// off.
    pub(crate) fn expect_pushes(&self, woken: usize) {
        self.state.lock().expected_pushes += woken;
    }

    /// Returns whether a write now would be a small one that woken tasks are about to add to.
    pub(crate) fn may_grow(&self, enough: usize) -> bool {
        let state = self.state.lock();
        state.expected_pushes > 0 && (1..enough).contains(&state.pending())
    }

    /// Expects no more pushes: the woken tasks had their time to run.
    pub(crate) fn expect_no_pushes(&self) {
        self.state.lock().expected_pushes = 0;
    }

    /// Returns whether everything that the driver took is written.
    pub(crate) fn is_written(&self) -> bool {
        self.flight.lock().rest().is_empty()
    }

    /// Takes the waiting bytes, to be written next. `Ready(true)`: there are some; `Ready(false)`:
    /// none are there and none will be.
    pub(crate) fn poll_take(&self, cx: &Context<'_>) -> Poll<bool> {
        // Both are held over the swap, flight first as everywhere: so a revocation finds each
        // frame in one of them.
        let mut flight = self.flight.lock();
        debug_assert!(flight.rest().is_empty(), "what was taken is written first");
        let mut state = self.state.lock();
        match state.phase {
            Phase::Closed => return Poll::Ready(false),
            Phase::Draining if state.bytes.is_empty() => return Poll::Ready(false),
            _ => {}
        }
        if state.bytes.is_empty() {
            // Under the lock under which pushes look for it, so no push comes in between.
            keep_waker(&mut state.driver, cx);
            return Poll::Pending;
        }
        flight.bytes.clear();
        flight.at = 0;
        // Two buffers take turns, so that in the long run nothing is allocated.
        std::mem::swap(&mut state.bytes, &mut flight.bytes);
        // One long message must not keep its memory for ever.
        if self.is_large(&state.bytes) {
            state.bytes = Vec::new();
        }
        Poll::Ready(true)
    }

    /// Has `write` hand the taken bytes to the kernel, while nobody can revoke them. `None` if all
    /// of them were revoked meanwhile.
    pub(crate) fn poll_write(
        &self,
        write: impl FnOnce(&[u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<Option<Written>>> {
        // Held over the write: a revocation waits, and then knows what the kernel has. Senders do
        // not wait, for they lock the state alone.
        let mut flight = self.flight.lock();
        if flight.rest().is_empty() {
            return Poll::Ready(Ok(None));
        }
        let bytes = ready!(write(flight.rest()))?;
        flight.at += bytes;
        if flight.rest().is_empty() && self.is_large(&flight.bytes) {
            *flight = Flight::default();
        }
        let in_flight = self.wrote(bytes);
        Poll::Ready(Ok(Some(Written { bytes, in_flight })))
    }

    /// Returns whether a buffer has grown for a message longer than all that the limit admits.
    fn is_large(&self, buffer: &Vec<u8>) -> bool {
        buffer.capacity() > 2 * self.limits.bytes
    }

    /// Notes that the kernel took `count` more bytes. Returns the number of messages that it took
    /// whole and that are not known to be acknowledged.
    fn wrote(&self, count: usize) -> usize {
        let mut state = self.state.lock();
        let was_half_free = state.is_half_free(self.limits);
        state.wrote(count);
        let in_flight = state.whole;
        // Once when half of it is free, and once when all is, for frames longer than half.
        let wake = !was_half_free && state.is_half_free(self.limits) || state.pending() == 0;
        let wake = wake && state.waiting > 0;
        if wake {
            // One is woken here, and wakes the next itself: see `Permit`.
            state.passes = state.waiting - 1;
        }
        // Released first, so that the woken task does not find it taken.
        drop(state);
        if wake {
            self.capacity.notify_one();
        }
        in_flight
    }

    /// Notes that everything before the stream offset `to` was acknowledged. Returns the number of
    /// messages that are written and not known to be.
    pub(crate) fn acknowledge(&self, to: u64) -> usize {
        let mut state = self.state.lock();
        state.is_assumed = false;
        state.acknowledge(to);
        state.whole
    }

    /// Takes everything before the stream offset `to` as acknowledged, which nobody has told.
    pub(crate) fn assume_acknowledged(&self, to: u64) {
        let mut state = self.state.lock();
        state.is_assumed |= state.acknowledge(to);
    }

    /// Takes all but the newest `keep` of the messages that are written as acknowledged, which nobody
    /// has told.
    pub(crate) fn assume_all_but(&self, keep: usize) {
        let mut state = self.state.lock();
        let over = state.whole.saturating_sub(keep);
        state.is_assumed |= state.forget(over);
    }

    /// Completes once [`abort`](Self::abort) was called, or [`give_up`](Self::give_up), with the
    /// silence for which it was.
    pub(crate) fn poll_aborted(&self, cx: &Context<'_>) -> Poll<Option<Duration>> {
        let mut state = self.state.lock();
        if state.phase == Phase::Closed {
            return Poll::Ready(state.given_up);
        }
        // A waker of its own: a push takes the driver's, and the driver may wait for the stream.
        keep_waker(&mut state.aborting, cx);
        Poll::Pending
    }
}
