//! The addresses under which a client comes back to a node, and at which it is answered.

use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, NodeAddress, ShardEnvelope};
use casty_proto::message::{SubscribeTopology, TOPOLOGY_PATH, TopologySnapshot};
use casty_transport::{ConnectOptions, MemoryNetwork, Transport, accept};
use tokio::time::timeout;

use crate::node::{Link, Node, builder, connected, in_paused_time, others_run, view};

const SECOND: Duration = Duration::from_secs(1);

/// Returns the address of the client that a reference names.
fn of<M>(reference: &ActorRef<M>) -> NodeAddress {
    let (host, port) = reference.parts().unwrap().node.unwrap();
    NodeAddress::new(host, port)
}

/// Asks an entity of the node, which answers. Returns the address at which it did.
async fn answered(client: &ClusterClient, link: &mut Link) -> NodeAddress {
    let entity = client.entity_ref("r", 1).unwrap().entity("e");
    let answering = async {
        let asked = link.next_to("/_region-r").await.unwrap();
        let asked: ShardEnvelope<ActorRef<i32>> = asked.decode();
        link.send(&asked.message, &7).await;
        of(&asked.message)
    };
    let ask = entity.ask(|reply_to: ActorRef<i32>| reply_to);
    let (outcome, at) = tokio::join!(ask.into_future(), answering);
    assert_eq!(outcome.unwrap(), 7);
    at
}

#[test]
fn a_node_that_is_come_back_to_answers_at_the_address_that_it_trusts() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").connect().await.unwrap();
        let mut link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        let first = client.identity().clone();
        assert_eq!(link.announced, first);
        assert_eq!(answered(&client, &mut link).await, first);

        drop(link);
        let mut link = node.accept().await;
        assert_ne!(link.announced, first);
        let views = loop {
            let received = link.next_to(TOPOLOGY_PATH).await.unwrap();
            if let Ok(SubscribeTopology { reply_to }) = received.try_decode() {
                break reply_to;
            }
        };
        assert_eq!(of(&views), link.announced, "views come there, too");
        let secondary = node.accept_secondary().await;
        let address = node.address.clone();
        keep_telling(&mut link, &views, &address, 5 * SECOND).await;
        let renewed = link.announced.clone();
        assert_eq!(answered(&client, &mut link).await, renewed);
        keep_telling(&mut link, &views, &address, 2 * SECOND).await;
        assert_eq!(answered(&client, &mut link).await, first);
        drop(secondary);
        others_run().await;
        assert_eq!(answered(&client, &mut link).await, renewed);
    });
}

#[test]
fn an_address_that_the_view_does_not_name_may_be_that_of_a_connected_node() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let (client, _node, _link) = connected(&network).await;
        let stranger: NodeAddress = "x:1".parse().unwrap();
        let mut listener = network.transport().listen(&stranger).await.unwrap();
        let to = ActorRef::new("casty://s@x:1/a").unwrap();
        client.tell(&to, 7).unwrap();
        let stream = listener.accept().await.unwrap();
        let options = ConnectOptions::new();
        let connection = accept(stream, &stranger, &options).await.unwrap();
        assert_ne!(connection.peer, *client.identity());
    });
}

/// Sends views for some time, in which the node is not silent.
async fn keep_telling(
    link: &mut Link,
    views: &ActorRef<TopologySnapshot>,
    node: &NodeAddress,
    time: Duration,
) {
    let telling = async {
        loop {
            link.send(views, &view(&[node], Some(node))).await;
            tokio::time::sleep(SECOND).await;
        }
    };
    timeout(time, telling).await.unwrap_err();
}
