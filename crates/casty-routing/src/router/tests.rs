use std::collections::BTreeMap;
use std::time::Duration;

use casty_proto::message::{Member, MemberStatus, ShardAllocation, TopologySnapshot};
use casty_proto::{FrozenSet, Tuple};

use super::*;
use crate::RouteTable;

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
    assert_eq!(bench.wait, None, "nothing is held, nothing is awaited");
}

#[test]
fn a_miss_is_held_asked_for_once_and_flushed_in_order_before_it_is_listed() {
    let mut bench = Bench::formed(&[]);
    assert_eq!(bench.send(3, 1), ["query 3 of 1"]);
    assert_eq!(bench.send(3, 2), [""; 0]);
    let (messages, bytes) = (2, 20);
    assert_eq!(bench.router.buffered(), Buffered { messages, bytes });
    let held: Vec<_> = bench.router.buffered_each().collect();
    assert_eq!(held, [(&bench.target(3), 2)]);
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
fn unsent_parcels_of_a_lost_peer_go_first_and_in_order() {
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
        "it was not polled, so it is held"
    );
    assert_eq!(bench.up(2), ["4 to 2", "publish"]);
}

#[test]
fn a_question_is_put_again_with_growing_patience_until_nothing_is_held() {
    let mut bench = Bench::formed(&[]);
    bench.send(0, 1);
    let mut asked = vec![bench.now];
    let end = bench.now + 5 * SECOND;
    while let Some(wait) = bench.wait {
        bench.now = wait;
        match bench.handle(RouterInput::Tick).as_slice() {
            [] => {}
            [one] if one == "query 0 of 1" => asked.push(wait),
            [one] => {
                assert_eq!(
                    one,
                    "1: the deadline passed: the leader names no usable owner of the shard"
                );
                assert_eq!(bench.now, end);
            }
            more => panic!("{more:?}"),
        }
    }
    let gaps: Vec<Duration> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((3..=8).contains(&gaps.len()), "{gaps:?}");
    for (gap, most) in gaps.iter().zip([500, 1_000, 2_000, 2_000, 2_000]) {
        let most = Duration::from_millis(most);
        assert!((most / 2..=most).contains(gap), "{gaps:?}");
    }
}

#[test]
fn an_answer_that_names_a_dead_node_is_refused_and_asked_for_later() {
    let mut bench = Bench::formed(&[]);
    bench.view(view(2, &[3], &[]));
    bench.down(2, vec![]);
    bench.handle(RouterInput::ConnectFailed(node(2)));
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 3), [""; 0], "unreachable");
    assert!(bench.later(Duration::from_millis(249)).is_empty());
    assert_eq!(bench.later(Duration::from_millis(251)), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 2), [""; 0], "could not be connected");
    assert_eq!(bench.later(2 * SECOND), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 1), ["1 to 1", "publish"]);
}

#[test]
fn a_node_that_could_not_be_connected_is_avoided_until_it_is() {
    let mut bench = Bench::formed(&[(0, 2)]);
    assert_eq!(bench.down(2, vec![]), ["publish"]);
    assert_eq!(bench.send(0, 1), ["connect 2"]);
    assert!(bench.router.wants_connection(&node(2)));
    let failed = bench.handle(RouterInput::ConnectFailed(node(2)));
    assert_eq!(failed, ["query 0 of 1"], "although the view calls it up");
    assert!(!bench.router.wants_connection(&node(2)));
    assert_eq!(
        bench.up(2),
        ["1 to 2", "publish"],
        "connected, it is trusted again"
    );
}

#[test]
fn unreachable_is_authoritative_even_while_the_connection_is_up() {
    let mut bench = Bench::formed(&[(0, 2)]);
    assert_eq!(bench.view(view(1, &[2], &[(0, 2)])), ["publish"]);
    assert_eq!(bench.listed(0), None);
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 3), ["1 to 3", "publish"]);
    assert_eq!(bench.listed(0), Some(3));
    bench.view(view(1, &[], &[(0, 2)]));
    assert_eq!(
        bench.listed(0),
        Some(3),
        "what was learned stays until a newer view"
    );
    bench.view(view(2, &[], &[(0, 2)]));
    assert_eq!(bench.listed(0), Some(2));
}

#[test]
fn absence_in_a_view_unassigns_what_views_assigned_but_not_what_was_learned() {
    let mut bench = Bench::formed(&[(0, 2)]);
    bench.send(1, 1);
    bench.location(1, 3);
    bench.view(view(1, &[], &[]));
    assert_eq!(
        (bench.listed(0), bench.listed(1)),
        (Some(2), Some(3)),
        "the same epoch"
    );
    bench.view(view(2, &[], &[(2, 2)]));
    assert_eq!((bench.listed(0), bench.listed(1)), (None, Some(3)));
    bench.view(view(3, &[], &[(1, 2)]));
    assert_eq!(bench.listed(1), Some(2), "a newer view assigns otherwise");
}

#[test]
fn the_first_answer_is_kept_until_its_node_is_gone() {
    let mut bench = Bench::formed(&[]);
    bench.send(0, 1);
    bench.location(0, 3);
    assert_eq!(
        bench.location(0, 2),
        [""; 0],
        "a second answer changes nothing"
    );
    assert_eq!(bench.listed(0), Some(3));
    bench.view(view(1, &[3], &[]));
    assert_eq!(bench.listed(0), None);
    bench.view(view(1, &[], &[]));
    assert_eq!(
        bench.listed(0),
        None,
        "gone is gone: the leader decides anew"
    );
    assert_eq!(bench.send(0, 2), ["query 0 of 1"]);
}

#[test]
fn a_new_leader_is_asked_at_once() {
    let mut bench = Bench::formed(&[]);
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    assert_eq!(bench.down(1, vec![]), [""; 0], "no leader to ask");
    let elected = |epoch| {
        Arc::new(View::from_snapshot(TopologySnapshot {
            leader: Some(node(2)),
            allocation_epoch: epoch,
            ..TopologySnapshot::default()
        }))
    };
    assert_eq!(bench.view(elected(0)), [""; 0], "older");
    assert_eq!(bench.view(elected(1)), ["query 0 of 2"]);
    assert_eq!(bench.up(1), [""; 0]);
}

#[test]
fn a_reconnected_leader_is_asked_again_at_once() {
    let mut bench = Bench::formed(&[]);
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    for _ in 0..3 {
        bench.now = bench.wait.unwrap();
        assert_eq!(bench.handle(RouterInput::Tick), ["query 0 of 1"]);
    }
    bench.down(1, vec![]);
    assert_eq!(bench.up(1), ["query 0 of 1"]);
    let patience = bench.wait.unwrap() - bench.now;
    assert!(patience <= SECOND / 2, "as at first: {patience:?}");
}

#[test]
fn every_parcel_has_its_own_deadline_and_the_reason_says_what_was_lacking() {
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
fn a_node_target_that_is_declared_dead_is_given_up() {
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
    assert_eq!(bench.later(5 * SECOND).len(), 2, "both are given up");
    assert!(!bench.router.wants_connection(&node(2)));
    assert_eq!(bench.send(0, 3), ["connect 2"]);
}

#[test]
fn a_cancelled_parcel_is_gone_and_no_longer_in_the_way() {
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
fn a_closed_router_gives_everything_up() {
    let mut bench = Bench::formed(&[]);
    bench.send(0, 1);
    assert_eq!(bench.handle(RouterInput::Close), ["1: closed"]);
    assert_eq!(bench.send(0, 2), ["2: closed"]);
    let unsent = vec![bench.message(0, 3)];
    assert_eq!(bench.down(2, unsent), ["3: closed"]);
    assert_eq!(bench.router.buffered(), Buffered::default());
}

#[test]
fn another_count_for_the_same_region_is_an_error() {
    let mut bench = Bench::new();
    let count = |count| ShardCount::new(count).unwrap();
    assert_eq!(
        bench.router.register_region("r", count(8)),
        Ok(bench.region)
    );
    let (registered, asked) = (count(8), count(9));
    let error = RegisterRegionError::OtherCount { registered, asked };
    assert_eq!(bench.router.register_region("r", asked), Err(error));
    let error = RegisterRegionError::TooManyShards { limit: 65_536 };
    assert_eq!(
        bench.router.register_region("big", count(65_537)),
        Err(error)
    );
}

#[test]
fn a_region_may_have_as_many_shards_as_the_limit_and_is_found_by_name_and_number() {
    let mut bench = Bench::with(RouterConfig {
        max_shards: 8,
        ..RouterConfig::default()
    });
    let count = ShardCount::new(8).unwrap();
    let other = bench.router.register_region("s", count).unwrap();
    assert_eq!((bench.region.get(), other.get()), (0, 1), "in their order");
    assert_eq!(bench.router.region_id("r"), Some(bench.region));
    assert_eq!(bench.router.region_id("s"), Some(other));
    assert_eq!(bench.router.region_id("t"), None);
    let regions = bench.router.regions().map(|(id, name)| (id, &**name));
    assert_eq!(
        regions.collect::<Vec<_>>(),
        [(bench.region, "r"), (other, "s")]
    );
    assert_eq!(
        bench.router.region_name(other).map(|name| &**name),
        Some("s")
    );
    assert_eq!(bench.router.region_name(RegionId(2)), None);
}

#[test]
fn a_count_that_the_view_contradicts_is_an_error_and_routes_nothing() {
    let mut bench = Bench::formed(&[(0, 2)]);
    let held = bench.message(1, 1);
    bench.handle(RouterInput::Send(held));
    let log = bench.view(view(2, &[], &[(0, 2), (8, 2)]));
    let wrong = "the cluster allocates shard 8 of a region registered with 8 shards";
    assert_eq!(log, [format!("1: {wrong}"), "publish".to_owned()]);
    assert_eq!(bench.send(0, 2), [format!("2: {wrong}")]);
    let (asked, allocated) = (ShardCount::new(8).unwrap(), ShardId::new(8));
    let error = RegisterRegionError::Contradicted { allocated, asked };
    assert_eq!(bench.router.register_region("r", asked), Err(error));
    let right = bench
        .router
        .register_region("r", ShardCount::new(9).unwrap())
        .unwrap();
    assert_ne!(right, bench.region);
    assert_eq!(bench.drain(), ["publish"]);
    assert_eq!(bench.table.owner(right, allocated), Some(&2));
}

#[test]
fn the_number_of_regions_is_bounded() {
    let mut bench = Bench::with(RouterConfig {
        max_regions: 2,
        ..RouterConfig::default()
    });
    let count = ShardCount::new(1).unwrap();
    assert!(bench.router.register_region("s", count).is_ok());
    let error = RegisterRegionError::TooManyRegions { limit: 2 };
    assert_eq!(bench.router.register_region("t", count), Err(error));
    assert!(
        bench.router.register_region("s", count).is_ok(),
        "those in use are not affected"
    );
}

#[test]
fn unknown_regions_and_shards_are_answered() {
    let mut bench = Bench::new();
    let unknown = "1: a region of 8 shards has no shard 8";
    assert_eq!(bench.send(8, 1), [unknown]);
    bench.region = RegionId(7);
    assert_eq!(bench.send(0, 2), ["2: unknown region"]);
    assert_eq!(bench.location(0, 2), [""; 0]);
}

#[test]
fn an_unchanged_view_publishes_nothing() {
    let mut bench = Bench::formed(&[(0, 2)]);
    assert_eq!(bench.view(view(1, &[], &[(0, 2)])), [""; 0]);
    assert_eq!(
        bench.view(view(0, &[], &[(0, 3)])),
        [""; 0],
        "an older one neither"
    );
    assert_eq!(bench.listed(0), Some(2));
    assert_eq!(
        bench.view(view(2, &[], &[(0, 2)])),
        [""; 0],
        "a newer one that says the same"
    );
}

#[test]
fn a_new_generation_forgets_what_was_learned_before() {
    let mut bench = Bench::formed(&[]);
    bench.view(view(9, &[], &[]));
    bench.send(0, 1);
    bench.location(0, 3);
    let mut keeper = crate::ViewKeeper::new();
    let mut offer = |epoch| {
        let snapshot = TopologySnapshot {
            leader: Some(node(1)),
            allocation_epoch: epoch,
            ..TopologySnapshot::default()
        };
        let later = bench.now + u32::try_from(20 - epoch).unwrap() * SECOND;
        keeper.offer(later, 1, snapshot);
        Arc::clone(keeper.view().unwrap())
    };
    let (old, _, new) = (offer(9), offer(8), offer(1));
    assert_eq!(
        new.version(),
        crate::ViewVersion {
            generation: 1,
            epoch: 1
        }
    );
    bench.view(old);
    assert_eq!(bench.listed(0), Some(3));
    bench.view(new);
    assert_eq!(bench.listed(0), None);
}

#[test]
fn a_learned_owner_is_not_given_up_for_one_that_is_not_there() {
    let mut bench = Bench::formed(&[(0, 2)]);
    bench.view(view(1, &[2], &[(0, 2)]));
    bench.send(0, 1);
    assert_eq!(bench.location(0, 3), ["1 to 3", "publish"]);
    bench.view(view(2, &[2], &[(0, 2)]));
    assert_eq!(bench.listed(0), Some(3), "the view itself avoids node 2");
    bench.down(2, vec![]);
    bench.handle(RouterInput::ConnectFailed(node(2)));
    bench.view(view(3, &[], &[(0, 2)]));
    assert_eq!(bench.listed(0), Some(3), "node 2 could not be connected");
    bench.up(2);
    bench.view(view(4, &[], &[(0, 2)]));
    assert_eq!(bench.listed(0), Some(2));
}

#[test]
fn a_changed_view_brings_the_next_question_forward() {
    let mut bench = Bench::formed(&[]);
    bench.send(0, 1);
    let second = bench.wait.unwrap();
    bench.now = second;
    bench.handle(RouterInput::Tick);
    bench.now = bench.wait.unwrap();
    bench.handle(RouterInput::Tick);
    let base = RouterConfig::default().query_base;
    assert!(bench.wait.unwrap() > bench.now + base, "patience has grown");
    assert_eq!(
        bench.view(view(1, &[3], &[])),
        [""; 0],
        "but one is in flight still"
    );
    assert!(bench.wait.unwrap() <= bench.now + base);
}

#[test]
fn a_changed_view_has_a_refused_answer_asked_for_again_at_once() {
    let mut bench = Bench::formed(&[(0, 3)]);
    bench.view(view(1, &[3], &[(0, 3)]));
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 3), [""; 0], "the leader has not noticed");
    assert_eq!(
        bench.view(view(2, &[3], &[])),
        ["query 0 of 1"],
        "now it has"
    );
    assert_eq!(bench.view(view(3, &[3], &[])), [""; 0], "it is asked");
    assert_eq!(bench.location(0, 1), ["1 to 1", "publish"]);
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
    assert_eq!(bench.handle(failed()), [""; 0], "the question is in flight");
}

#[test]
fn an_owner_that_no_view_lists_and_that_cannot_be_connected_is_asked_for_anew() {
    let mut bench = Bench::formed(&[]);
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 9), ["connect 9"]);
    let failed = || RouterInput::ConnectFailed(node(9));
    assert_eq!(bench.handle(failed()), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 9), ["connect 9"], "it may be back");
    assert_eq!(bench.handle(failed()), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 2), ["1 to 2", "publish"]);
}

mod sharing;
