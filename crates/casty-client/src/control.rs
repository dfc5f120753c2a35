//! The one task that keeps a client connected: it dials, subscribes, feeds the router with views
//! and lost connections, and winds everything up in the end. It decides nothing: the engines of
//! casty-routing do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use casty_proto::NodeAddress;
use casty_routing::{
    Connections, ConnectionsConfig, ConnectionsInput, Renewal, RenewalConfig, RenewalInput,
    Subscription, SubscriptionConfig, SubscriptionInput, View, ViewKeeper,
};
use casty_transport::Leftover;
use casty_transport::{ConnectError, ConnectOptions, Connection, ConnectionEnd, Transport};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::error::ReadyError;
use crate::message::Tag;
use crate::node::identity::Identity;
use crate::node::peer::Peer;
use crate::node::protocol::Snapshot;
use crate::routing::{CapacityRequest, ControlRequests};
use crate::runtime::clock::precise_now;
use crate::runtime::random::Rng;
use crate::send::Core;

mod close;
mod connections;
pub(crate) mod inbound;
mod secondary;
mod views;

/// How a task of the control's ended.
enum Done {
    Dialled {
        dialled: NodeAddress,
        identity: Arc<Identity>,
        outcome: Result<Connection, ConnectError>,
    },
    SecondaryDialled {
        node: NodeAddress,
        outcome: Result<Connection, ConnectError>,
    },
    SecondaryEnded {
        secondary: Arc<Peer>,
    },
    Ended {
        peer: Arc<Peer>,
        end: ConnectionEnd,
        leftover: Leftover<Tag>,
    },
    Capacity {
        peer: Arc<Peer>,
    },
}

/// The control task of one client.
pub(crate) struct Control {
    core: Arc<Core>,
    /// Where views are published; dropped with the control, which ends those who follow them.
    published: watch::Sender<Option<Arc<View>>>,
    ready_errors: watch::Sender<Option<ReadyError>>,
    transport: Arc<dyn Transport>,
    options: ConnectOptions,
    contacts: BTreeSet<NodeAddress>,
    connections: Connections,
    subscription: Subscription,
    views: ViewKeeper,
    peers: BTreeMap<NodeAddress, Arc<Peer>>,
    renewal: Renewal,
    /// Second connections, under the client's first address, to nodes that were lost before.
    secondaries: BTreeMap<NodeAddress, Arc<Peer>>,
    /// The addresses that subscriptions were made under, the latest of them.
    subscribers: BTreeMap<u64, Arc<Identity>>,
    next_peer: u32,
    tasks: JoinSet<Done>,
    /// When the engines want to be told the time.
    due: [Option<Instant>; 3],
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
}

impl Control {
    /// Creates the control task, which dials the contacts once it [runs](Self::run).
    pub(crate) fn new(parts: ControlParts, rng: &Rng) -> Self {
        let contacts = parts.contacts;
        Self {
            core: parts.core,
            published: parts.published,
            ready_errors: parts.ready_errors,
            transport: parts.transport,
            options: parts.options,
            contacts: contacts.iter().cloned().collect(),
            connections: Connections::new(ConnectionsConfig::default(), contacts, rng.next_u64()),
            subscription: Subscription::new(SubscriptionConfig::default()),
            views: ViewKeeper::new(),
            peers: BTreeMap::new(),
            renewal: Renewal::new(RenewalConfig::default(), rng.next_u64()),
            secondaries: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            next_peer: 0,
            tasks: JoinSet::new(),
            due: [None; 3],
        }
    }

    /// Runs until the client is closed, or all its handles are gone.
    pub(crate) async fn run(mut self, mut snapshots: mpsc::Receiver<Snapshot>) {
        self.connections
            .handle(precise_now(), ConnectionsInput::Tick);
        self.pump();
        loop {
            if let Some(deadline) = self.next(&mut snapshots).await {
                let drained = self.close(deadline, &mut snapshots).await;
                self.core.drained.set(drained).ok();
                return;
            }
            self.pump();
        }
    }

    /// Waits for what happens next and takes it in. Returns by when to end, once that is wanted.
    async fn next(&mut self, snapshots: &mut mpsc::Receiver<Snapshot>) -> Option<Instant> {
        let core = Arc::clone(&self.core);
        let router_due = core.routing.lock().due();
        let due = self.due.iter().copied().chain([router_due]).flatten().min();
        let due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        // In a fixed order, which starves nobody: what stands before the views is of this task's
        // own making and finite, and what the router wants is seen to at every turn.
        tokio::select! {
            biased;
            deadline = core.ending.requested() => return Some(deadline),
            () = due => self.tick(),
            Some(done) = self.tasks.join_next() => match done {
                Ok(done) => self.done(done),
                Err(error) => tracing::error!(%error, "bug: a task of the client panicked"),
            },
            Some(snapshot) = snapshots.recv() => self.snapshot(&snapshot),
            () = core.router_due.notified() => {}
        }
        None
    }

    fn tick(&mut self) {
        let now = precise_now();
        self.connections.handle(now, ConnectionsInput::Tick);
        self.subscription.handle(now, SubscriptionInput::Tick);
        self.renewal.handle(now, RenewalInput::Tick);
        self.core.route(|routing| routing.tick(&self.core));
    }

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
                self.note_failure(&dialled, error);
                self.failed(dialled);
            }
            Done::Ended {
                peer,
                end,
                leftover,
            } => self.ended(&peer, &end, &leftover),
            Done::Capacity { peer } => {
                if self.is_current(&peer) {
                    self.core.route(|routing| routing.ready(&self.core, &peer));
                }
            }
        }
    }

    fn is_current(&self, peer: &Peer) -> bool {
        self.peers
            .get(&peer.node)
            .is_some_and(|current| current.id == peer.id)
    }

    /// Carries out what the engines want, until all of them wait.
    fn pump(&mut self) {
        self.router_wants();
        self.pump_subscription();
        let source = self.subscription.source().cloned();
        let stale = !self.peers.is_empty() && self.subscription.is_stale();
        for input in [
            ConnectionsInput::Source(source),
            ConnectionsInput::Stale(stale),
        ] {
            self.connections.handle(precise_now(), input);
        }
        self.pump_connections();
        self.pump_renewal();
    }

    /// Takes up what the router wants besides being told the time: connections, and to know when
    /// a full outbox has room again. That is waited for in tasks of their own.
    fn router_wants(&mut self) {
        let ControlRequests {
            connections,
            capacity,
        } = std::mem::take(&mut self.core.routing.lock().requests);
        for node in connections {
            self.connections
                .handle(precise_now(), ConnectionsInput::Want(node));
        }
        for CapacityRequest { peer, length } in capacity {
            self.tasks.spawn(async move {
                drop(peer.outbox.capacity(length).await);
                Done::Capacity { peer }
            });
        }
    }
}

impl Drop for Control {
    /// However the control ends, be it with the runtime, nobody waits for it any longer.
    fn drop(&mut self) {
        self.core.end();
    }
}
