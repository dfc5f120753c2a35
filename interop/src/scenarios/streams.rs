//! Streams with either end on a real node, and what becomes of them when things go wrong.

use std::time::{Duration, Instant};

use casty_client::{
    ActorRef, AskError, ClusterClient, NodeAddress, ProducerError, SourceOptions, StreamError,
    StreamProducerMessage, StreamSource,
};
use casty_proto::message::streams::GetSink;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::app::{Consume, Consumed, PriceUpdate, Produce, ProducePrices, Producer, StartProducer};
use crate::clients::{builder, close, connect};
use crate::cluster::SYSTEM;
use crate::scenario::{Context, Failure, Figures, Scenario};
use crate::serializer::Serializer;
use crate::version::Feature;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "ten_thousand_elements_of_a_nodes_producer_come_in_order",
        90,
        |context| Box::pin(read(context)),
    )
    .needs(&[Feature::Streams, Feature::Order])
    .core(),
    Scenario::new(
        "a_node_reads_a_thousand_elements_of_a_clients_producer_in_order",
        90,
        |context| Box::pin(produce(context)),
    )
    .needs(&[Feature::Streams])
    .core(),
    Scenario::new(
        "prices_go_from_a_node_through_the_client_to_another_node",
        60,
        |context| Box::pin(pipeline(context)),
    )
    .needs(&[Feature::Streams, Feature::Order]),
    Scenario::new(
        "a_stream_that_either_end_gives_up_ends_at_the_other",
        60,
        |context| Box::pin(given_up(context)),
    )
    .needs(&[Feature::Streams, Feature::Order])
    .core(),
    Scenario::new(
        "a_second_consumer_is_told_and_the_first_goes_on",
        60,
        |context| Box::pin(second_consumer(context)),
    )
    .needs(&[Feature::Streams, Feature::Order]),
    Scenario::new(
        "a_producer_that_is_pushed_more_than_it_may_keep_stops_without_a_word",
        60,
        |context| Box::pin(pushed(context)),
    )
    .needs(&[Feature::Streams, Feature::Order]),
    Scenario::new(
        "a_stream_whose_node_is_killed_ends_with_an_error_at_once",
        90,
        |context| Box::pin(killed(context)),
    )
    .needs(&[Feature::Streams, Feature::Order]),
];

const COUNT: u32 = 10_000;
/// The elements that a node reads. It asks for each by a message of its own, and has a thread of a pool read
/// each message that comes and write each that it sends, one after the other (`InboundMessageHandler` and the
/// drainer of casty's `tcp_transport`): two changes of threads and back for an element, in which each waits
/// for the interpreter's lock. On 2026-11-30 the two took ten times the processor time of the codec, 0.5 ms
/// and more beside other work, and tens of milliseconds while the event loop was busy, so ten thousand take
/// minutes then. That is Python's: elements of a node, for which a client asks by the dozen, come faster.
const FEW: u32 = 1_000;
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns the actor of a node that starts streams.
fn desk<M>(node: &NodeAddress) -> Result<ActorRef<M>, Failure> {
    Ok(ActorRef::new(format!("casty://{SYSTEM}@{node}/streams"))?)
}

async fn ask<M: Serialize, R: DeserializeOwned>(
    client: &ClusterClient,
    node: &NodeAddress,
    message: impl FnOnce(ActorRef<R>) -> M,
) -> Result<R, Failure> {
    let desk = desk(node)?;
    Ok(client.ask(&desk, message).within(PATIENCE).await?)
}

/// Has a node produce the numbers below `count`, and returns the producer.
async fn numbers(
    client: &ClusterClient,
    node: &NodeAddress,
    name: &str,
    count: u32,
) -> Result<Producer<i64>, Failure> {
    let produce = |reply_to| Produce {
        name: name.to_owned(),
        count,
        buffer_size: 16,
        reply_to,
    };
    ask(client, node, produce).await
}

/// Has a node start a producer that nobody puts anything into.
async fn idle(
    client: &ClusterClient,
    node: &NodeAddress,
    name: &str,
    buffer_size: u32,
) -> Result<Producer<i64>, Failure> {
    let start = |reply_to| StartProducer {
        name: name.to_owned(),
        buffer_size,
        reply_to,
    };
    ask(client, node, start).await
}

/// Has a node read a producer.
async fn consumed<T: DeserializeOwned>(
    client: &ClusterClient,
    node: &NodeAddress,
    producer: Producer<T>,
    take: u32,
) -> Result<Consumed<T>, Failure> {
    let consume = |reply_to| Consume {
        producer,
        take,
        timeout: 5.0,
        reply_to,
    };
    ask(client, node, consume).await
}

/// Returns the next element, which must come in time.
async fn next<T: DeserializeOwned>(
    stream: &mut StreamSource<T>,
) -> Result<Option<Result<T, StreamError>>, Failure> {
    Ok(timeout(PATIENCE, stream.next()).await?)
}

/// Returns all elements of a stream that is completed.
async fn all<T: DeserializeOwned>(stream: &mut StreamSource<T>) -> Result<Vec<T>, Failure> {
    let mut all = Vec::new();
    while let Some(element) = next(stream).await? {
        all.push(element?);
    }
    Ok(all)
}

fn in_order(elements: &[i64], count: u32) -> bool {
    elements.iter().copied().eq(0..i64::from(count))
}

async fn read(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let producer = numbers(&client, &cluster.addresses()[1], "read", COUNT).await?;
    let begun = Instant::now();
    let elements = all(&mut client.subscribe(&producer)).await?;
    let took = begun.elapsed().as_secs_f64();
    let stats = client.stats();
    close(&client).await?;
    if !in_order(&elements, COUNT) || stats.inbound_dropped + stats.inbound_malformed > 0 {
        return Err(format!("{} came, not in order; {stats:?}", elements.len()).into());
    }
    Ok(format!(
        "{COUNT} in order in {took:.1} s, {} messages sent for them",
        stats.accepted
    ))
}

async fn produce(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let producer = client.stream_producer::<i64>("produced")?;
    let reference = producer.actor_ref();
    let begun = Instant::now();
    let sending = async {
        for number in 0..i64::from(FEW) {
            producer.send(number).await?;
        }
        Ok::<_, Failure>(producer.complete().await?)
    };
    let reading = consumed(&client, &cluster.addresses()[2], reference, 0);
    let (sent, read) = tokio::join!(sending, reading);
    sent?;
    let Consumed { elements, seconds } = read?;
    let took = begun.elapsed().as_secs_f64();
    close(&client).await?;
    if !in_order(&elements, FEW) || seconds > took + 1.0 {
        return Err(format!("{} came, not in order, in {seconds} s", elements.len()).into());
    }
    Ok(format!("{FEW} in order in {took:.1} s"))
}

/// Casty's own example of a stream, with a stage in the middle that halves the prices.
async fn pipeline(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let name = "prices".to_owned();
    let produce = |reply_to| ProducePrices { name, reply_to };
    let prices = ask(&client, &cluster.addresses()[0], produce).await?;
    let halves = client.stream_producer::<PriceUpdate>("halves")?;
    let reference = halves.actor_ref();
    let stage = async {
        let mut prices = client.subscribe_with(&prices, SourceOptions::default().demand(2));
        while let Some(update) = next(&mut prices).await? {
            let PriceUpdate { symbol, price } = update?;
            let price = price / 2.0;
            halves.send(PriceUpdate { symbol, price }).await?;
        }
        Ok::<_, Failure>(halves.complete().await?)
    };
    let reading = consumed(&client, &cluster.addresses()[1], reference, 0);
    let (stage, read) = tokio::join!(stage, reading);
    stage?;
    let halved: Vec<f64> = read?.elements.iter().map(|update| update.price).collect();
    close(&client).await?;
    if halved != [71.25, 71.55, 70.9, 72.1, 72.5] {
        return Err(format!("{halved:?}").into());
    }
    Ok(format!("{} prices, and the end", halved.len()))
}

async fn given_up(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let node = &cluster.addresses()[0];
    // As the second part of casty's own example, of more elements than its consumer asks for at first.
    let producer = client.stream_producer::<i64>("many")?;
    let reference = producer.actor_ref();
    let sending = async {
        for number in 0..i64::from(COUNT) {
            producer.send(number).await?;
        }
        producer.complete().await
    };
    let (sent, read) = tokio::join!(sending, consumed(&client, node, reference, 5));
    let read = read?.elements;
    if sent != Err(ProducerError::Cancelled) || read != [0, 1, 2, 3, 4] {
        return Err(format!("{sent:?}, {read:?}").into());
    }
    // A producer that was stopped sends nothing to one that comes later.
    let producer = numbers(&client, node, "dropped", COUNT).await?;
    let mut stream = client.subscribe(&producer);
    let first = next(&mut stream).await?;
    drop(stream);
    let options = SourceOptions::default().answer_within(Duration::from_secs(2));
    let second = next(&mut client.subscribe_with(&producer, options)).await?;
    close(&client).await?;
    let stopped = matches!(second, Some(Err(StreamError::NoAnswer { .. })));
    if !matches!(first, Some(Ok(0))) || !stopped {
        return Err(format!("{first:?}, {second:?}").into());
    }
    Ok("5 taken by a node, 1 by the client".to_owned())
}

async fn second_consumer(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let node = &cluster.addresses()[2];
    let producer = idle(&client, node, "one-consumer", 0).await?;
    let sink = client.stream_sink(&producer);
    let options = SourceOptions::default().demand(4);
    let mut first = client.subscribe_with(&producer, options);
    sink.send(0).await?;
    let mut elements = vec![next(&mut first).await?.ok_or("no first element")??];
    let quick = options.answer_within(Duration::from_secs(2));
    let refused = next(&mut client.subscribe_with(&producer, quick)).await?;
    if !matches!(refused, Some(Err(StreamError::NoAnswer { .. }))) {
        return Err(format!("the second consumer: {refused:?}").into());
    }
    for number in 1..100 {
        sink.send(number).await?;
    }
    sink.complete().await?;
    elements.extend(all(&mut first).await?);
    // What a node hands out within itself does not come out, or as a copy that nobody reads.
    let get_sink = |reply_to: ActorRef<casty_client::Value>| {
        StreamProducerMessage::<i64>::GetSink(GetSink { reply_to })
    };
    let other = idle(&client, node, "sink", 0).await?;
    let asked = client.ask(&other, get_sink);
    let answer = asked.within(Duration::from_secs(1)).await;
    close(&client).await?;
    let silent = matches!(answer, Err(AskError::Timeout { .. }));
    let copied = matches!(
        context.serializer(),
        Serializer::Pickle | Serializer::CloudPickle
    );
    if !elements.iter().copied().eq(0..100) || silent == copied {
        return Err(format!("{elements:?}; {answer:?}").into());
    }
    Ok("100 elements to the first, nothing to the second".to_owned())
}

async fn pushed(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let node = &cluster.addresses()[0];
    let quick = SourceOptions::default().answer_within(Duration::from_secs(2));
    let mut ends = Vec::new();
    for (name, count) in [("filled", 16), ("overfilled", 17)] {
        let producer = idle(&client, node, name, 16).await?;
        let sink = client.stream_sink(&producer);
        for number in 0..count {
            sink.send(number).await?;
        }
        sink.complete().await?;
        let mut stream = client.subscribe_with(&producer, quick);
        let mut taken = 0;
        let end = loop {
            match next(&mut stream).await? {
                Some(Ok(_)) => taken += 1,
                end => break end,
            }
        };
        ends.push((taken, end));
    }
    close(&client).await?;
    match &ends[..] {
        [(16, None), (0, Some(Err(StreamError::NoAnswer { .. })))] => {
            Ok("16 of 16 came, and none of 17".to_owned())
        }
        _ => Err(format!("{ends:?}").into()),
    }
}

async fn killed(context: Context) -> Result<Figures, Failure> {
    let mut cluster = context.reserve(2).await?.hosting(&["counter"]);
    cluster.launch().await?;
    let victim = 1 - cluster.leader();
    let client = builder(&cluster, &[cluster.leader()]).connect().await?;
    let node = cluster.addresses()[victim].clone();
    // More than are read before the node is killed.
    let producer = numbers(&client, &node, "killed", 1_000_000).await?;
    let mut stream = client.subscribe(&producer);
    let produced = client.stream_producer::<i64>("consumed-by-the-killed")?;
    let consume = |reply_to| Consume {
        producer: produced.actor_ref(),
        take: 0,
        timeout: 5.0,
        reply_to,
    };
    let desk = desk(&node)?;
    let asked = client.ask(&desk, consume).within(PATIENCE).send();
    let mut read = 0;
    while read < 1_000 {
        let element = next(&mut stream).await?.ok_or("the end")??;
        if element != read {
            return Err(format!("{element} instead of {read}").into());
        }
        produced.send(element).await?;
        read += 1;
    }
    cluster.kill(victim).await?;
    let killed = Instant::now();
    let error = loop {
        match next(&mut stream).await? {
            Some(Ok(element)) if element == read => read += 1,
            Some(Err(error)) => break error,
            other => return Err(format!("{other:?} instead of {read}").into()),
        }
    };
    let noticed = killed.elapsed();
    let lost = loop {
        if let Err(error) = produced.send(0).await {
            break error;
        }
    };
    let both = killed.elapsed();
    drop(asked);
    let more = next(&mut stream).await?;
    close(&client).await?;
    cluster.stop().await?;
    let told = matches!(&error, StreamError::Lost { node: its } if *its == node)
        && matches!(&lost, ProducerError::ConsumerLost { node: its } if *its == node);
    if !told || more.is_some() || both > Duration::from_secs(2) {
        return Err(
            format!("{error:?} after {noticed:?}, {lost:?} after {both:?}, {more:?}").into(),
        );
    }
    Ok(format!(
        "{read} read without a gap; the reader was told {:.0} ms after the kill, the producer {:.0} ms",
        noticed.as_secs_f64() * 1e3,
        both.as_secs_f64() * 1e3
    ))
}
