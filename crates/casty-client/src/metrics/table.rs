//! The table of all metrics: names, labels, kinds and what each is read from.

use metrics::Unit;

use crate::health::{Health, HealthState};
use crate::metrics::counts::MetricCounts;
use crate::stats::Stats;
use crate::stats::listing::{Declared, STATS, StatKind};
use crate::stats::losses::REASONS;

/// The label that each metric has: the name of the cluster's actor system.
pub(crate) const SYSTEM: &str = "system";

/// The state of a client at one moment, from which metrics are read.
pub(crate) struct Sample {
    pub(crate) stats: Stats,
    pub(crate) counts: MetricCounts,
    pub(crate) health: Health,
    /// The epoch of the view's allocations; `None` before the first view.
    pub(crate) epoch: Option<u64>,
}

/// The kind of a metric, and how it is read.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A number that only grows, added up over the clients of a program.
    Counter(Read),
    /// A level, added up over the clients of a program.
    Level(Read),
    /// A value of the client that was looked at last.
    Latest(fn(&Sample) -> Option<f64>),
    /// The number of asks that have ended, of which the client keeps no counter.
    Asks,
    /// The times of these.
    Times,
}

/// The source of a number.
#[derive(Clone, Copy)]
pub(crate) enum Read {
    Stats(fn(&Stats) -> u64),
    Sample(fn(&Sample) -> u64),
}

impl Read {
    /// Returns the number as it is in a sample.
    pub(crate) fn of(self, sample: &Sample) -> u64 {
        match self {
            Self::Stats(read) => read(&sample.stats),
            Self::Sample(read) => read(sample),
        }
    }
}

impl Kind {
    /// Returns the word of Prometheus for it.
    #[cfg(test)]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Counter(_) | Self::Asks => "counter",
            Self::Level(_) | Self::Latest(_) => "gauge",
            Self::Times => "histogram",
        }
    }
}

/// One metric, or one of several of the same name that differ in a label.
#[derive(Clone, Copy)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// A label and its value, beside [`SYSTEM`].
    pub(crate) label: Option<(&'static str, &'static str)>,
    pub(crate) unit: Unit,
    /// The description, in one sentence; the same for all of one name.
    pub(crate) help: &'static str,
}

/// The number of asks.
pub(crate) const ASKS: &str = "casty_client_asks_total";
/// The times of asks.
pub(crate) const ASK_DURATION: &str = "casty_client_ask_duration_seconds";
/// The labels of both beside [`SYSTEM`].
pub(crate) const REGION: &str = "region";
pub(crate) const OUTCOME: &str = "outcome";

/// Returns a counter that the statistics do not have.
const fn counter(name: &'static str, read: fn(&Sample) -> u64, help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Counter(Read::Sample(read)),
        label: None,
        unit: Unit::Count,
        help,
    }
}

const fn level(name: &'static str, read: fn(&Sample) -> u64, help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Level(Read::Sample(read)),
        label: None,
        unit: Unit::Count,
        help,
    }
}

impl Metric {
    const fn labelled(mut self, label: &'static str, value: &'static str) -> Self {
        self.label = Some((label, value));
        self
    }

    const fn bytes(mut self) -> Self {
        self.unit = Unit::Bytes;
        self
    }
}

const fn fate_bytes(value: &'static str, read: fn(&Sample) -> u64) -> Metric {
    let help = "Bytes of messages that have ended, by fate: with the heads of their frames, if they were sent.";
    let metric = counter("casty_client_message_bytes_total", read, help);
    metric.labelled("fate", value).bytes()
}

const fn dead_letters<const PLACE: usize>() -> Metric {
    let help = "Messages that were not sent or may have been lost, by reason.";
    let read: fn(&Sample) -> u64 = |it| it.counts.dead_letters[PLACE];
    let metric = counter("casty_client_dead_letters_total", read, help);
    metric.labelled("reason", REASONS[PLACE])
}

const fn connects(value: &'static str, read: fn(&Sample) -> u64) -> Metric {
    let help = "Connections made, by whether the node was connected before.";
    counter("casty_client_connects_total", read, help).labelled("node", value)
}

const fn clients(state: HealthState) -> Metric {
    let read: fn(&Sample) -> u64 = match state {
        HealthState::Starting => |it| u64::from(it.health.state == HealthState::Starting),
        HealthState::Ready => |it| u64::from(it.health.state == HealthState::Ready),
        HealthState::Degraded => |it| u64::from(it.health.state == HealthState::Degraded),
        HealthState::Unavailable => |it| u64::from(it.health.state == HealthState::Unavailable),
        HealthState::Closed => |it| u64::from(it.health.state == HealthState::Closed),
    };
    let help = "Clients that are open, by the state of their health.";
    level("casty_client_clients", read, help).labelled("state", state.as_str())
}

/// The metrics that the statistics do not have.
const OTHERS: &[Metric] = &[
    Metric {
        name: ASKS,
        kind: Kind::Asks,
        label: None,
        unit: Unit::Count,
        help: "Asks that have ended, by outcome.",
    },
    fate_bytes("written", |it| it.counts.written_bytes),
    fate_bytes("not_sent", |it| it.counts.not_sent_bytes),
    fate_bytes("unknown", |it| it.counts.unknown_bytes),
    dead_letters::<0>(),
    dead_letters::<1>(),
    dead_letters::<2>(),
    dead_letters::<3>(),
    dead_letters::<4>(),
    dead_letters::<5>(),
    dead_letters::<6>(),
    dead_letters::<7>(),
    dead_letters::<8>(),
    dead_letters::<9>(),
    connects("new", |it| {
        it.stats.connects.saturating_sub(it.counts.reconnects)
    }),
    connects("known", |it| it.counts.reconnects),
    Metric {
        name: ASK_DURATION,
        kind: Kind::Times,
        label: None,
        unit: Unit::Seconds,
        help: "Times of asks, from the call to the reply or the error; of a share where very many end.",
    },
    clients(HealthState::Starting),
    clients(HealthState::Ready),
    clients(HealthState::Degraded),
    clients(HealthState::Unavailable),
    level(
        "casty_client_members",
        |it| it.health.members_total as u64,
        "Members of the view that are not gone.",
    ),
    level(
        "casty_client_members_usable",
        |it| it.health.members_usable as u64,
        "Members that are connected and that the view calls alive.",
    ),
    Metric {
        name: "casty_client_view_age_seconds",
        kind: Kind::Latest(|it| Some(it.health.view.as_ref()?.age.as_secs_f64())),
        label: None,
        unit: Unit::Seconds,
        help: "Time since the view was last confirmed.",
    },
    Metric {
        name: "casty_client_view_epoch",
        #[expect(clippy::cast_precision_loss, reason = "no epoch comes near 2^53")]
        kind: Kind::Latest(|it| it.epoch.map(|epoch| epoch as f64)),
        label: None,
        unit: Unit::Count,
        help: "Epoch of the view's allocations.",
    },
];

/// Returns all metrics, those of the statistics first; `docs/metrics.md` lists them, and a test compares
/// the two.
pub(crate) fn all() -> impl Iterator<Item = Metric> {
    let of_stats = STATS.iter().filter_map(of_stat);
    of_stats.chain(OTHERS.iter().copied())
}

/// Returns the metric that a number of the statistics is told as, if it is.
fn of_stat(declared: &Declared) -> Option<Metric> {
    let told = declared.metric?;
    Some(Metric {
        name: told.name,
        kind: match declared.kind {
            StatKind::Counter => Kind::Counter(Read::Stats(declared.read)),
            StatKind::Gauge => Kind::Level(Read::Stats(declared.read)),
        },
        label: told.label,
        unit: if told.is_bytes {
            Unit::Bytes
        } else {
            Unit::Count
        },
        help: told.help.unwrap_or(declared.help),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    /// Returns the other labels of a metric, and their values where there are but some.
    fn labels(of: &[&Metric]) -> String {
        let values: Vec<_> = of.iter().filter_map(|metric| metric.label).collect();
        match values.first() {
            None if matches!(of[0].kind, Kind::Asks | Kind::Times) => {
                format!("`{REGION}`, `{OUTCOME}`")
            }
            None => String::new(),
            Some((label, _)) => {
                let values: Vec<_> = values
                    .iter()
                    .map(|(_, value)| format!("`{value}`"))
                    .collect();
                format!("`{label}`: {}", values.join(", "))
            }
        }
    }

    #[test]
    fn the_documentation_lists_every_metric_as_it_is() {
        let all: Vec<_> = all().collect();
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for metric in &all {
            by_name.entry(metric.name).or_default().push(metric);
        }
        let rows = by_name.values().map(|of| {
            let (first, labels) = (of[0], labels(of));
            let (name, kind, help) = (first.name, first.kind.word(), first.help);
            let row = format!("| `{name}` | {kind} | {labels} | {help} |");
            row.replace("|  |", "| |")
        });
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
        let page = fs::read_to_string(path).expect("the page");
        let found = page
            .lines()
            .filter(|line| line.starts_with("| `casty_client_"));
        let (rows, found): (Vec<_>, Vec<_>) = (rows.collect(), found.map(str::to_owned).collect());
        assert_eq!(found, rows, "\n{}", rows.join("\n"));
    }

    #[test]
    fn each_reason_of_a_dead_letter_is_told_once() {
        let told = all().filter(|metric| metric.name == "casty_client_dead_letters_total");
        let told: Vec<_> = told.filter_map(|metric| Some(metric.label?.1)).collect();
        assert_eq!(told, REASONS);
    }

    #[test]
    fn names_are_as_prometheus_has_them() {
        let all: Vec<_> = all().collect();
        for Metric {
            name,
            kind,
            label,
            unit,
            help,
        } in &all
        {
            let is_total = name.ends_with("_total");
            assert_eq!(is_total, kind.word() == "counter", "{name}");
            let stem = name.trim_end_matches("_total");
            assert_eq!(stem.ends_with("_bytes"), *unit == Unit::Bytes, "{name}");
            assert_eq!(stem.ends_with("_seconds"), *unit == Unit::Seconds, "{name}");
            assert!(help.ends_with('.'), "{name}: {help}");
            let same = all.iter().filter(|other| other.name == *name);
            for other in same {
                assert_eq!((other.help, other.unit), (*help, *unit), "{name}");
                assert_eq!(other.label.is_some(), label.is_some(), "{name}");
            }
        }
    }
}
