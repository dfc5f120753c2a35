//! Locks that are held, or asked for, when the client ends.

use std::time::Duration;

use casty_client::{ClientBuilder, ClusterClient, Guard, HoldLost, ShardEnvelope};
use casty_proto::message::structures::lock::{
    LockRelease, LockReleased, LockTryAcquire, LockTryResult,
};
use casty_transport::MemoryNetwork;
use tokio::time::timeout;

use crate::keeper::{Keeper, LONG, door, told};
use crate::node::{assert_conserved, in_paused_time, others_run};

const SECOND: Duration = Duration::from_secs(1);

/// Returns a client of one node, and that.
async fn alone(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> (ClusterClient, Keeper) {
    let view = told(&["n:1"], Some("n:1"));
    let network = MemoryNetwork::new();
    Keeper::connected(&network, ("n:1", &view), configure).await
}

/// Returns a client that holds the lock of one node.
async fn holding(
    configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (ClusterClient, Keeper, Guard) {
    let (client, mut keeper) = alone(configure).await;
    let lock = door(&client);
    let trying = tokio::spawn(async move { lock.try_acquire().await });
    let asked: LockTryAcquire = keeper.asked().await;
    let granted = LockTryResult { acquired: true };
    keeper.link.send(&asked.reply_to, &granted).await;
    let guard = trying.await.unwrap().unwrap().unwrap();
    (client, keeper, guard)
}

#[test]
fn a_release_that_reaches_no_node_is_counted() {
    in_paused_time(|| async {
        let (client, keeper, guard) = holding(|it| it).await;
        let _node = keeper.cut_off();
        others_run().await;
        let report = client.close(SECOND).await;
        assert_eq!(report.unreleased, 1);
        assert_conserved(&report);
        assert_eq!(guard.loss(), Some(HoldLost::Closed));
    });
}

#[test]
fn a_release_has_all_the_time_there_is_to_find_its_node_again() {
    in_paused_time(|| async {
        let (client, keeper, guard) = holding(|it| it).await;
        let owner = guard.owner().to_owned();
        let closing = tokio::spawn(async move { client.close(60 * SECOND).await });
        let view = told(&["n:1"], Some("n:1"));
        let over = tokio::time::sleep(10 * SECOND);
        let mut keeper = keeper.cut_until(over, &view).await;
        assert_eq!(keeper.releases(true).await, owner);
        while keeper.link.next().await.is_some() {}
        drop(keeper);
        let report = closing.await.unwrap();
        assert_eq!(report.unreleased, 0);
        assert_conserved(&report);
    });
}

#[test]
fn an_attempt_without_an_answer_is_released_behind_it() {
    in_paused_time(|| async {
        let (client, mut keeper) = alone(|it| it).await;
        let lock = door(&client);
        let trying = tokio::spawn(async move { lock.try_acquire().await });
        let asked: LockTryAcquire = keeper.asked().await;
        let closing = tokio::spawn(async move { client.close(SECOND).await });
        let release: LockRelease = keeper.asked().await;
        assert_eq!(release.owner, asked.owner);
        trying.await.unwrap().unwrap_err();
        let granted = LockTryResult { acquired: true };
        keeper.link.send(&asked.reply_to, &granted).await;
        let released = LockReleased { released: true };
        keeper.link.send(&release.reply_to, &released).await;
        while keeper.link.next().await.is_some() {}
        drop(keeper);
        let report = closing.await.unwrap();
        assert_eq!(report.unreleased, 0);
    });
}

#[test]
fn the_release_of_a_client_that_is_dropped_waits_for_capacity() {
    in_paused_time(|| async {
        let (client, mut keeper, guard) = holding(|it| it.outbox_bytes(100_000)).await;
        let owner = guard.owner().to_owned();
        let entity = door(&client).entity().clone();
        // The node reads nothing meanwhile.
        while entity.tell("-".repeat(30_000)).is_ok() {}
        others_run().await;
        while entity.tell("-".repeat(1_000)).is_ok() {}
        // Less is left than a release takes.
        while entity.tell("-".to_owned()).is_ok() {}
        drop((client, entity));
        others_run().await;
        let released = timeout(LONG, async {
            loop {
                let asked = keeper.link.next_to("/_region-d-lock-door").await;
                let asked = asked.expect("the connection ended without it");
                if let Ok(release) = asked.try_decode::<ShardEnvelope<LockRelease>>() {
                    return release.message.owner;
                }
            }
        });
        assert_eq!(released.await.unwrap(), owner);
        drop(guard);
    });
}
