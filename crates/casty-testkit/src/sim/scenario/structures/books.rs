//! A counter and a queue, and the books of what was done to them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use casty_client::{Counter, Fate, Queue, StructureError};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::lives::Lives;
use crate::sim::scenario::deadline::{WITHIN, within};
use crate::sim::violation::Check;
use crate::sim::world::World;

/// The counter of a world.
pub(super) struct Count {
    world: World,
    pub(super) lives: Arc<Lives>,
    /// The sum of what was added for sure, and what may have been.
    sums: Mutex<(i64, i64)>,
}

/// The queue of a world.
pub(super) struct Line {
    world: World,
    pub(super) lives: Arc<Lives>,
    /// Released before the world is told anything but the verdict.
    values: Mutex<Values>,
}

#[derive(Default)]
struct Values {
    count: u64,
    /// The values that are in the queue, or were.
    put: BTreeSet<u64>,
    /// The values that were said not to have been sent.
    not_sent: BTreeSet<u64>,
    taken: BTreeSet<u64>,
    /// The number of takes whose value, if there was one, is lost.
    lost: usize,
}

impl Count {
    pub(super) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            lives: Arc::default(),
            sums: Mutex::default(),
        }
    }

    /// Adds something.
    pub(super) async fn add(&self, counter: &Counter) {
        let amount = 1 + self.world.random_below(9);
        let amount = i64::try_from(amount).unwrap_or(1);
        let limit = ("an increment", WITHIN);
        let Some(outcome) = within(&self.world, limit, counter.increment(amount)).await else {
            return;
        };
        self.world.log(format_args!("adds {amount}: {outcome:?}"));
        let mut sums = self.sums.lock();
        match outcome {
            Ok(_) => sums.0 += amount,
            Err(error) if error.fate() == Fate::NotSent => {}
            Err(_) => sums.1 += amount,
        }
    }

    /// Checks the value now that nobody adds anything: no less than what was added for sure, unless a
    /// node died with it, and never more than what may have been.
    pub(super) async fn judge(&self, counter: &Counter, bound: Duration) {
        let value = match persist(bound, async || counter.get().await).await {
            Ok(value) => value,
            Err(error) => return self.world.violated(Check::Recovery, format!("{error:?}")),
        };
        let (sure, maybe) = *self.sums.lock();
        let least = if self.lives.now().is_first() { sure } else { 0 };
        if value < least || value > sure + maybe {
            let what = format!("{value} counted, of {sure} for sure and {maybe} perhaps");
            self.world.violated(Check::Tally, what);
        }
    }
}

impl Line {
    pub(super) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            lives: Arc::default(),
            values: Mutex::default(),
        }
    }

    /// Puts a value in that no other is like.
    pub(super) async fn put(&self, queue: &Queue<u64>) {
        let value = {
            let mut values = self.values.lock();
            values.count += 1;
            values.count
        };
        let limit = ("an enqueue", WITHIN);
        let Some(outcome) = within(&self.world, limit, queue.enqueue(&value)).await else {
            return;
        };
        self.world.log(format_args!("puts {value}: {outcome:?}"));
        let mut values = self.values.lock();
        match outcome {
            Ok(()) => values.put.insert(value),
            Err(error) if error.fate() == Fate::NotSent => values.not_sent.insert(value),
            Err(_) => false,
        };
    }

    /// Takes a value out.
    pub(super) async fn take(&self, queue: &Queue<u64>) {
        let limit = ("a dequeue", WITHIN);
        if let Some(outcome) = within(&self.world, limit, queue.dequeue()).await {
            self.took(outcome).ok();
        }
    }

    /// Notes what was taken. Returns whether there was anything.
    fn took(&self, outcome: Result<Option<u64>, StructureError>) -> Result<bool, StructureError> {
        self.world.log(format_args!("takes {outcome:?}"));
        let value = match outcome {
            Ok(None) => return Ok(false),
            Ok(Some(value)) => value,
            Err(error) => {
                if error.fate() != Fate::NotSent {
                    self.values.lock().lost += 1;
                }
                return Err(error);
            }
        };
        let (again, unknown) = {
            let mut values = self.values.lock();
            (!values.taken.insert(value), value > values.count)
        };
        if again {
            let what = format!("value {value} of a queue was taken again");
            self.world.violated(Check::Duplicate, what);
        }
        if unknown {
            let what = format!("value {value} of a queue was put in by nobody");
            self.world.violated(Check::StrangersReply, what);
        }
        Ok(true)
    }

    /// Takes all that is left, and checks that nothing was lost but what replies were lost with, unless a
    /// node died with it.
    pub(super) async fn judge(&self, queue: &Queue<u64>, bound: Duration) {
        let next = async || self.took(queue.dequeue().await);
        loop {
            match persist(bound, &next).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    return self.world.violated(Check::Recovery, format!("{error:?}"));
                }
            }
        }
        let values = self.values.lock();
        let false_fates: Vec<_> = values.not_sent.intersection(&values.taken).collect();
        if !false_fates.is_empty() {
            let what = format!("values {false_fates:?} were not sent, and came out of a queue");
            self.world.violated(Check::FalseFate, what);
        }
        let missing = values.put.difference(&values.taken).count();
        if missing > values.lost && self.lives.now().is_first() {
            let lost = values.lost;
            let what = format!("{missing} values are missing in a queue, {lost} takes were lost");
            self.world.violated(Check::Arrival, what);
        }
    }
}

/// Repeats something until it succeeds, for at most `bound`, and returns its last outcome.
async fn persist<T, E>(bound: Duration, attempt: impl AsyncFn() -> Result<T, E>) -> Result<T, E> {
    let end = Instant::now() + bound;
    loop {
        match attempt().await {
            Err(_) if Instant::now() < end => sleep(Duration::from_millis(50)).await,
            outcome => return outcome,
        }
    }
}
