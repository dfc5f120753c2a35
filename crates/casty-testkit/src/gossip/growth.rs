//! Nodes that the cluster was not started with.

use std::sync::Arc;

use casty_proto::NodeAddress;

use super::{Gossip, Member};

impl Gossip {
    /// Adds one more node, which does not run yet, and returns its number. It runs the services of
    /// the node whose place it takes.
    pub(crate) fn enrol(&self, address: NodeAddress, in_place_of: Option<usize>) -> usize {
        let mut topology = self.topology.lock();
        let number = topology.members.len();
        let old = in_place_of.and_then(|old| topology.members.get_mut(old));
        let place = old.map_or(number, |old| {
            old.replaced = true;
            old.place
        });
        topology.members.iter_mut().for_each(Member::add_other);
        topology.members.push(Member::new(place, number + 1));
        topology.counters.push(Arc::default());
        self.mailboxes.add(address);
        number
    }

    /// Returns how many nodes there have ever been.
    pub(crate) fn count(&self) -> usize {
        self.topology.lock().members.len()
    }

    /// Returns whether there is a node of that number, and none in its place.
    pub(crate) fn is_present(&self, number: usize) -> bool {
        let topology = self.topology.lock();
        let member = topology.members.get(number);
        member.is_some_and(|member| !member.replaced)
    }
}
