//! The established connections, and which of them are to end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use casty_proto::NodeAddress;

use crate::steps::step;

/// An established connection.
#[derive(Debug)]
pub(super) struct OpenConnection {
    pub(super) since: Instant,
    /// `true` if it was made because a message waited for a node outside the view.
    pub(super) non_member: bool,
    /// The time at which it is to end, its node being no longer live.
    pub(super) ends: Option<Instant>,
}

/// The established connections, by canonical address, with those that may end kept apart: no event
/// walks all of them but a view.
#[derive(Debug, Default)]
pub(super) struct OpenConnections {
    by_node: BTreeMap<NodeAddress, OpenConnection>,
    /// The connections that are to end, by time.
    ending: BTreeSet<(Instant, NodeAddress)>,
    /// The nodes that serve until another node feeds the view.
    spare: BTreeSet<NodeAddress>,
    non_members: usize,
}

impl OpenConnections {
    pub(super) fn nodes(&self) -> impl Iterator<Item = &NodeAddress> {
        self.by_node.keys()
    }

    pub(super) fn contains(&self, node: &NodeAddress) -> bool {
        self.by_node.contains_key(node)
    }

    pub(super) fn get(&self, node: &NodeAddress) -> Option<&OpenConnection> {
        self.by_node.get(node)
    }

    /// Returns the number of nodes outside the view that are connected because they are wanted.
    pub(super) fn non_members(&self) -> usize {
        self.non_members
    }

    /// Adds a connection just made, to a node that is `live` or not.
    pub(super) fn insert(&mut self, node: NodeAddress, open: OpenConnection, live: bool) {
        self.non_members += usize::from(open.non_member);
        self.note(&node, &open, live);
        self.by_node.insert(node, open);
    }

    pub(super) fn remove(&mut self, node: &NodeAddress) -> Option<OpenConnection> {
        let open = self.by_node.remove(node)?;
        self.non_members -= usize::from(open.non_member);
        self.spare.remove(node);
        if let Some(ends) = open.ends {
            self.ending.remove(&(ends, node.clone()));
        }
        Some(open)
    }

    /// Sets anew when each of them ends, now that these nodes are `live`. Walks all.
    pub(super) fn set_ends(
        &mut self,
        live: &BTreeSet<NodeAddress>,
        ends: impl Fn(&NodeAddress, &OpenConnection) -> Option<Instant>,
    ) {
        self.ending.clear();
        self.spare.clear();
        let mut by_node = std::mem::take(&mut self.by_node);
        for (node, open) in &mut by_node {
            step();
            open.ends = ends(node, open);
            self.note(node, open, live.contains(node));
        }
        self.by_node = by_node;
    }

    /// Returns those that end by `now`, sorted, those among them that are only spare if those are
    /// `needless`. Never the one that is `kept`.
    pub(super) fn ended(
        &self,
        now: Instant,
        needless: bool,
        kept: Option<&NodeAddress>,
    ) -> BTreeSet<NodeAddress> {
        let due = self.ending.iter().take_while(|(ends, _)| *ends <= now);
        let spare = self.spare.iter().filter(|_| needless);
        let ended = due.map(|(_, node)| node).chain(spare);
        let ended = ended.inspect(|_| step());
        ended.filter(|node| Some(*node) != kept).cloned().collect()
    }

    /// Returns the time at which the next one ends, other than the one that is `kept`.
    pub(super) fn next_end(&self, kept: Option<&NodeAddress>) -> Option<Instant> {
        let mut others = self.ending.iter().filter(|(_, node)| Some(node) != kept);
        others.next().map(|(ends, _)| *ends)
    }

    fn note(&mut self, node: &NodeAddress, open: &OpenConnection, live: bool) {
        match open.ends {
            Some(ends) => drop(self.ending.insert((ends, node.clone()))),
            None if !live && !open.non_member => drop(self.spare.insert(node.clone())),
            None => {}
        }
    }
}
