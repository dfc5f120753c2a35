//! Casty's streams: the elements of a producer, which its consumer asks for by their number.
//!
//! # What the protocol promises
//!
//! Little, and all of it was read from `casty.core.streams` of casty 0.21.0 and seen on real nodes:
//!
//! - A producer has one consumer, named by the first subscription. Further ones are ignored, and
//!   nobody is told; a demand or an end counts whoever sends it.
//! - Nothing answers a subscription, and elements have no numbers. So a producer that does not exist,
//!   one that has another consumer and one that has nothing to send look alike, and a gap cannot be
//!   seen in what comes.
//! - A producer that is told to stop drops what it has left. One whose consumer has died keeps it, for
//!   ever, and takes no other.
//! - What nodes hand out within themselves, a `SourceRef` or a `SinkRef`, has queues in it. Serializers
//!   do not write them, or, as pickle does a `SinkRef`, a copy that nobody reads: from outside there are
//!   the messages alone.
//!
//! # What is made of it
//!
//! - What has come and is not yet taken is bounded by the demand given, in elements and in bytes.
//! - Each end is told: where Python's iterator ends as if the stream had been completed, because
//!   nothing came for 30 s, there is an error here, and it says what the caller may conclude.
//! - A stream whose connection is lost cannot be resumed: its node has dropped what it sent meanwhile,
//!   and nothing tells how much. It ends with [`StreamError::Lost`].
//! - No other consumer is disturbed: a subscription that was not confirmed by anything that came
//!   gives no demand, and is cancelled once something does.
//! - What is pushed into a producer of a node has no back pressure, for the protocol has none for it.
//!   A producer of this client has: it waits for the demand of its consumer.

use casty_proto::ActorRef;
use casty_proto::message::streams::StreamProducerMessage;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::ClusterClient;
use crate::client::bound_ref::BoundRef;
use crate::error::SpawnError;

mod bound;
mod consumer;
pub(crate) mod error;
pub(crate) mod options;
pub(crate) mod producer;
pub(crate) mod registry;
mod serving;
pub(crate) mod sink;
pub(crate) mod source;
mod step;

use options::{ProducerOptions, SourceOptions};
use producer::StreamProducer;
use sink::StreamSink;
use source::StreamSource;

impl ClusterClient {
    /// Subscribes to a producer, whose elements are a stream.
    ///
    /// Nothing is sent before the stream is first polled. A producer has one consumer, for good: see
    /// [`StreamSource`]. Settings other than the defaults are given to
    /// [`subscribe_with`](Self::subscribe_with).
    ///
    /// ```
    /// use casty_client::{ClusterClient, ServiceKey, StreamError, StreamProducerMessage};
    ///
    /// # async fn example(client: &ClusterClient) -> Result<(), StreamError> {
    /// let key = ServiceKey::<StreamProducerMessage<i64>>::new("readings");
    /// let listing = client.lookup(&key);
    /// if let Some(producer) = listing.instances.first() {
    ///     let mut readings = client.subscribe(&producer.actor.actor_ref());
    ///     while let Some(reading) = readings.next().await {
    ///         println!("{}", reading?);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribe<T: DeserializeOwned>(
        &self,
        producer: &ActorRef<StreamProducerMessage<T>>,
    ) -> StreamSource<T> {
        self.subscribe_with(producer, SourceOptions::default())
    }

    /// Subscribes to a producer as [`subscribe`](Self::subscribe) does, with settings.
    pub fn subscribe_with<T: DeserializeOwned>(
        &self,
        producer: &ActorRef<StreamProducerMessage<T>>,
        options: SourceOptions,
    ) -> StreamSource<T> {
        StreamSource::new(self.core(), producer, options)
    }

    /// Returns a sink that pushes elements into a producer of a node.
    ///
    /// The protocol has no back pressure for that: see [`StreamSink`].
    pub fn stream_sink<T>(&self, producer: &ActorRef<StreamProducerMessage<T>>) -> StreamSink<T> {
        StreamSink::new(BoundRef::new(self.core(), producer.clone()))
    }

    /// Starts a producer on this client, to which actors of nodes can subscribe.
    ///
    /// Its [reference](StreamProducer::actor_ref) is what they need, for instance as a field of a
    /// message. It has a name as actors have, which is free again once the stream has ended.
    ///
    /// # Errors
    /// The name is taken or cannot be one.
    pub fn stream_producer<T: Serialize>(
        &self,
        name: &str,
    ) -> Result<StreamProducer<T>, SpawnError> {
        self.stream_producer_with(name, ProducerOptions::default())
    }

    /// Starts a producer as [`stream_producer`](Self::stream_producer) does, with settings.
    ///
    /// # Errors
    /// As those of [`stream_producer`](Self::stream_producer).
    pub fn stream_producer_with<T: Serialize>(
        &self,
        name: &str,
        options: ProducerOptions,
    ) -> Result<StreamProducer<T>, SpawnError> {
        producer::start(self.core(), name, options)
    }
}
