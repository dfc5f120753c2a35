//! What waits: parcels by target, in order, within limits, each with a deadline.

use std::collections::BTreeMap;
use std::time::Instant;

use casty_proto::NodeAddress;

use super::event::{Held, Overflow, Parcel, Target};

/// A place in the order of everything that is held: smaller is older.
type Ticket = i64;

/// On whose account something is held: the node that it waits for, or none where that is unknown.
pub(super) type Account = Option<NodeAddress>;

/// Parcels by target, oldest first.
///
/// An account takes no more than it leaves free. So one alone has half of the hold, and however
/// many nodes are out of order, what is for another finds room. (The dynamic thresholds of shared
/// packet buffers: Choudhury and Hahne, 1998.)
///
/// Each operation on one parcel costs a few tree look-ups.
pub(super) struct Hold<T> {
    places: BTreeMap<Target, Place<T>>,
    deadlines: BTreeMap<(Instant, Ticket), Target>,
    accounts: BTreeMap<Account, Share>,
    held: Held,
    limit: Held,
    overflow: Overflow,
    front: Ticket,
    back: Ticket,
}

/// What is held for one target.
struct Place<T> {
    parcels: BTreeMap<Ticket, Parcel<T>>,
    /// Whose account it was put on when it was the first.
    account: Account,
}

/// What is held on one account.
#[derive(Default)]
struct Share {
    held: Held,
    order: BTreeMap<Ticket, Target>,
}

impl<T> Hold<T> {
    pub(super) fn new(limit: Held, overflow: Overflow) -> Self {
        Self {
            places: BTreeMap::new(),
            deadlines: BTreeMap::new(),
            accounts: BTreeMap::new(),
            held: Held::default(),
            limit,
            overflow,
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
            .map(|(target, place)| (target, place.parcels.len()))
    }

    /// The earliest deadline of anything held.
    pub(super) fn first_deadline(&self) -> Option<Instant> {
        self.deadlines.keys().next().map(|(deadline, _)| *deadline)
    }

    /// Takes in the newest parcel, and returns those that had to go for it; or returns it itself.
    pub(super) fn push_back(
        &mut self,
        parcel: Parcel<T>,
        account: Account,
    ) -> Result<Vec<Parcel<T>>, Parcel<T>> {
        let account = self.account(&parcel.target, account);
        let mut displaced = Vec::new();
        while !self.fits(&account, parcel.bytes) {
            match self.displace(&account, parcel.bytes) {
                Some(older) => displaced.push(older),
                None => return Err(parcel),
            }
        }
        let ticket = self.back;
        self.back += 1;
        self.insert(ticket, parcel, account);
        Ok(displaced)
    }

    /// Takes in parcels that were accepted before, oldest first, all older than what is held, as
    /// far as there is room at all. Returns those for which there is none: the newest, or the
    /// oldest, as overflow goes.
    pub(super) fn push_front(
        &mut self,
        parcels: Vec<Parcel<T>>,
        account: impl Fn(&Target) -> Account,
    ) -> Vec<Parcel<T>> {
        let count = Ticket::try_from(parcels.len()).unwrap_or(Ticket::MAX);
        self.front = self.front.saturating_sub(count);
        let tickets = self.front..;
        let mut places: Vec<_> = parcels.into_iter().zip(tickets).collect();
        if self.overflow == Overflow::DropOldest {
            places.reverse();
        }
        let mut refused = Vec::new();
        for (parcel, ticket) in places {
            if self.is_within_limits(parcel.bytes) {
                let account = self.account(&parcel.target, account(&parcel.target));
                self.insert(ticket, parcel, account);
            } else {
                refused.push(parcel);
            }
        }
        if self.overflow == Overflow::DropOldest {
            refused.reverse();
        }
        refused
    }

    /// Whether one more parcel of `bytes` bytes for `target` would be taken in.
    pub(super) fn has_room(&self, target: &Target, account: Account, bytes: usize) -> bool {
        match self.overflow {
            Overflow::Refuse => self.fits(&self.account(target, account), bytes),
            Overflow::DropOldest => self.limit.items > 0 && bytes <= self.limit.bytes,
        }
    }

    /// The account of a target: that of what is held for it already, or a new one.
    fn account(&self, target: &Target, new: Account) -> Account {
        match self.places.get(target) {
            Some(place) => place.account.clone(),
            None => new,
        }
    }

    /// Whether a parcel passes no limit and leaves as much free as its account then takes. The
    /// first of an account only has to pass no limit.
    fn fits(&self, account: &Account, bytes: usize) -> bool {
        let Some(share) = self.accounts.get(account) else {
            return self.is_within_limits(bytes);
        };
        let both = |part: usize, all: usize, more: usize| {
            part.saturating_add(all)
                .saturating_add(more.saturating_mul(2))
        };
        both(share.held.items, self.held.items, 1) <= self.limit.items
            && both(share.held.bytes, self.held.bytes, bytes) <= self.limit.bytes
    }

    fn is_within_limits(&self, bytes: usize) -> bool {
        self.held.items < self.limit.items
            && self.held.bytes.saturating_add(bytes) <= self.limit.bytes
    }

    /// Takes out the oldest parcel of whoever has most, counting in one of `bytes` bytes on
    /// `account`: if that may be, and makes room for it.
    fn displace(&mut self, account: &Account, bytes: usize) -> Option<Parcel<T>> {
        if self.overflow == Overflow::Refuse || bytes > self.limit.bytes {
            return None;
        }
        let part = |of: &Account, held: Held| {
            let own = usize::from(of == account);
            let items = ratio(held.items + own, self.limit.items);
            items.max(ratio(held.bytes + own * bytes, self.limit.bytes))
        };
        let shares = self.accounts.iter();
        let largest = shares.max_by_key(|(of, share)| part(of, share.held))?.1;
        let (ticket, target) = largest.order.first_key_value()?;
        let (ticket, target) = (*ticket, target.clone());
        self.remove(&target, ticket)
    }

    fn insert(&mut self, ticket: Ticket, parcel: Parcel<T>, account: Account) {
        let share = self.accounts.entry(account.clone()).or_default();
        for held in [&mut self.held, &mut share.held] {
            held.items += 1;
            held.bytes += parcel.bytes;
        }
        share.order.insert(ticket, parcel.target.clone());
        self.deadlines
            .insert((parcel.deadline, ticket), parcel.target.clone());
        let place = self.places.entry(parcel.target.clone());
        let place = place.or_insert_with(|| Place {
            parcels: BTreeMap::new(),
            account,
        });
        place.parcels.insert(ticket, parcel);
    }

    /// Takes out the oldest parcel for `target`.
    pub(super) fn pop(&mut self, target: &Target) -> Option<Parcel<T>> {
        let ticket = *self.places.get(target)?.parcels.keys().next()?;
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
        let mut parcels = self.places.get(target)?.parcels.iter();
        let (ticket, _) = parcels.find(|(_, parcel)| wanted(&parcel.item))?;
        let ticket = *ticket;
        self.remove(target, ticket)
    }

    fn remove(&mut self, target: &Target, ticket: Ticket) -> Option<Parcel<T>> {
        let place = self.places.get_mut(target)?;
        let parcel = place.parcels.remove(&ticket)?;
        if let Some(share) = self.accounts.get_mut(&place.account) {
            share.order.remove(&ticket);
            share.held.items -= 1;
            share.held.bytes -= parcel.bytes;
            if share.order.is_empty() {
                self.accounts.remove(&place.account);
            }
        }
        if place.parcels.is_empty() {
            self.places.remove(target);
        }
        self.deadlines.remove(&(parcel.deadline, ticket));
        self.held.items -= 1;
        self.held.bytes -= parcel.bytes;
        Some(parcel)
    }
}

/// `part` of `whole` in millionths.
fn ratio(part: usize, whole: usize) -> u128 {
    part as u128 * 1_000_000 / (whole.max(1) as u128)
}
