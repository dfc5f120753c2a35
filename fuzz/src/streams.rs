//! Streams: what a node sends to a consumer and to a producer of a client, in whatever order.
//!
//! A run is a real client in virtual time, and a node of which the bytes choose what it does: messages of
//! streams, bytes in their place, frames of anything, silence and the end of the connection.

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::Duration;

use casty_client::{
    ClusterClient, SourceOptions, StreamConsumerMessage, StreamError, StreamProducer,
    StreamProducerMessage, StreamSource, TransportConfig,
};
use casty_proto::message::streams::{StreamDemand, StreamElement, Subscribe};
use casty_proto::{ActorRef, Codec, Limits, Value};
use casty_transport::MemoryNetwork;
use serde::Deserialize;
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::memory::{allowance, peak};

mod node;
mod steps;

use node::{AT, Node, ROOT, Received};
pub(crate) use steps::seed;
use steps::{Input, Step};

/// The elements that may wait for the consumer.
const DEMAND: usize = 4;
/// The bytes of these.
const BYTES: usize = 4096;
/// The messages that may wait for the producer.
const MAILBOX: usize = 16;
/// The actor of the node that produces, and the one that consumes.
const SOURCE: &str = "/source";
const SINK: &str = "/sink";

/// The memory of a run in which nothing happens: a client, its connection and a runtime.
static IDLE: LazyLock<u64> = LazyLock::new(|| peak(|| run(&[])).1);

/// Plays what the bytes stand for, and checks that the client grants and keeps no more than it may.
pub(crate) fn streams(data: &[u8]) {
    let idle = *IDLE;
    let ((), taken) = peak(|| run(data));
    // Each frame is copied on its way, and the messages of both ends wait within their limits.
    let allowed = 2 * idle + 4 * allowance(data.len());
    assert!(taken <= allowed, "streams took {taken} bytes of {allowed}");
}

fn run(data: &[u8]) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let mut input = Input::new(data);
    runtime.block_on(async {
        let mut play = Play::begin(input.codec()).await;
        while let Some(step) = input.step() {
            play.step(step).await;
            play.settle().await;
        }
        play.end().await;
    });
}

/// The messages that a consumer reads.
#[derive(Deserialize)]
enum ToConsumer {
    #[serde(rename = "casty.core.streams.StreamElement")]
    Element { element: i64 },
    #[serde(rename = "casty.core.streams.StreamCompleted")]
    Completed {},
}

/// The messages that a producer reads.
#[derive(Deserialize)]
enum ToProducer {
    #[serde(rename = "casty.core.streams.Subscribe")]
    Subscribe(Subscribe<Value>),
    #[serde(rename = "casty.core.streams.StreamDemand")]
    Demand(StreamDemand),
}

/// A message that was sent to the consumer, as that has to take it.
#[derive(Debug, PartialEq)]
enum Sent {
    Element(i64),
    End,
    Unreadable,
}

/// A client and a node, and what is known of both ends of their streams.
struct Play {
    codec: Codec,
    client: ClusterClient,
    node: Node,
    reading: Reading,
    /// Set once anything was sent to any consumer.
    sent: bool,
    producing: Producing,
}

/// The consumer.
#[derive(Default)]
struct Reading {
    stream: Option<StreamSource<i64>>,
    /// The URI to which elements are sent, once it is known.
    to: Option<String>,
    /// The elements that it has asked for, and those that were taken.
    granted: u64,
    taken: u64,
    /// The messages that were sent and not taken.
    waiting: VecDeque<Sent>,
    /// Set once anything was sent.
    sent: bool,
}

/// The producer.
#[derive(Default)]
struct Producing {
    to: String,
    producer: Option<StreamProducer<i64>>,
    completing: bool,
    /// The elements that it has taken, that it was asked for, and that have come.
    given: i64,
    asked: u64,
    came: i64,
}

impl Play {
    async fn begin(codec: Codec) -> Self {
        let network = MemoryNetwork::new();
        let client = ClusterClient::builder("s")
            .contact_point(AT)
            .codec(codec)
            .transport(TransportConfig::memory(network.clone()))
            .mailbox(MAILBOX)
            .simulated(1)
            .connect();
        let (node, client) = Node::connected(&network, codec, client).await;
        let client = client.expect("settings that make sense");
        let producer = client.stream_producer("numbers").expect("a free name");
        let producing = Producing {
            to: producer.actor_ref().uri().to_owned(),
            producer: Some(producer),
            ..Producing::default()
        };
        let mut play = Self {
            codec,
            client,
            node,
            reading: Reading::default(),
            sent: false,
            producing,
        };
        play.subscribe();
        play.settle().await;
        play
    }

    /// Gives the stream up that is read, and begins another one.
    fn subscribe(&mut self) {
        let source: ActorRef<StreamProducerMessage<i64>> = reference(SOURCE);
        let options = SourceOptions::default()
            .demand(DEMAND)
            .buffer_bytes(BYTES)
            .answer_within(Duration::from_secs(2))
            .silence(Some(Duration::from_secs(2)));
        self.reading = Reading {
            stream: Some(self.client.subscribe_with(&source, options)),
            ..Reading::default()
        };
    }

    async fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Element(element) => {
                let element = StreamElement { element };
                self.tell_consumer(&StreamConsumerMessage::StreamElement(element))
                    .await;
            }
            Step::BytesToConsumer(bytes) => self.send_consumer(bytes).await,
            Step::Subscribe { own } => {
                let own = self.reading.to.as_ref().filter(|_| own);
                let consumer = own.map_or_else(
                    || reference(SINK),
                    |uri| ActorRef::from_uri_unchecked(uri.clone()),
                );
                let subscribe = Subscribe::<Value> {
                    consumer,
                    demand: 1,
                };
                self.tell_producer(&StreamProducerMessage::Subscribe(subscribe))
                    .await;
            }
            Step::Demand(n) => {
                let demand = StreamProducerMessage::<Value>::StreamDemand(StreamDemand { n });
                self.tell_producer(&demand).await;
            }
            Step::BytesToProducer(bytes) => self.send_producer(bytes).await,
            Step::Frame(bytes) => self.node.frame(bytes).await,
            Step::Read(count) => self.read(count).await,
            Step::Again => self.subscribe(),
            Step::Give => self.give().await,
            Step::Complete => self.complete(),
            Step::Pass(time) => sleep(time).await,
            Step::Cut => self.node.cut(),
        }
    }

    async fn tell_consumer(&mut self, message: &StreamConsumerMessage<i64>) {
        let mut bytes = Vec::new();
        let written = self.codec.encode(message, &mut bytes);
        written.expect("it can be written");
        self.send_consumer(&bytes).await;
    }

    async fn send_consumer(&mut self, bytes: &[u8]) {
        let Some(to) = self.reading.to.clone() else {
            return;
        };
        let read = self.codec.decode::<ToConsumer>(bytes, &Limits::default());
        self.reading.waiting.push_back(match read {
            Ok(ToConsumer::Element { element }) => Sent::Element(element),
            Ok(ToConsumer::Completed {}) => Sent::End,
            Err(_) => Sent::Unreadable,
        });
        (self.sent, self.reading.sent) = (true, true);
        self.node.send(&to, bytes).await;
    }

    async fn tell_producer(&mut self, message: &StreamProducerMessage<Value>) {
        let mut bytes = Vec::new();
        let written = self.codec.encode(message, &mut bytes);
        written.expect("it can be written");
        self.send_producer(&bytes).await;
    }

    async fn send_producer(&mut self, bytes: &[u8]) {
        let read = self.codec.decode::<ToProducer>(bytes, &Limits::default());
        let asked = match read {
            Ok(ToProducer::Subscribe(subscribe)) => subscribe.demand,
            Ok(ToProducer::Demand(demand)) => demand.n,
            Err(_) => 0,
        };
        self.producing.asked = self.producing.asked.saturating_add(asked);
        let to = self.producing.to.clone();
        self.node.send(&to, bytes).await;
    }

    /// Takes what is there of the stream, in the order in which it was sent.
    async fn read(&mut self, count: usize) {
        for _ in 0..count {
            let Some(stream) = &mut self.reading.stream else {
                return;
            };
            let Ok(item) = timeout(Duration::ZERO, stream.next()).await else {
                return;
            };
            let ended = match item {
                Some(Ok(element)) => {
                    let sent = self
                        .reading
                        .waiting
                        .pop_front()
                        .expect("something was sent");
                    assert_eq!(sent, Sent::Element(element));
                    false
                }
                Some(Err(StreamError::Unreadable(_))) => {
                    let sent = self
                        .reading
                        .waiting
                        .pop_front()
                        .expect("something was sent");
                    assert_eq!(sent, Sent::Unreadable);
                    false
                }
                Some(Err(_)) => true,
                None => {
                    let sent = self
                        .reading
                        .waiting
                        .pop_front()
                        .expect("something was sent");
                    assert_eq!(sent, Sent::End);
                    true
                }
            };
            if ended {
                assert!(stream.next().await.is_none(), "it has ended");
                self.reading.stream = None;
                return;
            }
            self.reading.taken += 1;
        }
    }

    /// Gives the producer one element more, if it takes it.
    async fn give(&mut self) {
        let Some(producer) = &self.producing.producer else {
            return;
        };
        let given = timeout(Duration::ZERO, producer.send(self.producing.given)).await;
        if matches!(given, Ok(Ok(()))) {
            self.producing.given += 1;
        }
    }

    fn complete(&mut self) {
        if let Some(producer) = self.producing.producer.take() {
            self.producing.completing = true;
            tokio::spawn(async move { producer.complete().await.ok() });
        }
    }

    /// Lets the client do what it has to, and checks what it has sent and what it keeps.
    async fn settle(&mut self) {
        // A stream is subscribed to by its first poll, and takes nothing by this.
        if self.reading.to.is_none()
            && let Some(stream) = &mut self.reading.stream
        {
            let first = timeout(Duration::ZERO, stream.next()).await;
            if matches!(first, Ok(Some(Err(_)) | None)) {
                self.reading.stream = None;
            }
        }
        for _ in 0..40 {
            tokio::task::yield_now().await;
        }
        for received in self.node.received().await {
            self.check(&received);
        }
        let gauges = self.client.stats().gauges;
        // The consumer's has room for the end as well.
        assert!(
            gauges.mailboxes <= (DEMAND + 1 + MAILBOX) as u64,
            "{gauges:?}"
        );
        assert!(gauges.actors <= 2 + 1, "{gauges:?}");
    }

    /// Checks a message that the client has sent to one of the actors.
    fn check(&mut self, received: &Received) {
        let message = &received.message;
        if received.path == SOURCE {
            let read = self
                .codec
                .decode::<StreamProducerMessage<Value>>(message, &Limits::default());
            let reading = &mut self.reading;
            match read.expect("the client's message") {
                StreamProducerMessage::Subscribe(subscribe) => {
                    reading.to = Some(subscribe.consumer.uri().to_owned());
                    reading.granted = subscribe.demand;
                }
                StreamProducerMessage::StreamDemand(demand) => {
                    assert!(reading.sent, "a demand before anything came");
                    reading.granted += demand.n;
                }
                StreamProducerMessage::StreamCancel(_) => {
                    assert!(self.sent, "a cancellation before anything came");
                }
                other => panic!("{other:?}"),
            }
            let most = reading.taken + DEMAND as u64;
            assert!(reading.granted <= most, "{} of {most}", reading.granted);
        } else if received.path == SINK {
            let read = self
                .codec
                .decode::<StreamConsumerMessage<i64>>(message, &Limits::default());
            let producing = &mut self.producing;
            match read.expect("the client's message") {
                StreamConsumerMessage::StreamElement(StreamElement { element }) => {
                    assert_eq!(element, producing.came);
                    producing.came += 1;
                    let came = producing.came.unsigned_abs();
                    assert!(came <= producing.asked, "{came} of {}", producing.asked);
                }
                StreamConsumerMessage::StreamCompleted(_) => {
                    assert!(producing.completing, "nobody has completed it");
                    assert_eq!(producing.came, producing.given);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Gives both streams up, and checks that the client keeps nothing of them.
    async fn end(mut self) {
        self.reading.stream = None;
        self.producing.producer = None;
        self.settle().await;
        let report = self.client.close(Duration::ZERO).await;
        assert!(report.is_conserved(), "{report:?}");
        let stats = self.client.stats();
        let left = [stats.gauges.actors, stats.gauges.mailboxes, stats.queued];
        assert_eq!(left, [0; 3], "{stats:?}");
    }
}

/// Returns the reference of an actor of the node.
fn reference<M>(path: &str) -> ActorRef<M> {
    ActorRef::from_uri_unchecked(format!("{ROOT}{path}"))
}
