//! The simulated network: the nodes that listen, the connections, and the conditions of their ways.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use casty_proto::NodeAddress;
use casty_proto::frame::FRAME_HEAD;
use casty_proto::handshake::Handshake;
use casty_transport::ByteStream;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::connection::{Connection, Side};
use super::decoy::Decoy;
use super::log::{Log, fnv};
use super::numbers::Numbers;
use super::tamper::{Examined, FrameType, Tamper, behind_an_empty_one, corrupted, examine};

/// A name that leads to any node that listens.
pub(super) const NAME: &str = "cluster.sim";
/// Views kept for each node, to be sent again when they are stale.
const KEPT: usize = 4;

/// The conditions of the way to and from a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conditions {
    pub(super) latency: Duration,
    /// The most that a frame takes longer; those behind it on the connection wait.
    pub(super) jitter: Duration,
    /// True for a side at which nothing arrives: the client, the node.
    pub(super) stalled: [bool; 2],
    /// True if the node reads slowly.
    pub(super) slow: bool,
    /// True if dials are refused.
    pub(super) refusing: bool,
    /// True if dials are not answered.
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

/// The network of one world. Clones are the same network.
#[derive(Clone)]
pub(super) struct Network(Arc<Shared>);

struct Shared {
    log: Arc<Log>,
    /// Comes before the locks of connections, which are taken while it is held.
    state: Mutex<State>,
    /// Reads and writes that were tried.
    tried: AtomicU64,
}

struct State {
    random: fastrand::Rng,
    listeners: BTreeMap<NodeAddress, mpsc::Sender<ByteStream>>,
    /// The connections that at least one side still has, by number.
    connections: BTreeMap<u64, Arc<Connection>>,
    /// Connections ever made.
    dialled: u64,
    conditions: BTreeMap<NodeAddress, Conditions>,
    numbers: Numbers,
    /// The listener at an address that every name has before that of its node.
    decoy: Option<Decoy>,
    /// Addresses that no node has any more: whatever is sent there is lost.
    vanished: BTreeSet<NodeAddress>,
    /// The views lately sent to each subscription, with the times.
    views: BTreeMap<String, Vec<(Instant, Bytes)>>,
    traffic: Traffic,
    /// True if streams report how much was acknowledged.
    measured: bool,
}

/// Observations on the way, for checks.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Dials that were begun, by client.
    pub(super) dials: BTreeMap<Arc<str>, u64>,
    /// Queries for the owners of shards, and their answers.
    pub(super) locations: Vec<Seen>,
}

/// A query or an answer on its way.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) client: Arc<str>,
    /// The number of the connection.
    pub(super) connection: u64,
    pub(super) path: String,
    /// The payload of its frame.
    pub(super) payload: Bytes,
    pub(super) at: Instant,
    /// The time at which it arrives; `None` while the way is stalled.
    pub(super) arrives: Option<Instant>,
    /// True once the connection has been full: then frames wait, and times say nothing.
    pub(super) waited: bool,
}

impl Network {
    /// Makes a network where no node listens yet.
    pub(super) fn new(log: Arc<Log>, mut random: fastrand::Rng) -> Self {
        let measured = random.bool();
        let state = State {
            random,
            listeners: BTreeMap::new(),
            connections: BTreeMap::new(),
            dialled: 0,
            conditions: BTreeMap::new(),
            numbers: Numbers::default(),
            decoy: None,
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

    /// Counts a read or write that is tried.
    pub(super) fn count(&self) {
        // One thread runs a world; the atomic is for the type alone.
        self.0.tried.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of reads and writes that were tried so far.
    pub(super) fn tried(&self) -> u64 {
        self.0.tried.load(Ordering::Relaxed)
    }

    /// Returns whether a node reads slowly.
    pub(super) fn is_slow(&self, node: &NodeAddress) -> bool {
        let state = self.0.state.lock();
        state.conditions.get(node).is_some_and(|it| it.slow)
    }

    /// Returns the time at which bytes sent now to a side arrive; `None` while the way is stalled.
    pub(super) fn arrival(&self, node: &NodeAddress, to: Side) -> Option<Instant> {
        self.0.state.lock().arrival(node, to)
    }

    /// Changes the conditions of the way to a node.
    pub(super) fn change(&self, node: &NodeAddress, change: impl FnOnce(&mut Conditions)) {
        let mut guard = self.0.state.lock();
        let state = &mut *guard;
        let conditions = state.conditions.entry(node.clone()).or_default();
        let before = conditions.stalled;
        change(conditions);
        let after = *conditions;
        let now = Instant::now();
        let concerned = state.connections.values();
        for connection in concerned.filter(|connection| connection.node == *node) {
            let mut connection = connection.lock();
            for side in [Side::Client, Side::Node] {
                match (before[side as usize], after.stalled[side as usize]) {
                    (false, true) => connection.to(side).stall(now),
                    (true, false) if !connection.half_open => {
                        connection.to(side).release(now + after.latency);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Ends the faults of all ways and connections.
    pub(super) fn clear(&self) {
        let nodes: Vec<_> = {
            let state = self.0.state.lock();
            state.conditions.keys().cloned().collect()
        };
        for node in nodes {
            self.change(&node, |conditions| *conditions = Conditions::default());
        }
        for connection in self.connections() {
            connection.notice();
            let mut connection = connection.lock();
            connection.to(Side::Client).tampers.clear();
            connection.to(Side::Node).tampers.clear();
        }
    }

    /// Returns the connections that at least one side still has.
    pub(super) fn connections(&self) -> Vec<Arc<Connection>> {
        self.0.state.lock().connections.values().cloned().collect()
    }

    /// Returns the connections of a node that at least one side still has.
    pub(super) fn connections_to(&self, node: &NodeAddress) -> Vec<Arc<Connection>> {
        let mut connections = self.connections();
        connections.retain(|connection| connection.node == *node);
        connections
    }

    /// Takes the power from a node: its clients are not told.
    pub(super) fn lose_power(&self, node: &NodeAddress) {
        for connection in self.connections_to(node) {
            connection.lock().half_open = true;
        }
    }

    /// Takes an address from its node for good: its clients are not told, now or later.
    pub(super) fn vanish(&self, node: &NodeAddress) {
        self.lose_power(node);
        self.0.state.lock().vanished.insert(node.clone());
    }

    /// Gives every name another address, before that of its node.
    pub(super) fn set_decoy(&self, decoy: Decoy) {
        self.0.state.lock().decoy = Some(decoy);
    }

    /// Returns what listens at the other address of every name.
    pub(super) fn decoy(&self) -> Option<Decoy> {
        self.0.state.lock().decoy
    }

    /// Counts a dial of `host`.
    pub(super) fn count_dial(&self, host: &Arc<str>) {
        let mut state = self.0.state.lock();
        let dials = state.traffic.dials.entry(Arc::clone(host));
        *dials.or_default() += 1;
    }

    /// Returns the address of the node of a name: the name of all nodes leads to any that listens.
    pub(super) fn named(&self, name: &NodeAddress) -> SocketAddr {
        self.0.state.lock().named(name)
    }

    /// Returns what a dial meets at an address.
    pub(super) fn meet(&self, address: SocketAddr) -> Met {
        self.0.state.lock().meet(address)
    }

    /// Adds a connection that was accepted.
    pub(super) fn open(&self, host: &Arc<str>, at: &NodeAddress) -> Arc<Connection> {
        let mut state = self.0.state.lock();
        state.dialled += 1;
        let number = state.dialled;
        let connection = Connection::new(number, Arc::clone(host), at.clone());
        state.connections.insert(number, Arc::clone(&connection));
        connection
    }

    /// Has a node listen. Returns whether the address was free.
    pub(super) fn listen(&self, at: &NodeAddress, queue: mpsc::Sender<ByteStream>) -> bool {
        let mut state = self.0.state.lock();
        if state.listeners.contains_key(at) {
            return false;
        }
        state.listeners.insert(at.clone(), queue);
        true
    }

    /// Frees an address that a node listened at.
    pub(super) fn unlisten(&self, at: &NodeAddress) {
        self.0.state.lock().listeners.remove(at);
    }

    /// Returns whether streams report how much was acknowledged.
    pub(super) fn is_measured(&self) -> bool {
        self.0.state.lock().measured
    }

    /// Writes a line into the world's log.
    pub(super) fn log(&self, line: std::fmt::Arguments<'_>) {
        self.0.log.write(line);
    }

    /// Forgets a connection of which both sides have ended.
    pub(super) fn ended(&self, number: u64) {
        self.0.state.lock().connections.remove(&number);
    }

    /// Returns the observations since the last call.
    pub(super) fn take_traffic(&self) -> Traffic {
        std::mem::take(&mut self.0.state.lock().traffic)
    }

    /// Sends a whole frame on its way to a side of a connection, and applies the fault that awaits
    /// it.
    pub(super) fn carry(&self, connection: &Arc<Connection>, to: Side, frame: Bytes) {
        let seen = examine(&frame);
        let due = self.see(connection, to, &seen, &frame);
        let tamper = {
            let mut connection = connection.lock();
            let tampers = &mut connection.to(to).tampers;
            let concerned = tampers
                .iter()
                .position(|tamper| tamper.concerns(seen.frame_type));
            concerned.map(|place| tampers.remove(place))
        };
        if let Some(tamper) = &tamper {
            let number = connection.number;
            self.0.log.write(format_args!("net #{number} {tamper:?}"));
        }
        let mut guard = connection.lock();
        let direction = guard.to(to);
        match tamper {
            None => direction.send(frame, due),
            Some(Tamper::Lose(_)) => {}
            Some(Tamper::Repeat(_)) => {
                direction.send(frame.clone(), due);
                direction.send(frame, due);
            }
            Some(Tamper::Late(_, by)) => {
                drop(guard);
                self.carry_later(connection, to, frame, by);
            }
            Some(Tamper::Stale(_)) => {
                direction.send(frame, due);
                if let Some(stale) = self.stale_view(&seen.path) {
                    direction.send(stale, due);
                }
            }
            Some(Tamper::Corrupt(choice)) => direction.send(corrupted(&frame, choice), due),
            Some(Tamper::Empty) => direction.send(behind_an_empty_one(&frame), due),
            Some(Tamper::Truncate(ending)) => {
                direction.send(frame.slice(..frame.len() / 2), due);
                direction.end(ending, due);
            }
        }
    }

    /// Sends a frame on its way some time later, if the connection lasts so long.
    fn carry_later(&self, connection: &Arc<Connection>, to: Side, frame: Bytes, by: Duration) {
        let (network, connection) = (self.clone(), Arc::downgrade(connection));
        tokio::spawn(async move {
            tokio::time::sleep(by).await;
            if let Some(connection) = connection.upgrade() {
                let due = network.arrival(&connection.node, to);
                let mut connection = connection.lock();
                let due = due.filter(|_| !connection.forgotten);
                connection.to(to).send(frame, due);
            }
        });
    }

    /// Logs a frame and keeps what checks and faults need of it. Returns the time at which it
    /// arrives.
    fn see(
        &self,
        connection: &Connection,
        to: Side,
        Examined { frame_type, path }: &Examined,
        frame: &Bytes,
    ) -> Option<Instant> {
        let (length, digest) = (frame.len(), fnv(0, frame));
        let Connection {
            number,
            client,
            node,
            ..
        } = connection;
        let arrow = if to == Side::Node { "->" } else { "<-" };
        self.0.log.write(format_args!(
            "net #{number} {client} {arrow} {node} {frame_type:?} {path} {length} {digest:016x}"
        ));
        if (*frame_type, to) == (FrameType::Handshake, Side::Node) {
            let payload = frame.get(FRAME_HEAD..).unwrap_or_default();
            connection.lock().announced = Handshake::read(payload).ok().map(|it| it.address);
        }
        let now = Instant::now();
        let (waited, latest, forgotten) = {
            let mut connection = connection.lock();
            let waited = connection.to(Side::Node).waited;
            (waited, connection.to(to).latest(), connection.forgotten)
        };
        let mut state = self.0.state.lock();
        let due = state.arrival(node, to).filter(|_| !forgotten);
        match frame_type {
            FrameType::View => {
                let kept = state.views.entry(path.clone()).or_default();
                if kept.len() >= KEPT {
                    kept.remove(0);
                }
                kept.push((now, frame.clone()));
            }
            FrameType::Query | FrameType::Location => state.traffic.locations.push(Seen {
                client: Arc::clone(client),
                connection: *number,
                path: path.clone(),
                payload: frame.slice(FRAME_HEAD..),
                at: now,
                arrives: due.map(|due| latest.map_or(due, |latest| latest.max(due))),
                waited,
            }),
            _ => {}
        }
        due
    }

    /// Returns the oldest view that was kept of a subscription.
    fn stale_view(&self, path: &str) -> Option<Bytes> {
        let state = self.0.state.lock();
        let (_, oldest) = state.views.get(path)?.first()?;
        Some(oldest.clone())
    }
}

impl State {
    /// Draws the time at which bytes sent now to a side arrive.
    fn arrival(&mut self, node: &NodeAddress, to: Side) -> Option<Instant> {
        let conditions = self.conditions.get(node).copied().unwrap_or_default();
        if conditions.stalled[to as usize] {
            return None;
        }
        let jitter = conditions.jitter.mul_f64(self.random.f64());
        Some(Instant::now() + conditions.latency + jitter)
    }

    fn named(&mut self, name: &NodeAddress) -> SocketAddr {
        let drawn = (name.host() == NAME).then(|| {
            let count = self.listeners.len().max(1);
            let drawn = self.random.usize(..count);
            self.listeners.keys().nth(drawn).cloned()
        });
        let node = drawn.flatten().unwrap_or_else(|| name.clone());
        self.numbers.of(&node)
    }

    fn meet(&self, address: SocketAddr) -> Met {
        let at = self.numbers.node(address);
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

/// The answer that a dial meets.
pub(super) struct Met {
    pub(super) at: NodeAddress,
    /// The queue of connections to be accepted; `None`: it is refused.
    pub(super) queue: Option<mpsc::Sender<ByteStream>>,
    /// True if there is no answer.
    pub(super) swallowed: bool,
    /// The time until the answer.
    pub(super) after: Duration,
}
