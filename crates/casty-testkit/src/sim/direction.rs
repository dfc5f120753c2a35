//! One direction of a simulated connection: its bytes under way, and the faults that befall them.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::tamper::{Ending, Tamper};
use crate::wake::remember;

/// Bytes that one direction holds, from the writer's kernel to the reader's.
pub(super) const WINDOW: usize = 32 * 1024;

/// One direction of a connection.
#[derive(Default)]
pub(super) struct Direction {
    /// The beginning of a frame that the writer has not finished.
    partial: BytesMut,
    /// Chunks under way, oldest first, with the times of arrival; without one, until the way is
    /// open again.
    flying: VecDeque<(Option<Instant>, Bytes)>,
    /// Chunks in the reader's kernel.
    arrived: VecDeque<Bytes>,
    /// Bytes sent after the reader's side was gone.
    lost: usize,
    /// Bytes in all of these.
    bytes: usize,
    /// The end that the reader finds when everything before it is read.
    pub(super) ending: Option<Ending>,
    /// True once the reader's side is no more: all that comes later is lost.
    pub(super) cut: bool,
    /// The faults of the next frames.
    pub(super) tampers: Vec<Tamper>,
    /// The arrival of the last chunk under way.
    latest: Option<Instant>,
    /// True once the writer had to wait.
    pub(super) waited: bool,
    pub(super) reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Direction {
    /// Returns how many of `offered` bytes the writer may hand over now. If it is none, the writer
    /// is woken when there is capacity again.
    pub(super) fn capacity(&mut self, offered: usize, cx: &Context<'_>) -> usize {
        // A frame longer than the window must get through: framing needs it whole.
        let empty = self.bytes == self.partial.len();
        let capacity = match WINDOW.saturating_sub(self.bytes) {
            _ if empty => offered,
            left => left.min(offered),
        };
        if capacity == 0 {
            self.waited = true;
            remember(&mut self.writer, cx);
        }
        capacity
    }

    /// Takes bytes over from the writer. [`next_frame`](Self::next_frame) returns what is whole.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        self.bytes += bytes.len();
    }

    /// Returns the next whole frame that was taken over, head and all.
    pub(super) fn next_frame(&mut self) -> Option<Bytes> {
        let length = u32::from_be_bytes(*self.partial.first_chunk::<4>()?) as usize;
        if self.partial.len() < 4 + length {
            return None;
        }
        let frame = self.partial.split_to(4 + length).freeze();
        self.bytes -= frame.len();
        Some(frame)
    }

    /// Returns whether the writer waits for capacity.
    pub(super) fn is_awaited(&self) -> bool {
        self.writer.is_some()
    }

    /// Returns the time at which the last chunk under way arrives, as far as that is known.
    pub(super) fn latest(&self) -> Option<Instant> {
        self.latest
    }

    /// Sends bytes on their way, to arrive at `due` at the earliest and never before earlier ones;
    /// without a time, once the way is open again.
    pub(super) fn send(&mut self, bytes: Bytes, due: Option<Instant>) {
        if self.ending.is_some() {
            return;
        }
        self.bytes += bytes.len();
        if self.cut {
            self.lost += bytes.len();
            return;
        }
        let due = due.map(|due| self.latest.map_or(due, |latest| latest.max(due)));
        self.latest = due.or(self.latest);
        self.flying.push_back((due, bytes));
        // It sleeps until the first of them is due, and knew of none.
        wake(&mut self.reader);
    }

    /// Puts the end of the stream behind what is under way.
    pub(super) fn end(&mut self, ending: Ending, due: Option<Instant>) {
        let rest = self.partial.split().freeze();
        self.bytes -= rest.len();
        // Even if there is none: it stands for the end.
        self.send(rest, due);
        self.ending.get_or_insert(ending);
        wake(&mut self.reader);
        wake(&mut self.writer);
    }

    /// Gives a time of arrival to all that had none.
    pub(super) fn release(&mut self, due: Instant) {
        for (at, _) in &mut self.flying {
            at.get_or_insert(due);
        }
        self.latest = Some(self.latest.map_or(due, |latest| latest.max(due)));
        wake(&mut self.reader);
    }

    /// Keeps what is under way there until it is released.
    pub(super) fn stall(&mut self, now: Instant) {
        self.settle(now);
        for (at, _) in &mut self.flying {
            *at = None;
        }
        self.latest = None;
    }

    /// Moves what has arrived by now into the reader's kernel.
    pub(super) fn settle(&mut self, now: Instant) {
        while !self.cut
            && let Some((_, bytes)) = self
                .flying
                .pop_front_if(|(due, _)| due.is_some_and(|due| due <= now))
        {
            if !bytes.is_empty() {
                self.arrived.push_back(bytes);
            }
        }
    }

    /// Ends all arrivals: the reader's side is gone.
    pub(super) fn sever(&mut self, now: Instant) {
        self.settle(now);
        self.cut = true;
        // Both find the reset at their next look, whatever they wait for.
        wake(&mut self.reader);
        wake(&mut self.writer);
    }

    /// Returns the time at which the next bytes arrive, if they do by themselves.
    pub(super) fn due(&self) -> Option<Instant> {
        self.flying.front().and_then(|(due, _)| *due)
    }

    /// Returns whether the reader has everything that ever will come.
    pub(super) fn is_drained(&self) -> bool {
        self.flying.is_empty() && self.arrived.is_empty()
    }

    /// Returns whether something arrived that was not read.
    pub(super) fn has_unread(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Hands over what arrived, at most `most` bytes. Returns how many.
    pub(super) fn read(&mut self, buffer: &mut ReadBuf<'_>, most: usize) -> usize {
        let before = buffer.filled().len();
        let mut left = most;
        while let Some(chunk) = self.arrived.front_mut() {
            let count = chunk.len().min(buffer.remaining()).min(left);
            if count == 0 {
                break;
            }
            buffer.put_slice(&chunk[..count]);
            chunk.advance(count);
            left -= count;
            if chunk.is_empty() {
                self.arrived.pop_front();
            }
        }
        let count = buffer.filled().len() - before;
        self.bytes -= count;
        if count > 0 {
            wake(&mut self.writer);
        }
        count
    }

    /// Returns how many bytes the writer handed over that the reader's kernel does not have.
    pub(super) fn unacknowledged(&self) -> usize {
        let flying: usize = self.flying.iter().map(|(_, bytes)| bytes.len()).sum();
        flying + self.partial.len() + self.lost
    }
}

/// Wakes a task once: it stores its waker again if it still has to wait.
fn wake(slot: &mut Option<Waker>) {
    slot.take().into_iter().for_each(Waker::wake);
}
