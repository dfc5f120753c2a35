//! Streams whose producer is on a node.

use std::time::Duration;

use casty_client::{
    ActorRef, ClusterClient, SourceOptions, StreamConsumerMessage, StreamError,
    StreamProducerMessage, StreamSource,
};
use casty_proto::message::streams::{
    StreamCancel, StreamCompleted, StreamDemand, StreamElement, Subscribe,
};
use casty_transport::MemoryNetwork;
use tokio::time::Instant;

use crate::node::{Link, Node, actor, builder, connected, in_paused_time, others_run};

const SECOND: Duration = Duration::from_secs(1);

type Consumer = ActorRef<StreamConsumerMessage<i64>>;

/// Returns a stream of the producer `/numbers` of a node.
fn numbers(client: &ClusterClient, node: &Node, options: SourceOptions) -> StreamSource<i64> {
    let producer: ActorRef<StreamProducerMessage<i64>> = actor(node, "/numbers");
    client.subscribe_with(&producer, options)
}

/// Returns settings by which a test ends before connections are probed.
fn quick() -> SourceOptions {
    SourceOptions::default()
        .answer_within(3 * SECOND)
        .silence(Some(3 * SECOND))
}

/// Returns the subscription that a client sends.
async fn subscription(link: &mut Link) -> Subscribe<i64> {
    link.next_to("/numbers").await.unwrap().decode()
}

async fn send(link: &mut Link, to: &Consumer, elements: impl IntoIterator<Item = i64>) {
    for element in elements {
        let element = StreamConsumerMessage::StreamElement(StreamElement { element });
        link.send(to, &element).await;
    }
}

async fn send_end(link: &mut Link, to: &Consumer) {
    let end = StreamConsumerMessage::StreamCompleted(StreamCompleted {});
    link.send(to, &end).await;
}

/// Polls a stream until its subscription has come, and returns that with the first element, which
/// the producer sends at once.
async fn first(
    stream: &mut StreamSource<i64>,
    link: &mut Link,
    elements: impl IntoIterator<Item = i64>,
) -> (Subscribe<i64>, i64) {
    let (first, subscribe) = tokio::join!(stream.next(), async {
        let subscribe = subscription(link).await;
        send(link, &subscribe.consumer, elements).await;
        subscribe
    });
    (subscribe, first.unwrap().unwrap())
}

/// Returns whether nothing comes for the producer for a second.
async fn nothing_comes(link: &mut Link) -> bool {
    tokio::time::timeout(SECOND, link.next_to("/numbers"))
        .await
        .is_err()
}

#[test]
fn elements_come_in_order_until_the_stream_is_completed() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick());
        assert!(nothing_comes(&mut link).await, "it was not polled");
        let (subscribe, element) = first(&mut stream, &mut link, 1..=10).await;
        assert_eq!((subscribe.demand, element), (64, 1));
        send_end(&mut link, &subscribe.consumer).await;
        for expected in 2..=10 {
            assert_eq!(stream.next().await.unwrap().unwrap(), expected);
        }
        assert!(stream.next().await.is_none());
        assert!(stream.next().await.is_none(), "for good");
        assert!(nothing_comes(&mut link).await, "it has stopped by itself");
        assert_eq!(client.stats().gauges.actors, 0);
    });
}

#[test]
fn no_more_is_asked_for_than_may_wait_and_more_when_half_is_taken() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick().demand(4));
        let (subscribe, element) = first(&mut stream, &mut link, 1..=4).await;
        assert_eq!((subscribe.demand, element), (4, 1));
        assert!(nothing_comes(&mut link).await, "three are there");
        let mut sent = 4;
        for taken in 2..=100 {
            assert_eq!(stream.next().await.unwrap().unwrap(), taken);
            if taken % 2 == 0 {
                let demand: StreamDemand = link.next_to("/numbers").await.unwrap().decode();
                assert_eq!(demand.n, 2);
                send(&mut link, &subscribe.consumer, sent + 1..=sent + 2).await;
                sent += 2;
            }
            assert!(sent - taken <= 4);
            others_run().await;
        }
    });
}

#[test]
fn long_elements_are_asked_for_one_by_one_and_short_ones_again_by_the_number() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let producer: ActorRef<StreamProducerMessage<String>> = actor(&node, "/numbers");
        let options = quick().demand(16).buffer_bytes(128 * 1024);
        let mut stream = client.subscribe_with(&producer, options);
        let text = |length: usize| {
            let element = "-".repeat(length);
            StreamConsumerMessage::StreamElement(StreamElement { element })
        };
        let (first, subscribe) = tokio::join!(stream.next(), async {
            let subscribe: Subscribe<String> = link.next_to("/numbers").await.unwrap().decode();
            link.send(&subscribe.consumer, &text(100)).await;
            subscribe
        });
        assert_eq!(first.unwrap().unwrap().len(), 100);
        assert_eq!(subscribe.demand, 2, "as if each had 64 KiB");
        let demand: StreamDemand = link.next_to("/numbers").await.unwrap().decode();
        assert_eq!(demand.n, 15, "for 16, of which one is on its way");
        for length in [[6_000; 16].as_slice(), &[100_000], &[10; 14]].concat() {
            link.send(&subscribe.consumer, &text(length)).await;
            assert_eq!(stream.next().await.unwrap().unwrap().len(), length);
        }
        let mut asked = 0;
        while let Ok(Some(more)) = tokio::time::timeout(SECOND, link.next_to("/numbers")).await {
            asked += more.decode::<StreamDemand>().n;
        }
        // Twice for those of 6,000, and not when half of what the long one leaves room for was taken.
        assert_eq!(asked, 16);
    });
}

#[test]
fn a_stream_that_is_dropped_stops_its_producer() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick());
        let (subscribe, _) = first(&mut stream, &mut link, [1, 2]).await;
        drop(stream);
        let _: StreamCancel = link.next_to("/numbers").await.unwrap().decode();
        send(&mut link, &subscribe.consumer, [3]).await;
        assert!(nothing_comes(&mut link).await, "it was told");
        assert_eq!(client.stats().gauges.actors, 0);
        assert_eq!(client.stats().inbound_dropped, 1);
    });
}

#[test]
fn a_subscription_that_nothing_has_confirmed_disturbs_nobody_until_something_comes() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick());
        let subscribe = tokio::select! {
            item = stream.next() => panic!("{item:?}"),
            subscribe = subscription(&mut link) => subscribe,
        };
        drop(stream);
        assert!(nothing_comes(&mut link).await, "it may be another's");
        send(&mut link, &subscribe.consumer, [1, 2]).await;
        let _: StreamCancel = link.next_to("/numbers").await.unwrap().decode();
        assert!(nothing_comes(&mut link).await, "once");
    });
}

#[test]
fn a_producer_whose_element_was_not_taken_yet_is_stopped_at_once() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick());
        let subscribe = tokio::select! {
            item = stream.next() => panic!("{item:?}"),
            subscribe = subscription(&mut link) => subscribe,
        };
        send(&mut link, &subscribe.consumer, [1]).await;
        others_run().await;
        drop(stream);
        let _: StreamCancel = link.next_to("/numbers").await.unwrap().decode();
    });
}

#[test]
fn a_lost_connection_ends_the_stream_after_what_came_by_it() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let (client, node, mut link) = connected(&network).await;
        let mut stream = numbers(&client, &node, quick());
        first(&mut stream, &mut link, [1, 2, 3]).await;
        others_run().await;
        let lost = node.address.clone();
        drop((link, node));
        let begun = Instant::now();
        for expected in [2, 3] {
            assert_eq!(stream.next().await.unwrap().unwrap(), expected);
        }
        let error = stream.next().await.unwrap().unwrap_err();
        let StreamError::Lost { node } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*node, lost);
        assert!(error.is_final() && error.elements_may_be_lost());
        assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
        assert!(stream.next().await.is_none());
    });
}

#[test]
fn a_stream_whose_connection_is_lost_is_not_taken_up_by_the_next_one() {
    in_paused_time(|| async {
        let (client, mut node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick());
        first(&mut stream, &mut link, [1]).await;
        drop(link);
        let mut link = node.accept_and_tell().await;
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(matches!(error, StreamError::Lost { .. }), "{error:?}");
        // It has the producer stop, which would wait for ever.
        let _: StreamCancel = link.next_to("/numbers").await.unwrap().decode();
    });
}

#[test]
fn what_comes_by_the_next_connection_is_not_let_into_a_stream() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        // Under one address for good, so that the node can go on.
        let client = builder(&network, "n:1").client_host("c");
        let client = client.connect().await.unwrap();
        let mut link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        let mut stream = numbers(&client, &node, quick());
        let (subscribe, element) = first(&mut stream, &mut link, [1, 2]).await;
        assert_eq!(element, 1);
        others_run().await;
        drop(link);
        let mut link = node.accept_secondary().await;
        send(&mut link, &subscribe.consumer, [4]).await;
        others_run().await;
        assert_eq!(stream.next().await.unwrap().unwrap(), 2);
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(matches!(error, StreamError::Lost { .. }), "{error:?}");
        assert!(stream.next().await.is_none());
        assert_eq!(client.stats().inbound_dropped, 1);
    });
}

#[test]
fn a_demand_that_finds_no_capacity_holds_neither_elements_nor_the_end_up() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").outbox_bytes(4096);
        let client = client.buffer_timeout(60 * SECOND).connect().await.unwrap();
        let mut link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        let mut stream = numbers(&client, &node, quick().demand(3));
        let (subscribe, _) = first(&mut stream, &mut link, [1]).await;
        for length in [1_000, 1] {
            while client.tell(&actor(&node, "/x"), "-".repeat(length)).is_ok() {
                others_run().await;
            }
        }
        send(&mut link, &subscribe.consumer, [2]).await;
        assert_eq!(stream.next().await.unwrap().unwrap(), 2);
        let begun = Instant::now();
        let (third, ()) = tokio::join!(stream.next(), async {
            tokio::time::sleep(SECOND).await;
            send(&mut link, &subscribe.consumer, [3]).await;
        });
        assert_eq!(third.unwrap().unwrap(), 3);
        assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(matches!(error, StreamError::Silent { .. }), "{error:?}");
        assert!(begun.elapsed() < 5 * SECOND, "{:?}", begun.elapsed());
    });
}

#[test]
fn silence_ends_a_stream_that_is_waited_for() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick());
        first(&mut stream, &mut link, [1]).await;
        let begun = Instant::now();
        let error = stream.next().await.unwrap().unwrap_err();
        let waited = begun.elapsed();
        assert!(matches!(error, StreamError::Silent { .. }), "{error:?}");
        assert!((3 * SECOND..4 * SECOND).contains(&waited), "{waited:?}");
        let _: StreamCancel = link.next_to("/numbers").await.unwrap().decode();
        assert!(stream.next().await.is_none());
    });
}

#[test]
fn a_subscription_that_nothing_answers_ends_in_time_and_says_that_no_element_is_lost() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick());
        let begun = Instant::now();
        let error = stream.next().await.unwrap().unwrap_err();
        let waited = begun.elapsed();
        let StreamError::NoAnswer { producer, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(producer.ends_with("/numbers"), "{producer}");
        assert!(error.is_final() && !error.elements_may_be_lost());
        assert!((3 * SECOND..4 * SECOND).contains(&waited), "{waited:?}");
        subscription(&mut link).await;
        assert!(nothing_comes(&mut link).await, "it may be another's");
    });
}

#[test]
fn a_node_that_is_not_connected_in_time_ends_the_stream_before_it_began() {
    in_paused_time(|| async {
        let (client, _node, _link) = connected(&MemoryNetwork::new()).await;
        let producer = ActorRef::new("casty://s@elsewhere:1/numbers").unwrap();
        let mut stream: StreamSource<i64> = client.subscribe_with(&producer, quick());
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(
            matches!(error, StreamError::NotConnected { .. }),
            "{error:?}"
        );
        assert!(!error.elements_may_be_lost());
        assert!(stream.next().await.is_none());
    });
}

#[test]
fn a_reference_without_an_address_is_refused() {
    in_paused_time(|| async {
        let (client, _node, _link) = connected(&MemoryNetwork::new()).await;
        let producer = ActorRef::new("casty://s/numbers").unwrap();
        let mut stream: StreamSource<i64> = client.subscribe(&producer);
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(matches!(error, StreamError::Refused(_)), "{error:?}");
    });
}

#[test]
fn a_producer_that_sends_more_than_it_was_asked_for_is_stopped_without_a_gap_before() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick().demand(4));
        let subscribe = tokio::select! {
            item = stream.next() => panic!("{item:?}"),
            subscribe = subscription(&mut link) => subscribe,
        };
        send(&mut link, &subscribe.consumer, 1..=100).await;
        // The rest comes when there would be room again.
        others_run().await;
        let mut taken = Vec::new();
        let error = loop {
            match stream.next().await.unwrap() {
                Ok(element) => taken.push(element),
                Err(error) => break error,
            }
            send(&mut link, &subscribe.consumer, [1_000]).await;
            others_run().await;
        };
        assert!(matches!(error, StreamError::Overflow { .. }), "{error:?}");
        assert!(error.elements_may_be_lost());
        assert_eq!(
            taken,
            (1..=5).collect::<Vec<_>>(),
            "four, and the place of the end"
        );
        while link
            .next_to("/numbers")
            .await
            .unwrap()
            .try_decode::<StreamCancel>()
            .is_err()
        {}
    });
}

#[test]
fn a_message_that_is_no_element_is_told_and_skipped() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick());
        let (subscribe, _) = first(&mut stream, &mut link, [1]).await;
        let consumer = subscribe.consumer;
        let text = StreamElement { element: "two" };
        link.send(&consumer.clone().cast(), &text).await;
        link.send(&consumer.clone().cast(), &StreamDemand { n: 1 })
            .await;
        link.send_encoded(consumer.uri(), "x.Y", b"\xff{").await;
        send(&mut link, &consumer, [3]).await;
        for _ in 0..3 {
            let error = stream.next().await.unwrap().unwrap_err();
            assert!(matches!(error, StreamError::Unreadable(_)), "{error:?}");
            assert!(!error.is_final());
        }
        assert_eq!(stream.next().await.unwrap().unwrap(), 3);
        assert_eq!(client.stats().inbound_malformed, 3);
    });
}

#[test]
fn what_a_producer_repeats_swaps_and_sends_after_its_end_is_not_found_out_and_harms_nobody() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick());
        let (subscribe, _) = first(&mut stream, &mut link, [1, 1, 3, 2]).await;
        send_end(&mut link, &subscribe.consumer).await;
        send_end(&mut link, &subscribe.consumer).await;
        send(&mut link, &subscribe.consumer, [4]).await;
        for expected in [1, 3, 2] {
            assert_eq!(stream.next().await.unwrap().unwrap(), expected);
        }
        assert!(stream.next().await.is_none());
        assert!(stream.next().await.is_none());
        assert!(nothing_comes(&mut link).await);
    });
}

#[test]
fn a_client_that_closes_stops_the_producers_that_it_reads() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick());
        first(&mut stream, &mut link, [1, 2]).await;
        let ((), _report) = tokio::join!(
            async {
                let _: StreamCancel = link.next_to("/numbers").await.unwrap().decode();
                while link.next().await.is_some() {}
                drop(link);
            },
            client.close(SECOND)
        );
        assert_eq!(stream.next().await.unwrap().unwrap(), 2, "it had come");
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(
            matches!(error, StreamError::Closed | StreamError::Lost { .. }),
            "{error:?}"
        );
        assert!(stream.next().await.is_none());
    });
}

#[test]
fn a_closed_client_has_no_streams() {
    in_paused_time(|| async {
        let (client, node, link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick());
        drop(link);
        client.close(SECOND).await;
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(matches!(error, StreamError::Closed), "{error:?}");
    });
}

#[test]
fn a_next_that_is_dropped_loses_no_element() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let mut stream = numbers(&client, &node, quick());
        let (subscribe, _) = first(&mut stream, &mut link, [1]).await;
        let waited = tokio::time::timeout(SECOND, stream.next()).await;
        assert!(waited.is_err());
        send(&mut link, &subscribe.consumer, [2, 3]).await;
        for expected in [2, 3] {
            assert_eq!(stream.next().await.unwrap().unwrap(), expected);
        }
    });
}
