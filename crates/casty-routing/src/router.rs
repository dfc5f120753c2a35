//! The engine behind the route table: whatever the table does not answer, and whatever fails.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use casty_proto::NodeAddress;
use casty_proto::message::ShardLocation;

use crate::error::{RegisterRegionError, UndeliverableReason};
use crate::shard::{ShardCount, ShardId};
use crate::steps::step;
use crate::table::RegionId;
use crate::view::View;

mod event;
mod listing;
mod lookups;
mod owners;
mod peers;
mod pending_buffer;
mod queries;
mod regions;
mod revision;
mod route;
mod waiting;

pub use event::{
    Buffered, Overflow, PendingMessage, RouterConfig, RouterInput, RouterOutput, ShardCounts,
    Target,
};

use pending_buffer::PendingBuffer;
use queries::{QueriedShard, Queries};
use revision::{Revision, differing};
use route::{Route, Routes};
use waiting::Waiting;

/// The engine that brings each message to the connection of the node that it is for.
///
/// Sans I/O: one way in ([`handle`](Self::handle)), one way out ([`poll`](Self::poll), drained
/// until [`RouterOutput::Wait`]). Time and the seed of the jitter are arguments; the same inputs
/// give the same outputs.
///
/// * A shard belongs to the node that the view names; where the view is silent, to the one that the
///   leader's coordinator names. The first answer is kept until its node is gone or a newer view
///   names another.
/// * What is for the leader goes to the one that the view names then.
/// * A message whose target has no usable connection is buffered, in order, until its deadline.
/// * A node that a view [avoids](View::avoids), or that could not be connected, owns no shard as
///   far as this router is concerned: the leader is asked again until it names another.
/// * What the view says against the shard count of a region is told, and keeps no message back
///   unless the [config](RouterConfig::shard_counts) says so.
/// * The published [`RouteTable`](crate::RouteTable) lists exactly the shards whose owner is
///   connected and usable and for which nothing is buffered.
///
/// `H` is the handle that delivers to a peer, cheap to clone; `T` is a message. Memory is bounded
/// by the [`RouterConfig`]; beyond it the newest message is refused, or the oldest dropped. What
/// waits for one node, or for want of knowing the node, takes no more of the buffer than it leaves
/// free: one that is out of order has half of it at most, and there is capacity for messages to the
/// others still.
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::{Duration, Instant};
/// use casty_proto::NodeAddress;
/// use casty_proto::message::{Member, MemberStatus, ShardLocation, TopologySnapshot};
/// use casty_routing::{
///     PendingMessage, Router, RouterConfig, RouterInput, RouterOutput, Target, View, entity_shard,
/// };
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
/// // The owner of the shard is not known: the leader is asked, and the message buffered.
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
    /// The latest time that was told, so that it never goes back.
    now: Option<Instant>,
    routes: Routes<H>,
    buffer: PendingBuffer<T>,
    /// The targets of what is buffered.
    waiting: Waiting,
    queries: Queries,
    /// Outputs that can be handed out as they are, in order.
    ready: VecDeque<Ready<H, T>>,
    /// Targets for which messages are buffered that can be delivered now.
    flush: BTreeSet<Target>,
    closed: bool,
}

/// An output that waits to be polled.
enum Ready<H, T> {
    /// Kept apart, because it is taken back if its peer goes down before it is polled.
    Deliver(H, NodeAddress, PendingMessage<T>),
    Other(RouterOutput<H, T>),
}

impl<H: Clone, T> Router<H, T> {
    /// Creates a router that knows nothing yet. `seed` determines the jitter of its queries.
    pub fn new(config: RouterConfig, seed: u64) -> Self {
        let limit = Buffered {
            messages: config.buffer_messages,
            bytes: config.buffer_bytes,
        };
        Self {
            config,
            now: None,
            routes: Routes::new(config.shard_counts == ShardCounts::Strict),
            buffer: PendingBuffer::new(limit, config.overflow),
            waiting: Waiting::default(),
            queries: Queries::new(config.query_base, config.query_cap, seed),
            ready: VecDeque::new(),
            flush: BTreeSet::new(),
            closed: false,
        }
    }

    /// Returns the number of a region, which is made if it is new; then the next poll publishes a
    /// table that has it.
    ///
    /// # Errors
    /// The name is in use with another count, or a limit of the configuration is reached. With
    /// [`ShardCounts::Strict`] also a count that the view contradicts; where that contradicts the
    /// count *in use*, another one may take the name over.
    pub fn register_region(
        &mut self,
        name: &str,
        shards: ShardCount,
    ) -> Result<RegionId, RegisterRegionError> {
        let limit = self.config.max_shards;
        if shards.get() > limit {
            return Err(RegisterRegionError::TooManyShards { limit });
        }
        let Routes {
            view,
            peers,
            regions,
            owners,
            ..
        } = &mut self.routes;
        let view = view.as_deref();
        let limit = self.config.max_regions;
        let (id, made) = regions.register(name, shards, view, limit)?;
        if let (true, Some(view), Some(region)) = (made, view, regions.get_mut(id)) {
            let suspected = |node: &NodeAddress| peers.is_suspected(node);
            let mut revision = Revision::new(view, true, &suspected);
            let told = revision.apply(id, region, owners);
            self.ready.extend(told.map(Ready::Other));
            owners.sweep();
        }
        Ok(id)
    }

    /// Returns whether messages are buffered for want of a connection to `node`. If not, a later
    /// want is told by a new [`RouterOutput::Connect`]. Walks the targets of that node that messages
    /// are buffered for.
    pub fn wants_connection(&mut self, node: &NodeAddress) -> bool {
        let connects = |route| matches!(route, Route::Connect(wanted) if wanted == node);
        let mut targets = self.waiting.targets_of(node).inspect(|_| step());
        let wanted = targets.any(|target| connects(self.routes.route(target)));
        if !wanted {
            self.routes.peers.withdraw_request(node);
        }
        wanted
    }

    /// Takes back the oldest message buffered for `target` whose item is `wanted`, for instance
    /// that of an ask which was dropped; `None` if there is none. Walks what is buffered for that
    /// target. Poll afterwards.
    pub fn cancel(
        &mut self,
        target: &Target,
        wanted: impl FnMut(&T) -> bool,
    ) -> Option<PendingMessage<T>> {
        let message = self.buffer.take(target, wanted)?;
        self.note_removed(target);
        Some(message)
    }

    /// Takes in an event. Poll until [`RouterOutput::Wait`] afterwards.
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
            RouterInput::Location { region, location } => {
                self.take_location(now, region, &location);
            }
            RouterInput::PeerUp { node, handle } => {
                self.routes.owners.touch(&node);
                self.routes.peers.up(node.clone(), handle);
                if self.routes.is_leader(&node) {
                    // It can be asked for all owners that are not known.
                    self.reassess(now);
                } else {
                    self.reassess_of(now, &node);
                }
            }
            RouterInput::PeerDown { node, unsent } => {
                self.routes.peers.down(&node);
                self.routes.owners.touch(&node);
                self.requeue(now, &node, unsent);
            }
            RouterInput::PeerBusy { node, unsent } => {
                self.routes.peers.set_busy(&node, true);
                self.requeue(now, &node, unsent);
            }
            RouterInput::PeerReady(node) => {
                self.routes.peers.set_busy(&node, false);
                self.reassess_of(now, &node);
            }
            RouterInput::ConnectFailed(node) => {
                self.routes.peers.connect_failed(&node);
                self.wants_connection(&node);
                self.reassess_of(now, &node);
            }
            RouterInput::Tick => {}
            RouterInput::Close => self.close(),
        }
        if self.routes.forget_strangers(&self.buffer) {
            self.reassess(now);
        }
        self.repeat_queries(now);
    }

    /// Returns the next thing to do. [`RouterOutput::Wait`] ends a round.
    #[must_use = "an output is returned once"]
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
        // Only now: whatever the new table lists must have been delivered before.
        if let Some(table) = self.routes.rebuild(&self.buffer) {
            return RouterOutput::Publish(table);
        }
        let moments = [self.buffer.first_deadline(), self.queries.next()];
        RouterOutput::Wait(moments.into_iter().flatten().min())
    }

    /// Delivers the oldest message buffered for a target, if its route is open.
    fn flush_one(&mut self, target: &Target) -> Option<RouterOutput<H, T>> {
        let Route::Open {
            node, connection, ..
        } = self.routes.route(target)
        else {
            return None;
        };
        let (to, node) = (connection.handle.clone(), node.clone());
        let message = self.buffer.pop(target)?;
        self.note_removed(target);
        Some(RouterOutput::Deliver { to, node, message })
    }

    fn send(&mut self, now: Instant, message: PendingMessage<T>) {
        if self.closed {
            return self.undeliverable(message, UndeliverableReason::Closed);
        }
        let waiting = self.buffer.has(&message.target);
        let reason = match self.routes.route(&message.target) {
            Route::Refused(reason) => Some(reason),
            Route::Open {
                node,
                connection,
                busy: false,
            } if !waiting => {
                let ready = Ready::Deliver(connection.handle.clone(), node.clone(), message);
                return self.ready.push_back(ready);
            }
            _ if message.deadline <= now => Some(self.routes.late(&message.target)),
            _ => None,
        };
        if let Some(reason) = reason {
            return self.undeliverable(message, reason);
        }
        let target = (!waiting).then(|| message.target.clone());
        let account = self.routes.account(&message.target);
        match self.buffer.push_back(message, account) {
            Ok(displaced) => {
                for message in displaced {
                    self.note_removed(&message.target);
                    self.undeliverable(message, UndeliverableReason::Displaced);
                }
            }
            Err(message) => return self.buffer_full(message),
        }
        if let Some(target) = target {
            self.routes.note_changed(&target);
            self.assess(now, &target);
        }
    }

    /// Takes in a view; costs nothing if it is the one before.
    fn take_view(&mut self, now: Instant, view: Arc<View>) {
        let mut newer = true;
        if let Some(kept) = &self.routes.view {
            if view.version() < kept.version() || *kept == view {
                return;
            }
            newer = view.version() > kept.version();
        }
        let buffer = &self.buffer;
        let Routes {
            view: kept,
            peers,
            regions,
            owners,
            ..
        } = &mut self.routes;
        peers.forget(|node| view.member(node).is_some() || buffer.has(&Target::Node(node.clone())));
        let suspected = |node: &NodeAddress| peers.is_suspected(node);
        let mut revision = Revision::new(&view, newer, &suspected);
        for (id, region) in (0..).map(RegionId).zip(regions.iter_mut()) {
            let told = revision.apply(id, region, owners);
            self.ready.extend(told.map(Ready::Other));
        }
        let former = kept.as_ref().map_or(&[][..], |kept| kept.avoided());
        for node in differing(former, view.avoided()) {
            owners.touch(node);
        }
        owners.sweep();
        self.routes.view = Some(view);
        self.queries.hurry(now);
        self.reassess(now);
    }

    /// Takes in an answer of a coordinator: only where the owner is not known, and only if the node
    /// it names is usable. One that no view lists may have joined since: it is tried again each
    /// time that it is named.
    fn take_location(&mut self, now: Instant, region: RegionId, location: &ShardLocation) {
        let shard = ShardId::new(location.shard_id);
        let target = Target::Shard { region, shard };
        let queried = QueriedShard { region, shard };
        let node = &location.node;
        let needed = matches!(self.routes.route(&target), Route::Locate);
        let view = self.routes.view.as_ref();
        let stranger = view.is_none_or(|view| view.member(node).is_none());
        if needed && stranger && self.routes.peers.trust(node) {
            self.reassess_of(now, node);
        }
        let routes = &self.routes;
        if needed && (routes.is_avoided(node) || routes.peers.is_suspected(node)) {
            return self.queries.reject(now, queried);
        }
        self.queries.end(queried);
        if !needed {
            return;
        }
        let view = self.routes.view.as_deref();
        let version = view.map(View::version).unwrap_or_default();
        let Routes {
            regions, owners, ..
        } = &mut self.routes;
        if let Some(region) = regions.get_mut(region) {
            region.learn(shard, node, version, owners);
            owners.sweep();
        }
        if self.buffer.has(&target) {
            self.assess(now, &target);
        }
    }

    /// Puts what a peer did not send in front of what is buffered.
    fn requeue(&mut self, now: Instant, node: &NodeAddress, mut unsent: Vec<PendingMessage<T>>) {
        // What was not even handed to the peer is newer than what it had taken.
        for output in std::mem::take(&mut self.ready) {
            match output {
                Ready::Deliver(_, to, message) if to == *node => unsent.push(message),
                other => self.ready.push_back(other),
            }
        }
        let mut targets = BTreeSet::new();
        for message in &unsent {
            self.routes.note_changed(&message.target);
            targets.insert(message.target.clone());
        }
        if self.closed {
            for message in unsent.drain(..) {
                self.undeliverable(message, UndeliverableReason::Closed);
            }
        }
        let (routes, buffer) = (&self.routes, &mut self.buffer);
        for message in buffer.push_front(unsent, |target| routes.account(target)) {
            match self.config.overflow {
                Overflow::Refuse => self.buffer_full(message),
                Overflow::DropOldest => self.undeliverable(message, UndeliverableReason::Displaced),
            }
        }
        self.expire(now);
        targets.retain(|target| self.buffer.has(target));
        for target in targets {
            self.assess(now, &target);
        }
        self.reassess_of(now, node);
    }

    /// Takes another look at everything buffered.
    fn reassess(&mut self, now: Instant) {
        let targets: Vec<Target> = self.waiting.all().cloned().collect();
        for target in targets {
            self.assess(now, &target);
        }
    }

    /// Takes another look at what is buffered for a node, or for shards that it owns as far as is known.
    /// Nothing else depends on the node, unless it leads the cluster.
    fn reassess_of(&mut self, now: Instant, node: &NodeAddress) {
        let targets: Vec<Target> = self.waiting.targets_of(node).cloned().collect();
        for target in targets {
            self.assess(now, &target);
        }
    }

    /// Takes the next step on the route to a target that messages are buffered for.
    fn assess(&mut self, now: Instant, target: &Target) {
        step();
        self.waiting.note(target, self.routes.account(target));
        let open = match self.routes.route(target) {
            Route::Open { busy, .. } => !busy,
            Route::Connect(node) => {
                let node = node.clone();
                if self.routes.peers.request(&node) {
                    self.ready
                        .push_back(Ready::Other(RouterOutput::Connect { node }));
                }
                false
            }
            Route::Locate => {
                self.flush.remove(target);
                return self.query(now, target);
            }
            Route::Refused(reason) => {
                while let Some(message) = self.buffer.pop(target) {
                    self.undeliverable(message, reason.clone());
                }
                self.waiting.remove(target);
                false
            }
        };
        if open {
            self.flush.insert(target.clone());
        } else {
            self.flush.remove(target);
        }
    }

    /// Asks the leader who owns a shard, unless that query is in flight.
    fn query(&mut self, now: Instant, target: &Target) {
        let Target::Shard { region, shard } = *target else {
            return;
        };
        let Routes {
            view,
            peers,
            regions,
            ..
        } = &self.routes;
        let leader = view.as_ref().and_then(|view| view.leader());
        let connected = leader.and_then(|node| Some((node, peers.connection(node)?)));
        let Some((node, connection)) = connected else {
            return;
        };
        let Some(known) = regions.get(region) else {
            return;
        };
        let queried = QueriedShard { region, shard };
        if self.queries.begin(now, queried, connection.number) {
            let query = RouterOutput::Query {
                leader: connection.handle.clone(),
                node: node.clone(),
                region,
                name: Arc::clone(&known.name),
                shard,
            };
            self.ready.push_back(Ready::Other(query));
        }
    }

    /// Repeats the queries that are due and still matter.
    fn repeat_queries(&mut self, now: Instant) {
        for queried in self.queries.due(now) {
            let QueriedShard { region, shard } = queried;
            let target = Target::Shard { region, shard };
            if self.buffer.has(&target) && matches!(self.routes.route(&target), Route::Locate) {
                self.query(now, &target);
            } else {
                self.queries.end(queried);
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(message) = self.buffer.pop_expired(now) {
            self.note_removed(&message.target);
            let reason = self.routes.late(&message.target);
            self.undeliverable(message, reason);
        }
    }

    fn close(&mut self) {
        self.closed = true;
        let targets: Vec<Target> = self.waiting.all().cloned().collect();
        for target in targets {
            while let Some(message) = self.buffer.pop(&target) {
                self.undeliverable(message, UndeliverableReason::Closed);
            }
            self.note_removed(&target);
        }
    }

    fn undeliverable(&mut self, message: PendingMessage<T>, reason: UndeliverableReason) {
        let output = RouterOutput::Undeliverable { message, reason };
        self.ready.push_back(Ready::Other(output));
    }

    fn buffer_full(&mut self, message: PendingMessage<T>) {
        let (messages, bytes) = (self.config.buffer_messages, self.config.buffer_bytes);
        self.undeliverable(message, UndeliverableReason::BufferFull { messages, bytes });
    }

    /// Takes note that a message for `target` is buffered no longer.
    fn note_removed(&mut self, target: &Target) {
        if !self.buffer.has(target) {
            self.flush.remove(target);
            self.waiting.remove(target);
            self.routes.note_changed(target);
        }
    }
}

impl<H, T> fmt::Debug for Router<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("regions", &self.routes.regions.len())
            .field("buffered", &self.buffer.buffered())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
