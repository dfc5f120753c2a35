//! Wrong contact points, wrong clusters and broken peers: each gets a typed error or is
//! disconnected, and nothing else is disturbed.

use std::time::Duration;

use crate::node::{CODEC, Link, Node, builder, connected, view};
use casty_client::{ClusterClient, Codec, NodeAddress, ReadyError};
use casty_proto::message::SubscribeTopology;
use casty_transport::{ConnectError, MemoryNetwork, NotCasty, Transport};
use tokio::io::AsyncWriteExt;

const SECOND: Duration = Duration::from_secs(1);

/// Returns the error with which a client's `ready` ends.
async fn refusal(client: &ClusterClient) -> ReadyError {
    client.ready(10 * SECOND).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_system_of_another_name_is_told_at_once() {
    let network = MemoryNetwork::new();
    let mut node = Node::listen(&network, "n:1").await;
    let client = ClusterClient::builder("other")
        .contact_point("n:1")
        .codec(CODEC)
        .transport(casty_client::TransportConfig::memory(network.clone()));
    let client = client.connect().await.unwrap();
    let _link = node.accept_and_tell().await;
    let ReadyError::OtherSystem {
        node,
        found,
        expected,
    } = refusal(&client).await
    else {
        panic!("no other system was told");
    };
    assert_eq!(
        (node.to_string().as_str(), &*found, &*expected),
        ("n:1", "s", "other")
    );
}

#[tokio::test(start_paused = true)]
async fn a_view_in_another_serializer_is_told_at_once() {
    let network = MemoryNetwork::new();
    let mut node = Node::listen(&network, "n:1").await;
    let client = builder(&network, "n:1")
        .codec(Codec::msgpack())
        .connect()
        .await
        .unwrap();
    let mut link = node.accept().await;
    let subscriber = link.next().await.unwrap();
    let reply_to = subscriber
        .decode_as::<SubscribeTopology>(Codec::msgpack())
        .reply_to;
    // The node answers in JSON.
    link.send(&reply_to, &view(&[&node.address], None)).await;
    assert!(matches!(
        refusal(&client).await,
        ReadyError::Unreadable { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn contacts_that_refuse_are_named_when_the_time_is_up() {
    let network = MemoryNetwork::new();
    let client = builder(&network, "gone:1")
        .contact_point("gone:2")
        .connect()
        .await
        .unwrap();
    let error = refusal(&client).await;
    let text = error.to_string();
    assert!(
        text.contains("s: gone:1: ") && text.contains("; gone:2: "),
        "{text}"
    );
    let ReadyError::Timeout { failures, .. } = error else {
        panic!("there is no view to be had");
    };
    let named: Vec<_> = failures.iter().map(|(node, _)| node.to_string()).collect();
    assert_eq!(named, ["gone:1", "gone:2"]);
    assert!(
        failures
            .iter()
            .all(|(_, error)| matches!(error, ConnectError::Dial(_)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_no_casty_node_is_told_as_such() {
    let network = MemoryNetwork::new();
    let at: NodeAddress = "web:80".parse().unwrap();
    let mut listener = network.transport().listen(&at).await.unwrap();
    tokio::spawn(async move {
        while let Ok(mut stream) = listener.accept().await {
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .ok();
        }
    });
    let client = builder(&network, "web:80").connect().await.unwrap();
    let ReadyError::Timeout { failures, .. } = refusal(&client).await else {
        panic!("there is no view to be had");
    };
    let [(_, ConnectError::NotCasty { reason, .. })] = &failures[..] else {
        panic!("{failures:?}");
    };
    assert!(matches!(reason, NotCasty::Http), "{reason:?}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_announces_four_gib_is_dropped_and_the_other_one_is_not_disturbed() {
    let network = MemoryNetwork::new();
    let (client, mut first, mut link) = connected(&network).await;
    let mut second = Node::listen(&network, "n:2").await;
    let subscriber = client_views(&client, &mut link, &first, &second).await;
    let mut other = second.accept().await;
    other.raw(&[0xff; 5]).await;
    assert!(other.next().await.is_none(), "the client hangs up");
    // The first node's connection still carries views both ways.
    link.send(&subscriber, &view(&[&first.address], Some(&first.address)))
        .await;
    let mut views = client.topology();
    views
        .wait_for(|view| view.live_members().count() == 1)
        .await
        .unwrap();
    let entity = client.entity_ref("r", 1).unwrap().entity("e");
    entity.tell("still here").unwrap();
    assert!(link.next_to("/_region-r").await.is_some());
    drop(first.accept());
}

/// Has the first node call both nodes members; returns the reference to which it sends views.
async fn client_views(
    client: &ClusterClient,
    link: &mut Link,
    first: &Node,
    second: &Node,
) -> casty_client::ActorRef<casty_proto::message::TopologySnapshot> {
    let uri = format!("casty://s-client@{}/_topology_sub/1", client.identity());
    let subscriber = casty_client::ActorRef::new(uri).unwrap();
    let both = view(&[&first.address, &second.address], Some(&first.address));
    link.send(&subscriber, &both).await;
    subscriber
}

#[tokio::test(start_paused = true)]
async fn malformed_messages_are_skipped_and_counted() {
    let network = MemoryNetwork::new();
    let (client, node, mut link) = connected(&network).await;
    // Header lengths beyond the frame, no length at all, no JSON, JSON without the keys, a target
    // that is no URI, and a frame of a type that nobody knows.
    link.frame(1, &[0xff; 64]).await;
    link.frame(1, b"\0\0").await;
    link.frame(1, b"\0\0\0\x04nope").await;
    link.frame(1, b"\0\0\0\x02{}").await;
    let header = br#"{"target": "x", "sender": "x", "type_hint": "x"}"#;
    let mut payload = u32::try_from(header.len()).unwrap().to_be_bytes().to_vec();
    payload.extend_from_slice(header);
    link.frame(1, &payload).await;
    link.frame(9, b"whatever").await;
    // What is sound behind it arrives.
    let uri = format!("casty://s-client@{}/_topology_sub/1", client.identity());
    let subscriber = casty_client::ActorRef::new(uri).unwrap();
    let mut next = view(&[&node.address], Some(&node.address));
    next.allocation_epoch = 2;
    link.send(&subscriber, &next).await;
    let mut views = client.topology();
    views
        .wait_for(|view| view.version().epoch == 2)
        .await
        .unwrap();
    assert_eq!(client.stats().inbound_malformed, 5);
}
