//! The opening of asks: slots taken by the asking thread, within the limit of all.
//!
//! The limit is handed out to the stripes in parts, so that asking threads share no counter. A
//! stripe that has used its part gets a further one, and what others have and do not use once there
//! is none.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;

use super::PendingAsks;
use super::copies::Copies;
use super::id::AskId;
use super::slot::{SlotState, Stripe};
use super::waiter::{Group, Waiter};
use crate::runtime::clock::Tick;
use crate::runtime::stripes::{STRIPES, stripe_of_this_thread};

/// The kind of an ask, by whether its message may be sent again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AskKind {
    Once,
    /// It may, at this time for the first.
    Repeatable {
        due: Option<Tick>,
    },
}

impl AskKind {
    /// Returns the state of a slot that such an ask has just taken.
    #[inline]
    fn state(self, waiter: Option<Waiter>) -> SlotState {
        match self {
            Self::Once => SlotState::Waiting(waiter),
            Self::Repeatable { due } => {
                let mut copies = Box::new(Copies::new(due));
                copies.waiter = waiter;
                SlotState::Repeatable(copies)
            }
        }
    }
}

impl PendingAsks {
    /// Takes a slot for an ask; `None` when all are taken.
    pub(crate) fn open(&self, deadline: Tick) -> Option<AskId> {
        self.open_as(deadline, AskKind::Once)
    }

    /// Takes a slot for an ask that may be sent again, at `due` for the first time.
    pub(crate) fn open_repeatable(&self, deadline: Tick, due: Option<Tick>) -> Option<AskId> {
        self.open_as(deadline, AskKind::Repeatable { due })
    }

    /// Takes slots for asks of a group, one for each of `places` as far as the limit allows, and
    /// adds their ids to `ids`.
    pub(crate) fn open_places(
        &self,
        deadline: Tick,
        group: &Arc<Group>,
        places: &[u32],
        kind: AskKind,
        ids: &mut Vec<AskId>,
    ) {
        let states = places
            .iter()
            .map(|place| kind.state(Some(Waiter::Place(Arc::clone(group), *place))));
        self.open_each(deadline, states, |id| ids.push(id));
    }

    #[inline]
    fn open_as(&self, deadline: Tick, kind: AskKind) -> Option<AskId> {
        let mut opened = None;
        self.open_each(deadline, [kind.state(None)], |id| opened = Some(id));
        opened
    }

    /// Takes a slot for each of `states`, under one lock, until the limit is reached.
    #[inline]
    fn open_each(
        &self,
        deadline: Tick,
        states: impl IntoIterator<Item = SlotState>,
        mut opened: impl FnMut(AskId),
    ) {
        let number = stripe_of_this_thread();
        let mut stripe = self.stripes[number].lock();
        for state in states {
            if stripe.is_full() && !self.extend(&mut stripe) {
                drop(stripe);
                stripe = self.gather(number);
                if stripe.is_full() && !self.extend(&mut stripe) {
                    return;
                }
            }
            opened(stripe.open(number, deadline, state));
        }
    }

    /// Gives a stripe more of the spare part of the limit; returns `false` if there is none.
    #[cold]
    fn extend(&self, stripe: &mut Stripe) -> bool {
        /// The most that a stripe gets at once. It gets less when little is left, so that little is
        /// unused where others need it.
        const MOST: usize = 64;
        let part = |spare: usize| (spare / STRIPES).clamp(1, MOST);
        let order = Ordering::Relaxed;
        let take = |spare: usize| spare.checked_sub(part(spare));
        let Ok(spare) = self.spare.fetch_update(order, order, take) else {
            return false;
        };
        stripe.allow(part(spare));
        true
    }

    /// Makes spare what stripes may take and do not use; returns stripe `number`, locked.
    #[cold]
    fn gather(&self, number: usize) -> MutexGuard<'_, Stripe> {
        for stripe in &self.stripes {
            let unused = stripe.lock().give_up_unused();
            self.spare.fetch_add(unused, Ordering::Relaxed);
        }
        self.stripes[number].lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(asks: &PendingAsks, threads: usize) -> Vec<AskId> {
        let open = || std::iter::from_fn(|| asks.open(Tick::after(1))).collect::<Vec<_>>();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(open)).collect();
            let ids = threads.into_iter().flat_map(|it| it.join().unwrap());
            ids.collect()
        })
    }

    #[test]
    fn threads_take_all_slots_of_the_limit_and_no_more() {
        for limit in [1, 15, 16, 1_000, 5_000] {
            let asks = PendingAsks::new(limit, 0);
            let ids = opened(&asks, 40);
            assert_eq!((ids.len(), asks.pending()), (limit, limit));
        }
    }

    #[test]
    fn what_one_thread_has_given_back_another_may_take() {
        let asks = PendingAsks::new(1_000, 0);
        for _ in 0..3 * STRIPES {
            let ids = opened(&asks, 1);
            assert_eq!(ids.len(), 1_000);
            for id in ids {
                asks.abandon(id);
            }
            assert_eq!(asks.pending(), 0);
        }
    }

    #[test]
    fn places_of_a_group_are_taken_as_far_as_the_limit_allows() {
        let asks = PendingAsks::new(3, 0);
        let (group, mut ids) = (Arc::new(Group::default()), Vec::new());
        for kind in [AskKind::Once, AskKind::Repeatable { due: None }] {
            asks.open_places(Tick::after(1), &group, &[0, 1, 2, 3], kind, &mut ids);
            assert_eq!(ids.len(), 3);
            for id in ids.drain(..) {
                asks.abandon(id);
            }
        }
        assert_eq!(asks.pending(), 0);
    }
}
