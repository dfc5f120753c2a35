//! The counters and gauges of a client, read from the parts that keep them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use casty_proto::NodeAddress;
use casty_transport::OutboxCounters;

use crate::mailboxes::MailboxLoad;
#[cfg(feature = "metrics")]
use crate::metrics::counts::MetricCounts;
use crate::node::peer::Peer;
use crate::routing::Routing;
use crate::send::Core;
use crate::stats::Stats;
use crate::stats::gauges::Gauges;
use crate::stats::per_region::{NodeStats, RegionStats};

impl Core {
    /// Returns the counters, each exact by itself; they add up only while no message moves.
    pub(crate) fn stats(&self) -> Stats {
        // Connections neither begin nor end while the router is locked, so the counters of each are
        // read once: from its outbox, or from what was added when it ended.
        let routing = self.routing.lock();
        let connected = self.connected.read();
        let outboxes = || connected.values().map(|peer| &peer.outbox);
        Stats {
            accepted: routing.accepted(&self.sent(&connected)),
            written: self.counters.written.get()
                + outboxes()
                    .map(|outbox| outbox.messages_written())
                    .sum::<u64>(),
            not_sent: self.counters.not_sent.get(),
            unknown: self.counters.unknown.get(),
            buffered: routing.buffered() as u64,
            queued: outboxes()
                .map(|outbox| outbox.pending_messages() as u64)
                .sum(),
            pending_asks: self.asks.pending() as u64,
            ask_bytes: self.asks.bytes.used() as u64,
            late_replies: self.asks.late(),
            retries: self.retries.retried.get(),
            hedges: self.retries.hedged.get(),
            retries_refused: self.retries.refused.get(),
            inbound_dropped: self.counters.inbound_dropped.get(),
            inbound_malformed: self.counters.inbound_malformed.get(),
            actor_panics: self.counters.actor_panics.get(),
            written_bytes: self.counters.written_bytes.get()
                + outboxes().map(|outbox| outbox.progress().sent).sum::<u64>(),
            connects: self.counters.connects.get(),
            disconnects: self.counters.disconnects.get(),
            failed_dials: self.counters.failed_dials.get(),
            connections: connected.len() as u64,
            secondary_connections: self.secondaries.load(Ordering::Relaxed),
            views: self.counters.views.get(),
            contradicted_regions: routing.contradicted() as u64,
            gauges: self.gauges(&routing, &connected),
        }
    }

    /// Counts a connection that was made, by whether the node was connected before.
    pub(crate) fn count_connected(&self, node: &NodeAddress) {
        let known = self.ended.lock().knows(node);
        self.counters.connects.add(1);
        self.counters.reconnects.add(usize::from(known));
    }

    /// Returns the counters that only metrics have, each exact by itself.
    #[cfg(feature = "metrics")]
    pub(crate) fn metric_counts(&self) -> MetricCounts {
        // For the same reason as in `stats`.
        let _routing = self.routing.lock();
        let connected = self.connected.read();
        let live = connected.values().map(|peer| peer.outbox.message_bytes());
        let (written, unknown) = live.fold((0, 0), |(written, unknown), bytes| {
            (written + bytes.written, unknown + bytes.unknown)
        });
        MetricCounts {
            written_bytes: self.counters.message_bytes.get() + written,
            not_sent_bytes: self.counters.not_sent_bytes.get(),
            unknown_bytes: self.counters.unknown_bytes.get() + unknown,
            dead_letters: self.counters.dead_letters.get(),
            reconnects: self.counters.reconnects.get(),
        }
    }

    /// Returns the counters of messages by region.
    pub(crate) fn region_stats(&self) -> Vec<RegionStats> {
        // For the same reason as in `stats`.
        let routing = self.routing.lock();
        let connected = self.connected.read();
        routing.region_stats(&self.sent(&connected))
    }

    /// Returns the counters of all outboxes, by group, with the router locked.
    fn sent(&self, connected: &HashMap<NodeAddress, Arc<Peer>>) -> Vec<OutboxCounters> {
        let live: Vec<_> = connected
            .values()
            .map(|peer| peer.outbox.counters())
            .collect();
        self.ended.lock().by_group(live.iter().map(Vec::as_slice))
    }

    /// Returns the counters of messages by node.
    pub(crate) fn node_stats(&self) -> Vec<NodeStats> {
        // For the same reason as in `stats`.
        let _routing = self.routing.lock();
        let connected = self.connected.read();
        let live = connected
            .iter()
            .map(|(node, peer)| (node, peer.outbox.counters()));
        self.ended.lock().by_node(live)
    }

    /// Returns the gauges, with the router locked.
    fn gauges(&self, routing: &Routing, connected: &HashMap<NodeAddress, Arc<Peer>>) -> Gauges {
        let outboxes = || connected.values().map(|peer| peer.outbox.pending_bytes());
        let MailboxLoad {
            mailboxes: actors,
            messages: mailboxes,
            bytes: mailbox_bytes,
        } = self.mailboxes.load();
        // Released at once: the lock order has the view last.
        let view = self.view.borrow().clone();
        let members = view.map_or(0, |view| view.members().len());
        let waiting_views = self.snapshots.max_capacity() - self.snapshots.capacity();
        Gauges {
            buffered_bytes: routing.router.buffered().bytes as u64,
            queued_bytes: outboxes().sum::<usize>() as u64,
            fullest_outbox: outboxes().max().unwrap_or(0) as u64,
            waiting_tells: routing.waiters.len() as u64,
            actors: actors as u64,
            mailboxes: mailboxes as u64,
            mailbox_bytes: mailbox_bytes as u64,
            regions: routing.router.regions().count() as u64,
            members: members as u64,
            dial_failures: self.dial_failures.lock().len() as u64,
            waiting_views: waiting_views as u64,
            waiting_view_bytes: self.view_bytes.used() as u64,
            inbound_bytes: self.inbound_bytes.used() as u64,
        }
    }
}
