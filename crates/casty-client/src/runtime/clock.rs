//! A clock for deadlines, exact to 30 ms and never early while the kernel keeps its time, which costs
//! some 5 ns to read.
//!
//! A deadline is counted from the system's coarse clock, which the kernel keeps: it is right however
//! long the runtime was not driven, because nothing of the client has to move it. Only the
//! expiry needs a task that ticks.
//!
//! # Sleep and wake-up
//!
//! While nothing waits for a deadline the task sleeps. To miss none it first sets `asleep` and
//! then looks once more for something that waits; a task that has something to wait for first makes
//! it visible and then reads `asleep`. What waits is made visible and looked for under a lock: whose
//! turn comes second sees what the other did before its own. So the clock finds the deadline and
//! ticks on, or the task finds the clock asleep and wakes it. A wake-up that comes before the clock
//! waits is kept, and costs a second of ticks at most.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::runtime::coarse::Coarse;

/// The time between two ticks.
pub(crate) const TICK: Duration = Duration::from_millis(10);
const TICK_NANOSECONDS: u64 = 10_000_000;
const SECOND_NANOSECONDS: u64 = 1_000_000_000;
/// The number of ticks without a deadline after which the clock sleeps.
const IDLE_TICKS: u32 = 100;
/// The time between two ticks after which the runtime counts as not driven in between: what came
/// meanwhile is read before deadlines are judged.
const LATE: Duration = Duration::from_millis(100);

/// A point in time, in ticks since the client began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(u64);

impl Tick {
    /// Returns the point `ticks` after the beginning.
    #[cfg(test)]
    pub(crate) fn after(ticks: u64) -> Self {
        Self(ticks)
    }

    /// Returns the end of the first of `parts` equal parts of the time up to `end`, at least a tick
    /// later.
    pub(crate) fn part(self, end: Self, parts: u32) -> Self {
        let length = end.0.saturating_sub(self.0) / u64::from(parts.max(1));
        Self(self.0.saturating_add(length.max(1)))
    }
}

/// The clock of one client, in the runtime's time.
pub(crate) struct Clock {
    origin: Instant,
    /// The system's coarse time, if it has one.
    coarse: Option<Coarse>,
    /// Set while the runtime's time is not the system's, because a test has paused it. Relaxed: it
    /// guards no data, and changes before anything is measured by it.
    is_virtual: AtomicBool,
    /// Set while no task ticks.
    asleep: AtomicBool,
    /// The wake-up of the sleeping clock.
    wake: Notify,
}

impl Clock {
    /// Creates a clock that begins now, asleep.
    pub(crate) fn new() -> Self {
        Self {
            coarse: Coarse::now(),
            origin: precise_now(),
            is_virtual: AtomicBool::new(is_virtual()),
            asleep: AtomicBool::new(true),
            wake: Notify::new(),
        }
    }

    /// Returns the tick at which `timeout` from now is over: never early, and at most two ticks
    /// late.
    #[inline]
    pub(crate) fn deadline(&self, timeout: Duration) -> Tick {
        let coarse = self.coarse.as_ref();
        let coarse = coarse.filter(|_| !self.is_virtual.load(Ordering::Relaxed));
        let now = match coarse {
            Some(coarse) => coarse.elapsed_at_least(),
            None => self.elapsed(),
        };
        // All of it fits 64 bits, whose division is an instruction; that of 128 bits is a call.
        let timeout = timeout
            .as_secs()
            .saturating_mul(SECOND_NANOSECONDS)
            .saturating_add(u64::from(timeout.subsec_nanos()));
        Tick(
            now.saturating_add(timeout)
                .saturating_add(TICK_NANOSECONDS - 1)
                / TICK_NANOSECONDS,
        )
    }

    /// Returns the tick that has passed last.
    pub(crate) fn now(&self) -> Tick {
        Tick(self.elapsed() / TICK_NANOSECONDS)
    }

    /// Wakes the clock if it sleeps. To be called after a deadline was made visible to the closure
    /// that [`run`](Self::run) calls.
    pub(crate) fn keep_awake(&self) {
        // Relaxed: of two threads that took the same lock, the second sees what the first has stored
        // before; see the module.
        if self.asleep.load(Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }

    /// Returns the instant of a tick.
    pub(crate) fn instant(&self, Tick(ticks): Tick) -> Instant {
        let nanoseconds = ticks.saturating_mul(TICK_NANOSECONDS);
        after(self.origin, Duration::from_nanos(nanoseconds))
    }

    /// Ticks for ever and calls `ticked` at each tick; sleeps while that returns `false`, because
    /// nothing waits. `ticked` must look for that under the lock under which a deadline is made
    /// visible.
    ///
    /// After a time in which the runtime was not driven, `ticked` is called a tick later, when
    /// other tasks have read what came meanwhile.
    pub(crate) async fn run(&self, mut ticked: impl FnMut(Tick) -> bool) {
        let mut idle = IDLE_TICKS;
        let mut is_late = false;
        loop {
            if idle >= IDLE_TICKS {
                // First asleep, then the last look, which takes the lock: see the module.
                self.asleep.store(true, Ordering::Relaxed);
                if !ticked(self.now()) {
                    self.wake.notified().await;
                }
                // A task that still reads `true` wakes a clock that is awake: no harm.
                self.asleep.store(false, Ordering::Relaxed);
                idle = 0;
            }
            let begun = precise_now();
            tokio::time::sleep(TICK).await;
            self.is_virtual.store(is_virtual(), Ordering::Relaxed);
            // Once in a row, so that a runtime that is always late still keeps the time.
            is_late = !is_late && precise_now().duration_since(begun) > LATE;
            if !is_late {
                idle = if ticked(self.now()) { 0 } else { idle + 1 };
            }
        }
    }

    /// Returns the nanoseconds since the beginning.
    fn elapsed(&self) -> u64 {
        let elapsed = precise_now().duration_since(self.origin);
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Returns the runtime's time, which tests may pause.
pub(crate) fn precise_now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Returns whether the runtime's time is another than the system's, because it was paused.
fn is_virtual() -> bool {
    let before = Instant::now();
    let runtime = precise_now();
    !(before..=Instant::now()).contains(&runtime)
}

/// Returns the instant `timeout` from now.
pub(crate) fn from_now(timeout: Duration) -> Instant {
    after(precise_now(), timeout)
}

/// The longest time that is waited for: further ahead there may be no instant.
pub(crate) const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);

/// Returns the instant `timeout` after `start`, at most a century later.
fn after(start: Instant, timeout: Duration) -> Instant {
    start + timeout.min(CENTURY)
}

#[cfg(test)]
mod tests;
