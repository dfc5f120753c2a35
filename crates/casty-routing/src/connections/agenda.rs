//! The addresses in the order in which they are dialled or forgotten, so that none is looked at
//! before its turn.

use std::collections::BTreeSet;
use std::time::Instant;

use casty_proto::NodeAddress;

use crate::steps::step;

/// The next thing that is to become of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing: it is connected.
    None,
    /// It is being dialled, for itself or as a way into the cluster.
    Dialling { needed: bool },
    /// It is to be dialled for itself.
    Needed { failures: u32, due: Option<Instant> },
    /// It is to be dialled as a way into the cluster, should one be needed.
    Contact { due: Option<Instant>, place: usize },
    /// It will not be dialled, and is remembered until then.
    Unused { until: Option<Instant> },
}

/// The addresses by their turns. What is due at no time in particular (`None`) is due at once.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    /// Addresses that are needed, by the time at which they are to be dialled.
    waiting: BTreeSet<(Option<Instant>, u32, NodeAddress)>,
    /// The needed addresses whose time has come: which failed least, which was due first.
    ready: BTreeSet<(u32, Option<Instant>, NodeAddress)>,
    contacts: BTreeSet<(Option<Instant>, usize, NodeAddress)>,
    unused: BTreeSet<(Option<Instant>, NodeAddress)>,
    /// The number of addresses that are being dialled for themselves.
    dialling_needed: usize,
}

impl Agenda {
    /// Moves an address from one turn to another.
    pub(super) fn change(&mut self, address: &NodeAddress, from: Turn, to: Turn) {
        if from == to {
            return;
        }
        let address = || address.clone();
        match from {
            Turn::None => {}
            Turn::Dialling { needed } => self.dialling_needed -= usize::from(needed),
            Turn::Needed { failures, due } => {
                if !self.ready.remove(&(failures, due, address())) {
                    self.waiting.remove(&(due, failures, address()));
                }
            }
            Turn::Contact { due, place } => drop(self.contacts.remove(&(due, place, address()))),
            Turn::Unused { until } => drop(self.unused.remove(&(until, address()))),
        }
        match to {
            Turn::None => {}
            Turn::Dialling { needed } => self.dialling_needed += usize::from(needed),
            Turn::Needed { failures, due } => drop(self.waiting.insert((due, failures, address()))),
            Turn::Contact { due, place } => drop(self.contacts.insert((due, place, address()))),
            Turn::Unused { until } => drop(self.unused.insert((until, address()))),
        }
    }

    /// Returns the needed address to dial now: of those that are due, one that failed least.
    pub(super) fn needed(&mut self, now: Instant) -> Option<&NodeAddress> {
        while let Some((due, ..)) = self.waiting.first()
            && due.is_none_or(|due| due <= now)
            && let Some((due, failures, address)) = self.waiting.pop_first()
        {
            step();
            self.ready.insert((failures, due, address));
        }
        self.ready.first().map(|(_, _, address)| address)
    }

    /// Returns the contact to dial now.
    pub(super) fn contact(&self, now: Instant) -> Option<&NodeAddress> {
        let (due, _, address) = self.contacts.first()?;
        due.is_none_or(|due| due <= now).then_some(address)
    }

    /// Returns the time at which the next needed address is due that is not due yet.
    pub(super) fn next_needed(&self) -> Option<Instant> {
        self.waiting.first()?.0
    }

    /// Returns the time at which the first contact is to be dialled, if none is before `soonest`.
    pub(super) fn next_contact(&self, soonest: Option<Instant>) -> Option<Instant> {
        let (due, ..) = self.contacts.first()?;
        (*due).max(soonest)
    }

    /// Returns the number of addresses that are being dialled for themselves.
    pub(super) fn dialling_needed(&self) -> usize {
        self.dialling_needed
    }

    /// Returns an address that need not be remembered any more; any unused one if they `all` are to
    /// go.
    pub(super) fn forgettable(&self, now: Instant, all: bool) -> Option<&NodeAddress> {
        let (until, address) = self.unused.first()?;
        (all || until.is_none_or(|until| until <= now)).then_some(address)
    }
}
