//! What a client tells about itself: counters, dead letters, the report of its close.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::runtime::stripes::StripedCounter;
use crate::stats::gauges::Gauges;

pub(crate) mod gauges;
pub(crate) mod per_region;

/// Counters of a client, since its start. A message accepted is exactly one of written, not sent,
/// unknown, held or queued; while messages move, a reader may find one on its way between two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages accepted by tells and asks.
    pub accepted: u64,
    /// Messages handed to the kernel, those excepted that are unknown.
    pub written: u64,
    /// Messages accepted and then not sent: each was a dead letter.
    pub not_sent: u64,
    /// Messages that may have been in flight when their connection was lost: each was a dead
    /// letter, too.
    pub unknown: u64,
    /// Messages that wait for a route.
    pub buffered: u64,
    /// Messages in the outboxes of connected nodes.
    pub queued: u64,
    /// Asks that wait for their reply.
    pub pending_asks: u64,
    /// Bytes of messages kept to be sent again, and of replies over 4 KiB that were not taken yet.
    pub ask_bytes: u64,
    /// Messages of idempotent asks that were sent again: for a connection lost, or for a reply that
    /// did not come in time. Each is accepted again, with a fate of its own.
    pub retries: u64,
    /// The same, for a reply that was [awaited](crate::IdempotentAsk::hedge_after) too long.
    pub hedges: u64,
    /// Times that the retry budget did not allow either.
    pub retries_refused: u64,
    /// Replies that came after their ask had ended, or a second time.
    pub late_replies: u64,
    /// Messages from the cluster that no actor of this client took: no such actor, or its mailbox
    /// was full.
    pub inbound_dropped: u64,
    /// Messages from the cluster that could not be read.
    pub inbound_malformed: u64,
    /// Nodes connected.
    pub connections: u64,
    /// Second connections, to nodes that were lost before: there the client is known by two
    /// addresses; see [`casty_routing::Renewal`].
    pub secondary_connections: u64,
    /// Views of the cluster received.
    pub views: u64,
    /// How full everything is that may fill up.
    pub gauges: Gauges,
}

impl Stats {
    /// Whether each message accepted is counted once among those written, not sent, unknown, held
    /// and queued. Always so while nothing moves.
    pub fn is_conserved(&self) -> bool {
        let ended = self.written + self.not_sent + self.unknown;
        self.accepted == ended + self.buffered + self.queued
    }
}

/// What became of everything a client had accepted, when it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// The final counters; nothing is held or queued any more.
    pub stats: Stats,
    /// Whether every message was written before the time was up.
    pub drained: bool,
}

impl CloseReport {
    /// Whether each message accepted has ended as written, not sent or unknown, and none is left.
    pub fn is_conserved(&self) -> bool {
        self.stats.is_conserved() && (self.stats.buffered, self.stats.queued) == (0, 0)
    }
}

impl fmt::Display for CloseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats {
            written,
            not_sent,
            unknown,
            ..
        } = self.stats;
        write!(
            f,
            "{written} written, {not_sent} not sent, {unknown} unknown"
        )
    }
}

/// The counters that are counted; the rest of [`Stats`] is read off where it lies.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: StripedCounter,
    /// Written on connections that have ended.
    pub(crate) written: Counter,
    pub(crate) not_sent: Counter,
    pub(crate) unknown: Counter,
    pub(crate) inbound_dropped: Counter,
    pub(crate) inbound_malformed: Counter,
    pub(crate) views: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Counts `count` more.
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// What was counted.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
