//! Connections that are silent: idle ones stay, dead ones are given up and dialled again.

use std::time::Duration;

use casty_client::{ActorRef, AskError, ClusterClient, Fate};
use casty_proto::FrozenSet;
use casty_proto::message::{Find, Listing, RECEPTIONIST_PATH, SubscribeTopology, TOPOLOGY_PATH};
use casty_transport::MemoryNetwork;
use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::node::{Link, Node, builder, in_paused_time, others_run, view};

const SECOND: Duration = Duration::from_secs(1);
/// The time by which a connection without a sign of life has been given up.
const LIMIT: Duration = Duration::from_secs(16);

/// An ask that no node of these tests answers.
#[derive(Serialize)]
#[serde(rename = "m.Ask")]
struct Unanswered {
    reply_to: ActorRef<i32>,
}

/// Answers probes and subscriptions of a cluster of that node until the connection ends. Returns the
/// number of probes.
async fn answer(link: &mut Link, node: &casty_client::NodeAddress) -> usize {
    let mut probes = 0;
    while let Some(received) = link.next().await {
        if received.path == RECEPTIONIST_PATH {
            let find: Find<()> = received.decode();
            let listing = Listing {
                key: find.key,
                instances: FrozenSet::default(),
            };
            link.send(&find.reply_to, &listing).await;
            probes += 1;
        } else if received.path == TOPOLOGY_PATH
            && let Ok(SubscribeTopology { reply_to }) = received.try_decode()
        {
            link.send(&reply_to, &view(&[node], Some(node))).await;
        }
    }
    probes
}

#[test]
fn an_idle_connection_whose_node_answers_probes_stays_and_a_silent_one_is_dialled_again() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "a:1").await;
        let client = builder(&network, "a:1").connect().await.unwrap();
        let mut link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        // An actor may be sent to at any time.
        let actor = client.spawn(|(): (), _| std::future::ready(()), "inbox");
        let address = node.address.clone();
        let minute = timeout(Duration::from_mins(1), answer(&mut link, &address));
        minute.await.expect_err("it stays");
        assert_eq!(
            client.stats().inbound_dropped,
            0,
            "answers are nothing to tell of"
        );

        let silent = Instant::now();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = entity.ask(|reply_to| Unanswered { reply_to });
        let asked = tokio::spawn(ask.within(Duration::from_mins(1)).send());
        let mut probed = false;
        while let Some(received) = link.next().await {
            probed |= received.path == RECEPTIONIST_PATH;
        }
        assert!(
            probed && silent.elapsed() <= LIMIT,
            "{:?}",
            silent.elapsed()
        );
        let error = asked.await.unwrap().unwrap_err();
        assert!(matches!(error, AskError::Lost { .. }), "{error:?}");
        assert_ne!(error.fate(), Fate::NotSent, "it may have arrived");
        let again = timeout(SECOND, node.accept_and_tell()).await;
        let mut again = again.expect("it is dialled at its own address at once");
        drop(actor);
        drop(client);
        assert_eq!(timeout(SECOND, answer(&mut again, &address)).await, Ok(0));
    });
}

/// Returns a client of two nodes, its connection to the second, and the first sending views: it would
/// notice at once if the second were asked for them.
async fn two_nodes() -> (ClusterClient, Link, impl Future<Output = ()>) {
    let network = MemoryNetwork::new();
    let mut first = Node::listen(&network, "a:1").await;
    let mut second = Node::listen(&network, "b:1").await;
    let client = builder(&network, "a:1").connect().await.unwrap();
    let mut to_first = first.accept().await;
    let subscribe: SubscribeTopology = to_first.next().await.unwrap().decode();
    let both = view(&[&first.address, &second.address], Some(&first.address));
    to_first.send(&subscribe.reply_to, &both).await;
    let to_second = second.accept().await;
    client.ready(SECOND).await.unwrap();
    let views = async move {
        let _listening = (first, second);
        loop {
            tokio::time::sleep(SECOND).await;
            to_first.send(&subscribe.reply_to, &both).await;
        }
    };
    (client, to_second, views)
}

#[test]
fn a_connection_that_nobody_uses_is_left_alone() {
    in_paused_time(|| async {
        let (client, mut idle, views) = two_nodes().await;
        tokio::pin!(views);
        tokio::select! {
            () = &mut views => {}
            received = idle.next() => panic!("{:?}", received.map(|it| it.path)),
            () = tokio::time::sleep(Duration::from_hours(1)) => {}
        }
        assert_eq!(client.stats().connections, 2);
    });
}

#[test]
fn a_secondary_connection_that_does_not_answer_is_dialled_again() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "a:1").await;
        let client = builder(&network, "a:1").connect().await.unwrap();
        drop(node.accept_and_tell().await);
        let mut primary = node.accept_and_tell().await;
        let mut secondary = node.accept_secondary().await;
        let address = node.address.clone();
        let answering = tokio::spawn(async move { answer(&mut primary, &address).await });
        others_run().await;
        let begun = Instant::now();
        let probe = secondary.next().await.unwrap();
        assert_eq!(probe.path, RECEPTIONIST_PATH);
        assert!(secondary.next().await.is_none(), "it is given up");
        assert!(begun.elapsed() <= LIMIT, "{:?}", begun.elapsed());
        let again = timeout(SECOND, node.accept_secondary()).await;
        let mut again = again.expect("it is dialled again");
        others_run().await;
        let stats = client.stats();
        assert_eq!((stats.connections, stats.secondary_connections), (1, 1));
        // One that answers stays.
        let address = node.address.clone();
        let minute = timeout(Duration::from_mins(1), answer(&mut again, &address));
        minute.await.expect_err("it stays");
        assert!(!answering.is_finished());
    });
}

#[test]
fn any_node_may_send_to_an_actor_so_a_silent_one_is_probed_while_there_is_one() {
    in_paused_time(|| async {
        let (client, mut silent, views) = two_nodes().await;
        tokio::pin!(views);
        let _actor = client.spawn(|(): (), _| std::future::ready(()), "inbox");
        tokio::select! {
            () = &mut views => {}
            received = timeout(LIMIT, silent.next()) => {
                assert_eq!(received.unwrap().unwrap().path, RECEPTIONIST_PATH);
            }
        }
    });
}
