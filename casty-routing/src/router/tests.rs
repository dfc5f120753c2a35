use std::collections::BTreeMap;
use std::time::Duration;

use casty_proto::message::{Member, MemberStatus, ShardAllocation, TopologySnapshot};
use casty_proto::{FrozenSet, Tuple};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn node(number: u16) -> NodeAddress {
    NodeAddress::new("10.0.0.1", number)
}

/// A view of live nodes 1, 2 and 3, led by 1, some of them unreachable, with the owners of the
/// shards of region `r`.
fn view(epoch: u64, unreachable: &[u16], owners: &[(u32, u16)]) -> Arc<View> {
    let member = |number| Member {
        address: node(number),
        status: MemberStatus::Up,
        roles: FrozenSet::default(),
        id: "n".into(),
    };
    let allocation = |owner| ShardAllocation {
        primary: node(owner),
        replicas: Tuple::default(),
    };
    let shards = owners
        .iter()
        .map(|(shard, owner)| (*shard, allocation(*owner)));
    Arc::new(View::from_snapshot(TopologySnapshot {
        members: [1, 2, 3].map(member).into_iter().collect(),
        leader: Some(node(1)),
        shard_allocations: BTreeMap::from([("r".into(), shards.collect())]),
        allocation_epoch: epoch,
        unreachable: unreachable.iter().copied().map(node).collect(),
        registry: FrozenSet::default(),
    }))
}

/// A router of one region with eight shards, its clock, its published table, and its log.
struct Bench {
    router: Router<u16, u32>,
    now: Instant,
    region: RegionId,
    table: Arc<RouteTable<u16>>,
    wait: Option<Instant>,
}

impl Bench {
    fn new() -> Self {
        Self::with(RouterConfig::default())
    }

    fn with(config: RouterConfig) -> Self {
        let mut router = Router::new(config, 7);
        let region = router.region("r", ShardCount::new(8).unwrap()).unwrap();
        let mut bench = Self {
            router,
            now: Instant::now(),
            region,
            table: Arc::default(),
            wait: None,
        };
        assert_eq!(bench.drain(), ["publish"]);
        bench
    }

    /// Three connected nodes and a view in which `owners` own their shards.
    fn formed(owners: &[(u32, u16)]) -> Self {
        let mut bench = Self::new();
        bench.view(view(1, &[], owners));
        for number in [1, 2, 3] {
            bench.up(number);
        }
        bench
    }

    fn target(&self, shard: u32) -> Target {
        Target::Shard {
            region: self.region,
            shard: ShardId::new(shard),
        }
    }

    fn parcel(&self, shard: u32, item: u32) -> Parcel<u32> {
        Parcel {
            target: self.target(shard),
            item,
            bytes: 10,
            deadline: self.now + 5 * SECOND,
        }
    }

    fn drain(&mut self) -> Vec<String> {
        let mut log = Vec::new();
        loop {
            log.push(match self.router.poll() {
                Output::Deliver { to, parcel, .. } => format!("{} to {to}", parcel.item),
                Output::Query { leader, shard, .. } => format!("query {shard} of {leader}"),
                Output::Connect { node } => format!("connect {}", node.port()),
                Output::Undeliverable { parcel, reason } => format!("{}: {reason}", parcel.item),
                Output::Publish(table) => {
                    self.table = table;
                    "publish".to_owned()
                }
                Output::Wait(wait) => {
                    self.wait = wait;
                    return log;
                }
            });
        }
    }

    fn handle(&mut self, input: Input<u16, u32>) -> Vec<String> {
        self.router.handle(self.now, input);
        self.drain()
    }

    fn send(&mut self, shard: u32, item: u32) -> Vec<String> {
        self.handle(Input::Send(self.parcel(shard, item)))
    }

    fn view(&mut self, view: Arc<View>) -> Vec<String> {
        self.handle(Input::View(view))
    }

    fn up(&mut self, number: u16) -> Vec<String> {
        let (node, handle) = (node(number), number);
        self.handle(Input::PeerUp { node, handle })
    }

    fn down(&mut self, number: u16, unsent: Vec<Parcel<u32>>) -> Vec<String> {
        let node = node(number);
        self.handle(Input::PeerDown { node, unsent })
    }

    fn location(&mut self, shard: u32, owner: u16) -> Vec<String> {
        let location = ShardLocation {
            shard_id: shard,
            node: node(owner),
            replicas: Tuple::default(),
        };
        let region = self.region;
        self.handle(Input::Location { region, location })
    }

    fn later(&mut self, by: Duration) -> Vec<String> {
        self.now += by;
        self.handle(Input::Tick)
    }

    fn listed(&self, shard: u32) -> Option<u16> {
        self.table.owner(self.region, ShardId::new(shard)).copied()
    }
}

#[test]
fn a_shard_with_a_connected_owner_is_delivered_at_once() {
    let mut bench = Bench::formed(&[(0, 2)]);
    assert_eq!(bench.listed(0), Some(2));
    assert_eq!(bench.send(0, 1), ["1 to 2"]);
    assert_eq!(bench.wait, None, "nothing is held, nothing is awaited");
}

#[test]
fn a_miss_is_held_asked_for_once_and_flushed_in_order_before_it_is_listed() {
    let mut bench = Bench::formed(&[]);
    assert_eq!(bench.send(3, 1), ["query 3 of 1"]);
    assert_eq!(bench.send(3, 2), [""; 0]);
    assert_eq!(
        bench.router.held(),
        Held {
            items: 2,
            bytes: 20
        }
    );
    assert_eq!(bench.location(3, 2), ["1 to 2", "2 to 2", "publish"]);
    assert_eq!(bench.listed(3), Some(2));
    assert_eq!(bench.router.held(), Held::default());
}

#[test]
fn what_waits_for_the_cluster_is_flushed_when_it_forms() {
    let mut bench = Bench::new();
    assert_eq!(bench.send(0, 1), [""; 0], "no view, nobody to ask");
    assert_eq!(bench.view(view(1, &[], &[(0, 2)])), ["connect 2"]);
    assert_eq!(bench.up(1), [""; 0]);
    assert_eq!(bench.up(2), ["1 to 2", "publish"]);
}

#[test]
fn unsent_parcels_of_a_lost_peer_go_first_and_in_order() {
    let mut bench = Bench::formed(&[(0, 2)]);
    let unsent = vec![bench.parcel(0, 1), bench.parcel(0, 2)];
    assert_eq!(bench.down(2, unsent), ["connect 2", "publish"]);
    assert_eq!(bench.listed(0), None);
    assert_eq!(bench.send(0, 3), [""; 0]);
    assert_eq!(bench.up(2), ["1 to 2", "2 to 2", "3 to 2", "publish"]);
}
