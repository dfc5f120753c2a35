//! The task of a producer of this client: its one consumer, and the demand of that.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use casty_proto::message::streams::{
    StreamCancel, StreamCompleted, StreamConsumerMessage, StreamDemand, Subscribe,
};
use casty_proto::{ActorRef, Escaped, NodeAddress, Value};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::sleep_until;

use crate::client::actor::opening::NameGuard;
use crate::error::{TellError, reason};
use crate::message::Encoded;
use crate::pending_asks::id::PeerId;
use crate::runtime::byte_limit::Counted;
use crate::runtime::clock::from_now;
use crate::send::Core;
use crate::streams::bound;

/// The class of the messages that elements are sent in.
const STREAM_ELEMENT: &str = "casty.core.streams.StreamElement";
/// The time between two requests for a connection.
const WANTED: Duration = Duration::from_secs(1);

/// An encoded element that waits for demand.
pub(super) struct Pushed {
    pub(super) message: Vec<u8>,
    /// Its bytes of the buffer, until it is sent.
    pub(super) bytes: OwnedSemaphorePermit,
}

/// The state of a producer, as its owner is told it.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// The number of elements sent.
    pub(super) sent: u64,
    pub(super) end: Option<End>,
}

/// The end of a producer.
#[derive(Debug, Clone)]
pub(super) enum End {
    Completed,
    Cancelled,
    ConsumerLost(NodeAddress),
    Refused(TellError),
    /// Its owner has dropped it.
    GivenUp,
    /// The client has ended.
    Closed,
}

/// The messages that a producer of this client understands. The others are for those of nodes.
#[derive(Deserialize)]
enum ToProducer {
    #[serde(rename = "casty.core.streams.Subscribe")]
    Subscribe(Subscribe<Value>),
    #[serde(rename = "casty.core.streams.StreamDemand")]
    Demand(StreamDemand),
    #[serde(rename = "casty.core.streams.StreamCancel")]
    Cancel(StreamCancel),
}

/// The task of a producer.
pub(super) struct Serving {
    core: Arc<Core>,
    mailbox: mpsc::Receiver<Counted>,
    elements: mpsc::Receiver<Pushed>,
    /// `true` once the stream is to be completed; its sender is gone when it is given up, before or after
    /// that.
    owned: watch::Receiver<bool>,
    progress: watch::Sender<Progress>,
    /// The changes of connected nodes that were looked at.
    seen: u64,
    /// The Rust type of the elements, for dead letters.
    kind: &'static str,
    consumer: Option<Consumer>,
    /// The number of elements that the consumer has asked for and was not sent.
    demand: u64,
    /// Set once it has asked for any.
    asked: bool,
    completing: bool,
}

/// The consumer of a producer.
struct Consumer {
    actor: ActorRef<StreamConsumerMessage<Value>>,
    /// Its node, and the connection to it, by which everything goes; `None` for an actor of this client.
    node: Option<(NodeAddress, Option<PeerId>)>,
}

impl Consumer {
    /// Returns the node if it was not connected yet.
    fn unconnected(&self) -> Option<&NodeAddress> {
        match &self.node {
            Some((node, None)) => Some(node),
            _ => None,
        }
    }
}

impl Serving {
    pub(super) fn new(
        core: &Arc<Core>,
        mailbox: mpsc::Receiver<Counted>,
        elements: mpsc::Receiver<Pushed>,
        owned: watch::Receiver<bool>,
        progress: watch::Sender<Progress>,
        kind: &'static str,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            mailbox,
            elements,
            owned,
            progress,
            seen: core.streams.changes().count(),
            kind,
            consumer: None,
            demand: 0,
            asked: false,
            completing: false,
        }
    }

    /// Serves the consumer until the stream has ended.
    pub(super) async fn run(mut self, name: NameGuard) {
        let mut owned = self.owned.clone();
        let given_up = async move {
            owned.wait_for(|_| false).await.ok();
        };
        // First, and whatever is waited for: nothing is sent, and no end told, for an owner that is gone.
        let end = tokio::select! {
            biased;
            () = given_up => End::GivenUp,
            end = self.serve() => end,
        };
        // First: whoever learns of the end may use the name again.
        drop(name);
        // What waits is dropped with this, and whoever waits for room is told.
        self.progress
            .send_modify(|progress| progress.end = Some(end));
    }

    async fn serve(&mut self) -> End {
        loop {
            let unconnected = self.consumer.as_ref().and_then(Consumer::unconnected);
            let again = unconnected.map(|node| {
                self.core.want(node);
                from_now(WANTED)
            });
            // Not before the consumer has asked for anything: until then those of nodes read nothing,
            // and would miss it.
            let is_last = self.completing && self.asked && self.elements.is_empty();
            if is_last && again.is_none() {
                return self.tell_end().await;
            }
            let asked_for = self.demand > 0 && self.consumer.is_some() && again.is_none();
            // In a fixed order. The first three are few, and nothing sent is worth more than them.
            tokio::select! {
                biased;
                received = self.mailbox.recv() => {
                    let Some(received) = received else {
                        return End::Closed;
                    };
                    if self.received(&received.message) {
                        return End::Cancelled;
                    }
                }
                () = self.core.streams.changes().since(self.seen) => {
                    self.seen = self.core.streams.changes().count();
                    if let Some(node) = self.lost() {
                        return End::ConsumerLost(node);
                    }
                }
                asked = self.owned.changed(), if !self.completing => match asked {
                    Ok(()) => self.completing = true,
                    Err(_) => return End::GivenUp,
                },
                Some(pushed) = self.elements.recv(), if asked_for => {
                    if let Err(end) = self.send(pushed).await {
                        return end;
                    }
                }
                () = until(again) => {}
            }
        }
    }

    /// Handles a message. Returns whether the consumer has cancelled the stream.
    fn received(&mut self, message: &[u8]) -> bool {
        match self.core.codec.decode(message, &self.core.limits.decoding) {
            Ok(ToProducer::Subscribe(subscribe)) => self.subscribed(subscribe),
            Ok(ToProducer::Demand(demand)) => self.asked_for(demand.n),
            Ok(ToProducer::Cancel(_)) => return true,
            Err(error) => {
                self.core.counters.inbound_malformed.add(1);
                tracing::warn!(error = %reason(&error), "a producer of this client cannot read a message");
            }
        }
        false
    }

    fn subscribed(&mut self, Subscribe { consumer, demand }: Subscribe<Value>) {
        let shown = Escaped::new(consumer.uri());
        let node = consumer.parts().ok().and_then(|uri| uri.node_address());
        let Some(node) = node.filter(|_| self.consumer.is_none()) else {
            self.core.counters.inbound_dropped.add(1);
            tracing::warn!(consumer = %shown, "subscription ignored: the producer has a consumer, or that one has no address");
            return;
        };
        let here = node == *self.core.identity.address();
        let peer = self.core.connected.read().get(&node).map(|peer| peer.id);
        self.consumer = Some(Consumer {
            node: (!here).then_some((node, peer)),
            actor: consumer,
        });
        self.asked_for(demand);
    }

    fn asked_for(&mut self, elements: u64) {
        self.demand = self.demand.saturating_add(elements);
        self.asked |= elements > 0 && self.consumer.is_some();
    }

    /// Returns the consumer's node if the connection to it was lost.
    fn lost(&mut self) -> Option<NodeAddress> {
        let (node, known) = self.consumer.as_mut()?.node.as_mut()?;
        let peer = self.core.connected.read().get(node).map(|peer| peer.id);
        if let Some(known) = *known {
            return (peer != Some(known)).then(|| node.clone());
        }
        // One that was not connected yet may be now.
        *known = peer;
        None
    }

    /// Sends an element, and waits for capacity while there is none. Returns the end that is found
    /// meanwhile.
    async fn send(&mut self, Pushed { message, bytes }: Pushed) -> Result<(), End> {
        self.tell(STREAM_ELEMENT, &message).await?;
        drop(bytes);
        self.demand -= 1;
        self.progress.send_modify(|progress| progress.sent += 1);
        Ok(())
    }

    /// Tells the consumer that it has all elements.
    async fn tell_end(&self) -> End {
        let end = StreamConsumerMessage::<Value>::StreamCompleted(StreamCompleted {});
        let (class, message) = match bound::encoded(&self.core, &end) {
            Ok(encoded) => encoded,
            Err(error) => return End::Refused(error),
        };
        match self.tell(&class, &message).await {
            Ok(()) => End::Completed,
            Err(end) => end,
        }
    }

    /// Sends an encoded message to the consumer, and waits for capacity while there is none. All go by one
    /// connection: what the next one brought would come behind those that were lost with it, and no
    /// consumer can see that.
    async fn tell(&self, class: &str, bytes: &[u8]) -> Result<(), End> {
        let consumer = self.consumer.as_ref().ok_or(End::GivenUp)?;
        let uri = consumer.actor.parts();
        let path = uri.map_err(|error| End::Refused(error.into()))?.path;
        let Some((node, by)) = &consumer.node else {
            let delivered = self.core.deliver_here(path, Bytes::copy_from_slice(bytes));
            return delivered.map_err(refused);
        };
        let lost = || End::ConsumerLost(node.clone());
        let by = by.ok_or_else(lost)?;
        let message = Encoded {
            bytes,
            kind: self.kind,
            trace: None,
        };
        let sent = bound::send(&self.core, (node, by), (path, class), message).await;
        sent.ok_or_else(lost)?.map_err(refused)
    }
}

/// Returns the end of a stream of which a message was refused.
fn refused(error: TellError) -> End {
    match error {
        TellError::Closed => End::Closed,
        error => End::Refused(error),
    }
}

/// Waits until then; for ever if there is no such time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => pending().await,
    }
}
