//! Locks, semaphores and barriers on fake nodes: who holds, who waits, and what is left behind.

use std::time::Duration;

use casty_client::{
    AcquireError, ClusterClient, Guard, HoldLost, Lock, Released, Semaphore, StructureError,
};
use casty_routing::{ShardCount, entity_shard};
use casty_testkit::{Cluster, Structure};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::{LONG, Net, close_and_check};
use crate::failures::subscribed;
use crate::over_both;

/// Too short for whatever is not free.
const SHORT: Duration = Duration::from_millis(100);

/// Starts nodes that host what is held here.
async fn hosting(net: &Net) -> Cluster {
    let builder = Cluster::builder("test-cluster")
        .transport(net.transport())
        .structure(Structure::lock("door"))
        .structure(Structure::semaphore("pool", 2))
        .structure(Structure::barrier("start"));
    builder.start().await.unwrap()
}

fn door(client: &ClusterClient) -> Lock {
    client.distributed().lock("door").unwrap()
}

fn pool(client: &ClusterClient) -> Semaphore {
    client.distributed().semaphore("pool").unwrap()
}

/// Returns the node that owns the lock.
fn owner(cluster: &Cluster) -> usize {
    cluster.owner("d-lock-door", "door").unwrap()
}

/// Returns the lock's shard.
fn door_shard() -> u32 {
    entity_shard("door", ShardCount::new(100).unwrap()).get()
}

/// Closes a client that leaves nothing behind.
async fn close(client: &ClusterClient) {
    let report = close_and_check(client).await;
    assert_eq!(report.unreleased, 0);
}

#[track_caller]
fn assert_out_of_time(outcome: &Result<Guard, AcquireError>) {
    assert!(
        matches!(outcome, Err(AcquireError::Timeout { .. })),
        "{outcome:?}"
    );
}

async fn a_lock_is_held_by_one_at_a_time_and_handed_on_in_turn(net: Net) {
    let cluster = hosting(&net).await;
    let clients = [net.client(&cluster).await, net.client(&cluster).await];
    let first = door(&clients[0]).acquire().await.unwrap();
    assert!(door(&clients[0]).try_acquire().await.unwrap().is_none());
    assert!(door(&clients[1]).try_acquire().await.unwrap().is_none());
    let (granted, mut order) = mpsc::unbounded_channel();
    let node = owner(&cluster);
    for turn in 0..4 {
        let lock = door(&clients[turn % 2]);
        let granted = granted.clone();
        let handled = cluster.received(node);
        tokio::spawn(async move {
            let guard = lock.acquire_within(LONG).await.unwrap();
            granted.send(turn).unwrap();
            guard.release().await.unwrap()
        });
        cluster
            .wait_until(|status| status.nodes[node].messages > handled)
            .await;
    }
    assert!(order.try_recv().is_err());
    assert_eq!(first.loss(), None);
    assert_eq!(first.release().await.unwrap(), Released::Freed);
    for turn in 0..4 {
        let next = timeout(LONG, order.recv()).await.unwrap();
        assert_eq!(next, Some(turn));
    }
    for client in &clients {
        close(client).await;
    }
    cluster.stop().await;
}

async fn a_guard_that_is_dropped_releases(net: Net) {
    let cluster = hosting(&net).await;
    let client = net.client(&cluster).await;
    let guard = door(&client).try_acquire().await.unwrap().unwrap();
    let owner = guard.owner().to_owned();
    assert_eq!((guard.name(), owner.len()), ("door", 32));
    drop(guard);
    let next = door(&client).try_within(LONG).await.unwrap();
    assert_ne!(next.owner(), owner);
    drop(next);
    let waited = door(&client).acquire_within(LONG).await.unwrap();
    waited.release().await.unwrap();
    close(&client).await;
    cluster.stop().await;
}

async fn an_acquire_that_nobody_waits_for_leaves_nothing_behind(net: Net) {
    let cluster = hosting(&net).await;
    let [holder, other] = [net.client(&cluster).await, net.client(&cluster).await];
    let guard = door(&holder).acquire().await.unwrap();
    assert_out_of_time(&door(&other).acquire_within(SHORT).await);
    // Dropped while it waits.
    let dropped = timeout(SHORT, door(&other).acquire_within(LONG)).await;
    assert!(dropped.is_err());
    assert_out_of_time(&door(&other).try_within(SHORT).await);
    assert_eq!(guard.release().await.unwrap(), Released::Freed);
    // Both were granted, and released in turn.
    let guard = door(&holder).try_within(LONG).await.unwrap();
    assert_eq!(guard.release().await.unwrap(), Released::Freed);
    for client in [&holder, &other] {
        close(client).await;
    }
    cluster.stop().await;
}

async fn an_acquire_whose_connection_is_lost_is_cleared_away(net: Net) {
    let cluster = hosting(&net).await;
    let [holder, other] = [net.client(&cluster).await, net.client(&cluster).await];
    let guard = door(&holder).acquire().await.unwrap();
    let node = owner(&cluster);
    let handled = cluster.received(node);
    let waiting = tokio::spawn({
        let lock = door(&other);
        async move { lock.acquire_within(LONG).await }
    });
    cluster
        .wait_until(|status| status.nodes[node].messages > handled)
        .await;
    cluster.cut(node);
    let lost = waiting.await.unwrap().unwrap_err();
    assert!(
        matches!(lost, AcquireError::Structure(StructureError::Ask(_))) && lost.may_hold(),
        "{lost:?}"
    );
    // It waits in the node's queue all the same, and comes first.
    guard.release().await.unwrap();
    let guard = door(&holder).try_within(LONG).await.unwrap();
    guard.release().await.unwrap();
    for client in [&holder, &other] {
        close(client).await;
    }
    cluster.stop().await;
}

async fn a_guard_tells_that_its_node_is_lost(net: Net) {
    let cluster = hosting(&net).await;
    let client = net.client(&cluster).await;
    let guard = door(&client).acquire().await.unwrap();
    let node = owner(&cluster);
    let address = cluster.address(node).unwrap();
    assert_eq!(guard.loss(), None);
    cluster.kill(node).await;
    let lost = timeout(LONG, guard.lost()).await.unwrap();
    let was = match &lost {
        HoldLost::NodeGone { node } | HoldLost::Moved { from: node, .. } => node,
        other => panic!("{other:?}"),
    };
    assert_eq!(*was, address);
    assert_eq!(guard.loss(), Some(lost.clone()));
    // Another holds it by now.
    let other = door(&client).acquire_within(LONG).await.unwrap();
    assert_eq!(guard.release().await.unwrap(), Released::Lost(lost));
    assert_eq!(other.loss(), None);
    assert_eq!(other.release().await.unwrap(), Released::Freed);
    close(&client).await;
    cluster.stop().await;
}

async fn a_guard_tells_that_its_shard_has_moved(net: Net) {
    let cluster = hosting(&net).await;
    let client = net.client(&cluster).await;
    let guard = door(&client).acquire().await.unwrap();
    let from = owner(&cluster);
    let to = (from + 1) % 3;
    cluster.move_shard("d-lock-door", door_shard(), to);
    let lost = timeout(LONG, guard.lost()).await.unwrap();
    let [from, to] = [from, to].map(|node| cluster.address(node).unwrap());
    assert_eq!(lost, HoldLost::Moved { from, to });
    drop(guard);
    close(&client).await;
    cluster.stop().await;
}

/// Acquires it, however views may be behind that name its owner.
async fn acquired(lock: &Lock) -> Guard {
    loop {
        match lock.try_within(LONG).await {
            Ok(guard) => return guard,
            Err(error) => assert!(matches!(error, AcquireError::Lost(_)), "{error}"),
        }
    }
}

async fn what_a_node_granted_that_was_called_gone_is_released_when_it_is_back(net: Net) {
    let cluster = hosting(&net).await;
    let holder = net.client(&cluster).await;
    // A view of the owner itself would not call it gone.
    let source = subscribed(&cluster).await;
    let others = [source, (source + 1) % 3];
    let node = (source + 2) % 3;
    cluster.move_shard("d-lock-door", door_shard(), node);
    let guard = acquired(&door(&holder)).await;
    for other in others {
        cluster.partition(node, other);
    }
    let lost = timeout(LONG, guard.lost()).await.unwrap();
    assert_eq!(guard.release().await.unwrap(), Released::Lost(lost));
    for other in others {
        cluster.heal(node, other);
    }
    cluster.move_shard("d-lock-door", door_shard(), node);
    let other = net.client(&cluster).await;
    let next = acquired(&door(&other)).await;
    assert_eq!(next.release().await.unwrap(), Released::Freed);
    for client in [&holder, &other] {
        close(client).await;
    }
    cluster.stop().await;
}

async fn an_operator_frees_what_a_dead_holder_has_left(net: Net) {
    let cluster = hosting(&net).await;
    let [holder, operator] = [net.client(&cluster).await, net.client(&cluster).await];
    let guard = door(&holder).acquire().await.unwrap();
    let lock = door(&operator);
    assert!(!lock.release_owner("somebody").await.unwrap());
    assert!(lock.release_owner(guard.owner()).await.unwrap());
    assert_eq!(guard.release().await.unwrap(), Released::NotHeld);
    let guard = door(&holder).acquire().await.unwrap();
    assert!(lock.destroy().await.unwrap());
    let next = lock.acquire().await.unwrap();
    assert_eq!(guard.release().await.unwrap(), Released::NotHeld);
    assert_eq!(next.release().await.unwrap(), Released::Freed);
    for client in [&holder, &operator] {
        close(client).await;
    }
    cluster.stop().await;
}

async fn a_client_that_closes_releases_and_waits_for_its_turn(net: Net) {
    let cluster = hosting(&net).await;
    let [first, second] = [net.client(&cluster).await, net.client(&cluster).await];
    let held = door(&first).acquire().await.unwrap();
    let permit = pool(&second).acquire().await.unwrap();
    assert_out_of_time(&door(&second).acquire_within(SHORT).await);
    // Its turn does not come in time.
    let report = second.close(SHORT).await;
    assert_eq!(report.unreleased, 1, "{report:?}");
    assert_eq!(permit.loss(), Some(HoldLost::Closed));
    assert_eq!(
        permit.release().await.unwrap(),
        Released::Lost(HoldLost::Closed)
    );
    let refused = pool(&second).try_acquire().await.unwrap_err();
    assert!(!refused.may_hold(), "{refused:?}");
    // Both permits are free, and the lock is held by nobody who could release it.
    let permits = pool(&first);
    let one = permits.try_within(LONG).await.unwrap();
    let other = permits.try_within(LONG).await.unwrap();
    assert_eq!(held.release().await.unwrap(), Released::Freed);
    assert_out_of_time(&door(&first).try_within(SHORT).await);
    assert!(door(&first).destroy().await.unwrap());
    let held = door(&first).acquire().await.unwrap();
    close(&first).await;
    assert_eq!(held.loss(), Some(HoldLost::Closed));
    drop((one, other));
    let third = net.client(&cluster).await;
    door(&third)
        .try_within(LONG)
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    close(&third).await;
    cluster.stop().await;
}

async fn a_client_that_is_dropped_releases(net: Net) {
    let cluster = hosting(&net).await;
    let [first, second] = [net.client(&cluster).await, net.client(&cluster).await];
    let guard = door(&first).acquire().await.unwrap();
    drop(first);
    let next = door(&second).try_within(LONG).await.unwrap();
    assert_eq!(timeout(LONG, guard.lost()).await.unwrap(), HoldLost::Closed);
    next.release().await.unwrap();
    close(&second).await;
    cluster.stop().await;
}

async fn a_semaphore_has_as_many_holders_as_permits(net: Net) {
    let cluster = hosting(&net).await;
    let client = net.client(&cluster).await;
    let pool = pool(&client);
    let first = pool.acquire().await.unwrap();
    let second = pool.try_acquire().await.unwrap().unwrap();
    assert!(pool.try_acquire().await.unwrap().is_none());
    assert_out_of_time(&pool.acquire_within(SHORT).await);
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.acquire_within(LONG).await.unwrap() }
    });
    assert_eq!(first.release().await.unwrap(), Released::Freed);
    let third = waiting.await.unwrap();
    for guard in [second, third] {
        assert_eq!(guard.release().await.unwrap(), Released::Freed);
    }
    close(&client).await;
    cluster.stop().await;
}

async fn a_barrier_lets_all_go_when_all_have_arrived(net: Net) {
    let cluster = hosting(&net).await;
    let client = net.client(&cluster).await;
    let start = client.distributed().within(LONG).barrier("start").unwrap();
    for _ in 0..2 {
        let arrivals = [1, 2, 3].map(|_| {
            let start = start.clone();
            tokio::spawn(async move { start.arrive(3).await })
        });
        for arrival in arrivals {
            arrival.await.unwrap().unwrap();
        }
    }
    let hasty = client.distributed().within(SHORT).barrier("start").unwrap();
    for _ in 0..2 {
        // Counted once, however often it arrives.
        let late = hasty.arrive_as("late", 2).await.unwrap_err();
        let counted =
            matches!(&late, StructureError::NotReleased { name, .. } if **name == *"late");
        assert!(counted, "{late:?}");
    }
    assert!(start.destroy().await.unwrap());
    hasty.arrive(2).await.unwrap_err();
    start.arrive(2).await.unwrap();
    close(&client).await;
    cluster.stop().await;
}

async fn the_last_to_arrive_at_a_barrier_says_how_many_it_waits_for_and_nobody_is_told(net: Net) {
    let cluster = hosting(&net).await;
    let client = net.client(&cluster).await;
    let start = client.distributed().within(LONG).barrier("start").unwrap();
    let arrivals = tokio::join!(start.arrive_as("a", 3), start.arrive_as("b", 2));
    assert!(matches!(arrivals, (Ok(()), Ok(()))), "{arrivals:?}");
    close(&client).await;
    cluster.stop().await;
}

async fn a_lock_that_no_node_hosts_is_named_in_time(net: Net) {
    let cluster = hosting(&net).await;
    let client = net.client(&cluster).await;
    let missing = client.distributed().within(SHORT).lock("window").unwrap();
    for error in [
        missing.acquire().await.unwrap_err(),
        missing.try_acquire().await.unwrap_err(),
    ] {
        let AcquireError::Structure(StructureError::NotHosted { region, .. }) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(&**region, "d-lock-window");
    }
    close(&client).await;
    cluster.stop().await;
}

async fn who_waits_leaves_the_holder_of_its_client_an_ask_to_release_by(net: Net) {
    let cluster = hosting(&net).await;
    let client = net.client_builder(&cluster).pending_asks(4);
    let client = client.connect().await.unwrap();
    let first = door(&client).acquire().await.unwrap();
    let lock = door(&client);
    let second = tokio::spawn(async move { lock.acquire_within(LONG).await });
    let node = owner(&cluster);
    cluster
        .wait_until(|status| status.nodes[node].messages == 2)
        .await;
    let third = door(&client).acquire_within(SHORT).await.unwrap_err();
    assert!(
        matches!(third, AcquireError::TooMany { limit: 2 }),
        "{third:?}"
    );
    assert_eq!(first.release().await.unwrap(), Released::Freed);
    let second = second.await.unwrap().unwrap();
    assert_eq!(second.release().await.unwrap(), Released::Freed);
    close(&client).await;
    cluster.stop().await;
}

over_both! {
    a_lock_is_held_by_one_at_a_time_and_handed_on_in_turn
    a_guard_that_is_dropped_releases
    an_acquire_that_nobody_waits_for_leaves_nothing_behind
    an_acquire_whose_connection_is_lost_is_cleared_away
    a_guard_tells_that_its_node_is_lost
    a_guard_tells_that_its_shard_has_moved
    what_a_node_granted_that_was_called_gone_is_released_when_it_is_back
    an_operator_frees_what_a_dead_holder_has_left
    a_client_that_closes_releases_and_waits_for_its_turn
    a_client_that_is_dropped_releases
    a_semaphore_has_as_many_holders_as_permits
    a_barrier_lets_all_go_when_all_have_arrived
    the_last_to_arrive_at_a_barrier_says_how_many_it_waits_for_and_nobody_is_told
    a_lock_that_no_node_hosts_is_named_in_time
    who_waits_leaves_the_holder_of_its_client_an_ask_to_release_by
}

/// Minutes go by, which only virtual time has.
mod over_minutes {
    use super::*;

    /// Starts nodes, a holder and another client that waits.
    async fn waiting(net: &Net) -> (Cluster, ClusterClient, Guard, ClusterClient) {
        let cluster = hosting(net).await;
        let [holder, other] = [net.client(&cluster).await, net.client(&cluster).await];
        let guard = door(&holder).acquire().await.unwrap();
        assert_out_of_time(&door(&other).acquire_within(SHORT).await);
        (cluster, holder, guard, other)
    }

    #[tokio::test(start_paused = true)]
    async fn an_acquire_whose_queue_was_destroyed_is_forgotten() {
        let (cluster, holder, guard, other) = waiting(&Net::memory()).await;
        assert!(door(&holder).destroy().await.unwrap());
        assert_eq!(guard.release().await.unwrap(), Released::NotHeld);
        tokio::time::sleep(LONG).await;
        let report = other.close(Duration::ZERO).await;
        assert_eq!(report.unreleased, 0);
        let free = door(&holder).try_acquire().await.unwrap();
        assert!(free.is_some());
        cluster.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_acquire_that_is_lost_for_good_is_forgotten() {
        let (cluster, holder, guard, other) = waiting(&Net::memory()).await;
        cluster.cut(owner(&cluster));
        assert!(door(&holder).destroy().await.unwrap());
        assert_eq!(guard.release().await.unwrap(), Released::NotHeld);
        tokio::time::sleep(LONG).await;
        let report = other.close(Duration::ZERO).await;
        assert_eq!(report.unreleased, 0);
        let free = door(&holder).try_acquire().await.unwrap();
        assert!(free.is_some());
        cluster.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_acquire_whose_node_is_gone_is_forgotten() {
        let (cluster, holder, guard, other) = waiting(&Net::memory()).await;
        cluster.kill(owner(&cluster)).await;
        guard.lost().await;
        tokio::time::sleep(LONG).await;
        let report = other.close(Duration::ZERO).await;
        assert_eq!(report.unreleased, 0);
        let next = door(&holder).acquire().await.unwrap();
        assert_eq!(next.release().await.unwrap(), Released::Freed);
        cluster.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_whose_node_hangs_is_released_when_that_goes_on() {
        let net = Net::memory();
        let cluster = hosting(&net).await;
        let [hasty, other] = [net.client(&cluster).await, net.client(&cluster).await];
        door(&other)
            .acquire()
            .await
            .unwrap()
            .release()
            .await
            .unwrap();
        let node = owner(&cluster);
        cluster.hang(node);
        let lock = hasty.distributed().within(SHORT).lock("door").unwrap();
        let lost = lock.try_acquire().await.unwrap_err();
        assert!(lost.may_hold(), "{lost:?}");
        cluster.resume(node);
        let next = door(&other).try_within(LONG).await.unwrap();
        next.release().await.unwrap();
        tokio::time::sleep(LONG).await;
        let report = hasty.close(Duration::ZERO).await;
        assert_eq!(report.unreleased, 0);
        cluster.stop().await;
    }
}
