//! A coarse clock for deadlines, exact to 10 ms, which costs two atomic loads to read.
//!
//! # Sleep and wake-up
//!
//! While nothing waits for a deadline the clock sleeps. To miss none it first sets `asleep` and
//! then looks once more for something that waits; a task that has something to wait for first makes
//! it visible and then reads `asleep`. These four are sequentially consistent, so at least one side
//! sees the other: the clock finds the deadline and ticks on, or the task finds the clock asleep
//! and wakes it. A wake-up that comes before the clock waits is kept, and costs a second of ticks
//! at most.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// The time between two ticks.
pub(crate) const TICK: Duration = Duration::from_millis(TICK_MILLISECONDS);
const TICK_MILLISECONDS: u64 = 10;
const TICKS_A_SECOND: u64 = 1_000 / TICK_MILLISECONDS;
/// The number of ticks without a deadline after which the clock sleeps.
const IDLE_TICKS: u32 = 100;

/// A point in time, in ticks since the client began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    /// The latest tick. Relaxed throughout, because it is a number that guards no data; should an
    /// older one be stored over a newer one while the clock goes to sleep, it is a tick off.
    now: AtomicU64,
    /// Set while no task ticks, so that readers measure the time themselves.
    asleep: AtomicBool,
    /// The wake-up of the sleeping clock.
    wake: Notify,
}

impl Clock {
    /// Creates a clock that begins now, asleep.
    pub(crate) fn new() -> Self {
        Self {
            origin: precise_now(),
            now: AtomicU64::new(0),
            asleep: AtomicBool::new(true),
            wake: Notify::new(),
        }
    }

    /// Returns the tick at which `timeout` from now is over: at most two ticks late, and early only
    /// by as much as the runtime has kept the clock from ticking.
    pub(crate) fn deadline(&self, timeout: Duration) -> Tick {
        let Tick(now) = self.now();
        // Both parts fit 64 bits, whose division is an instruction; that of 128 bits is a call.
        let seconds = timeout.as_secs().saturating_mul(TICKS_A_SECOND);
        let rest = timeout.subsec_nanos().div_ceil(TICK.subsec_nanos());
        let ticks = seconds.saturating_add(u64::from(rest) + 1);
        Tick(now.saturating_add(ticks))
    }

    /// Returns the latest tick.
    pub(crate) fn now(&self) -> Tick {
        // SeqCst, so that a clock that sleeps is not taken for one that ticks: its latest tick may
        // be long ago.
        if self.asleep.load(Ordering::SeqCst) {
            self.now.store(self.measure(), Ordering::Relaxed);
        }
        Tick(self.now.load(Ordering::Relaxed))
    }

    /// Wakes the clock if it sleeps. To be called after a deadline was made visible to the closure
    /// that [`run`](Self::run) calls.
    pub(crate) fn keep_awake(&self) {
        // SeqCst: after the deadline was made visible, in one order with the clock's own store and
        // look; see the module.
        if self.asleep.load(Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }

    /// Returns the instant of a tick.
    pub(crate) fn instant(&self, tick: Tick) -> Instant {
        let milliseconds = tick.0.saturating_mul(TICK_MILLISECONDS);
        after(self.origin, Duration::from_millis(milliseconds))
    }

    /// Ticks for ever and calls `ticked` at each tick; sleeps while that returns `false`, because
    /// nothing waits. `ticked` must read sequentially consistently whether something waits.
    pub(crate) async fn run(&self, mut ticked: impl FnMut(Tick) -> bool) {
        let mut idle = IDLE_TICKS;
        loop {
            if idle >= IDLE_TICKS {
                // First asleep, then the last look: see the module.
                self.asleep.store(true, Ordering::SeqCst);
                if !ticked(Tick(self.measure())) {
                    self.wake.notified().await;
                }
                // A task that still reads `true` wakes a clock that is awake: no harm.
                self.asleep.store(false, Ordering::SeqCst);
                idle = 0;
            }
            tokio::time::sleep(TICK).await;
            let now = self.measure();
            self.now.store(now, Ordering::Relaxed);
            idle = if ticked(Tick(now)) { 0 } else { idle + 1 };
        }
    }

    fn measure(&self) -> u64 {
        let ticks = precise_now().duration_since(self.origin).as_nanos() / TICK.as_nanos();
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }
}

/// Returns the runtime's time, which tests may pause.
pub(crate) fn precise_now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Returns the instant `timeout` from now.
pub(crate) fn from_now(timeout: Duration) -> Instant {
    after(precise_now(), timeout)
}

/// Returns the instant `timeout` after `start`, at most a century later.
fn after(start: Instant, timeout: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);
    start + timeout.min(CENTURY)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_right_to_two_ticks() {
        let clock = Arc::new(Clock::new());
        let (reached, mut ticks) = tokio::sync::watch::channel(Tick(0));
        let running = Arc::clone(&clock);
        tokio::spawn(async move {
            running
                .run(|now| {
                    reached.send_replace(now);
                    true
                })
                .await;
        });
        tokio::time::sleep(Duration::from_mins(1)).await;
        for timeout in [1, 10, 11, 1000] {
            let timeout = Duration::from_millis(timeout);
            let begun = precise_now();
            let deadline = clock.deadline(timeout);
            clock.keep_awake();
            ticks.wait_for(|now| *now >= deadline).await.unwrap();
            let took = precise_now() - begun;
            assert!(
                took >= timeout && took <= timeout + 3 * TICK,
                "{took:?} for {timeout:?}"
            );
        }
    }

    #[test]
    fn the_time_that_is_left_is_divided_evenly_and_never_into_nothing() {
        assert_eq!(Tick(100).part(Tick(400), 3), Tick(200));
        assert_eq!(Tick(200).part(Tick(400), 2), Tick(300));
        assert_eq!(Tick(400).part(Tick(400), 2), Tick(401));
        assert_eq!(Tick(9).part(Tick(1), 0), Tick(10));
    }

    #[tokio::test]
    async fn deadlines_are_told_apart_however_long_the_client_has_run() {
        let clock = Clock::new();
        // 500 days and more in ticks of 10 ms, which 32 bits do not count.
        let (early, late) = (Tick(5_000_000_000), Tick(5_000_000_100));
        assert_eq!(clock.instant(late) - clock.instant(early), 100 * TICK);
        assert!(clock.instant(Tick(u64::MAX)) > clock.instant(late));
    }
}
