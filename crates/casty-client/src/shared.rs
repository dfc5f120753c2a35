//! The state of one client that everything below and above the router shares.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use casty_proto::message::ShardLocation;
use casty_proto::{ActorRef, Codec, Limits, NodeAddress};
use casty_routing::{SharedTable, View};
use casty_transport::ConnectError;
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use tokio::sync::{Notify, mpsc, watch};

use crate::config::limits::ClientLimits;
use crate::dead_letters::DeadLetterSink;
use crate::error::{ReadyError, TellError};
use crate::mailboxes::Mailboxes;
use crate::node::identity::Identity;
use crate::node::peer::Peer;
use crate::node::protocol::{LOCATIONS_PATH, Snapshot};
use crate::pending::PendingAsks;
use crate::pending::id::AskId;
use crate::pending::retries::Retries;
use crate::runtime::clock::{Clock, Tick, precise_now};
use crate::stats::Counters;
use crate::stats::per_region::EndedCounters;

/// The state of one client that its handles, its tasks, its asks and its router share.
///
/// It does not know the router, so whoever holds the router's lock cannot call into it again by
/// way of this.
pub(crate) struct Shared {
    pub(crate) system: Arc<str>,
    pub(crate) codec: Codec,
    pub(crate) limits: ClientLimits,
    /// The client's first address, at which it is asked and answered by all nodes.
    pub(crate) identity: Arc<Identity>,
    pub(crate) clock: Clock,
    pub(crate) asks: PendingAsks,
    pub(crate) retries: Retries,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) counters: Arc<Counters>,
    pub(crate) view: watch::Receiver<Option<Arc<View>>>,
    /// Why what was reached cannot be used, until a view comes.
    pub(crate) ready_error: watch::Receiver<Option<ReadyError>>,
    /// The last failure of each address that could not be connected when last dialled.
    pub(crate) dial_failures: Mutex<BTreeMap<NodeAddress, ConnectError>>,
    pub(crate) dead_letters: DeadLetterSink,
    pub(crate) ended: Mutex<EndedCounters>,
    #[cfg(any(feature = "tls", feature = "quic"))]
    pub(crate) certificates: Option<casty_transport::TlsConfig>,
    /// Views that came in, for the control task.
    pub(crate) snapshots: mpsc::Sender<Snapshot>,
    /// The connected owners of shards, for the hot path.
    pub(crate) table: SharedTable<Arc<Peer>>,
    /// The connected nodes, for messages to actors of theirs.
    pub(crate) connected: RwLock<HashMap<NodeAddress, Arc<Peer>>>,
    /// The router wants to be told the time earlier than it wanted before.
    pub(crate) router_due: Notify,
    pub(crate) closed: AtomicBool,
    /// Whether everything was written in time, once the client has ended in order.
    pub(crate) drained: OnceLock<bool>,
    pub(crate) ending: Ending,
    /// Second connections; see [`casty_routing::Renewal`].
    pub(crate) secondaries: AtomicU64,
}

/// By when the client is to end.
#[derive(Default)]
pub(crate) struct Ending {
    /// Once that is wanted; at once if it is not told.
    by: Mutex<Option<Instant>>,
    wanted: Notify,
}

impl Ending {
    /// Waits until the end is wanted, or wanted sooner, and tells by when.
    pub(crate) async fn wanted(&self) -> Instant {
        self.wanted.notified().await;
        self.by.lock().unwrap_or_else(precise_now)
    }
}

thread_local! {
    /// Where messages are encoded, taken out while in use: encoding runs the user's code.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A scratch buffer that has grown beyond this is not kept.
const SCRATCH_KEPT: usize = 1024 * 1024;

impl Shared {
    /// Encodes a message and hands its class and its bytes to `send`.
    pub(crate) fn encoded<M: Serialize, E: From<TellError>>(
        &self,
        message: &M,
        send: impl FnOnce(&str, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut buffer = SCRATCH.take();
        buffer.clear();
        let encoded = self
            .codec
            .encode(message, &mut buffer)
            .map_err(|error| E::from(TellError::from(error)));
        let sent = encoded.and_then(|class| send(&class, &buffer));
        if buffer.capacity() <= SCRATCH_KEPT {
            SCRATCH.set(buffer);
        }
        sent
    }

    /// The message of an ask with the address to reply to under which the node knows the client.
    pub(crate) fn readdress(&self, message: &[u8], ask: AskId, to: &Peer) -> Option<Vec<u8>> {
        let identity = self.announced_to(to);
        let limits = self.decoding();
        let edited = self
            .codec
            .edit(message, &limits, |bytes| identity.readdress(bytes, ask));
        edited.ok()
    }

    /// The address under which a node knows the client.
    pub(crate) fn announced_to<'a>(&'a self, peer: &'a Peer) -> &'a Identity {
        if peer.is_confirmed() {
            &self.identity
        } else {
            &peer.identity
        }
    }

    /// The limits of what is decoded.
    pub(crate) fn decoding(&self) -> Limits {
        Limits::new().with_bytes(self.limits.max_frame)
    }

    /// Sends one of the protocol's own messages to a connected node. Not counted, and lost with
    /// the connection: the engines ask again.
    pub(crate) fn send_control<M: Serialize>(&self, peer: &Peer, path: &str, message: &M) {
        let sent = self.encoded(message, |class, bytes| {
            peer.push_to_actor(path, class, bytes, None)
                .map_err(|_| TellError::Closed)
        });
        if let Err(error) = sent {
            tracing::debug!(node = %peer.node, path, %error, "control message not sent");
        }
    }

    /// Hands a view to the control task; one that finds no place is told again by its source.
    pub(crate) fn snapshot(&self, snapshot: Snapshot) {
        if self.snapshots.try_send(snapshot).is_err() {
            tracing::debug!("a view was dropped: the control task is busy or has ended");
        }
    }

    /// The reference under which the coordinator of a region on `leader` answers.
    pub(crate) fn locations_ref(&self, leader: &Peer, region: &str) -> ActorRef<ShardLocation> {
        let path = format!("{LOCATIONS_PATH}{region}");
        ActorRef::from_uri_unchecked(self.announced_to(leader).uri(&path))
    }

    /// Takes no more, and has the control task end the client: by `deadline` if it is told, else at
    /// once. What was wanted sooner stands.
    pub(crate) fn end_by(&self, deadline: Option<Instant>) {
        self.closed.store(true, Ordering::SeqCst);
        let mut by = self.ending.by.lock();
        *by = match (*by, deadline) {
            (Some(earlier), Some(deadline)) => Some(earlier.min(deadline)),
            (_, deadline) => deadline,
        };
        drop(by);
        self.ending.wanted.notify_one();
    }

    /// Returns the nodes that are connected.
    pub(crate) fn connected_nodes(&self) -> BTreeSet<NodeAddress> {
        self.connected.read().keys().cloned().collect()
    }

    /// Whether the client takes no more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// The instant of a deadline, for the router.
    pub(crate) fn instant(&self, deadline: Tick) -> Instant {
        self.clock.instant(deadline)
    }
}
