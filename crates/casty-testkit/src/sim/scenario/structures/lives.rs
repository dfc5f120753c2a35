//! The lives of a structure on nodes: its state is gone with each, and two at a time know nothing of
//! one another.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::region::counted::CountChanged;

/// The lives of one structure.
#[derive(Default)]
pub(super) struct Lives(Mutex<Moment>);

/// The lives of a structure at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment {
    /// The lives that there are.
    alive: usize,
    /// All that have begun.
    begun: usize,
    /// The number of times that any has begun or ended.
    changes: u64,
}

impl Lives {
    /// Returns the function that counts them.
    pub(super) fn count(self: &Arc<Self>) -> CountChanged {
        let lives = Arc::clone(self);
        Arc::new(move |before, after| {
            let mut now = lives.0.lock();
            now.alive = (now.alive + after).saturating_sub(before);
            now.begun += after.saturating_sub(before);
            now.changes += 1;
        })
    }

    /// Returns the lives at this moment.
    pub(super) fn now(&self) -> Moment {
        *self.0.lock()
    }
}

impl Moment {
    /// Returns whether there is one life, the same as at an earlier moment.
    pub(super) fn is_life_of(&self, before: &Self) -> bool {
        self.changes == before.changes && self.alive == 1
    }

    /// Returns whether there was one life at most, so that no state was ever lost.
    pub(super) fn is_first(&self) -> bool {
        self.begun <= 1
    }
}
