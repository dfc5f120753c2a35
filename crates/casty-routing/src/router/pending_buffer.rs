//! The pending buffer: messages by target, in order, within limits, each with a deadline.

use std::collections::BTreeMap;
use std::time::Instant;

use casty_proto::NodeAddress;

use super::event::{Buffered, Overflow, PendingMessage, Target};
use crate::shard::ShardId;
use crate::table::RegionId;

/// A place in the order of everything that is buffered: smaller is older.
type Ticket = i64;

/// The account that a message is buffered on: the node that it waits for; `None` where that is
/// unknown.
pub(super) type Account = Option<NodeAddress>;

/// The messages that wait for a route, by target, oldest first.
///
/// An account takes no more than it leaves free. So one alone has half of the buffer, and however
/// many nodes are out of order, there is capacity for what is for another. (The dynamic thresholds
/// of shared packet buffers: Choudhury and Hahne, 1998.)
///
/// Each operation on one message costs a few tree look-ups.
pub(super) struct PendingBuffer<T> {
    queues: BTreeMap<Target, TargetQueue<T>>,
    deadlines: BTreeMap<(Instant, Ticket), Target>,
    accounts: BTreeMap<Account, Share>,
    buffered: Buffered,
    limit: Buffered,
    overflow: Overflow,
    /// The ticket of the oldest message that was ever put in front.
    front: Ticket,
    /// The ticket of the next message that is put behind.
    back: Ticket,
}

/// The messages that are buffered for one target.
struct TargetQueue<T> {
    messages: BTreeMap<Ticket, PendingMessage<T>>,
    /// The account of the first of them. It stays until the last has gone, so that each message is
    /// taken off the account it was put on, whoever owns the shard by then.
    account: Account,
}

/// The messages that are buffered on one account.
#[derive(Default)]
struct Share {
    buffered: Buffered,
    order: BTreeMap<Ticket, Target>,
}

impl<T> PendingBuffer<T> {
    pub(super) fn new(limit: Buffered, overflow: Overflow) -> Self {
        Self {
            queues: BTreeMap::new(),
            deadlines: BTreeMap::new(),
            accounts: BTreeMap::new(),
            buffered: Buffered::default(),
            limit,
            overflow,
            front: 0,
            back: 0,
        }
    }

    pub(super) fn buffered(&self) -> Buffered {
        self.buffered
    }

    pub(super) fn has(&self, target: &Target) -> bool {
        self.queues.contains_key(target)
    }

    /// Returns whether messages are buffered that wait for `node`, as far as was known of the first.
    pub(super) fn waits_for(&self, node: &NodeAddress) -> bool {
        self.accounts.contains_key(&Some(node.clone()))
    }

    /// Returns the shards of a region for which messages are buffered.
    pub(super) fn shards_of(&self, region: RegionId) -> impl Iterator<Item = ShardId> {
        let target = |shard| Target::Shard {
            region,
            shard: ShardId::new(shard),
        };
        let targets = self.queues.range(target(0)..=target(u32::MAX));
        targets.filter_map(|(target, _)| match target {
            Target::Shard { shard, .. } => Some(*shard),
            Target::Node(_) | Target::Leader => None,
        })
    }

    /// Returns all targets for which messages are buffered, with the number of messages for each.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Target, usize)> {
        self.queues
            .iter()
            .map(|(target, queue)| (target, queue.messages.len()))
    }

    /// Returns the earliest deadline of all messages.
    pub(super) fn first_deadline(&self) -> Option<Instant> {
        self.deadlines.keys().next().map(|(deadline, _)| *deadline)
    }

    /// Takes in the newest message, and returns those that gave way to it; returns it itself as an
    /// error if there is no capacity for it.
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

    /// Takes in messages that were accepted before, oldest first, all older than what is buffered,
    /// as far as there is capacity at all. Returns the others: the newest, or the oldest, as
    /// overflow goes.
    pub(super) fn push_front(
        &mut self,
        messages: Vec<PendingMessage<T>>,
        account: impl Fn(&Target) -> Account,
    ) -> Vec<PendingMessage<T>> {
        let count = Ticket::try_from(messages.len()).unwrap_or(Ticket::MAX);
        self.front = self.front.saturating_sub(count);
        let tickets = self.front..;
        let mut order: Vec<_> = messages.into_iter().zip(tickets).collect();
        if self.overflow == Overflow::DropOldest {
            order.reverse();
        }
        let mut refused = Vec::new();
        for (message, ticket) in order {
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

    /// Returns whether one more message of `bytes` bytes for `target` would be taken in.
    pub(super) fn has_capacity(&self, target: &Target, account: Account, bytes: usize) -> bool {
        match self.overflow {
            Overflow::Refuse => self.fits(&self.account(target, account), bytes),
            Overflow::DropOldest => self.limit.messages > 0 && bytes <= self.limit.bytes,
        }
    }

    /// Returns the account of a target: that of what is buffered for it already, or `new`.
    fn account(&self, target: &Target, new: Account) -> Account {
        match self.queues.get(target) {
            Some(queue) => queue.account.clone(),
            None => new,
        }
    }

    /// Returns whether a message passes no limit and leaves as much free as its account then takes.
    /// The first of an account only has to pass no limit.
    fn fits(&self, account: &Account, bytes: usize) -> bool {
        let Some(share) = self.accounts.get(account) else {
            return self.is_within_limits(bytes);
        };
        let both = |part: usize, all: usize, more: usize| {
            part.saturating_add(all)
                .saturating_add(more.saturating_mul(2))
        };
        both(share.buffered.messages, self.buffered.messages, 1) <= self.limit.messages
            && both(share.buffered.bytes, self.buffered.bytes, bytes) <= self.limit.bytes
    }

    fn is_within_limits(&self, bytes: usize) -> bool {
        self.buffered.messages < self.limit.messages
            && self.buffered.bytes.saturating_add(bytes) <= self.limit.bytes
    }

    /// Takes out the oldest message of the largest account, counting in one of `bytes` bytes on
    /// `account`; `None` if none is to give way, or the new one would not fit anyway.
    fn displace(&mut self, account: &Account, bytes: usize) -> Option<PendingMessage<T>> {
        if self.overflow == Overflow::Refuse || bytes > self.limit.bytes {
            return None;
        }
        let part = |of: &Account, buffered: Buffered| {
            let own = usize::from(of == account);
            let items = ratio(buffered.messages + own, self.limit.messages);
            items.max(ratio(buffered.bytes + own * bytes, self.limit.bytes))
        };
        let shares = self.accounts.iter();
        let largest = shares.max_by_key(|(of, share)| part(of, share.buffered))?.1;
        let (ticket, target) = largest.order.first_key_value()?;
        let (ticket, target) = (*ticket, target.clone());
        self.remove(&target, ticket)
    }

    fn insert(&mut self, ticket: Ticket, message: PendingMessage<T>, account: Account) {
        let share = self.accounts.entry(account.clone()).or_default();
        for buffered in [&mut self.buffered, &mut share.buffered] {
            buffered.messages += 1;
            buffered.bytes += message.bytes;
        }
        share.order.insert(ticket, message.target.clone());
        self.deadlines
            .insert((message.deadline, ticket), message.target.clone());
        let queue = self.queues.entry(message.target.clone());
        let queue = queue.or_insert_with(|| TargetQueue {
            messages: BTreeMap::new(),
            account,
        });
        queue.messages.insert(ticket, message);
    }

    /// Takes out the oldest message for `target`.
    pub(super) fn pop(&mut self, target: &Target) -> Option<PendingMessage<T>> {
        let ticket = *self.queues.get(target)?.messages.keys().next()?;
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

    /// Takes out the oldest message for `target` whose item is wanted.
    pub(super) fn take(
        &mut self,
        target: &Target,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Option<PendingMessage<T>> {
        let mut messages = self.queues.get(target)?.messages.iter();
        let (ticket, _) = messages.find(|(_, message)| wanted(&message.item))?;
        let ticket = *ticket;
        self.remove(target, ticket)
    }

    fn remove(&mut self, target: &Target, ticket: Ticket) -> Option<PendingMessage<T>> {
        let queue = self.queues.get_mut(target)?;
        let message = queue.messages.remove(&ticket)?;
        if let Some(share) = self.accounts.get_mut(&queue.account) {
            share.order.remove(&ticket);
            share.buffered.messages -= 1;
            share.buffered.bytes -= message.bytes;
            if share.order.is_empty() {
                self.accounts.remove(&queue.account);
            }
        }
        if queue.messages.is_empty() {
            self.queues.remove(target);
        }
        self.deadlines.remove(&(message.deadline, ticket));
        self.buffered.messages -= 1;
        self.buffered.bytes -= message.bytes;
        Some(message)
    }
}

/// Returns `part` of `whole` in millionths: whole numbers, so that equal shares compare equal.
fn ratio(part: usize, whole: usize) -> u128 {
    part as u128 * 1_000_000 / (whole.max(1) as u128)
}
