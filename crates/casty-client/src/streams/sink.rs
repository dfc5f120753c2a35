//! Elements that are pushed into a producer of a node.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use casty_proto::message::streams::{CompleteStream, Push, StreamProducerMessage};
use casty_proto::{ActorRef, Escaped};
use futures_sink::Sink;
use serde::Serialize;

use crate::client::bound_ref::BoundRef;
use crate::error::TellError;
use crate::streams::step::Step;

/// A sink of elements for a producer of a node, made by
/// [`ClusterClient::stream_sink`](crate::ClusterClient::stream_sink).
///
/// Each element is a tell: it is taken when the client has accepted it, and has a
/// [fate](crate::Fate) as all messages have. Waiting is for capacity in this client, at most for its
/// buffer timeout.
///
/// # No back pressure
///
/// The producer tells nobody how full it is. One without a `buffer_size` keeps what it is pushed in
/// memory, however much that is. One with a `buffer_size` *stops* when it is pushed an element more,
/// as any actor does that raises an exception: what it has is lost, and nobody is told. So push no
/// more than it may have, or offer the elements the other way round, by a
/// [`StreamProducer`](crate::StreamProducer) of this client, which waits for demand.
///
/// # Sink
///
/// It is a [`Sink`] as well. That is flushed when the client has accepted everything, and its close is
/// the [completion](Self::complete). Dropping it completes nothing: others may push as well.
pub struct StreamSink<T> {
    producer: BoundRef<StreamProducerMessage<T>>,
    step: Step<TellError>,
    completed: bool,
}

impl<T> StreamSink<T> {
    pub(super) fn new(producer: BoundRef<StreamProducerMessage<T>>) -> Self {
        Self {
            producer,
            step: Step::done(),
            completed: false,
        }
    }

    /// Returns the producer.
    pub fn producer(&self) -> ActorRef<StreamProducerMessage<T>> {
        self.producer.actor_ref()
    }
}

impl<T: Serialize> StreamSink<T> {
    /// Pushes an element, and waits for capacity in this client if there is none.
    ///
    /// # Errors
    /// The element was not accepted, and nothing of it was sent.
    ///
    /// # Cancel safety
    /// Either the element was accepted or nothing of it was.
    pub async fn send(&self, element: T) -> Result<(), TellError> {
        self.producer.tell_wait(push(element)).await
    }

    /// Pushes an element if there is capacity in this client. Never waits.
    ///
    /// # Errors
    /// As those of [`send`](Self::send).
    pub fn try_send(&self, element: T) -> Result<(), TellError> {
        self.producer.tell(push(element))
    }

    /// Tells the producer that nobody pushes any more: its consumer is told so when it has the rest.
    ///
    /// # Errors
    /// The producer was not told.
    ///
    /// # Cancel safety
    /// Either that was accepted or nothing of it was.
    pub async fn complete(self) -> Result<(), TellError> {
        self.producer.tell_wait(complete()).await
    }
}

fn push<T>(element: T) -> StreamProducerMessage<T> {
    StreamProducerMessage::Push(Push { element })
}

fn complete<T>() -> StreamProducerMessage<T> {
    StreamProducerMessage::CompleteStream(CompleteStream {})
}

impl<T: Serialize + Send + Sync + 'static> Sink<T> for StreamSink<T> {
    type Error = TellError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TellError>> {
        self.step.poll(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, element: T) -> Result<(), TellError> {
        let producer = self.producer.clone();
        self.step
            .begin(async move { producer.tell_wait(push(element)).await });
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TellError>> {
        self.step.poll(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TellError>> {
        ready!(self.step.poll(cx))?;
        if !std::mem::replace(&mut self.completed, true) {
            let producer = self.producer.clone();
            self.step
                .begin(async move { producer.tell_wait(complete()).await });
        }
        self.step.poll(cx)
    }
}

impl<T> Unpin for StreamSink<T> {}

impl<T> fmt::Debug for StreamSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamSink({})", Escaped::new(self.producer.uri()))
    }
}
