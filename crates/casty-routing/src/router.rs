//! The engine behind the route table: whatever the table does not answer, and whatever fails.
//!
//! Sans I/O: one way in ([`Router::handle`]), one way out ([`Router::poll`], drained until
//! [`RouterOutput::Wait`]). Time and the seed of the jitter are arguments; the same inputs give the same
//! outputs.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use casty_proto::NodeAddress;
use casty_proto::message::ShardLocation;

use crate::{RegionId, RegisterRegionError, ShardCount, ShardId, UndeliverableReason, View};

mod event;
mod listing;
mod peers;
mod pending_buffer;
mod queries;
mod regions;
mod route;

pub use event::{
    Buffered, Overflow, PendingMessage, RouterConfig, RouterInput, RouterOutput, Target,
};

use peers::Peers;
use pending_buffer::Hold;
use queries::Asks;
use regions::{Owner, Regions};
use route::Route;

/// Brings each message to the connection of the node that it is for.
///
/// * A shard belongs to whom the view names; where the view is silent, to whom the leader's
///   coordinator names. The first answer is kept until its node is gone or a newer view names
///   another.
/// * A message whose target has no usable connection is held, in order, until its deadline.
/// * A node that a view [avoids](View::avoids), or that could not be connected, owns no shard as
///   far as this router is concerned: the leader is asked again until it names another.
/// * The published [`RouteTable`](crate::RouteTable) lists exactly the shards whose owner is
///   connected and usable and for which nothing is held.
///
/// `H` is what delivers to a peer, cheap to clone; `T` is a message. Memory is bounded by the
/// [`RouterConfig`]; beyond it the newest message is refused, or the oldest dropped. What waits for
/// one node, or for want of knowing the node, takes no more of the hold than it leaves free: one
/// that is out of order has half of it at most, and messages for the others still find room.
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::{Duration, Instant};
/// use casty_proto::NodeAddress;
/// use casty_proto::message::{Member, MemberStatus, ShardLocation, TopologySnapshot};
/// use casty_routing::{RouterInput, RouterOutput, PendingMessage, Router, RouterConfig, Target, View, entity_shard};
///
/// let now = Instant::now();
/// // What delivers to a node is a number here, and a message is text.
/// let mut router: Router<u32, &str> = Router::new(RouterConfig::default(), 7);
/// let shards = 100.try_into()?;
/// let region = router.register_region("account", shards)?;
/// let shard = entity_shard("alice", shards);
/// assert!(matches!(router.poll(), RouterOutput::Publish(_)));
///
/// // A cluster of one node, which leads it and is connected.
/// let node: NodeAddress = "a:1".parse()?;
/// let member = Member {
///     address: node.clone(),
///     status: MemberStatus::Up,
///     roles: Default::default(),
///     id: "a".into(),
/// };
/// let view = View::from_snapshot(TopologySnapshot {
///     members: [member].into_iter().collect(),
///     leader: Some(node.clone()),
///     ..Default::default()
/// });
/// router.handle(now, RouterInput::View(Arc::new(view)));
/// router.handle(now, RouterInput::PeerUp { node: node.clone(), handle: 1 });
///
/// // Nobody has said who owns the shard: the leader is asked, and the message held.
/// router.handle(now, RouterInput::Send(PendingMessage {
///     target: Target::Shard { region, shard },
///     item: "deposit",
///     bytes: 7,
///     deadline: now + Duration::from_secs(5),
/// }));
/// assert!(matches!(router.poll(), RouterOutput::Query { leader: 1, .. }));
///
/// // Its answer delivers the message, and lists the shard for those to come.
/// let location = ShardLocation { shard_id: shard.get(), node, replicas: Default::default() };
/// router.handle(now, RouterInput::Location { region, location });
/// assert!(matches!(router.poll(), RouterOutput::Deliver { to: 1, .. }));
/// let RouterOutput::Publish(table) = router.poll() else { panic!() };
/// assert_eq!(table.owner(region, shard), Some(&1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Router<H, T> {
    config: RouterConfig,
    now: Option<Instant>,
    view: Option<Arc<View>>,
    peers: Peers<H>,
    regions: Regions<H>,
    hold: Hold<T>,
    asks: Asks,
    /// What can be handed out as it is, in order.
    ready: VecDeque<Ready<H, T>>,
    /// Targets for which something is held that can be delivered now.
    flush: BTreeSet<Target>,
    /// How many regions the published table has.
    published: usize,
    closed: bool,
}

/// An output that waits to be polled.
enum Ready<H, T> {
    Deliver(H, NodeAddress, PendingMessage<T>),
    Other(RouterOutput<H, T>),
}

impl<H: Clone, T> Router<H, T> {
    /// A router that knows nothing yet. `seed` determines the jitter of its questions.
    pub fn new(config: RouterConfig, seed: u64) -> Self {
        let limit = Buffered {
            messages: config.buffer_messages,
            bytes: config.buffer_bytes,
        };
        Self {
            now: None,
            view: None,
            peers: Peers::new(),
            regions: Regions::new(),
            hold: Hold::new(limit, config.overflow),
            asks: Asks::new(config.query_base, config.query_cap, seed),
            ready: VecDeque::new(),
            flush: BTreeSet::new(),
            published: 0,
            closed: false,
            config,
        }
    }

    /// The number of a region, which is made if it is new; then the next poll publishes a table
    /// that has it.
    ///
    /// # Errors
    /// The name is in use with another count, the view contradicts the count, or a limit of the
    /// configuration is reached. Where the view contradicts the count *in use*, the right one may
    /// take the name over.
    pub fn register_region(
        &mut self,
        name: &str,
        shards: ShardCount,
    ) -> Result<RegionId, RegisterRegionError> {
        let limit = self.config.max_shards;
        if shards.get() > limit {
            return Err(RegisterRegionError::TooManyShards { limit });
        }
        let view = self.view.as_deref();
        let limit = self.config.max_regions;
        let (id, made) = self.regions.register(name, shards, view, limit)?;
        if let (true, Some(view), Some(region)) = (made, view, self.regions.get_mut(id)) {
            region.apply(view, true, |node| self.peers.is_suspected(node));
        }
        Ok(id)
    }

    /// The number that a name has now.
    pub fn region_id(&self, name: &str) -> Option<RegionId> {
        self.regions.id(name)
    }

    /// The name of a region.
    pub fn region_name(&self, region: RegionId) -> Option<&Arc<str>> {
        Some(&self.regions.get(region)?.name)
    }

    /// The regions, with their names.
    pub fn regions(&self) -> impl Iterator<Item = (RegionId, &Arc<str>)> {
        let numbered = (0..).map(RegionId).zip(self.regions.iter());
        numbered.map(|(id, region)| (id, &region.name))
    }

    /// How much is held at the moment.
    pub fn buffered(&self) -> Buffered {
        self.hold.buffered()
    }

    /// The targets for which something is held, and how many messages each.
    pub fn buffered_each(&self) -> impl Iterator<Item = (&Target, usize)> {
        self.hold.each()
    }

    /// Whether something is held for `target`: what is sent to it now has to go behind that.
    pub fn has_buffered(&self, target: &Target) -> bool {
        self.hold.has(target)
    }

    /// Whether a message of `bytes` bytes for `target` would find room: it could be held, or need
    /// not be.
    pub fn accepts(&self, target: &Target, bytes: usize) -> bool {
        let passes = match self.route(target) {
            Route::Open { busy, .. } => !busy && !self.hold.has(target),
            Route::Refused(_) => true,
            Route::Connect(_) | Route::Locate => false,
        };
        passes
            || self
                .hold
                .has_room(target, self.regions.account(target), bytes)
    }

    /// Whether something is held for want of a connection to `node`. If not, a later want is told
    /// by a new [`RouterOutput::Connect`]. Walks the targets that something is held for.
    pub fn wants_connection(&mut self, node: &NodeAddress) -> bool {
        let connects = |route| matches!(route, Route::Connect(wanted) if wanted == node);
        let mut targets = self.hold.targets();
        let wanted = targets.any(|target| connects(self.route(target)));
        if !wanted {
            self.peers.unhint(node);
        }
        wanted
    }

    /// Takes back the oldest message held for `target` whose message is `wanted`, for instance that
    /// of an ask which was dropped. Walks what is held for that target. Poll afterwards.
    pub fn cancel(
        &mut self,
        target: &Target,
        wanted: impl FnMut(&T) -> bool,
    ) -> Option<PendingMessage<T>> {
        let message = self.hold.take(target, wanted)?;
        self.left(target);
        Some(message)
    }

    /// Takes in what happened. Poll until [`RouterOutput::Wait`] afterwards.
    ///
    /// Time never goes back: an earlier `now` counts as the latest one. A
    /// [`Send`](RouterInput::Send) whose target is connected costs no allocation.
    pub fn handle(&mut self, now: Instant, input: RouterInput<H, T>) {
        let now = self.now.map_or(now, |latest| latest.max(now));
        self.now = Some(now);
        self.expire(now);
        match input {
            RouterInput::Send(message) => self.send(now, message),
            RouterInput::View(view) => self.take_view(now, view),
            RouterInput::Location { region, location } => self.locate(now, region, &location),
            RouterInput::PeerUp { node, handle } => {
                self.peers.up(node, handle);
                self.rerouted(now);
            }
            RouterInput::PeerDown { node, unsent } => {
                self.peers.down(&node);
                self.regions.soil();
                self.put_back(now, &node, unsent);
            }
            RouterInput::PeerBusy { node, unsent } => {
                self.peers.set_busy(&node, true);
                self.put_back(now, &node, unsent);
            }
            RouterInput::PeerReady(node) => {
                self.peers.set_busy(&node, false);
                self.reassess(now);
            }
            RouterInput::ConnectFailed(node) => {
                self.peers.connect_failed(&node);
                self.wants_connection(&node);
                self.rerouted(now);
            }
            RouterInput::Tick => {}
            RouterInput::Close => self.close(),
        }
        self.ask_again(now);
    }

    /// The next thing to do. [`RouterOutput::Wait`] ends a round.
    pub fn poll(&mut self) -> RouterOutput<H, T> {
        if let Some(ready) = self.ready.pop_front() {
            return match ready {
                Ready::Deliver(to, node, message) => RouterOutput::Deliver { to, node, message },
                Ready::Other(output) => output,
            };
        }
        while let Some(target) = self.flush.first().cloned() {
            if let Some(output) = self.flush_one(&target) {
                return output;
            }
            self.flush.remove(&target);
        }
        if let Some(table) = self.rebuild() {
            return RouterOutput::Publish(table);
        }
        let moments = [self.hold.first_deadline(), self.asks.next()];
        RouterOutput::Wait(moments.into_iter().flatten().min())
    }

    /// Delivers the oldest message held for a target, if its way is open.
    fn flush_one(&mut self, target: &Target) -> Option<RouterOutput<H, T>> {
        let Route::Open { node, link, .. } = self.route(target) else {
            return None;
        };
        let (to, node) = (link.handle.clone(), node.clone());
        let message = self.hold.pop(target)?;
        self.left(target);
        Some(RouterOutput::Deliver { to, node, message })
    }

    fn send(&mut self, now: Instant, message: PendingMessage<T>) {
        if self.closed {
            return self.give_up(message, UndeliverableReason::Closed);
        }
        let waiting = self.hold.has(&message.target);
        let reason = match self.route(&message.target) {
            Route::Refused(reason) => Some(reason),
            Route::Open {
                node,
                link,
                busy: false,
            } if !waiting => {
                let ready = Ready::Deliver(link.handle.clone(), node.clone(), message);
                return self.ready.push_back(ready);
            }
            _ if message.deadline <= now => Some(self.late(&message.target)),
            _ => None,
        };
        if let Some(reason) = reason {
            return self.give_up(message, reason);
        }
        let target = (!waiting).then(|| message.target.clone());
        let account = self.regions.account(&message.target);
        match self.hold.push_back(message, account) {
            Ok(displaced) => {
                for message in displaced {
                    self.left(&message.target);
                    self.give_up(message, UndeliverableReason::Displaced);
                }
            }
            Err(message) => return self.give_up_full(message),
        }
        if let Some(target) = target {
            self.soil(&target);
            self.assess(now, &target);
        }
    }

    /// Takes in a view; costs nothing if it is the one before.
    fn take_view(&mut self, now: Instant, view: Arc<View>) {
        let mut newer = true;
        if let Some(kept) = &self.view {
            if view.version() < kept.version() || *kept == view {
                return;
            }
            newer = view.version() > kept.version();
        }
        let hold = &self.hold;
        self.peers
            .forget(|node| view.member(node).is_some() || hold.has(&Target::Node(node.clone())));
        for region in self.regions.iter_mut() {
            region.apply(&view, newer, |node| self.peers.is_suspected(node));
        }
        self.view = Some(view);
        self.asks.hurry(now);
        self.rerouted(now);
    }

    /// Takes in an answer of a coordinator: only where the owner is not known, and only if the
    /// node it names is usable. One that no view lists may have joined since: it is tried again
    /// each time that it is named.
    fn locate(&mut self, now: Instant, region: RegionId, location: &ShardLocation) {
        let shard = ShardId::new(location.shard_id);
        let target = Target::Shard { region, shard };
        let node = &location.node;
        let needed = matches!(self.route(&target), Route::Locate);
        let view = self.view.as_ref();
        if needed && view.is_none_or(|view| view.member(node).is_none()) {
            self.peers.trust(node);
        }
        if needed && (self.is_avoided(node) || self.peers.is_suspected(node)) {
            return self.asks.refuse(now, (region, shard));
        }
        self.asks.settle((region, shard));
        if !needed {
            return;
        }
        let version = self.view.as_deref().map(View::version).unwrap_or_default();
        if let Some(region) = self.regions.get_mut(region) {
            region.learn(shard, Owner::Learned(node.clone(), version));
        }
        if self.hold.has(&target) {
            self.assess(now, &target);
        }
    }

    /// Puts what a peer did not send in front of what is held.
    fn put_back(&mut self, now: Instant, node: &NodeAddress, mut unsent: Vec<PendingMessage<T>>) {
        let ready = std::mem::take(&mut self.ready);
        for output in ready {
            match output {
                Ready::Deliver(_, to, message) if to == *node => unsent.push(message),
                other => self.ready.push_back(other),
            }
        }
        for message in &unsent {
            self.soil(&message.target);
        }
        if self.closed {
            for message in unsent.drain(..) {
                self.give_up(message, UndeliverableReason::Closed);
            }
        }
        let (regions, hold) = (&self.regions, &mut self.hold);
        for message in hold.push_front(unsent, |target| regions.account(target)) {
            match self.config.overflow {
                Overflow::Refuse => self.give_up_full(message),
                Overflow::DropOldest => self.give_up(message, UndeliverableReason::Displaced),
            }
        }
        self.expire(now);
        self.reassess(now);
    }

    /// Takes note that the way to any target may have changed.
    fn rerouted(&mut self, now: Instant) {
        self.regions.soil();
        self.reassess(now);
    }

    /// Takes another look at everything held.
    fn reassess(&mut self, now: Instant) {
        let targets: Vec<Target> = self.hold.targets().cloned().collect();
        for target in targets {
            self.assess(now, &target);
        }
    }

    /// Sees to it that whatever a target lacks is on its way.
    fn assess(&mut self, now: Instant, target: &Target) {
        let open = match self.route(target) {
            Route::Open { busy, .. } => !busy,
            Route::Connect(node) => {
                let node = node.clone();
                if self.peers.hint(&node) {
                    self.ready
                        .push_back(Ready::Other(RouterOutput::Connect { node }));
                }
                false
            }
            Route::Locate => {
                self.flush.remove(target);
                return self.ask(now, target);
            }
            Route::Refused(reason) => {
                while let Some(message) = self.hold.pop(target) {
                    self.give_up(message, reason.clone());
                }
                false
            }
        };
        if open {
            self.flush.insert(target.clone());
        } else {
            self.flush.remove(target);
        }
    }

    /// Asks the leader who owns a shard, unless that question is in flight.
    fn ask(&mut self, now: Instant, target: &Target) {
        let Target::Shard { region, shard } = *target else {
            return;
        };
        let leader = self.view.as_ref().and_then(|view| view.leader());
        let Some((node, link)) = leader.and_then(|node| Some((node, self.peers.link(node)?)))
        else {
            return;
        };
        let Some(known) = self.regions.get(region) else {
            return;
        };
        if self.asks.put(now, (region, shard), link.number) {
            let query = RouterOutput::Query {
                leader: link.handle.clone(),
                node: node.clone(),
                region,
                name: Arc::clone(&known.name),
                shard,
            };
            self.ready.push_back(Ready::Other(query));
        }
    }

    /// Puts the questions again that are due and still matter.
    fn ask_again(&mut self, now: Instant) {
        for (region, shard) in self.asks.due(now) {
            let target = Target::Shard { region, shard };
            if self.hold.has(&target) && matches!(self.route(&target), Route::Locate) {
                self.ask(now, &target);
            } else {
                self.asks.settle((region, shard));
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(message) = self.hold.pop_expired(now) {
            self.left(&message.target);
            let reason = self.late(&message.target);
            self.give_up(message, reason);
        }
    }

    fn close(&mut self) {
        self.closed = true;
        let targets: Vec<Target> = self.hold.targets().cloned().collect();
        for target in targets {
            while let Some(message) = self.hold.pop(&target) {
                self.give_up(message, UndeliverableReason::Closed);
            }
            self.left(&target);
        }
    }

    fn give_up(&mut self, message: PendingMessage<T>, reason: UndeliverableReason) {
        let output = RouterOutput::Undeliverable { message, reason };
        self.ready.push_back(Ready::Other(output));
    }

    fn give_up_full(&mut self, message: PendingMessage<T>) {
        let (messages, bytes) = (self.config.buffer_messages, self.config.buffer_bytes);
        self.give_up(message, UndeliverableReason::BufferFull { messages, bytes });
    }

    /// Takes note that a message for `target` is held no longer.
    fn left(&mut self, target: &Target) {
        if !self.hold.has(target) {
            self.flush.remove(target);
            self.soil(target);
        }
    }

    fn soil(&mut self, target: &Target) {
        if let Target::Shard { region, .. } = target
            && let Some(region) = self.regions.get_mut(*region)
        {
            region.dirty = true;
        }
    }
}

#[cfg(test)]
mod tests;
