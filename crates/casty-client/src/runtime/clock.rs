//! A coarse clock for deadlines: reading it costs one atomic load, and it is right to 10 ms.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How far apart ticks are.
pub(crate) const TICK: Duration = Duration::from_millis(TICK_MILLISECONDS);
const TICK_MILLISECONDS: u64 = 10;
const TICKS_A_SECOND: u64 = 1_000 / TICK_MILLISECONDS;
/// After so many ticks with nothing to wait for, the clock stops until it is read again.
const IDLE_TICKS: u32 = 100;

/// A point in time, in ticks since the client began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(u64);

impl Tick {
    /// The point `ticks` after the beginning.
    #[cfg(test)]
    pub(crate) fn after(ticks: u64) -> Self {
        Self(ticks)
    }

    /// The end of the first of `parts` equal parts of the time up to `end`; a tick at least.
    pub(crate) fn part(self, end: Self, parts: u32) -> Self {
        let length = end.0.saturating_sub(self.0) / u64::from(parts.max(1));
        Self(self.0.saturating_add(length.max(1)))
    }
}

/// The clock of one client, in the runtime's time.
pub(crate) struct Clock {
    origin: Instant,
    now: AtomicU64,
    asleep: AtomicBool,
    wake: Notify,
}

impl Clock {
    /// A clock that begins now.
    pub(crate) fn new() -> Self {
        Self {
            origin: precise_now(),
            now: AtomicU64::new(0),
            asleep: AtomicBool::new(true),
            wake: Notify::new(),
        }
    }

    /// The tick at which `timeout` from now is over: late by two ticks at most, and early only by
    /// as much as the runtime has kept the clock from ticking.
    pub(crate) fn deadline(&self, timeout: Duration) -> Tick {
        let Tick(now) = self.now();
        // Both parts fit 64 bits, whose division is not a call as that of 128 bits is.
        let seconds = timeout.as_secs().saturating_mul(TICKS_A_SECOND);
        let rest = timeout.subsec_nanos().div_ceil(TICK.subsec_nanos());
        let ticks = seconds.saturating_add(u64::from(rest) + 1);
        Tick(now.saturating_add(ticks))
    }

    /// The last tick.
    pub(crate) fn now(&self) -> Tick {
        if self.asleep.load(Ordering::SeqCst) {
            self.now.store(self.measure(), Ordering::Relaxed);
        }
        Tick(self.now.load(Ordering::Relaxed))
    }

    /// Sees to it that deadlines set before are kept.
    pub(crate) fn keep_awake(&self) {
        if self.asleep.load(Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }

    /// The instant of a tick.
    pub(crate) fn instant(&self, tick: Tick) -> Instant {
        let milliseconds = tick.0.saturating_mul(TICK_MILLISECONDS);
        after(self.origin, Duration::from_millis(milliseconds))
    }

    /// Ticks for ever, calling `ticked` at each tick; sleeps while that says that nothing waits.
    /// Whoever has something to wait for makes it visible to `ticked` first, and then calls
    /// [`keep_awake`](Self::keep_awake).
    pub(crate) async fn run(&self, mut ticked: impl FnMut(Tick) -> bool) {
        let mut idle = IDLE_TICKS;
        loop {
            if idle >= IDLE_TICKS {
                self.asleep.store(true, Ordering::SeqCst);
                if !ticked(Tick(self.measure())) {
                    self.wake.notified().await;
                }
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

/// The runtime's time, which tests may pause.
pub(crate) fn precise_now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The instant `timeout` from now.
pub(crate) fn from_now(timeout: Duration) -> Instant {
    after(precise_now(), timeout)
}

/// `timeout` after `start`. A time beyond a century is none.
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
    fn the_time_that_is_left_is_parted_evenly_and_never_into_nothing() {
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
