//! Distributed structures that the clients of a world share, while nodes die and connections are lost.

use std::sync::Arc;
use std::time::Duration;

use casty_client::{Barrier, ClusterClient, Counter, Queue, RegionError, ShardCounts};
use tokio::time::{Instant, sleep};

use super::deadline::WITHIN;
use crate::builder::ClusterBuilder;
use crate::sim::fault::Fault;
use crate::sim::violation::Check;
use crate::sim::world::World;
use crate::structure::Structure;

mod books;
mod holds;
mod lives;
mod meeting;

use books::{Count, Line};
use holds::{Handle, Holds};
use meeting::Meeting;

/// The shards of each structure.
const SHARDS: u32 = 2;
/// The permits of the semaphore.
const PERMITS: usize = 2;
/// The tasks of each client that use structures.
pub(super) const USERS: usize = 2;

/// The structures of a world.
pub(super) struct Structures {
    world: World,
    counts: ShardCounts,
    /// True if nodes may call one dead that is not: what is held there may stay so.
    disowns: bool,
    lock: Holds,
    semaphore: Holds,
    counter: Count,
    queue: Line,
    barrier: Meeting,
}

/// The structures as one client has them.
struct Handles {
    lock: Handle,
    semaphore: Handle,
    counter: Counter,
    queue: Queue<u64>,
    barrier: Barrier,
    /// The barrier at which all meet in the end.
    last: Barrier,
}

impl Handles {
    fn of(client: &ClusterClient, counts: ShardCounts) -> Result<Self, RegionError> {
        let all = client.distributed().shards(SHARDS);
        let all = all.within(WITHIN).shard_counts(counts);
        Ok(Self {
            lock: Handle::Lock(all.lock("gate")?),
            semaphore: Handle::Semaphore(all.semaphore("slots")?),
            counter: all.counter("hits")?,
            queue: all.queue("line")?,
            barrier: all.barrier("pairs")?,
            last: all.barrier("all")?,
        })
    }
}

impl Structures {
    /// Makes the structures of a world with faults of these kinds.
    pub(super) fn new(world: &World, faults: &[Fault]) -> Arc<Self> {
        let has = |fault| faults.contains(&fault);
        Arc::new(Self {
            world: world.clone(),
            // The view contradicts the right number from then on.
            counts: if has(Fault::OtherShardCount) {
                ShardCounts::Lenient
            } else {
                ShardCounts::Strict
            },
            disowns: has(Fault::SplitViews) || has(Fault::LeaderChange),
            lock: Holds::new(world, "the lock", 1),
            semaphore: Holds::new(world, "the semaphore", PERMITS),
            counter: Count::new(world),
            queue: Line::new(world),
            barrier: Meeting::new(world),
        })
    }

    /// Has all nodes host them.
    pub(super) fn host(&self, builder: ClusterBuilder) -> ClusterBuilder {
        let counted = [
            (Structure::lock("gate"), &self.lock.lives),
            (
                Structure::semaphore("slots", PERMITS),
                &self.semaphore.lives,
            ),
            (Structure::counter("hits"), &self.counter.lives),
            (Structure::queue("line"), &self.queue.lives),
        ];
        let counted = counted.into_iter().fold(builder, |builder, (it, lives)| {
            builder.counted_structure(it.shards(SHARDS), lives.count())
        });
        let barriers = ["pairs", "all"].map(|name| Structure::barrier(name).shards(SHARDS));
        barriers
            .into_iter()
            .fold(counted, ClusterBuilder::structure)
    }

    /// Uses them until `end`, as one task of a client, both by their numbers.
    pub(super) async fn work(
        self: Arc<Self>,
        client: ClusterClient,
        (number, task): (usize, usize),
        end: Instant,
    ) {
        let handles = match Handles::of(&client, self.counts) {
            Ok(handles) => handles,
            Err(error) => return self.world.report(format!("no structures: {error}")),
        };
        while Instant::now() < end {
            match self.world.random_below(10) {
                0..4 => self.lock.hold(number, &handles.lock).await,
                4 | 5 => self.semaphore.hold(number, &handles.semaphore).await,
                6 => self.counter.add(&handles.counter).await,
                7 => self.queue.put(&handles.queue).await,
                8 => self.queue.take(&handles.queue).await,
                _ => self.barrier.arrive(task, &handles.barrier).await,
            }
            sleep(self.world.random_time(1..120)).await;
        }
    }

    /// Notes that a client is about to be closed.
    pub(super) fn closes(&self, client: usize) {
        self.lock.closes(client);
        self.semaphore.closes(client);
    }

    /// Checks what is left of them, now that there are no faults and nobody uses them any more. `closed`:
    /// a client was closed early, and may have left something behind that it waited for.
    pub(super) async fn judge(&self, clients: &[ClusterClient], bound: Duration, closed: bool) {
        let handles = clients.iter().map(|it| Handles::of(it, self.counts));
        let handles = match handles.collect::<Result<Vec<_>, _>>() {
            Ok(handles) => handles,
            Err(error) => return self.world.violated(Check::Recovery, error.to_string()),
        };
        let Some(first) = handles.first() else { return };
        self.counter.judge(&first.counter, bound).await;
        self.queue.judge(&first.queue, bound).await;
        let barriers = handles.iter().map(|it| it.last.clone()).collect();
        meeting::meet(&self.world, barriers, bound).await;
        if !closed && !self.disowns {
            self.lock.are_free(&first.lock).await;
            self.semaphore.are_free(&first.semaphore).await;
        }
    }
}
