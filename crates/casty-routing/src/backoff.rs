//! The pauses between attempts: exponential, with full jitter.

use std::time::Duration;

use crate::rng::Rng;

/// The bounds of a [`Backoff`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BackoffConfig {
    /// The longest delay after the first failure; it doubles with each further one. Default 50 ms.
    pub base: Duration,
    /// The longest delay ever between two attempts to connect. Default 5 s.
    ///
    /// Beyond it, pauses grow no more.
    pub cap: Duration,
    /// The shortest delay ever, which bounds the rate of attempts whatever is drawn. Default
    /// 10 ms.
    pub floor: Duration,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(50),
            cap: Duration::from_secs(5),
            floor: Duration::from_millis(10),
        }
    }
}

/// The delays between the attempts at one thing.
///
/// Each is drawn evenly from the floor up to a ceiling that doubles with every failure ("full
/// jitter": those who failed together do not come back together). Equal seeds give equal delays.
///
/// ```
/// use casty_routing::{Backoff, BackoffConfig};
/// let mut backoff = Backoff::new(BackoffConfig::default(), 7);
/// let first = backoff.failed();
/// assert!(first <= BackoffConfig::default().base);
/// backoff.succeeded();
/// assert_eq!(backoff.failures(), 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    config: BackoffConfig,
    rng: Rng,
    failures: u32,
}

impl Backoff {
    /// Creates a backoff that has seen no failure.
    pub fn new(config: BackoffConfig, seed: u64) -> Self {
        Self {
            config,
            rng: Rng::new(seed),
            failures: 0,
        }
    }

    /// Counts a failure, and returns the pause before the next attempt.
    #[must_use = "the pause is what keeps attempts apart"]
    pub fn failed(&mut self) -> Duration {
        let BackoffConfig { base, cap, floor } = self.config;
        // Past 31 failures the shift has no result: the cap has long been reached.
        let doubled = 1u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let ceiling = base.saturating_mul(doubled).min(cap);
        floor + self.rng.up_to(ceiling.saturating_sub(floor))
    }

    /// Starts over: the next failure counts as the first again.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Returns the number of failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ceilings(config: BackoffConfig, failures: u32) -> Vec<Duration> {
        // The greatest of many draws after so many failures, over seeds.
        let mut most = vec![Duration::ZERO; failures as usize];
        for seed in 0..2_000 {
            let mut backoff = Backoff::new(config, seed);
            for most in &mut most {
                *most = backoff.failed().max(*most);
            }
        }
        most
    }

    #[test]
    fn the_ceiling_doubles_with_each_failure_up_to_the_cap() {
        for (failure, most) in ceilings(BackoffConfig::default(), 12)
            .into_iter()
            .enumerate()
        {
            let ceiling = Duration::from_millis((50 << failure).min(5_000));
            assert!(most <= ceiling, "failure {failure}: {most:?} > {ceiling:?}");
            assert!(most > ceiling * 9 / 10, "failure {failure}: only {most:?}");
        }
    }

    #[test]
    fn delays_are_spread_evenly_over_the_whole_range() {
        let config = BackoffConfig {
            floor: Duration::ZERO,
            ..BackoffConfig::default()
        };
        let mut below = [0; 5];
        for seed in 0..5_000 {
            let delay = Backoff::new(config, seed).failed();
            below[(delay.as_micros() as usize / 10_000).min(4)] += 1;
        }
        for fifth in below {
            assert!((800..1_200).contains(&fifth), "{below:?}");
        }
    }

    #[test]
    fn no_delay_is_shorter_than_the_floor_nor_longer_than_the_cap() {
        let mut backoff = Backoff::new(BackoffConfig::default(), 3);
        for _ in 0..1_000 {
            let delay = backoff.failed();
            assert!(delay >= Duration::from_millis(10));
            assert!(delay <= Duration::from_secs(5));
        }
    }

    #[test]
    fn a_floor_above_the_cap_is_the_delay() {
        let config = BackoffConfig {
            floor: Duration::from_secs(9),
            ..BackoffConfig::default()
        };
        assert_eq!(Backoff::new(config, 0).failed(), config.floor);
    }

    #[test]
    fn success_starts_over() {
        let mut backoff = Backoff::new(BackoffConfig::default(), 1);
        for _ in 0..10 {
            let _ = backoff.failed();
        }
        backoff.succeeded();
        assert_eq!(backoff.failures(), 0);
        assert!(backoff.failed() <= BackoffConfig::default().base);
    }

    #[test]
    fn equal_seeds_give_equal_delays_and_others_differ() {
        let delays = |seed| {
            let mut backoff = Backoff::new(BackoffConfig::default(), seed);
            (0..50).map(|_| backoff.failed()).collect::<Vec<_>>()
        };
        assert_eq!(delays(11), delays(11));
        assert_ne!(delays(11), delays(12));
    }
}
