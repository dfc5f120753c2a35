//! What must hold of every client in every world, at all times and in the end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_client::{ClusterClient, DeadLetters, Fate, NodeStats, RegionStats, Stats, View};
use casty_proto::NodeAddress;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::queries::Questions;
use super::world::World;

/// What is checked. The names are those of the reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Check {
    /// What a scenario itself expects.
    Scenario,
    /// accepted = written + not sent + unknown + held + queued, of a client.
    Conservation,
    /// The same of each region, and their sums are the client's.
    ConservationByRegion,
    /// routed = written + returned + unknown + queued, of each node.
    ConservationByNode,
    /// As many dead letters as the counters say, of each fate.
    DeadLetters,
    /// Nothing is fuller than its limit.
    Bounds,
    /// Allocations of an older version never replace newer ones.
    ViewGoesBack,
    /// Nothing is routed to a node that the view says is dead.
    SentToTheDead,
    /// One question for a shard's owner is in flight at a time.
    OneRefresh,
    /// Nodes are dialled at a bounded pace.
    DialPace,
    /// Events in virtual time are bounded.
    BusyLoop,
    /// Messages of one sender to one entity arrive in order at one owner.
    Order,
    /// A message that was sent once arrives once at most.
    Duplicate,
    /// A reply reaches nobody but who asked.
    StrangersReply,
    /// An ask ends inside its deadline.
    Deadline,
    /// What is said not to have been sent has not arrived.
    FalseFate,
    /// What cannot be lost arrives.
    Arrival,
    /// Everything works again within a bound after all faults have ended.
    Recovery,
    /// A closed client has no connections, no messages, no asks.
    LeftBehind,
    /// No task goes on after the end.
    Tasks,
    /// Nothing happens any more after the end.
    Timers,
    /// No task has panicked.
    Panic,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// What was checked.
    pub check: Check,
    /// When it was seen, in virtual time.
    pub at: Duration,
    /// What was found.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, at, what } = self;
        write!(f, "{check} at {:.3} s: {what}", at.as_secs_f64())
    }
}

/// A client that is watched.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) name: Arc<str>,
    pub(super) client: ClusterClient,
    /// What it was told to begin with.
    pub(super) contacts: Arc<[String]>,
    letters: Arc<Mutex<Letters>>,
    last: Arc<Mutex<Last>>,
}

/// The dead letters of a client.
#[derive(Debug, Clone, Copy, Default)]
struct Letters {
    not_sent: u64,
    unknown: u64,
    missed: u64,
}

/// What was seen at the last look.
#[derive(Default)]
struct Last {
    view: Option<Arc<View>>,
    routed: BTreeMap<NodeAddress, u64>,
}

impl Watched {
    pub(super) fn new(name: String, client: &ClusterClient, contacts: Vec<String>) -> Self {
        let letters = Arc::default();
        tokio::spawn(count(client.dead_letters(), Arc::clone(&letters)));
        Self {
            name: name.into(),
            client: client.clone(),
            contacts: contacts.into(),
            letters,
            last: Arc::default(),
        }
    }

    /// Looks at what must hold at any time.
    fn look(&self, world: &World) {
        let stats = self.client.stats();
        let violated = |check, what: String| {
            world.violated(check, format!("{}: {what}", self.name));
        };
        let Stats {
            accepted,
            written,
            not_sent,
            unknown,
            buffered,
            queued,
            ..
        } = stats;
        if accepted != written + not_sent + unknown + buffered + queued {
            violated(Check::Conservation, format!("{stats:?}"));
        }
        if let Some(what) = unbalanced_regions(&stats, &self.client.region_stats()) {
            violated(Check::ConservationByRegion, what);
        }
        let nodes = self.client.node_stats();
        for node in &nodes {
            if node.routed != node.written + node.returned + node.unknown + node.queued {
                violated(Check::ConservationByNode, format!("{node:?}"));
            }
        }
        let letters = *self.letters.lock();
        if letters.not_sent > not_sent || letters.unknown > unknown {
            violated(Check::DeadLetters, format!("{letters:?}, {stats:?}"));
        }
        if stats.gauges.events > 64 || stats.gauges.dial_failures > 64 {
            violated(Check::Bounds, format!("{:?}", stats.gauges));
        }
        self.look_at_view(&nodes, &violated);
    }

    fn look_at_view(&self, nodes: &[NodeStats], violated: &dyn Fn(Check, String)) {
        let view = self.client.topology().current();
        let mut last = self.last.lock();
        if let (Some(before), Some(view)) = (&last.view, &view) {
            if view.version() < before.version() {
                let (old, new) = (before.version(), view.version());
                violated(Check::ViewGoesBack, format!("from {old:?} to {new:?}"));
            }
            // Views that differ may have been others in between.
            let same = Arc::ptr_eq(before, view);
            for stats in nodes.iter().filter(|_| same) {
                let Some(node) = stats.node.as_ref().filter(|node| view.is_gone(node)) else {
                    continue;
                };
                let before = last.routed.get(node).copied().unwrap_or(0);
                if stats.routed > before {
                    violated(Check::SentToTheDead, format!("{stats:?}, {before} before"));
                }
            }
        }
        let routed = nodes
            .iter()
            .filter_map(|it| Some((it.node.clone()?, it.routed)));
        *last = Last {
            routed: routed.collect(),
            view,
        };
    }

    /// Looks at what must hold of a closed client.
    fn look_at_end(&self, world: &World) {
        self.look(world);
        let stats = self.client.stats();
        let open = [
            stats.buffered,
            stats.queued,
            stats.pending_asks,
            stats.ask_bytes,
            stats.connections,
            stats.secondary_connections,
            stats.gauges.actors,
            stats.gauges.mailboxes,
            stats.gauges.waiting_tells,
            stats.gauges.queued_bytes,
        ];
        if open.iter().any(|count| *count > 0) {
            world.violated(Check::LeftBehind, format!("{}: {stats:?}", self.name));
        }
        let letters = *self.letters.lock();
        let told = letters.not_sent + letters.unknown + letters.missed;
        if told != stats.not_sent + stats.unknown {
            let what = format!("{}: {letters:?}, {stats:?}", self.name);
            world.violated(Check::DeadLetters, what);
        }
    }
}

/// What is wrong with the accounts of regions, if anything is.
fn unbalanced_regions(stats: &Stats, regions: &[RegionStats]) -> Option<String> {
    let unbalanced = |it: &&RegionStats| {
        it.accepted != it.written + it.not_sent + it.unknown + it.buffered + it.queued
    };
    if let Some(region) = regions.iter().find(unbalanced) {
        return Some(format!("{region:?}"));
    }
    let sum = |part: fn(&RegionStats) -> u64| regions.iter().map(part).sum::<u64>();
    let sums = [
        (sum(|it| it.accepted), stats.accepted),
        (sum(|it| it.written), stats.written),
        (sum(|it| it.not_sent), stats.not_sent),
        (sum(|it| it.unknown), stats.unknown),
        (sum(|it| it.buffered), stats.buffered),
        (sum(|it| it.queued), stats.queued),
    ];
    let differ = sums.iter().any(|(regions, client)| regions != client);
    differ.then(|| format!("{regions:?} are not {stats:?}"))
}

/// Counts dead letters until the client has ended.
async fn count(mut letters: DeadLetters, counts: Arc<Mutex<Letters>>) {
    while let Some(letter) = letters.recv().await {
        let mut counts = counts.lock();
        match letter.fate() {
            Fate::Unknown => counts.unknown += 1,
            _ => counts.not_sent += 1,
        }
        counts.missed = letters.missed();
    }
}

/// How often the world is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// In so many turns, whatever one task hands to another has arrived.
const TURNS: u32 = 8;
/// What a world may do in a second of virtual time, for each client and node.
const TRIES: u64 = 20_000;
const PARKS: u64 = 5_000;
/// Dials of one client in a second, for each node.
const DIALS: u64 = 40;

/// Looks at a world again and again.
pub(super) struct Watch {
    world: World,
    questions: Questions,
    /// What was counted at the last reckoning: reads and writes, and pauses of the runtime.
    before: [u64; 2],
    reckoned: Instant,
    dials: BTreeMap<Arc<str>, u64>,
}

impl Watch {
    pub(super) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            questions: Questions::default(),
            before: [0; 2],
            reckoned: Instant::now(),
            dials: BTreeMap::new(),
        }
    }

    /// Looks for ever.
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

    /// Looks once.
    fn look(&mut self) {
        let watched = self.world.watched();
        for one in &watched {
            one.look(&self.world);
        }
        let traffic = self.world.network().take_traffic();
        for (client, count) in traffic.dials {
            *self.dials.entry(client).or_default() += count;
        }
        for seen in &traffic.locations {
            if let Err(what) = self.questions.take_in(&self.world, seen) {
                self.world.violated(Check::OneRefresh, what);
            }
        }
        if self.reckoned.elapsed() >= Duration::from_secs(1) {
            self.reckon(watched.len() as u64);
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

impl World {
    /// Ends everything, and looks at what is left.
    pub(super) async fn end(&self) {
        let watched = self.watched();
        for one in &watched {
            let report = one.client.close(Duration::from_secs(2)).await;
            self.log(format_args!("{} closed: {report}", one.name));
        }
        // Letters are counted, and nodes read what ended.
        tokio::time::sleep(Duration::from_secs(1)).await;
        for one in &watched {
            one.look_at_end(self);
        }
        let client = |name: &str| watched.iter().any(|one| *one.name == *name);
        for wire in self.network().wires() {
            if client(&wire.client) && !wire.lock().is_gone(super::connection::Side::Client) {
                let (number, client) = (wire.number, &wire.client);
                let what = format!("connection #{number} of {client} is open");
                self.violated(Check::LeftBehind, what);
            }
        }
        if let Some(cluster) = self.started() {
            cluster.end_all().await;
        }
    }
}
