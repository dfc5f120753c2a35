//! The counters that only metrics have.

use crate::stats::losses::REASONS;

/// The counters of a client that its [`Stats`](crate::Stats) do not have.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MetricCounts {
    /// Bytes of the frames of written messages.
    pub(crate) written_bytes: u64,
    /// Bytes of messages that were not sent, which have no frames.
    pub(crate) not_sent_bytes: u64,
    /// Bytes of the frames of messages of unknown fate.
    pub(crate) unknown_bytes: u64,
    /// Dead letters, in the order of [`REASONS`].
    pub(crate) dead_letters: [u64; REASONS.len()],
    /// Connections to nodes that were connected before.
    pub(crate) reconnects: u64,
}
