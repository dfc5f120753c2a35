//! The decision which address is dialled, and when.
//!
//! * A **member** that is up is dialled as soon as it is known, then with growing pauses; at most
//!   [`member_dials`](ConnectionsConfig::member_dials) at a time, those that failed least first.
//! * A **wanted** node that is no member is dialled once for each time that it is wanted.
//! * **Contacts** are dialled only while no member is within reach, one a
//!   [`stagger`](ConnectionsConfig::stagger) after the other, in their order.
//! * A **name** that led to a node which is connected, or is being dialled, is left alone.

use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

use super::address_book::{AddressBook, Candidate};
use super::event::ConnectionsConfig;

/// The time between two rounds in which members are dialled when more fail than are dialled at full
/// pace: one wake-up for all that are due, rather than one for each.
const ROUND: Duration = Duration::from_millis(100);

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
    ///
    /// The pause grows with the number of members that cannot be connected
    /// ([`failing_at_full_pace`](ConnectionsConfig::failing_at_full_pace)).
    pub(super) fn postpone(&mut self, now: Instant, address: &NodeAddress) -> Option<&Candidate> {
        self.touch(address);
        let candidate = self.candidates.get_mut(address)?;
        let pause = candidate.backoff.failed();
        let failing = self.suspects.len();
        let full_pace = self.config.failing_at_full_pace.max(1);
        candidate.due = Some(if failing > full_pace {
            let stretched = pause.as_micros() * failing as u128 / full_pace as u128;
            let start = *self.paced_from.get_or_insert(now);
            let since = now.saturating_duration_since(start).as_micros() + stretched;
            let rounds = since.div_ceil(ROUND.as_micros());
            start + ROUND * u32::try_from(rounds).unwrap_or(u32::MAX)
        } else {
            self.paced_from = None;
            now + pause
        });
        Some(candidate)
    }

    /// Sets the next dial of a node whose connection was lost, and of the names that led to it.
    ///
    /// The first loss of a connection that was `stable` is followed by a dial almost at once; its
    /// jitter keeps the clients of a node that died from all coming back at the same moment.
    pub(super) fn redial(&mut self, now: Instant, node: &NodeAddress, stable: bool) {
        self.touch(node);
        let mut addresses: Vec<_> = self.aliases(node).chain([node]).cloned().collect();
        // In order, because each draws.
        addresses.sort();
        addresses.dedup();
        for address in addresses {
            let Some(candidate) = self.candidates.get_mut(&address) else {
                continue;
            };
            let delay = if stable {
                candidate.backoff.succeeded();
                self.rng.up_to(self.config.redial_jitter)
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
        self.touch(&address);
        self.settle();
        Some(address)
    }

    /// Returns the time of the next dial, if one is to come without anything happening.
    pub(super) fn next_dial_at(&self) -> Option<Instant> {
        let Capacity { members, contacts } = self.capacity();
        // An address that is due and does not fit is dialled when another dial ends.
        let needed = self.agenda.next_needed().filter(|_| members);
        let contact = self.agenda.next_contact(self.next_contact);
        let contact = contact.filter(|_| contacts);
        needed.into_iter().chain(contact).min()
    }

    /// Returns the address to dial now: members come before contacts, those that failed least
    /// first.
    fn next_dial(&mut self, now: Instant) -> Option<NodeAddress> {
        let Capacity { members, contacts } = self.capacity();
        let contacts = contacts && self.next_contact.is_none_or(|next| next <= now);
        let member = self.agenda.needed(now).filter(|_| members).cloned();
        member.or_else(|| self.agenda.contact(now).filter(|_| contacts).cloned())
    }

    fn capacity(&self) -> Capacity {
        let ConnectionsConfig {
            contact_dials,
            member_dials,
            ..
        } = self.config;
        let members = self.agenda.dialling_needed();
        let others = self.dialling.len() - members;
        // A dial counts as that of a contact or of a member by what its address is at present, so
        // views may move it from one to the other: their sum is what bounds all dials.
        let full = self.dialling.len() >= contact_dials.saturating_add(member_dials);
        Capacity {
            members: !full && members < member_dials,
            contacts: !full && others < contact_dials && self.needs_contacts(),
        }
    }

    /// Returns whether a contact is being dialled, or is to be without any further wait for itself.
    pub(super) fn tries_contacts(&self, now: Instant) -> bool {
        self.dialling.len() > self.agenda.dialling_needed() || self.agenda.contact(now).is_some()
    }

    /// Returns whether the contacts are needed: no member is said to be up, or none of those that
    /// are can be connected, or those that are connected are silent.
    pub(super) fn needs_contacts(&self) -> bool {
        self.stale_since().is_some() || self.suspects.len() == self.live.len()
    }
}
