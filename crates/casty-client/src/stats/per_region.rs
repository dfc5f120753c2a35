//! The counters of messages by region and by node.

use std::collections::BTreeMap;

use casty_proto::NodeAddress;
use casty_routing::CountContradiction;
use casty_transport::OutboxCounters;

/// The number of nodes without a connection that have counters of their own; those of others are
/// added up.
///
/// Beyond it, the counters of others are added up.
const REMEMBERED: usize = 1_024;

/// The counters of one region's messages since the client began. Each accepted message is exactly
/// one of the rest; while messages move, a reader may find one between two.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegionStats {
    /// The region's name; `None` for messages to actors of nodes.
    pub region: Option<String>,
    /// The number of shards that the client was given for the region; `None` for actors of nodes.
    pub shards: Option<u32>,
    /// The contradiction of the cluster's view to that number: some other program uses another one.
    pub contradiction: Option<CountContradiction>,
    /// Messages accepted by tells and asks.
    pub accepted: u64,
    /// Messages handed to the kernel.
    pub written: u64,
    /// Messages that were not sent.
    pub not_sent: u64,
    /// Messages that may have been in flight when their connection was lost.
    pub unknown: u64,
    /// Messages that wait for a route.
    pub buffered: u64,
    /// Messages in the outboxes of connected nodes.
    pub queued: u64,
}

/// The counters of the messages that were routed to one node since the client began. Each of them
/// is exactly one of the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStats {
    /// The node's canonical address; `None` for the sum of nodes that were forgotten.
    pub node: Option<NodeAddress>,
    /// Messages put into its outbox.
    pub routed: u64,
    /// Messages handed to the kernel.
    pub written: u64,
    /// Messages requeued unsent, because the connection was lost or a view called the node down.
    pub requeued: u64,
    /// Messages that may have been in flight when the connection was lost.
    pub unknown: u64,
    /// Messages in its outbox.
    pub queued: u64,
}

impl NodeStats {
    /// Returns the statistics of a node whose counters are `sum`.
    fn of(node: Option<NodeAddress>, sum: OutboxCounters) -> Self {
        Self {
            node,
            routed: sum.accepted,
            written: sum.written,
            requeued: sum.unsent,
            unknown: sum.unknown,
            queued: queued(&sum),
        }
    }
}

/// Returns the number of messages that are still in the outbox.
fn queued(counters: &OutboxCounters) -> u64 {
    counters.accepted - counters.written - counters.unsent - counters.unknown
}

/// The counters of connections that have ended.
#[derive(Debug, Default)]
pub(crate) struct EndedCounters {
    /// The counters of each region, by [`Route::group`](crate::message::Route::group).
    groups: Vec<OutboxCounters>,
    nodes: BTreeMap<NodeAddress, OutboxCounters>,
    /// The sum of nodes that were forgotten.
    forgotten: OutboxCounters,
}

impl EndedCounters {
    /// Adds the counters of a connection that has ended.
    pub(crate) fn add(&mut self, node: &NodeAddress, ended: &[OutboxCounters]) {
        add_each(&mut self.groups, ended);
        if self.nodes.len() >= REMEMBERED
            && !self.nodes.contains_key(node)
            && let Some((_, oldest)) = self.nodes.pop_first()
        {
            add(&mut self.forgotten, &oldest);
        }
        let known = self.nodes.entry(node.clone()).or_default();
        for counters in ended {
            add(known, counters);
        }
    }

    /// Returns whether a connection to this node has ended, of the last 1,024 that had one.
    pub(crate) fn knows(&self, node: &NodeAddress) -> bool {
        self.nodes.contains_key(node)
    }

    /// Returns the counters by group, those of `live` connections included.
    pub(crate) fn by_group<'a>(
        &self,
        live: impl Iterator<Item = &'a [OutboxCounters]>,
    ) -> Vec<OutboxCounters> {
        let mut groups = self.groups.clone();
        live.for_each(|live| add_each(&mut groups, live));
        groups
    }

    /// Returns the counters by node, those of `live` connections included.
    pub(crate) fn by_node<'a>(
        &self,
        live: impl Iterator<Item = (&'a NodeAddress, Vec<OutboxCounters>)>,
    ) -> Vec<NodeStats> {
        let mut nodes = self.nodes.clone();
        for (node, groups) in live {
            let known = nodes.entry(node.clone()).or_default();
            for counters in &groups {
                add(known, counters);
            }
        }
        let known = nodes
            .into_iter()
            .map(|(node, sum)| NodeStats::of(Some(node), sum));
        let forgotten = NodeStats::of(None, self.forgotten);
        known
            .chain((forgotten.routed > 0).then_some(forgotten))
            .collect()
    }
}

fn add_each(to: &mut Vec<OutboxCounters>, more: &[OutboxCounters]) {
    to.resize(to.len().max(more.len()), OutboxCounters::default());
    to.iter_mut()
        .zip(more)
        .for_each(|(known, counters)| add(known, counters));
}

fn add(to: &mut OutboxCounters, more: &OutboxCounters) {
    to.accepted += more.accepted;
    to.written += more.written;
    to.unsent += more.unsent;
    to.unknown += more.unknown;
}

/// The counters of one region's messages that the router had.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RouterCounters {
    /// Messages accepted from tells and asks.
    pub(crate) accepted: u64,
    /// Messages put into an outbox.
    pub(crate) delivered: u64,
    /// Messages failed as not sent.
    pub(crate) not_sent: u64,
    /// Messages that could not be read when they came back from an outbox, by a bug.
    pub(crate) unknown: u64,
}

/// The part of a region's statistics that counts no messages; empty for actors of nodes.
#[derive(Debug, Default)]
pub(crate) struct RegionIdentity {
    pub(crate) region: Option<String>,
    pub(crate) shards: Option<u32>,
    pub(crate) contradiction: Option<CountContradiction>,
}

/// Returns the statistics of one region, of whose messages `buffered` wait for a route.
pub(crate) fn region(
    identity: RegionIdentity,
    sent: &OutboxCounters,
    routed: &RouterCounters,
    buffered: u64,
) -> RegionStats {
    let RegionIdentity {
        region,
        shards,
        contradiction,
    } = identity;
    RegionStats {
        region,
        shards,
        contradiction,
        accepted: routed.accepted + sent.accepted - routed.delivered,
        written: sent.written,
        not_sent: routed.not_sent,
        unknown: sent.unknown + routed.unknown,
        buffered,
        queued: queued(sent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(accepted: u64, written: u64) -> OutboxCounters {
        let mut counters = OutboxCounters::default();
        counters.accepted = accepted;
        counters.written = written;
        counters
    }

    #[test]
    fn nodes_beyond_the_limit_are_summed_up_and_none_is_lost() {
        let mut ended = EndedCounters::default();
        for port in 0..2_000u16 {
            let node = NodeAddress::new("n", port);
            ended.add(&node, &[counters(1, 1), counters(2, 0)]);
        }
        let live = NodeAddress::new("n", 1_999);
        let nodes = ended.by_node([(&live, vec![counters(4, 3)])].into_iter());
        assert_eq!(nodes.len(), REMEMBERED + 1);
        let routed: u64 = nodes.iter().map(|node| node.routed).sum();
        assert_eq!(routed, 2_000 * 3 + 4);
        let sum = ended.by_group([&[counters(4, 3)][..]].into_iter());
        assert_eq!(sum, [counters(2_004, 2_003), counters(4_000, 0)]);
    }

    #[test]
    fn what_the_router_has_delivered_is_counted_once() {
        let routed = RouterCounters {
            accepted: 5,
            delivered: 2,
            not_sent: 1,
            unknown: 1,
        };
        let sent = counters(7, 6);
        let stats = region(RegionIdentity::default(), &sent, &routed, 2);
        assert_eq!(stats.accepted, 5 + 7 - 2);
        let ended = stats.written + stats.not_sent + stats.unknown;
        assert_eq!(stats.accepted, ended + stats.buffered + stats.queued - 1);
        assert_eq!((stats.not_sent, stats.unknown, stats.queued), (1, 1, 1));
    }

    #[test]
    fn each_message_of_a_connection_is_counted_as_one_thing() {
        let mut first = counters(20, 5);
        (first.unsent, first.unknown) = (4, 3);
        let mut sum = OutboxCounters::default();
        add(&mut sum, &first);
        add(&mut sum, &first);
        let counted = (sum.accepted, sum.written, sum.unsent, sum.unknown);
        assert_eq!(counted, (40, 10, 8, 6));
        assert_eq!(queued(&sum), 40 - 10 - 8 - 6);
    }
}
