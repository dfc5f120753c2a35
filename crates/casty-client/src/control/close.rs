//! The orderly end of a client: its messages written, its subscriptions and connections ended.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use casty_proto::message::streams::StreamCancel;
use casty_routing::SubscriptionInput;
use tokio::sync::mpsc;

use super::{Control, Done};
use crate::node::peer::Peer;
use crate::node::protocol::Snapshot;
use crate::runtime::clock::precise_now;

/// The time in which connections have to be written out and closed once nothing more is accepted.
const CLOSING: Duration = Duration::from_secs(1);
/// The longest time that an orderly end takes beyond its deadline: its connections, its transport
/// and its actors have [`CLOSING`] each, and tasks are not woken to the moment.
pub(crate) const AFTERWARDS: Duration = CLOSING.saturating_mul(4);
/// The time between two checks of a closing client for messages that are not written yet.
const DRAIN_CHECK: Duration = Duration::from_millis(5);

impl Control {
    /// Waits until all messages are written and all asks have ended, then unsubscribes and closes
    /// every connection. Returns whether every accepted message was written, and no connection had to
    /// be cut while a peer may have lacked some of what was.
    pub(super) async fn close(
        &mut self,
        mut deadline: Instant,
        snapshots: &mut mpsc::Receiver<Snapshot>,
    ) -> bool {
        // The request for the end has set it already.
        self.core.closed.store(true, Ordering::SeqCst);
        self.core.acquires.close();
        while precise_now() < deadline && !self.is_idle() {
            let next = tokio::time::timeout(DRAIN_CHECK, self.next(snapshots));
            if let Ok(Some(sooner)) = next.await {
                deadline = deadline.min(sooner);
            }
            self.pump();
        }
        // Their last messages are taken, for the router is not closed yet.
        self.core.acquires.end(CLOSING).await;
        let mut drained = self.is_written();
        self.core.route(|routing| routing.close(&self.core));
        self.subscription
            .handle(self.time.now(), SubscriptionInput::Close);
        self.pump_subscription();
        self.cancel_streams();
        for peer in self.peers.values().chain(self.secondaries.values()) {
            peer.outbox.drain();
        }
        if tokio::time::timeout(CLOSING, self.all_ended())
            .await
            .is_err()
        {
            // Connections with messages in flight have the rest of the time.
            self.abort_where(|peer| !peer.outbox.is_in_flight());
            let timeout = deadline.saturating_duration_since(precise_now());
            if tokio::time::timeout(timeout, self.all_ended())
                .await
                .is_err()
            {
                drained &= !self.peers.values().any(|peer| peer.outbox.is_in_flight());
                self.abort_where(|_| true);
                self.all_ended().await;
            }
        }
        // A transport may still have bytes of its own that were written and would be lost with the
        // process.
        let received = self.transport.drained();
        let timeout = deadline.saturating_duration_since(precise_now());
        tokio::time::timeout(timeout.max(CLOSING), received)
            .await
            .ok();
        self.core.mailboxes.end(CLOSING).await;
        drained
    }

    /// Tells the producers of streams that are read to stop: they cannot learn of the end in any other
    /// way.
    fn cancel_streams(&self) {
        for (node, producer) in self.core.streams.confirmed_producers() {
            if let Some(peer) = self.peers.get(&node)
                && let Ok(producer) = producer.parts()
            {
                self.core
                    .send_control(peer, producer.path, &StreamCancel {});
            }
        }
    }

    /// Aborts the connections of matching peers.
    fn abort_where(&self, ends: impl Fn(&Peer) -> bool) {
        let all = self.peers.values().chain(self.secondaries.values());
        all.filter(|peer| ends(peer))
            .for_each(|peer| peer.outbox.abort());
    }

    /// Waits until every connection has ended.
    async fn all_ended(&mut self) {
        while !self.peers.is_empty() || !self.secondaries.is_empty() {
            match self.tasks.join_next().await {
                Some(Ok(Done::Ended { peer, leftover, .. })) => {
                    self.peers.retain(|_, current| current.id != peer.id);
                    self.core
                        .route(|routing| routing.lost(&self.core, &peer, &leftover));
                }
                Some(Ok(Done::SecondaryEnded { secondary })) => {
                    self.secondaries
                        .retain(|_, current| current.id != secondary.id);
                    self.count_secondaries();
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Returns whether no message is queued or buffered.
    fn is_written(&self) -> bool {
        let written = self
            .peers
            .values()
            .all(|peer| peer.outbox.pending_messages() == 0);
        written && self.core.routing.lock().buffered() == 0
    }

    /// Returns whether neither a message nor an ask waits.
    fn is_idle(&self) -> bool {
        self.is_written() && !self.core.asks.any_awaited() && self.core.acquires.open() == 0
    }
}
