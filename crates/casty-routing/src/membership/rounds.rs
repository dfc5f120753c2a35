//! The times at which a member does what it does by the clock.

use std::time::{Duration, Instant};

/// The times at which each is due.
#[derive(Debug)]
pub(super) struct Rounds {
    pub(super) join: Instant,
    pub(super) heartbeat: Instant,
    pub(super) check: Instant,
    gossip: Instant,
    gossiped: Option<Instant>,
    rejoined: Option<Instant>,
}

impl Rounds {
    /// Has everything due at once.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            join: now,
            heartbeat: now,
            check: now,
            gossip: now,
            gossiped: None,
            rejoined: None,
        }
    }

    /// Has everything due at once, after a while in which nothing was done.
    pub(super) fn begin_anew(&mut self, now: Instant) {
        let Self {
            gossiped, rejoined, ..
        } = *self;
        *self = Self {
            gossiped,
            rejoined,
            ..Self::new(now)
        };
    }

    /// Has gossip due at that time at the latest, but no sooner than a pause after the last: two who cannot
    /// agree on a member contradict each other for as long as that takes.
    pub(super) fn hurry(&mut self, by: Instant, pause: Duration) {
        let soonest = self.gossiped.map(|gossiped| after(gossiped, pause));
        let by = soonest.map_or(by, |soonest| by.max(soonest));
        self.gossip = self.gossip.min(by);
    }

    /// Returns when gossip is due.
    pub(super) fn gossip(&self) -> Instant {
        self.gossip
    }

    /// Returns whether gossip is due, and if it is, has it due again after that time.
    pub(super) fn is_gossip_due(&mut self, now: Instant, interval: Duration) -> bool {
        let is_due = is_due(now, &mut self.gossip, interval);
        if is_due {
            self.gossiped = Some(now);
        }
        is_due
    }

    /// Returns whether a node that is called dead may ask all to join once more: not again and again, however
    /// often it is told.
    pub(super) fn is_rejoin_due(&mut self, now: Instant, interval: Duration) -> bool {
        let is_due = self
            .rejoined
            .is_none_or(|rejoined| now >= after(rejoined, interval));
        if is_due {
            self.rejoined = Some(now);
        }
        is_due
    }

    /// Returns when the next is due.
    pub(super) fn next(&self, wants_to_join: bool) -> Instant {
        let next = self.gossip.min(self.heartbeat).min(self.check);
        if wants_to_join {
            next.min(self.join)
        } else {
            next
        }
    }
}

/// Returns whether something is due, and if it is, has it due again after that time.
pub(super) fn is_due(now: Instant, due: &mut Instant, interval: Duration) -> bool {
    if now < *due {
        return false;
    }
    *due = after(now, interval);
    true
}

/// Returns the time that much later; a far one if there is none so late, and the last one if that is none.
pub(super) fn after(now: Instant, time: Duration) -> Instant {
    const FAR: Duration = Duration::from_hours(24 * 365);
    now.checked_add(time)
        .or_else(|| now.checked_add(FAR))
        .unwrap_or(now)
}
