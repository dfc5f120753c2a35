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
use super::id::{PeerId, ReplyAddress};
use super::slot::{NewAsk, SlotState, Stripe};
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

/// An ask of a task of its own.
pub(crate) struct LoneAsk {
    pub(crate) deadline: Tick,
    pub(crate) kind: AskKind,
    /// The connection that is expected to carry it.
    pub(crate) carrier: Option<PeerId>,
    /// The task, if it is known yet.
    pub(crate) waiter: Option<Waiter>,
}

impl PendingAsks {
    /// Takes a slot for an ask; `None` when all are taken.
    #[inline]
    pub(crate) fn open(&self, ask: LoneAsk) -> Option<ReplyAddress> {
        let ask = NewAsk {
            deadline: ask.deadline,
            carrier: ask.carrier,
            state: ask.kind.state(ask.waiter),
        };
        let number = stripe_of_this_thread();
        let mut stripe = self.stripes[number].lock();
        if stripe.is_full() {
            stripe = self.with_capacity(number, stripe)?;
        }
        Some(stripe.open(number, ask))
    }

    /// Takes slots for asks of a group, one for each of `places` as far as the limit allows, and
    /// adds their addresses to `opened`.
    pub(crate) fn open_places(
        &self,
        deadline: Tick,
        group: &Arc<Group>,
        places: &[u32],
        kind: AskKind,
        opened: &mut Vec<ReplyAddress>,
    ) {
        let mut rest = places.iter();
        self.open_each(places.len(), |stripe, number| {
            if let Some(place) = rest.next() {
                let waiter = Waiter::Place(Arc::clone(group), *place);
                let ask = NewAsk {
                    deadline,
                    carrier: None,
                    state: kind.state(Some(waiter)),
                };
                opened.push(stripe.open(number, ask));
            }
        });
    }

    /// Has `open` take so many slots, under one lock, until the limit is reached.
    #[inline]
    fn open_each(&self, count: usize, mut open: impl FnMut(&mut Stripe, usize)) {
        let number = stripe_of_this_thread();
        let mut stripe = self.stripes[number].lock();
        for _ in 0..count {
            if stripe.is_full() {
                match self.with_capacity(number, stripe) {
                    Some(more) => stripe = more,
                    None => return,
                }
            }
            open(&mut stripe, number);
        }
    }

    /// Returns the stripe of that number, locked, once it may have one more slot than it has; `None` if
    /// the limit of all is reached.
    #[cold]
    fn with_capacity<'a>(
        &'a self,
        number: usize,
        mut stripe: MutexGuard<'a, Stripe>,
    ) -> Option<MutexGuard<'a, Stripe>> {
        if self.extend(&mut stripe) {
            return Some(stripe);
        }
        drop(stripe);
        let mut stripe = self.gather(number);
        (!stripe.is_full() || self.extend(&mut stripe)).then_some(stripe)
    }

    /// Gives a stripe more of the spare part of the limit; returns `false` if there is none.
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
    use super::super::id::AskId;
    use super::super::secrets::Secrets;
    use super::*;
    use crate::runtime::random::Rng;

    impl PendingAsks {
        /// Creates an empty table.
        pub(crate) fn of(limit: usize, bytes: usize) -> Self {
            Self::new(limit, bytes, &Secrets::new(&Rng::default()))
        }

        /// Takes a slot for an ask that is sent once.
        pub(crate) fn open_one(&self, deadline: Tick) -> Option<AskId> {
            let ask = LoneAsk {
                deadline,
                kind: AskKind::Once,
                carrier: None,
                waiter: None,
            };
            self.open(ask).map(|address| address.id)
        }
    }

    fn opened(asks: &PendingAsks, threads: usize) -> Vec<AskId> {
        let open = || std::iter::from_fn(|| asks.open_one(Tick::after(1))).collect::<Vec<_>>();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(open)).collect();
            let ids = threads.into_iter().flat_map(|it| it.join().unwrap());
            ids.collect()
        })
    }

    #[test]
    fn threads_take_all_slots_of_the_limit_and_no_more() {
        for limit in [1, 15, 16, 1_000, 5_000] {
            let asks = PendingAsks::of(limit, 0);
            let ids = opened(&asks, 40);
            assert_eq!((ids.len(), asks.pending()), (limit, limit));
        }
    }

    #[test]
    fn what_one_thread_has_given_back_another_may_take() {
        let asks = PendingAsks::of(1_000, 0);
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
        let asks = PendingAsks::of(3, 0);
        let (group, mut ids) = (Arc::new(Group::default()), Vec::new());
        for kind in [AskKind::Once, AskKind::Repeatable { due: None }] {
            asks.open_places(Tick::after(1), &group, &[0, 1, 2, 3], kind, &mut ids);
            assert_eq!(ids.len(), 3);
            for opened in ids.drain(..) {
                asks.abandon(opened.id);
            }
        }
        assert_eq!(asks.pending(), 0);
    }
}
