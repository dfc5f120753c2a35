//! A count of the addresses, connections and targets that engines look at, so that tests can tell what
//! an event costs without a clock.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

/// Counts one address, connection or target that is looked at; nothing outside tests.
#[inline]
pub(crate) fn step() {
    #[cfg(test)]
    TAKEN.set(TAKEN.get() + 1);
}

/// Returns the number of those that this thread has looked at.
#[cfg(test)]
pub(crate) fn taken() -> u64 {
    TAKEN.get()
}
