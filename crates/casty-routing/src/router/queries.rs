//! The queries to leaders that are in flight: one for each shard, repeated until it is answered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::rng::Rng;
use crate::shard::ShardId;
use crate::table::RegionId;

/// A shard of a region, in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueriedShard {
    pub(super) region: RegionId,
    pub(super) shard: ShardId,
}

/// One query in flight.
struct Query {
    /// The number of the leader's connection. A query on one that is gone is void.
    connection: u64,
    /// The number of times it was repeated.
    repeats: u32,
    /// The time at which it is given up, or repeated.
    due: Instant,
    /// `true` if it was answered, to no use: no answer is awaited any more.
    rejected: bool,
}

/// The queries in flight.
pub(super) struct Queries {
    in_flight: BTreeMap<QueriedShard, Query>,
    /// The time before which no query is due; the exact moment may be later.
    next: Option<Instant>,
    base: Duration,
    cap: Duration,
    rng: Rng,
}

impl Queries {
    pub(super) fn new(base: Duration, cap: Duration, seed: u64) -> Self {
        Self {
            in_flight: BTreeMap::new(),
            next: None,
            base,
            cap: cap.max(base),
            rng: Rng::new(seed),
        }
    }

    /// Returns the time at which to look for due queries.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Notes that the leader at `connection` is asked now. Returns `false` if it is not to be,
    /// because the query is in flight.
    pub(super) fn begin(&mut self, now: Instant, shard: QueriedShard, connection: u64) -> bool {
        let repeats = match self.in_flight.get(&shard) {
            Some(query) if query.connection == connection && query.due > now => return false,
            Some(query) if query.connection == connection => query.repeats.saturating_add(1),
            _ => 0,
        };
        let query = Query {
            connection,
            repeats,
            due: now + self.delay(repeats),
            rejected: false,
        };
        self.insert(shard, query);
        true
    }

    /// Notes that the answer was of no use: the query is repeated later.
    pub(super) fn reject(&mut self, now: Instant, shard: QueriedShard) {
        let Some(mut query) = self.in_flight.remove(&shard) else {
            return;
        };
        query.due = now + self.delay(query.repeats);
        query.rejected = true;
        self.insert(shard, query);
    }

    /// Brings all repetitions forward, the cluster having changed: one that waits long may come
    /// sooner, and one whose answer was of no use may have a better one now.
    pub(super) fn hurry(&mut self, now: Instant) {
        let soon = now + self.base;
        for query in self.in_flight.values_mut() {
            query.repeats = 0;
            query.due = query.due.min(if query.rejected { now } else { soon });
        }
        self.next = self.in_flight.values().map(|query| query.due).min();
    }

    /// Ends a query: it is answered, or of no interest any more.
    pub(super) fn end(&mut self, shard: QueriedShard) {
        self.in_flight.remove(&shard);
        // Else `next` may be too early, which costs one look.
        if self.in_flight.is_empty() {
            self.next = None;
        }
    }

    /// Returns the shards whose queries are due.
    pub(super) fn due(&mut self, now: Instant) -> Vec<QueriedShard> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let later = self.in_flight.values().map(|query| query.due);
        self.next = later.filter(|due| *due > now).min();
        let due = self.in_flight.iter().filter(|(_, query)| query.due <= now);
        due.map(|(shard, _)| *shard).collect()
    }

    fn insert(&mut self, shard: QueriedShard, query: Query) {
        self.next = Some(self.next.map_or(query.due, |next| next.min(query.due)));
        self.in_flight.insert(shard, query);
    }

    /// Draws a delay: the base, doubled for each repeat up to the cap; half of it certain, half of
    /// it random.
    fn delay(&mut self, repeats: u32) -> Duration {
        let factor = 1_u32.checked_shl(repeats.min(16)).unwrap_or(u32::MAX);
        let half = self.base.saturating_mul(factor).min(self.cap) / 2;
        half + self.rng.up_to(half)
    }
}
