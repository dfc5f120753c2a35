//! The measurements of a run, in a bounded amount of memory however long it takes.

use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};

use super::ends::{Both, End};
use super::mix::Kind;
use super::schedule::{Due, Schedule};

/// The longest time that is told from longer ones, in microseconds: an hour.
const LONGEST: u64 = 3_600_000_000;
/// The digits to which a time of the whole run is exact, ...
const DIGITS: u8 = 3;
/// ... and one of an interval.
const COARSE: u8 = 2;
/// The most intervals into which a run is cut.
const INTERVALS: u32 = 120;
/// The shortest of them.
const SHORTEST: Duration = Duration::from_millis(100);

/// The measurements of a run. The histograms take some 2 MiB, whatever is measured.
#[derive(Debug)]
pub(super) struct Record {
    schedule: Schedule,
    pub(super) warm_up: Both,
    pub(super) measured: Both,
    /// Microseconds from when an ask was due until its reply had come.
    pub(super) latency: Histogram<u64>,
    /// Microseconds from when a message was due until it was sent.
    pub(super) lateness: Histogram<u64>,
    /// The length of an interval.
    pub(super) width: Duration,
    /// The intervals of the measured time, and one for all that happens after it.
    pub(super) intervals: Vec<Interval>,
}

/// A part of the measured time.
#[derive(Debug)]
pub(super) struct Interval {
    /// Messages that were due in it.
    pub(super) due: u64,
    /// Messages that were sent in it, whenever they were due.
    pub(super) sent: u64,
    /// Replies that came in it.
    pub(super) replies: u64,
    /// The latencies of those asks that were due in it.
    pub(super) latency: Histogram<u32>,
}

impl Record {
    /// Prepares for a run.
    ///
    /// # Errors
    /// A histogram cannot be made.
    pub(super) fn new(schedule: Schedule) -> Result<Self, CreationError> {
        let width = (schedule.duration / INTERVALS).max(SHORTEST);
        let count = schedule.duration.as_nanos().div_ceil(width.as_nanos());
        let count = usize::try_from(count).unwrap_or(usize::MAX).max(1);
        let interval = || {
            Ok(Interval {
                due: 0,
                sent: 0,
                replies: 0,
                latency: Histogram::new_with_bounds(1, LONGEST, COARSE)?,
            })
        };
        Ok(Self {
            schedule,
            warm_up: Both::default(),
            measured: Both::default(),
            latency: Histogram::new_with_bounds(1, LONGEST, DIGITS)?,
            lateness: Histogram::new_with_bounds(1, LONGEST, DIGITS)?,
            width,
            intervals: (0..=count).map(|_| interval()).collect::<Result<_, _>>()?,
        })
    }

    /// Notes a message that is about to be sent.
    pub(super) fn due(&mut self, due: &Due, now: Duration) {
        self.phase(due).due(due);
        if due.is_measured {
            self.lateness
                .saturating_record(micros(now.saturating_sub(due.at)));
            self.interval(due.at, |it| it.due += 1);
        }
    }

    /// Notes that a message was sent.
    pub(super) fn sent(&mut self, due: &Due, now: Duration) {
        if due.is_measured {
            self.interval(now, |it| it.sent += 1);
        }
    }

    /// Takes back that a message was sent at this time: it had to wait for a route, and found none.
    pub(super) fn unsent(&mut self, due: &Due, then: Duration) {
        if due.is_measured {
            self.interval(then, |it| it.sent = it.sent.saturating_sub(1));
        }
    }

    /// Notes the end of a message. The latency of an ask is counted from when it was due, not from when it
    /// was sent: what a stall kept back has waited.
    pub(super) fn end(&mut self, due: &Due, end: End, now: Duration) {
        self.phase(due).end(due, end);
        if due.is_measured && end == End::Done && due.kind == Kind::Ask {
            let latency = micros(now.saturating_sub(due.at));
            self.latency.saturating_record(latency);
            self.interval(due.at, |it| it.latency.saturating_record(latency));
            self.interval(now, |it| it.replies += 1);
        }
    }

    /// Notes that nobody waits for the replies that have not come.
    pub(super) fn close(&mut self) {
        self.warm_up.close();
        self.measured.close();
    }

    fn phase(&mut self, due: &Due) -> &mut Both {
        if due.is_measured {
            &mut self.measured
        } else {
            &mut self.warm_up
        }
    }

    /// Changes the interval of a time from the beginning of the load; the last one takes all that is later.
    fn interval(&mut self, at: Duration, change: impl FnOnce(&mut Interval)) {
        let since = at.saturating_sub(self.schedule.warm_up);
        let last = self.intervals.len().saturating_sub(1);
        let index = if since >= self.schedule.duration {
            last
        } else {
            let index = since.as_nanos() / self.width.as_nanos().max(1);
            usize::try_from(index).unwrap_or(last).min(last)
        };
        if let Some(interval) = self.intervals.get_mut(index) {
            change(interval);
        }
    }
}

/// Returns a time in whole microseconds, rounded up: none is shorter than it was.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(duration: Duration) -> Schedule {
        Schedule {
            rate: 100,
            warm_up: Duration::from_secs(1),
            duration,
        }
    }

    fn ask(at: u64, is_measured: bool) -> Due {
        Due {
            at: Duration::from_millis(at),
            kind: Kind::Ask,
            nth: 0,
            is_measured,
        }
    }

    #[test]
    fn an_ask_has_waited_since_it_was_due() {
        let mut record = Record::new(schedule(Duration::from_secs(1))).unwrap();
        let due = ask(1250, true);
        record.due(&due, Duration::from_millis(1700));
        record.sent(&due, Duration::from_millis(1700));
        record.end(&due, End::Done, Duration::from_millis(2050));
        assert_eq!((record.latency.len(), record.lateness.len()), (1, 1));
        assert!((799_000..=801_000).contains(&record.latency.max()));
        assert!((449_000..=451_000).contains(&record.lateness.max()));
        // Due in the third interval, sent in the eighth, and replied to after the last.
        let at = |of: fn(&Interval) -> u64| record.intervals.iter().position(|it| of(it) == 1);
        assert_eq!(at(|it| it.due), Some(2));
        assert_eq!(at(|it| it.latency.len()), Some(2));
        assert_eq!(at(|it| it.sent), Some(7));
        assert_eq!(at(|it| it.replies), Some(10));
    }

    #[test]
    fn the_warm_up_is_counted_apart_and_not_measured() {
        let mut record = Record::new(schedule(Duration::from_secs(1))).unwrap();
        let due = ask(990, false);
        record.due(&due, Duration::from_millis(990));
        record.sent(&due, Duration::from_millis(990));
        record.end(&due, End::Done, Duration::from_millis(1500));
        assert_eq!((record.warm_up.asks.due, record.warm_up.asks.done), (1, 1));
        assert_eq!(record.measured, Both::default());
        assert_eq!(record.latency.len() + record.lateness.len(), 0);
        let is_empty = |it: &Interval| it.due + it.sent + it.replies == 0;
        assert!(record.intervals.iter().all(is_empty));
    }

    #[test]
    fn a_day_takes_no_more_memory_than_a_minute() {
        for (duration, count) in [
            (Duration::from_millis(1), 1),
            (Duration::from_secs(1), 10),
            (Duration::from_mins(1), 120),
            (Duration::from_hours(24), 120),
        ] {
            let record = Record::new(schedule(duration)).unwrap();
            assert_eq!(record.intervals.len(), count + 1, "{duration:?}");
        }
    }

    #[test]
    fn what_waits_longer_than_an_hour_is_counted_as_an_hour() {
        let mut record = Record::new(schedule(Duration::from_secs(1))).unwrap();
        let due = ask(1000, true);
        record.due(&due, Duration::from_secs(1));
        record.end(&due, End::Done, Duration::from_hours(9));
        assert_eq!(record.latency.len(), 1);
        assert!(record.latency.max() >= LONGEST);
    }
}
