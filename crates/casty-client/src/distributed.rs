//! The distributed structures, which every participant of a cluster shares.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_routing::ShardCounts;

use crate::client::region::RegionRef;
use crate::distributed::barrier::Barrier;
use crate::distributed::counter::Counter;
use crate::distributed::lock::Lock;
use crate::distributed::map::Map;
use crate::distributed::queue::Queue;
use crate::distributed::semaphore::Semaphore;
use crate::distributed::set::Set;
use crate::distributed::structure::Structure;
use crate::error::RegionError;
use crate::send::Core;

pub(crate) mod acquirer;
pub(crate) mod acquiring;
pub(crate) mod barrier;
pub(crate) mod counter;
pub(crate) mod error;
pub(crate) mod guard;
mod hold;
pub(crate) mod lock;
pub(crate) mod map;
pub(crate) mod queue;
pub(crate) mod semaphore;
pub(crate) mod set;
mod structure;
mod watch;

/// The shard count of structures, as nodes have it unless they are told otherwise.
const SHARDS: u32 = 100;
/// The same of barriers.
const BARRIER_SHARDS: u32 = 10;
/// The time for an operation of a structure, unless it is set.
///
/// Beyond it, it fails as an ask does (`StructureError::Ask`); `within` sets it.
const WITHIN: Duration = Duration::from_secs(5);
/// The time to wait at a barrier, unless it is set.
///
/// Beyond it, the wait ends, and the arrival stays counted (`StructureError::NotReleased`); `within` sets it.
const BARRIER_WITHIN: Duration = Duration::from_mins(1);

/// The distributed structures of a cluster, made by
/// [`ClusterClient::distributed`](crate::ClusterClient::distributed).
///
/// A structure is known to all participants by its kind and its name, and lives on one node: it is an
/// entity of a region of its own, `d-counter-hits` for the counter `hits`, and a map is one entity for
/// each key. So its state is gone with its node, unless the nodes keep a journal. A node must host it:
/// it calls `system.distributed().counter("hits")`, with the same number of shards.
///
/// The settings here hold for the handles that are made from it. Handles are cheap to make and to
/// clone; making one sends nothing. But each new kind and name is one more region of the client, until that
/// ends, whether or not a handle is left: a client has at most 1,024 regions, those of structures included,
/// and is refused the next one for ever
/// ([`TooManyRegions`](casty_routing::RegisterRegionError::TooManyRegions)). So do not make a name for each
/// of many things, as `order-1234`: a map has any number of keys in one region.
///
/// Every operation is one ask. Those that only read are [idempotent](crate::IdempotentAsk) and sent again
/// when their connection is lost, but for [`Set::contains`]. All others are sent once, because a second time they would do another
/// thing or reply something else: when [`StructureError::fate`](crate::StructureError::fate) of the error
/// is not `NotSent`, they may have been done. Where you know better, send the messages of
/// [`casty_proto::message::structures`] yourself, to [`Counter::entity`] and its like.
///
/// Values are taken by reference, `put("alice", &age)`: they are encoded and never kept, and so the call
/// tells the compiler the type of a map, set or queue that is not written down.
///
/// ```no_run
/// # async fn example(client: &casty_client::ClusterClient) -> Result<(), Box<dyn std::error::Error>> {
/// let hits = client.distributed().counter("hits")?;
/// println!("{}", hits.increment(5).await?);
///
/// let small = client.distributed().shards(10);      // as the nodes have it
/// let users = small.map::<String>("users")?;
/// users.put("alice", &"Alice".to_owned()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "it makes nothing until it is asked for a structure"]
pub struct Distributed {
    core: Arc<Core>,
    shards: Option<u32>,
    within: Option<Duration>,
    counts: ShardCounts,
}

impl Distributed {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self {
            core: Arc::clone(core),
            shards: None,
            within: None,
            counts: ShardCounts::Strict,
        }
    }

    /// Sets the number of shards of the structures, which nodes call `shards`. Default: that of
    /// `[regions]` in the configuration, under the region's name; else 100, and 10 for barriers, as nodes
    /// have it. From 1.
    pub fn shards(mut self, shards: u32) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Sets the time for each operation, everything included. Default: 5 s, and 60 s for a barrier. Never
    /// early, and at most some 30 ms late.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Sets what becomes of operations on a structure whose shard count the cluster's view contradicts.
    /// Default: [`Strict`](ShardCounts::Strict), they are refused, whatever holds for other regions of the
    /// client. Participants with different counts have different copies of one structure, and each gets
    /// the same lock. But one program with a wrong count then stops all that are strict, for nobody can
    /// tell who is wrong.
    pub fn shard_counts(mut self, counts: ShardCounts) -> Self {
        self.counts = counts;
        self
    }

    /// Returns the counter of this name.
    ///
    /// # Errors
    /// Those of [`ClusterClient::region`](crate::ClusterClient::region).
    pub fn counter(&self, name: &str) -> Result<Counter, RegionError> {
        self.structure("counter", name).map(Counter::new)
    }

    /// Returns the map of this name, with values of one type: what serde reads and writes, or
    /// [`Value`](crate::Value) for anything.
    ///
    /// # Errors
    /// Those of [`ClusterClient::region`](crate::ClusterClient::region).
    pub fn map<V>(&self, name: &str) -> Result<Map<V>, RegionError> {
        self.structure("map", name).map(Map::new)
    }

    /// Returns the set of this name, with members of one type.
    ///
    /// # Errors
    /// Those of [`ClusterClient::region`](crate::ClusterClient::region).
    pub fn set<V>(&self, name: &str) -> Result<Set<V>, RegionError> {
        self.structure("set", name).map(Set::new)
    }

    /// Returns the queue of this name, with values of one type.
    ///
    /// # Errors
    /// Those of [`ClusterClient::region`](crate::ClusterClient::region).
    pub fn queue<V>(&self, name: &str) -> Result<Queue<V>, RegionError> {
        self.structure("queue", name).map(Queue::new)
    }

    /// Returns the lock of this name.
    ///
    /// # Errors
    /// Those of [`ClusterClient::region`](crate::ClusterClient::region).
    pub fn lock(&self, name: &str) -> Result<Lock, RegionError> {
        self.structure("lock", name).map(Lock::new)
    }

    /// Returns the semaphore of this name. The nodes decide how many permits it has.
    ///
    /// # Errors
    /// Those of [`ClusterClient::region`](crate::ClusterClient::region).
    pub fn semaphore(&self, name: &str) -> Result<Semaphore, RegionError> {
        self.structure("sem", name).map(Semaphore::new)
    }

    /// Returns the barrier of this name.
    ///
    /// # Errors
    /// Those of [`ClusterClient::region`](crate::ClusterClient::region).
    pub fn barrier(&self, name: &str) -> Result<Barrier, RegionError> {
        let unset = (BARRIER_SHARDS, BARRIER_WITHIN);
        self.made("barrier", name, unset).map(Barrier::new)
    }

    fn structure(&self, kind: &str, name: &str) -> Result<Structure, RegionError> {
        self.made(kind, name, (SHARDS, WITHIN))
    }

    /// Makes what a handle needs, with the shard count and the time that hold where none is set.
    fn made(
        &self,
        kind: &str,
        name: &str,
        (shards, within): (u32, Duration),
    ) -> Result<Structure, RegionError> {
        if name.is_empty() || name.starts_with('/') {
            let region = name.to_owned();
            return Err(RegionError::Name { region });
        }
        let region = format!("d-{kind}-{name}");
        let configured = self.core.regions.get(&region).copied();
        let shards = self.shards.or(configured).unwrap_or(shards);
        let region = RegionRef::of(&self.core, &region, shards)?;
        let within = self.within.unwrap_or(within);
        Ok(Structure::new(region, name, within, self.counts))
    }
}

impl fmt::Debug for Distributed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distributed")
            .field("shards", &self.shards)
            .field("within", &self.within)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
