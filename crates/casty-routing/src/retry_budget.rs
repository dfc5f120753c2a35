//! The rate at which messages may be sent again: a token bucket, so that a cluster in trouble is
//! not flooded by second attempts.

use std::time::{Duration, Instant};

/// The income and the size of a [`RetryBudget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RetryBudgetConfig {
    /// The tokens that a hundred first attempts deposit. Default: 10.
    pub percent: u32,
    /// The tokens that each second adds, whatever is sent. Default: 10.
    pub per_second: u32,
    /// The most tokens there are, and the number there is in the beginning. Default: 100; with 0
    /// nothing is sent again.
    pub burst: u32,
}

impl Default for RetryBudgetConfig {
    fn default() -> Self {
        Self {
            percent: 10,
            per_second: 10,
            burst: 100,
        }
    }
}

impl RetryBudgetConfig {
    /// Sets the tokens that a hundred first attempts deposit.
    #[must_use]
    pub fn percent(mut self, percent: u32) -> Self {
        self.percent = percent;
        self
    }

    /// Sets the tokens that each second adds.
    #[must_use]
    pub fn per_second(mut self, per_second: u32) -> Self {
        self.per_second = per_second;
        self
    }

    /// Sets the most tokens there are, and the number there is in the beginning.
    #[must_use]
    pub fn burst(mut self, burst: u32) -> Self {
        self.burst = burst;
        self
    }
}

/// A token bucket, of which each token pays for sending one message again.
///
/// In any span of time, at most `burst + per_second * seconds + percent / 100 * deposits` are paid
/// out. Nothing is rounded: fractions of tokens are kept.
///
/// ```
/// use std::time::Instant;
/// use casty_routing::{RetryBudget, RetryBudgetConfig};
///
/// # #[expect(clippy::disallowed_methods, reason = "an example begins at some moment")]
/// let now = Instant::now();
/// let config = RetryBudgetConfig::default().percent(50).per_second(0).burst(1);
/// let mut budget = RetryBudget::new(config);
/// assert!(budget.take(now), "it begins full");
/// budget.deposit();
/// assert!(!budget.take(now), "half a token pays for nothing");
/// budget.deposit();
/// assert!(budget.take(now));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryBudget {
    config: RetryBudgetConfig,
    /// The balance in billionths of tokens, so that rates and nanoseconds multiply without a rest.
    fractions: u64,
    /// The time up to which seconds have been paid in.
    paid: Option<Instant>,
}

/// The number of parts into which a token is divided.
const TOKEN: u64 = 1_000_000_000;

impl RetryBudget {
    /// Creates a full budget.
    pub fn new(config: RetryBudgetConfig) -> Self {
        Self {
            fractions: u64::from(config.burst) * TOKEN,
            config,
            paid: None,
        }
    }

    /// Counts a first attempt.
    pub fn deposit(&mut self) {
        self.add(u64::from(self.config.percent) * (TOKEN / 100));
    }

    /// Takes a token, and returns whether there was a whole one. Time never goes back: an earlier
    /// `now` counts as the latest one.
    #[must_use = "a message may be sent again only if a token was taken"]
    pub fn take(&mut self, now: Instant) -> bool {
        let passed = self
            .paid
            .map_or(Duration::ZERO, |paid| now.saturating_duration_since(paid));
        self.paid = self.paid.max(Some(now));
        let nanoseconds = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        self.add(nanoseconds.saturating_mul(u64::from(self.config.per_second)));
        let Some(rest) = self.fractions.checked_sub(TOKEN) else {
            return false;
        };
        self.fractions = rest;
        true
    }

    fn add(&mut self, fractions: u64) {
        let most = u64::from(self.config.burst) * TOKEN;
        self.fractions = self.fractions.saturating_add(fractions).min(most);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Deposit,
        Take,
        Pass(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            1 => Just(Step::Deposit),
            3 => Just(Step::Take),
            1 => (0_u64..3_000).prop_map(Step::Pass),
        ];
        prop::collection::vec(step, 1..200)
    }

    fn configs() -> impl Strategy<Value = RetryBudgetConfig> {
        (0_u32..=100, 0_u32..20, 0_u32..10).prop_map(|(percent, per_second, burst)| {
            RetryBudgetConfig {
                percent,
                per_second,
                burst,
            }
        })
    }

    /// Hundred-thousandths of tokens by the description, in whole numbers: milliseconds times
    /// tokens a second, and percents.
    struct Model {
        config: RetryBudgetConfig,
        parts: u64,
    }

    impl Model {
        const WHOLE: u64 = 100_000;

        fn add(&mut self, parts: u64) {
            self.parts = (self.parts + parts).min(u64::from(self.config.burst) * Self::WHOLE);
        }
    }

    proptest! {
        #[test]
        fn tokens_come_as_described_and_no_others(config in configs(), steps in steps()) {
            let begun = Instant::now();
            let mut budget = RetryBudget::new(config);
            let burst = u64::from(config.burst);
            let mut model = Model { config, parts: burst * Model::WHOLE };
            // Time counts from the first look at it.
            let mut milliseconds = 0;
            prop_assert_eq!(budget.take(begun), config.burst > 0);
            model.parts = model.parts.saturating_sub(Model::WHOLE);
            let mut unpaid = 0;
            for step in steps {
                match step {
                    Step::Deposit => {
                        budget.deposit();
                        model.add(u64::from(config.percent) * Model::WHOLE / 100);
                    }
                    Step::Pass(passed) => {
                        milliseconds += passed;
                        unpaid += passed;
                    }
                    Step::Take => {
                        let second = Model::WHOLE / 1000;
                        model.add(unpaid * u64::from(config.per_second) * second);
                        unpaid = 0;
                        let expected = model.parts >= Model::WHOLE;
                        let now = begun + Duration::from_millis(milliseconds);
                        prop_assert_eq!(budget.take(now), expected);
                        if expected {
                            model.parts -= Model::WHOLE;
                        }
                    }
                }
            }
        }

        #[test]
        fn no_span_of_time_sees_more_than_its_share(config in configs(), steps in steps()) {
            let begun = Instant::now();
            let mut budget = RetryBudget::new(config);
            // Of each step, the time, and what was deposited and taken up to it.
            let mut history = vec![(0, 0, 0)];
            let (mut milliseconds, mut deposits, mut taken) = (0, 0, 0);
            for step in steps {
                match step {
                    Step::Deposit => {
                        budget.deposit();
                        deposits += 1;
                    }
                    Step::Pass(passed) => milliseconds += passed,
                    Step::Take => {
                        let now = begun + Duration::from_millis(milliseconds);
                        taken += u64::from(budget.take(now));
                    }
                }
                history.push((milliseconds, deposits, taken));
            }
            for (at, from) in history.iter().enumerate() {
                for to in &history[at..] {
                    let thousandths = 1000 * u64::from(config.burst)
                        + u64::from(config.per_second) * (to.0 - from.0)
                        + 10 * u64::from(config.percent) * (to.1 - from.1);
                    prop_assert!(1000 * (to.2 - from.2) <= thousandths);
                }
            }
        }
    }

    #[test]
    fn time_that_goes_back_pays_nothing_twice() {
        let begun = Instant::now();
        let mut budget = RetryBudget::new(RetryBudgetConfig {
            percent: 0,
            per_second: 1,
            burst: 1,
        });
        let later = begun + Duration::from_secs(1);
        assert!(budget.take(begun) && budget.take(later));
        assert!(!budget.take(begun) && !budget.take(later));
        assert!(budget.take(later + Duration::from_secs(1)));
    }

    #[test]
    fn the_documentation_says_what_the_defaults_are() {
        let RetryBudgetConfig {
            percent,
            per_second,
            burst,
        } = RetryBudgetConfig::default();
        let source = include_str!("retry_budget.rs");
        for (field, default) in [
            ("percent", percent),
            ("per_second", per_second),
            ("burst", burst),
        ] {
            let (above, _) = source.split_once(&format!("    pub {field}: u32")).unwrap();
            let (_, said) = above.rsplit_once("Default: ").unwrap();
            let digits = said.split(|c: char| !c.is_ascii_digit()).next();
            assert_eq!(digits, Some(&*default.to_string()), "{field}");
        }
    }

    #[test]
    fn a_budget_of_nothing_pays_nothing() {
        let begun = Instant::now();
        let mut budget = RetryBudget::new(RetryBudgetConfig {
            burst: 0,
            ..RetryBudgetConfig::default()
        });
        budget.deposit();
        assert!(!budget.take(begun + Duration::from_hours(1)));
    }

    #[test]
    fn the_greatest_numbers_overflow_nothing() {
        let begun = Instant::now();
        let mut budget = RetryBudget::new(RetryBudgetConfig {
            percent: u32::MAX,
            per_second: u32::MAX,
            burst: u32::MAX,
        });
        budget.deposit();
        assert!(budget.take(begun));
        let later = begun + Duration::from_hours(1_000_000);
        assert!(budget.take(later));
    }
}
