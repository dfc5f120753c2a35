//! Views taken in as differences against the same views taken in whole, over random histories.

use casty_proto::message::ServiceEntry;
use proptest::prelude::*;

use super::*;
use crate::router::regions::Loose;
use crate::view::ViewVersion;
use crate::view::keeper::{LOWER_EPOCH_GRACE, Offer, ViewKeeper};

const NODES: u16 = 5;
const REGIONS: u32 = 3;
const SHARDS: u32 = 12;

/// A change of the cluster, or an event of a client.
#[derive(Debug, Clone)]
enum Step {
    Assign(u32, u32, u16),
    Replicate(u32, u32, u16),
    Unassign(u32, u32),
    Drop(u32),
    Status(u16, Option<MemberStatus>),
    Unreachable(u16, bool),
    Leader(Option<u16>),
    Service(u16),
    /// The snapshot comes, of an epoch that is so much above the highest, under this subscription.
    Offer(i8, u64),
    /// The same snapshot as before.
    Again,
    Lost(u16),
    Register(u32),
    Up(u16),
    Down(u16),
    ConnectFailed(u16),
    Send(u32, u32),
    Location(u32, u32, u16),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (region, shard, node) = (|| 0..REGIONS, || 0..SHARDS + 2, || 0..NODES);
    let status = prop::option::weighted(
        0.9,
        prop::sample::select(vec![
            MemberStatus::Joining,
            MemberStatus::Up,
            MemberStatus::Up,
            MemberStatus::Leaving,
            MemberStatus::Down,
        ]),
    );
    prop_oneof![
        8 => (region(), shard(), node()).prop_map(|(r, s, n)| Step::Assign(r, s, n)),
        1 => (region(), shard(), node()).prop_map(|(r, s, n)| Step::Replicate(r, s, n)),
        2 => (region(), shard()).prop_map(|(r, s)| Step::Unassign(r, s)),
        1 => region().prop_map(Step::Drop),
        2 => (node(), status).prop_map(|(n, s)| Step::Status(n, s)),
        2 => (node(), any::<bool>()).prop_map(|(n, u)| Step::Unreachable(n, u)),
        1 => prop::option::weighted(0.9, node()).prop_map(Step::Leader),
        1 => node().prop_map(Step::Service),
        8 => (-1_i8..3, 0_u64..2).prop_map(|(e, s)| Step::Offer(e, s)),
        2 => Just(Step::Again),
        1 => node().prop_map(Step::Lost),
        1 => region().prop_map(Step::Register),
        4 => node().prop_map(Step::Up),
        1 => node().prop_map(Step::Down),
        1 => node().prop_map(Step::ConnectFailed),
        6 => (region(), shard()).prop_map(|(r, s)| Step::Send(r, s)),
        4 => (region(), shard(), node()).prop_map(|(r, s, n)| Step::Location(r, s, n)),
        2 => (0_u64..3_000).prop_map(Step::Pass),
    ]
}

/// The rules of [`ViewKeeper`] over whole snapshots: nothing is shared, and nothing is skipped.
#[derive(Default)]
struct NaiveKeeper {
    kept: Option<(ViewVersion, TopologySnapshot)>,
    subscription: u64,
    lower_since: Option<Instant>,
    lost: BTreeSet<NodeAddress>,
}

impl NaiveKeeper {
    fn view(&self) -> Option<View> {
        let (version, snapshot) = self.kept.as_ref()?;
        let mut view = View::from_snapshot(snapshot.clone());
        view.set_version(*version);
        Some(view)
    }

    /// Returns the view that a snapshot leads to, built from nothing; `None` if it is superseded.
    fn offer(
        &mut self,
        now: Instant,
        subscription: u64,
        mut snapshot: TopologySnapshot,
    ) -> Option<View> {
        if subscription < self.subscription {
            return None;
        }
        self.subscription = subscription;
        let mut version = ViewVersion {
            generation: 0,
            epoch: snapshot.allocation_epoch,
        };
        let mut confirmed = true;
        if let Some((kept, before)) = &self.kept {
            version.generation = kept.generation;
            let view = View::from_snapshot(before.clone());
            let mut live = view.live_members().map(|member| &member.address).peekable();
            let all_lost = live.peek().is_some() && live.all(|node| self.lost.contains(node));
            let since = self.lower_since.map(|since| now - since);
            if version.epoch >= kept.epoch {
            } else if all_lost || since.is_some_and(|since| since >= LOWER_EPOCH_GRACE) {
                version.generation += 1;
            } else {
                confirmed = false;
                version = *kept;
                snapshot.shard_allocations = before.shard_allocations.clone();
            }
        }
        if confirmed {
            self.lower_since = None;
            self.lost.clear();
        } else {
            self.lower_since.get_or_insert(now);
        }
        self.kept = Some((version, snapshot));
        self.view()
    }
}

/// The owner of a shard, and the source that named it.
#[derive(Debug, Clone, PartialEq)]
enum Owner {
    Unknown,
    Viewed(NodeAddress),
    Learned(NodeAddress, ViewVersion),
}

/// A router, its table, and what it put out.
struct Side {
    router: Router<(u16, u32), u32>,
    table: Arc<RouteTable<(u16, u32)>>,
    log: Vec<String>,
}

impl Side {
    fn new(strict: bool) -> Self {
        let shard_counts = if strict {
            ShardCounts::Strict
        } else {
            ShardCounts::Lenient
        };
        let config = RouterConfig {
            shard_counts,
            ..RouterConfig::default()
        };
        Self {
            router: Router::new(config, 7),
            table: Arc::default(),
            log: Vec::new(),
        }
    }

    fn drain(&mut self) {
        loop {
            match self.router.poll() {
                RouterOutput::Publish(table) => {
                    assert!(self.lists(&table) != self.lists(&self.table) || self.is_wider(&table));
                    self.table = table;
                    self.log.push("publish".to_owned());
                }
                RouterOutput::Wait(until) => {
                    self.log.push(format!("wait {until:?}"));
                    return self.check();
                }
                output => self.log.push(format!("{output:?}")),
            }
        }
    }

    fn targets(&self) -> Vec<(RegionId, ShardId)> {
        let regions = self.router.regions().map(|(id, _)| id);
        let shards = |id| (0..SHARDS).map(move |shard| (id, ShardId::new(shard)));
        regions.flat_map(shards).collect()
    }

    fn lists(&self, table: &RouteTable<(u16, u32)>) -> Vec<Option<(u16, u32)>> {
        let owner = |(region, shard)| table.owner(region, shard).copied();
        self.targets().into_iter().map(owner).collect()
    }

    /// Returns whether a table has regions that the present one does not have.
    fn is_wider(&self, table: &RouteTable<(u16, u32)>) -> bool {
        fn regions(table: &RouteTable<(u16, u32)>) -> String {
            let text = format!("{table:?}");
            text.split("nodes").next().unwrap_or_default().to_owned()
        }
        regions(table) != regions(&self.table)
    }

    /// Checks that the table lists what it would if it were made from nothing.
    fn check(&self) {
        let Router { routes, buffer, .. } = &self.router;
        for (region, shard) in self.targets() {
            let owner = routes.owner(region, shard).ok();
            let connection = owner.and_then(|node| routes.peers.connection(node));
            let hidden = buffer.has(&Target::Shard { region, shard });
            let expected = connection.filter(|_| !hidden).map(|it| &it.handle);
            assert_eq!(
                self.table.owner(region, shard),
                expected,
                "{region:?} {shard}"
            );
        }
    }

    fn owners(&self) -> BTreeMap<(RegionId, u32), Owner> {
        let Routes {
            regions, owners, ..
        } = &self.router.routes;
        let of = |(id, shard): (RegionId, ShardId)| {
            let region = regions.get(id).unwrap();
            let node = owners.node(region.owner(shard)).cloned();
            let owner = match (node, region.loose.get(&shard.get())) {
                (None, loose) => {
                    assert_eq!(loose, None);
                    Owner::Unknown
                }
                (Some(node), Some(Loose::Learned(since))) => Owner::Learned(node, *since),
                (Some(node), _) => Owner::Viewed(node),
            };
            ((id, shard.get()), owner)
        };
        self.targets().into_iter().map(of).collect()
    }

    /// Returns the owners as a view leaves them, shard by shard, by the rules.
    fn revised(&self, view: &View) -> BTreeMap<(RegionId, u32), Owner> {
        let mut owners = self.owners();
        let kept = self.router.routes.view.as_deref();
        if kept.is_some_and(|kept| view.version() < kept.version() || kept == view) {
            return owners;
        }
        let newer = kept.is_none_or(|kept| view.version() > kept.version());
        for ((id, shard), owner) in &mut owners {
            let region = self.router.region_name(*id).unwrap();
            let named = view.owner(region, ShardId::new(*shard));
            let stays = match &*owner {
                Owner::Learned(node, since) => {
                    let usable = |other: &NodeAddress| {
                        let suspected = self.router.routes.peers.is_suspected(other);
                        // Nodes that no view lists are forgotten with the view.
                        let known = view.member(other).is_some();
                        !view.avoids(other) && (!suspected || !known)
                    };
                    view.version().generation <= since.generation
                        && !view.avoids(node)
                        && named.is_none_or(|other| {
                            other == node || view.version() <= *since || !usable(other)
                        })
                }
                Owner::Viewed(node) => named.map_or(!newer, |named| named == node),
                Owner::Unknown => named.is_none(),
            };
            if !stays {
                *owner = named.map_or(Owner::Unknown, |node| Owner::Viewed(node.clone()));
            }
        }
        owners
    }
}

/// The same events for two routers: one is given views that share what they can, the other views
/// that were made from nothing.
struct Pair {
    now: Instant,
    sides: [Side; 2],
    keeper: ViewKeeper,
    naive: NaiveKeeper,
    cluster: TopologySnapshot,
    epoch: u64,
    subscription: u64,
    connections: u32,
    sent: u32,
}

impl Pair {
    fn new(strict: bool) -> Self {
        let mut pair = Self {
            now: Instant::now(),
            sides: [Side::new(strict), Side::new(strict)],
            keeper: ViewKeeper::new(),
            naive: NaiveKeeper::default(),
            cluster: TopologySnapshot::default(),
            epoch: 3,
            subscription: 1,
            connections: 0,
            sent: 0,
        };
        for number in 0..NODES {
            pair.status(number, Some(MemberStatus::Up));
        }
        pair.register(0);
        pair
    }

    fn status(&mut self, number: u16, status: Option<MemberStatus>) {
        let members = &mut self.cluster.members.0;
        members.retain(|member| member.address != node(number));
        members.extend(status.map(|status| Member {
            address: node(number),
            status,
            roles: FrozenSet::default(),
            id: "n".into(),
        }));
    }

    fn region(&mut self, region: u32) -> &mut BTreeMap<u32, ShardAllocation> {
        let regions = &mut self.cluster.shard_allocations;
        regions.entry(name(region)).or_default()
    }

    fn register(&mut self, region: u32) {
        let count = ShardCount::new(SHARDS).unwrap();
        let ids = self.sides.each_mut().map(|side| {
            let id = side.router.register_region(&name(region), count);
            side.drain();
            id
        });
        assert_eq!(ids[0], ids[1]);
    }

    fn handle(&mut self, input: impl Fn() -> RouterInput<(u16, u32), u32>) {
        for side in &mut self.sides {
            side.router.handle(self.now, input());
            side.drain();
        }
    }

    fn offer(&mut self) {
        let (now, subscription) = (self.now, self.subscription);
        let offer = self.keeper.offer(now, subscription, self.cluster.clone());
        let before = self.naive.view();
        let whole = self.naive.offer(now, subscription, self.cluster.clone());
        let Some(whole) = whole else {
            return assert_eq!(offer, Offer::Superseded);
        };
        assert_eq!(self.keeper.view().map(|view| &**view), Some(&whole));
        if before.as_ref() == Some(&whole) {
            return assert_eq!(offer, Offer::Unchanged);
        }
        assert!(matches!(offer, Offer::Fresh(_)));
        let kept = Arc::clone(self.keeper.view().unwrap());
        for (side, view) in self.sides.iter_mut().zip([kept, Arc::new(whole)]) {
            let expected = side.revised(&view);
            side.router.handle(now, RouterInput::View(view));
            assert_eq!(side.owners(), expected);
            side.drain();
        }
    }

    fn run(&mut self, step: &Step) {
        self.change(step);
        self.tell(step);
        let [shared, whole] = &mut self.sides;
        assert_eq!(
            std::mem::take(&mut shared.log),
            std::mem::take(&mut whole.log)
        );
        assert_eq!(shared.lists(&shared.table), whole.lists(&whole.table));
        assert_eq!(shared.owners(), whole.owners());
    }

    /// Changes the cluster.
    fn change(&mut self, step: &Step) {
        match *step {
            Step::Assign(at, shard, owner) => {
                let primary = node(owner);
                let replicas = Tuple::default();
                let allocation = ShardAllocation { primary, replicas };
                self.region(at).insert(shard, allocation);
            }
            Step::Replicate(at, shard, by) => {
                if let Some(allocation) = self.region(at).get_mut(&shard) {
                    allocation.replicas = [node(by)].into_iter().collect();
                }
            }
            Step::Unassign(at, shard) => drop(self.region(at).remove(&shard)),
            Step::Drop(at) => drop(self.cluster.shard_allocations.remove(&*name(at))),
            Step::Status(number, status) => self.status(number, status),
            Step::Unreachable(number, yes) => {
                let unreachable = &mut self.cluster.unreachable.0;
                unreachable.retain(|other| *other != node(number));
                unreachable.extend(yes.then(|| node(number)));
            }
            Step::Leader(leader) => self.cluster.leader = leader.map(node),
            Step::Service(number) => self.cluster.registry.0.push(ServiceEntry {
                key: "s".into(),
                node: node(number),
                path: "/s".into(),
            }),
            _ => {}
        }
    }

    fn send(&mut self, region: RegionId, shard: ShardId) {
        self.sent += 1;
        let message = PendingMessage {
            target: Target::Shard { region, shard },
            item: self.sent,
            bytes: 10,
            deadline: self.now + 5 * SECOND,
        };
        self.handle(|| RouterInput::Send(message.clone()));
    }

    /// Tells the routers of an event.
    fn tell(&mut self, step: &Step) {
        match *step {
            Step::Offer(above, newer) => {
                self.cluster.allocation_epoch = self.epoch.saturating_add_signed(above.into());
                self.epoch = self.epoch.max(self.cluster.allocation_epoch);
                self.subscription += newer;
                self.offer();
            }
            Step::Again => self.offer(),
            Step::Lost(number) => {
                self.keeper.lost(&node(number));
                if self
                    .naive
                    .view()
                    .is_some_and(|view| view.is_live(&node(number)))
                {
                    self.naive.lost.insert(node(number));
                }
            }
            Step::Register(at) => self.register(at),
            Step::Up(number) => {
                self.connections += 1;
                let handle = (number, self.connections);
                let node = || node(number);
                self.handle(|| RouterInput::PeerUp {
                    node: node(),
                    handle,
                });
            }
            Step::Down(number) => {
                let node = || node(number);
                self.handle(|| RouterInput::PeerDown {
                    node: node(),
                    unsent: Vec::new(),
                });
            }
            Step::ConnectFailed(number) => {
                self.handle(|| RouterInput::ConnectFailed(node(number)));
            }
            Step::Send(at, shard) => self.send(RegionId(at), ShardId::new(shard)),
            Step::Location(at, shard, owner) => {
                let location = ShardLocation {
                    shard_id: shard,
                    node: node(owner),
                    replicas: Tuple::default(),
                };
                let region = RegionId(at);
                self.handle(|| RouterInput::Location {
                    region,
                    location: location.clone(),
                });
            }
            Step::Pass(millis) => {
                self.now += Duration::from_millis(millis);
                self.handle(|| RouterInput::Tick);
            }
            _ => {}
        }
    }
}

fn name(region: u32) -> Arc<str> {
    format!("region-{region}").into()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn views_that_share_lead_to_the_same_as_views_made_from_nothing(
        steps in prop::collection::vec(step(), 0..150),
        strict: bool,
    ) {
        let mut pair = Pair::new(strict);
        for step in &steps {
            pair.run(step);
        }
    }
}

#[test]
fn what_a_view_leaves_alone_is_shared_with_the_view_and_the_table_before() {
    let mut pair = Pair::new(false);
    pair.register(1);
    for (region, shard) in [(0, 0), (0, 1), (1, 0)] {
        pair.run(&Step::Assign(region, shard, 1));
    }
    pair.run(&Step::Up(1));
    pair.run(&Step::Offer(1, 0));
    let before = Arc::clone(pair.keeper.view().unwrap());
    let row = |pair: &Pair, id| {
        let regions = &pair.sides[0].router.routes.regions;
        Arc::clone(&regions.get(RegionId(id)).unwrap().row)
    };
    let rows = [row(&pair, 0), row(&pair, 1)];
    pair.run(&Step::Assign(1, 0, 2));
    pair.run(&Step::Offer(1, 0));
    let after = pair.keeper.view().unwrap();
    let shares = |region: &str| {
        let owners = |view: &View| Arc::as_ptr(view.shard_owners(region).unwrap());
        owners(&before) == owners(after)
    };
    assert!(shares("region-0") && !shares("region-1"));
    assert!(Arc::ptr_eq(&rows[0], &row(&pair, 0)));
    assert!(!Arc::ptr_eq(&rows[1], &row(&pair, 1)));
    // A node that is connected or lost changes no row.
    let rows = [row(&pair, 0), row(&pair, 1)];
    for step in [Step::Up(2), Step::Down(1)] {
        pair.run(&step);
    }
    assert!((0..2).all(|id| Arc::ptr_eq(&rows[id as usize], &row(&pair, id))));
}

#[test]
fn owners_that_own_nothing_any_more_are_forgotten() {
    let mut bench = Bench::new();
    for epoch in 0..20_000_u32 {
        let allocation = ShardAllocation {
            primary: NodeAddress::new(format!("host-{epoch}"), 1),
            replicas: Tuple::default(),
        };
        let shards = BTreeMap::from([(epoch % 8, allocation)]);
        let view = View::from_snapshot(TopologySnapshot {
            shard_allocations: BTreeMap::from([("r".into(), shards)]),
            allocation_epoch: epoch.into(),
            ..TopologySnapshot::default()
        });
        bench.view(Arc::new(view));
    }
    let (nodes, places) = bench.router.routes.owners.len();
    assert_eq!(nodes, 1);
    assert!(places <= 3, "{places}");
}
