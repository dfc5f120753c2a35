//! The decision which address is dialled, and when.
//!
//! * A **member** that is up is dialled as soon as it is known, then with growing pauses; at most
//!   [`member_dials`](ConnectionsConfig::member_dials) at a time, those that failed least first.
//! * A **wanted** node that is no member is dialled once for each time that it is wanted.
//! * **Contacts** are dialled only while no member is within reach, one a
//!   [`stagger`](ConnectionsConfig::stagger) after the other, in their order.
//! * A **name** that led to a node which is connected, or is being dialled, is left alone.

use std::time::Instant;

use casty_proto::NodeAddress;

use super::address_book::{AddressBook, Candidate};
use super::event::ConnectionsConfig;
use super::steps::step;

/// An address that should lead to a connection, does not, and is not being dialled.
struct Idle<'a> {
    address: &'a NodeAddress,
    candidate: &'a Candidate,
    /// The time at which to dial it; `None` for at once.
    due: Option<Instant>,
}

/// The kinds of addresses that may be dialled beside those that are.
struct Capacity {
    members: bool,
    contacts: bool,
}

impl AddressBook {
    /// Brings the next dial of a node forward.
    ///
    /// Two dials of it stay [`stable_after`](ConnectionsConfig::stable_after) apart, however often
    /// views flap or messages come.
    pub(super) fn hasten(&mut self, now: Instant, node: NodeAddress) {
        let stable_after = self.config.stable_after;
        let candidate = self.candidate(node);
        let soonest = candidate.last.map_or(now, |last| last + stable_after);
        candidate.due = candidate.due.map(|due| due.min(soonest));
    }

    /// Puts the next dial of an address off, after one that led to nothing new. Returns its entry
    /// if it has one.
    pub(super) fn postpone(&mut self, now: Instant, address: &NodeAddress) -> Option<&Candidate> {
        let candidate = self.candidates.get_mut(address)?;
        candidate.due = Some(now + candidate.backoff.failed());
        Some(candidate)
    }

    /// Sets the next dial of a node whose connection was lost, and of the names that led to it.
    ///
    /// The first loss of a connection that was `stable` is followed by a dial almost at once; its
    /// jitter keeps the clients of a node that died from all coming back at the same moment.
    pub(super) fn redial(&mut self, now: Instant, node: &NodeAddress, stable: bool) {
        let jitter = self.config.redial_jitter;
        let Self {
            candidates, rng, ..
        } = self;
        for (address, candidate) in candidates {
            step();
            if address != node && candidate.leads_to.as_ref() != Some(node) {
                continue;
            }
            let delay = if stable {
                candidate.backoff.succeeded();
                rng.up_to(jitter)
            } else {
                candidate.backoff.failed()
            };
            candidate.due = Some(now + delay);
        }
    }

    /// Takes the next address that is due, as far as the limits allow, and notes that it is being
    /// dialled.
    pub(super) fn start_dial(&mut self, now: Instant) -> Option<NodeAddress> {
        let address = self.next_dial(now)?;
        if let Some(candidate) = self.candidates.get_mut(&address) {
            candidate.last = Some(now);
        }
        if !self.is_needed(&address) {
            self.next_contact = Some(now + self.config.stagger);
        }
        self.dialling.insert(address.clone());
        Some(address)
    }

    /// Returns the time of the next dial, if one is to come without anything happening.
    pub(super) fn next_dial_at(&self) -> Option<Instant> {
        let capacity = self.capacity();
        let dials = self.idle().filter_map(|Idle { address, due, .. }| {
            // An address that is due and does not fit is dialled when another dial ends.
            if self.is_needed(address) {
                due.filter(|_| capacity.members)
            } else {
                due.max(self.next_contact).filter(|_| capacity.contacts)
            }
        });
        dials.min()
    }

    /// Returns the address to dial now: members come before contacts, those that failed least
    /// first.
    fn next_dial(&self, now: Instant) -> Option<NodeAddress> {
        let Capacity { members, contacts } = self.capacity();
        let contacts = contacts && self.next_contact.is_none_or(|next| next <= now);
        let due: Vec<_> = self
            .idle()
            .filter(|idle| idle.due.is_none_or(|due| due <= now))
            .collect();
        let member = due
            .iter()
            .filter(|idle| members && self.is_needed(idle.address))
            .min_by_key(|idle| (idle.candidate.backoff.failures(), idle.due));
        let contact = due
            .iter()
            .filter(|idle| contacts && !self.is_needed(idle.address))
            .min_by_key(|idle| (idle.due, idle.candidate.contact));
        member.or(contact).map(|idle| idle.address.clone())
    }

    fn capacity(&self) -> Capacity {
        let ConnectionsConfig {
            contact_dials,
            member_dials,
            ..
        } = self.config;
        let needed = |address: &&NodeAddress| self.is_needed(address);
        let members = self.dialling.iter().filter(needed).count();
        let contacts = self.dialling.len() - members;
        // A dial counts as that of a contact or of a member by what its address is at present, so
        // views may move it from one to the other: their sum is what bounds all dials.
        let full = self.dialling.len() >= contact_dials.saturating_add(member_dials);
        Capacity {
            members: !full && members < member_dials,
            contacts: !full && contacts < contact_dials,
        }
    }

    /// Returns whether the contacts are needed: no member is said to be up, or none of those that
    /// are can be connected, or those that are connected are silent.
    fn needs_contacts(&self) -> bool {
        let away = |node| self.suspects.contains(node) && !self.open.contains_key(node);
        self.stale_since.is_some() || self.live.iter().all(away)
    }

    fn idle(&self) -> impl Iterator<Item = Idle<'_>> {
        let contacts = self.needs_contacts();
        self.candidates
            .iter()
            .filter_map(move |(address, candidate)| {
                step();
                let wanted = self.is_needed(address) || (contacts && candidate.contact.is_some());
                let due = candidate.due.max(self.left_alone(candidate));
                (wanted && !self.is_busy(address)).then_some(Idle {
                    address,
                    candidate,
                    due,
                })
            })
    }

    /// Returns the time up to which a name is left alone because the node that it led to is
    /// connected or being dialled; `None` if it need not be.
    fn left_alone(&self, candidate: &Candidate) -> Option<Instant> {
        let node = candidate.leads_to.as_ref()?;
        if !self.is_busy(node) {
            return None;
        }
        match self.stale_since.zip(self.open.get(node)) {
            // It is silent, as are all that were connected then.
            Some((stale_since, open)) if open.since < stale_since => None,
            Some((_, open)) => Some(open.since + self.config.silence_timeout),
            None => candidate.last.map(|last| last + self.config.alias_pause),
        }
    }

    fn is_busy(&self, address: &NodeAddress) -> bool {
        self.open.contains_key(address) || self.dialling.contains(address)
    }
}
