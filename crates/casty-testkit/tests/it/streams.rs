//! Streams whose other end is on a node, with and without faults.

use std::time::Duration;

use casty_client::{
    ActorRef, ClusterClient, ProducerError, ProducerOptions, ServiceKey, StreamError,
    StreamProducerMessage, StreamSource,
};
use casty_testkit::{Cluster, ClusterBuilder, Consume};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::app::{LONG, Net, close_and_check};
use crate::over_both;

type Received = mpsc::UnboundedReceiver<Option<u64>>;

/// Starts nodes that produce the numbers from 0 on, and a consumer that stops at 1,000.
async fn start(net: &Net) -> (Cluster, ClusterClient, Received) {
    let (told, received) = mpsc::unbounded_channel();
    let ends = |builder: ClusterBuilder| {
        let endless = builder
            .stream_on(1, "endless", || 0_u64..)
            .stream_on(1, "numbers", || 0_u64..5_000)
            .stream_producer_on::<u64>(1, "pushed", 0)
            .stream_producer_on::<u64>(1, "small", 4);
        endless.stream_consumer_on(2, "consumer", move |number: Option<u64>, context| {
            told.send(number).unwrap();
            if number == Some(1_000) {
                context.stop();
            }
        })
    };
    let (cluster, _) = net.counters_with(ends).await;
    let client = net.client(&cluster).await;
    (cluster, client, received)
}

/// Returns the actor of a service.
async fn service<M>(client: &ClusterClient, key: &str) -> ActorRef<M> {
    let mut topology = client.topology();
    let listed = topology.wait_for(|view| !view.services(key).is_empty());
    timeout(LONG, listed).await.unwrap().unwrap();
    let listing = client.lookup(&ServiceKey::<M>::new(key));
    listing.instances[0].actor.actor_ref()
}

async fn subscribe(client: &ClusterClient, key: &str) -> StreamSource<u64> {
    let producer: ActorRef<StreamProducerMessage<u64>> = service(client, key).await;
    client.subscribe(&producer)
}

async fn next(stream: &mut StreamSource<u64>) -> Option<Result<u64, StreamError>> {
    timeout(LONG, stream.next()).await.unwrap()
}

/// Returns the elements up to the end, or the error in its place.
async fn rest(stream: &mut StreamSource<u64>) -> (Vec<u64>, Option<StreamError>) {
    let mut elements = Vec::new();
    loop {
        match next(stream).await {
            Some(Ok(element)) => elements.push(element),
            Some(Err(error)) => return (elements, Some(error)),
            None => return (elements, None),
        }
    }
}

fn first(count: u64) -> Vec<u64> {
    (0..count).collect()
}

async fn a_stream_of_a_node_is_read_to_its_end(net: Net) {
    let (_cluster, client, _) = start(&net).await;
    let mut stream = subscribe(&client, "numbers").await;
    let (elements, error) = rest(&mut stream).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(elements, first(5_000));
    close_and_check(&client).await;
}

async fn what_is_pushed_into_a_producer_comes_out_of_it(net: Net) {
    let (_cluster, client, _) = start(&net).await;
    let sink = client.stream_sink(&service(&client, "pushed").await);
    for number in 0..500 {
        sink.send(number).await.unwrap();
    }
    sink.complete().await.unwrap();
    let (elements, error) = rest(&mut subscribe(&client, "pushed").await).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(elements, first(500));
    close_and_check(&client).await;
}

async fn a_node_reads_what_a_client_produces_until_it_cancels(net: Net) {
    let (_cluster, client, mut received) = start(&net).await;
    let consumer: ActorRef<Consume<u64>> = service(&client, "consumer").await;
    for (count, expected) in [(500, Ok(())), (5_000, Err(ProducerError::Cancelled))] {
        let producer = client.stream_producer::<u64>("numbers").unwrap();
        let consume = Consume {
            producer: producer.actor_ref(),
        };
        client.tell(&consumer, consume).unwrap();
        let produced = async {
            for number in 0..count {
                producer.send(number).await?;
            }
            producer.complete().await
        };
        assert_eq!(timeout(LONG, produced).await.unwrap(), expected);
        for number in 0..count.min(1_001) {
            assert_eq!(received.recv().await, Some(Some(number)));
        }
        if expected.is_ok() {
            assert_eq!(received.recv().await, Some(None), "the end");
        }
    }
    close_and_check(&client).await;
}

async fn a_producer_whose_node_is_killed_ends_the_stream_without_a_gap(net: Net) {
    let (cluster, client, _) = start(&net).await;
    let mut stream = subscribe(&client, "endless").await;
    for expected in 0..1_000 {
        assert_eq!(next(&mut stream).await.unwrap().unwrap(), expected);
    }
    let begun = Instant::now();
    cluster.kill(1).await;
    let (elements, error) = rest(&mut stream).await;
    assert!(begun.elapsed() < Duration::from_secs(5));
    let came = 1_000 + elements.len() as u64;
    assert_eq!(elements, (1_000..came).collect::<Vec<_>>());
    assert!(matches!(error, Some(StreamError::Lost { .. })), "{error:?}");
    assert!(next(&mut stream).await.is_none());
    // A producer that was started anew knows nothing of it.
    cluster.restart(1).await.unwrap();
    let mut again = subscribe(&client, "endless").await;
    assert_eq!(next(&mut again).await.unwrap().unwrap(), 0);
    close_and_check(&client).await;
}

async fn a_cut_connection_ends_the_stream_and_has_its_producer_stop(net: Net) {
    let (cluster, client, _) = start(&net).await;
    let mut stream = subscribe(&client, "endless").await;
    assert_eq!(next(&mut stream).await.unwrap().unwrap(), 0);
    cluster.cut(1);
    let (_, error) = rest(&mut stream).await;
    assert!(matches!(error, Some(StreamError::Lost { .. })), "{error:?}");
    // It lives, and has its one consumer for good.
    let mut again = subscribe(&client, "endless").await;
    let error = next(&mut again).await.unwrap().unwrap_err();
    assert!(matches!(error, StreamError::NoAnswer { .. }), "{error:?}");
    close_and_check(&client).await;
}

async fn a_consumer_whose_node_is_killed_ends_the_producer(net: Net) {
    let (cluster, client, mut received) = start(&net).await;
    let options = ProducerOptions::default().buffer(4);
    let producer = client.stream_producer_with::<u64>("numbers", options);
    let producer = producer.unwrap();
    let consume = Consume {
        producer: producer.actor_ref(),
    };
    let consumer = service(&client, "consumer").await;
    client.tell(&consumer, consume).unwrap();
    for number in 0..100 {
        producer.send(number).await.unwrap();
    }
    assert_eq!(received.recv().await, Some(Some(0)));
    let address = cluster.address(2).unwrap();
    cluster.kill(2).await;
    let lost = async {
        loop {
            if let Err(error) = producer.send(0).await {
                return error;
            }
        }
    };
    let error = timeout(LONG, lost).await.unwrap();
    assert_eq!(error, ProducerError::ConsumerLost { node: address });
    close_and_check(&client).await;
}

over_both! {
    a_stream_of_a_node_is_read_to_its_end
    what_is_pushed_into_a_producer_comes_out_of_it
    a_node_reads_what_a_client_produces_until_it_cancels
    a_producer_whose_node_is_killed_ends_the_stream_without_a_gap
    a_consumer_whose_node_is_killed_ends_the_producer
}

#[tokio::test(start_paused = true)]
async fn a_cut_connection_is_the_end_of_a_stream_in_virtual_time() {
    a_cut_connection_ends_the_stream_and_has_its_producer_stop(Net::memory()).await;
}

#[tokio::test(start_paused = true)]
async fn a_producer_whose_node_hangs_ends_the_stream_in_time() {
    let (cluster, client, _) = start(&Net::memory()).await;
    let mut stream = subscribe(&client, "endless").await;
    assert_eq!(next(&mut stream).await.unwrap().unwrap(), 0);
    cluster.hang(1);
    let begun = Instant::now();
    let (_, error) = rest(&mut stream).await;
    let error = error.unwrap();
    assert!(
        matches!(error, StreamError::Lost { .. } | StreamError::Silent { .. }),
        "{error:?}"
    );
    let took = begun.elapsed();
    assert!(took <= Duration::from_secs(31), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_is_pushed_more_than_it_may_keep_stops() {
    let (_cluster, client, _) = start(&Net::memory()).await;
    let sink = client.stream_sink(&service(&client, "small").await);
    for number in 0..5 {
        sink.send(number).await.unwrap();
    }
    let mut stream = subscribe(&client, "small").await;
    let error = next(&mut stream).await.unwrap().unwrap_err();
    assert!(matches!(error, StreamError::NoAnswer { .. }), "{error:?}");
}
