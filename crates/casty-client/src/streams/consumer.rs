//! One subscription to a producer: its demand, its deadlines and its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use casty_proto::message::streams::{
    StreamCancel, StreamConsumerMessage, StreamDemand, StreamProducerMessage, Subscribe,
};
use casty_proto::{ActorRef, NodeAddress, Value};
use tokio::sync::{mpsc, watch};
use tokio::task::coop;

use crate::client::bound_ref::{self, BoundRef};
use crate::error::{SpawnError, TellError};
use crate::mailboxes::MailboxLimits;
use crate::node::peer::Peer;
use crate::pending_asks::id::PeerId;
use crate::runtime::byte_limit::Counted;
use crate::runtime::clock::{from_now, precise_now};
use crate::send::Core;
use crate::send::wait::is_full;
use crate::streams::error::StreamError;
use crate::streams::options::SourceOptions;

/// The bytes that are left for the end of a stream, when elements have taken all others.
const END: usize = 4096;
/// The time between two requests for a connection.
const WANTED: Duration = Duration::from_secs(1);

/// The messages that are sent to a producer here: none carries an element.
type ToProducer = StreamProducerMessage<Value>;

/// One subscription to a producer.
pub(super) struct Consumer {
    core: Arc<Core>,
    producer: ActorRef<ToProducer>,
    options: SourceOptions,
    /// Told whenever connected nodes have changed, or a message found no place.
    changes: watch::Receiver<u64>,
    subscribed: Option<Subscribed>,
    /// The number of elements asked for and not taken yet.
    promised: usize,
    /// The length of the longest message so far; `None` before the first.
    longest: Option<usize>,
    /// Set once the producer has told the end.
    completed: bool,
}

/// A subscription that was sent.
struct Subscribed {
    path: Arc<str>,
    mailbox: mpsc::Receiver<Counted>,
    /// Set when a message found no place in the mailbox; none is let in after it.
    overflowed: Arc<AtomicBool>,
    /// The node of the producer, and the connection by which its elements come; `None` for a producer
    /// of this client.
    by: Option<(NodeAddress, PeerId)>,
    at: Instant,
}

impl Consumer {
    /// Returns a consumer that has told nobody of itself.
    pub(super) fn new(
        core: &Arc<Core>,
        producer: ActorRef<ToProducer>,
        options: SourceOptions,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            producer,
            options,
            changes: core.streams.changes(),
            subscribed: None,
            promised: 0,
            longest: None,
            completed: false,
        }
    }

    /// Returns the client.
    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    /// Returns the next message if it is there, and if the task has any of its budget left: a reader that
    /// never waits for anything else would keep its thread.
    pub(super) fn at_hand(&mut self, cx: &mut Context<'_>) -> Option<Counted> {
        match self.subscribed.as_mut()?.mailbox.poll_recv(cx) {
            Poll::Ready(message) => message,
            Poll::Pending => None,
        }
    }

    /// Notes that a message was taken, and asks for more elements if it is time.
    pub(super) fn taken(&mut self, length: usize) {
        if self.longest.is_none()
            && let Some(subscribed) = &self.subscribed
        {
            self.core.streams.confirmed(&subscribed.path);
        }
        self.longest = self.longest.max(Some(length));
        self.promised = self.promised.saturating_sub(1);
        if let Some(more) = self.due_demand()
            && bound_ref::tell(&self.core, &self.producer, &demand(more)).is_ok()
        {
            self.promised += more;
        }
    }

    /// Notes that the producer has told the end.
    pub(super) fn complete(&mut self) {
        self.completed = true;
    }

    /// Returns the number of elements to ask for, once half of those that may be promised are taken.
    fn due_demand(&self) -> Option<usize> {
        // What nobody has answered may be a subscription that the producer ignores, and a demand would
        // count for its consumer.
        self.longest?;
        let window = self.options.window(self.longest);
        (self.promised <= window / 2).then(|| window - self.promised)
    }

    /// Waits for the next message, and subscribes first if that was not done.
    pub(super) async fn next(&mut self) -> Result<Counted, StreamError> {
        if self.subscribed.is_none() {
            self.subscribe().await?;
        }
        let since = precise_now();
        // See `at_hand`: what the look below finds is taken out of the budget here.
        coop::consume_budget().await;
        loop {
            let Some(subscribed) = &mut self.subscribed else {
                return Err(StreamError::Closed);
            };
            self.changes.mark_unchanged();
            // Looked at before the mailbox: what came before the loss is in there by then.
            let lost = subscribed.lost(&self.core);
            match subscribed.mailbox.try_recv() {
                Ok(message) => return Ok(message),
                Err(mpsc::error::TryRecvError::Disconnected) => return Err(StreamError::Closed),
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
            if subscribed.overflowed.load(Ordering::Acquire) {
                return Err(StreamError::Overflow {
                    elements: self.options.mailbox() - 1,
                    bytes: self.options.bytes(),
                });
            }
            if let Some(node) = lost {
                return Err(StreamError::Lost { node });
            }
            if let Some(more) = self.due_demand() {
                self.demand_wait(more).await?;
                continue;
            }
            let limit = self.limit(since);
            let wait = wait(self.subscribed.as_mut(), &mut self.changes);
            let woken = match limit {
                Some((by, _)) => self.core.home.by(by, wait).await,
                None => Some(wait.await),
            };
            match (woken, limit) {
                (Some(Some(message)), _) => return Ok(message),
                (Some(None), _) => {}
                (None, Some((_, error))) => return Err(error),
                (None, None) => return Err(StreamError::Closed),
            }
        }
    }

    /// Returns until when something must come that was waited for since then, and the error if it does
    /// not.
    fn limit(&self, since: Instant) -> Option<(Instant, StreamError)> {
        if self.longest.is_some() {
            let after = self.options.silent_for()?;
            let by = since.checked_add(after)?;
            return Some((by, StreamError::Silent { after }));
        }
        let after = self.options.first_within();
        let begun = self.subscribed.as_ref().map_or(since, |it| it.at);
        let producer = self.producer.uri().to_owned();
        let error = StreamError::NoAnswer { producer, after };
        Some((begun.checked_add(after)?, error))
    }

    /// Asks for more elements, and waits for capacity if there is none.
    async fn demand_wait(&mut self, more: usize) -> Result<(), StreamError> {
        let producer = BoundRef::new(&self.core, self.producer.clone());
        match producer.tell_wait(demand(more)).await {
            Ok(()) => self.promised += more,
            // Tried again, unless the wait ends meanwhile: the connection is looked at first.
            Err(full) if is_full(&full) => {}
            Err(error) => return Err(refused(error)),
        }
        Ok(())
    }

    /// Waits until the producer's node is connected, and subscribes.
    async fn subscribe(&mut self) -> Result<(), StreamError> {
        let node = self.producer.parts().map_err(TellError::from)?;
        let node = node.node_address().ok_or(TellError::LocalReference)?;
        let here = node == *self.core.identity.address();
        let peer = if here {
            None
        } else {
            Some(self.connected(&node).await?)
        };
        let path = self.core.streams.path();
        let limits = MailboxLimits {
            messages: self.options.mailbox(),
            bytes: self.options.bytes() + END,
            actors: self.core.limits.actors,
        };
        let overflowed = Arc::new(AtomicBool::new(false));
        let closed = || self.core.is_closed();
        let flag = Arc::clone(&overflowed);
        let opened = self.core.mailboxes.open_strict(&path, limits, flag, closed);
        let mailbox = opened.map_err(|error| not_opened(&error))?;
        // The address of this very connection, so that elements come by it and by no secondary one: its
        // end is the end of the stream.
        let uri = match &peer {
            Some(peer) => peer.identity.uri(&path),
            None => self.core.identity.uri(&path),
        };
        let consumer: ActorRef<StreamConsumerMessage<Value>> = ActorRef::from_uri_unchecked(uri);
        self.core.streams.open(&path, self.producer.clone().cast());
        // From here on the drop of this ends it.
        self.subscribed = Some(Subscribed {
            path,
            mailbox,
            overflowed,
            by: peer.map(|peer| (node, peer.id)),
            at: precise_now(),
        });
        let first = self.options.window(None);
        let subscribe = ToProducer::Subscribe(Subscribe {
            consumer,
            demand: first as u64,
        });
        let producer = BoundRef::new(&self.core, self.producer.clone());
        let within = self.options.first_within();
        let told = producer.tell_within(subscribe, within).await;
        told.map_err(refused)?;
        self.promised = first;
        Ok(())
    }

    /// Waits for the connection to the producer's node.
    async fn connected(&mut self, node: &NodeAddress) -> Result<Arc<Peer>, StreamError> {
        let after = self.options.first_within();
        let deadline = from_now(after);
        loop {
            self.changes.mark_unchanged();
            if self.core.is_closed() {
                return Err(StreamError::Closed);
            }
            if let Some(peer) = self.core.connected.read().get(node) {
                return Ok(Arc::clone(peer));
            }
            if precise_now() >= deadline {
                let node = node.clone();
                return Err(StreamError::NotConnected { node, after });
            }
            self.core.want(node);
            let again = from_now(WANTED).min(deadline);
            let changed = self.changes.changed();
            self.core.home.by(again, changed).await;
        }
    }
}

impl Subscribed {
    /// Returns the producer's node if the connection by which its elements come has ended.
    fn lost(&self, core: &Core) -> Option<NodeAddress> {
        let (node, by) = self.by.as_ref()?;
        let connected = core.connected.read();
        let peer = connected.get(node);
        (peer.map(|peer| peer.id) != Some(*by)).then(|| node.clone())
    }
}

impl Drop for Consumer {
    /// Has the producer stop, if it is known to have this consumer; else once it sends something.
    fn drop(&mut self) {
        let Some(mut subscribed) = self.subscribed.take() else {
            return;
        };
        let confirmed = self.longest.is_some() || subscribed.mailbox.try_recv().is_ok();
        let cancel = ToProducer::StreamCancel(StreamCancel {});
        let told = self.completed
            || (confirmed && bound_ref::tell(&self.core, &self.producer, &cancel).is_ok());
        // Before the mailbox is removed: what comes from then on finds the producer here.
        self.core.streams.end(&subscribed.path, told);
        self.core.mailboxes.remove(&subscribed.path);
    }
}

/// Waits for a message, or until the connected nodes have changed.
async fn wait(
    subscribed: Option<&mut Subscribed>,
    changes: &mut watch::Receiver<u64>,
) -> Option<Counted> {
    let mailbox = &mut subscribed?.mailbox;
    tokio::select! {
        biased;
        // `None`: the client has ended, which the next look finds.
        message = mailbox.recv() => message,
        _ = changes.changed() => None,
    }
}

fn demand(elements: usize) -> ToProducer {
    ToProducer::StreamDemand(StreamDemand { n: elements as u64 })
}

fn refused(error: TellError) -> StreamError {
    match error {
        TellError::Closed => StreamError::Closed,
        error => StreamError::Refused(error),
    }
}

fn not_opened(error: &SpawnError) -> StreamError {
    match error {
        SpawnError::TooMany { limit } => StreamError::TooMany { limit: *limit },
        // The path is drawn, so it is neither taken nor wrong.
        SpawnError::Closed | SpawnError::Name(_) | SpawnError::Taken(_) => StreamError::Closed,
    }
}
