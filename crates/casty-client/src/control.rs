//! The control task of a client, which performs what the engines of casty-routing decide.
//!
//! It dials nodes, subscribes to their views, hands views and lost connections to the router, and
//! closes everything in the end. It decides nothing itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use casty_proto::{Chain, NodeAddress};
use casty_routing::{
    Connections, ConnectionsConfig, ConnectionsInput, Liveness, LivenessConfig, Renewal,
    RenewalConfig, RenewalInput, Subscription, SubscriptionConfig, SubscriptionInput, View,
    ViewKeeper,
};
use casty_transport::Leftover;
use casty_transport::{ConnectError, ConnectOptions, Connection, ConnectionEnd, Transport};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use crate::discovery::Source;
use crate::error::ReadyError;
use crate::error::discovery::DiscoveryError;
use crate::health::vitals::Signs;
use crate::message::Tag;
use crate::node::identity::Identity;
use crate::node::peer::Peer;
use crate::node::protocol::Snapshot;
use crate::routing::{CapacityRequest, ControlRequests};
use crate::runtime::active_time::ActiveTime;
use crate::runtime::random::Rng;
use crate::send::Core;
use other_versions::OtherVersions;
use reading::{Fingerprint, Fingerprints, ReadView};
use spans::{SubscribeSpan, ViewSpan};
use told::{Reasons, Told};

pub(crate) mod close;
mod connections;
mod discovery;
pub(crate) mod inbound;
mod liveness;
mod other_versions;
mod reading;
mod secondary;
mod spans;
mod told;
mod views;

/// A long view that is being read.
struct Reading {
    from: NodeAddress,
    /// The connection to the node was lost since.
    lost: bool,
    span: ViewSpan,
}

/// The outcome of a task that the control task has started.
enum Done {
    /// A dial, with the identity that was announced.
    Dialled {
        dialled: NodeAddress,
        identity: Arc<Identity>,
        outcome: Result<Connection, ConnectError>,
    },
    /// No dial, of an address at which nothing can be had for now.
    NotDialled {
        dialled: NodeAddress,
        error: ConnectError,
    },
    /// A dial for a secondary connection.
    SecondaryDialled {
        node: NodeAddress,
        outcome: Result<Connection, ConnectError>,
    },
    /// The end of a secondary connection.
    SecondaryEnded { secondary: Arc<Peer> },
    /// The end of a connection, and the messages that were in its outbox.
    Ended {
        peer: Arc<Peer>,
        end: ConnectionEnd,
        leftover: Leftover<Tag>,
    },
    /// A wait for capacity in an outbox that was full.
    Capacity { peer: Arc<Peer> },
    /// The reading of a long view.
    ReadView(Box<ReadView>),
    /// The answer of the program's own source of contact points.
    Discovered(Result<Vec<NodeAddress>, DiscoveryError>),
}

/// An event that the control task waits for.
enum Event {
    /// An engine is to be told the time.
    Due,
    /// The end of a task.
    Done(Result<Done, JoinError>),
    /// A view.
    Snapshot(Snapshot),
    /// The router has requests, or is due earlier than before.
    RouterDue,
}

/// The control task of one client.
pub(crate) struct Control {
    core: Arc<Core>,
    /// The sender of the views that the client publishes. Its drop ends the tasks that follow them.
    published: watch::Sender<Option<Arc<View>>>,
    ready_errors: watch::Sender<Option<ReadyError>>,
    transport: Arc<dyn Transport>,
    options: ConnectOptions,
    /// The program's own source of contact points.
    source: Option<Arc<dyn Source>>,
    connections: Connections,
    subscription: Subscription,
    views: ViewKeeper,
    peers: BTreeMap<NodeAddress, Arc<Peer>>,
    renewal: Renewal,
    /// The last leader that a view has named.
    last_leader: Option<NodeAddress>,
    /// The secondary connections, under the client's first address, to nodes that may have failed to send there.
    secondaries: BTreeMap<NodeAddress, Arc<Peer>>,
    liveness: Liveness,
    /// The identities under which the latest subscriptions were made.
    subscribers: BTreeMap<u64, Arc<Identity>>,
    /// The failures of dials that were told in the log, and the refusals of views.
    told_failures: Told,
    told_refusals: Told,
    other_versions: OtherVersions,
    /// The reasons that were told of the source of contact points since it last did well.
    told_discovery: Option<Reasons>,
    /// The long view that is being read.
    reading: Option<Reading>,
    /// The span of the latest subscription.
    subscribing: SubscribeSpan,
    fingerprints: Fingerprints,
    /// The fingerprint of the view that was taken in last.
    last_view: Option<Fingerprint>,
    /// The view by which all the addresses whose failures are kept are of interest.
    crowded: Option<Arc<View>>,
    next_peer: u32,
    tasks: JoinSet<Done>,
    /// The time of the engines below.
    time: ActiveTime,
    /// The instants, in that time, at which the engines of subscription, connections and renewal are
    /// to be ticked, and connections to be looked at.
    due: [Option<Instant>; 4],
}

/// The parts that a control task is made of.
pub(crate) struct ControlParts {
    pub(crate) core: Arc<Core>,
    /// The sender of the views that the client publishes.
    pub(crate) published: watch::Sender<Option<Arc<View>>>,
    /// The sender of the reasons for which views are refused.
    pub(crate) ready_errors: watch::Sender<Option<ReadyError>>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) options: ConnectOptions,
    /// The addresses that are dialled first.
    pub(crate) contacts: Vec<NodeAddress>,
    /// The source of others.
    pub(crate) source: Option<Arc<dyn Source>>,
}

impl Control {
    /// Creates the control task, which dials the contacts once it [runs](Self::run).
    pub(crate) fn new(parts: ControlParts, rng: &Rng) -> Self {
        let config = ConnectionsConfig::default();
        let mut connections = Connections::new(config, parts.contacts, rng.next_u64());
        if parts.source.is_some() {
            connections = connections.discovering();
        }
        Self {
            core: parts.core,
            published: parts.published,
            ready_errors: parts.ready_errors,
            transport: parts.transport,
            options: parts.options,
            source: parts.source,
            connections,
            subscription: Subscription::new(SubscriptionConfig::default()),
            views: ViewKeeper::new(),
            peers: BTreeMap::new(),
            renewal: Renewal::new(RenewalConfig::default(), rng.next_u64()),
            last_leader: None,
            secondaries: BTreeMap::new(),
            liveness: Liveness::new(LivenessConfig::default()),
            subscribers: BTreeMap::new(),
            told_failures: Told::default(),
            told_refusals: Told::default(),
            other_versions: OtherVersions::default(),
            told_discovery: None,
            reading: None,
            subscribing: SubscribeSpan::default(),
            fingerprints: Fingerprints::new(),
            last_view: None,
            crowded: None,
            next_peer: 0,
            tasks: JoinSet::new(),
            time: ActiveTime::new(),
            due: [None; 4],
        }
    }

    /// Runs until the client is closed, or all its handles are gone.
    pub(crate) async fn run(mut self, mut snapshots: mpsc::Receiver<Snapshot>) {
        self.connections
            .handle(self.time.now(), ConnectionsInput::Tick);
        self.pump();
        loop {
            if let Some(deadline) = self.next(&mut snapshots).await {
                self.close(deadline, &mut snapshots).await;
                return;
            }
            self.pump();
        }
    }

    /// Waits for the next event and handles it. Returns the deadline for the end of the client,
    /// once that is requested.
    ///
    /// # Cancel safety
    /// Safe: an event is handled as soon as it was taken, and those that were not taken are kept.
    async fn next(&mut self, snapshots: &mut mpsc::Receiver<Snapshot>) -> Option<Instant> {
        let core = Arc::clone(&self.core);
        // Read before the wait: a router that is due earlier after this wakes the task.
        let router_due = core.routing.lock().due();
        // Views are taken in the order in which they came.
        let may_read = self.reading.is_none();
        let engines_due = self.due.iter().copied().flatten().min();
        let real = engines_due.map(|due| self.time.real(due));
        let due = async {
            match real.into_iter().chain(router_due).min() {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        // In a fixed order in which no branch starves another. The end comes first, so that a busy
        // client ends in time. Deadlines and the outcomes of tasks are of this task's own making,
        // so they run out; views come last of those that carry something, because nodes send them
        // at will. The router's wake-up carries nothing: its requests are taken after every event.
        // Branches that are not ready are dropped without loss: the two wake-ups, the channel and
        // the set of tasks keep what they have for the next call.
        let event = tokio::select! {
            biased;
            deadline = core.ending.requested() => return Some(deadline),
            () = due => Event::Due,
            Some(done) = self.tasks.join_next() => Event::Done(done),
            Some(snapshot) = snapshots.recv(), if may_read => Event::Snapshot(snapshot),
            () = core.router_due.notified() => Event::RouterDue,
        };
        self.time.woken(engines_due);
        match event {
            Event::Due => self.tick(),
            Event::Done(Ok(done)) => self.done(done),
            Event::Done(Err(error)) => {
                tracing::error!(error = %Chain(&error), "bug: a task of the client panicked");
                // It may be the one that was reading.
                self.reading = None;
            }
            Event::Snapshot(snapshot) => self.snapshot(snapshot),
            Event::RouterDue => {}
        }
        None
    }

    /// Hands the time to all engines.
    fn tick(&mut self) {
        let now = self.time.now();
        self.connections.handle(now, ConnectionsInput::Tick);
        if let Some(Reading { from, .. }) = &self.reading {
            let from = from.clone();
            // Not silent: it has sent a view.
            self.subscription
                .handle(now, SubscriptionInput::Answer { from });
        }
        self.subscription.handle(now, SubscriptionInput::Tick);
        self.renewal.handle(now, RenewalInput::Tick);
        self.core.route(|routing| routing.tick(&self.core));
    }

    /// Handles the outcome of a task.
    fn done(&mut self, done: Done) {
        match done {
            Done::Dialled {
                dialled,
                identity,
                outcome: Ok(connection),
            } => self.dialled(&dialled, identity, connection),
            Done::SecondaryDialled { node, outcome } => self.secondary_dialled(node, outcome),
            Done::SecondaryEnded { secondary } => self.secondary_ended(&secondary),
            Done::Dialled {
                dialled,
                outcome: Err(error),
                ..
            } => {
                let now = self.time.now();
                let error = self.other_versions.failed(now, &dialled, error);
                self.cannot_connect(dialled, error);
            }
            Done::NotDialled { dialled, error } => self.cannot_connect(dialled, error),
            Done::Ended {
                peer,
                end,
                leftover,
            } => self.ended(&peer, &end, &leftover),
            Done::ReadView(view) => {
                let (lost, span) = match self.reading.take() {
                    Some(Reading { from, lost, span }) => (lost.then_some(from), span),
                    None => (None, ViewSpan::begin(&view.from, view.subscription)),
                };
                self.take(*view, span);
                if let Some(from) = lost {
                    // After its view, and not before it: the next one may be of a cluster begun anew.
                    self.views.lost(&from);
                }
            }
            Done::Discovered(outcome) => self.discovered(outcome),
            Done::Capacity { peer } => {
                if self.is_current(&peer) {
                    self.core.route(|routing| routing.ready(&self.core, &peer));
                }
            }
        }
    }

    /// Returns whether a peer's connection is the one in use to its node.
    fn is_current(&self, peer: &Peer) -> bool {
        self.peers
            .get(&peer.node)
            .is_some_and(|current| current.id == peer.id)
    }

    /// Performs the outputs of the engines until all of them wait.
    fn pump(&mut self) {
        self.take_requests();
        self.pump_subscription();
        let source = self.subscription.source().cloned();
        let stale = !self.peers.is_empty() && self.subscription.is_stale();
        for input in [
            ConnectionsInput::Source(source),
            ConnectionsInput::Stale(stale),
        ] {
            self.connections.handle(self.time.now(), input);
        }
        self.pump_connections();
        self.pump_renewal();
        self.look();
        self.tell_signs();
    }

    /// Tells what of this task whoever asks for the health wants to know.
    fn tell_signs(&self) {
        self.core.vitals.observe(Signs {
            source: self.subscription.source().cloned(),
            is_stale: self.subscription.is_stale(),
            views: self.core.views.count(),
            connections: (self.next_peer, self.peers.len()),
        });
    }

    /// Takes the router's requests for connections, and for reports of capacity in full outboxes,
    /// which tasks of their own wait for.
    fn take_requests(&mut self) {
        // Locked for this statement alone.
        let ControlRequests {
            connections,
            capacity,
        } = std::mem::take(&mut self.core.routing.lock().requests);
        for node in connections {
            self.connections
                .handle(self.time.now(), ConnectionsInput::Want(node));
        }
        for CapacityRequest { peer, length } in capacity {
            self.tasks.spawn(async move {
                // The permit goes to the next that waits: the router delivers without one. The wait
                // ends with the connection at the latest.
                drop(peer.outbox.capacity(length).await);
                Done::Capacity { peer }
            });
        }
    }
}

impl Drop for Control {
    /// Ends every message and ask that waits, however the control task ended, be it with the
    /// runtime.
    fn drop(&mut self) {
        self.core.end();
    }
}
