//! The distributed structures of Casty, hosted by fake nodes.

use std::sync::Arc;

use casty_routing::ShardCount;

use crate::region::RegionPlan;

mod barrier;
mod collections;
mod counter;
mod permits;

/// A distributed structure that nodes host, for [`ClusterBuilder::structure`].
///
/// It behaves as that of casty 0.21.0 without a journal, queues of locks included: its state is gone with
/// its node, a release by one who waits is refused, and who waits is never forgotten. Members of a set are
/// equal as [`Value`](casty_proto::Value) has it, which tells 1 from 1.0; one that is
/// [unhashable](casty_proto::Value::unhashable) ends the set, with all members and without an answer. That
/// every object is hashable is taken for granted, which on nodes only frozen dataclasses are.
///
/// Nodes send values as they were sent them. Those that name classes of your own need a codec of the
/// cluster that [allows](casty_proto::Codec::allowing) them, where that is pickle.
///
/// [`ClusterBuilder::structure`]: crate::ClusterBuilder::structure
#[derive(Debug, Clone)]
#[must_use = "no node hosts it before it is given to a cluster"]
pub struct Structure {
    kind: Kind,
    name: String,
    shards: u32,
}

/// The kind of a structure.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Counter,
    Map,
    Set,
    Queue,
    Lock,
    Semaphore(usize),
    Barrier,
}

/// The number of shards of all structures but one.
const SHARDS: u32 = 100;
/// The number of shards of a barrier.
const BARRIER_SHARDS: u32 = 10;

impl Structure {
    fn new(kind: Kind, name: impl Into<String>, shards: u32) -> Self {
        let name = name.into();
        Self { kind, name, shards }
    }

    /// Makes a counter, of 64 bits; it stays at its bounds.
    pub fn counter(name: impl Into<String>) -> Self {
        Self::new(Kind::Counter, name, SHARDS)
    }

    /// Makes a map.
    pub fn map(name: impl Into<String>) -> Self {
        Self::new(Kind::Map, name, SHARDS)
    }

    /// Makes a set.
    pub fn set(name: impl Into<String>) -> Self {
        Self::new(Kind::Set, name, SHARDS)
    }

    /// Makes a queue.
    pub fn queue(name: impl Into<String>) -> Self {
        Self::new(Kind::Queue, name, SHARDS)
    }

    /// Makes a lock.
    pub fn lock(name: impl Into<String>) -> Self {
        Self::new(Kind::Lock, name, SHARDS)
    }

    /// Makes a semaphore of so many permits.
    pub fn semaphore(name: impl Into<String>, permits: usize) -> Self {
        Self::new(Kind::Semaphore(permits), name, SHARDS)
    }

    /// Makes a barrier.
    pub fn barrier(name: impl Into<String>) -> Self {
        Self::new(Kind::Barrier, name, BARRIER_SHARDS)
    }

    /// Sets the number of shards, at least 1. Default: 100, and 10 for a barrier, as nodes have it.
    pub fn shards(mut self, shards: u32) -> Self {
        self.shards = shards;
        self
    }

    /// Returns the name and the number of shards of its region.
    pub(crate) fn region(&self) -> (String, u32) {
        let kind = match self.kind {
            Kind::Counter => "counter",
            Kind::Map => "map",
            Kind::Set => "set",
            Kind::Queue => "queue",
            Kind::Lock => "lock",
            Kind::Semaphore(_) => "sem",
            Kind::Barrier => "barrier",
        };
        (format!("d-{kind}-{}", self.name), self.shards)
    }

    /// Plans its region.
    pub(crate) fn plan(&self, region: Arc<str>, shards: ShardCount) -> RegionPlan {
        match self.kind {
            Kind::Counter => counter::entities(region, shards),
            Kind::Map => collections::entries(region, shards),
            Kind::Set => collections::sets(region, shards),
            Kind::Queue => collections::queues(region, shards),
            Kind::Lock => permits::locks(region, shards),
            Kind::Semaphore(count) => permits::semaphores(region, shards, count),
            Kind::Barrier => barrier::entities(region, shards),
        }
    }
}
