//! The one task that keeps a client connected: it dials, subscribes, feeds the router with views
//! and lost connections, and winds everything up in the end. It decides nothing: the engines of
//! casty-routing do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
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
use crate::node::identity::Identity;
use crate::node::peer::{Peer, Tag};
use crate::routing::Wants;
use crate::runtime::clock::precise_now;
use crate::runtime::random::Chance;
use crate::send::Core;

mod companions;
mod connections;
pub(crate) mod inbound;
mod views;

pub(crate) use views::VIEWS_PATH;

/// How long connections may take to be written out and closed once nothing more is accepted.
const PARTING: Duration = Duration::from_secs(1);
/// How often a closing client looks whether it has written everything.
const DRAIN_CHECK: Duration = Duration::from_millis(5);

/// A view as it came in.
pub(crate) struct Snapshot {
    pub(crate) from: NodeAddress,
    /// The name of the actor system that sent it.
    pub(crate) system: Arc<str>,
    pub(crate) subscription: u64,
    pub(crate) message: Bytes,
}

/// How a task of the control's ended.
enum Done {
    Dialled {
        dialled: NodeAddress,
        identity: Arc<Identity>,
        outcome: Result<Connection, ConnectError>,
    },
    CompanionDialled {
        node: NodeAddress,
        outcome: Result<Connection, ConnectError>,
    },
    CompanionEnded {
        companion: Arc<Peer>,
    },
    Ended {
        peer: Arc<Peer>,
        end: ConnectionEnd,
        leftover: Leftover<Tag>,
    },
    Roomy {
        peer: Arc<Peer>,
    },
}

/// The control task of one client.
pub(crate) struct Control {
    core: Arc<Core>,
    /// Where views are published; dropped with the control, which ends those who follow them.
    published: watch::Sender<Option<Arc<View>>>,
    troubles: watch::Sender<Option<ReadyError>>,
    transport: Arc<dyn Transport>,
    options: ConnectOptions,
    contacts: BTreeSet<NodeAddress>,
    links: Connections,
    subscription: Subscription,
    views: ViewKeeper,
    peers: BTreeMap<NodeAddress, Arc<Peer>>,
    renewal: Renewal,
    /// Second connections, under the client's first address, to nodes that were lost before.
    companions: BTreeMap<NodeAddress, Arc<Peer>>,
    /// The addresses that subscriptions were made under, the latest of them.
    subscribers: BTreeMap<u64, Arc<Identity>>,
    next_peer: u32,
    tasks: JoinSet<Done>,
    /// When the engines want to be told the time.
    due: [Option<Instant>; 3],
}

impl Control {
    /// A control that will dial `contacts`.
    pub(crate) fn new(
        core: Arc<Core>,
        (published, troubles): (
            watch::Sender<Option<Arc<View>>>,
            watch::Sender<Option<ReadyError>>,
        ),
        (transport, options): (Arc<dyn Transport>, ConnectOptions),
        (contacts, chance): (Vec<NodeAddress>, &Chance),
    ) -> Self {
        Self {
            core,
            published,
            troubles,
            transport,
            options,
            contacts: contacts.iter().cloned().collect(),
            links: Connections::new(ConnectionsConfig::default(), contacts, chance.draw()),
            subscription: Subscription::new(SubscriptionConfig::default()),
            views: ViewKeeper::new(),
            peers: BTreeMap::new(),
            renewal: Renewal::new(RenewalConfig::default(), chance.draw()),
            companions: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            next_peer: 0,
            tasks: JoinSet::new(),
            due: [None; 3],
        }
    }

    /// Runs until the client is closed, or all its handles are gone.
    pub(crate) async fn run(mut self, mut snapshots: mpsc::Receiver<Snapshot>) {
        self.links.handle(precise_now(), ConnectionsInput::Tick);
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
            deadline = core.ending.wanted() => return Some(deadline),
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
        self.links.handle(now, ConnectionsInput::Tick);
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
            Done::CompanionDialled { node, outcome } => self.companion_dialled(node, outcome),
            Done::CompanionEnded { companion } => self.companion_ended(&companion),
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
            Done::Roomy { peer } => {
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
        let unfed = !self.peers.is_empty() && self.subscription.is_stale();
        for input in [
            ConnectionsInput::Source(source),
            ConnectionsInput::Stale(unfed),
        ] {
            self.links.handle(precise_now(), input);
        }
        self.pump_links();
        self.pump_renewal();
    }

    /// Takes up what the router wants besides being told the time: connections, and to know when
    /// a full outbox has room again. That is waited for in tasks of their own.
    fn router_wants(&mut self) {
        let Wants { connections, room } = std::mem::take(&mut self.core.routing.lock().wants);
        for node in connections {
            self.links
                .handle(precise_now(), ConnectionsInput::Want(node));
        }
        for (peer, length) in room {
            self.tasks.spawn(async move {
                drop(peer.outbox.capacity(length).await);
                Done::Roomy { peer }
            });
        }
    }

    /// Winds up: waits for what is under way, says goodbye, and closes every connection. Tells
    /// whether everything accepted was written.
    async fn close(
        &mut self,
        mut deadline: Instant,
        snapshots: &mut mpsc::Receiver<Snapshot>,
    ) -> bool {
        self.core.closed.store(true, Ordering::SeqCst);
        while precise_now() < deadline && !self.is_idle() {
            let next = tokio::time::timeout(DRAIN_CHECK, self.next(snapshots));
            if let Ok(Some(sooner)) = next.await {
                deadline = deadline.min(sooner);
            }
            self.pump();
        }
        let drained = self.is_written();
        self.core.route(|routing| routing.close(&self.core));
        self.subscription
            .handle(precise_now(), SubscriptionInput::Close);
        self.pump_subscription();
        for peer in self.peers.values().chain(self.companions.values()) {
            peer.outbox.drain();
        }
        if tokio::time::timeout(PARTING, self.part()).await.is_err() {
            // What may still arrive has the rest of the time.
            self.abort_where(|peer| !peer.outbox.is_in_flight());
            let patience = deadline.saturating_duration_since(precise_now());
            if tokio::time::timeout(patience, self.part()).await.is_err() {
                self.abort_where(|_| true);
                self.part().await;
            }
        }
        // What is written is not always with the kernel, and lost with the process then.
        let settled = self.transport.settled();
        let patience = deadline.saturating_duration_since(precise_now());
        tokio::time::timeout(patience.max(PARTING), settled)
            .await
            .ok();
        self.core.actors.end(PARTING).await;
        drained
    }

    fn abort_where(&self, ends: impl Fn(&Peer) -> bool) {
        let all = self.peers.values().chain(self.companions.values());
        all.filter(|peer| ends(peer))
            .for_each(|peer| peer.outbox.abort());
    }

    /// Waits until every connection has ended.
    async fn part(&mut self) {
        while !self.peers.is_empty() || !self.companions.is_empty() {
            match self.tasks.join_next().await {
                Some(Ok(Done::Ended { peer, leftover, .. })) => {
                    self.peers.retain(|_, current| current.id != peer.id);
                    self.core
                        .route(|routing| routing.lost(&self.core, &peer, &leftover));
                }
                Some(Ok(Done::CompanionEnded { companion })) => {
                    self.companions
                        .retain(|_, current| current.id != companion.id);
                    self.count_companions();
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    fn is_written(&self) -> bool {
        let written = self
            .peers
            .values()
            .all(|peer| peer.outbox.pending_messages() == 0);
        written && self.core.routing.lock().held() == 0
    }

    fn is_idle(&self) -> bool {
        self.is_written() && !self.core.asks.any_awaited()
    }
}

impl Drop for Control {
    /// However the control ends, be it with the runtime, nobody waits for it any longer.
    fn drop(&mut self) {
        self.core.end();
    }
}
