//! The restarts of an actor whose handler panicked.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most restarts within a period that can be allowed.
///
/// Beyond it, a greater number counts as this one.
const MOST: u32 = 10_000;

/// The policy by which an actor whose handler panicked begins anew: with a state that is made anew, the
/// same name and the same mailbox. The message that it panicked at is not handled again.
///
/// Before each restart there is a pause, which doubles with each restart of the period; messages wait in
/// the mailbox meanwhile, as far as that allows. An actor that panics too often within the period ends.
///
/// ```
/// use std::time::Duration;
///
/// use casty_client::RestartPolicy;
///
/// let policy = RestartPolicy::on_panic()
///     .backoff(Duration::from_millis(50), Duration::from_secs(5))
///     .at_most(20, Duration::from_mins(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct RestartPolicy {
    most: u32,
    period: Duration,
    first: Duration,
    longest: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self::never()
    }
}

impl RestartPolicy {
    /// Returns the policy of an actor that ends with its first panic. The default.
    pub fn never() -> Self {
        Self {
            most: 0,
            ..Self::on_panic()
        }
    }

    /// Returns a policy of at most 10 restarts within a minute, after pauses from 100 ms to 10 s.
    pub fn on_panic() -> Self {
        Self {
            most: 10,
            period: Duration::from_mins(1),
            first: Duration::from_millis(100),
            longest: Duration::from_secs(10),
        }
    }

    /// Sets the first pause and the longest one. Default: 100 ms and 10 s.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.first = first;
        self.longest = longest.max(first);
        self
    }

    /// Sets how many restarts are allowed within any `period`. Default: 10 within a minute; at most
    /// 10,000.
    pub fn at_most(mut self, restarts: u32, period: Duration) -> Self {
        self.most = restarts.min(MOST);
        self.period = period;
        self
    }
}

/// The restarts of one actor so far.
#[derive(Debug)]
pub(super) struct Restarts {
    policy: RestartPolicy,
    /// The times of those within the period, no more than are allowed.
    recent: VecDeque<Instant>,
}

impl Restarts {
    pub(super) fn new(policy: RestartPolicy) -> Self {
        Self {
            policy,
            recent: VecDeque::new(),
        }
    }

    /// Returns the pause before the actor begins anew; `None` if it does not.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Duration> {
        let RestartPolicy {
            most,
            period,
            first,
            longest,
        } = self.policy;
        while let Some(oldest) = self.recent.front()
            && now.saturating_duration_since(*oldest) >= period
        {
            self.recent.pop_front();
        }
        let before = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        if before >= most {
            return None;
        }
        self.recent.push_back(now);
        let doubled = 2_u32.saturating_pow(before);
        Some(first.saturating_mul(doubled).min(longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_too_many_within_the_period_are_the_end() {
        let policy = RestartPolicy::on_panic()
            .backoff(Duration::from_secs(1), Duration::from_secs(3))
            .at_most(4, Duration::from_secs(100));
        let mut restarts = Restarts::new(policy);
        let begun = Instant::now();
        let mut at = |seconds| {
            let pause = restarts.pause(begun + Duration::from_secs(seconds));
            pause.map(|pause| pause.as_secs())
        };
        assert_eq!(
            [at(0), at(10), at(20), at(30)],
            [Some(1), Some(2), Some(3), Some(3)]
        );
        assert_eq!(at(99), None);
        // The first two are over.
        assert_eq!(at(110), Some(3));
        assert_eq!(Restarts::new(RestartPolicy::never()).pause(begun), None);
    }
}
