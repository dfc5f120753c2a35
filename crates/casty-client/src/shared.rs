//! The state of one client that everything below and above the router shares.
//!
//! # Lock order
//!
//! A thread that holds one of these locks takes only locks that come later:
//!
//! 1. the router's, [`Core::routing`](crate::send::Core::routing);
//! 2. [`connected`](Shared::connected), which a thread that reads it never reads a second time,
//!    because a writer may wait in between;
//! 3. [`ended`](Shared::ended) and [`dial_failures`](Shared::dial_failures);
//! 4. with none of which another is taken: a stripe of [`asks`](Shared::asks), the locks inside an
//!    outbox, the mailboxes and their tasks, the streams that nodes know of, the latest view, the
//!    [failure of the discovery](Shared::discovery_failure), the retry budget, the dead-letter sink, the
//!    [vitals](Vitals), and the time of the [end](Ending).
//!
//! None is held across an await. The dead-letter hook, which is the user's code, is called with
//! none of them held. Tasks are woken with locks held, so waking one must only schedule it; the
//! wakers of asks, which may be the last to own a task, are woken and dropped with no stripe
//! locked.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use casty_proto::message::ShardLocation;
use casty_proto::{ActorRef, Chain, Codec, Escaped, Limits, NodeAddress, TraceParent};
use casty_routing::View;
use casty_transport::ConnectError;
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use tokio::sync::{Notify, mpsc, watch};

use crate::acquires::Acquires;
use crate::config::limits::ClientLimits;
use crate::dead_letters::DeadLetterSink;
use crate::error::discovery::DiscoveryError;
use crate::error::{ReadyError, TellError};
use crate::health::vitals::Vitals;
use crate::mailboxes::Mailboxes;
use crate::message::{Encoded, Message, Plain};
use crate::node::identity::Identity;
use crate::node::peer::Peer;
use crate::node::protocol::{LOCATIONS_PATH, Snapshot};
use crate::pending_asks::PendingAsks;
use crate::pending_asks::id::{AskId, PeerId};
use crate::pending_asks::retries::Retries;
use crate::runtime::byte_limit::ByteLimit;
use crate::runtime::changes::Changes;
use crate::runtime::clock::{Clock, Tick, precise_now};
use crate::runtime::home::Home;
use crate::runtime::random::Rng;
use crate::runtime::shared_bytes::SharedBytes;
use crate::send::tables::Tables;
use crate::stats::Counters;
use crate::stats::per_region::EndedCounters;
use crate::streams::registry::Streams;
use crate::trace_source::TraceSource;

/// The state of one client that its handles, its tasks, its asks and its router share.
///
/// It does not know the router, so code that runs with the router locked cannot lock it again
/// through this.
pub(crate) struct Shared {
    pub(crate) system: Arc<str>,
    pub(crate) codec: Codec,
    pub(crate) limits: ClientLimits,
    /// The number of shards of each region that the configuration names.
    pub(crate) regions: BTreeMap<String, u32>,
    /// The client's first address, at which it is asked and answered by all nodes.
    pub(crate) identity: Arc<Identity>,
    pub(crate) clock: Clock,
    pub(crate) rng: Arc<Rng>,
    /// The runtime that runs the client's tasks.
    pub(crate) home: Home,
    pub(crate) asks: PendingAsks,
    pub(crate) retries: Retries,
    pub(crate) mailboxes: Mailboxes,
    /// The acquires of locks and semaphores.
    pub(crate) acquires: Acquires,
    pub(crate) counters: Arc<Counters>,
    pub(crate) view: watch::Receiver<Option<Arc<View>>>,
    /// The changes of that.
    pub(crate) views: Changes,
    /// The signs of life beside these, and who waits for a change of the health.
    pub(crate) vitals: Vitals,
    /// The reason for which the view that a node sent cannot be used; `None` once one can.
    pub(crate) ready_error: watch::Receiver<Option<ReadyError>>,
    /// The last failure of each address that could not be connected when last dialled.
    pub(crate) dial_failures: Mutex<BTreeMap<NodeAddress, ConnectError>>,
    /// The reason for which the last question for contact points found none.
    pub(crate) discovery_failure: Mutex<Option<DiscoveryError>>,
    pub(crate) dead_letters: DeadLetterSink,
    /// The counters of connections that have ended.
    pub(crate) ended: Mutex<EndedCounters>,
    #[cfg(any(feature = "tls", feature = "quic"))]
    pub(crate) certificates: Option<casty_transport::TlsConfig>,
    /// The sender of received views to the control task.
    pub(crate) snapshots: mpsc::Sender<Snapshot>,
    /// The bytes of these views.
    pub(crate) view_bytes: Arc<ByteLimit>,
    /// The bytes of frames that have not come in whole yet.
    pub(crate) inbound_bytes: Arc<SharedBytes>,
    /// The connected owners of shards, for the hot path.
    pub(crate) table: Tables,
    /// The connected nodes, for messages to their actors. Written under the router's lock.
    pub(crate) connected: RwLock<HashMap<NodeAddress, Arc<Peer>>>,
    /// Set while the router buffers messages for whichever node leads: later ones go behind them.
    /// Written under the router's lock.
    pub(crate) leader_backlog: AtomicBool,
    /// The wake-up of the control task when the router has a request for it, or is due earlier than
    /// before. A wake-up that finds the task busy is kept for its next wait, so none is missed.
    pub(crate) router_due: Notify,
    /// Set once the client accepts no more; see [`is_closed`](Shared::is_closed).
    pub(crate) closed: AtomicBool,
    /// Set when the client has ended in order: `true` if everything was written in time.
    pub(crate) drained: OnceLock<bool>,
    pub(crate) ending: Ending,
    /// The number of secondary connections; see [`casty_routing::Renewal`].
    pub(crate) secondaries: AtomicU64,
    pub(crate) streams: Streams,
    /// The source of the trace contexts that messages carry; `None` if they carry none.
    pub(crate) trace_source: Option<TraceSource>,
    /// The times of asks.
    #[cfg(feature = "metrics")]
    pub(crate) latencies: crate::metrics::latencies::Latencies,
}

/// The request to end the client, and the deadline for it.
#[derive(Default)]
pub(crate) struct Ending {
    /// The deadline, valid once the end is requested; `None` is at once.
    by: Mutex<Option<Instant>>,
    /// The wake-up of the control task. It is given after the deadline is set, and kept if the task
    /// does not wait at the moment, so the latest deadline is always read.
    requested: Notify,
    /// Set once the control task has the request.
    taken: AtomicBool,
}

impl Ending {
    /// Waits until the end is requested, or requested for an earlier time, and returns the
    /// deadline.
    ///
    /// # Cancel safety
    /// Safe: a request that was not returned is returned by the next call.
    pub(crate) async fn requested(&self) -> Instant {
        self.requested.notified().await;
        // Relaxed: it tells that the task runs, and guards no data.
        self.taken.store(true, Ordering::Relaxed);
        self.by.lock().unwrap_or_else(precise_now)
    }

    /// Returns whether the control task has the request.
    pub(crate) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }
}

thread_local! {
    /// The buffer into which messages are encoded. It is taken out while in use, because encoding
    /// runs the user's code, which may send on its part.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The capacity in bytes up to which a scratch buffer is kept.
const SCRATCH_KEPT: usize = 1024 * 1024;

impl Shared {
    /// Encodes a message and hands its class and its bytes to `send`.
    pub(crate) fn encoded<E: From<TellError>>(
        &self,
        message: &impl Message,
        send: impl FnOnce(&str, Encoded<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut buffer = SCRATCH.take();
        buffer.clear();
        let encoded = message
            .encode(&self.codec, &mut buffer)
            .map_err(|error| E::from(TellError::from(error)));
        let sent = encoded.and_then(|class| {
            let (bytes, kind) = (&*buffer, message.kind());
            let trace = None;
            send(&class, Encoded { bytes, kind, trace })
        });
        if buffer.capacity() <= SCRATCH_KEPT {
            SCRATCH.set(buffer);
        }
        sent
    }

    /// Returns the trace context with which a message is sent: the one that it was `kept` with, or else
    /// the one that the program has now. That is the program's code, so no lock is held.
    #[inline]
    pub(crate) fn trace_of(&self, kept: Option<&TraceParent>) -> Option<TraceParent> {
        let source = self.trace_source.as_ref()?;
        kept.copied().or_else(|| source())
    }

    /// Returns whether messages may carry trace contexts.
    #[inline]
    pub(crate) fn is_traced(&self) -> bool {
        self.trace_source.is_some()
    }

    /// Returns the message of an ask with its reply address replaced by the one under which the
    /// node knows the client; `None` if it cannot be.
    pub(crate) fn readdress(&self, message: &[u8], ask: AskId, to: &Peer) -> Option<Vec<u8>> {
        let identity = self.announced_to(to);
        let address = self.asks.address(ask)?;
        let limits = self.own_messages();
        let edited = self
            .codec
            .edit(message, &limits, |bytes| identity.readdress(bytes, address));
        edited.ok()
    }

    /// Returns the address under which a node knows the client.
    pub(crate) fn announced_to<'a>(&'a self, peer: &'a Peer) -> &'a Identity {
        if peer.is_confirmed() {
            &self.identity
        } else {
            &peer.identity
        }
    }

    /// Returns the limits of reading a message of this client's own, which no setting for those of
    /// the cluster may spoil.
    pub(crate) fn own_messages(&self) -> Limits {
        Limits::new().with_bytes(self.limits.max_frame.max(Limits::new().bytes))
    }

    /// Sends one of the protocol's own messages to a connected node. It is not counted, and lost
    /// with the connection: the engines ask again.
    pub(crate) fn send_control<M: Serialize>(&self, peer: &Peer, path: &str, message: &M) {
        let sent = self.encoded(&Plain(message), |class, message| {
            let pushed = peer.push_to_actor(path, class, message, None);
            pushed.map(drop).map_err(|_| TellError::Closed)
        });
        if let Err(error) = sent {
            let path = Escaped::new(path);
            tracing::debug!(node = %peer.node, %path, error = %Chain(&error), "control message not sent");
        }
    }

    /// Hands a view to the control task; returns `false` if too many wait for it.
    pub(crate) fn snapshot(&self, snapshot: Snapshot) -> bool {
        self.snapshots.try_send(snapshot).is_ok()
    }

    /// Returns the reference to which the coordinator of a region on `leader` replies.
    pub(crate) fn locations_ref(&self, leader: &Peer, region: &str) -> ActorRef<ShardLocation> {
        let path = format!("{LOCATIONS_PATH}{region}");
        ActorRef::from_uri_unchecked(self.announced_to(leader).uri(&path))
    }

    /// Accepts no more, and has the control task end the client: by `deadline`, at once if there is
    /// none. An earlier deadline that was set before stays.
    pub(crate) fn end_by(&self, deadline: Option<Instant>) {
        // Stronger than `is_closed` needs; a client ends once.
        self.closed.store(true, Ordering::SeqCst);
        let mut by = self.ending.by.lock();
        *by = match (*by, deadline) {
            (Some(earlier), Some(deadline)) => Some(earlier.min(deadline)),
            (_, deadline) => deadline,
        };
        // Released first: the control task is woken to read it.
        drop(by);
        self.ending.requested.notify_one();
        self.vitals.note();
    }

    /// Returns the leader that the last view names, unless the view avoids it.
    pub(crate) fn leader(&self) -> Option<NodeAddress> {
        let view = self.view.borrow();
        view.as_ref()?.live_leader().cloned()
    }

    /// Returns whether the view calls a node gone: nothing is sent to it.
    pub(crate) fn is_gone(&self, node: &NodeAddress) -> bool {
        let view = self.view.borrow();
        view.as_ref().is_some_and(|view| view.is_gone(node))
    }

    /// Returns the nodes that are connected.
    pub(crate) fn connected_nodes(&self) -> BTreeSet<NodeAddress> {
        self.connected.read().keys().cloned().collect()
    }

    /// Returns the node at the other end of a connection; `None` once that has ended. Walks all that are.
    pub(crate) fn node_of(&self, connection: PeerId) -> Option<NodeAddress> {
        let connected = self.connected.read();
        let peer = connected.values().find(|peer| peer.id == connection);
        peer.map(|peer| peer.node.clone())
    }

    /// Returns whether the client accepts no more.
    pub(crate) fn is_closed(&self) -> bool {
        // Relaxed, because every message reads it and it guards no data. A caller that misses the
        // end by a moment is refused further on, by the closed router or by an ended outbox. What
        // would be left over, a mailbox, a slot of an ask or a place among those that wait, is
        // made under a lock that `Core::end` takes after the store, to empty what the lock guards:
        // it is emptied with the rest, or its owner sees the store.
        self.closed.load(Ordering::Relaxed)
    }

    /// Returns the instant of a deadline, for the router.
    pub(crate) fn instant(&self, deadline: Tick) -> Instant {
        self.clock.instant(deadline)
    }
}

#[cfg(test)]
mod tests {
    use casty_transport::MemoryNetwork;

    use super::*;
    use crate::{ClientBuilder, ClusterClient, TransportConfig};

    /// Returns the builder of a client that reaches nobody.
    fn unreached() -> ClientBuilder {
        ClusterClient::builder("s")
            .contact_point("n:1")
            .transport(TransportConfig::memory(MemoryNetwork::new()))
    }

    #[tokio::test]
    async fn the_buffer_that_messages_are_encoded_into_is_kept_unless_one_was_long() {
        let client = unreached().connect().await.unwrap();
        let encode = |message: &str| {
            let encoded = client
                .core()
                .encoded(&Plain(&message), |_, _| Ok::<_, TellError>(()));
            encoded.unwrap();
            let buffer = SCRATCH.take();
            let capacity = buffer.capacity();
            SCRATCH.set(buffer);
            capacity
        };
        assert!((1..=SCRATCH_KEPT).contains(&encode("short")));
        assert_eq!(encode(&"-".repeat(2 * SCRATCH_KEPT)), 0);
    }

    #[tokio::test]
    async fn whatever_may_be_sent_can_be_read_to_be_sent_again() {
        let length = 2 * Limits::new().bytes;
        let client = unreached().max_frame(length).connect().await.unwrap();
        assert_eq!(client.core().own_messages().bytes, length);
        let client = unreached().max_frame(8_192).connect().await.unwrap();
        assert_eq!(client.core().own_messages().bytes, Limits::new().bytes);
    }
}
