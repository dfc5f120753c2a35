//! The orderly end of a client: its messages written, its subscriptions and connections ended.

use std::pin::pin;
use std::sync::Arc;
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
/// The longest time that an orderly end takes beyond its deadline. Its acquires, its connections, its
/// transport and those of its actors that are aborted have [`CLOSING`] each, and tasks are not woken to
/// the moment.
///
/// Beyond it, a close returns although something has not ended.
pub(crate) const AFTERWARDS: Duration = CLOSING.saturating_mul(5);
/// The time between two checks of a closing client for messages that are not written yet.
const DRAIN_CHECK: Duration = Duration::from_millis(5);

impl Control {
    /// Waits until all messages are written and handled and all asks have ended, then unsubscribes and
    /// closes every connection. Publishes whether every accepted message was written, and no connection had
    /// to be cut while a peer may have lacked some of what was.
    pub(super) async fn close(
        &mut self,
        deadline: Instant,
        snapshots: &mut mpsc::Receiver<Snapshot>,
    ) {
        let begun = precise_now();
        // The request for the end has set it already.
        self.core.closed.store(true, Ordering::SeqCst);
        self.core.acquires.close();
        // They handle what they have, and can answer it as long as the router is open.
        self.core.mailboxes.close_actors();
        let deadline = self.drain(deadline, snapshots).await;
        self.end_acquires(snapshots).await;
        let mut drained = self.is_written();
        self.core.route(|routing| routing.close(&self.core));
        self.subscription
            .handle(self.time.now(), SubscriptionInput::Close);
        self.pump_subscription();
        self.cancel_streams();
        drained &= self.close_connections(deadline).await;
        // A transport may still have bytes of its own that were written and would be lost with the
        // process.
        let received = self.transport.drained();
        let timeout = deadline.saturating_duration_since(precise_now());
        tokio::time::timeout(timeout.max(CLOSING), received)
            .await
            .ok();
        // Before the actors, whose handlers are the user's code: it says nothing of them.
        self.core.drained.set(drained).ok();
        // They have had this time already. What is left is for the tasks that are just about to end.
        let handling = CLOSING.saturating_sub(precise_now().duration_since(begun));
        let handling = handling.max(DRAIN_CHECK);
        self.core.mailboxes.end(handling, CLOSING).await;
    }

    /// Waits until nothing waits any more, for what the client accepts no more of. Returns the deadline,
    /// which may have become an earlier one.
    async fn drain(
        &mut self,
        mut deadline: Instant,
        snapshots: &mut mpsc::Receiver<Snapshot>,
    ) -> Instant {
        let core = Arc::clone(&self.core);
        while precise_now() < deadline && !self.is_idle() {
            let next = tokio::time::timeout(DRAIN_CHECK, self.next(snapshots));
            // Both lose nothing when they are dropped.
            tokio::select! {
                biased;
                next = next => if let Ok(Some(sooner)) = next {
                    deadline = deadline.min(sooner);
                },
                () = core.mailboxes.actor_ended() => {}
            }
            self.pump();
        }
        deadline
    }

    /// Closes every connection once it is written out. Returns whether none had to be cut while its peer
    /// may have lacked some of what was written.
    async fn close_connections(&mut self, deadline: Instant) -> bool {
        for peer in self.peers.values().chain(self.secondaries.values()) {
            peer.outbox.drain();
        }
        let closing = tokio::time::timeout(CLOSING, self.all_ended());
        if closing.await.is_ok() {
            return true;
        }
        // Connections with messages in flight have the rest of the time.
        self.abort_where(|peer| !peer.outbox.is_in_flight());
        let timeout = deadline.saturating_duration_since(precise_now());
        let closing = tokio::time::timeout(timeout, self.all_ended());
        if closing.await.is_ok() {
            return true;
        }
        let cut = self.peers.values().any(|peer| peer.outbox.is_in_flight());
        self.abort_where(|_| true);
        self.all_ended().await;
        !cut
    }

    /// Ends the acquires. Their last messages are taken, for the router is not closed yet, and have a moment
    /// to find a route, or capacity in an outbox, and an answer.
    async fn end_acquires(&mut self, snapshots: &mut mpsc::Receiver<Snapshot>) {
        let core = Arc::clone(&self.core);
        let mut ended = pin!(core.acquires.end(CLOSING));
        loop {
            tokio::select! {
                biased;
                () = &mut ended => return,
                // It is the end already, so a sooner one changes nothing.
                _ = self.next(snapshots) => self.pump(),
            }
        }
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

    /// Returns whether neither a message nor an ask waits, nor anything that may send one more.
    fn is_idle(&self) -> bool {
        // In this order: what has just ended may have sent its last message before.
        !self.core.mailboxes.any_actor()
            && self.core.acquires.open() == 0
            && !self.core.asks.any_awaited()
            && self.is_written()
    }
}
