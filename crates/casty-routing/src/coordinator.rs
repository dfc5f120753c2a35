//! The owners of the shards of one region: the part of a node that clients ask.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use casty_proto::NodeAddress;
use casty_proto::message::{ShardAllocation, ShardLocation};

mod event;
mod placement;

pub use event::{
    CoordinatorConfig, CoordinatorInput, CoordinatorOutput, CoordinatorRole, QueryRefusal,
    RegionView,
};

/// The coordinator engine of one region on one node.
///
/// The leader of the cluster allocates; all others answer from the view and send on what they do
/// not know.
///
/// Allocation is deterministic: a shard goes to the live host with the fewest shards of the
/// region, the lowest address among equals. Nothing is moved while its node lives. A shard costs
/// its allocation in memory, and a new one time in proportion to those allocated.
///
/// ```
/// # use std::time::Instant;
/// use casty_proto::NodeAddress;
/// use casty_routing::{
///     Coordinator, CoordinatorConfig, CoordinatorInput, CoordinatorOutput, RegionView,
/// };
///
/// let me: NodeAddress = "10.0.0.1:25520".parse()?;
/// let mut coordinator = Coordinator::new(CoordinatorConfig::new(100), me.clone());
/// let view = RegionView {
///     leader: Some(me.clone()),
///     live: [me.clone()].into(),
///     ..RegionView::default()
/// };
/// coordinator.handle(Instant::now(), CoordinatorInput::View(view));
/// coordinator.handle(Instant::now(), CoordinatorInput::Host);
/// let query = CoordinatorInput::Query { shard: 7, asker: "alice", from: None };
/// coordinator.handle(Instant::now(), query);
/// let CoordinatorOutput::Locate { asker, location } = coordinator.poll() else {
///     panic!("it leads and knows a host");
/// };
/// assert_eq!((asker, location.node), ("alice", me));
/// assert!(matches!(coordinator.poll(), CoordinatorOutput::Publish { epoch: 1, .. }));
/// assert_eq!(coordinator.poll(), CoordinatorOutput::Wait(None));
/// # Ok::<(), casty_proto::AddressError>(())
/// ```
#[derive(Debug)]
pub struct Coordinator<Q> {
    config: CoordinatorConfig,
    me: NodeAddress,
    role: CoordinatorRole,
    view: RegionView,
    hosts: BTreeSet<NodeAddress>,
    buffered: VecDeque<BufferedQuery<Q>>,
    /// `true` if there is something to publish.
    changed: bool,
    outputs: VecDeque<CoordinatorOutput<Q>>,
}

/// A query that cannot be answered yet. All are buffered equally long, so the oldest is in front.
#[derive(Debug)]
struct BufferedQuery<Q> {
    shard: u32,
    asker: Asker<Q>,
    until: Instant,
}

/// The sender of a query, and the node that forwarded it, if one did.
#[derive(Debug)]
struct Asker<Q> {
    asker: Q,
    from: Option<NodeAddress>,
}

impl<Q> Coordinator<Q> {
    /// Creates the coordinator of the node `me`, which waits for a view.
    pub fn new(config: CoordinatorConfig, me: NodeAddress) -> Self {
        Self {
            config,
            me,
            role: CoordinatorRole::Pending,
            view: RegionView::default(),
            hosts: BTreeSet::new(),
            buffered: VecDeque::new(),
            changed: false,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in an event; [`poll`](Self::poll) then returns what to do.
    pub fn handle(&mut self, now: Instant, input: CoordinatorInput<Q>) {
        match input {
            CoordinatorInput::View(view) => self.view(view),
            CoordinatorInput::Host => {
                let me = self.me.clone();
                self.learn_host(me.clone());
                self.pass_on(me);
            }
            CoordinatorInput::Register { node } => self.register(node),
            CoordinatorInput::Query { shard, asker, from } => {
                return self.query(now, shard, Asker { asker, from });
            }
            CoordinatorInput::NodeDown(node) => self.node_down(&node),
            CoordinatorInput::Tick => return self.expire(now),
        }
        self.flush();
        self.expire(now);
    }

    /// Returns the next thing to do. To be called until it returns [`CoordinatorOutput::Wait`].
    #[must_use = "an output is returned once"]
    pub fn poll(&mut self) -> CoordinatorOutput<Q> {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        if std::mem::take(&mut self.changed) {
            return CoordinatorOutput::Publish {
                allocations: self.view.allocations.clone(),
                epoch: self.view.epoch,
            };
        }
        CoordinatorOutput::Wait(self.buffered.front().map(|query| query.until))
    }

    /// Returns the part that it plays at present.
    pub fn role(&self) -> CoordinatorRole {
        self.role
    }

    /// Returns the allocations that it answers from.
    pub fn allocations(&self) -> &BTreeMap<u32, ShardAllocation> {
        &self.view.allocations
    }

    /// Returns the epoch of the [allocations](Self::allocations).
    pub fn epoch(&self) -> u64 {
        self.view.epoch
    }

    /// Returns the number of queries that are buffered.
    pub fn buffered_queries(&self) -> usize {
        self.buffered.len()
    }

    fn view(&mut self, mut view: RegionView) {
        let shards = self.config.shards;
        view.allocations.retain(|shard, _| *shard < shards);
        let led = self.role == CoordinatorRole::Leader;
        self.role = if view.leader.as_ref() == Some(&self.me) {
            CoordinatorRole::Leader
        } else {
            CoordinatorRole::Follower
        };
        // A leader that does not answer heartbeats is none to send anything to.
        let leader = view.leader.filter(|leader| view.live.contains(leader));
        let another = leader != self.view.leader;
        self.view.leader = leader;
        self.view.live = view.live;
        if led && self.role == CoordinatorRole::Leader {
            self.merge(view.allocations, view.epoch);
        } else if view.epoch >= self.view.epoch {
            self.view.allocations = view.allocations;
            self.view.epoch = view.epoch;
        }
        if self.role == CoordinatorRole::Leader {
            self.vacate();
        }
        if another {
            for node in self.hosts.clone() {
                self.pass_on(node);
            }
        }
    }

    /// Takes, as leader, what a view knows that is not older, and keeps what it does not know, or knows
    /// on a node that is not live.
    ///
    /// All regions count their changes on one epoch, and so does another that takes itself for the leader: what
    /// was published here is lost if its epoch had been used by then. A view that has that epoch and other
    /// allocations shows it, and they are published anew, under a higher one.
    fn merge(&mut self, allocations: BTreeMap<u32, ShardAllocation>, epoch: u64) {
        let is_known = epoch == self.view.epoch && allocations == self.view.allocations;
        if is_known || epoch < self.view.epoch {
            return;
        }
        let mut own = std::mem::replace(&mut self.view.allocations, allocations);
        self.view.epoch = epoch;
        placement::vacate(&mut own, &self.view.live);
        let vacated = placement::vacate(&mut self.view.allocations, &self.view.live);
        let known = self.view.allocations.len();
        for (shard, allocation) in own {
            self.view.allocations.entry(shard).or_insert(allocation);
        }
        if vacated || self.view.allocations.len() > known {
            self.change();
        }
    }

    /// Takes, as leader, the shards from nodes that are not live.
    fn vacate(&mut self) {
        if placement::vacate(&mut self.view.allocations, &self.view.live) {
            self.change();
        }
    }

    fn change(&mut self) {
        self.view.epoch = self.view.epoch.saturating_add(1);
        self.changed = true;
    }

    fn register(&mut self, node: NodeAddress) {
        // Two nodes that each take the other for the leader must not pass it to and fro: what is
        // known was passed on before, and this node tells of itself.
        if self.learn_host(node.clone()) && node != self.me {
            self.pass_on(node);
        }
    }

    /// Notes a node that hosts the region. Returns whether that is new, and there is room for it.
    fn learn_host(&mut self, node: NodeAddress) -> bool {
        if self.hosts.len() >= self.config.hosts {
            self.hosts.retain(|host| self.view.live.contains(host));
        }
        let room = self.hosts.len() < self.config.hosts;
        room && self.hosts.insert(node)
    }

    /// Tells the leader, as follower, of a node that hosts the region.
    fn pass_on(&mut self, node: NodeAddress) {
        if self.role == CoordinatorRole::Follower
            && let Some(leader) = self.view.leader.clone()
        {
            self.outputs
                .push_back(CoordinatorOutput::Register { leader, node });
        }
    }

    fn node_down(&mut self, node: &NodeAddress) {
        if *node == self.me {
            return;
        }
        self.view.live.remove(node);
        if self.role == CoordinatorRole::Leader {
            self.vacate();
        }
        // Until a view names another, there is none.
        self.view.leader.take_if(|leader| leader == node);
    }

    fn query(&mut self, now: Instant, shard: u32, asker: Asker<Q>) {
        self.expire(now);
        let shards = self.config.shards;
        let limit = self.config.buffered_queries;
        if shard >= shards {
            self.refuse(asker, QueryRefusal::NoSuchShard { shards });
        } else if let Err(asker) = self.answer(shard, asker) {
            if self.buffered.len() < limit {
                let until = now + self.config.query_timeout;
                self.buffered.push_back(BufferedQuery {
                    shard,
                    asker,
                    until,
                });
            } else {
                self.refuse(asker, QueryRefusal::Full { limit });
            }
        }
    }

    fn refuse(&mut self, Asker { asker, .. }: Asker<Q>, reason: QueryRefusal) {
        self.outputs
            .push_back(CoordinatorOutput::Refused { asker, reason });
    }

    /// Answers or forwards a query; returns the asker as an error if it can be neither.
    ///
    /// A query is not sent back to the node that forwarded it, which takes this one for the leader:
    /// it waits until views agree.
    fn answer(&mut self, shard: u32, asker: Asker<Q>) -> Result<(), Asker<Q>> {
        if self.role == CoordinatorRole::Pending {
            return Err(asker);
        }
        if let Some(location) = self.locate(shard) {
            let asker = asker.asker;
            self.outputs
                .push_back(CoordinatorOutput::Locate { asker, location });
            return Ok(());
        }
        if self.role == CoordinatorRole::Follower
            && asker.from != self.view.leader
            && let Some(leader) = self.view.leader.clone()
        {
            let asker = asker.asker;
            self.outputs.push_back(CoordinatorOutput::Forward {
                leader,
                shard,
                asker,
            });
            return Ok(());
        }
        Err(asker)
    }

    /// Returns where the shard is or, as leader, is from now on.
    fn locate(&mut self, shard: u32) -> Option<ShardLocation> {
        let RegionView {
            live, allocations, ..
        } = &mut self.view;
        let known = allocations
            .get(&shard)
            .filter(|allocation| live.contains(&allocation.primary));
        let allocation = match known {
            Some(known) => known.clone(),
            None if self.role == CoordinatorRole::Leader => {
                let hosts = self.hosts.intersection(live);
                let new = placement::allocate(allocations, hosts, self.config.replicas)?;
                allocations.insert(shard, new.clone());
                self.change();
                new
            }
            None => return None,
        };
        Some(ShardLocation {
            shard_id: shard,
            node: allocation.primary,
            replicas: allocation.replicas,
        })
    }

    /// Answers what is buffered, as far as it can be by now, in the order in which it was asked.
    fn flush(&mut self) {
        for query in std::mem::take(&mut self.buffered) {
            let BufferedQuery {
                shard,
                asker,
                until,
            } = query;
            if let Err(asker) = self.answer(shard, asker) {
                self.buffered.push_back(BufferedQuery {
                    shard,
                    asker,
                    until,
                });
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(query) = self.buffered.pop_front_if(|query| query.until <= now) {
            let reason = QueryRefusal::Expired(self.config.query_timeout);
            self.refuse(query.asker, reason);
        }
    }
}

#[cfg(test)]
mod tests;
