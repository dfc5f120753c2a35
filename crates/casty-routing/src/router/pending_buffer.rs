//! What waits: messages by target, in order, within limits, each with a deadline.

use std::collections::BTreeMap;
use std::time::Instant;

use casty_proto::NodeAddress;

use super::event::{Buffered, Overflow, PendingMessage, Target};

/// A place in the order of everything that is held: smaller is older.
type Ticket = i64;

/// On whose account something is held: the node that it waits for, or none where that is unknown.
pub(super) type Account = Option<NodeAddress>;

/// Messages by target, oldest first.
///
/// An account takes no more than it leaves free. So one alone has half of the hold, and however
/// many nodes are out of order, what is for another finds room. (The dynamic thresholds of shared
/// packet buffers: Choudhury and Hahne, 1998.)
///
/// Each operation on one message costs a few tree look-ups.
pub(super) struct Hold<T> {
    places: BTreeMap<Target, Place<T>>,
    deadlines: BTreeMap<(Instant, Ticket), Target>,
    accounts: BTreeMap<Account, Share>,
    held: Buffered,
    limit: Buffered,
    overflow: Overflow,
    front: Ticket,
    back: Ticket,
}

/// What is held for one target.
struct Place<T> {
    messages: BTreeMap<Ticket, PendingMessage<T>>,
    /// Whose account it was put on when it was the first.
    account: Account,
}

/// What is held on one account.
#[derive(Default)]
struct Share {
    held: Buffered,
    order: BTreeMap<Ticket, Target>,
}

impl<T> Hold<T> {
    pub(super) fn new(limit: Buffered, overflow: Overflow) -> Self {
        Self {
            places: BTreeMap::new(),
            deadlines: BTreeMap::new(),
            accounts: BTreeMap::new(),
            held: Buffered::default(),
            limit,
            overflow,
            front: 0,
            back: 0,
        }
    }

    pub(super) fn buffered(&self) -> Buffered {
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

    /// The same with how many messages there are for each.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Target, usize)> {
        self.places
            .iter()
            .map(|(target, place)| (target, place.messages.len()))
    }

    /// The earliest deadline of anything held.
    pub(super) fn first_deadline(&self) -> Option<Instant> {
        self.deadlines.keys().next().map(|(deadline, _)| *deadline)
    }

    /// Takes in the newest message, and returns those that had to go for it; or returns it itself.
    pub(super) fn push_back(
        &mut self,
        message: PendingMessage<T>,
        account: Account,
    ) -> Result<Vec<PendingMessage<T>>, PendingMessage<T>> {
        let account = self.account(&message.target, account);
        let mut displaced = Vec::new();
        while !self.fits(&account, message.bytes) {
            match self.displace(&account, message.bytes) {
                Some(older) => displaced.push(older),
                None => return Err(message),
            }
        }
        let ticket = self.back;
        self.back += 1;
        self.insert(ticket, message, account);
        Ok(displaced)
    }

    /// Takes in messages that were accepted before, oldest first, all older than what is held, as
    /// far as there is room at all. Returns those for which there is none: the newest, or the
    /// oldest, as overflow goes.
    pub(super) fn push_front(
        &mut self,
        messages: Vec<PendingMessage<T>>,
        account: impl Fn(&Target) -> Account,
    ) -> Vec<PendingMessage<T>> {
        let count = Ticket::try_from(messages.len()).unwrap_or(Ticket::MAX);
        self.front = self.front.saturating_sub(count);
        let tickets = self.front..;
        let mut places: Vec<_> = messages.into_iter().zip(tickets).collect();
        if self.overflow == Overflow::DropOldest {
            places.reverse();
        }
        let mut refused = Vec::new();
        for (message, ticket) in places {
            if self.is_within_limits(message.bytes) {
                let account = self.account(&message.target, account(&message.target));
                self.insert(ticket, message, account);
            } else {
                refused.push(message);
            }
        }
        if self.overflow == Overflow::DropOldest {
            refused.reverse();
        }
        refused
    }

    /// Whether one more message of `bytes` bytes for `target` would be taken in.
    pub(super) fn has_room(&self, target: &Target, account: Account, bytes: usize) -> bool {
        match self.overflow {
            Overflow::Refuse => self.fits(&self.account(target, account), bytes),
            Overflow::DropOldest => self.limit.messages > 0 && bytes <= self.limit.bytes,
        }
    }

    /// The account of a target: that of what is held for it already, or a new one.
    fn account(&self, target: &Target, new: Account) -> Account {
        match self.places.get(target) {
            Some(place) => place.account.clone(),
            None => new,
        }
    }

    /// Whether a message passes no limit and leaves as much free as its account then takes. The
    /// first of an account only has to pass no limit.
    fn fits(&self, account: &Account, bytes: usize) -> bool {
        let Some(share) = self.accounts.get(account) else {
            return self.is_within_limits(bytes);
        };
        let both = |part: usize, all: usize, more: usize| {
            part.saturating_add(all)
                .saturating_add(more.saturating_mul(2))
        };
        both(share.held.messages, self.held.messages, 1) <= self.limit.messages
            && both(share.held.bytes, self.held.bytes, bytes) <= self.limit.bytes
    }

    fn is_within_limits(&self, bytes: usize) -> bool {
        self.held.messages < self.limit.messages
            && self.held.bytes.saturating_add(bytes) <= self.limit.bytes
    }

    /// Takes out the oldest message of whoever has most, counting in one of `bytes` bytes on
    /// `account`: if that may be, and makes room for it.
    fn displace(&mut self, account: &Account, bytes: usize) -> Option<PendingMessage<T>> {
        if self.overflow == Overflow::Refuse || bytes > self.limit.bytes {
            return None;
        }
        let part = |of: &Account, held: Buffered| {
            let own = usize::from(of == account);
            let items = ratio(held.messages + own, self.limit.messages);
            items.max(ratio(held.bytes + own * bytes, self.limit.bytes))
        };
        let shares = self.accounts.iter();
        let largest = shares.max_by_key(|(of, share)| part(of, share.held))?.1;
        let (ticket, target) = largest.order.first_key_value()?;
        let (ticket, target) = (*ticket, target.clone());
        self.remove(&target, ticket)
    }

    fn insert(&mut self, ticket: Ticket, message: PendingMessage<T>, account: Account) {
        let share = self.accounts.entry(account.clone()).or_default();
        for held in [&mut self.held, &mut share.held] {
            held.messages += 1;
            held.bytes += message.bytes;
        }
        share.order.insert(ticket, message.target.clone());
        self.deadlines
            .insert((message.deadline, ticket), message.target.clone());
        let place = self.places.entry(message.target.clone());
        let place = place.or_insert_with(|| Place {
            messages: BTreeMap::new(),
            account,
        });
        place.messages.insert(ticket, message);
    }

    /// Takes out the oldest message for `target`.
    pub(super) fn pop(&mut self, target: &Target) -> Option<PendingMessage<T>> {
        let ticket = *self.places.get(target)?.messages.keys().next()?;
        self.remove(target, ticket)
    }

    /// Takes out a message whose deadline has come, earliest first.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Option<PendingMessage<T>> {
        let entry = self.deadlines.first_entry()?;
        let (deadline, ticket) = *entry.key();
        if deadline > now {
            return None;
        }
        let target = entry.get().clone();
        self.remove(&target, ticket)
    }

    /// Takes out the oldest message for `target` that is wanted.
    pub(super) fn take(
        &mut self,
        target: &Target,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Option<PendingMessage<T>> {
        let mut messages = self.places.get(target)?.messages.iter();
        let (ticket, _) = messages.find(|(_, message)| wanted(&message.item))?;
        let ticket = *ticket;
        self.remove(target, ticket)
    }

    fn remove(&mut self, target: &Target, ticket: Ticket) -> Option<PendingMessage<T>> {
        let place = self.places.get_mut(target)?;
        let message = place.messages.remove(&ticket)?;
        if let Some(share) = self.accounts.get_mut(&place.account) {
            share.order.remove(&ticket);
            share.held.messages -= 1;
            share.held.bytes -= message.bytes;
            if share.order.is_empty() {
                self.accounts.remove(&place.account);
            }
        }
        if place.messages.is_empty() {
            self.places.remove(target);
        }
        self.deadlines.remove(&(message.deadline, ticket));
        self.held.messages -= 1;
        self.held.bytes -= message.bytes;
        Some(message)
    }
}

/// `part` of `whole` in millionths.
fn ratio(part: usize, whole: usize) -> u128 {
    part as u128 * 1_000_000 / (whole.max(1) as u128)
}
