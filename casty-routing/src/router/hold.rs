//! What waits: parcels by target, in order, within limits, each with a deadline.

use std::collections::BTreeMap;
use std::time::Instant;

use super::event::{Held, Parcel, Target};

/// A place in the order of everything that is held: smaller is older.
type Ticket = i64;

/// Parcels by target, oldest first.
///
/// Each operation on one parcel costs two or three tree look-ups.
pub(super) struct Hold<T> {
    places: BTreeMap<Target, BTreeMap<Ticket, Parcel<T>>>,
    deadlines: BTreeMap<(Instant, Ticket), Target>,
    held: Held,
    limit: Held,
    front: Ticket,
    back: Ticket,
}

impl<T> Hold<T> {
    pub(super) fn new(limit: Held) -> Self {
        Self {
            places: BTreeMap::new(),
            deadlines: BTreeMap::new(),
            held: Held::default(),
            limit,
            front: 0,
            back: 0,
        }
    }

    pub(super) fn held(&self) -> Held {
        self.held
    }

    pub(super) fn has(&self, target: &Target) -> bool {
        self.places.contains_key(target)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The targets for which something is held.
    pub(super) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.places.keys()
    }

    /// The same with how many parcels there are for each.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Target, usize)> {
        self.places
            .iter()
            .map(|(target, parcels)| (target, parcels.len()))
    }

    /// The earliest deadline of anything held.
    pub(super) fn first_deadline(&self) -> Option<Instant> {
        self.deadlines.keys().next().map(|(deadline, _)| *deadline)
    }

    /// Takes in the newest parcel, or returns it when that would pass a limit.
    pub(super) fn push_back(&mut self, parcel: Parcel<T>) -> Result<(), Parcel<T>> {
        let ticket = self.back;
        self.insert(ticket, parcel)?;
        self.back += 1;
        Ok(())
    }

    /// Takes in parcels, oldest first, all older than what is held; returns those that do not fit.
    pub(super) fn push_front(&mut self, parcels: Vec<Parcel<T>>) -> Vec<Parcel<T>> {
        let count = Ticket::try_from(parcels.len()).unwrap_or(Ticket::MAX);
        self.front = self.front.saturating_sub(count);
        let tickets = self.front..;
        let refused = parcels.into_iter().zip(tickets);
        refused
            .filter_map(|(parcel, ticket)| self.insert(ticket, parcel).err())
            .collect()
    }

    /// Whether one more parcel of `bytes` bytes passes no limit.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.held.items < self.limit.items
            && self.held.bytes.saturating_add(bytes) <= self.limit.bytes
    }

    fn insert(&mut self, ticket: Ticket, parcel: Parcel<T>) -> Result<(), Parcel<T>> {
        if !self.has_room(parcel.bytes) {
            return Err(parcel);
        }
        self.held.items += 1;
        self.held.bytes += parcel.bytes;
        self.deadlines
            .insert((parcel.deadline, ticket), parcel.target.clone());
        self.places
            .entry(parcel.target.clone())
            .or_default()
            .insert(ticket, parcel);
        Ok(())
    }

    /// Takes out the oldest parcel for `target`.
    pub(super) fn pop(&mut self, target: &Target) -> Option<Parcel<T>> {
        let ticket = *self.places.get(target)?.keys().next()?;
        self.remove(target, ticket)
    }

    /// Takes out a parcel whose deadline has come, earliest first.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Option<Parcel<T>> {
        let entry = self.deadlines.first_entry()?;
        let (deadline, ticket) = *entry.key();
        if deadline > now {
            return None;
        }
        let target = entry.get().clone();
        self.remove(&target, ticket)
    }

    /// Takes out the oldest parcel for `target` that is wanted.
    pub(super) fn take(
        &mut self,
        target: &Target,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Option<Parcel<T>> {
        let mut parcels = self.places.get(target)?.iter();
        let (ticket, _) = parcels.find(|(_, parcel)| wanted(&parcel.item))?;
        let ticket = *ticket;
        self.remove(target, ticket)
    }

    fn remove(&mut self, target: &Target, ticket: Ticket) -> Option<Parcel<T>> {
        let place = self.places.get_mut(target)?;
        let parcel = place.remove(&ticket)?;
        if place.is_empty() {
            self.places.remove(target);
        }
        self.deadlines.remove(&(parcel.deadline, ticket));
        self.held.items -= 1;
        self.held.bytes -= parcel.bytes;
        Some(parcel)
    }
}
