//! Nodes that join a cluster while it runs, beside the others or in the place of one.

use std::time::Duration;

use casty_client::{NodeAddress, ServiceKey};
use casty_testkit::StartError;
use tokio::time::{Instant, timeout};

use crate::app::{Counter, LONG, Net, close_and_check, region};
use crate::failures::{up_in_view, whereabouts, whereabouts_in_the_end};
use crate::over_both;

fn anywhere() -> NodeAddress {
    NodeAddress::new("127.0.0.1", 0)
}

async fn a_node_that_joins_is_connected_and_given_shards(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let region = region(&client);
    let before = region.entity("alice");
    let owner = whereabouts(&before).await.unwrap();
    assert_eq!(cluster.add(anywhere()).await.unwrap(), 3);
    up_in_view(&client, 4).await;
    let connected = cluster.wait_until(|status| status.nodes[3].connections == 1);
    timeout(LONG, connected).await.expect("the client dials it");
    let mut seen = [0; 4];
    for number in 0..60 {
        let entity = region.entity(format!("e{number}"));
        seen[whereabouts(&entity).await.unwrap()] += 1;
    }
    assert!(seen.iter().all(|entities| *entities > 0), "{seen:?}");
    assert_eq!(whereabouts(&before).await.unwrap(), owner, "it stays");
    let address = cluster.address(3).unwrap();
    assert!(cluster.contact_points().contains(&address.to_string()));
    assert_eq!(cluster.addresses().len(), 3);
    close_and_check(&client).await;
    cluster.stop().await;
}

async fn a_client_follows_a_cluster_whose_nodes_are_replaced_one_after_the_other(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let entity = region(&client).entity("alice");
    for node in 0..3 {
        whereabouts_in_the_end(&entity).await;
        let old = cluster.address(node).unwrap();
        assert_eq!(cluster.replace(node, anywhere()).await.unwrap(), 3 + node);
        let new = cluster.address(3 + node).unwrap();
        let mut topology = client.topology();
        let seen = topology.wait_for(|view| view.live_members().any(|it| it.address == new));
        timeout(LONG, seen).await.expect("views come").unwrap();
        up_in_view(&client, 3).await;
        assert!(!cluster.contact_points().contains(&old.to_string()));
    }
    assert!(whereabouts_in_the_end(&entity).await >= 3);
    let listing = client.lookup(&ServiceKey::<Counter>::new("clock"));
    let [instance] = &listing.instances[..] else {
        panic!("{listing:?}");
    };
    assert_eq!(Some(&instance.node), cluster.address(4).as_ref());
    let asked = instance.actor.ask(|reply_to| Counter::Where { reply_to });
    let node: u64 = asked.await.unwrap();
    assert_eq!(node, 4, "it runs the services of node 1");
    close_and_check(&client).await;
}

async fn a_node_that_was_replaced_never_comes_back(net: Net) {
    let (cluster, _) = net.counters().await;
    cluster.replace(0, anywhere()).await.unwrap();
    cluster.restart(0).await.unwrap();
    cluster.kill(0).await;
    let nodes = cluster.status().nodes;
    assert!(nodes[0].replaced && !nodes[0].alive);
    assert!(nodes[1..].iter().all(|node| node.alive && !node.replaced));
    let again = cluster.replace(0, anywhere()).await;
    let range = |refused: &StartError| matches!(refused, StartError::Range { .. });
    assert!(again.is_err_and(|refused| range(&refused)));
    let old = cluster.address(0).unwrap();
    assert!(cluster.add(old).await.is_err_and(|refused| range(&refused)));
}

async fn a_node_that_cannot_listen_replaces_no_other(net: Net) {
    let (cluster, _) = net.counters().await;
    let (other, _) = net.counters().await;
    let taken = other.addresses()[0].clone();
    let refused = cluster.replace(1, taken.clone()).await.unwrap_err();
    assert!(
        matches!(&refused, StartError::Listen { at, .. } if *at == taken),
        "{refused}"
    );
    let nodes = cluster.status().nodes;
    assert_eq!(nodes.len(), 3);
    assert!(nodes[1].alive && !nodes[1].replaced);
}

over_both! {
    a_node_that_joins_is_connected_and_given_shards
    a_client_follows_a_cluster_whose_nodes_are_replaced_one_after_the_other
    a_node_that_was_replaced_never_comes_back
    a_node_that_cannot_listen_replaces_no_other
}

#[tokio::test(start_paused = true)]
async fn a_replaced_node_is_noticed_after_the_detection_time() {
    let (net, detection) = (Net::memory(), Duration::from_secs(2));
    let (cluster, _) = net.counters_with(|it| it.detection(detection)).await;
    let client = net.client(&cluster).await;
    let begun = Instant::now();
    cluster.replace(2, anywhere()).await.unwrap();
    up_in_view(&client, 4).await;
    assert!(begun.elapsed() < detection, "the new one is seen at once");
    up_in_view(&client, 3).await;
    assert!(begun.elapsed() >= detection);
    close_and_check(&client).await;
}
