//! The waiters for the outcomes of asks: a task each, or one task for a group.

use std::sync::Arc;
use std::task::{Context, Waker};

use parking_lot::Mutex;

/// The waiter for one ask.
pub(crate) enum Waiter {
    /// A task that waits for this ask.
    Task(Waker),
    /// The task of a group, in which the ask has this place.
    Place(Arc<Group>, u32),
}

impl Waiter {
    /// Returns the waiter for the task that is running.
    pub(crate) fn task(cx: &Context<'_>) -> Self {
        Self::Task(cx.waker().clone())
    }

    /// Returns whether this waits for the same as the task that is running.
    #[inline]
    pub(crate) fn is_task(&self, cx: &Context<'_>) -> bool {
        matches!(self, Self::Task(waker) if waker.will_wake(cx.waker()))
    }
}

/// Asks whose outcomes one task takes.
#[derive(Default)]
pub(crate) struct Group {
    /// A lock with which no other is taken and no waker is woken or dropped.
    state: Mutex<GroupState>,
}

#[derive(Default)]
struct GroupState {
    /// The places of the asks that the task has to look at.
    due: Vec<u32>,
    waker: Option<Waker>,
}

impl Group {
    /// Moves the places that are due to the end of `places`; if there are none, has the task woken
    /// when there are. Returns whether there were any.
    pub(crate) fn take_due(&self, places: &mut Vec<u32>, cx: &Context<'_>) -> bool {
        let mut state = self.state.lock();
        if !state.due.is_empty() {
            places.append(&mut state.due);
            return true;
        }
        let is_kept = state
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        if !is_kept {
            let former = state.waker.replace(cx.waker().clone());
            drop(state);
            drop(former);
        }
        false
    }

    /// Notes places that are due, and returns the task if it waits.
    fn note<'a>(&self, places: impl Iterator<Item = &'a (Arc<Self>, u32)>) -> Option<Waker> {
        let mut state = self.state.lock();
        state.due.extend(places.map(|(_, place)| *place));
        state.waker.take()
    }
}

/// The waiters of asks that have something to look at, kept until no stripe is locked. Dropped as
/// it is, it wakes none.
#[derive(Default)]
pub(crate) struct Woken {
    tasks: Vec<Waker>,
    places: Vec<(Arc<Group>, u32)>,
    /// The number of groups in `places`, but for those that come in turns.
    groups: usize,
}

impl Woken {
    /// Adds a waiter.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a waiter stays where it is until it is pushed"
    )]
    pub(crate) fn add(&mut self, waiter: Waiter) {
        match waiter {
            Waiter::Task(waker) => self.tasks.push(waker),
            Waiter::Place(group, place) => {
                let last = self.places.last();
                let is_same = last.is_some_and(|(last, _)| Arc::ptr_eq(last, &group));
                self.groups += usize::from(!is_same);
                self.places.push((group, place));
            }
        }
    }

    /// Returns the number of tasks that will be woken.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.len() + self.groups
    }

    /// Wakes all, with no stripe locked: the memory is kept for the next ones.
    pub(crate) fn wake(&mut self) {
        self.groups = 0;
        for places in self
            .places
            .chunk_by(|one, next| Arc::ptr_eq(&one.0, &next.0))
        {
            let waker = places
                .first()
                .and_then(|(group, _)| group.note(places.iter()));
            self.tasks.extend(waker);
        }
        self.places.clear();
        self.tasks.drain(..).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    /// Counts its wake-ups.
    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_group_is_woken_once_for_all_its_places_and_not_again_before_it_waits_again() {
        let (group, other) = (Arc::new(Group::default()), Arc::new(Group::default()));
        let task = Arc::new(Counted::default());
        let waker = Waker::from(Arc::clone(&task));
        let cx = Context::from_waker(&waker);
        let (mut woken, mut due) = (Woken::default(), Vec::new());
        assert!(!group.take_due(&mut due, &cx) && !group.take_due(&mut due, &cx));
        for place in [3, 1] {
            woken.add(Waiter::Place(Arc::clone(&group), place));
        }
        woken.add(Waiter::Place(other, 7));
        woken.add(Waiter::task(&cx));
        assert_eq!(woken.tasks(), 3);
        woken.wake();
        assert_eq!((task.0.load(Ordering::Relaxed), woken.tasks()), (2, 0));
        woken.add(Waiter::Place(Arc::clone(&group), 2));
        woken.wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 2, "it does not wait");
        assert!(group.take_due(&mut due, &cx));
        assert_eq!(due, [3, 1, 2]);
        assert!(!group.take_due(&mut due, &cx));
    }
}
