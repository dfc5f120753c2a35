use std::collections::BTreeMap;
use std::time::Duration;

use casty_proto::message::{Member, MemberStatus, ShardAllocation, TopologySnapshot};
use casty_proto::{FrozenSet, Tuple};

use super::*;
use crate::table::RouteTable;

mod cost;
mod differences;
mod leader;
mod owners;
mod peers;
mod queries;
mod registration;
mod sharing;

const SECOND: Duration = Duration::from_secs(1);

fn node(number: u16) -> NodeAddress {
    NodeAddress::new("10.0.0.1", number)
}

/// Makes a view of live nodes 1, 2 and 3, led by 1, some of them unreachable, with the owners of
/// the shards of region `r`.
fn view(epoch: u64, unreachable: &[u16], owners: &[(u32, u16)]) -> Arc<View> {
    led_by(Some(1), epoch, unreachable, owners)
}

/// Makes such a view of nodes that another may lead.
fn led_by(
    leader: Option<u16>,
    epoch: u64,
    unreachable: &[u16],
    owners: &[(u32, u16)],
) -> Arc<View> {
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
        leader: leader.map(node),
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
        let region = router
            .register_region("r", ShardCount::new(8).unwrap())
            .unwrap();
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

    /// A router that knows nothing, not even its region.
    fn empty() -> Self {
        let mut bench = Self {
            router: Router::new(RouterConfig::default(), 7),
            now: Instant::now(),
            region: RegionId(0),
            table: Arc::default(),
            wait: None,
        };
        assert_eq!(bench.drain(), [""; 0]);
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

    fn message(&self, shard: u32, item: u32) -> PendingMessage<u32> {
        PendingMessage {
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
                RouterOutput::Deliver { to, message, .. } => format!("{} to {to}", message.item),
                RouterOutput::Query { leader, shard, .. } => format!("query {shard} of {leader}"),
                RouterOutput::Connect { node } => format!("connect {}", node.port()),
                RouterOutput::Undeliverable { message, reason } => {
                    format!("{}: {reason}", message.item)
                }
                RouterOutput::Contradiction { contradiction, .. } => match contradiction {
                    Some(found) => format!("contradiction: {found}"),
                    None => "no contradiction".to_owned(),
                },
                RouterOutput::Publish(table) => {
                    self.table = table;
                    "publish".to_owned()
                }
                RouterOutput::Wait(wait) => {
                    self.wait = wait;
                    return log;
                }
            });
        }
    }

    fn handle(&mut self, input: RouterInput<u16, u32>) -> Vec<String> {
        self.router.handle(self.now, input);
        self.drain()
    }

    fn send(&mut self, shard: u32, item: u32) -> Vec<String> {
        self.handle(RouterInput::Send(self.message(shard, item)))
    }

    fn view(&mut self, view: Arc<View>) -> Vec<String> {
        self.handle(RouterInput::View(view))
    }

    fn up(&mut self, number: u16) -> Vec<String> {
        let (node, handle) = (node(number), number);
        self.handle(RouterInput::PeerUp { node, handle })
    }

    fn down(&mut self, number: u16, unsent: Vec<PendingMessage<u32>>) -> Vec<String> {
        let node = node(number);
        self.handle(RouterInput::PeerDown { node, unsent })
    }

    fn location(&mut self, shard: u32, owner: u16) -> Vec<String> {
        let location = ShardLocation {
            shard_id: shard,
            node: node(owner),
            replicas: Tuple::default(),
        };
        let region = self.region;
        self.handle(RouterInput::Location { region, location })
    }

    fn later(&mut self, by: Duration) -> Vec<String> {
        self.now += by;
        self.handle(RouterInput::Tick)
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
    assert_eq!(bench.wait, None, "nothing is buffered, nothing is awaited");
}

#[test]
fn a_miss_is_buffered_asked_for_once_and_flushed_in_order_before_it_is_listed() {
    let mut bench = Bench::formed(&[]);
    assert_eq!(bench.send(3, 1), ["query 3 of 1"]);
    assert_eq!(bench.send(3, 2), [""; 0]);
    let (messages, bytes) = (2, 20);
    assert_eq!(bench.router.buffered(), Buffered { messages, bytes });
    let buffered: Vec<_> = bench.router.buffered_each().collect();
    assert_eq!(buffered, [(&bench.target(3), 2)]);
    assert_eq!(bench.location(3, 2), ["1 to 2", "2 to 2", "publish"]);
    assert_eq!(bench.listed(3), Some(2));
    assert_eq!(bench.router.buffered(), Buffered::default());
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
fn unsent_messages_of_a_lost_peer_go_first_and_in_order() {
    let mut bench = Bench::formed(&[(0, 2)]);
    let unsent = vec![bench.message(0, 1), bench.message(0, 2)];
    assert_eq!(bench.down(2, unsent), ["connect 2", "publish"]);
    assert_eq!(bench.listed(0), None);
    assert_eq!(bench.send(0, 3), [""; 0]);
    assert_eq!(bench.up(2), ["1 to 2", "2 to 2", "3 to 2", "publish"]);
}

#[test]
fn inputs_between_polls_keep_the_order() {
    let mut bench = Bench::formed(&[]);
    bench.send(0, 1);
    bench.view(view(1, &[], &[(1, 2)]));
    let (two, three) = (bench.message(0, 2), bench.message(1, 3));
    bench.router.handle(
        bench.now,
        RouterInput::View(view(2, &[], &[(0, 2), (1, 2)])),
    );
    bench.router.handle(bench.now, RouterInput::Send(two));
    bench.router.handle(bench.now, RouterInput::Send(three));
    assert_eq!(bench.drain(), ["3 to 2", "1 to 2", "2 to 2", "publish"]);
    let four = bench.message(0, 4);
    bench.router.handle(bench.now, RouterInput::Send(four));
    assert_eq!(
        bench.down(2, vec![]),
        ["connect 2", "publish"],
        "it was not polled, so it is buffered"
    );
    assert_eq!(bench.up(2), ["4 to 2", "publish"]);
}

#[test]
fn every_message_has_its_own_deadline_and_the_reason_says_what_was_missing() {
    let mut bench = Bench::new();
    let mut early = bench.message(0, 2);
    early.deadline = bench.now + SECOND;
    assert_eq!(bench.send(0, 1), [""; 0]);
    assert_eq!(bench.handle(RouterInput::Send(early)), [""; 0]);
    assert_eq!(
        bench.later(SECOND),
        ["2: the deadline passed: no view of the cluster has come"]
    );
    assert_eq!(bench.view(view(1, &[], &[])), [""; 0]);
    let late = bench.later(4 * SECOND);
    assert_eq!(
        late,
        ["1: the deadline passed: no connection to the leader 10.0.0.1:1"]
    );
    bench.view(view(2, &[], &[(0, 2)]));
    bench.send(0, 3);
    let late = bench.later(5 * SECOND);
    assert_eq!(
        late,
        ["3: the deadline passed: no connection to 10.0.0.1:2"]
    );
    let mut past = bench.message(0, 4);
    past.deadline = bench.now;
    let late = bench.handle(RouterInput::Send(past));
    assert_eq!(
        late,
        ["4: the deadline passed: no connection to 10.0.0.1:2"]
    );
    assert_eq!(
        (bench.router.buffered(), bench.wait),
        (Buffered::default(), None)
    );
}

#[test]
fn a_busy_peer_gets_nothing_until_it_is_ready() {
    let mut bench = Bench::formed(&[(0, 2)]);
    let unsent = vec![bench.message(0, 1)];
    let node = node(2);
    let busy = RouterInput::PeerBusy { node, unsent };
    assert_eq!(bench.handle(busy), ["publish"]);
    assert_eq!(bench.listed(0), None, "later ones may not pass it");
    assert_eq!(bench.send(0, 2), [""; 0]);
    let node = self::node(2);
    assert_eq!(
        bench.handle(RouterInput::PeerReady(node)),
        ["1 to 2", "2 to 2", "publish"]
    );
}

#[test]
fn what_a_closed_outbox_refused_stays_behind_what_it_had_taken_in() {
    let mut bench = Bench::formed(&[(0, 2)]);
    let unsent = vec![bench.message(0, 2)];
    let node = node(2);
    bench.handle(RouterInput::PeerBusy { node, unsent });
    assert_eq!(bench.send(0, 3), [""; 0]);
    let unsent = vec![bench.message(0, 1)];
    assert_eq!(bench.down(2, unsent), ["connect 2"]);
    assert_eq!(bench.up(2), ["1 to 2", "2 to 2", "3 to 2", "publish"]);
}

#[test]
fn a_node_target_needs_only_its_connection() {
    let mut bench = Bench::formed(&[]);
    bench.view(view(1, &[2], &[]));
    let to = |number: u16, item: u32, bench: &Bench| PendingMessage {
        target: Target::Node(node(number)),
        ..bench.message(0, item)
    };
    let message = to(2, 1, &bench);
    assert_eq!(bench.handle(RouterInput::Send(message)), ["1 to 2"]);
    let message = to(9, 2, &bench);
    assert_eq!(
        bench.handle(RouterInput::Send(message)),
        ["connect 9"],
        "even of an unknown node"
    );
    assert_eq!(bench.handle(RouterInput::ConnectFailed(node(9))), [""; 0]);
    assert!(
        bench.router.wants_connection(&node(9)),
        "it may come back before the deadline"
    );
    assert_eq!(bench.up(9), ["2 to 9"]);
}

#[test]
fn messages_to_a_node_that_is_declared_dead_are_undeliverable() {
    let mut bench = Bench::new();
    let message = PendingMessage {
        target: Target::Node(node(2)),
        ..bench.message(0, 1)
    };
    assert_eq!(
        bench.handle(RouterInput::Send(message.clone())),
        ["connect 2"]
    );
    let dead = Member {
        address: node(2),
        status: MemberStatus::Down,
        roles: FrozenSet::default(),
        id: "n".into(),
    };
    let snapshot = TopologySnapshot {
        members: FrozenSet(vec![dead]),
        ..TopologySnapshot::default()
    };
    let gone = ["1: node 10.0.0.1:2 is down or has left the cluster"];
    assert_eq!(bench.view(Arc::new(View::from_snapshot(snapshot))), gone);
    assert_eq!(bench.handle(RouterInput::Send(message)), gone);
}

#[test]
fn a_wanted_connection_is_asked_for_once_until_it_is_wanted_anew() {
    let mut bench = Bench::formed(&[(0, 2), (1, 2)]);
    bench.down(2, vec![]);
    assert_eq!(bench.send(0, 1), ["connect 2"]);
    assert_eq!(bench.send(1, 2), [""; 0]);
    assert_eq!(bench.later(5 * SECOND).len(), 2, "both are undeliverable");
    assert!(!bench.router.wants_connection(&node(2)));
    assert_eq!(bench.send(0, 3), ["connect 2"]);
}

#[test]
fn a_cancelled_message_is_gone_and_no_longer_in_the_way() {
    let mut bench = Bench::formed(&[(0, 2)]);
    let unsent = vec![bench.message(0, 1)];
    bench.handle(RouterInput::PeerBusy {
        node: node(2),
        unsent,
    });
    let target = bench.target(0);
    assert_eq!(bench.router.cancel(&target, |item| *item == 9), None);
    assert_eq!(
        bench
            .router
            .cancel(&target, |item| *item == 1)
            .unwrap()
            .item,
        1
    );
    assert_eq!(bench.drain(), ["publish"]);
    assert_eq!(
        (bench.listed(0), bench.router.buffered()),
        (Some(2), Buffered::default())
    );
}

#[test]
fn a_closed_router_delivers_nothing_more() {
    let mut bench = Bench::formed(&[]);
    bench.send(0, 1);
    assert_eq!(bench.handle(RouterInput::Close), ["1: closed"]);
    assert_eq!(bench.send(0, 2), ["2: closed"]);
    let unsent = vec![bench.message(0, 3)];
    assert_eq!(bench.down(2, unsent), ["3: closed"]);
    assert_eq!(bench.router.buffered(), Buffered::default());
}

#[test]
fn a_failed_connection_that_nothing_waits_for_may_be_asked_for_again() {
    let mut bench = Bench::formed(&[(0, 2)]);
    bench.down(2, vec![]);
    assert_eq!(bench.send(0, 1), ["connect 2"]);
    assert_eq!(
        bench.handle(RouterInput::ConnectFailed(node(2))),
        ["query 0 of 1"]
    );
    let message = PendingMessage {
        target: Target::Node(node(2)),
        ..bench.message(0, 2)
    };
    assert_eq!(bench.handle(RouterInput::Send(message)), ["connect 2"]);
}

#[test]
fn what_was_tried_of_nodes_outside_the_cluster_is_forgotten() {
    let mut bench = Bench::formed(&[(0, 9)]);
    assert_eq!(bench.send(0, 1), ["connect 9"]);
    let failed = || RouterInput::ConnectFailed(node(9));
    assert_eq!(bench.handle(failed()), ["query 0 of 1"]);
    assert_eq!(bench.view(view(1, &[3], &[(0, 9)])), ["connect 9"]);
    assert_eq!(bench.handle(failed()), [""; 0], "the query is in flight");
}
