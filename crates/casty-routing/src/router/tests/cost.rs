//! The cost of events, in targets looked at: no more with many members than with few. A view, and the
//! connection to the leader, may look at all.

use super::*;
use crate::steps;

/// Messages for each node.
const EACH: u16 = 10;

/// A router that has a message for each shard of a region, `EACH` of which each of so many members owns;
/// none of them is connected.
fn crowd(members: u16) -> (Router<u16, u32>, Instant) {
    let (now, shards) = (Instant::now(), u32::from(members * EACH));
    let mut router = Router::new(RouterConfig::default(), 7);
    let count = ShardCount::new(shards).unwrap();
    let region = router.register_region("r", count).unwrap();
    let listed = |number| Member {
        address: node(number),
        status: MemberStatus::Up,
        roles: FrozenSet::default(),
        id: "n".into(),
    };
    let owned = |shard: u32| {
        let allocation = ShardAllocation {
            primary: node(1 + u16::try_from(shard).unwrap() % members),
            replicas: Tuple::default(),
        };
        (shard, allocation)
    };
    let view = View::from_snapshot(TopologySnapshot {
        members: (1..=members).map(listed).collect(),
        // It is not among those that come and go.
        leader: Some(node(0)),
        shard_allocations: BTreeMap::from([("r".into(), (0..shards).map(owned).collect())]),
        allocation_epoch: 1,
        ..TopologySnapshot::default()
    });
    router.handle(now, RouterInput::View(Arc::new(view)));
    for shard in 0..shards {
        let message = PendingMessage {
            target: Target::Shard {
                region,
                shard: ShardId::new(shard),
            },
            item: shard,
            bytes: 10,
            deadline: now + 5 * SECOND,
        };
        router.handle(now, RouterInput::Send(message));
    }
    assert_eq!(polled(&mut router), (0, u32::from(members)));
    (router, now)
}

/// Polls until nothing is left to do. Returns the numbers of messages delivered and of connections asked
/// for.
fn polled(router: &mut Router<u16, u32>) -> (u32, u32) {
    let (mut delivered, mut connections) = (0, 0);
    loop {
        match router.poll() {
            RouterOutput::Deliver { .. } => delivered += 1,
            RouterOutput::Connect { .. } => connections += 1,
            RouterOutput::Wait(_) => return (delivered, connections),
            _ => {}
        }
    }
}

/// Counts what an event of each member looks at, for each message.
fn looks(members: u16, event: impl Fn(&mut Router<u16, u32>, Instant, u16)) -> f64 {
    let (mut router, now) = crowd(members);
    let before = steps::taken();
    for number in 1..=members {
        event(&mut router, now, number);
    }
    let steps = u32::try_from(steps::taken() - before).unwrap();
    f64::from(steps) / f64::from(members * EACH)
}

#[test]
fn a_node_that_connects_is_looked_at_with_its_own_messages() {
    for members in [10, 100, 1_000] {
        let looks = looks(members, |router, now, number| {
            let up = RouterInput::PeerUp {
                node: node(number),
                handle: number,
            };
            router.handle(now, up);
            assert_eq!(polled(router), (EACH.into(), 0));
        });
        assert!(looks <= 1.0, "{looks} looks at each message");
    }
}

#[test]
fn a_node_that_cannot_be_connected_is_looked_at_with_its_own_messages() {
    for members in [10, 100, 1_000] {
        let looks = looks(members, |router, now, number| {
            router.handle(now, RouterInput::ConnectFailed(node(number)));
            assert_eq!(polled(router), (0, 0));
            assert!(!router.wants_connection(&node(number)));
        });
        // Whether it is wanted, told and asked; and what becomes of its messages.
        assert!(looks <= 3.0, "{looks} looks at each message");
    }
}

#[test]
fn a_node_that_is_busy_and_comes_back_is_looked_at_with_its_own_messages() {
    for members in [10, 100, 1_000] {
        let looks = looks(members, |router, now, number| {
            let unsent = Vec::new();
            let node = node(number);
            let busy = RouterInput::PeerBusy {
                node: node.clone(),
                unsent,
            };
            router.handle(now, busy);
            router.handle(now, RouterInput::PeerReady(node.clone()));
            let unsent = Vec::new();
            router.handle(now, RouterInput::PeerDown { node, unsent });
            assert_eq!(polled(router), (0, 0));
        });
        assert!(looks <= 3.0, "{looks} looks at each message");
    }
}
