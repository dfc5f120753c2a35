//! Streams that are given up: producers of the client whose completion nobody waits for, or in vain; and
//! settings of streams at their ends.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use casty_client::{
    ActorRef, ClusterClient, ProducerError, ProducerOptions, SourceOptions, StreamConsumerMessage,
    StreamProducer, StreamProducerMessage,
};
use casty_proto::message::streams::{StreamDemand, StreamElement, Subscribe};
use casty_transport::MemoryNetwork;
use futures_sink::Sink;
use tokio_stream::Stream;

use crate::node::{Link, Node, actor, builder, connected, in_paused_time, others_run};

const SECOND: Duration = Duration::from_secs(1);
const CONSUMER: &str = "/consumer";

/// Starts a producer that has elements, and waits 3 s for demand.
async fn producer(client: &ClusterClient, elements: &[i64]) -> StreamProducer<i64> {
    let options = ProducerOptions::default().demand_within(3 * SECOND);
    let producer = client.stream_producer_with("numbers", options).unwrap();
    for element in elements {
        producer.send(*element).await.unwrap();
    }
    producer
}

type Producer = ActorRef<StreamProducerMessage<i64>>;

async fn subscribe(link: &mut Link, node: &Node, to: &Producer, demand: u64) {
    let consumer = actor(node, CONSUMER);
    let subscribe = StreamProducerMessage::Subscribe(Subscribe { consumer, demand });
    link.send(to, &subscribe).await;
}

/// Asserts that nothing comes for the consumer within a second.
async fn assert_silent(link: &mut Link) {
    let more = tokio::time::timeout(SECOND, link.next_to(CONSUMER)).await;
    assert!(more.is_err());
}

/// Asserts that nothing is left of a producer but its name, which is free.
async fn assert_gone(client: &ClusterClient) {
    others_run().await;
    assert_eq!(client.stats().gauges.actors, 0);
    assert!(client.stream_producer::<i64>("numbers").is_ok());
    others_run().await;
}

#[test]
fn a_stream_whose_completion_is_waited_for_in_vain_is_given_up() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let producer = producer(&client, &[1, 2]).await;
        let reference = producer.actor_ref();
        let error = producer.complete().await.unwrap_err();
        assert_eq!(error, ProducerError::NotCompleted { after: 3 * SECOND });
        assert!(error.is_final());
        // A consumer that comes later is sent nothing of what its owner was told is dropped.
        subscribe(&mut link, &node, &reference, 10).await;
        assert_silent(&mut link).await;
        assert_eq!(client.stats().inbound_dropped, 1);
        assert_gone(&client).await;
    });
}

#[test]
fn a_stream_whose_completion_is_dropped_is_given_up() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        for subscribed in [false, true] {
            let producer = producer(&client, &[1, 2]).await;
            let reference = producer.actor_ref();
            if subscribed {
                subscribe(&mut link, &node, &reference, 1).await;
                let first: StreamElement<i64> = link.next_to(CONSUMER).await.unwrap().decode();
                assert_eq!(first.element, 1);
            }
            tokio::select! {
                biased;
                ended = producer.complete() => panic!("{ended:?}"),
                () = others_run() => {}
            }
            let more = StreamProducerMessage::StreamDemand(StreamDemand { n: 10 });
            link.send(&reference, &more).await;
            assert_silent(&mut link).await;
            assert_gone(&client).await;
        }
    });
}

#[test]
fn a_sink_that_is_dropped_while_it_closes_or_closes_in_vain_gives_its_stream_up() {
    in_paused_time(|| async {
        let (client, _node, _link) = connected(&MemoryNetwork::new()).await;
        let mut dropped = producer(&client, &[1]).await;
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut dropped).poll_close(cx))).await;
        assert!(polled.is_pending());
        others_run().await;
        drop(dropped);
        assert_gone(&client).await;

        let mut kept = producer(&client, &[1]).await;
        for _ in 0..3 {
            let closed = poll_fn(|cx| Pin::new(&mut kept).poll_close(cx)).await;
            let error = ProducerError::NotCompleted { after: 3 * SECOND };
            assert_eq!(closed, Err(error), "and no close of it was another");
            others_run().await;
        }
        assert!(kept.send(2).await.is_err_and(|error| error.is_final()));
        assert_gone(&client).await;
    });
}

#[test]
fn a_reader_that_finds_an_element_each_time_lets_others_run() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let producer: Producer = actor(&node, "/numbers");
        let options = SourceOptions::default()
            .demand(1_000)
            .buffer_bytes(usize::MAX);
        let mut stream = client.subscribe_with(&producer, options);
        let (first, ()) = tokio::join!(stream.next(), async {
            let subscribe: Subscribe<i64> = link.next_to("/numbers").await.unwrap().decode();
            for element in 0..1_000 {
                let element = StreamConsumerMessage::StreamElement(StreamElement { element });
                link.send(&subscribe.consumer, &element).await;
            }
        });
        assert_eq!(first.unwrap().unwrap(), 0);
        others_run().await;
        let at_once = poll_fn(|cx| {
            let mut taken = 0;
            while let Poll::Ready(element) = Pin::new(&mut stream).poll_next(cx) {
                assert!(matches!(element, Some(Ok(_))), "{element:?}");
                taken += 1;
            }
            Poll::Ready(taken)
        });
        let at_once = at_once.await;
        assert!((1..999).contains(&at_once), "{at_once}");
        for expected in at_once + 1..1_000 {
            assert_eq!(stream.next().await.unwrap().unwrap(), expected);
        }
    });
}

#[test]
fn a_stream_begins_whatever_the_limits_of_mailboxes_are() {
    in_paused_time(|| async {
        let builder = builder(&MemoryNetwork::new(), "n:1");
        let builder = builder.mailbox(usize::MAX).mailbox_bytes(usize::MAX);
        let client = builder.connect().await.unwrap();
        let producer = client.stream_producer::<i64>("numbers").unwrap();
        producer.send(1).await.unwrap();
        let options = SourceOptions::default()
            .demand(usize::MAX)
            .buffer_bytes(usize::MAX);
        let mut stream = client.subscribe_with(&producer.actor_ref(), options);
        assert_eq!(stream.next().await.unwrap().unwrap(), 1);
    });
}
