//! The view of the cluster: its subscription, and the effects of each new view.

use std::sync::Arc;

use casty_proto::message::{
    SubscribeTopology, TOPOLOGY_PATH, TopologySnapshot, UnsubscribeTopology,
};
use casty_proto::{ActorRef, Chain, NodeAddress};
use casty_routing::{
    ConnectionsInput, Offer, RenewalInput, SubscriptionInput, SubscriptionOutput, View,
};

use super::reading::{Outcome, ReadView, ViewReader};
use super::spans::ViewSpan;
use super::{Control, Done, Reading};
use crate::error::{ReadyError, SILENT_HINT};
use crate::message::{Route, Tag};
use crate::node::protocol::{Snapshot, VIEWS_PATH};
use crate::runtime::clock::precise_now;

/// The number of subscriptions whose identity is kept: as many as the engine may have to end.
const SUBSCRIBERS: usize = 128;

/// The longest view in bytes that the control task reads itself: some thousand shards, which take
/// some milliseconds.
const LONG_VIEW: usize = 1024 * 1024;
/// The same for compressed views, which are some fifty times as long when they are read.
const LONG_COMPRESSED_VIEW: usize = 16 * 1024;
/// The most shards of a view that the control task drops itself.
const MANY_SHARDS: usize = 10_000;

impl Control {
    /// Handles a received view, which is refused if it is of another cluster or cannot be read. A
    /// long one is read by a thread of its own, and no other is taken until that is done.
    pub(super) fn snapshot(&mut self, snapshot: Snapshot) {
        let Snapshot {
            from,
            system,
            subscription,
            message,
        } = snapshot;
        if !self.subscription.was_asked(&from, subscription) {
            // Nobody else speaks for the node that was asked, and a number that was never given out
            // would make every real view look old.
            tracing::debug!(node = %from, subscription, "a view that it was not asked for");
            return self.core.counters.inbound_malformed.add(1);
        }
        let span = ViewSpan::begin(&from, subscription);
        if system != self.core.system {
            let expected = Arc::clone(&self.core.system);
            let (node, found) = (from.clone(), system);
            span.end("refused");
            return self.refuse(
                &from,
                ReadyError::OtherSystem {
                    node,
                    found,
                    expected,
                },
            );
        }
        let message = match message {
            Ok(message) => message,
            Err(source) => {
                self.core.counters.inbound_malformed.add(1);
                span.end("refused");
                let node = from.clone();
                return self.refuse(&from, ReadyError::ViewOverLimit { node, source });
            }
        };
        let codec = self.core.codec;
        let repeatable = self.views.is_confirmed_by(subscription);
        let reader = ViewReader {
            codec,
            limits: self.core.limits.decoding,
            fingerprints: self.fingerprints,
            repeatable: self.last_view.filter(|_| repeatable),
            kept: self.views.view().cloned(),
        };
        let longest = if codec.is_compressed() {
            LONG_COMPRESSED_VIEW
        } else {
            LONG_VIEW
        };
        if message.message.len() <= longest {
            let view = reader.read(from, subscription, &message.message);
            return self.take(view, span);
        }
        self.reading = Some(Reading {
            from: from.clone(),
            lost: false,
            span,
        });
        // No other view is taken in meanwhile, so what is read against the one that is kept is up to
        // date when it is done.
        self.tasks.spawn_blocking(move || {
            let view = reader.read(from, subscription, &message.message);
            Done::ReadView(Box::new(view))
        });
    }

    /// Takes in a view that was read, or refuses it if it could not be.
    pub(super) fn take(&mut self, view: ReadView, span: ViewSpan) {
        let ReadView {
            from,
            subscription,
            outcome,
        } = view;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.core.counters.inbound_malformed.add(1);
                span.end("refused");
                let error = ReadyError::unread(from.clone(), error);
                return self.refuse(&from, error);
            }
        };
        self.core.counters.views.add(1);
        self.core.vitals.confirm(precise_now());
        self.told_refusals.forget(&from);
        self.subscribing.taken(subscription);
        self.ready_errors
            .send_if_modified(|ready_error| ready_error.take().is_some());
        let now = self.time.now();
        let input = SubscriptionInput::Snapshot { from, subscription };
        self.subscription.handle(now, input);
        let Outcome::Read(view, fingerprint) = outcome else {
            span.end("repeated");
            return self.views.confirm();
        };
        match self.views.offer_view(now, subscription, view) {
            Offer::Superseded => return span.end("superseded"),
            Offer::Unchanged => span.end("unchanged"),
            Offer::Fresh(view) => {
                self.apply(Arc::clone(&view));
                span.fresh(&view);
            }
        }
        self.last_view = Some(fingerprint);
    }

    /// Notes the reason for which a view cannot be used; its node counts as one that sends none.
    ///
    /// It sends the next one in a quarter of a second, so a reason is told once.
    fn refuse(&mut self, from: &NodeAddress, ready_error: ReadyError) {
        let reason = Chain(&ready_error).to_string();
        if self.told_refusals.is_news(self.time.now(), from, &reason) {
            tracing::warn!(node = %from, error = %reason, "view refused");
        } else {
            tracing::debug!(node = %from, error = %reason, "view refused");
        }
        self.ready_errors.send_replace(Some(ready_error));
    }

    /// Hands a new view to the engines, and publishes it once all of them have it.
    fn apply(&mut self, view: Arc<View>) {
        let now = self.time.now();
        let live: Vec<_> = view
            .live_members()
            .map(|member| member.address.clone())
            .collect();
        let gone = view.gone_members();
        let gone = gone.map(|member| member.address.clone()).collect();
        for node in self.renewal.forgotten(|node| view.member(node).is_some()) {
            self.renewal.handle(now, RenewalInput::Gone(node));
        }
        self.distrust_new_leader(&view);
        let input = SubscriptionInput::Live(live.iter().cloned().collect());
        self.subscription.handle(now, input);
        self.connections
            .handle(now, ConnectionsInput::View { live, gone });
        self.revoke(&view);
        self.core
            .route(|routing| routing.view(&self.core, Arc::clone(&view)));
        self.resume(&view);
        let replaced = self.published.send_replace(Some(view));
        self.core.views.note();
        if let Some(replaced) = replaced {
            retire(replaced);
        }
    }

    /// Has a new leader that is not connected be dialled under a fresh address: the former one may have passed
    /// on to it what this client asked, and it then failed to send to the client. A dial that is under way goes
    /// on under the first address.
    fn distrust_new_leader(&mut self, view: &View) {
        let Some(leader) = view.leader() else {
            return;
        };
        let former = self.last_leader.replace(leader.clone());
        if former.is_some_and(|former| former != *leader) && !self.peers.contains_key(leader) {
            self.renewal_lost(leader.clone());
        }
    }

    /// Requeues the unsent messages for nodes that a view avoids or does not name: all messages for
    /// nodes that are gone but those that are bound to the connection, and for the others those that another
    /// node may get.
    ///
    /// Before the router has the view, so that no newer message takes another route first.
    fn revoke(&self, view: &View) {
        for peer in self.peers.values() {
            let matches: fn(&Tag) -> bool = match &peer.node {
                node if view.is_gone(node) => |tag| tag.route != Route::Connection,
                node if !view.is_live(node) => {
                    |tag| !matches!(tag.route, Route::Node | Route::Connection)
                }
                _ => continue,
            };
            self.core
                .route(|routing| routing.revoke(&self.core, peer, matches));
        }
    }

    /// Resumes sending to nodes that the view no longer avoids, and, for nodes that it avoids but
    /// does not call gone, sending of messages that no other node may get.
    fn resume(&self, view: &View) {
        for peer in self.peers.values() {
            if !view.is_gone(&peer.node) && (view.avoids(&peer.node) || peer.outbox.resume()) {
                self.core.route(|routing| routing.ready(&self.core, peer));
            }
        }
    }

    /// Performs the outputs of the subscription engine until it waits.
    pub(super) fn pump_subscription(&mut self) {
        self.due[0] = loop {
            match self.subscription.poll() {
                SubscriptionOutput::Subscribe { to, subscription } => {
                    self.note_subscriber(&to, subscription);
                    self.subscribing.begin(&to, subscription);
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
                    self.subscribing.given_up(subscription);
                    self.send_to_topology(&from, &UnsubscribeTopology { subscriber });
                }
                SubscriptionOutput::Silent(node) => {
                    self.subscribing.silent(&node);
                    self.tell_silent(&node);
                }
                SubscriptionOutput::Stale { .. } => {
                    tracing::warn!("no node keeps the view of the cluster up to date");
                    // They may be gone without notice, and another cluster at their addresses.
                    self.peers.keys().for_each(|node| self.views.lost(node));
                }
                SubscriptionOutput::Wait(due) => break due,
            }
        };
    }

    /// Tells of a connected node that sends no view for some seconds.
    fn tell_silent(&self, node: &NodeAddress) {
        if self.core.view.borrow().is_some() {
            tracing::warn!(%node, "the node is connected, and no view has come from it in time");
            return;
        }
        // As `ready` tells it.
        tracing::warn!(%node, "connected to {node}, {SILENT_HINT}");
    }

    /// Sends a message to the actor of a connected node that keeps its view.
    fn send_to_topology<M: serde::Serialize>(&self, node: &NodeAddress, message: &M) {
        if let Some(peer) = self.peers.get(node) {
            self.core.send_control(peer, TOPOLOGY_PATH, message);
        }
    }

    /// Returns the reference to which the views of a subscription are sent.
    fn views_ref(&self, subscription: u64) -> ActorRef<TopologySnapshot> {
        let path = format!("{VIEWS_PATH}{subscription}");
        let identity = self.subscribers.get(&subscription);
        ActorRef::from_uri_unchecked(identity.unwrap_or(&self.core.identity).uri(&path))
    }

    /// Notes the identity under which a subscription is made.
    pub(super) fn note_subscriber(&mut self, node: &NodeAddress, subscription: u64) {
        let peer = self.peers.get(node);
        let identity = peer.map_or(&self.core.identity, |peer| &peer.identity);
        self.subscribers.insert(subscription, Arc::clone(identity));
        if self.subscribers.len() > SUBSCRIBERS {
            self.subscribers.pop_first();
        }
    }
}

/// Drops a view that was replaced: by a thread of its own if it has many shards, for each that is not
/// shared takes some 50 ns.
fn retire(view: Arc<View>) {
    let shards: usize = view.regions().map(|(_, shards)| shards.len()).sum();
    if shards > MANY_SHARDS {
        // Nobody waits for it.
        drop(tokio::task::spawn_blocking(move || drop(view)));
    }
}
