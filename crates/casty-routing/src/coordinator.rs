//! Who holds the shards of one region: the part of a node that clients ask.
//!
//! The leader of the cluster allocates; all others answer from the view and send on what they do
//! not know. One [`Coordinator`] serves one region of one node.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use casty_proto::message::{MemberStatus, ShardAllocation, ShardLocation, TopologySnapshot};
use casty_proto::{NodeAddress, Tuple};

mod placement;

/// The region's shape and the bounds of a [`Coordinator`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoordinatorConfig {
    /// How many shards the region has; others are refused.
    pub shards: u32,
    /// How many copies of each shard are placed beside its primary, nodes allowing. Default 0.
    pub replicas: usize,
    /// The most queries held for want of a leader or of a node that hosts the region. Default
    /// 10,000.
    pub buffered_queries: usize,
    /// How long each is held. Default 30 s.
    pub query_timeout: Duration,
    /// The most nodes known to host the region. Default 1,024.
    pub hosts: usize,
}

impl CoordinatorConfig {
    /// The defaults for a region of `shards` shards.
    pub fn new(shards: u32) -> Self {
        Self {
            shards,
            replicas: 0,
            buffered_queries: 10_000,
            query_timeout: Duration::from_secs(30),
            hosts: 1_024,
        }
    }
}

/// What a coordinator needs of a node's view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegionView {
    /// The member that allocates.
    pub leader: Option<NodeAddress>,
    /// The members that are up and reachable.
    pub live: BTreeSet<NodeAddress>,
    /// The region's shards that are allocated.
    pub allocations: BTreeMap<u32, ShardAllocation>,
    /// Orders the allocations of views.
    pub epoch: u64,
}

impl RegionView {
    /// The part of a whole view that concerns `region`.
    pub fn of(snapshot: &TopologySnapshot, region: &str) -> Self {
        let unreachable: BTreeSet<_> = snapshot.unreachable.iter().collect();
        let live = snapshot
            .members
            .iter()
            .filter(|member| member.status == MemberStatus::Up)
            .map(|member| &member.address)
            .filter(|address| !unreachable.contains(address));
        Self {
            leader: snapshot.leader.clone(),
            live: live.cloned().collect(),
            allocations: snapshot
                .shard_allocations
                .get(region)
                .cloned()
                .unwrap_or_default(),
            epoch: snapshot.allocation_epoch,
        }
    }
}

/// What happened. `Q` is whoever asks, as the caller knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoordinatorInput<Q> {
    /// The node's view changed, be it by what this coordinator published.
    View(RegionView),
    /// `RegisterRegion`: a node hosts the region.
    Register {
        /// The node.
        node: NodeAddress,
    },
    /// `GetShardLocation`: somebody asks who holds a shard.
    Query {
        /// The shard.
        shard: u32,
        /// Who asks.
        asker: Q,
    },
    /// A node was found dead, before the view says so.
    NodeDown(NodeAddress),
    /// Nothing but time passed.
    Tick,
}

/// What to do. Each query ends as exactly one of the first three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoordinatorOutput<Q> {
    /// Tell the asker.
    Locate {
        /// Who asked.
        asker: Q,
        /// The answer.
        location: ShardLocation,
    },
    /// Send the query on to the leader's coordinator, which answers the asker itself.
    Forward {
        /// The leader.
        leader: NodeAddress,
        /// The shard.
        shard: u32,
        /// Who asked.
        asker: Q,
    },
    /// There will be no answer. Casty has no word for that on the wire: the asker's time runs out.
    Refused {
        /// Who asked.
        asker: Q,
        /// Why.
        reason: QueryRefusal,
    },
    /// Send `RegisterRegion` for the node to the leader's coordinator: leaders do not hand their
    /// knowledge on to the next one.
    Register {
        /// The leader.
        leader: NodeAddress,
        /// The node that hosts the region.
        node: NodeAddress,
    },
    /// Put the region's allocations into the node's view, under that epoch
    /// (`UpdateShardAllocations`).
    Publish {
        /// All of the region's allocations.
        allocations: BTreeMap<u32, ShardAllocation>,
        /// Greater than that of every view and every publication before.
        epoch: u64,
    },
    /// Nothing more to do until then, or until something happens.
    Wait(Option<Instant>),
}

/// Why a query gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryRefusal {
    /// The region has fewer shards: the asker counts them otherwise.
    #[error("the region has {shards} shards only")]
    NoSuchShard {
        /// How many.
        shards: u32,
    },
    /// Too many queries are held already.
    #[error("{limit} queries are held already")]
    Full {
        /// The limit.
        limit: usize,
    },
    /// No leader and no node that hosts the region turned up in time.
    #[error("no node could be found for the shard within {0:?}")]
    Expired(Duration),
}

/// What a coordinator is at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoordinatorRole {
    /// No view has arrived: everything is held.
    Pending,
    /// It allocates.
    Leader,
    /// It answers from the view and sends on the rest.
    Follower,
}

/// The coordinator engine of one region on one node.
///
/// Allocation is deterministic: a shard goes to the live host with the fewest shards of the
/// region, the lowest address among equals. Nothing is moved while its node lives. A shard costs
/// its allocation in memory, and a new one time in proportion to those allocated.
///
/// ```
/// # use std::time::Instant;
/// use casty_proto::NodeAddress;
/// use casty_routing::{CoordinatorConfig, Coordinator, CoordinatorInput, CoordinatorOutput, RegionView};
///
/// let me: NodeAddress = "10.0.0.1:25520".parse()?;
/// let mut coordinator = Coordinator::new(CoordinatorConfig::new(100), me.clone());
/// let view = RegionView {
///     leader: Some(me.clone()),
///     live: [me.clone()].into(),
///     ..RegionView::default()
/// };
/// coordinator.handle(Instant::now(), CoordinatorInput::View(view));
/// coordinator.handle(Instant::now(), CoordinatorInput::Register { node: me.clone() });
/// coordinator.handle(Instant::now(), CoordinatorInput::Query { shard: 7, asker: "alice" });
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
    held: VecDeque<BufferedQuery<Q>>,
    /// Whether there is something to publish.
    changed: bool,
    outputs: VecDeque<CoordinatorOutput<Q>>,
}

/// A query that cannot be answered yet. All are held equally long, so the oldest is in front.
#[derive(Debug)]
struct BufferedQuery<Q> {
    shard: u32,
    asker: Q,
    until: Instant,
}

impl<Q> Coordinator<Q> {
    /// The coordinator of the node `me`, which waits for a view.
    pub fn new(config: CoordinatorConfig, me: NodeAddress) -> Self {
        Self {
            config,
            me,
            role: CoordinatorRole::Pending,
            view: RegionView::default(),
            hosts: BTreeSet::new(),
            held: VecDeque::new(),
            changed: false,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened; [`poll`](Self::poll) then tells what to do.
    pub fn handle(&mut self, now: Instant, input: CoordinatorInput<Q>) {
        match input {
            CoordinatorInput::View(view) => self.view(view),
            CoordinatorInput::Register { node } => self.register(node),
            CoordinatorInput::Query { shard, asker } => return self.query(now, shard, asker),
            CoordinatorInput::NodeDown(node) => self.node_down(&node),
            CoordinatorInput::Tick => return self.expire(now),
        }
        self.flush();
        self.expire(now);
    }

    /// The next thing to do. To be called until it says [`CoordinatorOutput::Wait`].
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
        CoordinatorOutput::Wait(self.held.front().map(|held| held.until))
    }

    /// What it is at present.
    pub fn role(&self) -> CoordinatorRole {
        self.role
    }

    /// The allocations it answers from.
    pub fn allocations(&self) -> &BTreeMap<u32, ShardAllocation> {
        &self.view.allocations
    }

    /// The epoch of those.
    pub fn epoch(&self) -> u64 {
        self.view.epoch
    }

    /// How many queries are held.
    pub fn buffered_queries(&self) -> usize {
        self.held.len()
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

    /// As leader: takes what a newer view knows, and keeps what it does not know. All regions
    /// count their changes on one epoch, so a newer view need not contain what was published here.
    fn merge(&mut self, allocations: BTreeMap<u32, ShardAllocation>, epoch: u64) {
        if epoch <= self.view.epoch {
            return;
        }
        let known = allocations.len();
        let own = std::mem::replace(&mut self.view.allocations, allocations);
        self.view.epoch = epoch;
        for (shard, allocation) in own {
            self.view.allocations.entry(shard).or_insert(allocation);
        }
        if self.view.allocations.len() > known {
            self.change();
        }
    }

    /// As leader: takes the shards from nodes that are not live.
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
        if self.hosts.len() >= self.config.hosts {
            self.hosts.retain(|host| self.view.live.contains(host));
        }
        let known = self.hosts.contains(&node);
        if !known && self.hosts.len() >= self.config.hosts {
            return;
        }
        self.hosts.insert(node.clone());
        // Two nodes that each take the other for the leader must not pass it to and fro.
        if !known || node == self.me {
            self.pass_on(node);
        }
    }

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

    fn query(&mut self, now: Instant, shard: u32, asker: Q) {
        self.expire(now);
        let shards = self.config.shards;
        let limit = self.config.buffered_queries;
        if shard >= shards {
            let reason = QueryRefusal::NoSuchShard { shards };
            self.outputs
                .push_back(CoordinatorOutput::Refused { asker, reason });
        } else if let Err(asker) = self.answer(shard, asker) {
            if self.held.len() < limit {
                let until = now + self.config.query_timeout;
                self.held.push_back(BufferedQuery {
                    shard,
                    asker,
                    until,
                });
            } else {
                let reason = QueryRefusal::Full { limit };
                self.outputs
                    .push_back(CoordinatorOutput::Refused { asker, reason });
            }
        }
    }

    /// Answers or forwards, or gives the asker back.
    fn answer(&mut self, shard: u32, asker: Q) -> Result<(), Q> {
        if self.role == CoordinatorRole::Pending {
            return Err(asker);
        }
        if let Some(location) = self.locate(shard) {
            self.outputs
                .push_back(CoordinatorOutput::Locate { asker, location });
            return Ok(());
        }
        if self.role == CoordinatorRole::Follower
            && let Some(leader) = self.view.leader.clone()
        {
            self.outputs.push_back(CoordinatorOutput::Forward {
                leader,
                shard,
                asker,
            });
            return Ok(());
        }
        Err(asker)
    }

    /// Where the shard is, or, as leader, is from now on.
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

    /// Answers what is held, as far as it can be by now, in the order in which it was asked.
    fn flush(&mut self) {
        for held in std::mem::take(&mut self.held) {
            let BufferedQuery {
                shard,
                asker,
                until,
            } = held;
            if let Err(asker) = self.answer(shard, asker) {
                self.held.push_back(BufferedQuery {
                    shard,
                    asker,
                    until,
                });
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(held) = self.held.pop_front_if(|held| held.until <= now) {
            let reason = QueryRefusal::Expired(self.config.query_timeout);
            let asker = held.asker;
            self.outputs
                .push_back(CoordinatorOutput::Refused { asker, reason });
        }
    }
}

#[cfg(test)]
mod tests;
