//! Nodes of two processes that dial each other and agree by gossip on who is a member.

use std::collections::BTreeSet;

use casty_client::{ClusterClient, ServiceKey, View};
use casty_proto::message::MemberStatus;
use casty_proto::{ActorRef, NodeAddress};
use casty_testkit::{Cluster, ClusterBuilder, Context, MembershipOptions, stateful};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::{LONG, Net, region};
use crate::failures::{up_in_view, whereabouts_in_the_end};
use crate::membership::{gossiping, hosts};

/// Starts two nodes that gossip, configured further.
async fn inside(net: &Net, configure: impl FnOnce(ClusterBuilder) -> ClusterBuilder) -> Cluster {
    let (gossips, _) = gossiping(MembershipOptions::new());
    let (cluster, _) = net
        .counters_with(|builder| configure(gossips(builder).nodes(2)))
        .await;
    cluster
}

/// Starts one more node, of a cluster of its own that the nodes of another take in, configured further.
async fn outside(
    net: &Net,
    cluster: &Cluster,
    configure: impl FnOnce(ClusterBuilder) -> ClusterBuilder,
) -> Cluster {
    let seeds: Vec<NodeAddress> = cluster.addresses().to_vec();
    let options = MembershipOptions::new().seeds(seeds).id("outside");
    let (gossips, _) = gossiping(options);
    net.lone_counter_with(|builder| configure(gossips(builder)))
        .await
}

/// Waits until as many members are up, and none joins any more.
async fn all_up(client: &ClusterClient, count: usize) {
    let is_up = |view: &View| {
        let members = view.members().iter();
        let up = members.filter(|member| member.status == MemberStatus::Up);
        up.count() == count
    };
    let mut topology = client.topology();
    let waiting = timeout(LONG, topology.wait_for(is_up));
    waiting.await.unwrap().unwrap();
}

async fn nodes_outside_are_taken_in_and_host_shards(net: Net) {
    let cluster = inside(&net, |builder| builder).await;
    let other = outside(&net, &cluster, |builder| builder).await;
    let client = net.client(&cluster).await;
    // Members that still join host no shards.
    all_up(&client, 3).await;
    let outsider = other.addresses()[0].clone();
    timeout(LONG, async {
        for number in 0_u32.. {
            let entity = region(&client).entity(format!("entity-{number}"));
            whereabouts_in_the_end(&entity).await;
            if other.received(0) > 0 {
                break;
            }
        }
    })
    .await
    .expect("shards go to the node outside");
    other.stop().await;
    up_in_view(&client, 2).await;
    let view = client.topology().current().unwrap();
    assert_eq!(view.member(&outsider).unwrap().status, MemberStatus::Down);
    hosts(&client).await;
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "m.Next")]
struct Next {
    reply_to: ActorRef<(String, u64)>,
}

fn next(reply_to: ActorRef<(String, u64)>) -> Next {
    Next { reply_to }
}

/// Answers with the node's address and the count of messages.
fn count(count: &mut u64, message: Next, context: &mut Context<'_>) {
    let Next { reply_to } = message;
    *count += 1;
    let at = context.address().to_string();
    context.reply(&reply_to, &(at, *count));
}

fn here(message: Next, context: &mut Context<'_>) {
    count(&mut 0, message, context);
}

/// Adds a singleton and a broadcast.
fn with_actors(builder: ClusterBuilder) -> ClusterBuilder {
    let builder = builder.singleton("numbers", stateful(|| 0, count));
    builder.broadcast("here", here)
}

/// Asks each node itself, until the client is connected to all.
async fn connected(client: &ClusterClient, nodes: &[NodeAddress]) {
    for node in nodes {
        let itself = client.actor_on::<Next>(node, "/_bcast-here").unwrap();
        let (at, _) = itself.ask(next).idempotent().within(LONG).await.unwrap();
        assert_eq!(at, node.to_string());
    }
}

/// There is one in all processes: whichever leads, some of the others pass it messages to another process.
async fn a_singleton_is_reached_by_way_of_any_node_in_whichever_process_it_is(net: Net) {
    let cluster = inside(&net, with_actors).await;
    let other = outside(&net, &cluster, with_actors).await;
    let client = net.client(&cluster).await;
    all_up(&client, 3).await;
    let nodes = [cluster.addresses(), other.addresses()].concat();
    connected(&client, &nodes).await;
    let view = client.topology().current().unwrap();
    let leader = view.leader().unwrap().to_string();
    for (place, node) in nodes.iter().enumerate() {
        let by = client
            .actor_on::<Next>(node, "/_singleton-numbers")
            .unwrap();
        let expected = (leader.clone(), place as u64 + 1);
        let answer = by.ask(next).within(LONG).await.unwrap();
        assert_eq!(answer, expected, "by {node}");
    }
}

/// Each node is told what any of them is told to tell all, and answers whoever asks: a node, too.
async fn a_broadcast_reaches_the_nodes_of_all_processes(net: Net) {
    let (told, mut answers) = mpsc::unbounded_channel();
    let with_asker = |builder: ClusterBuilder| {
        with_actors(builder).actor("asker", move |(at, _): (String, u64), _| {
            told.send(at).ok();
        })
    };
    let cluster = inside(&net, with_asker.clone()).await;
    let other = outside(&net, &cluster, with_asker).await;
    let client = net.client(&cluster).await;
    all_up(&client, 3).await;
    let nodes = [cluster.addresses(), other.addresses()].concat();
    connected(&client, &nodes).await;
    let all: BTreeSet<_> = nodes.iter().map(ToString::to_string).collect();
    for asker in &nodes {
        let (system, at) = (cluster.system(), asker.to_raw());
        let asker_uri = format!("casty://{system}@{at}/asker");
        let reply_to = ActorRef::from_uri_unchecked(asker_uri);
        let proxy = client.actor_on::<Next>(asker, "here").unwrap();
        proxy.tell(Next { reply_to }).unwrap();
        let mut answered = BTreeSet::new();
        timeout(LONG, async {
            while answered.len() < 3 {
                answered.insert(answers.recv().await.unwrap());
            }
        })
        .await
        .unwrap_or_else(|_| panic!("only {answered:?} answer {asker}"));
        assert_eq!(answered, all);
    }
    // A client asks each member itself.
    let broadcast = client.broadcast::<Next>("here").unwrap();
    let gathered = broadcast.ask_all(next).unwrap().within(LONG).gather().await;
    assert_eq!((gathered.replies.len(), gathered.missing.len()), (3, 0));
}

/// Waits until a client lists so many instances.
async fn instances(client: &ClusterClient, key: &str, count: usize) {
    let mut services = client.services(&ServiceKey::<Next>::new(key));
    let listed = async { while services.changed().await.unwrap().instances.len() != count {} };
    timeout(LONG, listed).await.expect("so many are listed");
}

/// Starts nodes of which one has had a service, and one outside that still lists it. Returns with them a client
/// of each.
async fn ended_service(net: &Net) -> ([Cluster; 2], [ClusterClient; 2]) {
    let cluster = inside(net, |builder| builder.service_on(1, "numbered", here)).await;
    let other = outside(net, &cluster, |builder| builder).await;
    let (client, outsider) = (net.client(&cluster).await, net.client(&other).await);
    for client in [&client, &outsider] {
        instances(client, "numbered", 1).await;
    }
    cluster.stop_service(1, "numbered");
    instances(&client, "numbered", 0).await;
    // What is listed elsewhere is gossiped with this.
    other.start_service(0, "later", here);
    instances(&client, "later", 1).await;
    ([cluster, other], [client, outsider])
}

/// Nodes outside are not told that a service has ended, and bring it back to no node of the service's process.
async fn a_service_that_ended_is_listed_by_nodes_outside_alone(net: Net) {
    let ([cluster, _other], [client, outsider]) = ended_service(&net).await;
    instances(&client, "numbered", 0).await;
    instances(&outsider, "numbered", 1).await;
    cluster.start_service(1, "numbered", here);
    for client in [&client, &outsider] {
        instances(client, "numbered", 1).await;
    }
}

async fn a_node_that_starts_anew_lists_no_service_that_has_ended(net: Net) {
    let ([cluster, _other], _) = ended_service(&net).await;
    cluster.restart(0).await.unwrap();
    let first = cluster.addresses()[0].to_string();
    let restarted = net.client_builder(&cluster).contact_points([first]);
    let restarted = restarted.connect().await.unwrap();
    instances(&restarted, "later", 1).await;
    instances(&restarted, "numbered", 0).await;
    cluster.start_service(1, "numbered", here);
    instances(&restarted, "numbered", 1).await;
}

mod restarts {
    pub(super) use super::a_node_that_starts_anew_lists_no_service_that_has_ended;

    crate::over_both! { a_node_that_starts_anew_lists_no_service_that_has_ended }
}

crate::over_all! {
    nodes_outside_are_taken_in_and_host_shards
    a_singleton_is_reached_by_way_of_any_node_in_whichever_process_it_is
    a_broadcast_reaches_the_nodes_of_all_processes
    a_service_that_ended_is_listed_by_nodes_outside_alone
}
