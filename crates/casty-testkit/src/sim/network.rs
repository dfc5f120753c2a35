//! The simulated network: who listens, what connections there are, and how they are at present.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use casty_proto::NodeAddress;
use casty_proto::frame::FRAME_HEAD;
use casty_proto::handshake::Handshake;
use casty_transport::{ByteStream, DialError, ListenError, Listener, Transport};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::connection::{End, Side, Wire};
use super::log::{Log, fnv};
use super::queries::Seen;
use super::tamper::{Sort, Tamper, behind_an_empty_one, corrupted, examine};

/// A name that leads to any node that listens.
pub(super) const NAME: &str = "cluster.sim";
/// Connections that wait to be accepted at one address.
const BACKLOG: usize = 64;
/// Views kept for each node, to be sent again when they are stale.
const KEPT: usize = 4;

/// How the way to and from a node is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conditions {
    pub(super) latency: Duration,
    /// Each frame takes up to so much longer; those behind it on the connection wait.
    pub(super) jitter: Duration,
    /// Nothing arrives at the client, at the node.
    pub(super) stalled: [bool; 2],
    /// The node reads slowly.
    pub(super) slow: bool,
    /// Dials are refused.
    pub(super) refusing: bool,
    /// Dials are not answered.
    pub(super) silent: bool,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            latency: Duration::from_micros(500),
            jitter: Duration::from_micros(500),
            stalled: [false; 2],
            slow: false,
            refusing: false,
            silent: false,
        }
    }
}

/// A network of one world. Clones are the same.
#[derive(Clone)]
pub(super) struct Network(Arc<Shared>);

struct Shared {
    log: Arc<Log>,
    state: Mutex<State>,
    /// Reads and writes that were tried.
    tried: AtomicU64,
}

struct State {
    random: fastrand::Rng,
    listeners: BTreeMap<NodeAddress, mpsc::Sender<ByteStream>>,
    wires: BTreeMap<u64, Arc<Wire>>,
    /// Connections ever made.
    dialled: u64,
    conditions: BTreeMap<NodeAddress, Conditions>,
    /// Addresses that nobody has any more: whatever is sent there is lost.
    vanished: BTreeSet<NodeAddress>,
    /// Views lately sent to a subscription, with the times.
    views: BTreeMap<String, Vec<(Instant, Bytes)>>,
    traffic: Traffic,
    /// Whether streams tell what was acknowledged.
    measured: bool,
}

/// What was seen on the way, for checks.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Dials that were begun, by client.
    pub(super) dials: BTreeMap<Arc<str>, u64>,
    /// Questions for the owners of shards, and their answers.
    pub(super) locations: Vec<Seen>,
}

impl Network {
    /// A network where nobody listens yet.
    pub(super) fn new(log: Arc<Log>, mut random: fastrand::Rng) -> Self {
        let measured = random.bool();
        let state = State {
            random,
            listeners: BTreeMap::new(),
            wires: BTreeMap::new(),
            dialled: 0,
            conditions: BTreeMap::new(),
            vanished: BTreeSet::new(),
            views: BTreeMap::new(),
            traffic: Traffic::default(),
            measured,
        };
        Self(Arc::new(Shared {
            log,
            state: Mutex::new(state),
            tried: AtomicU64::new(0),
        }))
    }

    /// The network as `host` sees it.
    pub(super) fn transport(&self, host: impl Into<Arc<str>>) -> Arc<SimTransport> {
        Arc::new(SimTransport {
            network: self.clone(),
            host: host.into(),
        })
    }

    /// Counts a read or write that is tried.
    pub(super) fn count(&self) {
        self.0.tried.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads and writes that were tried so far.
    pub(super) fn tried(&self) -> u64 {
        self.0.tried.load(Ordering::Relaxed)
    }

    pub(super) fn is_slow(&self, node: &NodeAddress) -> bool {
        let state = self.0.state.lock();
        state.conditions.get(node).is_some_and(|it| it.slow)
    }

    /// When what is sent now to a side arrives; never, while the way is stalled.
    pub(super) fn arrival(&self, node: &NodeAddress, to: Side) -> Option<Instant> {
        self.0.state.lock().arrival(node, to)
    }

    /// Changes how the way to a node is.
    pub(super) fn change(&self, node: &NodeAddress, change: impl FnOnce(&mut Conditions)) {
        let mut guard = self.0.state.lock();
        let state = &mut *guard;
        let conditions = state.conditions.entry(node.clone()).or_default();
        let before = conditions.stalled;
        change(conditions);
        let after = *conditions;
        let now = Instant::now();
        for wire in state.wires.values().filter(|wire| wire.node == *node) {
            let mut wire = wire.lock();
            for side in [Side::Client, Side::Node] {
                match (before[side as usize], after.stalled[side as usize]) {
                    (false, true) => wire.to(side).stall(now),
                    (true, false) if !wire.half_open => wire.to(side).release(now + after.latency),
                    _ => {}
                }
            }
        }
    }

    /// All ways are as they were at first.
    pub(super) fn clear(&self) {
        let nodes: Vec<_> = {
            let state = self.0.state.lock();
            state.conditions.keys().cloned().collect()
        };
        for node in nodes {
            self.change(&node, |conditions| *conditions = Conditions::default());
        }
        for wire in self.wires() {
            let mut wire = wire.lock();
            wire.to(Side::Client).tampers.clear();
            wire.to(Side::Node).tampers.clear();
        }
    }

    /// The connections that at least one side still has.
    pub(super) fn wires(&self) -> Vec<Arc<Wire>> {
        self.0.state.lock().wires.values().cloned().collect()
    }

    /// The connections of a node that at least one side still has.
    pub(super) fn wires_to(&self, node: &NodeAddress) -> Vec<Arc<Wire>> {
        let mut wires = self.wires();
        wires.retain(|wire| wire.node == *node);
        wires
    }

    /// A node loses its power: nobody tells its clients.
    pub(super) fn lose_power(&self, node: &NodeAddress) {
        for wire in self.wires_to(node) {
            wire.lock().half_open = true;
        }
    }

    /// Nobody has this address any more: nobody tells its clients, now or ever.
    pub(super) fn vanish(&self, node: &NodeAddress) {
        self.lose_power(node);
        self.0.state.lock().vanished.insert(node.clone());
    }

    /// Takes note that both sides of a connection have ended.
    pub(super) fn ended(&self, number: u64) {
        self.0.state.lock().wires.remove(&number);
    }

    /// What was seen since this was last asked.
    pub(super) fn take_traffic(&self) -> Traffic {
        std::mem::take(&mut self.0.state.lock().traffic)
    }

    /// Sends a whole frame on its way to a side of a connection, with whatever is to be done to it.
    pub(super) fn carry(&self, wire: &Arc<Wire>, to: Side, frame: Bytes) {
        let (sort, path) = examine(&frame);
        let due = self.seen(wire, to, (sort, &path), &frame);
        let tamper = {
            let mut wire = wire.lock();
            let tampers = &mut wire.to(to).tampers;
            let concerned = tampers.iter().position(|tamper| tamper.concerns(sort));
            concerned.map(|place| tampers.remove(place))
        };
        if let Some(tamper) = &tamper {
            let number = wire.number;
            self.0.log.write(format_args!("net #{number} {tamper:?}"));
        }
        let mut guard = wire.lock();
        let lane = guard.to(to);
        match tamper {
            None => lane.send(frame, due),
            Some(Tamper::Lose(_)) => {}
            Some(Tamper::Repeat(_)) => {
                lane.send(frame.clone(), due);
                lane.send(frame, due);
            }
            Some(Tamper::Late(_, by)) => {
                drop(guard);
                self.carry_later(wire, to, frame, by);
            }
            Some(Tamper::Stale(_)) => {
                lane.send(frame, due);
                if let Some(stale) = self.stale_view(&path) {
                    lane.send(stale, due);
                }
            }
            Some(Tamper::Corrupt(choice)) => lane.send(corrupted(&frame, choice), due),
            Some(Tamper::Empty) => lane.send(behind_an_empty_one(&frame), due),
            Some(Tamper::Truncate(ending)) => {
                lane.send(frame.slice(..frame.len() / 2), due);
                lane.end(ending, due);
            }
        }
    }

    fn carry_later(&self, wire: &Arc<Wire>, to: Side, frame: Bytes, by: Duration) {
        let (network, wire) = (self.clone(), Arc::downgrade(wire));
        tokio::spawn(async move {
            tokio::time::sleep(by).await;
            if let Some(wire) = wire.upgrade() {
                let due = network.arrival(&wire.node, to);
                wire.lock().to(to).send(frame, due);
            }
        });
    }

    /// Logs a frame and keeps what checks and faults want of it. Tells when it arrives.
    fn seen(
        &self,
        wire: &Wire,
        to: Side,
        (sort, path): (Sort, &str),
        frame: &Bytes,
    ) -> Option<Instant> {
        let (length, digest) = (frame.len(), fnv(0, frame));
        let (number, client, node) = (wire.number, &wire.client, &wire.node);
        let arrow = if to == Side::Node { "->" } else { "<-" };
        self.0.log.write(format_args!(
            "net #{number} {client} {arrow} {node} {sort:?} {path} {length} {digest:016x}"
        ));
        if (sort, to) == (Sort::Handshake, Side::Node) {
            let payload = frame.get(FRAME_HEAD..).unwrap_or_default();
            wire.lock().announced = Handshake::read(payload).ok().map(|it| it.address);
        }
        let now = Instant::now();
        let (waited, latest) = {
            let mut wire = wire.lock();
            (wire.to(Side::Node).waited, wire.to(to).latest())
        };
        let mut state = self.0.state.lock();
        let due = state.arrival(node, to);
        match sort {
            Sort::View => {
                let kept = state.views.entry(path.to_owned()).or_default();
                if kept.len() >= KEPT {
                    kept.remove(0);
                }
                kept.push((now, frame.clone()));
            }
            Sort::Query | Sort::Location => state.traffic.locations.push(Seen {
                client: Arc::clone(client),
                wire: number,
                path: path.to_owned(),
                payload: frame.slice(FRAME_HEAD..),
                at: now,
                arrives: due.map(|due| latest.map_or(due, |latest| latest.max(due))),
                waited,
            }),
            _ => {}
        }
        due
    }

    fn stale_view(&self, path: &str) -> Option<Bytes> {
        let state = self.0.state.lock();
        let (_, oldest) = state.views.get(path)?.first()?;
        Some(oldest.clone())
    }
}

impl State {
    fn arrival(&mut self, node: &NodeAddress, to: Side) -> Option<Instant> {
        let conditions = self.conditions.get(node).copied().unwrap_or_default();
        if conditions.stalled[to as usize] {
            return None;
        }
        let jitter = conditions.jitter.mul_f64(self.random.f64());
        Some(Instant::now() + conditions.latency + jitter)
    }

    /// What a dial meets: at that address, or for the name of all nodes at any that listens.
    fn meet(&mut self, dialled: &NodeAddress) -> Met {
        let drawn = (dialled.host() == NAME).then(|| {
            let count = self.listeners.len().max(1);
            let drawn = self.random.usize(..count);
            self.listeners.keys().nth(drawn).cloned()
        });
        let at = drawn.flatten().unwrap_or_else(|| dialled.clone());
        let conditions = self.conditions.get(&at).copied().unwrap_or_default();
        let stalled = conditions.stalled.contains(&true);
        let listener = self.listeners.get(&at).filter(|_| !conditions.refusing);
        Met {
            queue: listener.cloned(),
            swallowed: conditions.silent || stalled || self.vanished.contains(&at),
            after: 2 * conditions.latency,
            at,
        }
    }
}

/// What a dial meets.
struct Met {
    at: NodeAddress,
    /// Where it waits to be accepted; none: it is refused.
    queue: Option<mpsc::Sender<ByteStream>>,
    /// There is no answer.
    swallowed: bool,
    after: Duration,
}

/// Dials and listens in the network of a world, as one of its hosts.
pub(super) struct SimTransport {
    network: Network,
    host: Arc<str>,
}

impl fmt::Debug for SimTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimTransport").field(&self.host).finish()
    }
}

impl SimTransport {
    fn begin(&self, to: &NodeAddress) -> Met {
        let mut state = self.network.0.state.lock();
        let dials = state.traffic.dials.entry(Arc::clone(&self.host));
        *dials.or_default() += 1;
        state.meet(to)
    }
}

#[async_trait]
impl Transport for SimTransport {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        let refused = || DialError::Refused { at: to.clone() };
        let log = &self.network.0.log;
        log.write(format_args!("net {} dials {to}", self.host));
        let Met {
            at,
            queue,
            swallowed,
            after,
        } = self.begin(to);
        if swallowed {
            return std::future::pending().await;
        }
        tokio::time::sleep(after).await;
        let queue = queue.ok_or_else(refused)?;
        let place = queue.reserve().await.map_err(|_| refused())?;
        let (network, mut state) = (&self.network, self.network.0.state.lock());
        state.dialled += 1;
        let number = state.dialled;
        let wire = Wire::new(number, Arc::clone(&self.host), at.clone());
        state.wires.insert(number, Arc::clone(&wire));
        let measured = state.measured;
        drop(state);
        log.write(format_args!("net #{number} {} connected {at}", self.host));
        let stream = |side, name| {
            let end = End::new(&wire, network, side);
            if measured {
                ByteStream::measured(end, name, |end| Some(end.unacknowledged()))
            } else {
                ByteStream::new(end, name)
            }
        };
        place.send(stream(Side::Node, format!("{} #{number}", self.host)));
        Ok(stream(Side::Client, at.to_string()))
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        let mut state = self.network.0.state.lock();
        if state.listeners.contains_key(at) {
            return Err(ListenError::InUse { at: at.clone() });
        }
        let (sender, queue) = mpsc::channel(BACKLOG);
        state.listeners.insert(at.clone(), sender);
        drop(state);
        // Its kernel knows nothing of the connections of a former life.
        for wire in self.network.wires_to(at) {
            let mut wire = wire.lock();
            let lane = wire.to(Side::Node);
            // What is sent again, or asks for room, is answered with a reset.
            let sends = lane.unacknowledged() > 0 || lane.is_awaited();
            if std::mem::take(&mut wire.half_open) && sends {
                wire.reset(Side::Client, Instant::now());
            }
        }
        let (network, at) = (self.network.clone(), at.clone());
        Ok(Box::new(SimListener { network, at, queue }))
    }
}

struct SimListener {
    network: Network,
    at: NodeAddress,
    queue: mpsc::Receiver<ByteStream>,
}

#[async_trait]
impl Listener for SimListener {
    async fn accept(&mut self) -> Result<ByteStream, ListenError> {
        let at = || self.at.clone();
        let stream = self.queue.recv().await;
        stream.ok_or_else(|| ListenError::Closed { at: at() })
    }

    fn address(&self) -> NodeAddress {
        self.at.clone()
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.network.0.state.lock().listeners.remove(&self.at);
    }
}
