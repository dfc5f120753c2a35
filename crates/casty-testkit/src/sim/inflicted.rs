//! The faults of a world as they happened, for its report.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::fault::Fault;

/// The faults that are kept of one world, the last before the first check that failed.
pub(super) const KEPT: usize = 64;

/// A fault as it happened in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Inflicted {
    /// The kind.
    pub fault: Fault,
    /// The node that it was meant for; some kinds concern others as well.
    pub node: usize,
    /// The virtual time at which it began.
    pub at: Duration,
    /// The time that it was meant to last; kinds that are over at once do not heed it.
    pub lasting: Duration,
}

impl fmt::Display for Inflicted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            fault,
            node,
            at,
            lasting,
        } = self;
        let at = at.as_secs_f64();
        write!(f, "{fault} at {at:.3} s, at node {node}, for {lasting:?}")
    }
}

/// The faults of one world, those that may have to do with its failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Faults {
    kept: VecDeque<Inflicted>,
    count: u64,
    has_failed: bool,
}

impl Faults {
    /// Adds one that begins now.
    pub(super) fn push(&mut self, one: Inflicted) {
        self.count += 1;
        if self.has_failed {
            return;
        }
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(one);
    }

    /// Keeps what there is: none that begins from now on had a part in the first failure.
    pub(super) fn failed(&mut self) {
        self.has_failed = true;
    }

    /// Returns those that are kept, in order.
    pub(super) fn kept(&self) -> Vec<Inflicted> {
        self.kept.iter().copied().collect()
    }

    /// Returns how many there were in all.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Inflicted {
        Inflicted {
            fault: Fault::Kill,
            node: 1,
            at: Duration::from_millis(milliseconds),
            lasting: Duration::from_millis(1_500),
        }
    }

    #[test]
    fn the_last_before_the_first_failure_are_kept_and_all_are_counted() {
        let mut faults = Faults::default();
        (0..100).for_each(|one| faults.push(at(one)));
        faults.failed();
        faults.push(at(100));
        let expected: Vec<_> = (36..100).map(at).collect();
        assert_eq!((faults.kept(), faults.count()), (expected, 101));
    }

    #[test]
    fn a_fault_is_told_with_its_time_its_node_and_how_long_it_lasts() {
        assert_eq!(
            at(2_250).to_string(),
            "Kill at 2.250 s, at node 1, for 1.5s"
        );
    }
}
