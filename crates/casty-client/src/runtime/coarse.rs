//! The system's coarse clock: a quarter of the cost of the precise one, and behind it by a step of
//! the kernel, a few milliseconds, at most.

/// A point in the coarse time from which it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coarse {
    /// The time, in nanoseconds since the system began.
    begun: u64,
    /// The length of a step in nanoseconds.
    step: u64,
}

impl Coarse {
    /// Returns the present point; `None` if the system has no coarse clock.
    pub(crate) fn now() -> Option<Self> {
        let (begun, step) = (system::time()?, system::step()?);
        Some(Self { begun, step })
    }

    /// Returns the nanoseconds since this point: as many as have passed, or up to two steps more.
    #[inline]
    pub(crate) fn elapsed_at_least(&self) -> u64 {
        // What is read is behind by up to a step.
        let now = system::time().unwrap_or(u64::MAX);
        now.saturating_sub(self.begun).saturating_add(self.step)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

    #[inline]
    pub(super) fn time() -> Option<u64> {
        nanoseconds(&clock_gettime(ClockId::MonotonicCoarse))
    }

    pub(super) fn step() -> Option<u64> {
        nanoseconds(&clock_getres(ClockId::MonotonicCoarse))
    }

    #[inline]
    fn nanoseconds(time: &Timespec) -> Option<u64> {
        let seconds = u64::try_from(time.tv_sec)
            .ok()?
            .checked_mul(1_000_000_000)?;
        seconds.checked_add(u64::try_from(time.tv_nsec).ok()?)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    pub(super) fn time() -> Option<u64> {
        None
    }

    pub(super) fn step() -> Option<u64> {
        None
    }
}
