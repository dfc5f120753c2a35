//! The statistics of a client: its counters, its gauges and the report of its close.

use std::fmt;

use casty_transport::{Outbox, OutboxTag};

use crate::stats::gauges::Gauges;
use crate::stats::losses::LossCounters;

pub(crate) use counter::Counter;

mod counter;
pub(crate) mod gauges;
pub(crate) mod listing;
pub(crate) mod losses;
pub(crate) mod per_region;

/// The counters of a client since its start. Each accepted message is exactly one of written, not
/// sent, unknown, buffered or queued; while messages move, a reader may find one between two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages accepted by tells and asks.
    pub accepted: u64,
    /// Messages handed to the kernel, except those that are unknown.
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
    /// Bytes of messages kept to be sent again, and of replies over 4 KiB that no task has taken
    /// yet.
    pub ask_bytes: u64,
    /// Messages of idempotent asks that were sent again: for a connection lost, or for a reply that
    /// did not come in time. Each is accepted again, with a fate of its own.
    pub retries: u64,
    /// Messages of idempotent asks that were sent again as a
    /// [hedge](crate::IdempotentAsk::hedge_after) against a slow reply.
    pub hedges: u64,
    /// Retries and hedges that the retry budget did not allow.
    pub retries_refused: u64,
    /// Replies that came after their ask had ended, or a second time.
    pub late_replies: u64,
    /// Messages that were dropped on this client: from the cluster, because no such actor runs here or
    /// its mailbox was full; and those in the mailbox of an actor that made way for newer ones, or were
    /// left when it ended. A message that this client told its own actor, and that was refused, is not
    /// counted.
    pub inbound_dropped: u64,
    /// Panics of this client's actors: of their handlers, and of the making and the drop of their states.
    pub actor_panics: u64,
    /// Messages from the cluster that could not be read, or are over a limit of the client.
    pub inbound_malformed: u64,
    /// Bytes of frames handed to the kernel, the protocol's own messages included.
    pub written_bytes: u64,
    /// Connections made, those to nodes that were connected before included, and no secondary ones.
    pub connects: u64,
    /// Connections of these that have ended, for whatever reason.
    pub disconnects: u64,
    /// Attempts to connect that failed, or led to another node than was dialled.
    pub failed_dials: u64,
    /// Nodes connected.
    pub connections: u64,
    /// Secondary connections, to nodes that know the client by two addresses: they were lost before, or took
    /// over the lead before they were connected; see [`casty_routing::Renewal`].
    pub secondary_connections: u64,
    /// Views of the cluster received.
    pub views: u64,
    /// Regions in use whose shard count the view contradicts;
    /// [`region_stats`](crate::ClusterClient::region_stats) tells which, and how.
    pub contradicted_regions: u64,
    /// The fill levels of everything that is limited.
    pub gauges: Gauges,
}

impl Stats {
    /// Returns whether the counters add up: each accepted message is counted once as written, not
    /// sent, unknown, buffered or queued. Always so while no message moves.
    pub fn is_conserved(&self) -> bool {
        let ended = self.written + self.not_sent + self.unknown;
        self.accepted == ended + self.buffered + self.queued
    }
}

/// The final counters of a client that was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// The final counters; no message is buffered or queued any more.
    pub stats: Stats,
    /// `true` if every message was written before the deadline, and no connection was cut while its
    /// peer may have lacked some of them.
    pub drained: bool,
    /// The locks, and permits of semaphores, that may be left behind on nodes: those for which an acquire
    /// still waited when the time was over, and those whose release no node has confirmed by then, or
    /// within a second more. A node grants the former to a client that is gone, and only an operator can
    /// release them then, by [`Lock::release_owner`](crate::Lock::release_owner) or
    /// [`Lock::destroy`](crate::Lock::destroy).
    pub unreleased: usize,
}

impl CloseReport {
    /// Returns whether the counters add up: each accepted message has ended as written, not sent or
    /// unknown.
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

/// The counters that stand by themselves; the rest of [`Stats`] is read from other parts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Messages written on connections that have ended.
    pub(crate) written: Counter,
    pub(crate) not_sent: Counter,
    pub(crate) unknown: Counter,
    /// Bytes of messages written on connections that have ended.
    pub(crate) message_bytes: Counter,
    pub(crate) not_sent_bytes: Counter,
    pub(crate) unknown_bytes: Counter,
    pub(crate) dead_letters: LossCounters,
    pub(crate) inbound_dropped: Counter,
    pub(crate) inbound_malformed: Counter,
    pub(crate) actor_panics: Counter,
    pub(crate) views: Counter,
    /// Bytes written on connections that have ended.
    pub(crate) written_bytes: Counter,
    pub(crate) connects: Counter,
    /// Connections of these to nodes that were connected before.
    pub(crate) reconnects: Counter,
    pub(crate) disconnects: Counter,
    pub(crate) failed_dials: Counter,
}

impl Counters {
    /// Counts a connection that has ended, and what was written on it.
    pub(crate) fn ended<T: OutboxTag>(&self, outbox: &Outbox<T>) {
        let number = |it| usize::try_from(it).unwrap_or(0);
        self.written.add(number(outbox.messages_written()));
        self.written_bytes.add(number(outbox.progress().sent));
        let bytes = outbox.message_bytes();
        self.message_bytes.add(number(bytes.written));
        self.unknown_bytes.add(number(bytes.unknown));
        self.disconnects.add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up_where_each_message_is_counted_once_and_nowhere_else() {
        let stats = Stats {
            accepted: 15,
            written: 5,
            not_sent: 4,
            unknown: 3,
            buffered: 2,
            queued: 1,
            ..Stats::default()
        };
        assert!(stats.is_conserved());
        for accepted in [14, 16] {
            assert!(!Stats { accepted, ..stats }.is_conserved());
        }
        let report = |buffered, queued| CloseReport {
            unreleased: 0,
            stats: Stats {
                accepted: 12 + buffered + queued,
                buffered,
                queued,
                ..stats
            },
            drained: false,
        };
        assert!(report(0, 0).is_conserved());
        assert!(!report(1, 0).is_conserved());
        assert!(!report(0, 1).is_conserved());
        let text = report(0, 0).to_string();
        assert_eq!(text, "5 written, 4 not sent, 3 unknown");
        let lost = CloseReport {
            unreleased: 0,
            stats: Stats {
                accepted: 13,
                ..report(0, 0).stats
            },
            drained: true,
        };
        assert!(!lost.is_conserved());
    }
}
