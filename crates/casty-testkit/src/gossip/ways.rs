//! The network between the nodes of this process.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::membership::MembershipOptions;

/// The ways between nodes, each in one direction, and how long messages take.
#[derive(Debug)]
pub(super) struct Ways {
    /// Ways that carry nothing: from one node, to another.
    cut: BTreeSet<(usize, usize)>,
    latency: Duration,
    random: fastrand::Rng,
}

impl Ways {
    pub(super) fn new(options: Option<&MembershipOptions>) -> Self {
        Self {
            cut: BTreeSet::new(),
            latency: options.map_or(Duration::ZERO, |options| options.latency),
            random: fastrand::Rng::with_seed(options.map_or(0, |options| options.seed)),
        }
    }

    /// Cuts a way, or mends it. That of a node to itself stays.
    pub(super) fn set_cut(&mut self, from: usize, to: usize, is_cut: bool) {
        if is_cut && from != to {
            self.cut.insert((from, to));
        } else {
            self.cut.remove(&(from, to));
        }
    }

    pub(super) fn carry(&self, from: usize, to: usize) -> bool {
        !self.cut.contains(&(from, to))
    }

    /// Draws the time that the next message takes.
    pub(super) fn draw_latency(&mut self) -> Duration {
        if self.latency.is_zero() {
            return self.latency;
        }
        self.latency.mul_f64(self.random.f64())
    }

    /// Draws what decides to whom a node gossips.
    pub(super) fn draw_seed(&mut self) -> u64 {
        self.random.u64(..)
    }
}
