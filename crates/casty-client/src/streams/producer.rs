//! A producer of this client: what its owner holds.

use std::any::type_name;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use casty_proto::message::streams::{StreamElement, StreamProducerMessage};
use casty_proto::{ActorRef, Escaped};
use futures_sink::Sink;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::client::actor::opening;
use crate::error::SpawnError;
use crate::message::Plain;
use crate::runtime::clock::from_now;
use crate::runtime::home::Home;
use crate::send::Core;
use crate::streams::error::ProducerError;
use crate::streams::options::ProducerOptions;
use crate::streams::serving::{End, Progress, Pushed, Serving};
use crate::streams::step::Step;

/// The bytes that a frame has beside its message, at most.
const HEADER: usize = 1024;

/// A producer of this client, made by
/// [`ClusterClient::stream_producer`](crate::ClusterClient::stream_producer): an actor of a node
/// subscribes to its [reference](Self::actor_ref), and is sent elements as it asks for them.
///
/// It has one consumer, the first that subscribes; others are ignored, as producers of nodes ignore
/// them. Elements wait here for demand, at most as many as [`ProducerOptions::buffer`] and
/// [`ProducerOptions::buffer_bytes`] say, and [`send`](Self::send) waits while that is full.
///
/// # The end
///
/// [`complete`](Self::complete) has the consumer told that it has everything. Casty has no other word
/// for an end: a consumer is not told of a producer that is dropped, of a client that is closed or of a
/// connection that is lost, and ends when nothing has come for its timeout, 30 s in Python. Dropping
/// it drops what waits for demand, and frees its name, whether or not its completion was begun. A
/// consumer that cancels ends it with [`ProducerError::Cancelled`].
///
/// # Sink
///
/// It is a [`Sink`] as well. That is flushed when everything waits for demand or was sent, and its close
/// is the completion: a close that fails is the end, too.
#[must_use = "the stream ends when its producer is dropped"]
pub struct StreamProducer<T> {
    core: Arc<Core>,
    actor: ActorRef<StreamProducerMessage<T>>,
    input: Input,
    /// Taken to complete the stream.
    owner: Option<Owner>,
    step: Step<ProducerError>,
    element: PhantomData<fn(T)>,
}

/// The hold on a stream, which is given up when this is dropped. `true` once it is to be completed.
type Owner = watch::Sender<bool>;

/// Starts a producer and the task that serves its consumer.
pub(super) fn start<T: Serialize>(
    core: &Arc<Core>,
    name: &str,
    options: ProducerOptions,
) -> Result<StreamProducer<T>, SpawnError> {
    let opened = opening::open(core, name)?;
    let (elements, waiting) = mpsc::channel(options.buffer);
    let (owner, owned) = watch::channel(false);
    let (told, progress) = watch::channel(Progress::default());
    let serving = Serving::new(core, opened.mailbox, waiting, owned, told, type_name::<T>());
    core.mailboxes.run(serving.run(opened.name));
    Ok(StreamProducer {
        core: Arc::clone(core),
        actor: opened.me,
        input: Input {
            elements,
            bytes: Arc::new(Semaphore::new(options.buffer_bytes)),
            most: options.buffer_bytes,
            progress,
            within: options.demand_within,
            home: core.home,
        },
        owner: Some(owner),
        step: Step::done(),
        element: PhantomData,
    })
}

impl<T> StreamProducer<T> {
    /// Returns the reference by which actors subscribe.
    pub fn actor_ref(&self) -> ActorRef<StreamProducerMessage<T>> {
        self.actor.clone()
    }

    /// Returns the number of elements that were sent to the consumer.
    pub fn sent(&self) -> u64 {
        self.input.progress.borrow().sent
    }

    /// Polls what was begun, and the completion then, of which the outcome is returned as often as it is
    /// asked for.
    fn poll_complete(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProducerError>> {
        ready!(self.step.poll(cx))?;
        let Some(owner) = self.owner.take() else {
            return Poll::Ready(self.input.completed());
        };
        self.step.begin(self.input.clone().complete(owner));
        self.step.poll(cx)
    }
}

impl<T: Serialize> StreamProducer<T> {
    /// Adds an element to those that wait for demand, and waits itself while the buffer is full: at
    /// most for [`ProducerOptions::demand_within`].
    ///
    /// # Errors
    /// The element was not taken. [`ProducerError::is_final`] tells whether any will be.
    ///
    /// # Cancel safety
    /// Either the element was taken or it was not.
    pub async fn send(&self, element: T) -> Result<(), ProducerError> {
        let message = self.encode(element)?;
        self.input.clone().put(message).await
    }

    /// Has the consumer told that it has all elements once it has, and waits for that: as long as it
    /// takes one within [`ProducerOptions::demand_within`] of the other. However this ends, the stream has
    /// ended and its name is free, at once or as soon as its task has run.
    ///
    /// # Errors
    /// The stream ended in another way, or nobody asked for the rest in time
    /// ([`ProducerError::NotCompleted`]): then that is dropped.
    ///
    /// # Cancel safety
    /// The stream is given up when the future is dropped: what was not sent is dropped, and the consumer
    /// is not told of an end.
    pub async fn complete(mut self) -> Result<(), ProducerError> {
        poll_fn(|cx| self.poll_complete(cx)).await
    }

    fn encode(&self, element: T) -> Result<Vec<u8>, ProducerError> {
        let limit = self.core.limits.max_frame;
        let mut message = Vec::new();
        let element = StreamElement { element };
        self.core.encoded(&Plain(&element), |_, encoded| {
            let length = encoded.bytes.len() + HEADER;
            if length > limit {
                return Err(Refusal(ProducerError::TooLong { length, limit }));
            }
            message = encoded.bytes.to_vec();
            Ok(())
        })?;
        Ok(message)
    }
}

impl<T: Serialize + Send + 'static> Sink<T> for StreamProducer<T> {
    type Error = ProducerError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ProducerError>> {
        self.step.poll(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, element: T) -> Result<(), ProducerError> {
        if self.owner.is_none() {
            return Err(ProducerError::Completed);
        }
        let message = self.encode(element)?;
        let input = self.input.clone();
        self.step.begin(input.put(message));
        Ok(())
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ProducerError>> {
        self.step.poll(cx)
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ProducerError>> {
        self.poll_complete(cx)
    }
}

impl<T> Unpin for StreamProducer<T> {}

impl<T> fmt::Debug for StreamProducer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamProducer({})", Escaped::new(self.actor.uri()))
    }
}

/// The way of elements to the task that serves the consumer.
#[derive(Clone)]
struct Input {
    elements: mpsc::Sender<Pushed>,
    /// The bytes that are left for elements.
    bytes: Arc<Semaphore>,
    /// The bytes that there are.
    most: usize,
    progress: watch::Receiver<Progress>,
    within: Duration,
    home: Home,
}

impl Input {
    /// Puts an encoded element into the buffer once there is room.
    async fn put(self, message: Vec<u8>) -> Result<(), ProducerError> {
        let length = message.len().min(self.most);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let put = async {
            // When the task has ended what was in the buffer is dropped, so this ends, too.
            let bytes = Arc::clone(&self.bytes).acquire_many_owned(length).await;
            let bytes = bytes.ok()?;
            self.elements.send(Pushed { message, bytes }).await.ok()
        };
        match self.home.by(from_now(self.within), put).await {
            Some(Some(())) => Ok(()),
            Some(None) => Err(self.ended()),
            None => Err(ProducerError::NoDemand { after: self.within }),
        }
    }

    /// Completes the stream, and waits until that is told. It is held as long as this lasts, and no
    /// longer.
    async fn complete(mut self, owner: Owner) -> Result<(), ProducerError> {
        owner.send_replace(true);
        loop {
            // Marked as seen before it is looked at, so that no change is missed.
            let end = self.progress.borrow_and_update().end.clone();
            match end {
                Some(End::Completed) => return Ok(()),
                Some(_) => return Err(self.ended()),
                None => {}
            }
            let deadline = from_now(self.within);
            match self.home.by(deadline, self.progress.changed()).await {
                Some(Ok(())) => {}
                Some(Err(_)) => return Err(self.ended()),
                None => return Err(self.not_completed()),
            }
        }
    }

    /// Returns the outcome of a completion that is over.
    fn completed(&self) -> Result<(), ProducerError> {
        // One that was aborted has told no end.
        let runs = self.progress.has_changed().is_ok();
        match self.progress.borrow().end {
            Some(End::Completed) => return Ok(()),
            None if runs => return Err(self.not_completed()),
            _ => {}
        }
        Err(self.ended())
    }

    fn not_completed(&self) -> ProducerError {
        ProducerError::NotCompleted { after: self.within }
    }

    /// Returns the error of a stream that has ended.
    fn ended(&self) -> ProducerError {
        match self.progress.borrow().end.clone() {
            Some(End::Completed) => ProducerError::Completed,
            Some(End::Cancelled) => ProducerError::Cancelled,
            Some(End::ConsumerLost(node)) => ProducerError::ConsumerLost { node },
            Some(End::Refused(error)) => ProducerError::Refused(error),
            // By a completion that took too long: whoever drops it asks for no error.
            Some(End::GivenUp) => self.not_completed(),
            // Aborted with the client.
            Some(End::Closed) | None => ProducerError::Closed,
        }
    }
}

/// The error of an element, which is no message yet.
struct Refusal(ProducerError);

impl From<crate::error::TellError> for Refusal {
    fn from(error: crate::error::TellError) -> Self {
        Self(match error {
            crate::error::TellError::Encode(error) => ProducerError::Encode(error),
            error => ProducerError::Refused(error),
        })
    }
}

impl From<Refusal> for ProducerError {
    fn from(Refusal(error): Refusal) -> Self {
        error
    }
}
