//! A bounded buffer of frames on their way to one peer, which many tasks fill and one driver
//! empties.
//!
//! A message is copied once, into the buffer, under a short lock; nothing waits and nothing is
//! allocated per message once the buffer has grown. The driver swaps the whole buffer for an empty
//! one and writes it in as few system calls as the kernel allows. A message may carry a tag of its
//! sender's: it is then counted, and when the connection is lost it comes back with it if it never
//! left, and is named by it if it may have been in flight. Messages without a tag are of use on
//! this connection only.

use std::task::Waker;
use std::time::Duration;

use casty_proto::frame::{FrameKind, frame_head};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

mod leftover;
mod limits;
mod permit;
mod state;
mod writing;

pub use leftover::{Leftover, UnsentMessage};
pub use limits::{OutboxLimit, OutboxLimits, RejectReason, Rejected};
pub use permit::Permit;
pub use state::{MessageBytes, OutboxCounters, OutboxProgress, OutboxTag};
pub(crate) use writing::Written;

use state::{Flight, Phase, State};

/// With this much waiting, a write is worth its system call, however much more may come.
pub(crate) const WORTH_WRITING: usize = 64 * 1024;

/// A message that an [`Outbox`] has accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pushed {
    /// Set for one message of each 64 KiB that wait: it is time that the driver writes them, while they
    /// are in the processor's cache.
    pub fills_batch: bool,
}

/// The messages that an [`Outbox`] has accepted of many, and the first that it has not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushedAll<T> {
    /// The number of messages that were accepted, from the first on.
    pub count: usize,
    /// Set if it is time that the driver writes, as [`Pushed::fills_batch`].
    pub fills_batch: bool,
    /// The message behind these, if it was not accepted; none behind that was looked at.
    pub rejected: Option<Rejected<T>>,
}

/// The frames on their way to one peer, each with a tag of type `T`.
#[derive(Debug)]
pub struct Outbox<T> {
    /// The bytes that the driver has taken. A lock of its own, so that a write, which holds it,
    /// does not hold up senders. Code that needs both locks takes this one first.
    flight: Mutex<Flight>,
    /// All the rest. No system call, no wake-up and no caller's code is made with it locked, but
    /// for the functions of a tag and of a revocation.
    state: Mutex<State<T>>,
    limits: OutboxLimits,
    /// The tasks that wait for capacity, in the order in which they came.
    capacity: Notify,
}

impl<T: OutboxTag> Outbox<T> {
    /// Creates an empty outbox. It allocates nothing before the first push.
    pub fn new(limits: OutboxLimits) -> Self {
        Self {
            flight: Mutex::default(),
            state: Mutex::new(State::new()),
            limits,
            capacity: Notify::new(),
        }
    }

    /// Appends one message frame whose payload is `parts`. Never waits; costs one copy. A task that
    /// pushes many lets others run now and then, see [`Pushed`]: what waits is written sooner.
    ///
    /// # Errors
    /// The outbox is full or closed, messages that match were [revoked](Self::revoke), or the frame
    /// is too long. Nothing was appended.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "copies neither the parts nor the tag")]
    pub fn push<const N: usize>(
        &self,
        parts: &[&[u8]; N],
        tag: Option<T>,
    ) -> Result<Pushed, Rejected<T>> {
        // The one lock that all senders to a peer share; held for the copy and a few counts.
        let mut state = self.state.lock();
        match self.append(&mut state, parts, tag.as_ref()) {
            Ok(pushed) => {
                state.add(tag);
                wake_driver(state);
                Ok(pushed)
            }
            Err(reason) => Err(Rejected { tag, reason }),
        }
    }

    /// Appends one message frame for each of `messages`, in order, until one is not accepted: its
    /// payload is `header` and the message. Costs one lock for all of them.
    ///
    /// Senders wait meanwhile, so give some dozens at a time. The iterator must not use this outbox.
    pub fn push_all<'m>(
        &self,
        header: &[u8],
        messages: impl IntoIterator<Item = (&'m [u8], T)>,
    ) -> PushedAll<T> {
        let mut all = PushedAll {
            count: 0,
            fills_batch: false,
            rejected: None,
        };
        let mut state = self.state.lock();
        for (message, tag) in messages {
            match self.append(&mut state, &[header, message], Some(&tag)) {
                Ok(Pushed { fills_batch }) => {
                    state.add(Some(tag));
                    all.count += 1;
                    all.fills_batch |= fills_batch;
                }
                Err(reason) => {
                    let tag = Some(tag);
                    all.rejected = Some(Rejected { tag, reason });
                    break;
                }
            }
        }
        if all.count > 0 {
            wake_driver(state);
        }
        all
    }

    /// Appends the bytes of one message frame, with the state locked: its entry is to follow.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "copies the parts once less")]
    fn append<const N: usize>(
        &self,
        state: &mut State<T>,
        parts: &[&[u8]; N],
        tag: Option<&T>,
    ) -> Result<Pushed, RejectReason> {
        let payload = parts
            .iter()
            .fold(0usize, |sum, part| sum.saturating_add(part.len()));
        let limits = match tag {
            Some(_) => self.limits,
            None => self.limits.with_reserve(),
        };
        let length = payload.saturating_add(1);
        match state.revoked.zip(tag) {
            Some((matches, tag)) if matches(tag) => return Err(RejectReason::Closed),
            _ => state.admit(length, limits)?,
        }
        let limit = self.limits.max_frame;
        let Some(head) = frame_head(FrameKind::Message, payload, limit) else {
            return Err(RejectReason::TooLong { length, limit });
        };
        // Once for all parts: what follows never grows the buffer.
        state.bytes.reserve(head.len() + payload);
        state.bytes.extend_from_slice(&head);
        for part in parts {
            state.bytes.extend_from_slice(part);
        }
        let before = state.pending();
        let frame = head.len() + payload;
        state.accepted += frame as u64;
        let fills_batch = (before + frame) / WORTH_WRITING > before / WORTH_WRITING;
        Ok(Pushed { fills_batch })
    }

    /// Returns the bytes that were accepted and not yet handed to the kernel.
    pub fn pending_bytes(&self) -> usize {
        self.state.lock().pending()
    }

    /// Returns how far it has come: the bytes of all frames that were ever accepted, and those of
    /// them that were handed to the kernel.
    pub fn progress(&self) -> OutboxProgress {
        let state = self.state.lock();
        OutboxProgress {
            accepted: state.accepted,
            sent: state.written,
        }
    }

    /// Gives back the memory of an outbox that took nothing since the last call and in which nothing
    /// waits; what is busy keeps it, so that nothing is allocated while messages come. To be called
    /// every second or so.
    pub fn give_back_if_idle(&self) {
        let mut flight = self.flight.lock();
        let mut state = self.state.lock();
        let is_idle = state.accepted == state.accepted_when_looked && state.pending() == 0;
        state.accepted_when_looked = state.accepted;
        if is_idle {
            *flight = Flight::default();
            state.bytes = Vec::new();
            state.entries.shrink_to_fit();
        }
    }

    /// Returns the number of tagged messages that were accepted and not wholly handed to the
    /// kernel, those included that came back when the connection ended.
    pub fn pending_messages(&self) -> usize {
        self.state.lock().messages_pending
    }

    /// Returns the number of tagged messages that were wholly handed to the kernel so far; once the
    /// connection has ended, those excepted that may have been in flight.
    pub fn messages_written(&self) -> u64 {
        let state = self.state.lock();
        state.counters.iter().map(|group| group.written).sum()
    }

    /// Returns the bytes of tagged messages that have left, the heads of their frames included.
    pub fn message_bytes(&self) -> MessageBytes {
        let state = self.state.lock();
        MessageBytes {
            written: state.whole_to - state.excepted_bytes,
            unknown: state.unknown_bytes,
        }
    }

    /// Returns whether a tagged message waits, or is not known to be acknowledged: over a stream that
    /// cannot tell, until the peer has closed its side. Walks the messages that were written lately.
    pub fn is_in_flight(&self) -> bool {
        let state = self.state.lock();
        state.is_assumed || state.entries.iter().any(|entry| entry.tag.is_some())
    }

    /// Returns the counters of the tagged messages so far, by their [groups](OutboxTag::group).
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

    /// Ends the connection as [`abort`](Self::abort) does, as one that was lost because its peer was
    /// silent for so long: [`ConnectionLost::Timeout`](crate::ConnectionLost::Timeout). Changes
    /// nothing once it was aborted.
    pub fn give_up(&self, silent: Duration) {
        {
            let mut state = self.state.lock();
            if state.phase != Phase::Closed {
                state.given_up = Some(silent);
            }
        }
        self.enter(Phase::Closed);
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.state.lock();
        if state.phase != Phase::Closed {
            state.phase = phase;
        }
        let wakers = [state.driver.take(), state.aborting.take()];
        drop(state);
        // The driver looks at the phase again, whatever it waits for, ...
        wakers.into_iter().flatten().for_each(Waker::wake);
        // ... and all who wait for capacity, for nothing is accepted any more.
        self.capacity.notify_waiters();
    }
}

/// Wakes the driver, with the state released, if it waits for a push.
///
/// Only a driver that found nothing has left its waker, so of many pushes one wakes it.
#[inline]
fn wake_driver<T>(mut state: MutexGuard<'_, State<T>>) {
    let driver = state.driver.take();
    // Released first: a driver on another thread would find it taken.
    drop(state);
    if let Some(driver) = driver {
        driver.wake();
    }
}

#[cfg(test)]
mod tests;
