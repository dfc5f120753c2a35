//! The tasks that carry acquires of locks and semaphores from their beginning to their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::runtime::changes::Changes;
use crate::runtime::random::Rng;
use crate::runtime::tasks::all_ended;

/// The most acquires of one client that are under way, held, or being released.
///
/// Beyond it, and beyond half of `pending_asks`, the next one is refused (`AcquireError::TooMany`).
const ACQUIRES: usize = 4_096;

/// The most of which a node may still have what it granted, although it was called gone.
const OUTLIVED: usize = 4_096;

/// The acquires of a client.
pub(crate) struct Acquires {
    rng: Arc<Rng>,
    home: Handle,
    /// The most that may be open.
    most: usize,
    tasks: Mutex<JoinSet<()>>,
    stage: Mutex<Stage>,
    changes: Changes,
    /// The number of those that have not ended.
    open: Arc<AtomicUsize>,
    /// The number of those that are over for whoever acquired, and may not be for a node.
    outlived: Arc<AtomicUsize>,
    /// The number of those that have ended and may be left behind on nodes.
    left: AtomicUsize,
}

/// The stage of a client's life, as acquires see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Open,
    /// The client closes: whatever is held is released, and nothing more acquired.
    Closing,
    /// The time for that is over: whatever was asked for is released once more, in a moment.
    Over,
}

/// The reason for which an acquire cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotBegun {
    TooMany { limit: usize },
    Closed,
}

/// The place of an acquire among all that may be open, until it is dropped.
pub(crate) struct Ticket(Arc<AtomicUsize>);

impl Ticket {
    /// Returns one of so many.
    fn of(count: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let one_more = |open| (open < limit).then_some(open + 1);
        let taken = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Self(Arc::clone(count)))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Relaxed: it is a limit, and guards no data.
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Acquires {
    /// Creates the acquires of a client that runs on the current runtime, and may have so many asks at
    /// once.
    ///
    /// Half of them at most wait for a turn, as long as it takes: who holds what they wait for may be of
    /// this client, and needs one to release it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn new(rng: &Arc<Rng>, asks: usize) -> Self {
        Self {
            most: (asks / 2).clamp(1, ACQUIRES),
            rng: Arc::clone(rng),
            home: Handle::current(),
            tasks: Mutex::default(),
            stage: Mutex::new(Stage::Open),
            changes: Changes::default(),
            open: Arc::default(),
            outlived: Arc::default(),
            left: AtomicUsize::new(0),
        }
    }

    /// Returns the name of an owner that no other has: 32 hexadecimal digits.
    pub(crate) fn owner(&self) -> Arc<str> {
        let [high, low] = [(); 2].map(|()| self.rng.next_u64());
        format!("{high:016x}{low:016x}").into()
    }

    /// Runs the task of an acquire on the client's runtime, whichever the caller's is.
    pub(crate) fn begin<F>(&self, acquire: impl FnOnce(Ticket) -> F) -> Result<(), NotBegun>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut tasks = self.tasks.lock();
        // Read under the lock that `end` takes later: a task is begun before and ended with the rest,
        // or not begun.
        if self.stage() != Stage::Open {
            return Err(NotBegun::Closed);
        }
        while tasks.try_join_next().is_some() {}
        let limit = self.most;
        let ticket = Ticket::of(&self.open, limit).ok_or(NotBegun::TooMany { limit })?;
        tasks.spawn_on(acquire(ticket), &self.home);
        Ok(())
    }

    /// Returns a place for an acquire that is over for whoever acquired, beside those that are open; `None` if
    /// there are too many.
    pub(crate) fn outlive(&self) -> Option<Ticket> {
        Ticket::of(&self.outlived, OUTLIVED)
    }

    /// Returns the stage of the client's life.
    pub(crate) fn stage(&self) -> Stage {
        *self.stage.lock()
    }

    /// Waits for a stage, or a later one.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub(crate) async fn reached(&self, stage: Stage) {
        loop {
            let seen = self.changes.count();
            if self.stage() >= stage {
                return;
            }
            self.changes.since(seen).await;
        }
    }

    /// Waits until a stage has passed; returns at once for the last.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub(crate) async fn passed(&self, stage: Stage) {
        self.reached(match stage {
            Stage::Open => Stage::Closing,
            Stage::Closing | Stage::Over => Stage::Over,
        })
        .await;
    }

    /// Notes that an acquire ends, and may be left behind on a node.
    pub(crate) fn leave(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of acquires that have not ended.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Has all that is held released, and nothing more begun.
    pub(crate) fn close(&self) {
        let tasks = self.tasks.lock();
        self.enter(Stage::Closing);
        drop(tasks);
    }

    /// Comes to a stage, unless it is behind.
    fn enter(&self, stage: Stage) {
        {
            let mut now = self.stage.lock();
            *now = stage.max(*now);
        }
        self.changes.note();
    }

    /// Returns the number of acquires that may be left behind on nodes, if the client ends now.
    pub(crate) fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed) + self.open()
    }

    /// Ends all tasks, and waits for that at most for `timeout`: as long they have to see their last
    /// messages answered. Those that do not are left behind.
    pub(crate) async fn end(&self, timeout: Duration) {
        self.close();
        self.enter(Stage::Over);
        // Taken out, so that no lock is held across the awaits below.
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        if !all_ended(&mut tasks, timeout).await {
            self.left.fetch_add(self.open(), Ordering::Relaxed);
            tasks.shutdown().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn acquires_are_limited_and_end_with_the_client() {
        let acquires = Acquires::new(&Arc::default(), 65_536);
        let wait = |ticket: Ticket| async move {
            let _ticket = ticket;
            pending::<()>().await;
        };
        for _ in 0..ACQUIRES {
            acquires.begin(wait).unwrap();
        }
        let limit = ACQUIRES;
        assert_eq!(acquires.begin(wait), Err(NotBegun::TooMany { limit }));
        acquires.end(Duration::ZERO).await;
        assert_eq!((acquires.left(), acquires.open()), (ACQUIRES, 0));
        assert_eq!(acquires.begin(wait), Err(NotBegun::Closed));
        acquires.reached(Stage::Over).await;
        acquires.passed(Stage::Over).await;
    }

    #[tokio::test]
    async fn an_acquire_that_ends_in_time_is_left_behind_only_if_it_says_so() {
        let acquires = Arc::new(Acquires::new(&Arc::default(), usize::MAX));
        for leaves in [true, false] {
            let all = Arc::clone(&acquires);
            let ends = |ticket: Ticket| async move {
                let _ticket = ticket;
                all.passed(Stage::Closing).await;
                if leaves {
                    all.leave();
                }
            };
            acquires.begin(ends).unwrap();
        }
        assert_eq!(acquires.left(), 2, "if it ended now");
        acquires.end(Duration::from_mins(1)).await;
        assert_eq!((acquires.left(), acquires.open()), (1, 0));
    }

    #[tokio::test]
    async fn owners_differ_and_are_as_long_as_those_of_nodes() {
        let acquires = Acquires::new(&Arc::default(), 1);
        let owners = [(); 2].map(|()| acquires.owner());
        assert_ne!(owners[0], owners[1]);
        assert!(owners.iter().all(|owner| owner.len() == 32));
    }
}
