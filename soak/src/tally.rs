//! Counts of everything that was done, by how it ended.

use std::collections::BTreeMap;
use std::fmt;

use casty_client::AskError;
use parking_lot::Mutex;

/// The most problems that are kept; a run that has these has failed for good.
const PROBLEMS: usize = 50;

/// Counts by what was done and how it ended.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    problems: Mutex<Vec<String>>,
}

impl Tally {
    /// Counts one more.
    pub(crate) fn count(&self, what: &'static str, end: &'static str) {
        self.add(what, end, 1);
    }

    /// Counts `more`.
    pub(crate) fn add(&self, what: &'static str, end: &'static str, more: u64) {
        *self.counts.lock().entry((what, end)).or_default() += more;
    }

    /// Counts how an ask ended.
    pub(crate) fn ended<R>(&self, what: &'static str, outcome: &Result<R, AskError>) {
        let end = match outcome {
            Ok(_) => "answered",
            Err(AskError::Timeout { .. }) => "timed out",
            Err(AskError::Lost { .. }) => "lost",
            Err(AskError::NotSent(_)) => "not sent",
            Err(AskError::Refused(_)) => "refused",
            Err(AskError::Closed) => "closed",
            Err(error) => {
                self.problem(format!("{what}: {error}"));
                "failed"
            }
        };
        self.count(what, end);
    }

    /// Notes what must not be.
    pub(crate) fn problem(&self, what: String) {
        eprintln!("soak: PROBLEM: {what}");
        let mut problems = self.problems.lock();
        if problems.len() < PROBLEMS {
            problems.push(what);
        }
    }

    /// Returns the problems so far.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.lock().clone()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = "";
        for ((what, end), count) in &*self.counts.lock() {
            if line != *what {
                write!(f, "\n{what:24}")?;
                line = what;
            }
            write!(f, "  {count} {end}")?;
        }
        Ok(())
    }
}
