//! Services that come and go while the cluster runs.

use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, ServiceKey};
use casty_testkit::{Cluster, ClusterBuilder, Context, MembershipOptions};
use serde::{Deserialize, Serialize};

use crate::app::{LONG, Net, close_and_check};

#[derive(Serialize, Deserialize)]
#[serde(rename = "hello.Greet")]
struct Greet {
    reply_to: ActorRef<u64>,
}

fn greet(message: Greet, context: &mut Context<'_>) {
    let Greet { reply_to } = message;
    context.reply(&reply_to, &(context.node() as u64));
}

fn key() -> ServiceKey<Greet> {
    ServiceKey::new("greeter")
}

/// Starts nodes with a greeter on the first, which the client begins with.
async fn start(net: &Net) -> (Cluster, ClusterClient) {
    start_with(net, |builder| builder).await
}

/// Starts such nodes, configured further.
async fn start_with(
    net: &Net,
    configure: impl FnOnce(ClusterBuilder) -> ClusterBuilder,
) -> (Cluster, ClusterClient) {
    let (cluster, _) = net
        .counters_with(|builder| configure(builder.service("greeter", greet)))
        .await;
    let first = cluster.address(0).unwrap();
    let builder = net
        .client_builder(&cluster)
        .contact_points([first.to_string()]);
    let client = builder.connect().await.unwrap();
    client.ready(LONG).await.unwrap();
    (cluster, client)
}

async fn instances_come_and_go(net: Net) {
    come_and_go(start(&net).await).await;
}

async fn instances_come_and_go_where_nodes_gossip(net: Net) {
    let gossips = |builder: ClusterBuilder| builder.membership(MembershipOptions::new());
    come_and_go(start_with(&net, gossips).await).await;
}

/// Instances are seen to come and go, and are asked while they are there.
async fn come_and_go((cluster, client): (Cluster, ClusterClient)) {
    let mut greeters = client.services(&key());
    greeters.wait_for_within(1, LONG).await.unwrap();
    cluster.start_service(1, "greeter", greet);
    let two = greeters.wait_for(2).await.unwrap();
    let mut nodes = Vec::new();
    for instance in two.instances {
        nodes.push(
            instance
                .actor
                .ask(|reply_to| Greet { reply_to })
                .await
                .unwrap(),
        );
    }
    nodes.sort_unstable();
    assert_eq!(nodes, [0, 1]);
    cluster.stop_service(0, "greeter");
    let one = loop {
        let listing = greeters.changed().await.unwrap();
        if listing.instances.len() == 1 {
            break listing;
        }
    };
    assert_eq!(Some(&one.instances[0].node), cluster.address(1).as_ref());
    cluster.kill(1).await;
    while !greeters.changed().await.unwrap().instances.is_empty() {}
    // What was started is a part of the node.
    cluster.restart(1).await.unwrap();
    greeters.wait_for(1).await.unwrap();
    close_and_check(&client).await;
    cluster.stop().await;
}

/// An actor that ended stays listed, as on real nodes, and a picker leaves it alone.
async fn an_instance_that_ended_is_set_aside(net: Net) {
    let (cluster, client) = start(&net).await;
    cluster.start_service(1, "greeter", greet);
    let mut greeters = client.services(&key());
    greeters.wait_for_within(2, LONG).await.unwrap();
    cluster.stop_actor(0, "greeter");
    let picker = client.picker(&key()).set_aside_for(Duration::from_hours(1));
    let mut failures = 0;
    for _ in 0..6 {
        let asked = picker.ask(|reply_to| Greet { reply_to });
        match asked.within(Duration::from_millis(300)).await {
            Ok(node) => assert_eq!(node, 1),
            Err(_) => failures += 1,
        }
    }
    assert_eq!(failures, 1, "once, and no more");
    assert_eq!(client.lookup(&key()).instances.len(), 2);
    close_and_check(&client).await;
    cluster.stop().await;
}

crate::over_both! {
    instances_come_and_go
    instances_come_and_go_where_nodes_gossip
    an_instance_that_ended_is_set_aside
}
