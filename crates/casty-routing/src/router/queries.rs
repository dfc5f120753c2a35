//! Which shards were asked for, of which leader, and when to ask again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::rng::Rng;
use crate::{RegionId, ShardId};

/// A shard of a region.
pub(super) type Place = (RegionId, ShardId);

/// One question in flight.
struct Ask {
    /// The number of the leader's connection. A question to one that is gone is void.
    link: u64,
    /// How often it was put again.
    repeats: u32,
    /// When it is given up, or put again.
    due: Instant,
    /// Whether it was answered, to no use: no answer is awaited any more.
    refused: bool,
}

/// The questions in flight.
pub(super) struct Asks {
    flying: BTreeMap<Place, Ask>,
    /// No question is due earlier; the exact moment may be later.
    next: Option<Instant>,
    base: Duration,
    cap: Duration,
    rng: Rng,
}

impl Asks {
    pub(super) fn new(base: Duration, cap: Duration, seed: u64) -> Self {
        Self {
            flying: BTreeMap::new(),
            next: None,
            base,
            cap: cap.max(base),
            rng: Rng::new(seed),
        }
    }

    /// When to look for due questions.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether to put the question to the leader at `link` now; notes that it is put.
    pub(super) fn put(&mut self, now: Instant, place: Place, link: u64) -> bool {
        let repeats = match self.flying.get(&place) {
            Some(ask) if ask.link == link && ask.due > now => return false,
            Some(ask) if ask.link == link => ask.repeats.saturating_add(1),
            _ => 0,
        };
        let due = now + self.delay(repeats);
        let refused = false;
        let ask = Ask {
            link,
            repeats,
            due,
            refused,
        };
        self.insert(place, ask);
        true
    }

    /// The answer was of no use: the question is put again later.
    pub(super) fn refuse(&mut self, now: Instant, place: Place) {
        let Some(mut ask) = self.flying.remove(&place) else {
            return;
        };
        ask.due = now + self.delay(ask.repeats);
        ask.refused = true;
        self.insert(place, ask);
    }

    /// The cluster has changed: what waits long for its next turn may come sooner, and what had an
    /// answer of no use may have a better one now.
    pub(super) fn hurry(&mut self, now: Instant) {
        let soon = now + self.base;
        for ask in self.flying.values_mut() {
            ask.repeats = 0;
            ask.due = ask.due.min(if ask.refused { now } else { soon });
        }
        self.next = self.flying.values().map(|ask| ask.due).min();
    }

    /// The question is settled.
    pub(super) fn settle(&mut self, place: Place) {
        self.flying.remove(&place);
        if self.flying.is_empty() {
            self.next = None;
        }
    }

    /// The shards whose questions are due.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Place> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let later = self.flying.values().map(|ask| ask.due);
        self.next = later.filter(|due| *due > now).min();
        let due = self.flying.iter().filter(|(_, ask)| ask.due <= now);
        due.map(|(place, _)| *place).collect()
    }

    fn insert(&mut self, place: Place, ask: Ask) {
        self.next = Some(self.next.map_or(ask.due, |next| next.min(ask.due)));
        self.flying.insert(place, ask);
    }

    /// The base, doubled for each repeat up to the cap; half of it certain, half of it random.
    fn delay(&mut self, repeats: u32) -> Duration {
        let factor = 1_u32.checked_shl(repeats.min(16)).unwrap_or(u32::MAX);
        let half = self.base.saturating_mul(factor).min(self.cap) / 2;
        half + self.rng.up_to(half)
    }
}
