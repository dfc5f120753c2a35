//! The router, and the carrying out of what it decides.
//!
//! Held under one lock, which the hot path never takes. Outputs are carried out without waiting:
//! an outbox that is full is an answer the router is given.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use casty_proto::NodeAddress;
use casty_proto::message::{GetShardLocation, ShardLocation};
use casty_routing::{
    PendingMessage, Router, RouterConfig, RouterInput, RouterOutput, Target, UndeliverableReason,
    View,
};
use casty_transport::{Leftover, OutboxCounters, RejectReason, Rejected, UnsentMessage};

use crate::dead_letters::{DeadLetter, Loss};
use crate::error::{Fate, NotSent, TellError};
use crate::message::{ACTORS_GROUP, Outgoing, Route, Tag, group_of};
use crate::node::peer::{self, Peer};
use crate::pending::outcome::Failure;
use crate::runtime::clock::precise_now;
use crate::shared::Shared;
use crate::stats::per_region::{self, RegionStats, RouterCounters};

pub(crate) mod waiters;

use waiters::Waiters;

/// The router of one client.
pub(crate) struct Routing {
    pub(crate) router: Router<Arc<Peer>, Outgoing>,
    /// When it wants to be told the time.
    due: Option<Instant>,
    /// What the control task is to see to.
    pub(crate) requests: ControlRequests,
    /// What the hook has yet to be told.
    pub(crate) dead_letters: Vec<DeadLetter>,
    /// Those who wait for room.
    pub(crate) waiters: Waiters,
    /// Something has happened that may have made room.
    changed: bool,
    /// What came through the router, by accounts.
    accounts: Vec<RouterCounters>,
}

/// What the router wants of the control task.
#[derive(Default)]
pub(crate) struct ControlRequests {
    /// Nodes to connect: something is held for them.
    pub(crate) connections: Vec<NodeAddress>,
    /// Connected nodes whose outbox was full, to be told when it has room for so long a frame.
    pub(crate) capacity: Vec<(Arc<Peer>, usize)>,
}

impl Routing {
    /// A router that knows nothing yet.
    pub(crate) fn new(config: RouterConfig, seed: u64) -> Self {
        Self {
            router: Router::new(config, seed),
            due: None,
            requests: ControlRequests::default(),
            dead_letters: Vec::new(),
            waiters: Waiters::default(),
            changed: false,
            accounts: Vec::new(),
        }
    }

    /// What became of messages by region, given what became of those in outboxes.
    pub(crate) fn region_stats(&self, sent: &[OutboxCounters]) -> Vec<RegionStats> {
        let mut holding = Vec::new();
        for (target, held) in self.router.buffered_each() {
            let account = account(target);
            holding.resize(holding.len().max(account + 1), 0);
            holding[account] += held as u64;
        }
        let of = |number: usize, region: Option<String>| {
            let sent = sent.get(number).copied().unwrap_or_default();
            let held = self.accounts.get(number).copied().unwrap_or_default();
            let holding = holding.get(number).copied().unwrap_or_default();
            per_region::region(region, &sent, &held, holding)
        };
        let regions = self.router.regions();
        let regions = regions.map(|(id, name)| of(group_of(id), Some(name.to_string())));
        let actors = of(ACTORS_GROUP, None);
        let actors = (actors.accepted > 0).then_some(actors);
        regions.chain(actors).collect()
    }

    fn account(&mut self, target: &Target) -> &mut RouterCounters {
        let number = account(target);
        if self.accounts.len() <= number {
            self.accounts.resize(number + 1, RouterCounters::default());
        }
        &mut self.accounts[number]
    }

    /// Messages that wait for a route.
    pub(crate) fn buffered(&self) -> usize {
        self.router.buffered().messages
    }

    /// When the router wants to be told the time.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Routes a new message.
    pub(crate) fn send(
        &mut self,
        shared: &Shared,
        target: Target,
        outgoing: Outgoing,
    ) -> Result<(), TellError> {
        if !self.router.accepts(&target, outgoing.message.len()) {
            return Err(TellError::BufferFull);
        }
        shared.counters.accepted.increment();
        self.account(&target).accepted += 1;
        let node = match &target {
            Target::Node(node) => Some(node.clone()),
            Target::Shard { .. } => None,
        };
        let pending = pending_message(shared, target, outgoing);
        self.handle(shared, RouterInput::Send(pending));
        if let Some(peer) = node.and_then(|node| shared.connected.read().get(&node).cloned()) {
            self.note_backlog(&peer);
        }
        Ok(())
    }

    /// Takes in a coordinator's answer.
    pub(crate) fn located(&mut self, shared: &Shared, region: &str, location: ShardLocation) {
        if let Some(region) = self.router.region_id(region) {
            self.handle(shared, RouterInput::Location { region, location });
        }
    }

    /// Takes in a new view.
    pub(crate) fn view(&mut self, shared: &Shared, view: Arc<View>) {
        self.handle(shared, RouterInput::View(view));
    }

    /// Takes in a connection just made. What was held for its node goes before what is sent next.
    pub(crate) fn connected(&mut self, shared: &Shared, peer: Arc<Peer>) {
        self.handle(
            shared,
            RouterInput::PeerUp {
                node: peer.node.clone(),
                handle: Arc::clone(&peer),
            },
        );
        shared.connected.write().insert(peer.node.clone(), peer);
    }

    /// Takes in the end of a connection: what did not leave is routed again, asks that had left
    /// end now.
    pub(crate) fn lost(&mut self, shared: &Shared, peer: &Peer, leftover: &Leftover<Tag>) {
        shared.connected.write().remove(&peer.node);
        shared
            .counters
            .written
            .add(usize::try_from(peer.outbox.messages_written()).unwrap_or(0));
        shared
            .ended
            .lock()
            .take_over(&peer.node, &peer.outbox.counters());
        self.mark_unknown(shared, peer, &leftover.unknown);
        let unsent = self.requeue(shared, peer, &leftover.unsent);
        self.handle(
            shared,
            RouterInput::PeerDown {
                node: peer.node.clone(),
                unsent,
            },
        );
        shared.asks.lose(peer.id, &peer.node);
    }

    /// Takes back what waits in the outbox of a node that is about to be avoided, and has it refuse
    /// the like. What the node was asked already it may still answer.
    pub(crate) fn revoke(&mut self, shared: &Shared, peer: &Peer, which: fn(&Tag) -> bool) {
        let unsent = peer.outbox.revoke(which);
        let unsent = self.requeue(shared, peer, &unsent);
        let node = peer.node.clone();
        self.handle(shared, RouterInput::PeerBusy { node, unsent });
        self.note_backlog(peer);
    }

    /// Has the control task tell when an outbox has room for a frame of `length` bytes.
    fn await_capacity(&mut self, shared: &Shared, to: &Arc<Peer>, length: usize) {
        // Half of the outbox is worth the wake-up; a longer frame than any may be has no place.
        let worthwhile = (shared.limits.outbox_bytes / 2).min(shared.limits.max_frame);
        let length = length.max(worthwhile);
        self.requests.capacity.push((Arc::clone(to), length));
        shared.router_due.notify_one();
    }

    /// What came back from an outbox, to be routed again.
    fn requeue(
        &mut self,
        shared: &Shared,
        peer: &Peer,
        unsent: &[UnsentMessage<Tag>],
    ) -> Vec<PendingMessage<Outgoing>> {
        let readdressed = peer.identity.address() != shared.identity.address();
        let mut unreadable = Vec::new();
        let messages = unsent.iter().filter_map(|unsent| {
            let Some(outgoing) = peer::recover(unsent, readdressed) else {
                tracing::error!(node = %peer.node, "bug: an unsent message could not be read");
                unreadable.push(unsent.tag);
                return None;
            };
            if let Some(ask) = outgoing.ask {
                shared.asks.requeued(ask, peer.id);
            }
            let target = unsent.tag.route.target(&peer.node);
            Some(pending_message(shared, target, outgoing))
        });
        let messages = messages.collect();
        for tag in &unreadable {
            let target = tag.route.target(&peer.node);
            self.account(&target).unknown += 1;
        }
        self.mark_unknown(shared, peer, &unreadable);
        messages
    }

    /// The end of messages that may have been in flight: counted, told to their askers, and to the
    /// hook as soon as may be.
    fn mark_unknown(&mut self, shared: &Shared, peer: &Peer, unknown: &[Tag]) {
        shared.counters.unknown.add(unknown.len());
        for tag in unknown {
            let node = peer.node.clone();
            if let Some(ask) = tag.ask {
                let node = node.clone();
                let fate = Fate::Unknown;
                shared.asks.fail(ask, Failure::Lost { node, fate });
            }
            if shared.dead_letters.is_open() {
                self.dead_letters.push(DeadLetter {
                    target: self.describe(&tag.route.target(&node), None),
                    message_type: tag.kind,
                    loss: Loss::InFlight { node },
                    length: None,
                    ask: tag.ask.is_some(),
                });
            }
        }
    }

    /// Takes in that a node could not be connected although the view calls it up.
    pub(crate) fn suspected(&mut self, shared: &Shared, node: NodeAddress) {
        self.handle(shared, RouterInput::ConnectFailed(node));
    }

    /// Takes in that a full outbox has room again.
    pub(crate) fn ready(&mut self, shared: &Shared, peer: &Peer) {
        self.handle(shared, RouterInput::PeerReady(peer.node.clone()));
        self.note_backlog(peer);
    }

    /// Takes in that time has passed.
    pub(crate) fn tick(&mut self, shared: &Shared) {
        self.handle(shared, RouterInput::Tick);
    }

    /// Gives up everything that is held.
    pub(crate) fn close(&mut self, shared: &Shared) {
        self.handle(shared, RouterInput::Close);
        self.waiters.wake_all();
    }

    /// Gives those who wait for room their turn, if there may be more than when `held` messages
    /// were held.
    pub(crate) fn wake_if_freed(&mut self, before: usize) {
        if std::mem::take(&mut self.changed) || self.buffered() < before {
            self.wake_next();
        }
    }

    /// Gives the next one that waits for room its turn, if there is some.
    pub(crate) fn wake_next(&mut self) {
        self.waiters.wake_next(&self.router);
    }

    /// Carries out what the router wants, until it waits.
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
                    shared.send_control(&leader, &format!("/_coord-{name}"), &query);
                }
                RouterOutput::Connect { node } => {
                    self.requests.connections.push(node);
                    shared.router_due.notify_one();
                }
                RouterOutput::Undeliverable { message, reason } => {
                    self.undeliverable(shared, &message, &reason)
                }
                RouterOutput::Publish(table) => shared.table.store(table),
                RouterOutput::Wait(due) => {
                    let earlier = due.is_some_and(|due| self.due.is_none_or(|armed| due < armed));
                    self.due = due;
                    if earlier {
                        shared.router_due.notify_one();
                    }
                    return;
                }
            }
        }
    }

    fn handle(&mut self, shared: &Shared, input: RouterInput<Arc<Peer>, Outgoing>) {
        self.changed |= !matches!(input, RouterInput::Send(_) | RouterInput::Tick);
        self.router.handle(precise_now(), input);
        self.pump(shared);
    }

    /// Puts a pending into an outbox.
    fn push(
        &self,
        shared: &Shared,
        to: &Peer,
        pending: &PendingMessage<Outgoing>,
    ) -> Result<(), Rejected<Tag>> {
        let Outgoing {
            actor,
            message,
            deadline,
            ask,
            kind,
            readdressed,
        } = &pending.item;
        let edit = *readdressed || !to.is_confirmed();
        let edited = ask
            .filter(|_| edit)
            .and_then(|ask| shared.readdress(message, ask, to));
        let message = edited.as_deref().unwrap_or(message);
        let tag = |route| Tag {
            route,
            deadline: *deadline,
            ask: *ask,
            kind,
        };
        match &pending.target {
            Target::Shard { region, shard } => {
                let name = self.router.region_name(*region).map_or("", |name| name);
                to.push_envelope(*region, name, message, tag(Route::Shard(*region, *shard)))
            }
            Target::Node(_) => {
                debug_assert!(actor.is_some(), "a message to a node has a path");
                let (path, class) = actor
                    .as_ref()
                    .map_or(("", ""), |(path, class)| (path, class));
                to.push_to_actor(path, class, message, Some(tag(Route::Node)))
            }
        }
    }

    fn deliver(&mut self, shared: &Shared, to: &Arc<Peer>, pending: PendingMessage<Outgoing>) {
        if let Some(ask) = pending.item.ask {
            if !shared.asks.is_awaited(ask) {
                return self.fail_not_sent(shared, &pending, NotSent::Abandoned);
            }
            shared.asks.carried_by(ask, to.id);
        }
        let pushed = self.push(shared, to, &pending);
        if let (Err(_), Some(ask)) = (&pushed, pending.item.ask) {
            shared.asks.requeued(ask, to.id);
        }
        match pushed {
            Ok(()) => self.account(&pending.target).delivered += 1,
            Err(Rejected {
                reason: RejectReason::TooLong { .. },
                ..
            }) => {
                self.fail_not_sent(shared, &pending, NotSent::TooLong);
            }
            Err(Rejected { reason, .. }) => {
                // Full: the control task tells when there is room again. Closed: the end of the
                // connection is about to be told.
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

    /// Notes whether messages to actors of a connected node have to go behind others.
    fn note_backlog(&self, peer: &Peer) {
        let backlog = self.router.has_buffered(&Target::Node(peer.node.clone()));
        peer.backlog.store(backlog, Ordering::Release);
    }

    fn undeliverable(
        &mut self,
        shared: &Shared,
        pending: &PendingMessage<Outgoing>,
        reason: &UndeliverableReason,
    ) {
        tracing::debug!(target = ?pending.target, %reason, "message not sent");
        let reason = match reason {
            UndeliverableReason::BufferFull { .. } => NotSent::BufferFull,
            UndeliverableReason::Displaced => NotSent::Displaced,
            UndeliverableReason::Deadline { missing } => NotSent::Expired(missing.clone()),
            UndeliverableReason::NodeGone { .. } => NotSent::NodeGone,
            UndeliverableReason::WrongCount { .. }
            | UndeliverableReason::UnknownShard { .. }
            | UndeliverableReason::UnknownRegion => NotSent::OtherShardCount,
            // The only one that is left.
            _ => NotSent::Closed,
        };
        self.fail_not_sent(shared, pending, reason);
    }

    /// The end of a message that was never sent: counted, told to its asker, and to the hook as soon as may be.
    fn fail_not_sent(
        &mut self,
        shared: &Shared,
        pending: &PendingMessage<Outgoing>,
        reason: NotSent,
    ) {
        shared.counters.not_sent.add(1);
        self.account(&pending.target).not_sent += 1;
        if let Some(ask) = pending.item.ask {
            shared.asks.fail(ask, Failure::NotSent(reason.clone()));
        }
        if shared.dead_letters.is_open() {
            let path = pending.item.actor.as_ref().map(|(path, _)| &**path);
            self.dead_letters.push(DeadLetter {
                target: self.describe(&pending.target, path),
                message_type: pending.item.kind,
                loss: reason.into(),
                length: Some(pending.item.message.len()),
                ask: pending.item.ask.is_some(),
            });
        }
    }

    /// Whom a message was for, in words.
    fn describe(&self, target: &Target, path: Option<&str>) -> String {
        match target {
            Target::Shard { region, shard } => {
                let name = self.router.region_name(*region).map_or("", |name| name);
                format!("{name}/{shard}")
            }
            Target::Node(node) => format!("{node}{}", path.unwrap_or_default()),
        }
    }
}

/// The account of messages to a target.
fn account(target: &Target) -> usize {
    match target {
        Target::Shard { region, .. } => group_of(*region),
        Target::Node(_) => ACTORS_GROUP,
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
