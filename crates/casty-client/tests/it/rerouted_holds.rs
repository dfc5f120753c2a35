//! Holds whose node is another than the view named when they were asked for.

use std::time::Duration;

use casty_client::{AcquireError, ClusterClient, Guard, HoldLost, Released, ShardEnvelope};
use casty_proto::Tuple;
use casty_proto::message::structures::lock::{LockAcquire, LockAcquired, LockRelease};
use casty_proto::message::{GetShardLocation, MemberStatus, ShardLocation, TopologySnapshot};
use casty_transport::MemoryNetwork;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::keeper::{Keeper, LONG, door, told};
use crate::node::{Node, in_paused_time, others_run};

const SECOND: Duration = Duration::from_secs(1);
const NODES: [&str; 2] = ["b:1", "a:1"];

type Acquiring = JoinHandle<Result<Guard, AcquireError>>;

/// Returns the view in which `a` is down, and `b` owns the lock.
fn moved() -> TopologySnapshot {
    let mut moved = told(&NODES, Some("b:1"));
    moved.members.0[1].status = MemberStatus::Down;
    moved
}

/// Has a lock acquired while the view names an owner that has died, and moves it to the other node, which
/// is asked then.
async fn rerouted() -> (ClusterClient, Keeper, Acquiring, LockAcquire) {
    let named = told(&NODES, Some("a:1"));
    let network = MemoryNetwork::new();
    let (client, mut keeper) = Keeper::connected(&network, ("b:1", &named), |it| it).await;
    let lock = door(&client);
    let acquiring = tokio::spawn(async move { lock.acquire().await });
    others_run().await;
    assert_eq!(client.stats().buffered, 1, "it waits for its owner");
    keeper.tell(&moved()).await;
    let asked = keeper.asked().await;
    (client, keeper, acquiring, asked)
}

async fn grant(keeper: &mut Keeper, asked: &LockAcquire) {
    let granted = LockAcquired { granted: true };
    keeper.link.send(&asked.reply_to, &granted).await;
}

#[test]
fn an_acquire_that_waits_at_the_new_owner_is_released_when_that_grants_it() {
    in_paused_time(|| async {
        let (client, mut keeper, acquiring, asked) = rerouted().await;
        let late = acquiring.await.unwrap().unwrap_err();
        assert!(matches!(late, AcquireError::Timeout { .. }), "{late:?}");
        others_run().await;
        grant(&mut keeper, &asked).await;
        assert_eq!(keeper.releases(true).await, asked.owner);
        others_run().await;
        let report = client.close(Duration::ZERO).await;
        assert_eq!(report.unreleased, 0);
    });
}

#[test]
fn what_the_new_owner_grants_is_held_until_that_is_gone() {
    in_paused_time(|| async {
        let (_client, mut keeper, acquiring, asked) = rerouted().await;
        grant(&mut keeper, &asked).await;
        let guard = acquiring.await.unwrap().unwrap();
        others_run().await;
        assert_eq!(guard.loss(), None);
        let mut gone = moved();
        gone.members.0[0].status = MemberStatus::Down;
        keeper.tell(&gone).await;
        let lost = timeout(SECOND, guard.lost()).await.unwrap();
        let node = "b:1".parse().unwrap();
        assert_eq!(lost, HoldLost::NodeGone { node });
    });
}

#[test]
fn the_release_of_what_the_new_owner_has_granted_is_sent_until_it_is_answered() {
    in_paused_time(|| async {
        let (_client, mut keeper, acquiring, asked) = rerouted().await;
        grant(&mut keeper, &asked).await;
        let guard = acquiring.await.unwrap().unwrap();
        let released = tokio::spawn(guard.release());
        let first: LockRelease = keeper.asked().await;
        assert_eq!(first.owner, asked.owner);
        let mut keeper = keeper.cut(&moved()).await;
        released.await.unwrap().unwrap_err();
        assert_eq!(keeper.releases(true).await, asked.owner);
    });
}

#[test]
fn an_acquire_that_waits_at_the_new_owner_is_cleared_away_when_its_connection_is_lost() {
    in_paused_time(|| async {
        let (client, keeper, acquiring, asked) = rerouted().await;
        acquiring.await.unwrap().unwrap_err();
        let mut keeper = keeper.cut(&moved()).await;
        assert_eq!(keeper.releases(true).await, asked.owner);
        others_run().await;
        let report = client.close(Duration::ZERO).await;
        assert_eq!(report.unreleased, 0);
    });
}

#[test]
fn a_guard_is_told_its_first_loss_for_good() {
    in_paused_time(|| async {
        let (client, mut keeper, acquiring, asked) = rerouted().await;
        grant(&mut keeper, &asked).await;
        let guard = acquiring.await.unwrap().unwrap();
        let mut gone = moved();
        gone.members.0[0].status = MemberStatus::Down;
        keeper.tell(&gone).await;
        let lost = timeout(LONG, guard.lost()).await.unwrap();
        client.close(Duration::ZERO).await;
        assert_eq!(guard.loss(), Some(lost.clone()));
        assert_eq!(guard.release().await.unwrap(), Released::Lost(lost));
    });
}

/// Answers the next query for the lock's shard.
async fn locate(keeper: &mut Keeper, owner: &str) {
    let asked = keeper.link.next_to("/_coord-d-lock-door");
    let asked = timeout(LONG, asked).await.expect("it is not asked");
    let asked: GetShardLocation = asked.unwrap().decode();
    let location = ShardLocation {
        shard_id: asked.shard_id,
        node: owner.parse().unwrap(),
        replicas: Tuple::default(),
    };
    keeper.link.send(&asked.reply_to, &location).await;
}

#[test]
fn a_release_that_another_node_answers_is_sent_again() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut other = Node::listen(&network, "a:1").await;
        let unowned = told(&NODES, None);
        let (client, mut keeper) = Keeper::connected(&network, ("b:1", &unowned), |it| it).await;
        let lock = door(&client);
        let acquiring = tokio::spawn(async move { lock.acquire().await });
        locate(&mut keeper, "a:1").await;
        let mut link = other.accept().await;
        let asked = link.next_to("/_region-d-lock-door").await.unwrap();
        let asked: ShardEnvelope<LockAcquire> = asked.decode();
        let granted = LockAcquired { granted: true };
        link.send(&asked.message.reply_to, &granted).await;
        let guard = acquiring.await.unwrap().unwrap();
        // It cannot be reached any more, and the other one takes itself for the owner.
        drop((link, other));
        others_run().await;
        let releasing = tokio::spawn(guard.release());
        locate(&mut keeper, "b:1").await;
        keeper.releases(false).await;
        assert_eq!(releasing.await.unwrap().unwrap(), Released::NotHeld);
        assert_eq!(keeper.releases(true).await, asked.message.owner);
        others_run().await;
        let report = client.close(Duration::ZERO).await;
        assert_eq!(report.unreleased, 0);
    });
}
