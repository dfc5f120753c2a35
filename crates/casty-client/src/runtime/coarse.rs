//! The system's coarse clock: a quarter of the cost of the precise one, and behind it by a step of
//! the kernel, a few milliseconds, at most; by more where the kernel's own tick is late, because the
//! machine it runs on was not running.

/// A point in the coarse time from which it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coarse {
    /// The nanoseconds that are added to those since the system began, with what 64 bits do not hold cut
    /// off: a step, without what the point was after.
    added: u64,
}

impl Coarse {
    /// Returns the present point; `None` if the system has no coarse clock.
    pub(crate) fn now() -> Option<Self> {
        let step = system::step()?;
        let added = step.wrapping_sub(system::time());
        Some(Self { added })
    }

    /// Returns the nanoseconds since this point: as many as have passed, or up to two steps more, as long
    /// as the kernel keeps its time.
    #[inline]
    pub(crate) fn elapsed_at_least(self) -> u64 {
        // What is read is behind by up to a step, and never before the point.
        system::time().wrapping_add(self.added)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

    /// Returns the nanoseconds since the system began, which fit 64 bits for five centuries.
    #[inline]
    pub(super) fn time() -> u64 {
        nanoseconds(&clock_gettime(ClockId::MonotonicCoarse))
    }

    /// Returns the length of a step in nanoseconds; `None` if there is no such clock.
    pub(super) fn step() -> Option<u64> {
        let step = nanoseconds(&clock_getres(ClockId::MonotonicCoarse));
        (step > 0).then_some(step)
    }

    #[inline]
    #[expect(clippy::cast_sign_loss, reason = "no time of these is negative")]
    pub(super) fn nanoseconds(time: &Timespec) -> u64 {
        let seconds = (time.tv_sec as u64).wrapping_mul(1_000_000_000);
        seconds.wrapping_add(time.tv_nsec as u64)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    pub(super) fn time() -> u64 {
        0
    }

    pub(super) fn step() -> Option<u64> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Returns whether the kernel is late to move the coarse clock on from a time that was read before.
    fn is_late(read: u64, step: u64) -> bool {
        let precise = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        system::nanoseconds(&precise) > read + step
    }

    #[test]
    fn never_less_than_has_passed_is_counted_and_a_few_steps_more_at_most() {
        let step = system::step().expect("Linux has one");
        let moment = system::time();
        // From the very beginning of a step, which is where the clock is right.
        while system::time() == moment {}
        let before = Instant::now();
        let coarse = Coarse::now().unwrap();
        let begun = Instant::now();
        let (mut steps, mut last) = (0, system::time());
        while steps < 5 {
            let now = system::time();
            let passed = begun.elapsed().as_nanos();
            let counted = u128::from(coarse.elapsed_at_least());
            assert!(counted >= passed || is_late(now, step));
            steps += u32::from(now != last);
            last = now;
        }
        let counted = u128::from(coarse.elapsed_at_least());
        let passed = before.elapsed().as_nanos() + 2 * u128::from(step);
        assert!(counted <= passed, "{counted} {passed}");
    }
}
