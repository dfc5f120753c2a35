//! The state of the screen: the last view, the doctor's last findings, and where the user looks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use casty_client::diagnosis::{Diagnosis, Severity};
use casty_client::{Chain, Escaped, ReadyError, Stats, View};
use tokio::time::Instant;

use super::keys::Key;
use crate::render::{is_unreachable, roles, status, warnings};

/// The least time between two counts of a rate.
const WINDOW: Duration = Duration::from_secs(1);

/// The state of the screen. Everything in it is of the last view and the last examination.
#[derive(Debug, Clone)]
pub(super) struct Screen {
    pub(super) system: String,
    counts: BTreeMap<String, u32>,
    pub(super) view: Summary,
    pub(super) health: Health,
    /// The time of the last examination.
    pub(super) examined: Option<Instant>,
    pub(super) traffic: Traffic,
    /// The first line of the list that is shown.
    pub(super) scroll: usize,
    /// The lines that are shown at once.
    pub(super) page: usize,
    pub(super) helps: bool,
    /// The last lines of the log, if there is one.
    pub(super) log: Vec<String>,
}

/// The doctor's findings.
#[derive(Debug, Clone)]
pub(super) enum Health {
    /// It has not looked yet.
    Unknown,
    Known(Vec<Problem>),
    /// It could not look, for this reason.
    Failed(String),
}

/// A finding.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) severity: Severity,
    /// The node that it is about, as members are shown.
    pub(super) node: Option<String>,
    pub(super) what: String,
    pub(super) helps: String,
}

/// A view, as it is shown: escaped, and no longer than that takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Summary {
    pub(super) leader: Option<String>,
    pub(super) epoch: u64,
    pub(super) members: Vec<Member>,
    pub(super) regions: Vec<Region>,
    /// Services, and their instances on live nodes.
    pub(super) services: Vec<(String, usize)>,
    pub(super) warnings: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) node: String,
    pub(super) id: String,
    pub(super) status: &'static str,
    pub(super) is_up: bool,
    pub(super) leads: bool,
    pub(super) shards: usize,
    pub(super) roles: String,
}

#[derive(Debug, Clone)]
pub(super) struct Region {
    pub(super) name: String,
    pub(super) shards: usize,
    pub(super) nodes: usize,
}

/// The client's own connections, and how fast views come.
#[derive(Debug, Clone, Default)]
pub(super) struct Traffic {
    pub(super) connections: u64,
    /// Tenths of views a second.
    pub(super) views: u64,
    /// Allocations a second.
    pub(super) changes: u64,
    /// The time since the last view.
    pub(super) silence: Duration,
    seen: Option<(Instant, u64)>,
    since: Option<(Instant, u64, u64)>,
}

impl Screen {
    pub(super) fn new(system: &str, counts: BTreeMap<String, u32>) -> Self {
        Self {
            system: shown(system),
            counts,
            view: Summary::default(),
            health: Health::Unknown,
            examined: None,
            traffic: Traffic::default(),
            scroll: 0,
            page: 1,
            helps: false,
            log: Vec::new(),
        }
    }

    /// Takes a view in.
    pub(super) fn see(&mut self, view: &View) {
        self.view = Summary::of(view, &self.counts);
    }

    /// Takes the result of an examination in.
    pub(super) fn examined(&mut self, found: Result<Diagnosis, ReadyError>, now: Instant) {
        self.examined = Some(now);
        self.health = match found {
            Ok(diagnosis) => Health::Known(
                diagnosis
                    .findings()
                    .iter()
                    .map(|finding| Problem {
                        severity: finding.severity,
                        node: finding.problem.node().map(|node| shown(&node.to_raw())),
                        what: shown(&finding.problem.to_string()),
                        helps: shown(&finding.problem.remedy()),
                    })
                    .collect(),
            ),
            Err(error) => Health::Failed(Chain(&error).to_string()),
        };
    }

    /// Counts what has come since the last time.
    pub(super) fn count(&mut self, stats: &Stats, now: Instant) {
        let epoch = self.view.epoch;
        let traffic = &mut self.traffic;
        traffic.connections = stats.connections;
        if traffic.seen.is_none_or(|(_, views)| views != stats.views) {
            traffic.seen = Some((now, stats.views));
        }
        let last = traffic.seen.map_or(now, |(last, _)| last);
        traffic.silence = now.saturating_duration_since(last);
        let (then, views, before) = *traffic.since.get_or_insert((now, stats.views, epoch));
        let took = now.saturating_duration_since(then);
        if took >= WINDOW {
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            traffic.views = stats.views.saturating_sub(views).saturating_mul(10_000) / millis;
            traffic.changes = epoch.saturating_sub(before).saturating_mul(1000) / millis;
            traffic.since = Some((now, stats.views, epoch));
        }
    }

    /// Returns whether something is wrong with a node that others call up.
    pub(super) fn is_in_trouble(&self, node: &str) -> bool {
        let Health::Known(found) = &self.health else {
            return false;
        };
        let is_about = |it: &Problem| it.node.as_deref() == Some(node);
        let is_bad = |it: &Problem| it.severity != Severity::Note;
        found.iter().any(|it| is_about(it) && is_bad(it))
    }

    /// Does what a key means.
    pub(super) fn press(&mut self, key: Key) {
        let page = self.page.max(1);
        match key {
            Key::Help => self.helps = !self.helps,
            Key::Up => self.scroll = self.scroll.saturating_sub(1),
            Key::Down => self.scroll = self.scroll.saturating_add(1),
            Key::PageUp => self.scroll = self.scroll.saturating_sub(page),
            Key::PageDown => self.scroll = self.scroll.saturating_add(page),
            Key::Top => self.scroll = 0,
            Key::Bottom => self.scroll = usize::MAX,
            Key::Quit | Key::Other => {}
        }
        if key == Key::Help {
            self.scroll = 0;
        }
    }
}

impl Summary {
    fn of(view: &View, counts: &BTreeMap<String, u32>) -> Self {
        let mut shards = BTreeMap::new();
        let mut regions = Vec::new();
        for (name, allocations) in view.regions() {
            let mut nodes = BTreeSet::new();
            for allocation in allocations.values() {
                *shards.entry(&allocation.primary).or_insert(0_usize) += 1;
                nodes.insert(&allocation.primary);
            }
            regions.push(Region {
                name: shown(name),
                shards: allocations.len(),
                nodes: nodes.len(),
            });
        }
        let members = view.members().iter().map(|member| {
            let node = &member.address;
            let roles: Vec<_> = roles(member).iter().map(|role| shown(role)).collect();
            Member {
                node: shown(&node.to_raw()),
                id: shown(&member.id),
                status: if is_unreachable(view, node) {
                    "unreachable"
                } else {
                    status(member.status)
                },
                is_up: view.is_live(node),
                leads: view.leader() == Some(node),
                shards: shards.get(node).copied().unwrap_or_default(),
                roles: roles.join(","),
            }
        });
        let members = members.collect();
        let services = view.all_services().map(|(key, entries)| {
            let live = entries.iter().filter(|entry| view.is_live(&entry.node));
            (shown(key), live.count())
        });
        let warnings = warnings(view, counts)
            .map(|(region, found)| format!("{}: {}", shown(&region), shown(&found)));
        Self {
            leader: view.leader().map(|node| shown(&node.to_raw())),
            epoch: view.version().epoch,
            members,
            regions,
            services: services.collect(),
            warnings: warnings.collect(),
        }
    }

    /// Returns the number of members that are up.
    pub(super) fn up(&self) -> usize {
        self.members.iter().filter(|member| member.is_up).count()
    }
}

/// Escapes a text that nodes have chosen.
fn shown(text: &str) -> String {
    Escaped::new(text).column().to_string()
}
