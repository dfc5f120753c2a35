//! One node: its connections, its entities and its actors.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use casty_proto::NodeAddress;
use casty_routing::ShardId;
use casty_transport::Outbox;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, watch};

use crate::actor::ActorPlan;
use crate::link::{Faults, Link};
use crate::region::Region;
use crate::settings::Settings;
use crate::singleton::Singleton;
use crate::status::Counters;

mod admission;
mod clients;
pub(crate) mod handling;
mod inbound;
pub(crate) mod mailboxes;
pub(crate) mod outbound;
mod peers;
pub(crate) mod serve;
mod strangers;

use admission::{Refusal, Refusals};
use clients::Clients;
use mailboxes::Mailboxes;
use outbound::{Connections, Identity, Outbound};
use peers::Peers;

/// One node from its start to its death; a restarted node is another one of the same number.
pub(crate) struct Node {
    outbound: Outbound,
    faults: watch::Sender<Faults>,
    /// Every accepted connection, by its number.
    links: Mutex<BTreeMap<u64, Arc<Link>>>,
    regions: HashMap<Arc<str>, Mutex<Box<dyn Region>>>,
    /// Its actors by path, its services among them. No other lock is taken with this one.
    actors: RwLock<HashMap<Arc<str>, ActorPlan>>,
    singletons: HashMap<Arc<str>, Mutex<Box<dyn Singleton>>>,
    /// Set when another node leads: singletons that were here are gone. Read under the lock of each,
    /// and set without it, because a singleton may be at work.
    demoted: HashMap<Arc<str>, AtomicBool>,
    broadcasts: Vec<Arc<str>>,
    /// The nodes that it has to dial, for its task.
    dials: Mutex<Option<mpsc::Receiver<NodeAddress>>>,
    refusals: Refusals,
}

/// The numbers of a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The number of its own.
    pub(crate) number: usize,
    /// The number under which the actors are configured that it runs.
    pub(crate) actors: usize,
}

impl Node {
    /// Makes a node without connections and entities, which runs the actors of its place and those of
    /// `services` that are configured there.
    pub(crate) fn new(
        place: Place,
        address: NodeAddress,
        (settings, services): (&Arc<Settings>, &[ActorPlan]),
        mailboxes: &Arc<Mailboxes>,
        counters: &Arc<Counters>,
    ) -> Self {
        let regions = settings.regions.iter();
        let actors = settings.actors.iter().chain(services);
        let actors = actors.filter(|plan| plan.runs_on(place.actors));
        let singletons = settings.singletons.iter();
        let identity = Identity {
            number: place.number,
            system: settings.system.clone(),
            sender: format!("casty://{}@{}/", settings.system, address.to_raw()),
            address,
        };
        let me = identity.address.clone();
        let (connections, dials) = if settings.membership.is_some() {
            let (peers, dials) = Peers::new(me);
            (Connections::Peers(peers), Some(dials))
        } else {
            let clients = Clients::new(me, settings.like_casty);
            (Connections::Clients(clients), None)
        };
        Self {
            outbound: Outbound::new(identity, settings.codec, mailboxes, counters, connections),
            dials: Mutex::new(dials),
            refusals: Refusals::default(),
            faults: watch::Sender::new(Faults::default()),
            links: Mutex::default(),
            regions: regions
                .map(|plan| (Arc::clone(&plan.name), Mutex::new(plan.empty())))
                .collect(),
            actors: RwLock::new(
                actors
                    .map(|plan| (Arc::clone(&plan.path), plan.started()))
                    .collect(),
            ),
            demoted: singletons
                .clone()
                .map(|plan| (Arc::clone(&plan.name), AtomicBool::new(false)))
                .collect(),
            singletons: singletons
                .map(|plan| (Arc::clone(&plan.name), Mutex::new(plan.empty())))
                .collect(),
            broadcasts: settings.broadcasts.clone(),
        }
    }

    /// Returns the actor at a path.
    fn actor(&self, path: &str) -> Option<ActorPlan> {
        self.actors.read().get(path).cloned()
    }

    /// Starts an actor at its path, in the place of one that is there.
    pub(crate) fn start_actor(&self, actor: ActorPlan) {
        let path = Arc::clone(&actor.path);
        self.actors.write().insert(path, actor);
    }

    /// Ends the actor at a path.
    pub(crate) fn stop_actor(&self, path: &str) {
        self.actors.write().remove(path);
    }

    /// Notes that another node leads.
    pub(crate) fn demote(&self) {
        // Relaxed: it says only whether state is kept, and orders nothing.
        for demoted in self.demoted.values() {
            demoted.store(true, Ordering::Relaxed);
        }
    }

    /// Counts that a peer was refused, or what it said, and says so.
    fn refuse(&self, peer: &str, refusal: &Refusal) {
        self.outbound.counters().refused.increment();
        self.refusals.tell(self.outbound.address(), peer, refusal);
    }

    /// Returns the side that sends.
    pub(crate) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Takes up an accepted connection under its number.
    fn open(&self, link: u64) -> Arc<Link> {
        // The faults are read under the lock: a change of them either is seen here, or finds the
        // connection among those that it is told to.
        let mut links = self.links.lock();
        let opened = Link::new(*self.faults.borrow());
        if self.outbound.is_dead() {
            opened.cut();
        }
        links.insert(link, Arc::clone(&opened));
        opened
    }

    /// Makes an accepted connection the one that is used for the address it announced. Returns whether it
    /// is: another one of that address gives way or stays, as real nodes decide it.
    fn admit(&self, link: u64, announced: &NodeAddress, outbox: &Arc<Outbox<()>>) -> bool {
        let closed = self.outbound.accepted(announced, link, outbox);
        self.close_others(link, &closed)
    }

    /// Makes a connection that was dialled the one that is used for a node. Returns whether it is.
    fn admit_dialled(
        &self,
        link: u64,
        (to, announced): (&NodeAddress, &NodeAddress),
        outbox: &Arc<Outbox<()>>,
    ) -> bool {
        let Some(peers) = self.outbound.peers() else {
            return false;
        };
        let closed = peers.dialled(to, announced, link, outbox);
        self.close_others(link, &closed)
    }

    /// Closes connections. Returns whether `link` is none of them.
    fn close_others(&self, link: u64, closed: &[u64]) -> bool {
        let links = self.links.lock();
        let closed_links = closed.iter().filter_map(|number| links.get(number));
        closed_links.for_each(|link| link.cut());
        !closed.contains(&link)
    }

    /// Returns whether the node is stopped.
    pub(crate) fn is_hung(&self) -> bool {
        self.faults.borrow().hung
    }

    /// Forgets a connection that has ended.
    fn close(&self, link: u64, announced: Option<&NodeAddress>) {
        self.links.lock().remove(&link);
        if let Some(announced) = announced {
            self.outbound.ended(announced, link);
        }
    }

    /// Stops everything that the node does from here on, and resets its connections.
    pub(crate) fn die(&self) {
        self.outbound.die();
        self.cut();
    }

    /// Resets all connections.
    pub(crate) fn cut(&self) {
        self.links.lock().values().for_each(|link| link.cut());
    }

    /// Has each connection end within the next frame that the node writes there.
    pub(crate) fn cut_mid_frame(&self) {
        let links = self.links.lock();
        links.values().for_each(|link| link.cut_mid_frame());
    }

    /// Changes the faults of the node and of all its connections.
    pub(crate) fn change_faults(&self, change: impl FnOnce(&mut Faults)) {
        // Held throughout, so that no connection is opened with the faults of before.
        let links = self.links.lock();
        self.faults.send_modify(change);
        let faults = *self.faults.borrow();
        links.values().for_each(|link| link.set(faults));
    }

    /// Drops the entities of a shard.
    pub(crate) fn vacate(&self, region: &str, shard: ShardId) {
        if let Some(region) = self.regions.get(region) {
            region.lock().vacate(shard);
        }
    }

    /// Returns the number of clients connected.
    pub(crate) fn connections(&self) -> usize {
        self.outbound.connections()
    }

    /// Returns the number of entities alive.
    pub(crate) fn entities(&self) -> usize {
        self.regions
            .values()
            .map(|region| region.lock().len())
            .sum()
    }
}
