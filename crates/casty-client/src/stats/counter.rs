//! A counter.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
///
/// Relaxed throughout: it is read for statistics, and no data is published with it. Counters that
/// have to add up are read under the lock under which they are counted.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds `count`.
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Returns the number.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
