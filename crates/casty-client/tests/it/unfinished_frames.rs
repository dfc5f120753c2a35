//! Frames that come in slowly, and the bytes that they hold on all connections together.

use std::time::Duration;

use casty_client::{
    ActorRef, AskError, ClusterClient, EntityRef, OverLimit, ShardEnvelope, TransportConfig, Value,
};
use casty_proto::message::SubscribeTopology;
use casty_transport::MemoryNetwork;
use serde::{Deserialize, Serialize};
use tokio::task::yield_now;

use crate::node::{CODEC, Link, Node, in_real_time, view};

const LONG: Duration = Duration::from_mins(1);
/// A quarter of the longest frame.
const QUARTER: usize = 256 * 1024;
/// The longest message, beside its header.
const LONGEST: usize = 4 * QUARTER - 1024;

/// A message that an entity is to answer.
#[derive(Serialize, Deserialize)]
#[serde(rename = "bank.GetBalance")]
struct Get {
    reply_to: ActorRef<Value>,
}

/// A client that reads frames of 1 MiB, and holds 2 of unfinished ones.
struct Bounded {
    client: ClusterClient,
    /// The connection of a node that owns nothing.
    other: Link,
    /// The connection of the node that owns the entity.
    owner: Link,
    entity: EntityRef,
}

async fn bounded() -> Bounded {
    let network = MemoryNetwork::new();
    let mut other = Node::listen(&network, "a:1").await;
    let mut owner = Node::listen(&network, "b:1").await;
    let client = ClusterClient::builder("s")
        .contact_point("a:1")
        .codec(CODEC)
        .transport(TransportConfig::memory(network))
        .max_inbound_frame(4 * QUARTER)
        .inbound_bytes(4096)
        .connect()
        .await
        .unwrap();
    let nodes = [&other.address, &owner.address].map(Clone::clone);
    let mut other = other.accept().await;
    let subscribe = other.next_to("/_cluster/_topology").await.unwrap();
    let subscribe: SubscribeTopology = subscribe.decode();
    let view = view(&[&nodes[0], &nodes[1]], Some(&nodes[1]));
    other.send(&subscribe.reply_to, &view).await;
    client.ready(LONG).await.unwrap();
    let entity = client.entity_ref("r", 1).unwrap().entity("e");
    Bounded {
        client,
        other,
        owner: owner.accept().await,
        entity,
    }
}

impl Bounded {
    /// Asks the entity, whose node answers with so many bytes.
    async fn ask(&mut self, length: usize) -> Result<Value, AskError> {
        let asked = self.entity.ask(|reply_to| Get { reply_to }).within(LONG);
        let answered = async {
            let got = self.owner.next_to("/_region-r").await.unwrap();
            let envelope: ShardEnvelope<Get> = got.decode();
            let reply = Value::from("x".repeat(length));
            self.owner.send(&envelope.message.reply_to, &reply).await;
        };
        tokio::join!(asked, answered).0
    }
}

/// Waits until unfinished frames hold as many bytes as `is_it` says.
async fn hold(client: &ClusterClient, is_it: impl Fn(usize) -> bool) {
    while !is_it(usize::try_from(client.stats().gauges.inbound_bytes).unwrap()) {
        yield_now().await;
    }
}

/// Returns a frame for an actor that does not exist.
fn frame_of(link: &Link, length: usize) -> Vec<u8> {
    link.encoded("casty://s@c:1/nobody", "str", &vec![b'x'; length])
}

#[test]
fn a_reply_that_finds_no_room_beside_an_unfinished_frame_is_told_and_the_next_one_is_read() {
    in_real_time(async || {
        let mut it = bounded().await;
        let read = it.ask(LONGEST).await.unwrap();
        assert_eq!(read.as_str().map(str::len), Some(LONGEST));
        hold(&it.client, |bytes| bytes == 0).await;

        let stalled = frame_of(&it.other, LONGEST);
        it.other.raw(&stalled[..3 * QUARTER]).await;
        hold(&it.client, |bytes| bytes > 2 * QUARTER).await;
        let error = it.ask(LONGEST).await.unwrap_err();
        let AskError::ReplyOverLimit(OverLimit::InboundBytes { length, max }) = error.clone()
        else {
            panic!("{error:?}");
        };
        assert!(length > LONGEST && max == 8 * QUARTER, "{length}, {max}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("ClientBuilder::inbound_bytes"), "{cause}");
        // Shorter ones are read meanwhile, and all once the other is whole.
        it.ask(QUARTER).await.unwrap();
        it.other.raw(&stalled[3 * QUARTER..]).await;
        hold(&it.client, |bytes| bytes == 0).await;
        it.ask(LONGEST).await.unwrap();
        let stats = it.client.stats();
        assert_eq!((stats.connections, stats.pending_asks), (2, 0));
    });
}

#[test]
fn a_lost_connection_gives_back_what_its_unfinished_frame_held() {
    in_real_time(async || {
        let mut it = bounded().await;
        let stalled = frame_of(&it.owner, LONGEST);
        it.owner.raw(&stalled[..3 * QUARTER]).await;
        hold(&it.client, |bytes| bytes > 2 * QUARTER).await;
        drop(it.owner);
        hold(&it.client, |bytes| bytes == 0).await;
    });
}
