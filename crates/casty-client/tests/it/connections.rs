//! The connections that a client makes and keeps.

use std::time::Duration;

use casty_client::{NodeAddress, ShardEnvelope};
use casty_proto::Tuple;
use casty_proto::message::{GetShardLocation, ShardLocation, SubscribeTopology};
use casty_transport::{ConnectOptions, MemoryNetwork, Transport, accept};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::node::{Node, assert_conserved, builder, in_paused_time, others_run, view};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_connection_that_the_first_view_makes_needless_ends_and_its_node_may_join_later() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut member = Node::listen(&network, "a:1").await;
        let other: NodeAddress = "b:1".parse().unwrap();
        let mut listener = network.transport().listen(&other).await.unwrap();
        let client = builder(&network, "a:1").contact_point("b:1");
        let client = client.connect().await.unwrap();
        // Both are dialled; the view of the one comes before the other shakes hands.
        let mut link = member.accept().await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        let late = listener.accept().await.unwrap();
        let alone = view(&[&member.address], None);
        link.send(&subscribe.reply_to, &alone).await;
        client.ready(SECOND).await.unwrap();
        let options = ConnectOptions::new();
        let mut late = accept(late, &other, &options).await.unwrap();
        let ended = timeout(SECOND, late.stream.read_to_end(&mut Vec::new())).await;
        ended.expect("nothing needs it").unwrap();
        assert_eq!(client.stats().connections, 1);

        // It joins: it is dialled once, and stays.
        let both = view(&[&member.address, &other], None);
        link.send(&subscribe.reply_to, &both).await;
        let joined = listener.accept().await.unwrap();
        let joined = accept(joined, &other, &options).await.unwrap();
        others_run().await;
        assert_eq!(client.stats().connections, 2);
        let again = timeout(60 * SECOND, async {
            loop {
                let stream = listener.accept().await.unwrap();
                let connection = accept(stream, &other, &options).await.unwrap();
                if connection.peer == joined.peer {
                    return;
                }
            }
        });
        assert!(again.await.is_err(), "it is dialled again");
        drop((link, joined));
        assert_conserved(&client.close(SECOND).await);
    });
}

#[test]
fn contacts_are_dialled_besides_when_all_connected_nodes_are_silent() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut member = Node::listen(&network, "a:1").await;
        let client = builder(&network, "a:1").contact_point("b:1");
        let client = client.connect().await.unwrap();
        let _link = member.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        let contact = "b:1".parse().unwrap();
        let mut contact = network.transport().listen(&contact).await.unwrap();
        // Before the silent one is given up.
        let dialled = timeout(10 * SECOND, contact.accept()).await;
        dialled.expect("it may know more").unwrap();
        assert_eq!(client.stats().connections, 1);
    });
}

#[test]
fn an_owner_that_is_named_by_an_address_of_another_node_is_asked_for_again() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        // The contact's address leads to the only node, which calls itself by another.
        let mut node = Node::listen_at(&network, "contact:1", "n:1").await;
        let client = builder(&network, "contact:1").connect().await.unwrap();
        let mut link = node.accept().await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        let alone = view(&[&node.address], None);
        link.send(&subscribe.reply_to, &alone).await;
        client.ready(SECOND).await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(7).unwrap();
        let asked = link.next_to("/_coord-r").await.unwrap();
        let asked: GetShardLocation = asked.decode();
        for owner in ["contact:1", "n:1"] {
            let location = ShardLocation {
                shard_id: asked.shard_id,
                node: owner.parse().unwrap(),
                replicas: Tuple::default(),
            };
            link.send(&asked.reply_to, &location).await;
            if owner == "contact:1" {
                let _duplicate = node.accept().await;
                let again = timeout(SECOND, link.next_to("/_coord-r")).await;
                again.expect("it is asked again").unwrap();
            }
        }
        let told = link.next_to("/_region-r").await.unwrap();
        assert_eq!(told.decode::<ShardEnvelope<i32>>().message, 7);
    });
}
