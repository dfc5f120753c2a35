//! The failures of dials that are kept: of which addresses, and which give way to others.

use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, NodeAddress};
use casty_proto::message::SubscribeTopology;
use casty_transport::MemoryNetwork;

use crate::node::{Node, builder, in_paused_time, view};

const SECOND: Duration = Duration::from_secs(1);
/// The number of addresses whose failures are kept.
const KEPT: usize = 64;

/// Returns the addresses whose failures are kept.
fn failed(client: &ClusterClient) -> Vec<NodeAddress> {
    let failures = client.dial_failures();
    failures.into_iter().map(|(node, _)| node).collect()
}

#[test]
fn the_failure_of_an_address_of_no_interest_is_kept_while_there_is_room() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "c:1").await;
        let client = builder(&network, "c:1").buffer_timeout(SECOND);
        let client = client.connect().await.unwrap();
        let link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        dial_strangers(&client, "x", 1).await;
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(client.stats().not_sent, 1, "it is not dialled any more");
        drop((link, node));
        tokio::time::sleep(10 * SECOND).await;
        assert_eq!(
            failed(&client),
            ["c:1", "x:1"].map(|it| it.parse().unwrap())
        );
    });
}

#[test]
fn addresses_of_no_interest_do_not_give_way_to_another_of_none() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").buffer_timeout(SECOND);
        let client = client.connect().await.unwrap();
        let _link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        dial_strangers(&client, "x", 100).await;
        let kept = failed(&client);
        assert_eq!(kept.len(), KEPT);
        // They are not dialled any more when others are.
        tokio::time::sleep(2 * SECOND).await;
        dial_strangers(&client, "y", 5).await;
        assert_eq!(failed(&client), kept);
    });
}

#[test]
fn addresses_of_no_interest_give_way_to_members_again_and_again() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut first = Node::listen(&network, "a:1").await;
        let mut others = Vec::new();
        for address in ["m:1", "m:2", "m:3"] {
            others.push(Node::listen(&network, address).await);
        }
        let client = builder(&network, "a:1").connect().await.unwrap();
        let mut link = first.accept().await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        let mut members = vec![&first.address];
        members.extend(others.iter().map(|node| &node.address));
        link.send(&subscribe.reply_to, &view(&members, None)).await;
        let mut links = Vec::new();
        for node in &mut others {
            links.push(node.accept().await);
        }
        client.ready(SECOND).await.unwrap();
        // None of this changes the view.
        for (number, lost) in others.into_iter().zip(links).enumerate() {
            dial_strangers(&client, &format!("x{number}"), 100).await;
            // Not all strangers are dialled at once.
            while failed(&client).len() < KEPT {
                tokio::time::sleep(SECOND / 100).await;
            }
            let address = lost.0.address.clone();
            drop(lost);
            tokio::time::sleep(SECOND / 10).await;
            assert!(failed(&client).contains(&address), "{address}");
        }
    });
}

/// Has as many addresses dialled that are no members, and refuse.
async fn dial_strangers(client: &ClusterClient, host: &str, count: u16) {
    for port in 1..=count {
        let to = ActorRef::new(format!("casty://s@{host}:{port}/a")).unwrap();
        client.tell(&to, 7).unwrap();
    }
    tokio::time::sleep(SECOND / 10).await;
}
