//! The buffered targets by the node whose state decides on their route, so that an event of one node
//! costs nothing for the targets of the others.

use std::collections::{BTreeMap, BTreeSet};

use casty_proto::NodeAddress;

use super::event::Target;
use super::pending_buffer::Account;

/// The buffered targets, each under the node that owns it as far as is known, be that usable or not.
#[derive(Default)]
pub(super) struct Waiting {
    by_node: BTreeMap<Account, BTreeSet<Target>>,
    node_of: BTreeMap<Target, Account>,
}

impl Waiting {
    /// Notes the node of a target, which may have been under another.
    pub(super) fn note(&mut self, target: &Target, node: Account) {
        if self.node_of.get(target) == Some(&node) {
            return;
        }
        self.remove(target);
        let targets = self.by_node.entry(node.clone()).or_default();
        targets.insert(target.clone());
        self.node_of.insert(target.clone(), node);
    }

    /// Forgets a target for which nothing is buffered any more.
    pub(super) fn remove(&mut self, target: &Target) {
        let Some(node) = self.node_of.remove(target) else {
            return;
        };
        if let Some(targets) = self.by_node.get_mut(&node) {
            targets.remove(target);
            if targets.is_empty() {
                self.by_node.remove(&node);
            }
        }
    }

    /// Returns the targets of a node.
    pub(super) fn targets_of(&self, node: &NodeAddress) -> impl Iterator<Item = &Target> {
        self.by_node.get(&Some(node.clone())).into_iter().flatten()
    }

    /// Returns all targets.
    pub(super) fn all(&self) -> impl Iterator<Item = &Target> {
        self.node_of.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_under_the_last_node_that_was_noted_and_under_no_other() {
        let node = |port| NodeAddress::new("10.0.0.1", port);
        let target = Target::Node(node(9));
        let mut waiting = Waiting::default();
        for account in [None, Some(node(1)), Some(node(2)), Some(node(2))] {
            waiting.note(&target, account);
        }
        assert_eq!(waiting.targets_of(&node(1)).count(), 0);
        assert!(waiting.targets_of(&node(2)).eq([&target]));
        waiting.remove(&target);
        waiting.remove(&target);
        assert!(waiting.by_node.is_empty() && waiting.node_of.is_empty());
    }
}
