//! The retry budget of one client, and how it was used.

use casty_routing::{RetryBudget, RetryBudgetConfig};
use parking_lot::Mutex;

use crate::runtime::clock::precise_now;
use crate::stats::Counter;

/// What one client may send again, and what it did.
pub(crate) struct Retries {
    budget: Mutex<RetryBudget>,
    pub(crate) retried: Counter,
    pub(crate) hedged: Counter,
    pub(crate) refused: Counter,
}

impl Retries {
    /// A full budget.
    pub(crate) fn new(config: RetryBudgetConfig) -> Self {
        Self {
            budget: Mutex::new(RetryBudget::new(config)),
            retried: Counter::default(),
            hedged: Counter::default(),
            refused: Counter::default(),
        }
    }

    /// Takes a token for one more attempt; `false` when the budget is used up.
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
