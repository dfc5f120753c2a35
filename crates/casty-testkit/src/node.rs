//! One node: its connections, its entities and services, and the way of what it sends.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use casty_proto::header::Header;
use casty_proto::{ActorRef, ActorUri, Codec, NodeAddress};
use casty_routing::ShardId;
use casty_transport::Outbox;
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::builder::Settings;
use crate::link::{Faults, Line};
use crate::region::Region;
use crate::service::ServicePlan;
use crate::status::Counters;

mod inbound;
mod mailboxes;
mod serve;

pub(crate) use mailboxes::{Letter, Post};
pub(crate) use serve::serve;

/// How long an address stays blacklisted that could not be sent to.
const BLACKLISTED: Duration = Duration::from_secs(5);
/// The most addresses blacklisted at a time.
const BLACKLIST: usize = 10_000;

/// One node from its start to its death; a restarted node is another one of the same number.
pub(crate) struct Node {
    number: usize,
    address: NodeAddress,
    sender: String,
    settings: Arc<Settings>,
    post: Arc<Post>,
    counters: Arc<Counters>,
    dead: AtomicBool,
    faults: watch::Sender<Faults>,
    /// Every accepted connection, by its number.
    lines: Mutex<BTreeMap<u64, Arc<Line>>>,
    /// The connection that is known under an address.
    peers: RwLock<HashMap<NodeAddress, Peer>>,
    blacklist: Mutex<HashMap<NodeAddress, Instant>>,
    regions: HashMap<Arc<str>, Mutex<Box<dyn Region>>>,
    services: HashMap<Arc<str>, ServicePlan>,
}

/// A connection on which a client has announced itself.
struct Peer {
    line: u64,
    outbox: Arc<Outbox<()>>,
}

impl Node {
    /// A node without connections and entities, which runs the services of that place.
    pub(crate) fn new(
        (number, place): (usize, usize),
        address: NodeAddress,
        settings: &Arc<Settings>,
        post: &Arc<Post>,
        counters: &Arc<Counters>,
    ) -> Self {
        let regions = settings.regions.iter();
        let services = settings.services.iter().filter(|plan| plan.node == place);
        Self {
            number,
            sender: format!("casty://{}@{address}/", settings.system),
            address,
            post: Arc::clone(post),
            counters: Arc::clone(counters),
            dead: AtomicBool::new(false),
            faults: watch::Sender::new(Faults::default()),
            lines: Mutex::default(),
            peers: RwLock::default(),
            blacklist: Mutex::default(),
            regions: regions
                .map(|plan| (Arc::clone(&plan.name), Mutex::new(plan.empty())))
                .collect(),
            services: services
                .map(|plan| (Arc::clone(&plan.path), plan.clone()))
                .collect(),
            settings: Arc::clone(settings),
        }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    pub(crate) fn address(&self) -> &NodeAddress {
        &self.address
    }

    pub(crate) fn codec(&self) -> Codec {
        self.settings.codec
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Encodes a message and sends it.
    pub(crate) fn tell<M: Serialize>(&self, to: &ActorRef<M>, message: &M) {
        self.tell_all(std::slice::from_ref(to), message);
    }

    /// Encodes a message once and sends it to all of them.
    pub(crate) fn tell_all<M: Serialize>(&self, to: &[ActorRef<M>], message: &M) {
        let mut bytes = Vec::new();
        match self.codec().encode(message, &mut bytes) {
            Ok(class) => to.iter().for_each(|to| self.send(to.uri(), &class, &bytes)),
            Err(error) => {
                tracing::warn!(node = %self.address, %error, "message not sent");
                self.counters.undelivered.increment();
            }
        }
    }

    /// Sends an encoded message to the address in its target's URI.
    fn send(&self, uri: &str, class: &str, message: &[u8]) {
        if self.is_dead() {
            return;
        }
        let sent = match ActorUri::parse(uri) {
            Ok(target) => match target.node_address() {
                None => self.post.deliver(self.number, target.path, message),
                Some(to) => match self.post.number(&to) {
                    Some(number) => self.post.deliver(number, target.path, message),
                    None => self.push(&to, uri, class, message),
                },
            },
            Err(_) => false,
        };
        if !sent {
            tracing::debug!(node = %self.address, uri, "message dropped");
            self.counters.undelivered.increment();
        }
    }

    /// Appends a message to the outbox of whoever announced `to`, or blacklists the address: a
    /// real node dials it then, which fails at once for the addresses of clients.
    fn push(&self, to: &NodeAddress, uri: &str, class: &str, message: &[u8]) -> bool {
        if self.is_blacklisted(to) {
            return false;
        }
        let peers = self.peers.read();
        let Some(peer) = peers.get(to) else {
            drop(peers);
            self.blacklist(to);
            return false;
        };
        let mut header = Vec::with_capacity(256);
        Header {
            target: uri.into(),
            sender: (&*self.sender).into(),
            type_hint: class.into(),
        }
        .write(&mut header);
        peer.outbox.push(&[&header, message], None).is_ok()
    }

    fn is_blacklisted(&self, address: &NodeAddress) -> bool {
        let mut blacklist = self.blacklist.lock();
        match blacklist.get(address) {
            None => false,
            Some(until) if *until > Instant::now() => true,
            Some(_) => {
                blacklist.remove(address);
                false
            }
        }
    }

    fn blacklist(&self, address: &NodeAddress) {
        if !self.settings.like_casty {
            return;
        }
        let now = Instant::now();
        let mut blacklist = self.blacklist.lock();
        if blacklist.len() >= BLACKLIST {
            blacklist.retain(|_, until| *until > now);
        }
        if blacklist.len() < BLACKLIST {
            blacklist.insert(address.clone(), now + BLACKLISTED);
        }
    }

    /// Takes up an accepted connection under its number.
    fn open(&self, line: u64) -> Arc<Line> {
        let mut lines = self.lines.lock();
        let opened = Line::new(*self.faults.borrow());
        if self.is_dead() {
            opened.cut();
        }
        lines.insert(line, Arc::clone(&opened));
        opened
    }

    /// Makes a connection the one that is known under the address it announced; tells whether it
    /// is. Another one of that address gives way or stays, as real nodes decide it.
    fn admit(&self, line: u64, announced: &NodeAddress, outbox: &Arc<Outbox<()>>) -> bool {
        let mut peers = self.peers.write();
        if let Some(other) = peers.get(announced) {
            if self.settings.like_casty && *announced > self.address {
                return false;
            }
            if let Some(other) = self.lines.lock().get(&other.line) {
                other.cut();
            }
        }
        let outbox = Arc::clone(outbox);
        peers.insert(announced.clone(), Peer { line, outbox });
        true
    }

    /// Forgets a connection that has ended.
    fn close(&self, line: u64, announced: Option<&NodeAddress>) {
        self.lines.lock().remove(&line);
        if let Some(announced) = announced {
            let mut peers = self.peers.write();
            if peers.get(announced).is_some_and(|peer| peer.line == line) {
                peers.remove(announced);
            }
        }
    }

    /// From here on the node does nothing any more, and its connections are reset.
    pub(crate) fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.cut();
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Resets all connections.
    pub(crate) fn cut(&self) {
        self.lines.lock().values().for_each(|line| line.cut());
    }

    /// Has each connection end within the next frame that the node writes there.
    pub(crate) fn cut_mid_frame(&self) {
        let lines = self.lines.lock();
        lines.values().for_each(|line| line.cut_mid_frame());
    }

    /// Changes what ails the node and all its connections.
    pub(crate) fn change_faults(&self, change: impl FnOnce(&mut Faults)) {
        let lines = self.lines.lock();
        self.faults.send_modify(change);
        let faults = *self.faults.borrow();
        lines.values().for_each(|line| line.set(faults));
    }

    /// Drops the entities of a shard.
    pub(crate) fn vacate(&self, region: &str, shard: ShardId) {
        if let Some(region) = self.regions.get(region) {
            region.lock().vacate(shard);
        }
    }

    /// Clients connected.
    pub(crate) fn connections(&self) -> usize {
        self.peers.read().len()
    }

    /// Entities alive.
    pub(crate) fn entities(&self) -> usize {
        self.regions
            .values()
            .map(|region| region.lock().len())
            .sum()
    }
}
