//! Where messages went, by region and by node.

use std::collections::BTreeMap;

use casty_proto::NodeAddress;
use casty_transport::OutboxCounters;

/// Nodes without a connection that are remembered; the counters of others are added up.
const REMEMBERED: usize = 1_024;

/// The messages of one region since the client began. What was accepted is exactly one of the
/// rest; while messages move, a reader may find one on its way between two.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegionStats {
    /// The region's name; `None` for messages to actors of nodes.
    pub region: Option<String>,
    /// Accepted by tells and asks.
    pub accepted: u64,
    /// Handed to the kernel.
    pub written: u64,
    /// Not sent.
    pub not_sent: u64,
    /// Perhaps lost with their connection.
    pub unknown: u64,
    /// Waiting for a route.
    pub buffered: u64,
    /// Waiting in the outboxes of connected nodes.
    pub queued: u64,
}

/// The messages that were routed to one node since the client began. What was routed to it is
/// exactly one of the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStats {
    /// The node's canonical address; `None` sums up those that were forgotten.
    pub node: Option<NodeAddress>,
    /// Put into its outbox.
    pub routed: u64,
    /// Handed to the kernel.
    pub written: u64,
    /// Taken back unsent, and routed again: its connection was lost, or a view called it down.
    pub returned: u64,
    /// Perhaps lost with its connection.
    pub unknown: u64,
    /// Waiting in its outbox.
    pub queued: u64,
}

impl NodeStats {
    /// The sum of a node's accounts.
    fn of(node: Option<NodeAddress>, account: OutboxCounters) -> Self {
        Self {
            node,
            routed: account.accepted,
            written: account.written,
            returned: account.unsent,
            unknown: account.unknown,
            queued: waiting(&account),
        }
    }
}

/// What of an account is still in the outbox.
pub(crate) fn waiting(account: &OutboxCounters) -> u64 {
    account.accepted - account.written - account.unsent - account.unknown
}

/// The accounts of connections that have ended.
#[derive(Debug, Default)]
pub(crate) struct EndedCounters {
    /// By account number.
    accounts: Vec<OutboxCounters>,
    nodes: BTreeMap<NodeAddress, OutboxCounters>,
    forgotten: OutboxCounters,
}

impl EndedCounters {
    /// Takes over the accounts of a connection that has ended.
    pub(crate) fn take_over(&mut self, node: &NodeAddress, ended: &[OutboxCounters]) {
        add_each(&mut self.accounts, ended);
        if self.nodes.len() >= REMEMBERED
            && !self.nodes.contains_key(node)
            && let Some((_, oldest)) = self.nodes.pop_first()
        {
            add(&mut self.forgotten, &oldest);
        }
        let known = self.nodes.entry(node.clone()).or_default();
        for account in ended {
            add(known, account);
        }
    }

    /// The accounts of regions, those of `live` connections included.
    pub(crate) fn accounts<'a>(
        &self,
        live: impl Iterator<Item = &'a [OutboxCounters]>,
    ) -> Vec<OutboxCounters> {
        let mut accounts = self.accounts.clone();
        live.for_each(|live| add_each(&mut accounts, live));
        accounts
    }

    /// What became of messages to each node, those of `live` connections included.
    pub(crate) fn nodes<'a>(
        &self,
        live: impl Iterator<Item = (&'a NodeAddress, Vec<OutboxCounters>)>,
    ) -> Vec<NodeStats> {
        let mut nodes = self.nodes.clone();
        for (node, accounts) in live {
            let known = nodes.entry(node.clone()).or_default();
            for account in &accounts {
                add(known, account);
            }
        }
        let known = nodes
            .into_iter()
            .map(|(node, account)| NodeStats::of(Some(node), account));
        let forgotten = NodeStats::of(None, self.forgotten);
        known
            .chain((forgotten.routed > 0).then_some(forgotten))
            .collect()
    }
}

fn add_each(to: &mut Vec<OutboxCounters>, more: &[OutboxCounters]) {
    if to.len() < more.len() {
        to.resize(more.len(), OutboxCounters::default());
    }
    to.iter_mut()
        .zip(more)
        .for_each(|(known, account)| add(known, account));
}

fn add(to: &mut OutboxCounters, more: &OutboxCounters) {
    to.accepted += more.accepted;
    to.written += more.written;
    to.unsent += more.unsent;
    to.unknown += more.unknown;
}

/// What the router had of the messages of one account.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RouterCounters {
    /// Accepted from tells and asks.
    pub(crate) accepted: u64,
    /// Put into an outbox.
    pub(crate) delivered: u64,
    /// Given up.
    pub(crate) not_sent: u64,
    /// Found unreadable when they came back, by a bug.
    pub(crate) unknown: u64,
}

/// The accounts of one region put together.
pub(crate) fn region(
    region: Option<String>,
    sent: &OutboxCounters,
    held: &RouterCounters,
    holding: u64,
) -> RegionStats {
    RegionStats {
        region,
        accepted: held.accepted + sent.accepted - held.delivered,
        written: sent.written,
        not_sent: held.not_sent,
        unknown: sent.unknown + held.unknown,
        buffered: holding,
        queued: waiting(sent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(accepted: u64, written: u64) -> OutboxCounters {
        let mut account = OutboxCounters::default();
        account.accepted = accepted;
        account.written = written;
        account
    }

    #[test]
    fn nodes_beyond_the_limit_are_summed_up_and_none_is_lost() {
        let mut ended = EndedCounters::default();
        for port in 0..2_000u16 {
            let node = NodeAddress::new("n", port);
            ended.take_over(&node, &[account(1, 1), account(2, 0)]);
        }
        let live = NodeAddress::new("n", 1_999);
        let nodes = ended.nodes([(&live, vec![account(4, 3)])].into_iter());
        assert_eq!(nodes.len(), REMEMBERED + 1);
        let routed: u64 = nodes.iter().map(|node| node.routed).sum();
        assert_eq!(routed, 2_000 * 3 + 4);
        let sum = ended.accounts([&[account(4, 3)][..]].into_iter());
        assert_eq!(sum, [account(2_004, 2_003), account(4_000, 0)]);
    }
}
