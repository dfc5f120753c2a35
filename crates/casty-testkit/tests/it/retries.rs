//! Idempotent asks through the death of nodes.

use std::time::Duration;

use casty_client::{ClusterClient, EntityRef, IdempotentAsk, RetryBudgetConfig, SendAsk};
use casty_testkit::Cluster;
use tokio::time::timeout;

use crate::app::{Counter, LONG, Net, close_and_check, region};
use crate::failures::whereabouts;
use crate::over_both;

fn ask_where(entity: &EntityRef) -> IdempotentAsk<'_, u64, impl SendAsk<u64>> {
    let ask = entity.ask(|reply_to| Counter::Where { reply_to });
    ask.within(LONG).idempotent()
}

/// Waits until everything accepted was handed to the kernel.
async fn written(client: &ClusterClient) {
    while client.stats().buffered + client.stats().queued > 0 {
        tokio::task::yield_now().await;
    }
}

/// Has a node lose an ask that is in flight, by `fault`, and returns who answered it.
async fn answered_after(net: Net, fault: impl AsyncFnOnce(&Cluster, usize)) -> (usize, usize) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let alice = region(&client).entity("alice");
    let owner = whereabouts(&alice).await.unwrap();
    cluster.hang(owner);
    let ask = tokio::spawn(ask_where(&alice).send());
    written(&client).await;
    fault(&cluster, owner).await;
    let answer = timeout(LONG, ask).await.expect("it ends").unwrap();
    let stats = close_and_check(&client).await.stats;
    assert!(stats.retries >= 1, "{stats:?}");
    assert_eq!((stats.pending_asks, stats.ask_bytes), (0, 0), "{stats:?}");
    (owner, usize::try_from(answer.unwrap()).unwrap())
}

async fn an_ask_in_flight_is_answered_by_the_new_owner_when_the_old_one_is_killed(net: Net) {
    let kill = async |cluster: &Cluster, owner| cluster.kill(owner).await;
    let (old, new) = answered_after(net, kill).await;
    assert_ne!(old, new);
}

async fn an_ask_in_flight_is_answered_though_its_owner_is_restarted(net: Net) {
    let restart = async |cluster: &Cluster, owner| cluster.restart(owner).await.unwrap();
    answered_after(net, restart).await;
}

async fn an_ask_in_flight_is_answered_though_its_connection_is_cut(net: Net) {
    let cut = async |cluster: &Cluster, owner| {
        cluster.cut(owner);
        cluster.resume(owner);
    };
    let (old, new) = answered_after(net, cut).await;
    assert_eq!(old, new);
}

async fn all_idempotent_asks_are_answered_though_every_node_dies_in_turn(net: Net) {
    let (cluster, _) = net.counters().await;
    let builder = net.client_builder(&cluster);
    let builder = builder
        .retry_budget(
            RetryBudgetConfig::default()
                .percent(100)
                .per_second(1000)
                .burst(1000),
        )
        .ask_attempts(10);
    let client = builder.connect().await.unwrap();
    let region = region(&client);
    for node in 0..3 {
        let ask = |number| {
            let entity = region.entity(format!("entity-{number}"));
            tokio::spawn(ask_where(&entity).send())
        };
        let before: Vec<_> = (0..50).map(ask).collect();
        tokio::task::yield_now().await;
        cluster.kill(node).await;
        let meanwhile: Vec<_> = (0..50).map(ask).collect();
        cluster.restart(node).await.unwrap();
        for ask in before.into_iter().chain(meanwhile) {
            let answer = timeout(LONG, ask).await.expect("it ends").unwrap();
            answer.unwrap();
        }
    }
    let stats = close_and_check(&client).await.stats;
    assert_eq!(stats.accepted, 300 + stats.retries + stats.hedges);
    assert_eq!((stats.pending_asks, stats.ask_bytes), (0, 0), "{stats:?}");
}

async fn asks_that_are_dropped_at_any_moment_leave_nothing_behind(net: Net) {
    let (cluster, _) = net.counters().await;
    let builder = net.client_builder(&cluster);
    let client = builder
        .retry_budget(
            RetryBudgetConfig::default()
                .percent(100)
                .per_second(1000)
                .burst(1000),
        )
        .connect()
        .await
        .unwrap();
    let region = region(&client);
    for round in 0..20_u64 {
        let ask = |number: u64| {
            let entity = region.entity(format!("entity-{number}"));
            let patience = Duration::from_micros(round * number * 37 % 12_000);
            let ask = ask_where(&entity).hedge_after(Duration::from_millis(5));
            tokio::spawn(timeout(patience, ask.send()))
        };
        let asks: Vec<_> = (0..20).map(ask).collect();
        let node = usize::try_from(round % 3).unwrap();
        match round % 4 {
            0 => cluster.cut(node),
            1 => cluster.hang(node),
            2 => cluster.restart(node).await.unwrap(),
            _ => (0..3).for_each(|node| cluster.resume(node)),
        }
        for ask in asks {
            if let Ok(answer) = ask.await.unwrap() {
                answer.unwrap();
            }
        }
        let stats = client.stats();
        assert_eq!((stats.pending_asks, stats.ask_bytes), (0, 0), "{stats:?}");
    }
    (0..3).for_each(|node| cluster.resume(node));
    close_and_check(&client).await;
}

over_both! {
    asks_that_are_dropped_at_any_moment_leave_nothing_behind
    an_ask_in_flight_is_answered_by_the_new_owner_when_the_old_one_is_killed
    an_ask_in_flight_is_answered_though_its_owner_is_restarted
    an_ask_in_flight_is_answered_though_its_connection_is_cut
    all_idempotent_asks_are_answered_though_every_node_dies_in_turn
}
