//! The one task that keeps a client connected: it dials, subscribes, feeds the router with views
//! and lost connections, and winds everything up in the end. It decides nothing: the engines of
//! casty-routing do.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use casty_proto::message::topology::TOPOLOGY_PATH;
use casty_proto::message::{SubscribeTopology, TopologySnapshot, UnsubscribeTopology};
use casty_proto::{ActorRef, Limits, NodeAddress};
use casty_routing::{Links, Offer, Subscription, View, ViewKeeper, links, subscription};
use casty_transport::outbox::{Leftover, OutboxLimits};
use casty_transport::{ConnectError, ConnectOptions, Connection, End, Transport, connect, drive};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::clock::precise_now;
use crate::core::Core;
use crate::error::ReadyError;
use crate::identity;
use crate::peer::{Peer, PeerId, Tag};
use crate::routing::Wants;
use crate::session::Inbound;

/// Nodes push their views to this path and the number of the subscription.
pub(crate) const VIEWS_PATH: &str = "/_topology_sub/";

/// How long connections may take to be written out and closed once nothing more is accepted.
const PARTING: Duration = Duration::from_secs(1);
/// Addresses of which the last failure is kept.
const FAILURES: usize = 64;
/// How often a closing client looks whether it has written everything.
const DRAIN_CHECK: Duration = Duration::from_millis(5);

/// What the control task is told by other tasks.
pub(crate) enum Event {
    /// A view came in.
    Snapshot(Snapshot),
    /// The client is to end: when everything is written and answered, or at the deadline.
    /// `done` is dropped when it has.
    Close {
        deadline: Instant,
        done: oneshot::Sender<()>,
    },
}

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
        outcome: Result<Connection, ConnectError>,
    },
    Ended {
        peer: Arc<Peer>,
        end: End,
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
    /// Those who wait for the client to be closed.
    closers: Vec<oneshot::Sender<()>>,
    transport: Arc<dyn Transport>,
    options: ConnectOptions,
    links: Links,
    subscription: Subscription,
    views: ViewKeeper,
    peers: HashMap<NodeAddress, Arc<Peer>>,
    next_peer: u32,
    tasks: JoinSet<Done>,
    /// When the engines want to be told the time.
    due: [Option<Instant>; 2],
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
        contacts: Vec<NodeAddress>,
    ) -> Self {
        Self {
            core,
            published,
            troubles,
            closers: Vec::new(),
            transport,
            options,
            links: Links::new(links::Config::default(), contacts, identity::random()),
            subscription: Subscription::new(subscription::Config::default()),
            views: ViewKeeper::new(),
            peers: HashMap::new(),
            next_peer: 0,
            tasks: JoinSet::new(),
            due: [None, None],
        }
    }

    /// Runs until the client is closed, or all its handles are gone.
    pub(crate) async fn run(mut self, mut events: mpsc::Receiver<Event>) {
        self.links.handle(precise_now(), links::Input::Tick);
        self.pump();
        loop {
            if let Some(deadline) = self.next(&mut events).await {
                let drained = self.close(deadline, &mut events).await;
                self.core.drained.set(drained).ok();
                // Whoever asks from now on finds nobody.
                return drop(self);
            }
            self.pump();
        }
    }

    /// Waits for what happens next and takes it in. Returns by when to end, once that is wanted.
    async fn next(&mut self, events: &mut mpsc::Receiver<Event>) -> Option<Instant> {
        let core = Arc::clone(&self.core);
        let router_due = core.routing.lock().due();
        let due = self.due.iter().copied().chain([router_due]).flatten().min();
        let due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(event) = events.recv() => return self.event(event),
            () = core.abandoned.notified() => return Some(precise_now()),
            Some(done) = self.tasks.join_next() => match done {
                Ok(done) => self.done(done),
                Err(error) => tracing::error!(%error, "bug: a task of the client panicked"),
            },
            () = due => self.tick(),
            () = core.router_due.notified() => self.router_wants(),
        }
        None
    }

    fn event(&mut self, event: Event) -> Option<Instant> {
        match event {
            Event::Snapshot(snapshot) => {
                self.snapshot(&snapshot);
                None
            }
            Event::Close { deadline, done } => {
                self.closers.push(done);
                Some(deadline)
            }
        }
    }

    fn tick(&mut self) {
        let now = precise_now();
        self.links.handle(now, links::Input::Tick);
        self.subscription.handle(now, subscription::Input::Tick);
        self.core.route(|routing| routing.tick(&self.core));
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Dialled {
                dialled,
                outcome: Ok(connection),
            } => self.dialled(&dialled, connection),
            Done::Dialled {
                dialled,
                outcome: Err(error),
            } => {
                tracing::debug!(node = %dialled, error = &error as &dyn std::error::Error, "no connection");
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

    fn failed(&mut self, dialled: NodeAddress) {
        self.views.lost(&dialled);
        let now = precise_now();
        let input = links::Input::Failed {
            dialled: dialled.clone(),
        };
        self.links.handle(now, input);
        let mut routing = self.core.routing.lock();
        if routing.router.wants(&dialled) {
            self.links.handle(now, links::Input::Want(dialled));
        }
        drop(routing);
    }

    /// Keeps the last failure of each address, of as many as there may be.
    fn note_failure(&self, dialled: &NodeAddress, error: ConnectError) {
        let mut failures = self.core.dial_failures.lock();
        if failures.len() < FAILURES || failures.contains_key(dialled) {
            failures.insert(dialled.clone(), error);
        }
    }

    fn is_current(&self, peer: &Peer) -> bool {
        self.peers
            .get(&peer.node)
            .is_some_and(|current| current.id == peer.id)
    }

    fn dialled(&mut self, dialled: &NodeAddress, connection: Connection) {
        let canonical = connection.peer.clone();
        self.core.dial_failures.lock().remove(dialled);
        if *dialled != canonical {
            // Whatever is for an actor at the other name cannot be known to be for this node.
            self.core
                .route(|routing| routing.suspected(&self.core, dialled.clone()));
        }
        let input = links::Input::Connected {
            dialled: dialled.clone(),
            canonical: canonical.clone(),
        };
        self.links.handle(precise_now(), input);
        if self.pump_links().contains(dialled) {
            return;
        }
        if self.peers.contains_key(&canonical) {
            // The last connection to it is about to end.
            let input = links::Input::Lost { node: canonical };
            return self.links.handle(precise_now(), input);
        }
        tracing::info!(node = %canonical, "connected");
        self.next_peer += 1;
        let core = &self.core;
        let limits = OutboxLimits {
            bytes: core.limits.outbox_bytes,
            messages: core.limits.outbox_messages,
            frame: core.limits.max_frame,
        };
        let names = (Arc::clone(&core.system), core.identity.sender().into());
        let peer = Arc::new(Peer::new(
            PeerId(self.next_peer),
            canonical.clone(),
            names,
            limits,
        ));
        self.peers.insert(canonical.clone(), Arc::clone(&peer));
        let session = Inbound::new(Arc::clone(core), Arc::clone(&peer));
        let (outbox, decoder) = (Arc::clone(&peer.outbox), self.options.decoder());
        let running = Arc::clone(&peer);
        self.tasks.spawn(async move {
            let Connection {
                stream, leftover, ..
            } = connection;
            let (end, leftover) = drive(stream, leftover, outbox, session, decoder).await;
            Done::Ended {
                peer: running,
                end,
                leftover,
            }
        });
        // The subscription goes first, whatever else waits for this node.
        self.subscription
            .handle(precise_now(), subscription::Input::Connected(canonical));
        self.pump_subscription();
        self.core
            .route(|routing| routing.connected(&self.core, peer));
    }

    fn ended(&mut self, peer: &Arc<Peer>, end: &End, leftover: &Leftover<Tag>) {
        tracing::info!(node = %peer.node, error = end as &dyn std::error::Error, "disconnected");
        self.peers.remove(&peer.node);
        self.core
            .route(|routing| routing.lost(&self.core, peer, leftover));
        let now = precise_now();
        self.subscription
            .handle(now, subscription::Input::Disconnected(peer.node.clone()));
        if !matches!(end, End::Drained | End::Aborted) {
            self.views.lost(&peer.node);
            self.links.handle(
                now,
                links::Input::Lost {
                    node: peer.node.clone(),
                },
            );
        }
    }

    fn snapshot(&mut self, snapshot: &Snapshot) {
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
        let limits = Limits {
            bytes: self.core.limits.max_frame,
            ..Limits::default()
        };
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
        self.troubles
            .send_if_modified(|trouble| trouble.take().is_some());
        let now = precise_now();
        let input = subscription::Input::Snapshot {
            from: from.clone(),
            subscription: *subscription,
        };
        self.subscription.handle(now, input);
        if let Offer::Fresh(view) = self.views.offer(now, *subscription, snapshot) {
            self.take_in(view);
        }
    }

    /// Takes note of a view that cannot be used; its node counts as one that sends none.
    fn refuse(&self, from: &NodeAddress, trouble: ReadyError) {
        tracing::warn!(node = %from, error = &trouble as &dyn std::error::Error, "view refused");
        self.troubles.send_replace(Some(trouble));
    }

    fn take_in(&mut self, view: Arc<View>) {
        let now = precise_now();
        let live: Vec<_> = view
            .live_members()
            .map(|member| member.address.clone())
            .collect();
        let members = view.members().iter().map(|member| &member.address);
        let gone = members.filter(|node| view.is_gone(node)).cloned().collect();
        let input = subscription::Input::Live(live.iter().cloned().collect());
        self.subscription.handle(now, input);
        self.links.handle(now, links::Input::View { live, gone });
        self.core
            .route(|routing| routing.view(&self.core, Arc::clone(&view)));
        self.published.send_replace(Some(view));
    }

    /// Carries out what the engines want, until all of them wait.
    fn pump(&mut self) {
        self.pump_subscription();
        let source = self.subscription.source().cloned();
        self.links
            .handle(precise_now(), links::Input::Source(source));
        self.pump_links();
    }

    /// Carries out what the links want. Returns the dialled addresses whose new connection is one
    /// too many.
    fn pump_links(&mut self) -> Vec<NodeAddress> {
        let mut duplicates = Vec::new();
        self.due[1] = loop {
            match self.links.poll() {
                links::Output::Dial(node) => self.dial(node),
                links::Output::Close(node) => {
                    if let Some(peer) = self.peers.get(&node) {
                        peer.outbox.abort();
                    }
                }
                links::Output::Duplicate(dialled) => duplicates.push(dialled),
                links::Output::Suspect(node) => {
                    self.core
                        .route(|routing| routing.suspected(&self.core, node));
                }
                links::Output::Wait(due) => break due,
            }
        };
        duplicates
    }

    fn pump_subscription(&mut self) {
        self.due[0] = loop {
            match self.subscription.poll() {
                subscription::Output::Subscribe { to, subscription }
                | subscription::Output::Probe { to, subscription } => {
                    let reply_to = self.views_ref(subscription);
                    self.send_to_topology(&to, &SubscribeTopology { reply_to });
                }
                subscription::Output::Unsubscribe { from, subscription } => {
                    let subscriber = self.views_ref(subscription);
                    self.send_to_topology(&from, &UnsubscribeTopology { subscriber });
                }
                subscription::Output::Stale { .. } => {
                    tracing::warn!("no node feeds the view of the cluster");
                }
                subscription::Output::Wait(due) => break due,
            }
        };
    }

    fn send_to_topology<M: serde::Serialize>(&self, node: &NodeAddress, message: &M) {
        if let Some(peer) = self.peers.get(node) {
            self.core.send_control(peer, TOPOLOGY_PATH, message);
        }
    }

    fn views_ref(&self, subscription: u64) -> ActorRef<TopologySnapshot> {
        let path = format!("{VIEWS_PATH}{subscription}");
        ActorRef::from_uri_unchecked(self.core.identity.uri(&path))
    }

    fn dial(&mut self, node: NodeAddress) {
        let core = Arc::clone(&self.core);
        let (transport, options) = (Arc::clone(&self.transport), self.options.clone());
        self.tasks.spawn(async move {
            let outcome = connect(&*transport, &node, core.identity.address(), &options).await;
            Done::Dialled {
                dialled: node,
                outcome,
            }
        });
    }

    /// Takes up what the router wants besides being told the time: connections, and to know when
    /// a full outbox has room again. That is waited for in tasks of their own.
    fn router_wants(&mut self) {
        let Wants { connections, room } = std::mem::take(&mut self.core.routing.lock().wants);
        for node in connections {
            self.links.handle(precise_now(), links::Input::Want(node));
        }
        for (peer, length) in room {
            self.tasks.spawn(async move {
                drop(peer.outbox.space(length).await);
                Done::Roomy { peer }
            });
        }
    }

    /// Winds up: waits for what is under way, says goodbye, and closes every connection. Tells
    /// whether everything accepted was written.
    async fn close(&mut self, mut deadline: Instant, events: &mut mpsc::Receiver<Event>) -> bool {
        self.core
            .closed
            .store(true, std::sync::atomic::Ordering::SeqCst);
        while precise_now() < deadline && !self.is_idle() {
            let next = tokio::time::timeout(DRAIN_CHECK, self.next(events));
            if let Ok(Some(sooner)) = next.await {
                deadline = deadline.min(sooner);
            }
            self.pump();
        }
        let drained = self.is_written();
        self.core.route(|routing| routing.close(&self.core));
        self.subscription
            .handle(precise_now(), subscription::Input::Close);
        self.pump_subscription();
        for peer in self.peers.values() {
            peer.outbox.drain();
        }
        let parting = tokio::time::timeout(PARTING, self.part()).await;
        if parting.is_err() {
            self.peers.values().for_each(|peer| peer.outbox.abort());
            self.part().await;
        }
        self.core.actors.end(PARTING).await;
        drained
    }

    /// Waits until every connection has ended.
    async fn part(&mut self) {
        while !self.peers.is_empty() {
            match self.tasks.join_next().await {
                Some(Ok(Done::Ended { peer, leftover, .. })) => {
                    self.peers.retain(|_, current| current.id != peer.id);
                    self.core
                        .route(|routing| routing.lost(&self.core, &peer, &leftover));
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
