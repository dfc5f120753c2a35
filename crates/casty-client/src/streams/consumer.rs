//! One subscription to a producer: its demand, its deadlines and its end.

use std::any::type_name;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use casty_proto::message::streams::{
    StreamCancel, StreamConsumerMessage, StreamDemand, StreamProducerMessage, Subscribe,
};
use casty_proto::{ActorRef, NodeAddress, Value};
use tokio::sync::mpsc;
use tokio::task::coop;

use crate::client::bound_ref::{self, BoundRef};
use crate::error::{SpawnError, TellError};
use crate::mailboxes::{MailboxLimits, Strict};
use crate::message::{Encoded, Plain};
use crate::node::peer::Peer;
use crate::pending_asks::id::PeerId;
use crate::runtime::byte_limit::Counted;
use crate::runtime::clock::{from_now, precise_now};
use crate::send::Core;
use crate::send::wait::is_full;
use crate::streams::bound;
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
    /// The changes that were looked at: of connected nodes, and of messages that found no place.
    seen: u64,
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
            seen: core.streams.changes().count(),
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
            && self.ask_now(more)
        {
            self.promised += more;
        }
    }

    /// Asks for more elements, by the connection by which they come: the next one may lead to another
    /// producer, whose consumer that would harm. Returns whether there was capacity.
    fn ask_now(&self, more: usize) -> bool {
        let by = self.subscribed.as_ref().and_then(|it| it.by.as_ref());
        let (Some((node, by)), Ok(uri)) = (by, self.producer.parts()) else {
            return bound_ref::tell(&self.core, &self.producer, &demand(more)).is_ok();
        };
        let told = self.core.encoded(&Plain(&demand(more)), |class, message| {
            let sent = self.core.send_by((node, *by), (uri.path, class), message);
            sent.unwrap_or(Err(TellError::NoSuchActor))
        });
        told.is_ok()
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
            let (limit, more) = (self.limit(since), self.due_demand());
            let Some(subscribed) = &mut self.subscribed else {
                return Err(StreamError::Closed);
            };
            self.seen = self.core.streams.changes().count();
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
            let asking = asking(&self.core, (&self.producer, subscribed.by.as_ref()), more);
            let changed = self.core.streams.changes().since(self.seen);
            let wait = wait(&mut subscribed.mailbox, changed, asking);
            let woken = match limit {
                Some((by, _)) => self.core.home.by(by, wait).await,
                None => Some(wait.await),
            };
            match (woken, limit) {
                (Some(Woken::Message(message)), _) => return Ok(message),
                (Some(Woken::Asked(Ok(more))), _) => self.promised += more,
                (Some(Woken::Asked(Err(error))), _) if !is_full(&error) => {
                    return Err(refused(error));
                }
                // Looked at again: the connection first.
                (Some(Woken::Asked(Err(_)) | Woken::Changed), _) => {}
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
        let strict = Strict {
            by: peer.as_ref().map(|peer| peer.id),
            overflowed: Arc::clone(&overflowed),
        };
        let opened = self
            .core
            .mailboxes
            .open_strict(&path, limits, strict, closed);
        let mailbox = opened.map_err(|error| not_opened(&error))?;
        // The address of this very connection, whose end is the end of the stream: elements come by it,
        // and are not let in by any that takes the address later.
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
            self.seen = self.core.streams.changes().count();
            if self.core.is_closed() {
                return Err(StreamError::Closed);
            }
            let gone = self.core.is_gone(node);
            let peer = self.core.connected.read().get(node).cloned();
            if let Some(peer) = peer.filter(|_| !gone) {
                return Ok(peer);
            }
            if precise_now() >= deadline {
                let node = node.clone();
                return Err(StreamError::NotConnected { node, after });
            }
            self.core.want(node);
            let again = from_now(WANTED).min(deadline);
            let changed = self.core.streams.changes().since(self.seen);
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

/// The end of a wait.
enum Woken {
    Message(Counted),
    /// There is something to look at.
    Changed,
    /// More elements were asked for, so many, or could not be.
    Asked(Result<usize, TellError>),
}

/// Waits for a message, until the connected nodes have changed, or until more elements are asked for.
async fn wait(
    mailbox: &mut mpsc::Receiver<Counted>,
    changed: impl Future<Output = ()>,
    asking: impl Future<Output = Result<usize, TellError>>,
) -> Woken {
    tokio::select! {
        biased;
        // `None`: the client has ended, which the next look finds.
        message = mailbox.recv() => message.map_or(Woken::Changed, Woken::Message),
        () = changed => Woken::Changed,
        asked = asking => Woken::Asked(asked),
    }
}

/// Asks a producer for more elements, and waits for capacity if there is none; for ever if none are
/// wanted.
async fn asking(
    core: &Arc<Core>,
    (producer, by): (&ActorRef<ToProducer>, Option<&(NodeAddress, PeerId)>),
    more: Option<usize>,
) -> Result<usize, TellError> {
    let Some(more) = more else {
        return pending().await;
    };
    let message = demand(more);
    let Some((node, by)) = by else {
        return bound_ref::tell(core, producer, &message).map(|()| more);
    };
    let path = producer.parts()?.path;
    let (class, bytes) = bound::encoded(core, &message)?;
    let encoded = Encoded {
        bytes: &bytes,
        kind: type_name::<ToProducer>(),
        trace: None,
    };
    match bound::send(core, (node, *by), (path, &class), encoded).await {
        Some(sent) => sent.map(|()| more),
        // The next look finds that the connection has ended.
        None => pending().await,
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
