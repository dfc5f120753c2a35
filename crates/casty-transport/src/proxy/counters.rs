//! The counters of a proxy.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A reader of the counters of a [`Proxy`](super::Proxy). Cheap to clone.
#[derive(Debug, Clone)]
pub struct ProxyCounters(pub(super) Arc<Counts>);

/// The numbers of a proxy until now. Each is right by itself; together they may be a moment apart
/// while connections run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct ProxyCounts {
    /// Connections that are being dialled or passed on.
    pub running: u64,
    /// Connections that were accepted within the limit, with their TLS handshake done, those that
    /// run included.
    pub accepted: u64,
    /// Diallers that were closed at once, beyond a limit.
    pub refused: u64,
    /// Connections whose TLS handshake failed or took too long, so that the node was not dialled.
    pub unshaken: u64,
    /// Connections for which the node could not be reached.
    pub unreachable: u64,
    /// Connections that were closed because they were idle.
    pub idle: u64,
    /// Connections that broke on either side.
    pub broken: u64,
    /// Bytes that were passed on to the node.
    pub to_node: u64,
    /// Bytes that were passed on from the node.
    pub from_node: u64,
}

impl ProxyCounters {
    /// Reads the numbers as they are now.
    pub fn read(&self) -> ProxyCounts {
        // Relaxed, here and below: each is a number by itself, and publishes nothing else.
        let read = |count: &AtomicU64| count.load(Relaxed);
        let Counts {
            running,
            accepted,
            refused,
            unshaken,
            unreachable,
            idle,
            broken,
            to_node,
            from_node,
        } = &*self.0;
        ProxyCounts {
            running: read(running),
            accepted: read(accepted),
            refused: read(refused),
            unshaken: read(unshaken),
            unreachable: read(unreachable),
            idle: read(idle),
            broken: read(broken),
            to_node: read(to_node),
            from_node: read(from_node),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) running: AtomicU64,
    pub(super) accepted: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unshaken: AtomicU64,
    pub(super) unreachable: AtomicU64,
    pub(super) idle: AtomicU64,
    pub(super) broken: AtomicU64,
    pub(super) to_node: AtomicU64,
    pub(super) from_node: AtomicU64,
}

/// Adds to one of the numbers.
pub(super) fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Relaxed);
}

/// A connection that is counted as running until this is dropped.
pub(super) struct Running<'a>(&'a Counts);

impl<'a> Running<'a> {
    pub(super) fn new(counts: &'a Counts) -> Self {
        add(&counts.running, 1);
        Self(counts)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
    }
}
