//! The report of a run, for people and for programs.

use std::collections::BTreeMap;
use std::time::Duration;

use casty_proto::Escaped;
use hdrhistogram::{Counter, Histogram};
use serde::Serialize;

use super::ends::{Both, Ends};
use super::mix::Mix;
use super::record::Record;
use super::schedule::Schedule;
use crate::session::Tally;

/// The percentiles that are told, each with its name in JSON.
const PERCENTILES: [(f64, &str); 6] = [
    (50.0, "p50"),
    (75.0, "p75"),
    (90.0, "p90"),
    (99.0, "p99"),
    (99.9, "p99_9"),
    (99.99, "p99_99"),
];

/// The settings of a run, as they are told with its results.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) region: String,
    pub(super) entities: usize,
    pub(super) schedule: Schedule,
    pub(super) mix: Mix,
    pub(super) max_in_flight: usize,
    pub(super) was_interrupted: bool,
}

/// The report of a run. Times are in microseconds where their names end with `us`, and in seconds where they
/// end with `s`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) region: String,
    /// Messages a second that were wanted.
    pub(super) rate: u32,
    pub(super) mix: Shares,
    entities: usize,
    max_in_flight: usize,
    warm_up_s: f64,
    pub(super) duration_s: f64,
    interrupted: bool,
    /// The messages of the measured time, by their ends.
    #[serde(flatten)]
    pub(super) measured: Both,
    /// The messages of the warm-up, which nothing else here counts but `fates`.
    warm_up: Both,
    /// Of asks, from when each was due; `null` if none was replied to.
    pub(super) latency_us: Option<Percentiles>,
    /// Of messages, from when each was due until it was sent: what this command itself came late.
    lateness_us: Option<Percentiles>,
    /// Within the measured time; `null` if nothing was due in it.
    throughput: Option<Throughput>,
    /// The ends of all messages that the client took, those of the warm-up included.
    fates: Fates,
    pub(super) timeline: Vec<Point>,
    /// The percentiles of the latency that a curve is drawn of, as fractions and microseconds.
    #[serde(skip)]
    pub(super) curve: Vec<(f64, u64)>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Shares {
    pub(super) tell: u64,
    pub(super) ask: u64,
}

/// Messages that were sent in a second, whenever they were due, and replies that came.
#[derive(Debug, Clone, Copy, Serialize)]
struct Throughput {
    sent_per_second: u64,
    replies_per_second: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Fates {
    written: u64,
    not_sent: u64,
    unknown: u64,
}

/// The distribution of times, in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Percentiles {
    pub(super) count: u64,
    min: u64,
    mean: f64,
    max: u64,
    #[serde(flatten)]
    percents: BTreeMap<&'static str, u64>,
}

/// A part of the measured time. The last is all that came after it: late messages, and replies.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Point {
    /// Its beginning, from that of the measured time.
    pub(super) at_s: f64,
    /// Its length; `null` of the last.
    pub(super) for_s: Option<f64>,
    /// Messages that were due in it.
    pub(super) due: u64,
    /// Messages that were sent in it, whenever they were due.
    pub(super) sent: u64,
    /// Replies that came in it.
    pub(super) replies: u64,
    /// The latency of those asks that were due in it; `null` if none of them was replied to.
    pub(super) p50_us: Option<u64>,
    pub(super) p99_us: Option<u64>,
    pub(super) max_us: Option<u64>,
}

impl Report {
    /// Makes the report of what was measured.
    pub(super) fn of(settings: Settings, record: Record, tally: Tally) -> Self {
        let Settings { schedule, mix, .. } = settings;
        let timeline = timeline(&record, schedule);
        Self {
            throughput: Throughput::of(&timeline, schedule.rate),
            timeline,
            curve: curve(&record.latency),
            region: settings.region,
            rate: schedule.rate,
            mix: Shares {
                tell: mix.tell,
                ask: mix.ask,
            },
            entities: settings.entities,
            max_in_flight: settings.max_in_flight,
            warm_up_s: schedule.warm_up.as_secs_f64(),
            duration_s: schedule.duration.as_secs_f64(),
            interrupted: settings.was_interrupted,
            measured: record.measured,
            warm_up: record.warm_up,
            latency_us: Percentiles::of(&record.latency),
            lateness_us: Percentiles::of(&record.lateness),
            fates: Fates {
                written: tally.written,
                not_sent: tally.not_sent,
                unknown: tally.unknown,
            },
        }
    }

    /// Returns whether anything was achieved: a reply came, or a tell that was taken left the client.
    pub(super) fn has_success(&self) -> bool {
        let is_told = self.measured.tells.done > 0 && self.fates.written > 0;
        is_told || self.measured.asks.done > 0
    }

    /// Returns the load in one line.
    pub(super) fn title(&self) -> String {
        let Shares { tell, ask } = self.mix;
        let mix = match (tell, ask) {
            (_, 0) => "tells".to_owned(),
            (0, _) => "asks".to_owned(),
            (tell, ask) => format!("tells to asks as {tell} to {ask}"),
        };
        let region = Escaped::whole(&self.region).exact();
        let (rate, duration) = (self.rate, shown(self.duration_s));
        format!("{region}: {rate} messages a second for {duration}, {mix}")
    }

    fn throughput_line(&self) -> Option<String> {
        let Throughput {
            sent_per_second: sent,
            replies_per_second: replies,
        } = self.throughput?;
        let replies = match self.measured.asks.due {
            0 => String::new(),
            _ => format!(", {replies} replies/s"),
        };
        Some(format!("throughput     {sent} sent/s{replies}"))
    }

    /// Returns the report as lines.
    pub(super) fn lines(&self) -> Vec<String> {
        let cut = if self.interrupted {
            ", interrupted"
        } else {
            ""
        };
        let mut lines = vec![format!("{}{cut}", self.title())];
        let all = [
            ("tells", "accepted", &self.measured.tells),
            ("asks", "replies", &self.measured.asks),
        ];
        for (name, done, ends) in all.into_iter().filter(|(.., it)| it.due > 0) {
            lines.push(format!(
                "{name:<8}  {:>10} due  {:>10} {done}",
                ends.due, ends.done
            ));
            lines.extend(reasons("not sent", &ends.not_sent));
            lines.extend(reasons("failed", &ends.failed));
        }
        let warm_up = [&self.warm_up.tells, &self.warm_up.asks];
        let sum = |of: fn(&Ends) -> u64| -> u64 { warm_up.into_iter().map(of).sum() };
        if sum(|it| it.due) > 0 {
            let (due, done) = (sum(|it| it.due), sum(|it| it.done));
            lines.push(format!(
                "warm-up   {due:>10} due  {done:>10} done, not measured"
            ));
        }
        if let Some(latency) = &self.latency_us {
            lines.push("latency of asks, in ms, each from when it was due".to_owned());
            lines.extend(latency.lines());
        }
        if let Some(lateness) = &self.lateness_us {
            lines.push("lateness of this command, in ms, within the above".to_owned());
            lines.extend(lateness.lines());
        }
        lines.extend(self.throughput_line());
        let Fates {
            written,
            not_sent,
            unknown,
        } = self.fates;
        lines.push(format!(
            "fates of all   {written} written, {not_sent} not sent, {unknown} unknown"
        ));
        lines
    }
}

impl Throughput {
    /// Returns what was achieved in the time in which messages were due: an interrupt cuts it.
    fn of(timeline: &[Point], rate: u32) -> Option<Self> {
        let within = || timeline.iter().filter(|it| it.for_s.is_some());
        let sum = |of: fn(&Point) -> u64| within().map(of).map(u128::from).sum::<u128>();
        // That many are due in a second, exactly.
        let due = sum(|it| it.due);
        let per_second = |count: u128| {
            let rounded = (count * u128::from(rate) + due / 2) / due;
            u64::try_from(rounded).unwrap_or(u64::MAX)
        };
        (due > 0).then(|| Self {
            sent_per_second: per_second(sum(|it| it.sent)),
            replies_per_second: per_second(sum(|it| it.replies)),
        })
    }
}

/// Returns a line for each reason.
fn reasons<'a>(
    what: &'a str,
    all: &'a BTreeMap<&'static str, u64>,
) -> impl Iterator<Item = String> + 'a {
    all.iter()
        .map(move |(reason, count)| format!("          {count:>10} {what}: {reason}"))
}

impl Percentiles {
    /// Returns the distribution; `None` if there is nothing in it.
    fn of(all: &Histogram<u64>) -> Option<Self> {
        if all.is_empty() {
            return None;
        }
        let at = |(percent, name)| (name, all.value_at_percentile(percent));
        Some(Self {
            count: all.len(),
            min: all.min(),
            mean: all.mean(),
            max: all.max(),
            percents: PERCENTILES.into_iter().map(at).collect(),
        })
    }

    fn lines(&self) -> [String; 2] {
        let all = self.quantiles();
        let names = all.iter().map(|(name, _)| format!("{name:>9}"));
        let values = all.iter().map(|(_, it)| format!("{:>9}", millis(*it)));
        [names.collect::<Vec<_>>(), values.collect()].map(|cells| format!("  {}", cells.concat()))
    }

    /// Returns what is told of it in lines, each with its heading.
    fn quantiles(&self) -> Vec<(String, u64)> {
        let at = |name| self.percents.get(name).copied().unwrap_or_default();
        let told = PERCENTILES.map(|(percent, name)| (format!("{percent} %"), at(name)));
        told.into_iter()
            .chain([("max".to_owned(), self.max)])
            .collect()
    }
}

/// Returns the intervals of a run.
fn timeline(record: &Record, schedule: Schedule) -> Vec<Point> {
    let last = record.intervals.len().saturating_sub(1);
    let mut points = Vec::new();
    let mut at = Duration::ZERO;
    for (index, it) in record.intervals.iter().enumerate() {
        let end = (at + record.width).min(schedule.duration);
        let latency = &it.latency;
        let of = |value: u64| (!latency.is_empty()).then_some(value);
        points.push(Point {
            at_s: at.as_secs_f64(),
            for_s: (index < last).then(|| end.saturating_sub(at).as_secs_f64()),
            due: it.due,
            sent: it.sent,
            replies: it.replies,
            p50_us: of(latency.value_at_quantile(0.5)),
            p99_us: of(latency.value_at_quantile(0.99)),
            max_us: of(latency.max()),
        });
        at = end;
    }
    points
}

/// Returns points of the percentile curve: tighter, the nearer they are to all.
fn curve<T: Counter>(all: &Histogram<T>) -> Vec<(f64, u64)> {
    if all.is_empty() {
        return Vec::new();
    }
    let steps = all.iter_quantiles(8);
    let points = steps.map(|it| (it.quantile_iterated_to(), it.value_iterated_to()));
    points.collect()
}

/// Shows microseconds as milliseconds.
fn millis(micros: u64) -> String {
    let (whole, part) = (micros / 1000, micros % 1000);
    match micros {
        0..10_000 => format!("{whole}.{part:03}"),
        10_000..1_000_000 => format!("{whole}.{}", part / 100),
        _ => whole.to_string(),
    }
}

/// Shows seconds without zeros at the end.
fn shown(seconds: f64) -> String {
    format!("{seconds} s")
}
