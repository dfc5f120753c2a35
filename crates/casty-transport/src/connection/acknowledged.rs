//! How much of what was written is known to have reached the peer's kernel, so that a lost
//! connection leaves no more messages in doubt than it must.

use crate::connection::outbox::{Outbox, OutboxTag};
use crate::transport::Duplex;

/// With so many messages more in flight than when last looked, it is worth a system call to see
/// which have arrived: well under a nanosecond a message.
const WORTH_LOOKING: usize = 256;

/// As many messages are in doubt at most where the stream does not tell what arrived and the peer
/// says nothing: what is remembered of them is bounded.
const MOST_IN_DOUBT: usize = 65_536;

/// What one driver knows of the bytes that it wrote.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Whether the stream tells what was acknowledged.
    told: bool,
    /// The bytes that the stream took.
    written: u64,
    /// With so many messages in flight, the stream is asked again.
    ask_at: usize,
}

impl Arrival {
    /// Nothing is written yet.
    pub(crate) fn new(stream: &impl Duplex) -> Self {
        Self {
            told: stream.unacknowledged().is_some(),
            written: 0,
            ask_at: WORTH_LOOKING,
        }
    }

    /// The stream took `count` bytes more; `in_flight` messages are not known to have arrived.
    pub(crate) fn wrote<T: OutboxTag>(
        &mut self,
        count: usize,
        in_flight: usize,
        (stream, outbox): (&impl Duplex, &Outbox<T>),
    ) {
        self.written += count as u64;
        if !self.told && in_flight > MOST_IN_DOUBT {
            outbox.presume(MOST_IN_DOUBT / 2);
        } else if in_flight >= self.ask_at
            && let Some(count) = stream.unacknowledged()
        {
            let left = outbox.arrived(self.before(count));
            self.ask_at = left + WORTH_LOOKING;
        }
    }

    /// A frame came in. Where the stream tells nothing, this is taken as a sign that the peer had
    /// what was written before.
    pub(crate) fn heard<T: OutboxTag>(&self, outbox: &Outbox<T>) {
        if !self.told {
            outbox.arrived(self.written);
        }
    }

    /// The connection ends. `shut_down`: the stream was told that nothing more comes, and with
    /// `answered` the peer has closed its side after that.
    pub(crate) fn conclude<T: OutboxTag>(
        &self,
        (stream, outbox): (&impl Duplex, &Outbox<T>),
        (shut_down, answered): (bool, bool),
    ) {
        let to = match stream.unacknowledged() {
            // The end of the stream counts as a byte, and is the last to be acknowledged.
            Some(count) => self.before(count.saturating_sub(usize::from(shut_down))),
            None if answered => self.written,
            None => return,
        };
        outbox.arrived(to);
    }

    /// The offset before which everything has arrived, with so many bytes under way.
    fn before(&self, unacknowledged: usize) -> u64 {
        self.written.saturating_sub(unacknowledged as u64)
    }
}
