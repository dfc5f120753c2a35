//! The part of what was written that is known to have reached the peer's kernel, so that a lost
//! connection leaves no more messages of unknown fate than it must.

use crate::connection::outbox::{Outbox, OutboxTag};
use crate::transport::Duplex;

/// With so many messages more in flight than at the last query, it is worth a system call to see
/// which were acknowledged: well under a nanosecond a message.
const QUERY_EVERY: usize = 256;

/// The most messages of unknown fate where the stream does not tell what was acknowledged and the
/// peer says nothing: what is remembered of them is bounded.
///
/// Beyond it, the older half counts as acknowledged.
const MAX_UNKNOWN: usize = 65_536;

/// One driver's knowledge of the bytes that it wrote.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    /// The stream tells what was acknowledged.
    is_told: bool,
    /// The bytes that the stream took.
    written: u64,
    /// With so many messages in flight, the stream is asked again.
    query_at: usize,
}

/// The stage that the two directions of a stream have reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The stream was told that nothing more comes.
    pub(crate) shut_down: bool,
    /// The peer has closed its side after that.
    pub(crate) answered: bool,
}

impl Acknowledged {
    /// Begins with nothing written.
    pub(crate) fn new(stream: &impl Duplex) -> Self {
        Self {
            is_told: stream.unacknowledged().is_some(),
            written: 0,
            query_at: QUERY_EVERY,
        }
    }

    /// Notes that the stream took `count` bytes more; `in_flight` messages are not known to be
    /// acknowledged.
    #[inline]
    pub(crate) fn wrote<T: OutboxTag>(
        &mut self,
        count: usize,
        in_flight: usize,
        stream: &impl Duplex,
        outbox: &Outbox<T>,
    ) {
        self.written += count as u64;
        if !self.is_told && in_flight > MAX_UNKNOWN {
            outbox.assume_all_but(MAX_UNKNOWN / 2);
        } else if in_flight >= self.query_at
            && let Some(count) = stream.unacknowledged()
        {
            let left = outbox.acknowledge(self.before(count));
            self.query_at = left + QUERY_EVERY;
        }
    }

    /// Notes that a frame came in. Where the stream tells nothing, this is taken as a sign that the
    /// peer had what was written before.
    #[inline]
    pub(crate) fn received<T: OutboxTag>(&self, outbox: &Outbox<T>) {
        if !self.is_told {
            outbox.assume_acknowledged(self.written);
        }
    }

    /// Notes what is known at the end of a connection.
    pub(crate) fn conclude<T: OutboxTag>(
        &self,
        stream: &impl Duplex,
        outbox: &Outbox<T>,
        ended: Ended,
    ) {
        let to = match stream.unacknowledged() {
            // The end of the stream counts as a byte, and is the last to be acknowledged.
            Some(count) => self.before(count.saturating_sub(usize::from(ended.shut_down))),
            None if ended.answered => self.written,
            None => return,
        };
        if self.is_told || ended.answered {
            outbox.acknowledge(to);
        } else {
            // By a peer that may not have read it, and may not any more if the connection is cut.
            outbox.assume_acknowledged(to);
        }
    }

    /// Returns the offset before which everything was acknowledged, with so many bytes under way.
    fn before(&self, unacknowledged: usize) -> u64 {
        self.written.saturating_sub(unacknowledged as u64)
    }
}
