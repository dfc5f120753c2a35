//! Barriers: who is let go has met others, and in the end all are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use casty_client::Barrier;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::sim::scenario::deadline::{WITHIN, within};
use crate::sim::violation::Check;
use crate::sim::world::World;

/// The arrivals that a barrier lets go at a time, while there are faults.
const PAIR: u32 = 2;

/// The barrier of a world at which pairs meet.
pub(super) struct Meeting {
    world: World,
    /// Released before the world is told anything.
    parties: Mutex<BTreeMap<usize, Party>>,
}

#[derive(Default)]
struct Party {
    arrivals: u64,
    /// The number of times that it was let go.
    released: u64,
}

impl Meeting {
    pub(super) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            parties: Mutex::default(),
        }
    }

    /// Arrives as a party of that number, and checks that nobody is let go alone: each time that it is let
    /// go, another party has arrived for that.
    pub(super) async fn arrive(&self, number: usize, barrier: &Barrier) {
        self.parties.lock().entry(number).or_default().arrivals += 1;
        let name = format!("party-{number}");
        let arrival = barrier.arrive_as(&name, PAIR);
        let outcome = within(&self.world, ("an arrival", WITHIN), arrival).await;
        self.world.log(format_args!("{name} arrived: {outcome:?}"));
        if !matches!(outcome, Some(Ok(()))) {
            return;
        }
        let (released, others) = {
            let mut parties = self.parties.lock();
            let released = {
                let party = parties.entry(number).or_default();
                party.released += 1;
                party.released
            };
            let others = parties.iter().filter(|(other, _)| **other != number);
            (released, others.map(|(_, it)| it.arrivals).sum::<u64>())
        };
        if released > others {
            let what = format!(
                "{name} was let go {released} times, and others had arrived {others} times"
            );
            self.world.violated(Check::AllOrNone, what);
        }
    }
}

/// Has one party for each of these arrive until each was let go, and reports those who were not within
/// `bound`.
pub(super) async fn meet(world: &World, barriers: Vec<Barrier>, bound: Duration) {
    let end = Instant::now() + bound;
    let count = barriers.len();
    let met = Arc::new(Mutex::new(BTreeSet::new()));
    let mut parties = JoinSet::new();
    for (number, barrier) in barriers.into_iter().enumerate() {
        let met = Arc::clone(&met);
        parties.spawn(async move {
            let expected = u32::try_from(count).unwrap_or(u32::MAX);
            let name = format!("party-{number}");
            // One whose reply was lost needs the others again.
            while met.lock().len() < count && Instant::now() < end {
                if barrier.arrive_as(&name, expected).await.is_ok() {
                    met.lock().insert(number);
                } else {
                    sleep(Duration::from_millis(50)).await;
                }
            }
        });
    }
    while parties.join_next().await.is_some() {}
    let met = met.lock().len();
    if met < count {
        let what = format!("{met} of {count} were let go by a barrier");
        world.violated(Check::AllOrNone, what);
    }
}
