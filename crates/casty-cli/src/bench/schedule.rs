//! The schedule: when each message is due, whatever becomes of those before it.
//!
//! This is what makes the load an open loop. It reads no clock, so its tests need none.

use std::time::Duration;

use super::mix::{Kind, Mix};

/// The nanoseconds of a second.
const SECOND: u128 = 1_000_000_000;

/// The rate of a load, and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Messages a second, one at least.
    pub(super) rate: u32,
    /// The time before anything is measured.
    pub(super) warm_up: Duration,
    /// The time that is measured, behind the warm-up.
    pub(super) duration: Duration,
}

impl Schedule {
    /// Returns when a message is due, from the beginning of the load.
    pub(super) fn due(self, number: u64) -> Duration {
        let nanos = u128::from(number) * SECOND / u128::from(self.rate.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Returns the number of messages in all, those of the warm-up included.
    pub(super) fn total(self) -> u64 {
        self.before(self.warm_up + self.duration)
    }

    /// Returns the number of messages in the warm-up, which is that of the first that is measured.
    pub(super) fn warm_ups(self) -> u64 {
        self.before(self.warm_up)
    }

    /// Returns how many messages are due before a time.
    fn before(self, time: Duration) -> u64 {
        let count = (time.as_nanos() * u128::from(self.rate)).div_ceil(SECOND);
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

/// A message that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// The time from the beginning of the load.
    pub(super) at: Duration,
    pub(super) kind: Kind,
    /// The number of messages of its kind that were due before.
    pub(super) nth: u64,
    /// True if it is measured, for the warm-up is over.
    pub(super) is_measured: bool,
}

/// The next thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A message is due, now or since some time.
    Send(Due),
    /// None is due before this time from the beginning.
    Wait(Duration),
    /// All have been due.
    Done,
}

/// The messages of a load in their order, each given out when it is due.
#[derive(Debug)]
pub(super) struct Pacer {
    schedule: Schedule,
    mix: Mix,
    next: u64,
}

impl Pacer {
    pub(super) fn new(schedule: Schedule, mix: Mix) -> Self {
        Self {
            schedule,
            mix,
            next: 0,
        }
    }

    /// Returns the schedule.
    pub(super) fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Returns what is to be done at this time from the beginning. Whoever comes late is given all that
    /// was missed, one by one, each with the time at which it had been due.
    pub(super) fn step(&mut self, now: Duration) -> Step {
        let number = self.next;
        if number >= self.schedule.total() {
            return Step::Done;
        }
        let at = self.schedule.due(number);
        if at > now {
            return Step::Wait(at);
        }
        self.next += 1;
        let (kind, nth) = self.mix.kind(number);
        Step::Send(Due {
            at,
            kind,
            nth,
            is_measured: number >= self.schedule.warm_ups(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIX: Mix = Mix { tell: 9, ask: 1 };

    fn schedule(rate: u32, warm_up: u64, duration: u64) -> Schedule {
        Schedule {
            rate,
            warm_up: Duration::from_millis(warm_up),
            duration: Duration::from_millis(duration),
        }
    }

    /// Runs a load in virtual time, in which `late` tells how late the sender wakes up. Returns what was due,
    /// each with the time at which it was sent.
    fn run(schedule: Schedule, late: impl Fn(Duration) -> Duration) -> Vec<(Due, Duration)> {
        let (mut pacer, mut now, mut sent) =
            (Pacer::new(schedule, MIX), Duration::ZERO, Vec::new());
        loop {
            match pacer.step(now) {
                Step::Send(due) => sent.push((due, now)),
                Step::Wait(until) => {
                    assert!(until > now);
                    now = until + late(until);
                }
                Step::Done => return sent,
            }
        }
    }

    #[test]
    fn as_many_are_due_as_the_rate_says_and_the_last_before_the_end() {
        for (rate, warm_up, duration, warm_ups, total) in [
            (5000, 2000, 30_000, 10_000, 160_000),
            (3, 0, 1000, 0, 3),
            (7, 1000, 1500, 7, 18),
            (1, 0, 1, 0, 1),
            (1_000_000, 0, 86_400_000, 0, 86_400_000_000),
        ] {
            let schedule = schedule(rate, warm_up, duration);
            assert_eq!((schedule.warm_ups(), schedule.total()), (warm_ups, total));
            let end = schedule.warm_up + schedule.duration;
            assert!(schedule.due(total - 1) < end && schedule.due(total) >= end);
            assert!(schedule.due(warm_ups) >= schedule.warm_up);
        }
    }

    #[test]
    fn a_punctual_sender_sends_each_when_it_is_due() {
        let sent = run(schedule(1000, 100, 900), |_| Duration::ZERO);
        assert_eq!(sent.len(), 1000);
        for (number, (due, at)) in (0..).zip(&sent) {
            assert_eq!((due.at, *at), (Duration::from_millis(number), due.at));
            assert_eq!(due.is_measured, number >= 100);
        }
    }

    #[test]
    fn a_stall_moves_no_due_time_and_leaves_nothing_out() {
        let stall = Duration::from_secs(1);
        let stalls = |until| {
            if until == Duration::from_millis(500) {
                stall
            } else {
                Duration::ZERO
            }
        };
        let calm = run(schedule(1000, 0, 3000), |_| Duration::ZERO);
        let sent = run(schedule(1000, 0, 3000), stalls);
        let dues = |all: &[(Due, Duration)]| all.iter().map(|(due, _)| *due).collect::<Vec<_>>();
        assert_eq!(dues(&sent), dues(&calm));
        // All that fell into the stall is sent at its end, and is late by what was left of it.
        let late: Vec<_> = sent.iter().filter(|(due, at)| *at > due.at).collect();
        assert_eq!(late.len(), 1000);
        assert!(
            late.iter()
                .all(|(_, at)| *at == Duration::from_millis(1500))
        );
        let longest = late.iter().map(|(due, at)| at.saturating_sub(due.at)).max();
        assert_eq!(longest, Some(stall));
    }

    #[test]
    fn kinds_are_due_in_their_mix() {
        let sent = run(schedule(1000, 0, 1000), |_| Duration::ZERO);
        let asks = sent.iter().filter(|(due, _)| due.kind == Kind::Ask);
        assert_eq!(asks.count(), 100);
    }
}
