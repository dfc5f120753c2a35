//! The status of a cluster, to be read and waited for.

use std::sync::atomic::{AtomicU64, Ordering};

/// The status of a cluster at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Status {
    /// The nodes, by number.
    pub nodes: Vec<NodeStatus>,
}

/// The status of a node at one moment. Counters go on over kills and restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NodeStatus {
    /// True while it runs.
    pub alive: bool,
    /// True once another node has taken its place: it never runs again.
    pub replaced: bool,
    /// Clients connected to it.
    pub connections: usize,
    /// References subscribed to its view.
    pub subscribers: usize,
    /// Entities that live on it.
    pub entities: usize,
    /// Messages that its entities and services have handled.
    pub messages: u64,
    /// Views it has sent to subscribers.
    pub snapshots: u64,
    /// Queries for the owner of a shard that reached it.
    pub queries: u64,
    /// Messages that could not be read, and were skipped.
    pub malformed: u64,
    /// Messages to paths where no actor listens.
    pub unrouted: u64,
    /// Messages it could not send: no client had announced their target's address, that was
    /// blacklisted, or the connection's outbox was full.
    pub undelivered: u64,
    /// Connections that it refused, and messages that only members may send of peers that are none by their
    /// certificates.
    pub refused: u64,
}

/// The counters of one node, which survive its death.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) messages: Counter,
    pub(crate) snapshots: Counter,
    pub(crate) queries: Counter,
    pub(crate) malformed: Counter,
    pub(crate) unrouted: Counter,
    pub(crate) undelivered: Counter,
    pub(crate) refused: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Counts one more.
    pub(crate) fn increment(&self) {
        // Relaxed, as below: a counter orders nothing else, and tests that wait for it are woken by
        // a channel that does.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the count.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
