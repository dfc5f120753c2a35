//! The time that acquires, attempts and releases take, and the reason that they give when it is over.

use std::time::Duration;

use casty_client::{AcquireError, AskError, NotSent, ShardEnvelope, StructureError};
use casty_proto::Tuple;
use casty_proto::message::structures::barrier::BarrierArrive;
use casty_proto::message::structures::lock::{LockAcquire, LockTryAcquire, LockTryResult};
use casty_proto::message::{GetShardLocation, ShardLocation};
use casty_transport::MemoryNetwork;
use tokio::time::{Instant, timeout};

use crate::keeper::{Keeper, LONG, door, told};
use crate::node::{Node, builder, in_paused_time};

const SECOND: Duration = Duration::from_secs(1);
const SHORT: Duration = Duration::from_millis(100);
/// The most by which a deadline is late.
const LATE: Duration = Duration::from_millis(50);

#[track_caller]
fn assert_unanswered(error: &AcquireError) {
    assert!(
        matches!(
            error,
            AcquireError::Structure(StructureError::Ask(AskError::Timeout { .. }))
        ),
        "{error:?}"
    );
}

#[test]
fn attempts_end_with_the_time_for_them_though_their_node_hangs() {
    in_paused_time(|| async {
        let view = told(&["n:1"], Some("n:1"));
        let network = MemoryNetwork::new();
        let (client, mut keeper) = Keeper::connected(&network, ("n:1", &view), |it| it).await;
        let begun = Instant::now();
        let error = door(&client).try_within(SHORT).await.unwrap_err();
        let took = begun.elapsed();
        assert!((SHORT..=SHORT + LATE).contains(&took), "{took:?}");
        assert_unanswered(&error);
        keeper.asked::<LockTryAcquire>().await;
    });
}

#[test]
fn an_attempt_that_the_end_of_the_time_cuts_short_is_no_reason_if_others_were_refused() {
    in_paused_time(|| async {
        let view = told(&["n:1"], Some("n:1"));
        let network = MemoryNetwork::new();
        let (client, mut keeper) = Keeper::connected(&network, ("n:1", &view), |it| it).await;
        let lock = door(&client);
        let trying = tokio::spawn(async move { lock.try_within(SHORT).await });
        let asked: LockTryAcquire = keeper.asked().await;
        let refused = LockTryResult { acquired: false };
        keeper.link.send(&asked.reply_to, &refused).await;
        keeper.asked::<LockTryAcquire>().await;
        let error = trying.await.unwrap().unwrap_err();
        assert!(matches!(error, AcquireError::Timeout { after } if after == SHORT));
        assert!(error.may_hold());
    });
}

#[test]
fn any_time_may_be_given() {
    in_paused_time(|| async {
        let view = told(&["n:1"], Some("n:1"));
        let network = MemoryNetwork::new();
        let (client, mut keeper) = Keeper::connected(&network, ("n:1", &view), |it| it).await;
        let lock = door(&client);
        let trying = tokio::spawn(async move { lock.try_within(Duration::MAX).await });
        let asked: LockTryAcquire = keeper.asked().await;
        let granted = LockTryResult { acquired: true };
        keeper.link.send(&asked.reply_to, &granted).await;
        assert_eq!(trying.await.unwrap().unwrap().owner(), asked.owner);
    });
}

#[test]
fn the_wait_for_a_view_counts() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").connect().await.unwrap();
        let (lock, other) = (door(&client), door(&client));
        let begun = Instant::now();
        let trying = tokio::spawn(async move { (lock.try_acquire().await, begun.elapsed()) });
        let releasing = tokio::spawn(async move {
            let released = other.release_owner("somebody").await;
            (released, begun.elapsed())
        });
        let mut link = node.accept().await;
        let subscribe = link.next().await.unwrap();
        let subscribe: casty_proto::message::SubscribeTopology = subscribe.decode();
        tokio::time::sleep(4 * SECOND).await;
        let view = told(&["n:1"], Some("n:1"));
        link.send(&subscribe.reply_to, &view).await;
        let (tried, took) = trying.await.unwrap();
        assert_unanswered(&tried.unwrap_err());
        assert!(took <= 5 * SECOND + LATE, "{took:?}");
        let (released, took) = releasing.await.unwrap();
        assert!(took <= 5 * SECOND + LATE, "{took:?}");
        released.unwrap_err();
    });
}

#[test]
fn an_acquire_that_a_node_has_is_out_of_time_though_no_view_shows_the_region() {
    in_paused_time(|| async {
        let view = told(&["n:1"], None);
        let network = MemoryNetwork::new();
        let (client, mut keeper) = Keeper::connected(&network, ("n:1", &view), |it| it).await;
        let lock = door(&client);
        let acquiring = tokio::spawn(async move { lock.acquire_within(SHORT).await });
        let located = keeper.link.next_to("/_coord-d-lock-door").await.unwrap();
        let located: GetShardLocation = located.decode();
        let location = ShardLocation {
            shard_id: located.shard_id,
            node: "n:1".parse().unwrap(),
            replicas: Tuple::default(),
        };
        keeper.link.send(&located.reply_to, &location).await;
        keeper.asked::<LockAcquire>().await;
        let error = acquiring.await.unwrap().unwrap_err();
        assert!(matches!(error, AcquireError::Timeout { .. }), "{error:?}");
        // One that has to wait for others tells under which name it stays counted.
        let late = client.distributed().shards(1).within(SHORT).barrier("door");
        let late = late.unwrap();
        let arriving = tokio::spawn(async move { late.arrive(2).await });
        let located = keeper.link.next_to("/_coord-d-barrier-door").await;
        let located: GetShardLocation = located.unwrap().decode();
        keeper.link.send(&located.reply_to, &location).await;
        let arrived = keeper.link.next_to("/_region-d-barrier-door").await;
        let arrived: ShardEnvelope<BarrierArrive> = arrived.unwrap().decode();
        let error = arriving.await.unwrap().unwrap_err();
        let StructureError::NotReleased { name, source } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(**name, *arrived.message.node);
        assert!(matches!(**source, AskError::Timeout { .. }), "{source:?}");
    });
}

#[test]
fn an_acquire_that_found_no_route_says_so_and_holds_nothing() {
    in_paused_time(|| async {
        let view = told(&["b:1", "a:1"], Some("a:1"));
        let network = MemoryNetwork::new();
        let (client, _keeper) = Keeper::connected(&network, ("b:1", &view), |it| it).await;
        let acquired = timeout(LONG, door(&client).acquire_within(3 * SHORT)).await;
        let error = acquired.unwrap().unwrap_err();
        assert!(
            matches!(
                error,
                AcquireError::Structure(StructureError::Ask(AskError::NotSent(NotSent::Expired(
                    _
                ))))
            ),
            "{error:?}"
        );
        assert!(!error.may_hold());
    });
}

#[test]
fn a_lock_that_nobody_hosts_is_named() {
    in_paused_time(|| async {
        let view = told(&["n:1"], None);
        let network = MemoryNetwork::new();
        let (client, _keeper) = Keeper::connected(&network, ("n:1", &view), |it| it).await;
        let error = door(&client).acquire_within(SHORT).await.unwrap_err();
        assert!(
            matches!(
                error,
                AcquireError::Structure(StructureError::NotHosted { .. })
            ),
            "{error:?}"
        );
        assert!(!error.may_hold());
    });
}
