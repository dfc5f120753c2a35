//! The checks of a world: again and again while it lasts, and at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::NodeAddress;
use tokio::time::Instant;

use super::connection::{Connection, Side};
use super::queries::Queries;
use super::violation::Check;
use super::watched::WatchedClient;
use super::world::World;

/// The time between two looks at the world.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// The number of turns after which whatever one task hands to another has arrived.
const TURNS: u32 = 8;
/// Reads and writes that a world may try in a second of virtual time, for each client and node.
const TRIES: u64 = 20_000;
/// Pauses of the runtime in that time, for each client and node.
const PARKS: u64 = 5_000;
/// Dials of one client in a second, for each node.
const DIALS: u64 = 40;

/// The checks of a world while it lasts.
pub(super) struct Checker {
    world: World,
    queries: Queries,
    /// The counts of reads and writes, and of pauses of the runtime, at the last reckoning.
    before: [u64; 2],
    reckoned: Instant,
    /// Dials since then, by client.
    dials: BTreeMap<Arc<str>, u64>,
}

impl Checker {
    /// Makes the checks of a world that begins now.
    pub(super) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            queries: Queries::default(),
            before: [0; 2],
            reckoned: Instant::now(),
            dials: BTreeMap::new(),
        }
    }

    /// Checks the world until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            // A message may be between two tasks. They have their turns first.
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            self.look();
        }
    }

    /// Checks the world once.
    fn look(&mut self) {
        let watched = self.world.watched();
        for one in &watched {
            one.look(&|check, what| self.world.violated(check, what));
        }
        self.look_at_addresses(&watched);
        let traffic = self.world.network().take_traffic();
        for (client, count) in traffic.dials {
            *self.dials.entry(client).or_default() += count;
        }
        for seen in &traffic.locations {
            if let Err(what) = self.queries.take_in(&self.world, seen) {
                self.world.violated(Check::OneRefresh, what);
            }
        }
        if self.reckoned.elapsed() >= Duration::from_secs(1) {
            self.reckon(watched.len() as u64);
        }
    }

    /// Checks that no client has two connections to one node under one address.
    fn look_at_addresses(&self, watched: &[WatchedClient]) {
        // One that has to keep its address may take a node for another, by a name that leads to
        // several, and has no other address to announce there.
        let renews = |client: &&WatchedClient| is_generated(client.client.identity());
        let renewing = watched.iter().filter(renews);
        let names: BTreeSet<_> = renewing.map(|client| &client.name).collect();
        let mut seen = BTreeMap::new();
        for connection in self.world.network().connections() {
            let state = connection.lock();
            let ended = state.is_gone(Side::Client) || state.is_reset(Side::Client);
            if ended || !names.contains(&connection.client) {
                continue;
            }
            let Some(address) = state.announced.clone() else {
                continue;
            };
            drop(state);
            let (client, node) = (Arc::clone(&connection.client), connection.node.clone());
            if let Some(other) = seen.insert((client, node, address), connection.number) {
                let Connection {
                    number,
                    client,
                    node,
                    ..
                } = &*connection;
                let what = format!("#{number} and #{other} of {client} to {node}");
                self.world.violated(Check::OneAddress, what);
            }
        }
    }

    /// Compares what happened since the last time with what may.
    fn reckon(&mut self, clients: u64) {
        let seconds = self.reckoned.elapsed().as_secs_f64().ceil();
        self.reckoned = Instant::now();
        let Some(cluster) = self.world.started() else {
            return;
        };
        let nodes = cluster.status().nodes.len() as u64;
        let allowed = |each: u64| {
            #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation)]
            let seconds = seconds as u64;
            each * seconds
        };
        let metrics = tokio::runtime::Handle::current().metrics();
        let now = [self.world.network().tried(), metrics.worker_park_count(0)];
        let [tries, parks] = [now[0] - self.before[0], now[1] - self.before[1]];
        self.before = now;
        let parties = clients + nodes;
        if tries > allowed(TRIES * parties) || parks > allowed(PARKS * parties) {
            let what = format!("{tries} reads and writes, {parks} pauses in {seconds} s");
            self.world.violated(Check::BusyLoop, what);
        }
        for (client, dials) in std::mem::take(&mut self.dials) {
            if dials > allowed(DIALS * nodes) {
                let what = format!("{client} dialled {dials} times in {seconds} s");
                self.world.violated(Check::DialPace, what);
            }
        }
    }
}

/// Returns whether a client chose an address at random, as it does unless it is given one: a group
/// address.
fn is_generated(address: &NodeAddress) -> bool {
    let host = address.host().parse::<Ipv4Addr>();
    host.is_ok_and(|host| host.is_multicast())
}

impl World {
    /// Closes all clients, checks what is left, and ends the cluster.
    pub(super) async fn end(&self) {
        let watched = self.watched();
        for one in &watched {
            let report = one.client.close(Duration::from_secs(2)).await;
            self.log(format_args!("{} closed: {report}", one.name));
        }
        // Meanwhile dead letters are counted, and nodes read the ends of connections.
        tokio::time::sleep(Duration::from_secs(1)).await;
        for one in &watched {
            one.look_at_end(&|check, what| self.violated(check, what));
        }
        let client = |name: &str| watched.iter().any(|one| *one.name == *name);
        for connection in self.network().connections() {
            if client(&connection.client) && !connection.lock().is_gone(Side::Client) {
                let (number, client) = (connection.number, &connection.client);
                let what = format!("connection #{number} of {client} is open");
                self.violated(Check::LeftBehind, what);
            }
        }
        if let Some(cluster) = self.started() {
            cluster.end_all().await;
        }
    }
}
