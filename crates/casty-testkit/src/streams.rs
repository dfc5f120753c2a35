//! Producers and consumers of streams on nodes, as `casty.core.streams` has them.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::sync::Arc;

use casty_proto::message::streams::{
    StreamCancel, StreamCompleted, StreamConsumerMessage, StreamDemand, StreamElement,
    StreamProducerMessage, Subscribe,
};
use casty_proto::{ActorRef, DecodeError, Limits};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::actor::ActorPlan;
use crate::builder::ClusterBuilder;
use crate::context::Context;
use crate::node::handling::Handling;
use crate::node::outbound::Outbound;

/// The number of elements that a consumer asks for at first, as those of real nodes do.
const INITIAL_DEMAND: u64 = 16;
/// The most elements that a producer keeps, or owes.
const ELEMENTS: usize = 1 << 20;

/// The request to a consumer that [`ClusterBuilder::stream_consumer_on`] has made, to subscribe to a
/// producer: of this cluster, or of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty_testkit.Consume", bound = "")]
pub struct Consume<T> {
    /// The producer.
    pub producer: ActorRef<StreamProducerMessage<T>>,
}

impl ClusterBuilder {
    /// Adds a producer of a stream to a node, of whatever it is pushed.
    ///
    /// It is a discoverable service, and behaves as a real one: it has one consumer, keeps what has no
    /// demand, tells the end when it was completed and has nothing left, and stops when it is
    /// cancelled. `buffer_size` is as in Python: a producer that is pushed more than it may keep
    /// stops, and 0 is no limit but 1,048,576.
    pub fn stream_producer_on<T>(
        self,
        node: usize,
        key: impl Into<Arc<str>>,
        buffer_size: usize,
    ) -> Self
    where
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        let most = if buffer_size == 0 {
            ELEMENTS
        } else {
            buffer_size.min(ELEMENTS)
        };
        self.with_producer(node, key.into(), most, || -> Option<std::iter::Empty<T>> {
            None
        })
    }

    /// Adds a producer of a stream to a node, of the elements of an iterator, which is asked for them
    /// as they are in demand. It is completed with the last.
    ///
    /// `make` is called for each start of the node.
    pub fn stream_on<T, I>(
        self,
        node: usize,
        key: impl Into<Arc<str>>,
        make: impl Fn() -> I + Send + Sync + 'static,
    ) -> Self
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        I: Iterator<Item = T> + Send + 'static,
    {
        self.with_producer(node, key.into(), ELEMENTS, move || Some(make()))
    }

    /// Adds a consumer of a stream to a node: a discoverable service that subscribes to the producer
    /// that [`Consume`] names, and hands each element to `handle`; `None` is the end.
    ///
    /// It asks for 16 elements at first, and for one more when one was handled.
    /// [`Context::stop`] cancels the stream.
    pub fn stream_consumer_on<T: DeserializeOwned + Send + 'static>(
        self,
        node: usize,
        key: impl Into<Arc<str>>,
        handle: impl Fn(Option<T>, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Self {
        let key = key.into();
        let (name, handle) = (Arc::clone(&key), Arc::new(handle));
        let make = move || {
            let consumer = Mutex::new(None::<ActorRef<StreamProducerMessage<T>>>);
            let (name, handle) = (Arc::clone(&name), Arc::clone(&handle));
            move |bytes: &[u8], node: Handling<'_>| {
                let handle: Handle<'_, T> = &*handle;
                // Held while an element is handled, so that they stay in order.
                consume(&mut consumer.lock(), bytes, node, (&*name, handle))
            }
        };
        self.with_service(ActorPlan::stateful(key, node, make))
    }

    fn with_producer<T, I>(
        self,
        node: usize,
        key: Arc<str>,
        most: usize,
        make: impl Fn() -> Option<I> + Send + Sync + 'static,
    ) -> Self
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        I: Iterator<Item = T> + Send + 'static,
    {
        let make = move || {
            let source =
                make().map(|elements| -> Box<dyn Iterator<Item = T> + Send> { Box::new(elements) });
            let producer = Mutex::new(Producer {
                completed: source.is_some(),
                source: source.map(Iterator::peekable),
                most,
                ..Producer::<T>::default()
            });
            move |bytes: &[u8], node: Handling<'_>| -> Result<(), DecodeError> {
                let message = node.codec().decode(bytes, &Limits::default())?;
                // Held while elements are sent, so that they stay in order.
                producer.lock().receive(message, &node);
                Ok(())
            }
        };
        self.with_service(ActorPlan::stateful(key, node, make))
    }
}

/// A function that is given each element, and `None` at the end.
type Handle<'a, T> = &'a dyn Fn(Option<T>, &mut Context<'_>);

/// A producer on a node.
struct Producer<T> {
    queue: VecDeque<T>,
    source: Option<Peekable<Box<dyn Iterator<Item = T> + Send>>>,
    most: usize,
    consumer: Option<ActorRef<StreamConsumerMessage<T>>>,
    demand: usize,
    completed: bool,
    stopped: bool,
}

impl<T> Default for Producer<T> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            source: None,
            most: 0,
            consumer: None,
            demand: 0,
            completed: false,
            stopped: false,
        }
    }
}

impl<T: Serialize> Producer<T> {
    fn receive(&mut self, message: StreamProducerMessage<T>, node: &Outbound) {
        use StreamProducerMessage as Message;
        if self.stopped {
            return;
        }
        match message {
            // An exception, which stops the actor.
            Message::Push(_) if self.queue.len() >= self.most => self.stopped = true,
            Message::Push(push) => self.queue.push_back(push.element),
            Message::CompleteStream(_) => self.completed = true,
            Message::Subscribe(subscribe) if self.consumer.is_none() => {
                self.consumer = Some(subscribe.consumer);
                self.ask(subscribe.demand);
            }
            Message::StreamDemand(demand) if self.consumer.is_some() => self.ask(demand.n),
            Message::StreamCancel(_) if self.consumer.is_some() => self.stopped = true,
            // Not handled, and nobody is told.
            _ => return,
        }
        self.drain(node);
    }

    fn ask(&mut self, elements: u64) {
        let elements = usize::try_from(elements).unwrap_or(ELEMENTS);
        self.demand = self.demand.saturating_add(elements).min(ELEMENTS);
    }

    /// Sends what is in demand, and the end if there is no more.
    fn drain(&mut self, node: &Outbound) {
        let Some(consumer) = self.consumer.clone().filter(|_| !self.stopped) else {
            return;
        };
        while self.demand > 0
            && let Some(element) = self.next()
        {
            self.demand -= 1;
            let element = StreamConsumerMessage::StreamElement(StreamElement { element });
            node.tell(&consumer, &element);
        }
        if self.completed && self.is_empty() {
            let end = StreamConsumerMessage::StreamCompleted(StreamCompleted {});
            node.tell(&consumer, &end);
            self.stopped = true;
        }
    }

    fn next(&mut self) -> Option<T> {
        self.queue
            .pop_front()
            .or_else(|| self.source.as_mut()?.next())
    }

    fn is_empty(&mut self) -> bool {
        let ended = match &mut self.source {
            Some(source) => source.peek().is_none(),
            None => true,
        };
        ended && self.queue.is_empty()
    }
}

/// The messages that a consumer understands.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
enum ToConsumer<T> {
    #[serde(rename = "casty_testkit.Consume")]
    Consume(Consume<T>),
    #[serde(rename = "casty.core.streams.StreamElement")]
    Element(StreamElement<T>),
    #[serde(rename = "casty.core.streams.StreamCompleted")]
    Completed(StreamCompleted),
}

/// Handles a message for the consumer of that name, which has subscribed to `producer`.
fn consume<T: DeserializeOwned>(
    producer: &mut Option<ActorRef<StreamProducerMessage<T>>>,
    bytes: &[u8],
    node: Handling<'_>,
    (name, handle): (&str, Handle<'_, T>),
) -> Result<(), DecodeError> {
    let element = match node.codec().decode(bytes, &Limits::default())? {
        ToConsumer::Consume(consume) => {
            let consumer = ActorRef::from_uri_unchecked(node.uri(name));
            let to = consume.producer.clone().cast();
            node.tell(
                &to,
                &Subscribe::<()> {
                    consumer,
                    demand: 0,
                },
            );
            demand(&to, INITIAL_DEMAND, &node);
            *producer = Some(consume.producer);
            return Ok(());
        }
        ToConsumer::Element(StreamElement { element }) => Some(element),
        ToConsumer::Completed(StreamCompleted {}) => None,
    };
    // What comes to one that does not read is dropped.
    let Some(to) = producer.clone() else {
        return Ok(());
    };
    let is_end = element.is_none();
    let mut context = Context::new(node, name);
    handle(element, &mut context);
    if is_end {
        *producer = None;
    } else if context.is_stopped() {
        *producer = None;
        node.tell(&to.cast(), &StreamCancel {});
    } else {
        demand(&to, 1, &node);
    }
    Ok(())
}

fn demand<M>(producer: &ActorRef<M>, n: u64, node: &Outbound) {
    node.tell(&producer.clone().cast(), &StreamDemand { n });
}
