//! What all parts of a client share, and the way of a message through it.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use casty_proto::message::ShardLocation;
use casty_proto::{ActorRef, Codec, Limits, NodeAddress};
use casty_routing::{RegionId, ShardId, SharedTable, View};
use casty_transport::ConnectError;
use casty_transport::{RejectReason, Rejected};
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use tokio::sync::{Notify, mpsc, watch};

use crate::ask::Slot;
use crate::ask::retry::Retries;
use crate::client::actor::Actors;
use crate::config::Bounds;
use crate::control::Snapshot;
use crate::dead_letters::DeadLetterOffice;
use crate::error::{ReadyError, TellError};
use crate::node::identity::Identity;
use crate::node::peer::{Aim, Outgoing, Peer, PeerId, Tag};
use crate::pending::{AskId, Asks};
use crate::routing::Routing;
use crate::runtime::clock::{Clock, Tick, precise_now};
use crate::stats::accounts::{Ledger, NodeStats, RegionStats};
use crate::stats::{Counters, Stats};

pub(crate) mod wait;

/// The state of one client, shared by its handles, its tasks and its asks.
pub(crate) struct Core {
    pub(crate) system: Arc<str>,
    pub(crate) codec: Codec,
    pub(crate) limits: Bounds,
    /// The client's first address, at which it is asked and answered by all nodes.
    pub(crate) identity: Arc<Identity>,
    pub(crate) clock: Clock,
    pub(crate) asks: Asks,
    pub(crate) retries: Retries,
    pub(crate) actors: Actors,
    pub(crate) counters: Arc<Counters>,
    pub(crate) view: watch::Receiver<Option<Arc<View>>>,
    /// Why what was reached cannot be used, until a view comes.
    pub(crate) trouble: watch::Receiver<Option<ReadyError>>,
    /// The last failure of each address that could not be connected when last dialled.
    pub(crate) dial_failures: Mutex<BTreeMap<NodeAddress, ConnectError>>,
    pub(crate) dead_letters: DeadLetterOffice,
    pub(crate) ledger: Mutex<Ledger>,
    #[cfg(any(feature = "tls", feature = "quic"))]
    pub(crate) certificates: Option<casty_transport::TlsConfig>,
    /// Views that came in, for the control task.
    pub(crate) snapshots: mpsc::Sender<Snapshot>,
    /// The connected owners of shards, for the hot path.
    pub(crate) table: SharedTable<Arc<Peer>>,
    /// The connected nodes, for messages to actors of theirs.
    pub(crate) connected: RwLock<HashMap<NodeAddress, Arc<Peer>>>,
    /// Everything that is not the hot path.
    pub(crate) routing: Mutex<Routing>,
    /// The router wants to be told the time earlier than it wanted before.
    pub(crate) router_due: Notify,
    pub(crate) closed: AtomicBool,
    /// Whether everything was written in time, once the client has ended in order.
    pub(crate) drained: OnceLock<bool>,
    pub(crate) ending: Ending,
    /// Second connections; see [`casty_routing::Renewal`].
    pub(crate) companions: AtomicU64,
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

/// A message as it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoded<'a> {
    pub(crate) bytes: &'a [u8],
    /// The type that it was made of, for dead letters.
    pub(crate) kind: &'static str,
}

/// Whom a message is for.
#[derive(Debug, Clone)]
pub(crate) enum Destination<'a> {
    /// Whoever owns a shard; the message is an envelope.
    Shard {
        region: RegionId,
        name: &'a str,
        shard: ShardId,
    },
    /// One actor of one node; the message is of `class`.
    Actor {
        node: NodeAddress,
        path: &'a str,
        class: &'a str,
    },
}

thread_local! {
    /// Where messages are encoded, taken out while in use: encoding runs the user's code.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A scratch buffer that has grown beyond this is not kept.
const SCRATCH_KEPT: usize = 1024 * 1024;

impl Core {
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

    /// Sends an encoded message: into the outbox of the connected node it is for, or to the
    /// router. `slot` is that of an ask, which then ends with the message's fate.
    pub(crate) fn send(
        &self,
        to: &Destination<'_>,
        message: Encoded<'_>,
        slot: Option<Slot>,
    ) -> Result<(), TellError> {
        if self.is_closed() {
            return Err(TellError::Closed);
        }
        let deadline = match slot {
            Some(slot) => slot.deadline,
            None => self.clock.deadline(self.limits.buffer_timeout),
        };
        let tag = |aim| Tag {
            aim,
            deadline,
            ask: slot.map(|slot| slot.id),
            kind: message.kind,
        };
        let refused = match *to {
            Destination::Shard {
                region,
                name,
                shard,
            } => {
                let table = self.table.load();
                table.owner(region, shard).map(|peer| {
                    let bytes = self.carried(message.bytes, slot, peer);
                    let tag = tag(Aim::Shard(region, shard));
                    let pushed = peer.push_envelope((region, name), &bytes, tag);
                    pushed.map_err(|rejected| self.not_carried(slot, peer, &rejected))
                })
            }
            Destination::Actor {
                ref node,
                path,
                class,
            } => {
                let connected = self.connected.read();
                let peer = connected.get(node);
                let direct = peer.filter(|peer| !peer.backlog.load(Ordering::Acquire));
                direct.map(|peer| {
                    let bytes = self.carried(message.bytes, slot, peer);
                    let tag = Some(tag(Aim::Node));
                    let pushed = peer.push_to_actor((path, class), &bytes, tag);
                    pushed.map_err(|rejected| self.not_carried(slot, peer, &rejected))
                })
            }
        };
        match refused {
            Some(Ok(())) => {
                self.counters.accepted.increment();
                Ok(())
            }
            Some(Err((RejectReason::Full { length, limit }, node))) => Err(TellError::Busy {
                node,
                length,
                limit,
            }),
            Some(Err((RejectReason::TooLong { length, limit }, _))) => {
                Err(TellError::TooLong { length, limit })
            }
            // Nobody is connected, earlier ones are held, or the connection has just ended: the
            // router finds a way.
            Some(Err(_)) | None => self.give_to_router(to, message, (deadline, slot)),
        }
    }

    /// Notes who carries a message, and gives it as it is to be sent there.
    fn carried<'m>(&self, message: &'m [u8], slot: Option<Slot>, by: &Peer) -> Cow<'m, [u8]> {
        let Some(slot) = slot else {
            return Cow::Borrowed(message);
        };
        self.asks.carried_by(slot.id, by.id);
        if by.is_settled() {
            return Cow::Borrowed(message);
        }
        let readdressed = self.readdress(message, slot.id, by);
        readdressed.map_or(Cow::Borrowed(message), Cow::Owned)
    }

    /// The message of an ask with the address to reply to under which the node knows the client.
    pub(crate) fn readdress(&self, message: &[u8], ask: AskId, to: &Peer) -> Option<Vec<u8>> {
        let identity = self.known_to(to);
        let limits = self.decoding();
        let edited = self
            .codec
            .edit(message, &limits, |bytes| identity.readdress(bytes, ask));
        edited.ok()
    }

    /// The address under which a node knows the client.
    pub(crate) fn known_to<'a>(&'a self, peer: &'a Peer) -> &'a Identity {
        if peer.is_settled() {
            &self.identity
        } else {
            &peer.identity
        }
    }

    /// The limits of what is decoded.
    pub(crate) fn decoding(&self) -> Limits {
        Limits::new().with_bytes(self.limits.max_frame)
    }

    fn not_carried(
        &self,
        slot: Option<Slot>,
        peer: &Peer,
        rejected: &Rejected<Tag>,
    ) -> (RejectReason, NodeAddress) {
        if let Some(slot) = slot {
            self.asks.returned(slot.id, peer.id);
        }
        (rejected.reason, peer.node.clone())
    }

    /// Leaves a message to the router.
    fn give_to_router(
        &self,
        to: &Destination<'_>,
        Encoded { bytes, kind }: Encoded<'_>,
        (deadline, slot): (Tick, Option<Slot>),
    ) -> Result<(), TellError> {
        // Header and message must fit a frame; the header is a few hundred bytes at most.
        let (length, limit) = (bytes.len() + 1024, self.limits.max_frame);
        if length > limit {
            return Err(TellError::TooLong { length, limit });
        }
        let outgoing = Outgoing {
            actor: match to {
                Destination::Shard { .. } => None,
                Destination::Actor { path, class, .. } => Some(((*path).into(), (*class).into())),
            },
            message: Bytes::copy_from_slice(bytes),
            deadline,
            ask: slot.map(|slot| slot.id),
            kind,
            readdressed: false,
        };
        self.route(|routing| routing.send(self, to.target(), outgoing))
    }

    /// Has the router do something. What it gives up is told to the hook when its lock is free
    /// again, for the hook is the user's code and may use the client.
    pub(crate) fn route<R>(&self, act: impl FnOnce(&mut Routing) -> R) -> R {
        let mut routing = self.routing.lock();
        let held = routing.held();
        let outcome = act(&mut routing);
        routing.settle(held);
        let letters = std::mem::take(&mut routing.letters);
        drop(routing);
        for letter in letters {
            self.dead_letters.tell(letter);
        }
        outcome
    }

    /// Delivers a message to an actor of this client.
    pub(crate) fn deliver_here(&self, path: &str, message: Bytes) -> Result<(), TellError> {
        if self.is_closed() {
            return Err(TellError::Closed);
        }
        if let Some(id) = self.identity.ask_id(path.as_bytes()) {
            self.asks.end(id, Ok(message));
            return Ok(());
        }
        self.actors.deliver(path, message)
    }

    /// Sends one of the protocol's own messages to a connected node. Not counted, and lost with
    /// the connection: the engines ask again.
    pub(crate) fn send_control<M: Serialize>(&self, peer: &Peer, path: &str, message: &M) {
        let sent = self.encoded(message, |class, bytes| {
            peer.push_to_actor((path, class), bytes, None)
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

    /// Tells the router who owns a shard.
    pub(crate) fn located(&self, region: &str, location: ShardLocation) {
        self.route(|routing| routing.located(self, region, location));
    }

    /// The reference under which the coordinator of a region on `leader` answers.
    pub(crate) fn locations_ref(&self, leader: &Peer, region: &str) -> ActorRef<ShardLocation> {
        let path = format!("{LOCATIONS_PATH}{region}");
        ActorRef::from_uri_unchecked(self.known_to(leader).uri(&path))
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

    /// Ends whatever still waits: nobody moves messages or keeps the time any longer.
    pub(crate) fn end(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.route(|routing| routing.close(self));
        let mut connected: Vec<_> = self.connected.read().values().cloned().collect();
        connected.sort_unstable_by_key(|peer| peer.id);
        for peer in connected {
            peer.outbox.abort();
        }
        self.asks.end_all();
        self.actors.close();
        self.dead_letters.close();
    }

    /// Whether the client takes no more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// The counters, each right by itself; together they are one picture only while nothing moves.
    pub(crate) fn stats(&self) -> Stats {
        // Connections do not end while this is held.
        let routing = self.routing.lock();
        let connected = self.connected.read();
        let outboxes = || connected.values().map(|peer| &peer.outbox);
        Stats {
            accepted: self.counters.accepted.get(),
            written: self.counters.written.get()
                + outboxes()
                    .map(|outbox| outbox.messages_written())
                    .sum::<u64>(),
            not_sent: self.counters.not_sent.get(),
            unknown: self.counters.unknown.get(),
            buffered: routing.held() as u64,
            queued: outboxes()
                .map(|outbox| outbox.pending_messages() as u64)
                .sum(),
            pending_asks: self.asks.pending() as u64,
            ask_bytes: self.asks.room.used() as u64,
            late_replies: self.asks.late(),
            retries: self.retries.retried.get(),
            hedges: self.retries.hedged.get(),
            retries_refused: self.retries.refused.get(),
            inbound_dropped: self.counters.inbound_dropped.get(),
            inbound_malformed: self.counters.inbound_malformed.get(),
            connections: connected.len() as u64,
            secondary_connections: self.companions.load(Ordering::Relaxed),
            views: self.counters.views.get(),
            gauges: self.gauges(&routing, &connected),
        }
    }

    /// What became of messages, by region. Connections neither begin nor end meanwhile.
    pub(crate) fn region_stats(&self) -> Vec<RegionStats> {
        let routing = self.routing.lock();
        let connected = self.connected.read();
        let live: Vec<_> = connected
            .values()
            .map(|peer| peer.outbox.counters())
            .collect();
        let sent = self.ledger.lock().accounts(live.iter().map(Vec::as_slice));
        routing.region_stats(&sent)
    }

    /// What became of messages, by node. Connections neither begin nor end meanwhile.
    pub(crate) fn node_stats(&self) -> Vec<NodeStats> {
        let _routing = self.routing.lock();
        let connected = self.connected.read();
        let live = connected
            .iter()
            .map(|(node, peer)| (node, peer.outbox.counters()));
        self.ledger.lock().nodes(live)
    }

    /// The instant of a deadline, for the router.
    pub(crate) fn instant(&self, deadline: Tick) -> Instant {
        self.clock.instant(deadline)
    }
}

/// Coordinators answer to this path and the region's name.
pub(crate) const LOCATIONS_PATH: &str = "/_proxy-";

impl Destination<'_> {
    pub(crate) fn target(&self) -> casty_routing::Target {
        match self {
            Self::Shard { region, shard, .. } => casty_routing::Target::Shard {
                region: *region,
                shard: *shard,
            },
            Self::Actor { node, .. } => casty_routing::Target::Node(node.clone()),
        }
    }
}

/// The carrier of messages that never leave the client.
pub(crate) const HERE: PeerId = PeerId(u32::MAX);
