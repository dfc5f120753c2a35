//! The time in which a client was able to act, by which it judges the silence of nodes.
//!
//! A process that was stopped, or whose runtime was blocked, has heard nothing meanwhile, and that
//! says nothing of the nodes: what they sent waits to be read. So the time in which the control
//! task was not driven does not pass for the engines that judge silence.

use std::time::{Duration, Instant};

use crate::runtime::clock::precise_now;

/// The lateness of a task's wake-up from which it counts as not driven since it last ran.
const LATE: Duration = Duration::from_millis(250);

/// The time of one task, which stands still while the task is not driven.
#[derive(Debug)]
pub(crate) struct ActiveTime {
    /// The time for which the task was not driven, in all.
    lost: Duration,
    /// The real time at which the task ran last.
    seen: Instant,
    /// Set if the last wake-up was late.
    was_late: bool,
}

impl ActiveTime {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Self {
            lost: Duration::ZERO,
            seen: precise_now(),
            was_late: false,
        }
    }

    /// Notes that the task runs, which was to be woken at `due`, in this time, or before.
    pub(crate) fn woken(&mut self, due: Option<Instant>) {
        let now = precise_now();
        let late = due.is_some_and(|due| now > self.real(due) + LATE);
        // Once in a row, so that a task that is always late still judges.
        self.was_late = late && !self.was_late;
        if self.was_late {
            let gap = now.saturating_duration_since(self.seen);
            self.lost += gap;
            tracing::debug!(
                ?gap,
                "the client was not driven; nodes are heard before they are judged"
            );
        }
        self.seen = now;
    }

    /// Returns the present, in this time.
    pub(crate) fn now(&self) -> Instant {
        let now = precise_now();
        // It was not driven for less than it has been there.
        now.checked_sub(self.lost).unwrap_or(now)
    }

    /// Returns the real time of an instant that is to come.
    pub(crate) fn real(&self, instant: Instant) -> Instant {
        instant + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_in_which_a_task_was_not_driven_does_not_pass() {
        let mut time = ActiveTime::new();
        let begun = time.now();
        let due = begun + Duration::from_secs(3);
        tokio::time::advance(Duration::from_secs(1)).await;
        time.woken(Some(due));
        assert_eq!(time.now(), begun + Duration::from_secs(1));
        tokio::time::advance(Duration::from_secs(12)).await;
        time.woken(Some(due));
        assert_eq!(time.now(), begun + Duration::from_secs(1), "it stood still");
        assert_eq!(time.real(due), precise_now() + Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(2)).await;
        time.woken(Some(due));
        assert_eq!(time.now(), due);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_task_that_is_always_late_passes_all_the_same() {
        let mut time = ActiveTime::new();
        let begun = time.now();
        for _ in 0..10 {
            let due = time.now() + Duration::from_secs(1);
            tokio::time::advance(Duration::from_secs(2)).await;
            time.woken(Some(due));
        }
        assert_eq!(time.now() - begun, Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_up_that_is_late_by_no_more_than_it_may_be_is_none_of_a_task_not_driven() {
        let mut time = ActiveTime::new();
        let due = time.now() + Duration::from_secs(1);
        tokio::time::advance(Duration::from_secs(1) + LATE).await;
        time.woken(Some(due));
        assert_eq!(time.now(), due + LATE);
    }
}
