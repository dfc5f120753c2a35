//! The health of a client, as its cluster comes, goes and comes back.

use std::time::Duration;

use casty_client::{ClusterClient, Health, HealthState, HealthWatch};
use casty_testkit::{Cluster, ClusterBuilder};
use tokio::time::timeout;

use crate::app::{Counter, LONG, Net, close_and_check, region};
use crate::over_both;

/// Waits for a health like that.
async fn seen(watch: &mut HealthWatch, wanted: impl FnMut(&Health) -> bool) -> Health {
    let health = timeout(LONG, watch.wait_for(wanted)).await;
    health.expect("it becomes so").expect("the client is open")
}

/// Waits until the client is ready, and has so many members.
async fn ready(watch: &mut HealthWatch, members: usize) -> Health {
    let wanted =
        |health: &Health| health.state == HealthState::Ready && health.members_total == members;
    seen(watch, wanted).await
}

/// Returns a client that is ready, of three nodes that notice deaths late.
async fn three(net: &Net) -> (Cluster, ClusterClient, HealthWatch) {
    let late = |builder: ClusterBuilder| builder.detection(Duration::from_secs(2));
    let (cluster, _) = net.counters_with(late).await;
    let client = net.client(&cluster).await;
    let mut watch = client.watch_health();
    let health = ready(&mut watch, 3).await;
    assert!(health.is_ready() && health.is_live(), "{health}");
    assert_eq!(health.members_usable, 3);
    let view = health.view.expect("it is ready");
    assert!(!view.is_stale);
    assert!(
        cluster
            .addresses()
            .contains(&view.source.expect("one sends views"))
    );
    (cluster, client, watch)
}

async fn the_death_of_one_node_degrades_a_client_until_the_cluster_has_noticed_it(net: Net) {
    let (cluster, client, mut watch) = three(&net).await;
    let dead = cluster.address(1).unwrap();
    cluster.kill(1).await;
    let health = seen(&mut watch, |health| health.state != HealthState::Ready).await;
    assert_eq!(health.state, HealthState::Degraded, "{health}");
    assert!(health.is_ready());
    assert_eq!((health.members_total, health.members_usable), (3, 2));
    assert_eq!(health.members[0].node, dead, "what is amiss comes first");
    assert!(!health.members[0].is_usable());
    ready(&mut watch, 2).await;
    cluster.restart(1).await.unwrap();
    ready(&mut watch, 3).await;
    assert_eq!(client.health().state, HealthState::Ready);
}

async fn a_client_whose_nodes_are_all_dead_is_unavailable_until_they_are_back(net: Net) {
    let (cluster, client, mut watch) = three(&net).await;
    for node in 0..3 {
        cluster.kill(node).await;
    }
    let health = seen(&mut watch, |health| {
        health.state == HealthState::Unavailable
    })
    .await;
    assert!(!health.is_ready() && health.is_live(), "{health}");
    assert_eq!(health.members_usable, 0);
    assert!(
        client.ready(LONG).await.is_ok(),
        "it tells of the first view"
    );
    region(&client)
        .entity("alice")
        .tell(Counter::Add { amount: 1 })
        .unwrap();
    let waiting = client.health().waiting;
    assert_eq!(waiting.buffered, 1);
    assert!(waiting.buffered_bytes > 0);
    for node in 0..3 {
        cluster.restart(node).await.unwrap();
    }
    ready(&mut watch, 3).await;
}

async fn a_client_that_hears_nothing_is_unavailable_though_it_is_connected(net: Net) {
    let (cluster, client, mut watch) = three(&net).await;
    for node in 0..3 {
        cluster.hang(node);
    }
    let health = seen(&mut watch, |health| !health.is_ready()).await;
    assert_eq!(health.state, HealthState::Unavailable);
    let view = health.view.clone().expect("there was one");
    assert!(view.is_stale);
    assert!(view.age >= Duration::from_secs(3), "{view:?}");
    assert_eq!(health.members_usable, 3, "not given up yet");
    assert!(health.to_string().contains("stale view"), "{health}");
    for node in 0..3 {
        cluster.resume(node);
    }
    let health = seen(&mut watch, Health::is_ready).await;
    assert!(!health.view.expect("it is ready").is_stale);
    drop(client);
}

async fn a_client_is_starting_before_its_first_view_and_closed_in_the_end(net: Net) {
    let (cluster, _) = net.counters().await;
    for node in 0..3 {
        cluster.kill(node).await;
    }
    let client = net.client_builder(&cluster).connect().await.unwrap();
    let mut watch = client.watch_health();
    let health = watch.changed().await.unwrap();
    assert_eq!(health.state, HealthState::Starting);
    assert!(!health.is_ready() && health.is_live());
    let text = "starting: 0 of 0 members usable, no view";
    assert!(health.to_string().starts_with(text), "{health}");
    for node in 0..3 {
        cluster.restart(node).await.unwrap();
    }
    ready(&mut watch, 3).await;
    close_and_check(&client).await;
    let mut last = None;
    while let Ok(health) = timeout(LONG, watch.changed()).await.unwrap() {
        last = Some(health.state);
    }
    assert_eq!(last, Some(HealthState::Closed));
    let health = client.health();
    assert!(!health.is_ready() && !health.is_live());
}

over_both! {
    the_death_of_one_node_degrades_a_client_until_the_cluster_has_noticed_it
    a_client_whose_nodes_are_all_dead_is_unavailable_until_they_are_back
    a_client_that_hears_nothing_is_unavailable_though_it_is_connected
    a_client_is_starting_before_its_first_view_and_closed_in_the_end
}
