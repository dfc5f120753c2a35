//! The addresses that clients announce, which nodes send answers to.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::app::{Counter, LONG, Net, close_and_check, region};
use crate::over_both;
use crate::raw::Raw;

async fn the_second_of_two_with_a_low_address_wins(net: Net) {
    let (cluster, _) = net.counters().await;
    let node = &cluster.addresses()[0];
    let mut first = Raw::connect(&net, node, "127.0.0.1:0").await;
    first.ask_for_state(&cluster);
    first.state(&cluster).await.unwrap();
    let mut second = Raw::connect(&net, node, "127.0.0.1:0").await;
    second.ask_for_state(&cluster);
    let state = second.state(&cluster).await.unwrap();
    assert_eq!(state.members.len(), 3);
    first.closed().await;
}

async fn the_second_of_two_with_a_high_address_loses(net: Net) {
    let (cluster, _) = net.counters().await;
    let node = &cluster.addresses()[0];
    let mut first = Raw::connect(&net, node, "client:1").await;
    // An answer shows that the first is known before the second comes.
    first.ask_for_state(&cluster);
    first.state(&cluster).await.unwrap();
    let mut second = Raw::connect(&net, node, "client:1").await;
    second.closed().await;
    first.ask_for_state(&cluster);
    first.state(&cluster).await.unwrap();
}

async fn the_last_wins_where_nodes_are_not_like_casty(net: Net) {
    let (cluster, _) = net.counters_with(|builder| builder.like_casty(false)).await;
    let node = &cluster.addresses()[0];
    let mut first = Raw::connect(&net, node, "client:1").await;
    first.ask_for_state(&cluster);
    first.state(&cluster).await.unwrap();
    let mut second = Raw::connect(&net, node, "client:1").await;
    second.ask_for_state(&cluster);
    second.state(&cluster).await.unwrap();
    first.closed().await;
}

async fn an_address_that_was_sent_to_in_vain_gets_nothing_for_five_seconds(net: Net) {
    let (cluster, _) = net.counters().await;
    let node = &cluster.addresses()[0];
    let mut lost = Raw::connect(&net, node, "127.9.9.9:0").await;
    lost.subscribe(&cluster);
    lost.frames.recv().await.unwrap();
    lost.outbox.abort();
    cluster
        .wait_until(|status| status.nodes[0].undelivered > 0)
        .await;
    let blacklisted = Instant::now();

    let mut other = Raw::connect(&net, node, "127.9.9.8:0").await;
    other.ask_for_state(&cluster);
    other.state(&cluster).await.unwrap();

    let mut again = Raw::connect(&net, node, "127.9.9.9:0").await;
    let answered = async {
        loop {
            again.ask_for_state(&cluster);
            let state = again.state(&cluster);
            if let Ok(state) = timeout(Duration::from_millis(100), state).await {
                break state.unwrap();
            }
        }
    };
    timeout(LONG, answered).await.expect("the ban ends");
    let after = blacklisted.elapsed();
    assert!(after > Duration::from_secs(4), "{after:?}");
    assert!(after < Duration::from_secs(8), "{after:?}");
}

async fn two_clients_of_one_host_do_not_disturb_each_other(net: Net) {
    let (cluster, _) = net.counters().await;
    let clients = [net.client(&cluster).await, net.client(&cluster).await];
    for round in 0..50_i64 {
        for (client, entity) in clients.iter().zip(["alice", "bob"]) {
            let entity = region(client).entity(entity);
            entity.tell(Counter::Add { amount: 1 }).unwrap();
            let count: i64 = entity
                .ask(|reply_to| Counter::Get { reply_to })
                .await
                .unwrap();
            assert_eq!(count, round + 1);
        }
    }
    for client in &clients {
        assert_eq!(close_and_check(client).await.stats.written, 100);
    }
}

over_both! {
    the_second_of_two_with_a_low_address_wins
    the_second_of_two_with_a_high_address_loses
    the_last_wins_where_nodes_are_not_like_casty
    an_address_that_was_sent_to_in_vain_gets_nothing_for_five_seconds
    two_clients_of_one_host_do_not_disturb_each_other
}
