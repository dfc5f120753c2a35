//! Streams whose producer is on the client, and elements pushed into producers of nodes.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use casty_client::{
    ActorRef, ProducerError, ProducerOptions, StreamConsumerMessage, StreamProducer,
    StreamProducerMessage,
};
use casty_proto::message::streams::{
    CompleteStream, Push, StreamCancel, StreamCompleted, StreamDemand, StreamElement, Subscribe,
};
use casty_transport::MemoryNetwork;
use futures_sink::Sink;
use tokio::time::Instant;

use crate::node::{Link, Node, actor, connected, in_paused_time, others_run};

const SECOND: Duration = Duration::from_secs(1);
const CONSUMER: &str = "/consumer";

/// Returns the consumer of a node.
fn consumer(node: &Node) -> ActorRef<StreamConsumerMessage<i64>> {
    actor(node, CONSUMER)
}

async fn tell(link: &mut Link, to: &StreamProducer<i64>, message: StreamProducerMessage<i64>) {
    link.send(&to.actor_ref(), &message).await;
    others_run().await;
}

async fn subscribe(link: &mut Link, node: &Node, to: &StreamProducer<i64>, demand: u64) {
    let consumer = consumer(node);
    let subscribe = StreamProducerMessage::Subscribe(Subscribe { consumer, demand });
    tell(link, to, subscribe).await;
}

async fn demand(link: &mut Link, to: &StreamProducer<i64>, n: u64) {
    tell(
        link,
        to,
        StreamProducerMessage::StreamDemand(StreamDemand { n }),
    )
    .await;
}

/// Asserts that these elements come for the consumer, and no more within a second.
async fn assert_comes(link: &mut Link, elements: impl IntoIterator<Item = i64>) {
    for expected in elements {
        let element: StreamElement<i64> = link.next_to(CONSUMER).await.unwrap().decode();
        assert_eq!(element.element, expected);
    }
    let more = tokio::time::timeout(SECOND, link.next_to(CONSUMER)).await;
    assert!(more.is_err());
}

#[test]
fn elements_wait_for_demand_and_the_end_for_the_last_of_them() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let producer = client.stream_producer::<i64>("numbers").unwrap();
        assert!(producer.actor_ref().uri().ends_with("/numbers"));
        for element in 1..=5 {
            producer.send(element).await.unwrap();
        }
        subscribe(&mut link, &node, &producer, 0).await;
        assert_comes(&mut link, []).await;
        demand(&mut link, &producer, 2).await;
        assert_comes(&mut link, [1, 2]).await;
        assert_eq!(producer.sent(), 2);
        let reference = producer.actor_ref();
        let (ended, ()) = tokio::join!(producer.complete(), async {
            others_run().await;
            let more = StreamProducerMessage::StreamDemand(StreamDemand { n: 100 });
            link.send(&reference, &more).await;
            for expected in 3..=5 {
                let element: StreamElement<i64> = link.next_to(CONSUMER).await.unwrap().decode();
                assert_eq!(element.element, expected);
            }
            let _: StreamCompleted = link.next_to(CONSUMER).await.unwrap().decode();
        });
        assert_eq!(ended, Ok(()));
        others_run().await;
        assert_eq!(client.stats().gauges.actors, 0, "its name is free");
    });
}

#[test]
fn an_empty_stream_is_not_completed_before_its_consumer_has_asked_for_anything() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let producer = client.stream_producer::<i64>("numbers").unwrap();
        let reference = producer.actor_ref();
        subscribe(&mut link, &node, &producer, 0).await;
        let (ended, ()) = tokio::join!(producer.complete(), async {
            let early = tokio::time::timeout(SECOND, link.next_to(CONSUMER)).await;
            assert!(early.is_err(), "consumers of nodes would miss it");
            let more = StreamProducerMessage::StreamDemand(StreamDemand { n: 1 });
            link.send(&reference, &more).await;
            let _: StreamCompleted = link.next_to(CONSUMER).await.unwrap().decode();
        });
        assert_eq!(ended, Ok(()));
    });
}

#[test]
fn a_full_buffer_is_waited_for_and_an_element_that_found_no_room_was_not_taken() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let options = ProducerOptions::default()
            .buffer(2)
            .demand_within(3 * SECOND);
        let producer = client.stream_producer_with::<i64>("numbers", options);
        let producer = producer.unwrap();
        for element in [1, 2] {
            producer.send(element).await.unwrap();
        }
        let begun = Instant::now();
        let error = producer.send(3).await.unwrap_err();
        assert_eq!(error, ProducerError::NoDemand { after: 3 * SECOND });
        assert!(!error.is_final());
        assert!(begun.elapsed() >= 3 * SECOND);
        subscribe(&mut link, &node, &producer, 100).await;
        assert_comes(&mut link, [1, 2]).await;
        producer.send(4).await.unwrap();
        assert_comes(&mut link, [4]).await;
    });
}

#[test]
fn a_buffer_is_full_by_its_bytes_and_a_longer_element_goes_alone() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let options = ProducerOptions::default()
            .buffer_bytes(4096)
            .demand_within(SECOND);
        let producer = client.stream_producer_with::<String>("texts", options);
        let producer = producer.unwrap();
        let text = |length: usize| "-".repeat(length);
        producer.send(text(3_000)).await.unwrap();
        let full = Err(ProducerError::NoDemand { after: SECOND });
        assert_eq!(producer.send(text(2_000)).await, full);
        let subscribe = Subscribe::<String> {
            consumer: actor(&node, CONSUMER),
            demand: 1,
        };
        let subscribe = StreamProducerMessage::Subscribe(subscribe);
        link.send(&producer.actor_ref(), &subscribe).await;
        let _: StreamElement<String> = link.next_to(CONSUMER).await.unwrap().decode();
        producer.send(text(10_000)).await.unwrap();
        assert_eq!(producer.send(text(1)).await, full);
    });
}

#[test]
fn an_element_that_fits_no_frame_is_refused_and_the_stream_goes_on() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let builder = crate::node::builder(&network, "n:1").max_frame(8_192);
        let client = builder.connect().await.unwrap();
        let producer = client.stream_producer::<String>("texts").unwrap();
        let error = producer.send("-".repeat(10_000)).await.unwrap_err();
        assert!(matches!(error, ProducerError::TooLong { .. }), "{error:?}");
        assert!(!error.is_final());
        producer.send("short".to_owned()).await.unwrap();
    });
}

#[test]
fn a_consumer_that_cancels_ends_the_producer() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let options = ProducerOptions::default().buffer(1);
        let producer = client.stream_producer_with::<i64>("numbers", options);
        let producer = producer.unwrap();
        subscribe(&mut link, &node, &producer, 1).await;
        producer.send(1).await.unwrap();
        assert_comes(&mut link, [1]).await;
        producer.send(2).await.unwrap();
        let cancel = StreamProducerMessage::StreamCancel(StreamCancel {});
        let (waiting, ()) = tokio::join!(producer.send(3), tell(&mut link, &producer, cancel));
        assert_eq!(waiting, Err(ProducerError::Cancelled));
        assert_eq!(producer.send(4).await, Err(ProducerError::Cancelled));
        assert_eq!(producer.complete().await, Err(ProducerError::Cancelled));
        assert!(client.stream_producer::<i64>("numbers").is_ok());
    });
}

#[test]
fn a_second_consumer_is_ignored_and_the_first_goes_on() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let producer = client.stream_producer::<i64>("numbers").unwrap();
        subscribe(&mut link, &node, &producer, 1).await;
        let second = Subscribe {
            consumer: actor(&node, "/second"),
            demand: 5,
        };
        tell(
            &mut link,
            &producer,
            StreamProducerMessage::Subscribe(second),
        )
        .await;
        for element in [1, 2] {
            producer.send(element).await.unwrap();
        }
        assert_comes(&mut link, [1]).await;
        assert_eq!(client.stats().inbound_dropped, 1);
    });
}

#[test]
fn a_lost_consumer_is_told_within_a_second_of_the_end_of_its_connection() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let options = ProducerOptions::default().buffer(1);
        let producer = client.stream_producer_with::<i64>("numbers", options);
        let producer = producer.unwrap();
        subscribe(&mut link, &node, &producer, 1).await;
        for element in [1, 2] {
            producer.send(element).await.unwrap();
        }
        assert_comes(&mut link, [1]).await;
        let lost = node.address.clone();
        drop((link, node));
        let begun = Instant::now();
        let error = producer.send(3).await.unwrap_err();
        assert_eq!(error, ProducerError::ConsumerLost { node: lost });
        assert!(error.is_final());
        assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    });
}

#[test]
fn what_a_lost_connection_had_not_written_is_not_sent_by_the_next_one() {
    in_paused_time(|| async {
        let (client, mut node, mut link) = connected(&MemoryNetwork::new()).await;
        let producer = client.stream_producer::<String>("texts").unwrap();
        let consumer: ActorRef<StreamConsumerMessage<String>> = actor(&node, CONSUMER);
        let subscribe = StreamProducerMessage::Subscribe(Subscribe {
            consumer,
            demand: 1_000,
        });
        link.send(&producer.actor_ref(), &subscribe).await;
        others_run().await;
        // More than is under way at a time.
        for _ in 0..40 {
            producer.send("-".repeat(100_000)).await.unwrap();
        }
        others_run().await;
        assert!(client.stats().queued > 1);
        drop(link);
        let mut link = node.accept().await;
        let more = tokio::time::timeout(SECOND, link.next_to(CONSUMER)).await;
        assert!(more.is_err());
        let error = producer.send(String::new()).await.unwrap_err();
        assert!(
            matches!(error, ProducerError::ConsumerLost { .. }),
            "{error:?}"
        );
        let stats = client.stats();
        assert!(stats.not_sent > 0 && stats.is_conserved(), "{stats:?}");
    });
}

#[test]
fn an_element_waits_for_the_connection_to_a_consumer_that_has_none_yet() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let (client, _node, mut link) = connected(&network).await;
        let mut other = Node::listen(&network, "x:1").await;
        let producer = client.stream_producer::<i64>("numbers").unwrap();
        producer.send(1).await.unwrap();
        subscribe(&mut link, &other, &producer, 1).await;
        let mut link = other.accept().await;
        assert_comes(&mut link, [1]).await;
    });
}

#[test]
fn a_producer_that_is_dropped_sends_no_more_and_completes_nothing() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let producer = client.stream_producer::<i64>("numbers").unwrap();
        subscribe(&mut link, &node, &producer, 1).await;
        for element in [1, 2] {
            producer.send(element).await.unwrap();
        }
        assert_comes(&mut link, [1]).await;
        drop(producer);
        assert_comes(&mut link, []).await;
        assert_eq!(client.stats().gauges.actors, 0);
    });
}

#[test]
fn messages_that_a_producer_cannot_read_are_skipped() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let producer = client.stream_producer::<i64>("numbers").unwrap();
        let to = producer.actor_ref();
        link.send_encoded(to.uri(), "x.Y", b"\xff{").await;
        let class = "casty.core.streams.StreamDemand";
        for n in ["-1", "1e99", "\"1\""] {
            let message = format!("{{\"_type\": \"{class}\", \"n\": {n}}}");
            link.send_encoded(to.uri(), class, message.as_bytes()).await;
        }
        tell(
            &mut link,
            &producer,
            StreamProducerMessage::Push(Push { element: 1 }),
        )
        .await;
        subscribe(&mut link, &node, &producer, u64::MAX).await;
        demand(&mut link, &producer, u64::MAX).await;
        producer.send(1).await.unwrap();
        assert_comes(&mut link, [1]).await;
        assert_eq!(client.stats().inbound_malformed, 5);
    });
}

#[test]
fn a_stream_within_one_client_is_a_stream() {
    in_paused_time(|| async {
        let (client, _node, _link) = connected(&MemoryNetwork::new()).await;
        let options = ProducerOptions::default().buffer(3);
        let producer = client.stream_producer_with::<i64>("numbers", options);
        let producer = producer.unwrap();
        let mut stream = client.subscribe(&producer.actor_ref());
        let produced = async move {
            for element in 1..=1_000 {
                producer.send(element).await.unwrap();
            }
            producer.complete().await.unwrap();
        };
        let taken = async {
            let mut taken = Vec::new();
            while let Some(element) = stream.next().await {
                taken.push(element.unwrap());
            }
            taken
        };
        let ((), taken) = tokio::join!(produced, taken);
        assert_eq!(taken, (1..=1_000).collect::<Vec<_>>());
    });
}

/// Sends elements through any sink, and closes it.
async fn through<S: Sink<i64> + Unpin>(mut sink: S, elements: [i64; 3]) -> Result<(), S::Error> {
    for element in elements {
        poll_fn(|cx| Pin::new(&mut sink).poll_ready(cx)).await?;
        Pin::new(&mut sink).start_send(element)?;
        poll_fn(|cx| Pin::new(&mut sink).poll_flush(cx)).await?;
    }
    poll_fn(|cx| Pin::new(&mut sink).poll_close(cx)).await?;
    poll_fn(|cx| Pin::new(&mut sink).poll_close(cx)).await
}

#[test]
fn a_producer_is_a_sink_whose_close_completes_the_stream() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let producer = client.stream_producer::<i64>("numbers").unwrap();
        subscribe(&mut link, &node, &producer, 10).await;
        let (sent, ()) = tokio::join!(through(producer, [1, 2, 3]), async {
            for expected in 1..=3 {
                let element: StreamElement<i64> = link.next_to(CONSUMER).await.unwrap().decode();
                assert_eq!(element.element, expected);
            }
            let _: StreamCompleted = link.next_to(CONSUMER).await.unwrap().decode();
        });
        assert_eq!(sent, Ok(()));
    });
}

#[test]
fn elements_are_pushed_into_a_producer_of_a_node_and_it_is_completed() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let producer: ActorRef<StreamProducerMessage<i64>> = actor(&node, "/numbers");
        let sink = client.stream_sink(&producer);
        assert_eq!(sink.producer(), producer);
        sink.try_send(1).unwrap();
        sink.send(2).await.unwrap();
        sink.complete().await.unwrap();
        through(client.stream_sink(&producer), [3, 4, 5])
            .await
            .unwrap();
        let mut pushed = Vec::new();
        for _ in 0..7 {
            let received = link.next_to("/numbers").await.unwrap();
            if let Ok(push) = received.try_decode::<Push<i64>>() {
                pushed.push(push.element);
            } else {
                let _: CompleteStream = received.decode();
                pushed.push(0);
            }
        }
        assert_eq!(pushed, [1, 2, 0, 3, 4, 5, 0]);
    });
}
