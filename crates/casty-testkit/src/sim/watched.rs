//! One client that is watched: the checks that need nothing but the client itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use casty_client::{
    ClusterClient, CountContradiction, DeadLetters, Fate, Loss, NodeStats, NotSent, RegionStats,
    Stats, View,
};
use casty_proto::NodeAddress;
use casty_routing::ShardCount;
use parking_lot::Mutex;

use super::violation::Check;

/// A client that is watched.
#[derive(Clone)]
pub(super) struct WatchedClient {
    pub(super) name: Arc<str>,
    pub(super) client: ClusterClient,
    /// The contact points that it was given.
    pub(super) contacts: Arc<[String]>,
    letters: Arc<Mutex<LetterCounts>>,
    last: Arc<Mutex<Last>>,
}

/// The dead letters of a client, counted.
#[derive(Debug, Clone, Copy, Default)]
struct LetterCounts {
    not_sent: u64,
    unknown: u64,
    missed: u64,
    /// Messages that were refused for the shard count of their region.
    miscounted: u64,
}

/// The state of a client at the last look.
#[derive(Default)]
struct Last {
    view: Option<Arc<View>>,
    routed: BTreeMap<NodeAddress, u64>,
}

impl WatchedClient {
    /// Begins to count the dead letters of a client.
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

    /// Checks everything that must hold at any time, and reports violations.
    pub(super) fn look(&self, report: &dyn Fn(Check, String)) {
        let stats = self.client.stats();
        let violated = |check, what: String| report(check, format!("{}: {what}", self.name));
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
        let regions = self.client.region_stats();
        if let Some(what) = miscounted_regions(&stats, &regions) {
            violated(Check::ConservationByRegion, what);
        }
        let nodes = self.client.node_stats();
        for node in &nodes {
            if node.routed != node.written + node.requeued + node.unknown + node.queued {
                violated(Check::ConservationByNode, format!("{node:?}"));
            }
        }
        let letters = *self.letters.lock();
        if letters.not_sent > not_sent || letters.unknown > unknown {
            violated(Check::DeadLetters, format!("{letters:?}, {stats:?}"));
        }
        let view = self.client.topology().current();
        let untold = view.and_then(|view| untold_contradiction(&view, &regions));
        if let Some(what) = untold {
            violated(Check::Contradictions, what);
        }
        if letters.miscounted > 0 {
            violated(Check::Contradictions, format!("{letters:?}"));
        }
        if stats.gauges.waiting_views > 64 || stats.gauges.dial_failures > 64 {
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

    /// Checks everything that must hold of a closed client, and reports violations.
    pub(super) fn look_at_end(&self, report: &dyn Fn(Check, String)) {
        self.look(report);
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
            stats.gauges.mailbox_bytes,
            stats.gauges.waiting_view_bytes,
            stats.gauges.inbound_bytes,
            stats.gauges.waiting_tells,
            stats.gauges.queued_bytes,
        ];
        if open.iter().any(|count| *count > 0) {
            report(Check::LeftBehind, format!("{}: {stats:?}", self.name));
        }
        let letters = *self.letters.lock();
        let told = letters.not_sent + letters.unknown + letters.missed;
        if told != stats.not_sent + stats.unknown {
            let what = format!("{}: {letters:?}, {stats:?}", self.name);
            report(Check::DeadLetters, what);
        }
    }
}

/// Returns how the counters of regions do not add up, if they do not.
fn miscounted_regions(stats: &Stats, regions: &[RegionStats]) -> Option<String> {
    let miscounted = |it: &&RegionStats| {
        it.accepted != it.written + it.not_sent + it.unknown + it.buffered + it.queued
    };
    if let Some(region) = regions.iter().find(miscounted) {
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

/// Returns what a view says against the shard count of a region, if the client does not tell it. A
/// guess that it tells may be one of an earlier view.
fn untold_contradiction(view: &View, regions: &[RegionStats]) -> Option<String> {
    regions.iter().find_map(|stats| {
        let count = ShardCount::new(stats.shards?)?;
        let found = CountContradiction::of(view, stats.region.as_deref()?, count)?;
        let told = stats.contradiction.as_ref() == Some(&found);
        (!told).then(|| format!("{found}, but {stats:?}"))
    })
}

/// Counts dead letters until the client has ended.
async fn count(mut letters: DeadLetters, counts: Arc<Mutex<LetterCounts>>) {
    while let Some(letter) = letters.recv().await {
        let mut counts = counts.lock();
        if matches!(letter.loss, Loss::NotSent(NotSent::OtherShardCount { .. })) {
            counts.miscounted += 1;
        }
        match letter.fate() {
            Fate::Unknown => counts.unknown += 1,
            _ => counts.not_sent += 1,
        }
        counts.missed = letters.missed();
    }
}
