//! The sending of a message: into the outbox of its owner, or by the router.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use casty_proto::NodeAddress;
use casty_proto::message::ShardLocation;
#[cfg(feature = "metrics")]
use casty_routing::RegionId;
use casty_routing::ShardId;
use casty_transport::{Pushed, RejectReason, Rejected};
use parking_lot::Mutex;

use crate::error::TellError;
use crate::message::{Destination, Encoded, Outgoing, Region, Route, Tag};
use crate::node::identity::Identity;
use crate::node::peer::Peer;
use crate::pending_asks::id::{OpenAsk, PeerId};
use crate::pending_asks::reply::EncodedReply;
use crate::routing::Routing;
use crate::runtime::clock::Tick;
use crate::send::tables::Current;
use crate::shared::Shared;

pub(crate) mod batch;
pub(crate) mod give_way;
pub(crate) mod stats;
pub(crate) mod tables;
pub(crate) mod wait;

/// The client as its handles and tasks use it: what is shared, and the router under its lock.
pub(crate) struct Core {
    shared: Shared,
    /// The router, which the hot path does not use. First in the [lock order](crate::shared).
    pub(crate) routing: Mutex<Routing>,
}

impl Deref for Core {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// Returns the error of a message that the outbox of `node` rejected; `None` if the router is to find
/// a route: the connection has just ended, or earlier messages are buffered.
///
/// Should the owner be connected again meanwhile, the router's lock still keeps the order: it
/// delivers before it publishes.
fn refusal(reason: RejectReason, node: NodeAddress) -> Option<TellError> {
    match reason {
        RejectReason::Full { length, limit } => Some(TellError::Busy {
            node,
            length,
            limit,
        }),
        RejectReason::TooLong { length, limit } => Some(TellError::TooLong { length, limit }),
        _ => None,
    }
}

impl Core {
    /// Returns the client that uses `shared` and `routing`.
    pub(crate) fn new(shared: Shared, routing: Routing) -> Self {
        Self {
            shared,
            routing: Mutex::new(routing),
        }
    }

    /// Puts an encoded message into the outbox of the connected node it is for, or hands it to the
    /// router. An `ask` ends with the message's fate.
    pub(crate) fn send(
        &self,
        to: &Destination<'_>,
        message: Encoded<'_>,
        ask: Option<OpenAsk>,
    ) -> Result<(), TellError> {
        let (node, route, path, class) = match *to {
            Destination::Shard {
                region: id,
                name,
                shard,
            } => {
                let to = (Region { id, name }, shard);
                return match ask {
                    Some(ask) => self.ask_shard(to, message, ask, None),
                    None => self.tell_shard(to, message),
                };
            }
            Destination::Actor {
                ref node,
                path,
                class,
            } => (Some(Cow::Borrowed(node)), Route::Node, path, class),
            Destination::Leader { path, class } => {
                (self.leader().map(Cow::Owned), Route::Leader, path, class)
            }
        };
        if self.is_closed() {
            return Err(TellError::Closed);
        }
        let tag = self.tag(route, message, ask);
        let deadline = tag.deadline;
        // Before a lock is taken: it is the program's code that returns it.
        let trace = self.trace_of(message.trace);
        let trace = trace.as_ref();
        let message = Encoded { trace, ..message };
        let pushed = match &node {
            Some(node) => self.push_to_node(node, (path, class), (message, ask), tag),
            None => Err(None),
        };
        match pushed {
            Ok(pushed) => {
                give_way::note(pushed.fills_batch);
                Ok(())
            }
            Err(Some(refused)) => Err(refused),
            Err(None) => self.send_by_router(to, message, deadline, ask),
        }
    }

    /// Does the same for a message to an entity that is no ask: what only others need is left out.
    pub(crate) fn tell_shard(
        &self,
        to: (Region<'_>, ShardId),
        message: Encoded<'_>,
    ) -> Result<(), TellError> {
        self.send_to_shard(to, message, None, None)
    }

    /// Does the same for an ask of an entity. `looked` is the table that was looked at for it before.
    pub(crate) fn ask_shard(
        &self,
        to: (Region<'_>, ShardId),
        message: Encoded<'_>,
        ask: OpenAsk,
        looked: Option<Current>,
    ) -> Result<(), TellError> {
        self.send_to_shard(to, message, Some(ask), looked)
    }

    /// Does what [`send`](Self::send) does for the owner of a shard, wherever it is called, without what
    /// cannot be there.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "leaves out what a caller never needs")]
    fn send_to_shard(
        &self,
        (region, shard): (Region<'_>, ShardId),
        message: Encoded<'_>,
        ask: Option<OpenAsk>,
        looked: Option<Current>,
    ) -> Result<(), TellError> {
        if self.is_closed() {
            return Err(TellError::Closed);
        }
        let tag = self.tag(Route::Shard(region.id, shard), message, ask);
        // No lock: the table is immutable, and lists the owner of a shard only if every older message
        // for that shard is in the owner's outbox, so this one goes behind.
        let table = match looked {
            Some(looked) => self.table.refreshed(looked),
            None => self.table.current(),
        };
        let Some(peer) = table.owner(region.id, shard) else {
            let to = region.destination(shard);
            return self.send_by_router(&to, message, tag.deadline, ask);
        };
        let bytes = self.carry(message.bytes, ask, peer);
        let pushed = if self.is_traced() {
            let bytes = &*bytes;
            self.push_traced(peer, region, Encoded { bytes, ..message }, tag)
        } else {
            peer.push_envelope(region.id, region.name, &bytes, tag)
        };
        match pushed {
            Ok(pushed) => {
                give_way::note(pushed.fills_batch);
                Ok(())
            }
            Err(rejected) => {
                let to = region.destination(shard);
                match self.not_pushed(peer, &rejected) {
                    Some(refused) => Err(refused),
                    None => self.send_by_router(&to, message, tag.deadline, ask),
                }
            }
        }
    }

    /// Puts an encoded envelope into the outbox of its shard's owner, with its trace context if it has one.
    #[cold]
    #[inline(never)]
    fn push_traced(
        &self,
        peer: &Peer,
        region: Region<'_>,
        message: Encoded<'_>,
        tag: Tag,
    ) -> Result<Pushed, Rejected<Tag>> {
        let trace = self.trace_of(message.trace);
        let trace = trace.as_ref();
        peer.push_traced_envelope(region, Encoded { trace, ..message }, tag)
    }

    /// Puts an encoded message for an actor into the outbox of one connection to its node, with which it is
    /// lost: no other takes it. `None`: that has ended, or the view calls the node gone.
    pub(crate) fn send_by(
        &self,
        (node, by): (&NodeAddress, PeerId),
        (path, class): (&str, &str),
        message: Encoded<'_>,
    ) -> Option<Result<(), TellError>> {
        if self.is_closed() {
            return Some(Err(TellError::Closed));
        }
        if self.is_gone(node) {
            return None;
        }
        let connected = self.connected.read();
        let peer = connected.get(node).filter(|peer| peer.id == by)?;
        let tag = self.tag(Route::Connection, message, None);
        match peer.push_to_actor(path, class, message, Some(tag)) {
            Ok(pushed) => {
                give_way::note(pushed.fills_batch);
                Some(Ok(()))
            }
            Err(rejected) => refusal(rejected.reason, node.clone()).map(Err),
        }
    }

    /// Returns what the client remembers of a message on this route.
    #[inline]
    fn tag(&self, route: Route, message: Encoded<'_>, ask: Option<OpenAsk>) -> Tag {
        Tag {
            route,
            deadline: match ask {
                Some(ask) => ask.deadline,
                None => self.clock.deadline(self.limits.buffer_timeout),
            },
            ask: ask.map(|ask| ask.id),
            kind: message.kind,
        }
    }

    /// Puts a message for an actor into the outbox of its node. `Err(None)`: the router is to find a route.
    /// The lock is released at the end, before that of the router is taken, which comes first in the lock
    /// order.
    fn push_to_node(
        &self,
        node: &NodeAddress,
        (path, class): (&str, &str),
        (message, ask): (Encoded<'_>, Option<OpenAsk>),
        tag: Tag,
    ) -> Result<Pushed, Option<TellError>> {
        let connected = self.connected.read();
        let peer = connected.get(node);
        let backlog = |peer: &&Arc<Peer>| match tag.route {
            Route::Leader => self.leader_backlog.load(Ordering::Acquire),
            _ => peer.backlog.load(Ordering::Acquire),
        };
        // Pairs with the Release in `Routing`, where each is noted: a sender that sees no backlog sees
        // the outbox as the router left it, and its message goes behind.
        let direct = peer.filter(|peer| !backlog(peer));
        let peer = direct.ok_or(None)?;
        let bytes = &*self.carry(message.bytes, ask, peer);
        let message = Encoded { bytes, ..message };
        let pushed = peer.push_to_actor(path, class, message, Some(tag));
        pushed.map_err(|rejected| self.not_pushed(peer, &rejected))
    }

    /// Notes that an ask goes another way than was expected when it was opened.
    fn forget_expected(&self, ask: OpenAsk) {
        if let Some(carrier) = ask.carrier {
            self.asks.not_carried(ask.id, carrier);
        }
    }

    /// Notes the connection that carries an ask, and returns the message as it is to be sent there.
    #[inline]
    fn carry<'m>(&self, message: &'m [u8], ask: Option<OpenAsk>, by: &Peer) -> Cow<'m, [u8]> {
        let Some(ask) = ask else {
            return Cow::Borrowed(message);
        };
        // Before the push: the connection may be lost right after it, and ends the asks that name
        // it.
        if ask.carrier != Some(by.id) {
            self.forget_expected(ask);
            self.asks.carried_by(ask.id, by.id);
        }
        if by.is_confirmed() {
            return Cow::Borrowed(message);
        }
        let readdressed = self.readdress(message, ask.id, by);
        readdressed.map_or(Cow::Borrowed(message), Cow::Owned)
    }

    /// Notes that a connection did not accept a message, and returns its error; `None` if the router
    /// is to find a route.
    #[cold]
    fn not_pushed(&self, peer: &Peer, rejected: &Rejected<Tag>) -> Option<TellError> {
        if let Some(ask) = rejected.tag.and_then(|tag| tag.ask) {
            self.asks.requeued(ask, peer.id);
        }
        refusal(rejected.reason, peer.node.clone())
    }

    /// Sends an ask although the client accepts no more, as long as its router does.
    pub(crate) fn send_last(
        &self,
        to: &Destination<'_>,
        message: Encoded<'_>,
        ask: OpenAsk,
    ) -> Result<(), TellError> {
        self.send_by_router(to, message, ask.deadline, Some(ask))
    }

    /// Does what [`send`](Self::send) does for a message that is no ask, and by the router once the client
    /// accepts no more, as long as that is open: the actors of a client that closes answer what they were
    /// sent before.
    pub(crate) fn send_while_closing(
        &self,
        to: &Destination<'_>,
        message: Encoded<'_>,
    ) -> Result<(), TellError> {
        match self.send(to, message, None) {
            Err(TellError::Closed) => {
                let deadline = self.clock.deadline(self.limits.buffer_timeout);
                self.send_by_router(to, message, deadline, None)
            }
            sent => sent,
        }
    }

    /// Hands a message to the router.
    #[cold]
    fn send_by_router(
        &self,
        to: &Destination<'_>,
        Encoded { bytes, kind, trace }: Encoded<'_>,
        deadline: Tick,
        ask: Option<OpenAsk>,
    ) -> Result<(), TellError> {
        if let Some(ask) = ask {
            self.forget_expected(ask);
        }
        // Header and message must fit a frame; the header is a few hundred bytes at most.
        let (length, limit) = (bytes.len() + 1024, self.limits.max_frame);
        if length > limit {
            return Err(TellError::TooLong { length, limit });
        }
        let outgoing = Outgoing {
            actor: match to {
                Destination::Shard { .. } => None,
                Destination::Actor { path, class, .. } | Destination::Leader { path, class } => {
                    Some(((*path).into(), (*class).into()))
                }
            },
            message: Bytes::copy_from_slice(bytes),
            deadline,
            ask: ask.map(|ask| ask.id),
            kind,
            trace: self.trace_of(trace),
            readdressed: false,
        };
        self.route(|routing| routing.send(self, to.target(), outgoing))
    }

    /// Calls `act` with the router, locked. Dead letters go to the hook once the lock is released.
    pub(crate) fn route<R>(&self, act: impl FnOnce(&mut Routing) -> R) -> R {
        let mut routing = self.routing.lock();
        let buffered = routing.buffered();
        let outcome = act(&mut routing);
        // Under the same lock, so that no task that begins to wait meanwhile misses the capacity.
        routing.wake_if_freed(buffered);
        let dead_letters = std::mem::take(&mut routing.dead_letters);
        // The hook is the user's code and may use the client, which takes the lock again.
        drop(routing);
        for letter in dead_letters {
            self.dead_letters.send(letter);
        }
        outcome
    }

    /// Delivers a message to an actor of this client, or a reply to one of its asks.
    pub(crate) fn deliver_here(&self, path: &str, message: Bytes) -> Result<(), TellError> {
        let address = Identity::address_in_path(path.as_bytes());
        let reply = || EncodedReply::from(message.clone());
        // A client that closes waits for the replies to its asks, those of its own actors among them.
        if address.is_some_and(|address| self.asks.end(address, Ok(reply()))) {
            return Ok(());
        }
        if self.is_closed() {
            return Err(TellError::Closed);
        }
        self.mailboxes.deliver(path, message, None)
    }

    /// Hands a coordinator's answer to the router.
    pub(crate) fn located(&self, region: &str, location: ShardLocation) {
        self.route(|routing| routing.located(self, region, location));
    }

    /// Has the control task connect a node for which nothing is sent yet, unless it is gone.
    pub(crate) fn want(&self, node: &NodeAddress) {
        if self.is_gone(node) {
            return;
        }
        self.routing.lock().requests.connections.push(node.clone());
        self.router_due.notify_one();
    }

    /// Returns the name of a region in use.
    #[cfg(feature = "metrics")]
    pub(crate) fn region_name(&self, region: RegionId) -> String {
        let routing = self.routing.lock();
        let mut regions = routing.router.regions();
        let found = regions.find(|(id, _)| *id == region);
        found.map_or_else(String::new, |(_, name)| name.to_string())
    }

    /// Ends every message, ask and actor that still waits: no task moves messages or keeps the time
    /// any longer.
    pub(crate) fn end(&self) {
        // Before the locks below are taken; see `is_closed`.
        self.closed.store(true, Ordering::SeqCst);
        self.route(|routing| routing.close(self));
        let mut connected: Vec<_> = self.connected.read().values().cloned().collect();
        // In one order, so that a simulation repeats itself.
        connected.sort_unstable_by_key(|peer| peer.id);
        for peer in connected {
            peer.outbox.abort();
        }
        self.asks.end_all();
        self.mailboxes.close();
        self.streams.changed();
        // Who waits for a first view.
        self.views.note();
        self.vitals.note();
        self.dead_letters.close();
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};
    use std::time::Duration;

    use casty_transport::MemoryNetwork;

    use super::*;
    use crate::pending_asks::opening::{AskKind, LoneAsk};
    use crate::{ClusterClient, TransportConfig};

    #[tokio::test]
    async fn an_ask_whose_owner_is_gone_when_it_is_sent_does_not_end_with_that() {
        let client = ClusterClient::builder("s")
            .contact_point("n:1")
            .transport(TransportConfig::memory(MemoryNetwork::new()));
        let client = client.connect().await.unwrap();
        let core = client.core();
        let region = client.region("r", 1).unwrap();
        let deadline = core.clock.deadline(Duration::from_mins(1));
        let carrier = Some(PeerId(7));
        let opened = core.asks.open(LoneAsk {
            deadline,
            kind: AskKind::Once,
            carrier,
            waiter: None,
        });
        let id = opened.unwrap().id;
        let message = Encoded {
            bytes: b"message",
            kind: "kind",
            trace: None,
        };
        let ask = OpenAsk {
            id,
            deadline,
            carrier,
        };
        let to = region.destination(ShardId::new(0));
        core.send(&to, message, Some(ask)).unwrap();
        assert_eq!(client.stats().buffered, 1);
        core.asks.lose(PeerId(7), &NodeAddress::new("n", 1));
        let cx = Context::from_waker(Waker::noop());
        assert!(core.asks.poll(id, &cx).is_pending());
    }
}
