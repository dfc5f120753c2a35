//! The instances of services that have ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use casty_proto::message::{ClusterState, ServiceEntry};
use casty_proto::{FrozenSet, NodeAddress};

/// The instances that are not listed any more, by key, node and path. No message of Casty's takes an instance
/// out, and each state that lists it brings it back, until its node is dead.
#[derive(Debug, Default)]
pub(super) struct Withdrawn(BTreeSet<(Arc<str>, NodeAddress, Arc<str>)>);

impl Withdrawn {
    /// Takes them out of a state.
    pub(super) fn leave_out(&self, state: &mut ClusterState) {
        if !self.0.is_empty() {
            state
                .registry
                .retain(|entry| !self.0.contains(&name(entry)));
        }
    }

    /// Returns how many they are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds those that have ended.
    pub(super) fn add(&mut self, entries: &FrozenSet<ServiceEntry>) {
        self.0.extend(entries.iter().map(name));
    }

    /// Forgets those that are there again.
    pub(super) fn restore(&mut self, entries: &FrozenSet<ServiceEntry>) {
        for entry in entries {
            self.0.remove(&name(entry));
        }
    }
}

fn name(entry: &ServiceEntry) -> (Arc<str>, NodeAddress, Arc<str>) {
    let (key, path) = (Arc::clone(&entry.key), Arc::clone(&entry.path));
    (key, entry.node.clone(), path)
}
