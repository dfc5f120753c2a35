//! The connections to nodes: their dials, their use and their ends.

use std::sync::Arc;

use casty_proto::{Chain, NodeAddress};
use casty_routing::{
    Connections, ConnectionsInput, ConnectionsOutput, RenewalInput, SubscriptionInput, View,
};
use casty_transport::{ConnectError, Connection, ConnectionEnd, connect, drive, identify};
use casty_transport::{Leftover, OutboxLimits};
use tracing::Instrument;

use super::other_versions::is_closed;
use super::spans::DialSpan;
use super::{Control, Done};
use crate::control::inbound::Inbound;
use crate::error::ReadyError;
use crate::message::Tag;
use crate::node::identity::Identity;
use crate::node::peer::{NewPeer, Peer};
use crate::pending_asks::id::PeerId;

/// The number of addresses whose last failure is kept.
const FAILURES: usize = 64;

impl Control {
    /// Handles an address that cannot be connected.
    pub(super) fn cannot_connect(&mut self, dialled: NodeAddress, error: ConnectError) {
        self.note_failure(&dialled, error);
        self.tell_other_versions(&dialled);
        self.failed(dialled);
    }

    /// Tells those that wait for the first view that there will be none, if nodes of other versions of casty are at
    /// all contacts; or no longer, after a dial of this address.
    fn tell_other_versions(&self, dialled: &NodeAddress) {
        let failures = self.core.dial_failures.lock();
        let found = |contact| {
            let failure = failures.get(contact);
            failure.filter(|error| matches!(error, ConnectError::OtherVersion { .. }))
        };
        let was_told = matches!(
            *self.ready_errors.borrow(),
            Some(ReadyError::OtherVersion(_))
        );
        // All contacts are looked at only where they may change what is told.
        if !was_told && found(dialled).is_none() {
            return;
        }
        let all: Option<Vec<_>> = self.connections.contacts().map(found).collect();
        let first = all.and_then(|all| all.first().copied().cloned());
        let first = first.filter(|_| self.peers.is_empty());
        self.ready_errors.send_if_modified(|told| {
            match &first {
                Some(error) => *told = Some(ReadyError::OtherVersion(error.clone())),
                None if was_told => *told = None,
                None => {}
            }
            was_told || first.is_some()
        });
    }

    /// Handles a dial that failed.
    fn failed(&mut self, dialled: NodeAddress) {
        self.views.lost(&dialled);
        let now = self.time.now();
        let input = ConnectionsInput::Failed {
            dialled: dialled.clone(),
        };
        self.connections.handle(now, input);
        // First, so that messages that have another route take it: they need no further dial.
        self.pump_connections();
        // Locked while the engine takes the request, which takes no lock of its own.
        let mut routing = self.core.routing.lock();
        if routing.router.wants_connection(&dialled) {
            self.connections
                .handle(now, ConnectionsInput::Want(dialled));
        }
        drop(routing);
    }

    /// Keeps the last failure of an address. At the limit, addresses that are of no more interest
    /// give way to one that is. Warns of the first failure since the address was connected, and of
    /// one for another reason.
    pub(super) fn note_failure(&mut self, dialled: &NodeAddress, error: ConnectError) {
        self.core.counters.failed_dials.add(1);
        // Locked while the view is read, as the lock order has them.
        let mut failures = self.core.dial_failures.lock();
        let known = failures.contains_key(dialled);
        if !known && failures.len() >= FAILURES {
            let view = self.core.view.borrow().clone();
            let connections = &self.connections;
            let interest = |node: &NodeAddress| is_of_interest(connections, view.as_deref(), node);
            // Not again for the same view if nothing gave way.
            let same =
                |crowded: &Arc<View>| view.as_ref().is_some_and(|it| Arc::ptr_eq(crowded, it));
            if !self.crowded.as_ref().is_some_and(same) && interest(dialled) {
                failures.retain(|node, _| interest(node));
                self.told_failures.retain(interest);
                self.crowded = view.filter(|_| failures.len() >= FAILURES);
            }
        }
        let kept = known || failures.len() < FAILURES;
        let now = self.time.now();
        let text = || Chain(&error).to_string();
        if kept && self.told_failures.is_news(now, dialled, &text()) {
            tracing::warn!(node = %dialled, error = %Chain(&error), "cannot be connected; dialled again until it can");
        } else {
            tracing::debug!(node = %dialled, error = %Chain(&error), "cannot be connected");
        }
        if kept {
            failures.insert(dialled.clone(), error);
        }
    }

    /// Takes a connection just made into use, unless it is a duplicate.
    pub(super) fn dialled(
        &mut self,
        dialled: &NodeAddress,
        identity: Arc<Identity>,
        connection: Connection,
    ) {
        let canonical = connection.peer.clone();
        if !self
            .connections
            .admits(dialled, &canonical, connection.covered)
        {
            let error = ConnectError::Misnamed {
                dialled: dialled.clone(),
                announced: canonical,
            };
            return self.cannot_connect(dialled.clone(), error);
        }
        self.core.dial_failures.lock().remove(dialled);
        self.told_failures.forget(dialled);
        self.other_versions.forget(dialled);
        self.tell_other_versions(dialled);
        if *dialled != canonical {
            // Messages for actors at the dialled address may be meant for another node than this.
            self.core
                .route(|routing| routing.suspected(&self.core, dialled.clone()));
        }
        let input = ConnectionsInput::Connected {
            dialled: dialled.clone(),
            canonical: canonical.clone(),
        };
        self.connections.handle(self.time.now(), input);
        if self.pump_connections().contains(dialled) {
            return;
        }
        if !self.connections.is_connected(&canonical) {
            // Closed by the engine, which has no use for it: before anything was sent on it, but the
            // node has seen it come and go.
            tracing::debug!(node = %canonical, "connected, and closed as nothing needs it");
            return self.renewal_lost(canonical);
        }
        if let Some(former) = self.peers.get(&canonical) {
            // The engine has closed it: it is about to end.
            former.outbox.abort();
            let input = ConnectionsInput::Lost { node: canonical };
            return self.connections.handle(self.time.now(), input);
        }
        tracing::info!(node = %canonical, identity = %identity.address(), "connected");
        self.core.count_connected(&canonical);
        let renewed = identity.address() != self.core.identity.address();
        let (peer, driven) = self.peer(canonical.clone(), identity, connection);
        self.peers.insert(canonical.clone(), Arc::clone(&peer));
        let running = Arc::clone(&peer);
        self.tasks.spawn(async move {
            let (end, leftover) = driven.await;
            Done::Ended {
                peer: running,
                end,
                leftover,
            }
        });
        if renewed {
            let input = RenewalInput::Connected(canonical.clone());
            self.renewal.handle(self.time.now(), input);
            self.pump_renewal();
        }
        // The subscription goes first, whatever else waits for this node.
        self.subscription
            .handle(self.time.now(), SubscriptionInput::Connected(canonical));
        self.pump_subscription();
        self.core
            .route(|routing| routing.connected(&self.core, peer));
    }

    /// Returns the peer of a connection just made, and the future that moves its bytes until it
    /// ends.
    pub(super) fn peer(
        &mut self,
        node: NodeAddress,
        identity: Arc<Identity>,
        connection: Connection,
    ) -> (
        Arc<Peer>,
        impl Future<Output = (ConnectionEnd, Leftover<Tag>)> + Send + 'static,
    ) {
        self.next_peer += 1;
        let core = &self.core;
        let limits = OutboxLimits::new()
            .bytes(core.limits.outbox_bytes)
            .messages(core.limits.outbox_messages)
            .max_frame(core.limits.max_frame);
        let peer = Arc::new(Peer::new(NewPeer {
            id: PeerId(self.next_peer),
            node,
            system: Arc::clone(&core.system),
            sender: core.identity.sender().into(),
            confirmed: identity.address() == core.identity.address(),
            identity,
            limits,
        }));
        let session = Inbound::new(Arc::clone(core), Arc::clone(&peer));
        let (outbox, decoder) = (Arc::clone(&peer.outbox), self.options.decoder());
        let Connection {
            stream, leftover, ..
        } = connection;
        (peer, drive(stream, leftover, outbox, session, decoder))
    }

    /// Handles the end of a connection.
    pub(super) fn ended(
        &mut self,
        peer: &Arc<Peer>,
        end: &ConnectionEnd,
        leftover: &Leftover<Tag>,
    ) {
        tracing::info!(node = %peer.node, error = %Chain(end), "disconnected");
        self.peers.remove(&peer.node);
        self.core
            .route(|routing| routing.lost(&self.core, peer, leftover));
        let now = self.time.now();
        self.subscription
            .handle(now, SubscriptionInput::Disconnected(peer.node.clone()));
        self.renewal_lost(peer.node.clone());
        // Not if the client ended it: then it was no longer needed.
        if !matches!(end, ConnectionEnd::Drained | ConnectionEnd::Aborted) {
            self.views.lost(&peer.node);
            if let Some(reading) = &mut self.reading {
                reading.lost |= reading.from == peer.node;
            }
            let node = peer.node.clone();
            self.connections
                .handle(now, ConnectionsInput::Lost { node });
        }
    }

    /// Tells the renewal engine that a node may have failed to send to this client.
    pub(super) fn renewal_lost(&mut self, node: NodeAddress) {
        if self.core.identity.is_generated() {
            self.renewal
                .handle(self.time.now(), RenewalInput::Lost(node));
        }
    }

    /// Performs the outputs of the connections engine until it waits. Returns the dialled addresses
    /// whose new connection is a duplicate.
    pub(super) fn pump_connections(&mut self) -> Vec<NodeAddress> {
        let mut duplicates = Vec::new();
        self.due[1] = loop {
            match self.connections.poll() {
                ConnectionsOutput::Dial(node) => self.dial(node),
                ConnectionsOutput::Close(node) => {
                    if let Some(peer) = self.peers.get(&node) {
                        peer.outbox.abort();
                    }
                }
                ConnectionsOutput::Duplicate(dialled) => duplicates.push(dialled),
                ConnectionsOutput::Suspect(node) => {
                    self.core
                        .route(|routing| routing.suspected(&self.core, node));
                }
                ConnectionsOutput::Discover => self.discover(),
                ConnectionsOutput::Wait(due) => break due,
            }
        };
        duplicates
    }

    /// Returns whether an address may be that of a connected node, as far as it is known where it
    /// leads: one that the view does not name may be another name of any.
    fn may_be_connected(&self, address: &NodeAddress) -> bool {
        let view = self.core.view.borrow();
        let other = |view: &View| view.member(address).is_none();
        self.peers.contains_key(address)
            || (!self.peers.is_empty() && view.as_deref().is_some_and(other))
    }

    /// Dials a node, under a fresh address if it was lost before, or may be connected under another
    /// name: a node closes the connection that it has when another comes under the same address.
    ///
    /// One that closes the connection is asked which version of casty it is, once in some minutes, and not dialled
    /// for a while if that is another.
    fn dial(&mut self, dialled: NodeAddress) {
        let now = self.time.now();
        if let Some(error) = self.other_versions.refuses(now, &dialled) {
            let not_dialled = async { Done::NotDialled { dialled, error } };
            self.tasks.spawn(not_dialled);
            return;
        }
        let asks = self.other_versions.may_ask(now, &dialled);
        let node = self.connections.leads_to(&dialled).unwrap_or(&dialled);
        let fresh = self.renewal.is_lost(node) || self.may_be_connected(node);
        let fresh = fresh.then(|| self.core.identity.renewed());
        let identity = fresh
            .flatten()
            .map_or_else(|| Arc::clone(&self.core.identity), Arc::new);
        let (transport, options) = (Arc::clone(&self.transport), self.options.clone());
        let span = DialSpan::begin(&dialled, false);
        let spanned = span.clone();
        let dial = async move {
            let mut outcome = connect(&*transport, &dialled, identity.address(), &options).await;
            if asks
                && outcome.as_ref().is_err_and(is_closed)
                && let Some(found) = identify(&*transport, &dialled, &options).await
            {
                outcome = Err(found);
            }
            span.end(&outcome);
            Done::Dialled {
                dialled,
                identity,
                outcome,
            }
        };
        self.tasks.spawn(dial.instrument(spanned.into()));
    }
}

/// Returns whether an address is a contact, or that of a member that is not gone.
pub(super) fn is_of_interest(
    connections: &Connections,
    view: Option<&View>,
    node: &NodeAddress,
) -> bool {
    let member = |view: &View| view.member(node).is_some() && !view.is_gone(node);
    connections.is_contact(node) || view.is_some_and(member)
}
