//! The fill levels of a client's buffers, maps and queues.

/// The fill level of each buffer, map and queue of a client. Each has a limit; the numbers of
/// buffered and queued messages and of pending asks are in [`Stats`](crate::Stats) itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gauges {
    /// Bytes of the messages that wait for a route; limited by
    /// [`buffer`](crate::ClientBuilder::buffer).
    pub buffered_bytes: u64,
    /// Bytes in the outboxes of connected nodes; each is limited by
    /// [`outbox_bytes`](crate::ClientBuilder::outbox_bytes).
    pub queued_bytes: u64,
    /// The fullest of these outboxes, in bytes.
    pub fullest_outbox: u64,
    /// Tells that wait for capacity in the pending buffer; one for each task that calls
    /// `tell_wait`.
    pub waiting_tells: u64,
    /// Actors of this client; at most 1,024.
    pub actors: u64,
    /// Messages in their mailboxes; each is limited by [`mailbox`](crate::ClientBuilder::mailbox).
    pub mailboxes: u64,
    /// The bytes of these messages; for each actor limited by
    /// [`mailbox_bytes`](crate::ClientBuilder::mailbox_bytes).
    pub mailbox_bytes: u64,
    /// Shard regions in use; at most 1,024.
    pub regions: u64,
    /// Members in the latest view, as many as fit a frame; at most 1,024 are connected.
    pub members: u64,
    /// Addresses whose last connection failure is kept; at most 64.
    pub dial_failures: u64,
    /// Received views that the control task has not handled yet; at most 64.
    pub waiting_views: u64,
    /// The bytes of these views, and of the one that is being read; at most four times
    /// [`max_frame`](crate::ClientBuilder::max_frame), or a single longer one.
    pub waiting_view_bytes: u64,
    /// Bytes of frames that have not come in whole yet, beyond 256 KiB on each connection; limited by
    /// [`inbound_bytes`](crate::ClientBuilder::inbound_bytes).
    pub inbound_bytes: u64,
}
