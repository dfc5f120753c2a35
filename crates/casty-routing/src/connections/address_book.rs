//! The state of the dialling engine: the addresses it may dial, and the connections there are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

use super::agenda::{Agenda, Turn};
use super::event::ConnectionsConfig;
use super::open::OpenConnections;
use crate::backoff::Backoff;
use crate::rng::Rng;
use crate::steps::step;

/// The addresses that may be dialled, those that are, and the nodes that are connected or should
/// be.
///
/// Whoever changes what an address's turn depends on [touches](Self::touch) it;
/// [`settle`](Self::settle) then brings the agenda up to date.
#[derive(Debug)]
pub(super) struct AddressBook {
    pub(super) config: ConnectionsConfig,
    pub(super) rng: Rng,
    /// Every address that may be dialled: contacts, live members and wanted nodes.
    pub(super) candidates: BTreeMap<NodeAddress, Candidate>,
    /// The names that lead to each node which calls itself otherwise.
    aliases: BTreeMap<NodeAddress, BTreeSet<NodeAddress>>,
    pub(super) agenda: Agenda,
    /// The addresses whose turn may have changed.
    touched: Vec<NodeAddress>,
    pub(super) open: OpenConnections,
    pub(super) dialling: BTreeSet<NodeAddress>,
    pub(super) live: BTreeSet<NodeAddress>,
    /// Nodes that are not live, and that messages wait for.
    pub(super) wanted: BTreeSet<NodeAddress>,
    /// Live members that are not connected, and could not be when last dialled.
    pub(super) suspects: BTreeSet<NodeAddress>,
    /// The time since which all that were connected are silent.
    stale_since: Option<Instant>,
    /// The time from which rounds of dials are counted, while more members fail than are dialled at
    /// full pace.
    pub(super) paced_from: Option<Instant>,
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
    /// Its place in the agenda.
    turn: Turn,
}

impl Candidate {
    /// Returns the time up to which the address may not be dialled, after a failure or so soon
    /// after the last attempt; `None` if it may.
    fn cools_until(&self, stable_after: Duration) -> Option<Instant> {
        let attempted = self.last.map(|last| last + stable_after);
        self.due.max(attempted)
    }
}

impl AddressBook {
    pub(super) fn new(config: ConnectionsConfig, seed: u64) -> Self {
        Self {
            config,
            rng: Rng::new(seed),
            candidates: BTreeMap::new(),
            aliases: BTreeMap::new(),
            agenda: Agenda::default(),
            touched: Vec::new(),
            open: OpenConnections::default(),
            dialling: BTreeSet::new(),
            live: BTreeSet::new(),
            wanted: BTreeSet::new(),
            suspects: BTreeSet::new(),
            stale_since: None,
            paced_from: None,
            next_contact: None,
        }
    }

    /// Returns the entry of an address, which is made if it is new.
    pub(super) fn candidate(&mut self, address: NodeAddress) -> &mut Candidate {
        self.touch(&address);
        self.candidates.entry(address).or_insert_with(|| Candidate {
            contact: None,
            leads_to: None,
            due: None,
            last: None,
            backoff: Backoff::new(self.config.backoff, self.rng.next()),
            turn: Turn::None,
        })
    }

    /// Returns whether the address is needed for itself, not as a way into the cluster.
    pub(super) fn is_needed(&self, address: &NodeAddress) -> bool {
        self.live.contains(address) || self.wanted.contains(address)
    }

    /// Returns the time since which all that were connected are silent.
    pub(super) fn stale_since(&self) -> Option<Instant> {
        self.stale_since
    }

    /// Notes since when all that were connected are silent.
    pub(super) fn set_stale_since(&mut self, since: Option<Instant>) {
        if std::mem::replace(&mut self.stale_since, since) != since {
            // Names are left alone for another time now.
            self.touched.extend(self.aliases.keys().cloned());
        }
    }

    /// Notes that an address led to a node that calls itself otherwise, or so itself.
    pub(super) fn set_leads_to(&mut self, address: &NodeAddress, node: Option<NodeAddress>) {
        let Some(candidate) = self.candidates.get_mut(address) else {
            return;
        };
        if let Some(node) = &node {
            let aliases = self.aliases.entry(node.clone()).or_default();
            aliases.insert(address.clone());
        }
        let former = std::mem::replace(&mut candidate.leads_to, node);
        if former != candidate.leads_to {
            self.remove_alias(former.as_ref(), address);
        }
        self.touch(address);
    }

    /// Returns the names that lead to a node which calls itself otherwise.
    pub(super) fn aliases(&self, node: &NodeAddress) -> impl Iterator<Item = &NodeAddress> {
        self.aliases.get(node).into_iter().flatten()
    }

    /// Notes that the turn of an address, or of names that led to it, may be another now.
    pub(super) fn touch(&mut self, address: &NodeAddress) {
        self.touched.push(address.clone());
    }

    /// Brings the agenda up to date with everything that was touched.
    pub(super) fn settle(&mut self) {
        while let Some(address) = self.touched.pop() {
            self.update_turn(&address);
            // Almost never any.
            for alias in self.aliases(&address).cloned().collect::<Vec<_>>() {
                self.update_turn(&alias);
            }
        }
    }

    /// Forgets the addresses that will not be dialled. One is remembered while it may not be: a
    /// view that names it again must not get around its pause.
    pub(super) fn forget_unused(&mut self, now: Instant) {
        let crowded = self.candidates.len() > self.config.members.saturating_mul(2);
        while let Some(address) = self.agenda.forgettable(now, crowded).cloned() {
            step();
            let Some(candidate) = self.candidates.remove(&address) else {
                return;
            };
            self.agenda.change(&address, candidate.turn, Turn::None);
            self.remove_alias(candidate.leads_to.as_ref(), &address);
        }
    }

    fn remove_alias(&mut self, node: Option<&NodeAddress>, alias: &NodeAddress) {
        if let Some(node) = node
            && let Some(aliases) = self.aliases.get_mut(node)
        {
            aliases.remove(alias);
            if aliases.is_empty() {
                self.aliases.remove(node);
            }
        }
    }

    fn update_turn(&mut self, address: &NodeAddress) {
        step();
        let Some(candidate) = self.candidates.get(address) else {
            return;
        };
        let (from, to) = (candidate.turn, self.turn(address, candidate));
        self.agenda.change(address, from, to);
        if let Some(candidate) = self.candidates.get_mut(address) {
            candidate.turn = to;
        }
    }

    /// Returns what is to become of an address.
    fn turn(&self, address: &NodeAddress, candidate: &Candidate) -> Turn {
        let needed = self.is_needed(address);
        let due = || candidate.due.max(self.left_alone(candidate));
        match candidate.contact {
            _ if self.dialling.contains(address) => Turn::Dialling { needed },
            contact if (needed || contact.is_some()) && self.open.contains(address) => Turn::None,
            _ if needed => Turn::Needed {
                failures: candidate.backoff.failures(),
                due: due(),
            },
            Some(place) => Turn::Contact { due: due(), place },
            None => Turn::Unused {
                until: candidate.cools_until(self.config.stable_after),
            },
        }
    }

    /// Returns the time up to which a name is left alone because the node that it led to is
    /// connected or being dialled; `None` if it need not be.
    fn left_alone(&self, candidate: &Candidate) -> Option<Instant> {
        let node = candidate.leads_to.as_ref()?;
        if !self.open.contains(node) && !self.dialling.contains(node) {
            return None;
        }
        match self.stale_since.zip(self.open.get(node)) {
            // It is silent, as are all that were connected then.
            Some((stale_since, open)) if open.since < stale_since => None,
            Some((_, open)) => Some(open.since + self.config.silence_timeout),
            None => candidate.last.map(|last| last + self.config.alias_pause),
        }
    }
}
