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
use crate::node::peer::{self, ACTORS, Aim, Outgoing, Peer, Tag, account_of};
use crate::pending::Failure;
use crate::runtime::clock::precise_now;
use crate::send::Core;
use crate::send::wait::Queue;
use crate::stats::accounts::{self, HeldAccount, RegionStats};

/// The router of one client.
pub(crate) struct Routing {
    pub(crate) router: Router<Arc<Peer>, Outgoing>,
    /// When it wants to be told the time.
    due: Option<Instant>,
    /// What the control task is to see to.
    pub(crate) wants: Wants,
    /// What the hook has yet to be told.
    pub(crate) letters: Vec<DeadLetter>,
    /// Those who wait for room.
    pub(crate) queue: Queue,
    /// Something has happened that may have made room.
    stirred: bool,
    /// What came through the router, by accounts.
    accounts: Vec<HeldAccount>,
}

/// What the router wants of the control task.
#[derive(Default)]
pub(crate) struct Wants {
    /// Nodes to connect: something is held for them.
    pub(crate) connections: Vec<NodeAddress>,
    /// Connected nodes whose outbox was full, to be told when it has room for so long a frame.
    pub(crate) room: Vec<(Arc<Peer>, usize)>,
}

impl Routing {
    /// A router that knows nothing yet.
    pub(crate) fn new(config: RouterConfig, seed: u64) -> Self {
        Self {
            router: Router::new(config, seed),
            due: None,
            wants: Wants::default(),
            letters: Vec::new(),
            queue: Queue::default(),
            stirred: false,
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
            accounts::region(region, &sent, &held, holding)
        };
        let regions = self.router.regions();
        let regions = regions.map(|(id, name)| of(account_of(id), Some(name.to_string())));
        let actors = of(ACTORS, None);
        let actors = (actors.accepted > 0).then_some(actors);
        regions.chain(actors).collect()
    }

    fn account(&mut self, target: &Target) -> &mut HeldAccount {
        let number = account(target);
        if self.accounts.len() <= number {
            self.accounts.resize(number + 1, HeldAccount::default());
        }
        &mut self.accounts[number]
    }

    /// Messages that wait for a route.
    pub(crate) fn held(&self) -> usize {
        self.router.buffered().messages
    }

    /// When the router wants to be told the time.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Routes a new message.
    pub(crate) fn send(
        &mut self,
        core: &Core,
        target: Target,
        outgoing: Outgoing,
    ) -> Result<(), TellError> {
        if !self.router.accepts(&target, outgoing.message.len()) {
            return Err(TellError::BufferFull);
        }
        core.counters.accepted.increment();
        self.account(&target).accepted += 1;
        let node = match &target {
            Target::Node(node) => Some(node.clone()),
            Target::Shard { .. } => None,
        };
        let pending = pending_message(core, target, outgoing);
        self.tell(core, RouterInput::Send(pending));
        if let Some(peer) = node.and_then(|node| core.connected.read().get(&node).cloned()) {
            self.note_backlog(&peer);
        }
        Ok(())
    }

    /// Takes in a coordinator's answer.
    pub(crate) fn located(&mut self, core: &Core, region: &str, location: ShardLocation) {
        if let Some(region) = self.router.region_id(region) {
            self.tell(core, RouterInput::Location { region, location });
        }
    }

    /// Takes in a new view.
    pub(crate) fn view(&mut self, core: &Core, view: Arc<View>) {
        self.tell(core, RouterInput::View(view));
    }

    /// Takes in a connection just made. What was held for its node goes before what is sent next.
    pub(crate) fn connected(&mut self, core: &Core, peer: Arc<Peer>) {
        self.tell(
            core,
            RouterInput::PeerUp {
                node: peer.node.clone(),
                handle: Arc::clone(&peer),
            },
        );
        core.connected.write().insert(peer.node.clone(), peer);
    }

    /// Takes in the end of a connection: what did not leave is routed again, asks that had left
    /// end now.
    pub(crate) fn lost(&mut self, core: &Core, peer: &Peer, leftover: &Leftover<Tag>) {
        core.connected.write().remove(&peer.node);
        core.counters
            .written
            .add(usize::try_from(peer.outbox.messages_written()).unwrap_or(0));
        core.ledger
            .lock()
            .take_over(&peer.node, &peer.outbox.counters());
        self.doubt(core, peer, &leftover.unknown);
        let unsent = self.take_back(core, peer, &leftover.unsent);
        self.tell(
            core,
            RouterInput::PeerDown {
                node: peer.node.clone(),
                unsent,
            },
        );
        core.asks.lose(peer.id, &peer.node);
    }

    /// Takes back what waits in the outbox of a node that is about to be avoided, and has it refuse
    /// the like. What the node was asked already it may still answer.
    pub(crate) fn recall(&mut self, core: &Core, peer: &Peer, which: fn(&Tag) -> bool) {
        let unsent = peer.outbox.revoke(which);
        let unsent = self.take_back(core, peer, &unsent);
        let node = peer.node.clone();
        self.tell(core, RouterInput::PeerBusy { node, unsent });
        self.note_backlog(peer);
    }

    /// Has the control task tell when an outbox has room for a frame of `length` bytes.
    fn await_room(&mut self, core: &Core, to: &Arc<Peer>, length: usize) {
        // Half of the outbox is worth the wake-up; a longer frame than any may be has no place.
        let worthwhile = (core.limits.outbox_bytes / 2).min(core.limits.max_frame);
        let length = length.max(worthwhile);
        self.wants.room.push((Arc::clone(to), length));
        core.router_due.notify_one();
    }

    /// What came back from an outbox, to be routed again.
    fn take_back(
        &mut self,
        core: &Core,
        peer: &Peer,
        unsent: &[UnsentMessage<Tag>],
    ) -> Vec<PendingMessage<Outgoing>> {
        let readdressed = peer.identity.address() != core.identity.address();
        let mut unreadable = Vec::new();
        let messages = unsent.iter().filter_map(|unsent| {
            let Some(outgoing) = peer::recover(unsent, readdressed) else {
                tracing::error!(node = %peer.node, "bug: an unsent message could not be read");
                unreadable.push(unsent.tag);
                return None;
            };
            if let Some(ask) = outgoing.ask {
                core.asks.returned(ask, peer.id);
            }
            let target = target_of(unsent.tag.aim, &peer.node);
            Some(pending_message(core, target, outgoing))
        });
        let messages = messages.collect();
        for tag in &unreadable {
            let target = target_of(tag.aim, &peer.node);
            self.account(&target).unknown += 1;
        }
        self.doubt(core, peer, &unreadable);
        messages
    }

    /// The end of messages that may have been in flight: counted, told to their askers, and to the
    /// hook as soon as may be.
    fn doubt(&mut self, core: &Core, peer: &Peer, unknown: &[Tag]) {
        core.counters.unknown.add(unknown.len());
        for tag in unknown {
            let node = peer.node.clone();
            if let Some(ask) = tag.ask {
                let node = node.clone();
                let fate = Fate::Unknown;
                core.asks.fail(ask, Failure::Lost { node, fate });
            }
            if core.dead_letters.is_open() {
                self.letters.push(DeadLetter {
                    target: self.describe(&target_of(tag.aim, &node), None),
                    message_type: tag.kind,
                    loss: Loss::InFlight { node },
                    length: None,
                    ask: tag.ask.is_some(),
                });
            }
        }
    }

    /// Takes in that a node could not be connected although the view calls it up.
    pub(crate) fn suspected(&mut self, core: &Core, node: NodeAddress) {
        self.tell(core, RouterInput::ConnectFailed(node));
    }

    /// Takes in that a full outbox has room again.
    pub(crate) fn ready(&mut self, core: &Core, peer: &Peer) {
        self.tell(core, RouterInput::PeerReady(peer.node.clone()));
        self.note_backlog(peer);
    }

    /// Takes in that time has passed.
    pub(crate) fn tick(&mut self, core: &Core) {
        self.tell(core, RouterInput::Tick);
    }

    /// Gives up everything that is held.
    pub(crate) fn close(&mut self, core: &Core) {
        self.tell(core, RouterInput::Close);
        self.queue.wake_all();
    }

    /// Gives those who wait for room their turn, if there may be more than when `held` messages
    /// were held.
    pub(crate) fn settle(&mut self, held: usize) {
        if std::mem::take(&mut self.stirred) || self.held() < held {
            self.wake_next();
        }
    }

    /// Gives the next one that waits for room its turn, if there is some.
    pub(crate) fn wake_next(&mut self) {
        self.queue.wake_next(&self.router);
    }

    /// Carries out what the router wants, until it waits.
    pub(crate) fn pump(&mut self, core: &Core) {
        loop {
            match self.router.poll() {
                RouterOutput::Deliver {
                    to,
                    node: _,
                    message,
                } => self.deliver(core, &to, message),
                RouterOutput::Query {
                    leader,
                    name,
                    shard,
                    ..
                } => {
                    let reply_to = core.locations_ref(&leader, &name);
                    let query = GetShardLocation {
                        shard_id: shard.get(),
                        reply_to,
                    };
                    core.send_control(&leader, &format!("/_coord-{name}"), &query);
                }
                RouterOutput::Connect { node } => {
                    self.wants.connections.push(node);
                    core.router_due.notify_one();
                }
                RouterOutput::Undeliverable { message, reason } => {
                    self.give_up(core, &message, &reason)
                }
                RouterOutput::Publish(table) => core.table.store(table),
                RouterOutput::Wait(due) => {
                    let earlier = due.is_some_and(|due| self.due.is_none_or(|armed| due < armed));
                    self.due = due;
                    if earlier {
                        core.router_due.notify_one();
                    }
                    return;
                }
            }
        }
    }

    fn tell(&mut self, core: &Core, input: RouterInput<Arc<Peer>, Outgoing>) {
        self.stirred |= !matches!(input, RouterInput::Send(_) | RouterInput::Tick);
        self.router.handle(precise_now(), input);
        self.pump(core);
    }

    /// Puts a pending into an outbox.
    fn push(
        &self,
        core: &Core,
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
        let edit = *readdressed || !to.is_settled();
        let edited = ask
            .filter(|_| edit)
            .and_then(|ask| core.readdress(message, ask, to));
        let message = edited.as_deref().unwrap_or(message);
        let tag = |aim| Tag {
            aim,
            deadline: *deadline,
            ask: *ask,
            kind,
        };
        match &pending.target {
            Target::Shard { region, shard } => {
                let name = self.router.region_name(*region).map_or("", |name| name);
                to.push_envelope((*region, name), message, tag(Aim::Shard(*region, *shard)))
            }
            Target::Node(_) => {
                debug_assert!(actor.is_some(), "a message to a node has a path");
                let (path, class) = actor
                    .as_ref()
                    .map_or(("", ""), |(path, class)| (path, class));
                to.push_to_actor((path, class), message, Some(tag(Aim::Node)))
            }
        }
    }

    fn deliver(&mut self, core: &Core, to: &Arc<Peer>, pending: PendingMessage<Outgoing>) {
        if let Some(ask) = pending.item.ask {
            if !core.asks.is_awaited(ask) {
                return self.bury(core, &pending, NotSent::Abandoned);
            }
            core.asks.carried_by(ask, to.id);
        }
        let pushed = self.push(core, to, &pending);
        if let (Err(_), Some(ask)) = (&pushed, pending.item.ask) {
            core.asks.returned(ask, to.id);
        }
        match pushed {
            Ok(()) => self.account(&pending.target).delivered += 1,
            Err(Rejected {
                reason: RejectReason::TooLong { .. },
                ..
            }) => {
                self.bury(core, &pending, NotSent::TooLong);
            }
            Err(Rejected { reason, .. }) => {
                // Full: the control task tells when there is room again. Closed: the end of the
                // connection is about to be told.
                if let RejectReason::Full { length, .. } = reason {
                    self.await_room(core, to, length);
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

    fn give_up(
        &mut self,
        core: &Core,
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
        self.bury(core, pending, reason);
    }

    /// The end of a message that was never sent: counted, told to its asker, and to the hook as soon as may be.
    fn bury(&mut self, core: &Core, pending: &PendingMessage<Outgoing>, reason: NotSent) {
        core.counters.not_sent.add(1);
        self.account(&pending.target).not_sent += 1;
        if let Some(ask) = pending.item.ask {
            core.asks.fail(ask, Failure::NotSent(reason.clone()));
        }
        if core.dead_letters.is_open() {
            let path = pending.item.actor.as_ref().map(|(path, _)| &**path);
            self.letters.push(DeadLetter {
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
        Target::Shard { region, .. } => account_of(*region),
        Target::Node(_) => ACTORS,
    }
}

/// Whom a message in the outbox of `node` is for.
fn target_of(aim: Aim, node: &NodeAddress) -> Target {
    match aim {
        Aim::Shard(region, shard) => Target::Shard { region, shard },
        Aim::Node => Target::Node(node.clone()),
    }
}

fn pending_message(core: &Core, target: Target, outgoing: Outgoing) -> PendingMessage<Outgoing> {
    let (bytes, deadline) = (outgoing.message.len(), core.instant(outgoing.deadline));
    PendingMessage {
        target,
        item: outgoing,
        bytes,
        deadline,
    }
}
