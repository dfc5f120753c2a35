//! The retry budget of one client, and the counters of its use.

use casty_routing::{RetryBudget, RetryBudgetConfig};
use parking_lot::Mutex;

use crate::runtime::clock::precise_now;
use crate::stats::Counter;

/// The retry budget of one client, and the counters of its use.
pub(crate) struct Retries {
    /// A lock that is last in the [lock order](crate::shared), held for a few additions.
    budget: Mutex<RetryBudget>,
    pub(crate) retried: Counter,
    pub(crate) hedged: Counter,
    pub(crate) refused: Counter,
}

impl Retries {
    /// Creates a full budget.
    pub(crate) fn new(config: RetryBudgetConfig) -> Self {
        Self {
            budget: Mutex::new(RetryBudget::new(config)),
            retried: Counter::default(),
            hedged: Counter::default(),
            refused: Counter::default(),
        }
    }

    /// Takes a token for one more attempt; returns `false` if the budget is used up.
    pub(crate) fn allows(&self) -> bool {
        let allowed = self.budget.lock().take(precise_now());
        self.refused.add(usize::from(!allowed));
        allowed
    }

    /// Adds the share of a token that a fresh idempotent ask is worth.
    pub(crate) fn deposit(&self) {
        self.budget.lock().deposit();
    }
}
