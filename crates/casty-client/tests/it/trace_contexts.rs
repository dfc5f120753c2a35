//! The trace contexts of messages: which carry one, and which one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use casty_client::{ActorRef, ClientBuilder, ClusterClient, TraceParent};
use casty_transport::MemoryNetwork;
use tokio_stream::StreamExt;

use crate::node::{Link, Node, actor, builder, in_paused_time, others_run};
use crate::retries::Get;

const SECOND: Duration = Duration::from_secs(1);

/// A source that returns another context each time: its span's number.
#[derive(Clone, Default)]
struct Numbered(Arc<AtomicU64>);

impl Numbered {
    fn next(&self) -> TraceParent {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        number_of(number)
    }

    fn taken(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn number_of(number: u64) -> TraceParent {
    TraceParent::new([7; 16], number.to_be_bytes(), 1).unwrap()
}

/// Returns the number of the context that a message came with.
fn number(trace: Option<TraceParent>) -> Option<u64> {
    trace.map(|trace| u64::from_be_bytes(trace.parent_id()))
}

async fn traced(
    configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (Node, Link, ClusterClient, Numbered) {
    let (network, numbered) = (MemoryNetwork::new(), Numbered::default());
    let mut node = Node::listen(&network, "n:1").await;
    let source = numbered.clone();
    let client = builder(&network, "n:1").trace_source(move || Some(source.next()));
    let client = configure(client).connect().await.unwrap();
    let link = node.accept_and_tell().await;
    client.ready(SECOND).await.unwrap();
    (node, link, client, numbered)
}

fn get(reply_to: ActorRef<String>) -> Get {
    Get {
        reply_to,
        ballast: String::new(),
    }
}

/// Returns the number that the next message to a path came with.
async fn next(link: &mut Link, path: &str) -> Option<u64> {
    number(link.next_to(path).await.unwrap().trace)
}

#[test]
fn tells_and_asks_of_all_kinds_carry_the_context_there_is_when_they_are_sent() {
    in_paused_time(|| async {
        let (node, mut link, client, numbered) = traced(|it| it.trace_context(true)).await;
        assert_eq!(
            numbered.taken(),
            0,
            "the protocol's own messages carry none"
        );
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(1).unwrap();
        let ask = entity.ask(get).send();
        assert_eq!(next(&mut link, "/_region-r").await, Some(1));
        assert_eq!(next(&mut link, "/_region-r").await, Some(2));
        drop(ask);
        client.tell(&actor::<i32>(&node, "/a"), 1).unwrap();
        assert_eq!(next(&mut link, "/a").await, Some(3));
        let ask = client.ask(&actor::<Get>(&node, "/a"), get).send();
        assert_eq!(next(&mut link, "/a").await, Some(4));
        drop(ask);
        let leader = client.actor_on_leader::<i32>("/b").unwrap();
        leader.tell(1).unwrap();
        assert_eq!(next(&mut link, "/b").await, Some(5));
        entity.tell_wait(2).await.unwrap();
        assert_eq!(next(&mut link, "/_region-r").await, Some(6));
        assert_eq!(numbered.taken(), 6);
    });
}

#[test]
fn without_the_setting_nobody_is_asked_and_nothing_is_carried() {
    in_paused_time(|| async {
        let (_node, mut link, client, numbered) = traced(|it| it).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(1).unwrap();
        let ask = entity.ask(get).idempotent().send();
        for _ in 0..2 {
            assert_eq!(next(&mut link, "/_region-r").await, None);
        }
        drop(ask);
        assert_eq!(numbered.taken(), 0);
    });
}

#[test]
fn outside_of_a_trace_nothing_is_carried() {
    in_paused_time(|| async {
        let none = |it: ClientBuilder| it.trace_context(true).trace_source(|| None);
        let (_node, mut link, client, _) = traced(none).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(1).unwrap();
        assert_eq!(next(&mut link, "/_region-r").await, None);
    });
}

#[test]
fn every_copy_of_an_ask_carries_the_same_context() {
    in_paused_time(|| async {
        let (node, mut link, client, numbered) = traced(|it| it.trace_context(true)).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = entity.ask(get).idempotent().within(6 * SECOND);
        let ask = tokio::spawn(ask.send());
        for _ in 0..3 {
            assert_eq!(next(&mut link, "/_region-r").await, Some(1));
        }
        ask.await.unwrap().unwrap_err();
        let to = actor::<Get>(&node, "/a");
        let ask = client.ask(&to, get).idempotent().within(6 * SECOND);
        let ask = tokio::spawn(ask.send());
        for _ in 0..3 {
            assert_eq!(next(&mut link, "/a").await, Some(2));
        }
        ask.await.unwrap().unwrap_err();
        assert_eq!(numbered.taken(), 2);
    });
}

#[test]
fn what_waits_for_its_route_keeps_the_context_with_which_it_was_sent() {
    in_paused_time(|| async {
        let (network, numbered) = (MemoryNetwork::new(), Numbered::default());
        let source = numbered.clone();
        let client = builder(&network, "n:1")
            .trace_context(true)
            .trace_source(move || Some(source.next()));
        let client = client.connect().await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(1).unwrap();
        entity.tell(2).unwrap();
        assert_eq!(numbered.taken(), 2);
        let mut node = Node::listen(&network, "n:1").await;
        let mut link = node.accept_and_tell().await;
        for number in 1..=2 {
            assert_eq!(next(&mut link, "/_region-r").await, Some(number));
        }
        assert_eq!(numbered.taken(), 2);
    });
}

#[test]
fn what_comes_back_unsent_keeps_its_context_as_well() {
    in_paused_time(|| async {
        let (mut node, link, client, numbered) = traced(|it| it.trace_context(true)).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let all = 40_u64;
        for _ in 0..all {
            // More than the connection takes while nobody reads.
            entity.tell("-".repeat(10_000)).unwrap();
        }
        client.tell(&actor::<i32>(&node, "/a"), 1).unwrap();
        others_run().await;
        drop(link);
        let mut link = node.accept_and_tell().await;
        let mut come = Vec::new();
        while come.last() != Some(&all) {
            come.push(next(&mut link, "/_region-r").await.unwrap());
        }
        assert!(come.len() > 1, "some came back: {come:?}");
        let first = come[0];
        assert!(come.iter().copied().eq(first..=all), "{come:?}");
        assert_eq!(next(&mut link, "/a").await, Some(all + 1));
        assert_eq!(numbered.taken(), all + 1);
    });
}

#[test]
fn messages_that_are_sent_together_share_a_context() {
    in_paused_time(|| async {
        let (_node, mut link, client, numbered) = traced(|it| it.trace_context(true)).await;
        let region = client.entity_ref("r", 1).unwrap();
        let told = region.tell_all((0..10).map(|number| ("e", number)));
        assert_eq!(told.accepted, 10);
        for _ in 0..10 {
            assert_eq!(next(&mut link, "/_region-r").await, Some(1));
        }
        assert_eq!(numbered.taken(), 1);
        let mut asks = region
            .ask_many(2, 0..2, |_, reply_to| ("e", get(reply_to)))
            .within(6 * SECOND)
            .idempotent();
        let asks = tokio::spawn(async move { while asks.next().await.is_some() {} });
        // Two asks of three copies each.
        for _ in 0..6 {
            assert_eq!(next(&mut link, "/_region-r").await, Some(2));
        }
        asks.await.unwrap();
    });
}

#[test]
fn the_source_may_use_the_client() {
    in_paused_time(|| async {
        let used: Arc<std::sync::OnceLock<ClusterClient>> = Arc::default();
        let of = Arc::clone(&used);
        let source = move || {
            let client = of.get()?;
            // Takes the locks of the router, of the connections and of the view.
            let stats = client.stats();
            client.health();
            Some(number_of(stats.accepted + 1))
        };
        let uses = |it: ClientBuilder| it.trace_context(true).trace_source(source);
        let (node, mut link, client, _) = traced(uses).await;
        assert!(used.set(client.clone()).is_ok());
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(1).unwrap();
        client.tell(&actor::<i32>(&node, "/a"), 1).unwrap();
        let elsewhere = client.region("other", 1).unwrap().entity("e");
        elsewhere.tell(1).unwrap();
        let told = client.region("r", 1).unwrap().tell_all([("e", 2)]);
        assert_eq!(told.accepted, 1);
        assert_eq!(next(&mut link, "/_region-r").await, Some(1));
        assert_eq!(next(&mut link, "/a").await, Some(2));
        assert_eq!(next(&mut link, "/_region-r").await, Some(4));
    });
}
