//! The ratios that a run is read for, by the names of the list of goals.

use std::collections::BTreeMap;

use casty_bench_harness::figures::Spread;
use casty_bench_harness::load::Load;
use casty_bench_harness::sample::Figures;

use crate::plan::{Cell, METERED, REAL};
use crate::results::Results;

/// A limit that a ratio should keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// It should be no less.
    AtLeast(f64),
    /// It should be no more.
    AtMost(f64),
}

impl Goal {
    /// Returns whether a value keeps it.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
        }
    }

    /// Returns it as one writes it.
    pub fn in_words(self) -> String {
        match self {
            Self::AtLeast(limit) => format!(">= {limit}"),
            Self::AtMost(limit) => format!("<= {limit}"),
        }
    }
}

use Goal::{AtLeast, AtMost};

/// All names with their goals, in the order of the list.
pub const GOALS: [(&str, Goal); 41] = [
    ("tell_rate_over_floor", AtLeast(0.65)),
    ("tell_all_rate_over_floor", AtLeast(0.72)),
    ("ask_c1_p50_over_floor", AtMost(1.10)),
    ("ask_c64_rate_over_floor", AtLeast(0.50)),
    ("ask_c512_rate_over_floor", AtLeast(0.32)),
    ("ask_many_64_rate_over_floor", AtLeast(0.65)),
    ("ask_many_512_rate_over_floor", AtLeast(0.45)),
    ("two_workers_over_current_tell", AtLeast(0.88)),
    ("two_workers_over_current_ask_many_512", AtLeast(0.92)),
    ("two_workers_over_current_ask_c64", AtLeast(0.75)),
    ("two_workers_over_current_ask_c512", AtLeast(0.75)),
    ("metered_over_plain_tell", AtLeast(0.97)),
    ("metered_over_plain_ask_c64", AtLeast(0.97)),
    ("metered_over_plain_ask_many_512", AtLeast(0.97)),
    ("ask_c512_over_tonic", AtLeast(30.0)),
    ("ask_c512_over_tarpc", AtLeast(5.5)),
    ("ask_c512_over_redis", AtLeast(3.0)),
    ("ask_c512_over_nats", AtLeast(10.0)),
    ("ask_c1_p50_redis_over_ours", AtLeast(1.1)),
    ("ask_many_512_over_redis_pipeline", AtLeast(3.0)),
    ("tell_over_nats_publish", AtLeast(1.8)),
    ("tell_two_workers_over_nats_publish", AtLeast(1.5)),
    ("tell_all_over_tonic_stream", AtLeast(0.75)),
    ("tell_all_over_tonic_channel", AtLeast(1.6)),
    (
        "client_cpu_per_message_python_over_ours_real",
        AtLeast(30.0),
    ),
    ("ask_c1_over_python_real", AtLeast(1.0)),
    ("node_ask_c1_rust_over_python", AtLeast(20.0)),
    ("node_ask_c64_rust_over_python", AtLeast(60.0)),
    ("tls_tell_rate_over_raw_rustls", AtLeast(0.75)),
    ("quic_tell_rate_over_raw_quinn", AtLeast(0.75)),
    ("allocations_per_tell", AtMost(0.0)),
    ("allocations_per_ask", AtMost(0.0)),
    ("instructions_per_tell", AtMost(900.0)),
    ("instructions_per_ask", AtMost(2_900.0)),
    ("snapshot_1m_shards_apply_over_decode", AtMost(0.5)),
    ("tell_p99_while_applying_over_without", AtMost(1.2)),
    ("idle_rss_mib", AtMost(8.0)),
    ("bytes_per_pending_ask", AtMost(256.0)),
    ("million_pending_asks_rss_mib", AtMost(350.0)),
    ("links_1000_members_refusing_cpu", AtMost(0.03)),
    ("links_10000_members_refusing_cpu", AtMost(0.30)),
];

/// Returns whether a name is one of the list.
pub fn is_listed(name: &str) -> bool {
    GOALS.iter().any(|(listed, _)| *listed == name)
}

/// The figure that two cells are compared by.
#[derive(Debug, Clone, Copy)]
enum By {
    /// Operations a second.
    Rate,
    /// The median of asks' times.
    P50,
}

/// A ratio of two cells of one round.
type Paired = (&'static str, By, Cell, Cell);

const C1: Load = Load::Ask(1);
const C64: Load = Load::Ask(64);
const C512: Load = Load::Ask(512);
const MANY64: Load = Load::AskMany(64);
const MANY512: Load = Load::AskMany(512);

const fn cell(load: Load, sender: &'static str) -> Cell {
    Cell { load, sender }
}

const fn rate(
    name: &'static str,
    above: (Load, &'static str),
    below: (Load, &'static str),
) -> Paired {
    (
        name,
        By::Rate,
        cell(above.0, above.1),
        cell(below.0, below.1),
    )
}

const fn p50(
    name: &'static str,
    above: (Load, &'static str),
    below: (Load, &'static str),
) -> Paired {
    (
        name,
        By::P50,
        cell(above.0, above.1),
        cell(below.0, below.1),
    )
}

/// The ratios of two cells.
const PAIRED: [Paired; 29] = [
    rate(
        "tell_rate_over_floor",
        (Load::Tell, "client"),
        (Load::Tell, "floor"),
    ),
    rate(
        "tell_all_rate_over_floor",
        (Load::TellAll, "client"),
        (Load::Tell, "floor"),
    ),
    p50("ask_c1_p50_over_floor", (C1, "client"), (C1, "floor")),
    rate("ask_c64_rate_over_floor", (C64, "client"), (C64, "floor")),
    rate(
        "ask_c512_rate_over_floor",
        (C512, "client"),
        (C512, "floor"),
    ),
    rate(
        "ask_many_64_rate_over_floor",
        (MANY64, "client"),
        (C64, "floor"),
    ),
    rate(
        "ask_many_512_rate_over_floor",
        (MANY512, "client"),
        (C512, "floor"),
    ),
    rate(
        "two_workers_over_current_tell",
        (Load::Tell, "client2"),
        (Load::Tell, "client"),
    ),
    rate(
        "two_workers_over_current_ask_many_512",
        (MANY512, "client2"),
        (MANY512, "client"),
    ),
    rate(
        "two_workers_over_current_ask_c64",
        (C64, "client2"),
        (C64, "client"),
    ),
    rate(
        "two_workers_over_current_ask_c512",
        (C512, "client2"),
        (C512, "client"),
    ),
    rate(
        "metered_over_plain_tell",
        (Load::Tell, METERED),
        (Load::Tell, "client"),
    ),
    rate(
        "metered_over_plain_ask_c64",
        (C64, METERED),
        (C64, "client"),
    ),
    rate(
        "metered_over_plain_ask_many_512",
        (MANY512, METERED),
        (MANY512, "client"),
    ),
    rate("ask_c512_over_tonic", (C512, "client"), (C512, "tonic")),
    rate("ask_c512_over_tarpc", (C512, "client"), (C512, "tarpc")),
    rate("ask_c512_over_redis", (C512, "client"), (C512, "redis")),
    rate("ask_c512_over_nats", (C512, "client"), (C512, "nats")),
    p50("ask_c1_p50_redis_over_ours", (C1, "redis"), (C1, "client")),
    rate(
        "ask_many_512_over_redis_pipeline",
        (MANY512, "client"),
        (MANY512, "redis"),
    ),
    rate(
        "tell_over_nats_publish",
        (Load::Tell, "client"),
        (Load::Tell, "nats"),
    ),
    rate(
        "tell_two_workers_over_nats_publish",
        (Load::Tell, "client2"),
        (Load::Tell, "nats2"),
    ),
    rate(
        "tell_all_over_tonic_stream",
        (Load::TellAll, "client"),
        (Load::TellAll, "tonic"),
    ),
    rate(
        "tell_all_over_tonic_channel",
        (Load::TellAll, "client"),
        (Load::TellChannel, "tonic"),
    ),
    rate(
        "ask_c1_over_python_real",
        (C1, "client-real"),
        (C1, "python-real"),
    ),
    rate(
        "node_ask_c1_rust_over_python",
        (C1, "node-rust"),
        (C1, "node-python"),
    ),
    rate(
        "node_ask_c64_rust_over_python",
        (C64, "node-rust"),
        (C64, "node-python"),
    ),
    rate(
        "tls_tell_rate_over_raw_rustls",
        (Load::Tell, "client-tls"),
        (Load::Tell, "rustls"),
    ),
    rate(
        "quic_tell_rate_over_raw_quinn",
        (Load::Tell, "client-quic"),
        (Load::Tell, "quinn"),
    ),
];

/// The processor time for a message to real nodes, Python's over ours.
const PROCESSOR: &str = "client_cpu_per_message_python_over_ours_real";

/// The loads that real nodes are sent, each of which counts as much.
const REAL_LOADS: [Load; 4] = [C1, Load::Ask(16), C64, Load::Tell];

/// The ones that `cargo xtask gates` counts.
const COUNTED: [&str; 4] = [
    "allocations_per_tell",
    "allocations_per_ask",
    "instructions_per_tell",
    "instructions_per_ask",
];

/// The ones that `casty-bench-views` measures.
const VIEWS: [&str; 2] = [
    "snapshot_1m_shards_apply_over_decode",
    "tell_p99_while_applying_over_without",
];

/// Returns why a run has no such ratio, given the reasons for which senders were not measured.
pub fn missing(name: &str, absent: &BTreeMap<String, String>) -> String {
    let paired = PAIRED.iter().find(|(known, ..)| *known == name);
    let cells = match paired {
        Some((_, _, above, below)) => vec![*above, *below],
        None if name == PROCESSOR => {
            let cells = REAL_LOADS
                .iter()
                .flat_map(|load| REAL.map(|sender| cell(*load, sender)));
            cells.collect()
        }
        None => Vec::new(),
    };
    let reason = cells.iter().find_map(|Cell { load, sender }| {
        let reason = absent.get(*sender);
        let reason = reason.or_else(|| absent.get(&format!("{sender} {load}")));
        Some(format!("{sender}: {}", reason?))
    });
    let reason = reason.unwrap_or_else(|| {
        let reason = match name {
            name if COUNTED.contains(&name) => "counted by `cargo xtask bench` without --quick",
            name if VIEWS.contains(&name) => {
                "by `casty-bench-views`, which this program does not start"
            }
            _ => "not among the cells of this run",
        };
        reason.to_owned()
    });
    format!("not measured: {reason}")
}

/// Returns all ratios that the results hold, by name.
pub fn of(results: &Results) -> BTreeMap<&'static str, Spread> {
    let paired = PAIRED.iter().filter_map(|(name, by, above, below)| {
        let spread = match by {
            By::Rate => results.ratio(*above, *below, |figures| Some(figures.rate())),
            By::P50 => results.ratio(*above, *below, Figures::p50),
        };
        Some((*name, spread?))
    });
    let [ours, python] = REAL;
    let processor = results.processor_ratio(&REAL_LOADS, python, ours);
    let processor = processor.map(|spread| (PROCESSOR, spread));
    paired.chain(processor).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::options::Options;
    use crate::plan::{groups, member_groups, real_groups};

    /// The names of what this program measures otherwise.
    const OTHERWISE: [&str; 5] = [
        "idle_rss_mib",
        "bytes_per_pending_ask",
        "million_pending_asks_rss_mib",
        "links_1000_members_refusing_cpu",
        "links_10000_members_refusing_cpu",
    ];

    #[test]
    fn every_name_of_the_list_is_measured_once_and_no_other() {
        let paired = PAIRED.iter().map(|(name, ..)| *name);
        let all = paired.chain([PROCESSOR]).chain(OTHERWISE);
        let all = all.chain(COUNTED).chain(VIEWS);
        let mut all: Vec<_> = all.collect();
        let mut listed: Vec<_> = GOALS.iter().map(|(name, _)| *name).collect();
        all.sort_unstable();
        listed.sort_unstable();
        assert_eq!(all, listed);
        assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len());
    }

    #[test]
    fn every_cell_that_is_compared_is_planned() {
        let options = Options::default();
        let mut planned = groups(&options).concat();
        planned.extend(real_groups(&options).concat());
        planned.extend(member_groups(&options).concat());
        for (name, _, above, below) in PAIRED {
            assert!(
                planned.contains(&above) && planned.contains(&below),
                "{name}"
            );
        }
    }

    #[test]
    fn cells_that_are_compared_are_measured_one_right_after_the_other() {
        let options = Options::default();
        let mut planned = groups(&options);
        planned.extend(real_groups(&options));
        planned.extend(member_groups(&options));
        for (name, _, above, below) in PAIRED {
            let mut together = planned.iter().filter(|group| group.contains(&above));
            assert!(together.all(|group| group.contains(&below)), "{name}");
        }
    }

    #[test]
    fn what_is_missing_is_told_with_the_reason() {
        let absent = [
            ("redis", "only with --peers"),
            ("client-real", "only with --real"),
        ];
        let absent = absent.map(|(name, reason)| (name.to_owned(), reason.to_owned()));
        let mut absent = BTreeMap::from(absent);
        absent.insert("nats tell".to_owned(), "broken".to_owned());
        for (name, expected) in [
            ("ask_c512_over_redis", "redis: only with --peers"),
            ("ask_c1_over_python_real", "client-real: only with --real"),
            (PROCESSOR, "client-real: only with --real"),
            ("tell_over_nats_publish", "nats: broken"),
            ("ask_c512_over_nats", "not among the cells of this run"),
            (COUNTED[2], "counted by `cargo xtask bench` without --quick"),
            (
                VIEWS[0],
                "by `casty-bench-views`, which this program does not start",
            ),
        ] {
            assert_eq!(missing(name, &absent), format!("not measured: {expected}"));
        }
    }

    #[test]
    fn limits_belong_to_what_keeps_them() {
        assert!(AtLeast(0.5).holds(0.5) && !AtLeast(0.5).holds(0.49));
        assert!(AtMost(0.5).holds(0.5) && !AtMost(0.5).holds(0.51));
    }
}
