//! Messages of `casty.core.streams`: the elements of one actor to another, on demand.
//!
//! A producer has one consumer, which subscribes by a reference and then asks for elements by their
//! number. Nothing numbers the elements and nothing answers a subscription, so neither side can tell
//! what was lost under way.
//!
//! Two messages are of no use beyond a node: what it answers to [`GetSource`] and [`GetSink`] has its
//! queues in it. Json and msgpack write neither, and pickle writes the second with a copy of the queue:
//! what is put there reaches nobody.

use serde::{Deserialize, Serialize};

use crate::{ActorRef, Value};

/// An element that is given to a producer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.core.streams.Push")]
pub struct Push<E> {
    /// The element.
    pub element: E,
}

/// The end of what is given to a producer: its consumer is told once it has the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.core.streams.CompleteStream")]
pub struct CompleteStream {}

/// A request to a consumer for the iterator over its elements, which is of use within its node only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.core.streams.GetSource")]
pub struct GetSource {
    /// The actor that receives the answer, if it is of the same node.
    pub reply_to: ActorRef<Value>,
}

/// A request to a producer for the handle by which elements are put, which is of use within its node only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.core.streams.GetSink")]
pub struct GetSink {
    /// The actor that receives the answer, if it is of the same node.
    pub reply_to: ActorRef<Value>,
}

/// A request to a producer to send its elements. It is not answered, and a producer that has a
/// consumer ignores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.core.streams.Subscribe", bound = "")]
pub struct Subscribe<E> {
    /// The actor that receives the elements.
    pub consumer: ActorRef<StreamConsumerMessage<E>>,
    /// The number of elements that it asks for to begin with.
    #[serde(default)]
    pub demand: u64,
}

/// A request for more elements, to a producer from its consumer. It names no consumer, so that of
/// anybody else counts as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.core.streams.StreamDemand")]
pub struct StreamDemand {
    /// The number of elements, beyond those asked for before.
    pub n: u64,
}

/// A request to send no more: a producer stops, and what it has left is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.core.streams.StreamCancel")]
pub struct StreamCancel {}

/// A note to a producer that its queue was put into by somebody of its own node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.core.streams.InputReady")]
pub struct InputReady {}

/// An element for a consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.core.streams.StreamElement")]
pub struct StreamElement<E> {
    /// The element.
    pub element: E,
}

/// The end of a stream: the consumer was sent all elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.core.streams.StreamCompleted")]
pub struct StreamCompleted {}

/// The messages that a producer of elements `E` takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamProducerMessage<E> {
    /// An element is given to it.
    #[serde(rename = "casty.core.streams.Push")]
    Push(Push<E>),
    /// No more are.
    #[serde(rename = "casty.core.streams.CompleteStream")]
    CompleteStream(CompleteStream),
    /// A consumer subscribes.
    #[serde(rename = "casty.core.streams.Subscribe")]
    Subscribe(Subscribe<E>),
    /// Its consumer asks for more.
    #[serde(rename = "casty.core.streams.StreamDemand")]
    StreamDemand(StreamDemand),
    /// Its consumer wants no more.
    #[serde(rename = "casty.core.streams.StreamCancel")]
    StreamCancel(StreamCancel),
    /// Somebody of its node wants to put elements.
    #[serde(rename = "casty.core.streams.GetSink")]
    GetSink(GetSink),
    /// Somebody of its node has put some.
    #[serde(rename = "casty.core.streams.InputReady")]
    InputReady(InputReady),
}

/// The messages that a consumer of elements `E` takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamConsumerMessage<E> {
    /// The next element.
    #[serde(rename = "casty.core.streams.StreamElement")]
    StreamElement(StreamElement<E>),
    /// There are no more.
    #[serde(rename = "casty.core.streams.StreamCompleted")]
    StreamCompleted(StreamCompleted),
    /// Somebody of its node wants the iterator.
    #[serde(rename = "casty.core.streams.GetSource")]
    GetSource(GetSource),
    /// The iterator wants more.
    #[serde(rename = "casty.core.streams.StreamDemand")]
    StreamDemand(StreamDemand),
    /// The iterator wants no more.
    #[serde(rename = "casty.core.streams.StreamCancel")]
    StreamCancel(StreamCancel),
}
