//! The router of a client, and the performance of its outputs.
//!
//! It stands under one lock, which the hot path never takes. Outputs are performed without waiting:
//! a full outbox is an answer that the router is given.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use casty_proto::NodeAddress;
use casty_proto::message::{GetShardLocation, ShardLocation};
use casty_routing::{
    PendingMessage, Router, RouterConfig, RouterInput, RouterOutput, ShardCount, Target, View,
};
use casty_transport::{Leftover, OutboxCounters, Pushed, RejectReason, Rejected, UnsentMessage};

use crate::dead_letters::DeadLetter;
use crate::error::{NotSent, TellError};
use crate::message::{ACTORS_GROUP, Encoded, Outgoing, Region, Route, Tag, group, group_of};
use crate::node::peer::{self, Peer};
use crate::node::protocol::COORDINATORS_PATH;
use crate::runtime::clock::precise_now;
use crate::shared::Shared;
use crate::stats::per_region::{self, RegionIdentity, RegionStats, RouterCounters};

mod contradiction;
mod losses;
pub(crate) mod waiters;

use contradiction::log_contradiction;
use waiters::Waiters;

/// The router of one client.
pub(crate) struct Routing {
    pub(crate) router: Router<Arc<Peer>, Outgoing>,
    /// The instant of the next tick; `None` if the router waits for nothing.
    due: Option<Instant>,
    /// The requests that the control task has not taken yet.
    pub(crate) requests: ControlRequests,
    /// The dead letters that are reported once the lock is released.
    pub(crate) dead_letters: Vec<DeadLetter>,
    /// The tasks that wait for capacity in the pending buffer.
    pub(crate) waiters: Waiters,
    /// Set by an input that may have freed capacity.
    changed: bool,
    closed: bool,
    /// The counters of the messages that the router had, by [`group`].
    counters: Vec<RouterCounters>,
}

/// The router's requests to the control task.
#[derive(Default)]
pub(crate) struct ControlRequests {
    /// The nodes to connect, because messages wait for them.
    pub(crate) connections: Vec<NodeAddress>,
    /// The connected nodes whose outbox was full.
    pub(crate) capacity: Vec<CapacityRequest>,
}

/// The request to report when an outbox has capacity again.
pub(crate) struct CapacityRequest {
    pub(crate) peer: Arc<Peer>,
    /// The length of the frame that must fit, in bytes.
    pub(crate) length: usize,
}

impl Routing {
    /// Creates a router without a view.
    pub(crate) fn new(config: RouterConfig, seed: u64) -> Self {
        Self {
            router: Router::new(config, seed),
            due: None,
            requests: ControlRequests::default(),
            dead_letters: Vec::new(),
            waiters: Waiters::default(),
            changed: false,
            closed: false,
            counters: Vec::new(),
        }
    }

    /// Returns the messages that were accepted, of which the outboxes were given those that `sent`
    /// counts: by senders, or by the router, which counts what it was given itself.
    pub(crate) fn accepted(&self, sent: &[OutboxCounters]) -> u64 {
        let pushed = sent.iter().map(|group| group.accepted).sum::<u64>();
        let accepted = self.counters.iter().map(|group| group.accepted);
        let delivered = self.counters.iter().map(|group| group.delivered);
        pushed + accepted.sum::<u64>() - delivered.sum::<u64>()
    }

    /// Returns the counters of messages by region, those of the outboxes being `sent`.
    pub(crate) fn region_stats(&self, sent: &[OutboxCounters]) -> Vec<RegionStats> {
        let mut buffered = Vec::new();
        for (target, messages) in self.router.buffered_each() {
            let group = group(target);
            buffered.resize(buffered.len().max(group + 1), 0);
            buffered[group] += messages as u64;
        }
        let of = |group: usize, region: RegionIdentity| {
            let sent = sent.get(group).copied().unwrap_or_default();
            let routed = self.counters.get(group).copied().unwrap_or_default();
            let buffered = buffered.get(group).copied().unwrap_or_default();
            per_region::region(region, &sent, &routed, buffered)
        };
        let regions = self.router.regions();
        let regions = regions.map(|(id, name)| {
            let identity = RegionIdentity {
                region: Some(name.to_string()),
                shards: self.router.shard_count(id).map(ShardCount::get),
                contradiction: self.router.contradiction(id).cloned(),
            };
            of(group_of(id), identity)
        });
        let actors = of(ACTORS_GROUP, RegionIdentity::default());
        let actors = (actors.accepted > 0).then_some(actors);
        regions.chain(actors).collect()
    }

    /// Returns the number of regions whose shard count the view contradicts.
    pub(crate) fn contradicted(&self) -> usize {
        let regions = self.router.regions();
        let contradicted = regions.filter(|(id, _)| self.router.contradiction(*id).is_some());
        contradicted.count()
    }

    fn counters_of(&mut self, target: &Target) -> &mut RouterCounters {
        let group = group(target);
        if self.counters.len() <= group {
            self.counters.resize(group + 1, RouterCounters::default());
        }
        &mut self.counters[group]
    }

    /// Returns the number of messages that wait for a route.
    pub(crate) fn buffered(&self) -> usize {
        self.router.buffered().messages
    }

    /// Returns the instant at which the router is to be [ticked](Self::tick); `None` if it waits
    /// for nothing.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Routes a new message, or refuses it if the pending buffer is full or the router closed.
    pub(crate) fn send(
        &mut self,
        shared: &Shared,
        target: Target,
        outgoing: Outgoing,
    ) -> Result<(), TellError> {
        if self.closed {
            return Err(TellError::Closed);
        }
        if !self.router.accepts(&target, outgoing.message.len()) {
            return Err(TellError::BufferFull);
        }
        self.counters_of(&target).accepted += 1;
        let node = match &target {
            Target::Node(node) => Some(node.clone()),
            Target::Shard { .. } | Target::Leader => None,
        };
        let pending = pending_message(shared, target, outgoing);
        self.handle(shared, RouterInput::Send(pending));
        if let Some(peer) = node.and_then(|node| shared.connected.read().get(&node).cloned()) {
            self.note_backlog(&peer);
        }
        Ok(())
    }

    /// Handles a coordinator's answer.
    pub(crate) fn located(&mut self, shared: &Shared, region: &str, location: ShardLocation) {
        if let Some(region) = self.router.region_id(region) {
            self.handle(shared, RouterInput::Location { region, location });
        }
    }

    /// Handles a new view.
    pub(crate) fn view(&mut self, shared: &Shared, view: Arc<View>) {
        self.handle(shared, RouterInput::View(view));
    }

    /// Handles a connection just made. Buffered messages for its node go before any sent later.
    pub(crate) fn connected(&mut self, shared: &Shared, peer: Arc<Peer>) {
        self.handle(
            shared,
            RouterInput::PeerUp {
                node: peer.node.clone(),
                handle: Arc::clone(&peer),
            },
        );
        // After the router has delivered what was buffered: a sender that finds the node connected
        // puts its message behind.
        shared.connected.write().insert(peer.node.clone(), peer);
        shared.streams.changed();
    }

    /// Handles the end of a connection: messages that did not leave are routed again, and asks that
    /// had left end now.
    pub(crate) fn lost(&mut self, shared: &Shared, peer: &Peer, leftover: &Leftover<Tag>) {
        // First, so that newer messages for its actors come to the router, whose lock they wait
        // for, and go behind those that are requeued below. Those for its shards, which the table
        // still lists, are refused by the ended outbox and come here as well.
        shared.connected.write().remove(&peer.node);
        shared.streams.changed();
        shared.counters.ended(&peer.outbox);
        shared.ended.lock().add(&peer.node, &peer.outbox.counters());
        self.mark_unknown(shared, peer, &leftover.unknown);
        let unsent = self.requeue(shared, peer, &leftover.unsent);
        self.handle(
            shared,
            RouterInput::PeerDown {
                node: peer.node.clone(),
                unsent,
            },
        );
        // Last: asks of unknown fate are marked by now, and those that were requeued no longer name
        // this connection, so what ends here was written.
        shared.asks.lose(peer.id, &peer.node);
    }

    /// Requeues the matching messages in the outbox of a node that is about to be avoided, and has
    /// the outbox refuse more of them. The node may still answer asks that it has received.
    pub(crate) fn revoke(&mut self, shared: &Shared, peer: &Peer, matches: fn(&Tag) -> bool) {
        // Taken out and refused under one lock of the outbox: a newer message is refused there and
        // waits for the router's lock, so it does not overtake those that are requeued.
        let unsent = peer.outbox.revoke(matches);
        let unsent = self.requeue(shared, peer, &unsent);
        let node = peer.node.clone();
        self.handle(shared, RouterInput::PeerBusy { node, unsent });
        self.note_backlog(peer);
    }

    /// Requests a report from the control task when an outbox has capacity for a frame of `length`
    /// bytes.
    fn await_capacity(&mut self, shared: &Shared, to: &Arc<Peer>, length: usize) {
        // Waits for half of the outbox, so that one wake-up delivers many messages, but for no more
        // than the longest frame, because a longer one never has capacity.
        let worthwhile = (shared.limits.outbox_bytes / 2).min(shared.limits.max_frame);
        let length = length.max(worthwhile);
        self.requests.capacity.push(CapacityRequest {
            peer: Arc::clone(to),
            length,
        });
        shared.router_due.notify_one();
    }

    /// Returns the messages that came back from an outbox as the router takes them, and notes that
    /// their asks are carried by no connection. Those that were bound to the connection end here.
    fn requeue(
        &mut self,
        shared: &Shared,
        peer: &Peer,
        unsent: &[UnsentMessage<Tag>],
    ) -> Vec<PendingMessage<Outgoing>> {
        let readdressed = peer.identity.address() != shared.identity.address();
        let mut unreadable = Vec::new();
        let messages = unsent.iter().filter_map(|unsent| {
            let Some(outgoing) = peer::recover(unsent, readdressed, shared.is_traced()) else {
                tracing::error!(node = %peer.node, "bug: an unsent message could not be read");
                unreadable.push(unsent.tag);
                return None;
            };
            if let Some(ask) = outgoing.ask {
                shared.asks.requeued(ask, peer.id);
            }
            let target = unsent.tag.route.target(&peer.node);
            let message = pending_message(shared, target, outgoing);
            Some((unsent.tag.route, message))
        });
        let is_bound = |(route, _): &(Route, _)| *route == Route::Connection;
        let (bound, messages): (Vec<_>, Vec<_>) = messages.partition(is_bound);
        for (_, lost) in &bound {
            self.fail_not_sent(shared, lost, NotSent::ConnectionLost);
        }
        for tag in &unreadable {
            let target = tag.route.target(&peer.node);
            self.counters_of(&target).unknown += 1;
        }
        self.mark_unknown(shared, peer, &unreadable);
        messages.into_iter().map(|(_, message)| message).collect()
    }

    /// Handles that a node could not be connected although the view calls it up.
    pub(crate) fn suspected(&mut self, shared: &Shared, node: NodeAddress) {
        self.handle(shared, RouterInput::ConnectFailed(node));
    }

    /// Handles that a full outbox has capacity again.
    pub(crate) fn ready(&mut self, shared: &Shared, peer: &Peer) {
        self.handle(shared, RouterInput::PeerReady(peer.node.clone()));
        self.note_backlog(peer);
    }

    /// Handles that time has passed.
    pub(crate) fn tick(&mut self, shared: &Shared) {
        self.handle(shared, RouterInput::Tick);
    }

    /// Fails all buffered messages as not sent, and ends the waits for capacity.
    pub(crate) fn close(&mut self, shared: &Shared) {
        self.closed = true;
        self.handle(shared, RouterInput::Close);
        self.waiters.wake_all();
    }

    /// Gives the next waiting task its permit, if there may be more capacity than when `before`
    /// messages were buffered.
    pub(crate) fn wake_if_freed(&mut self, before: usize) {
        if std::mem::take(&mut self.changed) || self.buffered() < before {
            self.wake_next();
        }
    }

    /// Gives the next waiting task its permit, if there is capacity for its message.
    pub(crate) fn wake_next(&mut self) {
        self.waiters.wake_next(&self.router);
    }

    /// Performs the router's outputs until it waits.
    pub(crate) fn pump(&mut self, shared: &Shared) {
        loop {
            match self.router.poll() {
                RouterOutput::Deliver {
                    to,
                    node: _,
                    message,
                } => self.deliver(shared, &to, message),
                RouterOutput::Query {
                    leader,
                    name,
                    shard,
                    ..
                } => {
                    let reply_to = shared.locations_ref(&leader, &name);
                    let query = GetShardLocation {
                        shard_id: shard.get(),
                        reply_to,
                    };
                    shared.send_control(&leader, &format!("{COORDINATORS_PATH}{name}"), &query);
                }
                RouterOutput::Connect { node } => {
                    self.requests.connections.push(node);
                    shared.router_due.notify_one();
                }
                RouterOutput::Undeliverable { message, reason } => {
                    self.undeliverable(shared, &message, &reason);
                }
                RouterOutput::Contradiction {
                    name,
                    contradiction,
                    ..
                } => log_contradiction(&name, contradiction.as_ref()),
                // The router has delivered what it had buffered for the shards that the new table
                // lists, so a sender that finds an owner in it puts its message behind.
                RouterOutput::Publish(table) => shared.table.store(table),
                RouterOutput::Wait(due) => {
                    let earlier = due.is_some_and(|due| self.due.is_none_or(|armed| due < armed));
                    self.due = due;
                    // The control task sleeps until the instant that it read last. It need not be
                    // woken for a later one: it wakes, ticks the router and reads the new one.
                    if earlier {
                        shared.router_due.notify_one();
                    }
                    return;
                }
            }
        }
    }

    /// Has the router handle an input, and performs the outputs.
    fn handle(&mut self, shared: &Shared, input: RouterInput<Arc<Peer>, Outgoing>) {
        self.changed |= !matches!(input, RouterInput::Send(_) | RouterInput::Tick);
        self.router.handle(precise_now(), input);
        self.pump(shared);
        // As the backlog of a node is noted: after what was buffered went into an outbox.
        let backlog = self.router.has_buffered(&Target::Leader);
        shared.leader_backlog.store(backlog, Ordering::Release);
    }

    /// Puts a pending message into an outbox.
    fn push(
        &self,
        shared: &Shared,
        to: &Peer,
        pending: &PendingMessage<Outgoing>,
    ) -> Result<Pushed, Rejected<Tag>> {
        let Outgoing {
            actor,
            message,
            deadline,
            ask,
            kind,
            trace,
            readdressed,
        } = &pending.item;
        let edit = *readdressed || !to.is_confirmed();
        let edited = ask
            .filter(|_| edit)
            .and_then(|ask| shared.readdress(message, ask, to));
        let message = Encoded {
            bytes: edited.as_deref().unwrap_or(message),
            kind,
            trace: trace.as_ref(),
        };
        let tag = |route| Tag {
            route,
            deadline: *deadline,
            ask: *ask,
            kind,
        };
        match &pending.target {
            Target::Shard { region, shard } => {
                let name = self.router.region_name(*region).map_or("", |name| name);
                let named = Region { id: *region, name };
                to.push_traced_envelope(named, message, tag(Route::Shard(*region, *shard)))
            }
            Target::Node(_) | Target::Leader => {
                debug_assert!(actor.is_some(), "a message to a node has a path");
                let (path, class) = actor
                    .as_ref()
                    .map_or(("", ""), |(path, class)| (path, class));
                let to_leader = pending.target == Target::Leader;
                let route = if to_leader {
                    Route::Leader
                } else {
                    Route::Node
                };
                to.push_to_actor(path, class, message, Some(tag(route)))
            }
        }
    }

    /// Delivers a message to the outbox of a node, or gives it back to the router.
    fn deliver(&mut self, shared: &Shared, to: &Arc<Peer>, pending: PendingMessage<Outgoing>) {
        if let Some(ask) = pending.item.ask {
            if !shared.asks.is_awaited(ask) {
                return self.fail_not_sent(shared, &pending, NotSent::Abandoned);
            }
            // Before the push, as in `Core::send`.
            shared.asks.carried_by(ask, to.id);
        }
        let pushed = self.push(shared, to, &pending);
        if let (Err(_), Some(ask)) = (&pushed, pending.item.ask) {
            shared.asks.requeued(ask, to.id);
        }
        match pushed {
            Ok(_) => self.counters_of(&pending.target).delivered += 1,
            Err(Rejected {
                reason: RejectReason::TooLong { .. },
                ..
            }) => {
                self.fail_not_sent(shared, &pending, NotSent::TooLong);
            }
            Err(Rejected { reason, .. }) => {
                // Full: the control task reports when there is capacity again. Closed: the end of
                // the connection is reported next.
                if let RejectReason::Full { length, .. } = reason {
                    self.await_capacity(shared, to, length);
                }
                let node = to.node.clone();
                let busy = RouterInput::PeerBusy {
                    node,
                    unsent: vec![pending],
                };
                self.router.handle(precise_now(), busy);
                self.note_backlog(to);
            }
        }
    }

    /// Notes whether messages to actors of a connected node have to go behind buffered ones.
    fn note_backlog(&self, peer: &Peer) {
        let backlog = self.router.has_buffered(&Target::Node(peer.node.clone()));
        // Release, after the buffered messages went into the outbox; see `Core::send`. A task whose
        // message was buffered sees the flag that this call set for it, as its next message comes
        // after.
        peer.backlog.store(backlog, Ordering::Release);
    }
}

fn pending_message(
    shared: &Shared,
    target: Target,
    outgoing: Outgoing,
) -> PendingMessage<Outgoing> {
    let (bytes, deadline) = (outgoing.message.len(), shared.instant(outgoing.deadline));
    PendingMessage {
        target,
        item: outgoing,
        bytes,
        deadline,
    }
}
