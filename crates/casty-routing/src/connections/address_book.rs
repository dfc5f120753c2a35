//! The state of the dialling engine: the addresses it may dial, and the connections there are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

use super::event::ConnectionsConfig;
use crate::backoff::Backoff;
use crate::rng::Rng;

/// The addresses that may be dialled, those that are, and the nodes that are connected or should
/// be.
#[derive(Debug)]
pub(super) struct AddressBook {
    pub(super) config: ConnectionsConfig,
    pub(super) rng: Rng,
    /// Every address that may be dialled: contacts, live members and wanted nodes.
    pub(super) candidates: BTreeMap<NodeAddress, Candidate>,
    /// The established connections, by canonical address.
    pub(super) open: BTreeMap<NodeAddress, OpenConnection>,
    pub(super) dialling: BTreeSet<NodeAddress>,
    pub(super) live: BTreeSet<NodeAddress>,
    /// Nodes that are not live, and that messages wait for.
    pub(super) wanted: BTreeSet<NodeAddress>,
    /// Live members that could not be connected when last dialled.
    pub(super) suspects: BTreeSet<NodeAddress>,
    /// The time since which all that were connected are silent.
    pub(super) stale_since: Option<Instant>,
    /// The time before which no other contact is dialled.
    pub(super) next_contact: Option<Instant>,
}

/// An address that may be dialled.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Its place among the contacts, if it is one.
    pub(super) contact: Option<usize>,
    /// The node it led to when last connected, if that calls itself otherwise.
    pub(super) leads_to: Option<NodeAddress>,
    /// The time before which it is not dialled; `None` for at once.
    pub(super) due: Option<Instant>,
    /// The time of the last dial.
    pub(super) last: Option<Instant>,
    pub(super) backoff: Backoff,
}

/// An established connection.
#[derive(Debug)]
pub(super) struct OpenConnection {
    pub(super) since: Instant,
    /// `true` if it was made because a message waited for a node outside the view.
    pub(super) non_member: bool,
    /// The time at which it is to end, its node being no longer live.
    pub(super) ends: Option<Instant>,
}

impl Candidate {
    /// Returns whether the address may not be dialled yet, after a failure or so soon after the
    /// last attempt.
    pub(super) fn is_cooling(&self, now: Instant, stable_after: Duration) -> bool {
        let attempted = self.last.map(|last| last + stable_after);
        self.due.max(attempted).is_some_and(|until| until > now)
    }
}

impl AddressBook {
    pub(super) fn new(config: ConnectionsConfig, seed: u64) -> Self {
        Self {
            config,
            rng: Rng::new(seed),
            candidates: BTreeMap::new(),
            open: BTreeMap::new(),
            dialling: BTreeSet::new(),
            live: BTreeSet::new(),
            wanted: BTreeSet::new(),
            suspects: BTreeSet::new(),
            stale_since: None,
            next_contact: None,
        }
    }

    /// Returns the entry of an address, which is made if it is new.
    pub(super) fn candidate(&mut self, address: NodeAddress) -> &mut Candidate {
        self.candidates.entry(address).or_insert_with(|| Candidate {
            contact: None,
            leads_to: None,
            due: None,
            last: None,
            backoff: Backoff::new(self.config.backoff, self.rng.next()),
        })
    }

    /// Returns whether the address is needed for itself, not as a way into the cluster.
    pub(super) fn is_needed(&self, address: &NodeAddress) -> bool {
        self.live.contains(address) || self.wanted.contains(address)
    }
}
