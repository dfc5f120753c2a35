//! The view of the cluster: who feeds it, and what is made of what comes in.

use std::sync::Arc;

use casty_proto::message::{
    SubscribeTopology, TOPOLOGY_PATH, TopologySnapshot, UnsubscribeTopology,
};
use casty_proto::{ActorRef, NodeAddress};
use casty_routing::{
    ConnectionsInput, Offer, RenewalInput, SubscriptionInput, SubscriptionOutput, View,
};

use super::Control;
use crate::error::ReadyError;
use crate::message::{Route, Tag};
use crate::node::protocol::{Snapshot, VIEWS_PATH};
use crate::runtime::clock::precise_now;

/// Subscriptions of which it is remembered under which address they were made: as many as the
/// engine may want to end.
const SUBSCRIBERS: usize = 128;

impl Control {
    pub(super) fn snapshot(&mut self, snapshot: &Snapshot) {
        let Snapshot {
            from,
            system,
            subscription,
            message,
        } = snapshot;
        if !self.subscription.was_made(*subscription) {
            // It would make every real one look old.
            return self.core.counters.inbound_malformed.add(1);
        }
        if *system != self.core.system {
            let expected = Arc::clone(&self.core.system);
            let (node, found) = (from.clone(), Arc::clone(system));
            return self.refuse(
                from,
                ReadyError::OtherSystem {
                    node,
                    found,
                    expected,
                },
            );
        }
        let limits = self.core.decoding();
        let snapshot: TopologySnapshot = match self.core.codec.decode(message, &limits) {
            Ok(snapshot) => snapshot,
            Err(source) => {
                self.core.counters.inbound_malformed.add(1);
                return self.refuse(
                    from,
                    ReadyError::Unreadable {
                        node: from.clone(),
                        source,
                    },
                );
            }
        };
        self.core.counters.views.add(1);
        self.ready_errors
            .send_if_modified(|ready_error| ready_error.take().is_some());
        let now = precise_now();
        let input = SubscriptionInput::Snapshot {
            from: from.clone(),
            subscription: *subscription,
        };
        self.subscription.handle(now, input);
        if let Offer::Fresh(view) = self.views.offer(now, *subscription, snapshot) {
            self.take_in(view);
        }
    }

    /// Takes note of a view that cannot be used; its node counts as one that sends none.
    fn refuse(&self, from: &NodeAddress, ready_error: ReadyError) {
        tracing::warn!(node = %from, error = &ready_error as &dyn std::error::Error, "view refused");
        self.ready_errors.send_replace(Some(ready_error));
    }

    pub(super) fn take_in(&mut self, view: Arc<View>) {
        let now = precise_now();
        let live: Vec<_> = view
            .live_members()
            .map(|member| member.address.clone())
            .collect();
        let members = view.members().iter().map(|member| &member.address);
        let gone = members.filter(|node| view.is_gone(node)).cloned().collect();
        for node in self.renewal.forgotten(|node| view.member(node).is_some()) {
            self.renewal.handle(now, RenewalInput::Gone(node));
        }
        let input = SubscriptionInput::Live(live.iter().cloned().collect());
        self.subscription.handle(now, input);
        self.connections
            .handle(now, ConnectionsInput::View { live, gone });
        self.revoke(&view);
        self.core
            .route(|routing| routing.view(&self.core, Arc::clone(&view)));
        self.resume(&view);
        self.published.send_replace(Some(view));
    }

    /// Takes back what waits for nodes that a view avoids or does not name, before newer messages can
    /// take another way: everything for those that are gone, what is for shards for the others.
    fn revoke(&self, view: &View) {
        for peer in self.peers.values() {
            let which: fn(&Tag) -> bool = match &peer.node {
                node if view.is_gone(node) => |_| true,
                node if !view.is_live(node) => |tag| matches!(tag.route, Route::Shard(..)),
                _ => continue,
            };
            self.core
                .route(|routing| routing.revoke(&self.core, peer, which));
        }
    }

    /// Has the nodes that a view does not avoid take messages again, and those that it avoids without
    /// their being gone what is not for shards.
    fn resume(&self, view: &View) {
        for peer in self.peers.values() {
            if !view.is_gone(&peer.node) && (view.avoids(&peer.node) || peer.outbox.resume()) {
                self.core.route(|routing| routing.ready(&self.core, peer));
            }
        }
    }

    pub(super) fn pump_subscription(&mut self) {
        self.due[0] = loop {
            match self.subscription.poll() {
                SubscriptionOutput::Subscribe { to, subscription } => {
                    self.note_subscriber(&to, subscription);
                    let reply_to = self.views_ref(subscription);
                    self.send_to_topology(&to, &SubscribeTopology { reply_to });
                }
                SubscriptionOutput::Probe { to, subscription } => {
                    let reply_to = self.views_ref(subscription);
                    self.send_to_topology(&to, &SubscribeTopology { reply_to });
                }
                SubscriptionOutput::Unsubscribe { from, subscription } => {
                    let subscriber = self.views_ref(subscription);
                    self.subscribers.remove(&subscription);
                    self.send_to_topology(&from, &UnsubscribeTopology { subscriber });
                }
                SubscriptionOutput::Stale { .. } => {
                    tracing::warn!("no node feeds the view of the cluster");
                    // They may be gone without a word, and another cluster at their name.
                    self.peers.keys().for_each(|node| self.views.lost(node));
                }
                SubscriptionOutput::Wait(due) => break due,
            }
        };
    }

    pub(super) fn send_to_topology<M: serde::Serialize>(&self, node: &NodeAddress, message: &M) {
        if let Some(peer) = self.peers.get(node) {
            self.core.send_control(peer, TOPOLOGY_PATH, message);
        }
    }

    fn views_ref(&self, subscription: u64) -> ActorRef<TopologySnapshot> {
        let path = format!("{VIEWS_PATH}{subscription}");
        let identity = self.subscribers.get(&subscription);
        ActorRef::from_uri_unchecked(identity.unwrap_or(&self.core.identity).uri(&path))
    }

    /// Notes under which address a subscription is made.
    fn note_subscriber(&mut self, node: &NodeAddress, subscription: u64) {
        let peer = self.peers.get(node);
        let identity = peer.map_or(&self.core.identity, |peer| &peer.identity);
        self.subscribers.insert(subscription, Arc::clone(identity));
        if self.subscribers.len() > SUBSCRIBERS {
            self.subscribers.pop_first();
        }
    }
}
