//! The elements of a producer, as a stream.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use casty_proto::message::streams::StreamProducerMessage;
use casty_proto::{ActorRef, Escaped};
use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_stream::Stream;

use crate::runtime::byte_limit::Counted;
use crate::send::Core;
use crate::streams::consumer::Consumer;
use crate::streams::error::StreamError;
use crate::streams::options::SourceOptions;

/// The elements of a producer, in order, made by
/// [`ClusterClient::subscribe`](crate::ClusterClient::subscribe). It is a [`Stream`].
///
/// It ends with `None` when the producer has told that there are no more, and with one error, and
/// `None` after it, in any other case: [`StreamError`] says what may be lost. The first poll
/// subscribes; nothing is sent before.
///
/// # Demand
///
/// As many elements are asked for as may wait here: [`SourceOptions::demand`] and
/// [`SourceOptions::buffer_bytes`]. More are asked for when half of them are taken. So a slow reader
/// slows the producer down, and takes no more memory than that.
///
/// # The end
///
/// Dropping it tells the producer to stop, which drops what it has left: that is Casty's only way to
/// give a subscription up, and a producer takes no other consumer afterwards. If nothing has come yet,
/// the producer may have another consumer, which that would harm: then it is told once it sends
/// something, if it can by then. It cannot by a connection that was lost and was not the first to its
/// node; and of such producers the latest 1,024 are remembered.
///
/// # What cannot be seen
///
/// Elements have no numbers. A producer that repeats, swaps or leaves out elements is not found out.
///
/// # Panics
/// When polled outside a tokio runtime with time enabled, as tokio does.
#[must_use = "a stream does nothing unless it is polled"]
pub struct StreamSource<T> {
    /// The lock is never taken: it makes this fit to be shared, and whoever polls it has it alone.
    state: Mutex<State>,
    producer: ActorRef<StreamProducerMessage<T>>,
}

/// The state of a stream between two polls.
enum State {
    /// Nothing is waited for.
    Idle(Box<Consumer>),
    Waiting(Waiting),
    Ended,
}

/// The wait of a consumer.
type Waiting = Pin<Box<dyn Future<Output = Woken> + Send>>;

/// The consumer, and what it has waited for.
type Woken = (Box<Consumer>, Result<Counted, StreamError>);

/// The messages that come from a producer.
#[derive(Deserialize)]
enum FromProducer<T> {
    #[serde(rename = "casty.core.streams.StreamElement")]
    Element { element: T },
    #[serde(rename = "casty.core.streams.StreamCompleted")]
    Completed {},
}

impl<T: DeserializeOwned> StreamSource<T> {
    pub(super) fn new(
        core: &Arc<Core>,
        producer: &ActorRef<StreamProducerMessage<T>>,
        options: SourceOptions,
    ) -> Self {
        let consumer = Consumer::new(core, producer.clone().cast(), options);
        Self {
            state: Mutex::new(State::Idle(Box::new(consumer))),
            producer: producer.clone(),
        }
    }

    /// Returns the producer.
    pub fn producer(&self) -> &ActorRef<StreamProducerMessage<T>> {
        &self.producer
    }

    /// Returns the next element; `None` once the stream has ended.
    ///
    /// # Errors
    /// The stream ends without having been completed, or an element is skipped.
    ///
    /// # Cancel safety
    /// No element is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<T, StreamError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Takes a message, or the error that there is in its place.
    fn take(&mut self, (mut consumer, woken): Woken) -> Option<Result<T, StreamError>> {
        let message = match woken {
            Ok(message) => message,
            Err(error) => return Some(Err(error)),
        };
        let core = consumer.core();
        let decoded = core
            .codec
            .decode::<FromProducer<T>>(&message.message, &core.limits.decoding);
        if decoded.is_err() {
            core.counters.inbound_malformed.add(1);
        }
        let length = message.message.len();
        // Before more is asked for: its bytes make room.
        drop(message);
        if let Ok(FromProducer::Completed {}) = decoded {
            consumer.complete();
            return None;
        }
        consumer.taken(length);
        *self.state.get_mut() = State::Idle(consumer);
        Some(match decoded {
            Ok(FromProducer::Element { element }) => Ok(element),
            Ok(FromProducer::Completed {}) => return None,
            Err(error) => Err(StreamError::Unreadable(error)),
        })
    }
}

impl<T: DeserializeOwned> Stream for StreamSource<T> {
    type Item = Result<T, StreamError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        // Ended, unless it goes on below.
        let mut waiting: Waiting = match std::mem::replace(this.state.get_mut(), State::Ended) {
            State::Ended => return Poll::Ready(None),
            State::Idle(mut consumer) => {
                if let Some(message) = consumer.at_hand(cx) {
                    return Poll::Ready(this.take((consumer, Ok(message))));
                }
                Box::pin(async move {
                    let woken = consumer.next().await;
                    (consumer, woken)
                })
            }
            State::Waiting(waiting) => waiting,
        };
        match waiting.as_mut().poll(cx) {
            Poll::Pending => {
                *this.state.get_mut() = State::Waiting(waiting);
                Poll::Pending
            }
            Poll::Ready(woken) => Poll::Ready(this.take(woken)),
        }
    }
}

impl<T> fmt::Debug for StreamSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamSource({})", Escaped::new(self.producer.uri()))
    }
}
