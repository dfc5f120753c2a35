//! Idempotent asks of which a further copy finds no room.

use std::time::Duration;

use casty_client::{
    ActorRef, AskError, BufferLimits, ClusterClient, Fate, NodeAddress, ShardEnvelope, TellError,
};
use casty_transport::MemoryNetwork;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::node::{Link, Node, builder, in_paused_time, others_run};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
#[serde(rename = "m.Get")]
struct Get {
    reply_to: ActorRef<String>,
}

async fn asked(link: &mut Link) -> ActorRef<String> {
    let received = link.next_to("/_region-r").await.unwrap();
    received.decode::<ShardEnvelope<Get>>().message.reply_to
}

/// Fills the pending buffer with messages to nodes that nobody reaches.
fn fill(client: &ClusterClient) {
    for port in 1..=10 {
        let dead = NodeAddress::new("dead", port);
        let to = ActorRef::new(format!("casty://s@{dead}/a")).unwrap();
        while client.tell(&to, 7).is_ok() {}
    }
    let entity = client.region("other", 1).unwrap().entity("e");
    assert_eq!(entity.tell(7), Err(TellError::BufferFull));
}

/// Returns an ask of so many attempts within 6 s whose first copy was lost with its connection, and
/// whose second found the pending buffer full.
async fn refused(attempts: u32) -> (Node, ClusterClient, JoinHandle<Result<String, AskError>>) {
    let network = MemoryNetwork::new();
    let mut node = Node::listen(&network, "n:1").await;
    let client = builder(&network, "n:1")
        .buffer(BufferLimits::default().messages(4))
        .buffer_timeout(60 * SECOND);
    let client = client.connect().await.unwrap();
    let mut link = node.accept_and_tell().await;
    client.ready(SECOND).await.unwrap();
    fill(&client);
    let entity = client.region("r", 1).unwrap().entity("e");
    let ask = tokio::spawn(async move {
        let ask = entity.ask(|reply_to| Get { reply_to }).idempotent();
        ask.attempts(attempts).within(6 * SECOND).await
    });
    asked(&mut link).await;
    drop(link);
    others_run().await;
    assert_eq!(client.stats().retries, 0, "it was refused");
    (node, client, ask)
}

#[test]
fn a_copy_that_finds_the_pending_buffer_full_is_followed_by_the_next_when_that_is_due() {
    in_paused_time(|| async {
        let (mut node, client, ask) = refused(3).await;
        assert!(!ask.is_finished());
        let mut link = node.accept_and_tell().await;
        let begun = Instant::now();
        let reply_to = asked(&mut link).await;
        assert!(begun.elapsed() >= SECOND, "{:?}", begun.elapsed());
        link.send(&reply_to, &"a".to_owned()).await;
        assert_eq!(ask.await.unwrap().unwrap(), "a");
        assert_eq!(client.stats().retries, 1);
    });
}

#[test]
fn an_ask_whose_last_copy_finds_the_pending_buffer_full_ends_at_once_as_what_became_of_the_first() {
    in_paused_time(|| async {
        let (node, _client, ask) = refused(2).await;
        assert!(ask.is_finished());
        let error = ask.await.unwrap().unwrap_err();
        assert!(
            matches!(&error, AskError::Lost { node: lost, .. } if *lost == node.address),
            "{error:?}"
        );
        assert_ne!(error.fate(), Fate::NotSent);
    });
}
