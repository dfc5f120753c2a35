//! The lock of one stripe at a time, for whoever visits the slots of many asks.

use parking_lot::{Mutex, MutexGuard};

use super::id::AskId;
use super::slot::{Slot, Stripe};
use crate::runtime::stripes::{CachePadded, STRIPES};

/// All slots, by stripes.
pub(super) type Stripes = [CachePadded<Mutex<Stripe>>; STRIPES];

/// The lock of the stripe that was used last, kept while the next ask lies in the same one.
pub(super) struct StripeLock<'a> {
    stripes: &'a Stripes,
    /// The stripe that is locked, and its number.
    locked: Option<(usize, MutexGuard<'a, Stripe>)>,
}

impl<'a> StripeLock<'a> {
    /// Returns a lock that has nothing locked.
    pub(super) fn new(stripes: &'a Stripes) -> Self {
        Self {
            stripes,
            locked: None,
        }
    }

    /// Returns the slot of an ask, if it is still in it, with its stripe locked.
    #[inline]
    pub(super) fn find(&mut self, id: AskId) -> Option<&mut Slot> {
        self.stripe(id).find(id)
    }

    /// Returns the stripe of an ask, locked.
    #[inline]
    pub(super) fn stripe(&mut self, id: AskId) -> &mut Stripe {
        let number = id.stripe();
        // Released before the next is locked, or two threads could wait for one another.
        self.locked.take_if(|(locked, _)| *locked != number);
        let (_, stripe) = self
            .locked
            .get_or_insert_with(|| (number, self.stripes[number].lock()));
        stripe
    }

    /// Releases the stripe that is locked.
    pub(super) fn release(&mut self) {
        self.locked = None;
    }
}
