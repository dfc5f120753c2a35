//! Actors that no key leads to: singletons, broadcasts, those at a path of a node.

use std::time::Duration;

use casty_client::{ActorRef, AskError};
use casty_testkit::{Context, stateful};
use serde::{Deserialize, Serialize};

use crate::app::{LONG, Net, close_and_check};

#[derive(Serialize, Deserialize)]
#[serde(rename = "m.Next")]
struct Next {
    reply_to: ActorRef<(u64, u64)>,
}

fn next(reply_to: ActorRef<(u64, u64)>) -> Next {
    Next { reply_to }
}

/// Answers with the node and the count of messages.
fn count(count: &mut u64, message: Next, context: &mut Context<'_>) {
    let Next { reply_to } = message;
    *count += 1;
    context.reply(&reply_to, &(context.node() as u64, *count));
}

fn here(message: Next, context: &mut Context<'_>) {
    let Next { reply_to } = message;
    context.reply(&reply_to, &(context.node() as u64, 0));
}

/// The singleton is on the leader, others pass messages on to it, and the next leader begins anew.
async fn a_singleton_follows_the_leader(net: Net) {
    let with = |builder: casty_testkit::ClusterBuilder| {
        builder.singleton("numbers", stateful(|| 0, count))
    };
    let (cluster, _) = net.counters_with(with).await;
    let client = net.client(&cluster).await;
    let numbers = client.singleton::<Next>("numbers").unwrap();
    let leader = numbers.leader().unwrap();
    let number = cluster.addresses().iter().position(|node| *node == leader);
    let number = number.unwrap();
    assert_eq!(numbers.ask(next).await.unwrap(), (number as u64, 1));
    // Each node passes it on; the leader answers by its own connection.
    cluster
        .wait_until(|status| status.nodes.iter().all(|node| node.connections > 0))
        .await;
    for (place, node) in cluster.addresses().iter().enumerate() {
        let by = client
            .actor_on::<Next>(node, "/_singleton-numbers")
            .unwrap();
        let expected = (number as u64, place as u64 + 2);
        assert_eq!(by.ask(next).await.unwrap(), expected);
    }
    cluster.kill(number).await;
    let mut topology = client.topology();
    let dead = leader.clone();
    topology
        .wait_for(|view| view.leader() != Some(&dead))
        .await
        .unwrap();
    let ask = numbers.ask(next).idempotent().within(LONG);
    let (other, count) = ask.await.unwrap();
    assert_ne!(other, number as u64);
    assert_eq!(count, 1, "it is another one");
    // It leads again, and has forgotten.
    cluster.restart(number).await.unwrap();
    topology
        .wait_for(|view| view.leader() == Some(&leader))
        .await
        .unwrap();
    let ask = numbers.ask(next).idempotent().within(LONG);
    assert_eq!(ask.await.unwrap(), (number as u64, 1));
    cluster.kill(number).await;
    topology
        .wait_for(|view| view.leader() != Some(&leader))
        .await
        .unwrap();
    let ask = numbers.ask(next).idempotent().within(LONG);
    assert_eq!(
        ask.await.unwrap(),
        (other, 1),
        "who led before began anew, too"
    );
    close_and_check(&client).await;
    cluster.stop().await;
}

/// Each member's actor is asked by itself, and one that hangs is named.
async fn a_broadcast_reaches_all_and_names_the_silent(net: Net) {
    let (cluster, _) = net
        .counters_with(|builder| builder.broadcast("here", here))
        .await;
    let client = net.client(&cluster).await;
    let all = client.broadcast::<Next>("here").unwrap();
    let gathered = all.ask_all(next).unwrap().within(LONG).gather().await;
    let mut nodes: Vec<_> = gathered
        .replies
        .iter()
        .map(|(_, (node, _))| *node)
        .collect();
    nodes.sort_unstable();
    assert_eq!((nodes, gathered.missing.len()), (vec![0, 1, 2], 0));
    // The proxy of any node passes it on to all: the first reply is taken, the others are late.
    let first = cluster.address(1).unwrap();
    let proxy = client.actor_on::<Next>(&first, "here").unwrap();
    proxy.ask(next).await.unwrap();
    cluster
        .wait_until(|status| status.nodes.iter().all(|node| node.messages >= 2))
        .await;

    cluster.hang(2);
    let asked = all
        .ask_all(next)
        .unwrap()
        .within(Duration::from_millis(500));
    let gathered = asked.gather().await;
    assert_eq!(gathered.replies.len(), 2);
    let [(silent, AskError::Timeout { .. })] = &gathered.missing[..] else {
        panic!("{gathered:?}");
    };
    assert_eq!(Some(silent), cluster.address(2).as_ref());
    cluster.resume(2);
    close_and_check(&client).await;
    cluster.stop().await;
}

/// Actors are found by their path on the node that runs them, and nowhere else.
async fn an_actor_is_addressed_by_its_path(net: Net) {
    let with = |builder: casty_testkit::ClusterBuilder| {
        builder
            .actor_on(1, "parent/child", here)
            .actor("everywhere", here)
    };
    let (cluster, _) = net.counters_with(with).await;
    let client = net.client(&cluster).await;
    let on = |node: usize, path: &str| {
        let node = cluster.address(node).unwrap();
        client.actor_on::<Next>(&node, path).unwrap()
    };
    assert_eq!(on(1, "/parent/child").ask(next).await.unwrap(), (1, 0));
    assert_eq!(on(2, "everywhere").ask(next).await.unwrap(), (2, 0));
    let nobody = on(2, "parent/child");
    let silence = nobody.ask(next).within(Duration::from_millis(200)).await;
    assert!(matches!(silence, Err(AskError::Timeout { .. })));
    assert_eq!(cluster.status().nodes[2].unrouted, 1);
    cluster.stop_actor(2, "everywhere");
    let ended = on(2, "everywhere")
        .ask(next)
        .within(Duration::from_millis(200))
        .await;
    assert!(ended.is_err());
    close_and_check(&client).await;
    cluster.stop().await;
}

crate::over_both! {
    a_singleton_follows_the_leader
    a_broadcast_reaches_all_and_names_the_silent
    an_actor_is_addressed_by_its_path
}
