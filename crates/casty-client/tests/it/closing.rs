//! The orderly end of a client: how long connections have, and which it waits for.

use std::time::Duration;

use casty_client::{ClusterClient, NodeAddress};
use casty_proto::message::SubscribeTopology;
use casty_transport::MemoryNetwork;
use tokio::time::Instant;

use crate::node::{
    Link, Node, assert_conserved, builder, connected, in_paused_time, others_run, view,
};

const SECOND: Duration = Duration::from_secs(1);

/// Reads all that comes on a connection until the client has closed its side.
async fn read_all(link: &mut Link) {
    while link.next().await.is_some() {}
}

#[test]
fn closing_at_once_waits_for_nothing() {
    in_paused_time(|| async {
        let client = builder(&MemoryNetwork::new(), "n:1").connect().await;
        let client = client.unwrap();
        client.region("r", 1).unwrap().entity("e").tell(1).unwrap();
        let begun = Instant::now();
        let report = client.close(Duration::ZERO).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_conserved(&report);
        assert_eq!((report.drained, report.stats.not_sent), (false, 1));
    });
}

#[test]
fn a_connection_with_messages_in_flight_has_all_the_time_there_is_to_close() {
    in_paused_time(|| async {
        let (client, _node, mut link) = connected(&MemoryNetwork::new()).await;
        client.region("r", 1).unwrap().entity("e").tell(1).unwrap();
        let closing = tokio::spawn(async move { client.close(30 * SECOND).await });
        tokio::time::sleep(10 * SECOND).await;
        assert!(!closing.is_finished(), "the node may read it still");
        read_all(&mut link).await;
        drop(link);
        let report = closing.await.unwrap();
        assert_conserved(&report);
        assert_eq!((report.stats.written, report.stats.unknown), (1, 0));
    });
}

#[test]
fn closing_waits_for_secondary_connections() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").connect().await.unwrap();
        drop(node.accept_and_tell().await);
        let mut primary = node.accept_and_tell().await;
        let mut secondary = node.accept_secondary().await;
        others_run().await;
        assert_eq!(client.stats().secondary_connections, 1);
        let closing = tokio::spawn(async move { client.close(30 * SECOND).await });
        let begun = Instant::now();
        read_all(&mut primary).await;
        drop(primary);
        read_all(&mut secondary).await;
        tokio::time::sleep(SECOND / 2).await;
        drop(secondary);
        let report = closing.await.unwrap();
        assert!(begun.elapsed() >= SECOND / 2, "{:?}", begun.elapsed());
        assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
        assert_eq!(report.stats.secondary_connections, 0);
    });
}

/// Returns a client of two nodes, of which the first sent the view.
async fn of_two(network: &MemoryNetwork) -> (ClusterClient, [Node; 2], [Link; 2]) {
    let mut first = Node::listen(network, "a:1").await;
    let mut second = Node::listen(network, "b:1").await;
    let client = builder(network, "a:1").connect().await.unwrap();
    let mut to_first = first.accept().await;
    let subscribe: SubscribeTopology = to_first.next().await.unwrap().decode();
    let nodes: [&NodeAddress; 2] = [&first.address, &second.address];
    to_first
        .send(&subscribe.reply_to, &view(&nodes, None))
        .await;
    let to_second = second.accept().await;
    others_run().await;
    assert_eq!(client.stats().connections, 2);
    (client, [first, second], [to_first, to_second])
}

#[test]
fn closing_ends_though_one_node_of_two_closes_nothing() {
    for closes in [0, 1] {
        in_paused_time(move || async move {
            let (client, _nodes, mut links) = of_two(&MemoryNetwork::new()).await;
            links.rotate_left(closes);
            let [mut first, _second] = links;
            tokio::spawn(async move { read_all(&mut first).await });
            let begun = Instant::now();
            let report = client.close(SECOND).await;
            assert!(begun.elapsed() <= 2 * SECOND, "{:?}", begun.elapsed());
            assert_conserved(&report);
            assert_eq!((report.drained, report.stats.connections), (true, 0));
        });
    }
}
