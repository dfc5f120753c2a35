//! The report of a run: one file for programs, and one for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use casty_bench_harness::figures::{P99, PERMILLES, Spread};
use casty_bench_harness::sample::Figures;
use serde_json::{Map, Value, json};

use crate::dials::Refused;
use crate::memory::Memory;
use crate::plan::Cell;
use crate::ratios::{self, GOALS};
use crate::results::{Measured, Results};
use crate::served::MemberMemory;

/// Everything that a run has found.
#[derive(Debug, Default)]
pub struct Report {
    /// Facts about the machine and the run.
    pub facts: Value,
    /// The measurements.
    pub results: Results,
    /// The memory of the client; none if it was not measured.
    pub memory: Option<Memory>,
    /// The memory of two members, in Rust and in Python; none if they were not measured.
    pub members: Option<MemberMemory>,
    /// The cost of dials; empty if it was not measured.
    pub dials: Vec<Refused>,
    /// The names of what was not measured, with the reasons.
    pub absent: BTreeMap<String, String>,
    /// Ratios that other programs measured.
    pub also: BTreeMap<String, f64>,
    /// The file names of the plots.
    pub plots: Vec<String>,
}

/// A value of the list of goals, with its quartiles if there are any.
struct Line {
    value: f64,
    spread: Option<Spread>,
}

impl Report {
    /// Returns everything that has a name on the list of goals.
    fn lines(&self) -> BTreeMap<String, Line> {
        let mut lines = BTreeMap::new();
        let mut single = |name: &str, value| {
            let spread = None;
            lines.insert(name.to_owned(), Line { value, spread });
        };
        for (name, value) in &self.also {
            single(name, *value);
        }
        if let Some(memory) = &self.memory {
            single("idle_rss_mib", mebibytes(memory.idle_bytes));
            single("bytes_per_pending_ask", memory.each());
            single(
                "million_pending_asks_rss_mib",
                mebibytes(memory.pending_bytes),
            );
        }
        for refused in &self.dials {
            if let Some(name) = refused.ratio() {
                single(name, refused.core);
            }
        }
        for (name, spread) in ratios::of(&self.results) {
            let value = spread.median;
            let spread = Some(spread);
            lines.insert(name.to_owned(), Line { value, spread });
        }
        lines
    }

    /// Returns the report for programs.
    pub fn json(&self) -> Value {
        let lines = self.lines();
        let mut ratios = Map::new();
        let mut quartiles = Map::new();
        let mut goals = Map::new();
        let mut missing = Map::new();
        for (name, line) in &lines {
            ratios.insert(name.clone(), line.value.into());
            if let Some(spread) = line.spread {
                quartiles.insert(name.clone(), json!([spread.low, spread.high]));
            }
        }
        for (name, goal) in GOALS {
            let holds = lines.get(name).map(|line| goal.holds(line.value));
            if holds.is_none() {
                missing.insert(name.to_owned(), ratios::missing(name, &self.absent).into());
            }
            goals.insert(name.to_owned(), json!([goal.in_words(), holds]));
        }
        let medians: Vec<_> = self.cells().map(|cell| self.median(cell)).collect();
        let rounds: Vec<_> = self.results.all().iter().map(round).collect();
        json!({
            "ratios": ratios,
            "ratio_quartiles": quartiles,
            "ratios_missing": missing,
            "goals": goals,
            "facts": self.facts,
            "memory": self.memory,
            "members": self.members,
            "dials": self.dials,
            "not_measured": self.absent,
            "permilles": PERMILLES,
            "medians": medians,
            "rounds": rounds,
        })
    }

    fn cells(&self) -> impl Iterator<Item = Cell> {
        self.results.cells().into_iter()
    }

    fn median(&self, cell: Cell) -> Value {
        let spread = |figure: fn(&Figures) -> Option<f64>| self.results.spread(cell, figure);
        json!({
            "load": cell.load.to_string(),
            "sender": cell.sender,
            "operations_per_second": spread(|it| Some(it.rate())),
            "p50_microseconds": spread(Figures::p50),
            "p99_microseconds": spread(p99),
            "processor_nanoseconds_per_operation": spread(|it| Some(it.processor())),
            "resident_mebibytes": spread(|it| Some(mebibytes(it.resident_bytes))),
        })
    }

    /// Returns the report for people.
    pub fn markdown(&self) -> String {
        let mut text = String::from("# Benchmark\n\n");
        let facts = self.facts.as_object().into_iter().flatten();
        for (name, fact) in facts {
            let fact = fact
                .as_str()
                .map_or_else(|| fact.to_string(), str::to_owned);
            // Writing to a string does not fail.
            let _ = writeln!(text, "- {}: {fact}", name.replace('_', " "));
        }
        text += "\n## Ratios\n\n";
        text += &self.ratio_table();
        text += "\n## Cells\n\nMedians over the rounds, quartiles in brackets.\n\n";
        text += &self.cell_table();
        if let Some(memory) = &self.members {
            let (rust, python) = (memory.rust_bytes, memory.python_bytes);
            let _ = writeln!(
                text,
                "\nMembers, after they were measured: {} MiB in Rust, {} MiB in Python.",
                short(mebibytes(rust)),
                short(mebibytes(python))
            );
        }
        if !self.absent.is_empty() {
            text += "\n## Not measured\n\n";
        }
        for (name, reason) in &self.absent {
            let _ = writeln!(text, "- {name}: {reason}");
        }
        if !self.plots.is_empty() {
            text += "\n## Plots\n\n";
        }
        for plot in &self.plots {
            let _ = writeln!(text, "![{plot}]({plot})\n");
        }
        text
    }

    /// Returns the table of ratios and goals.
    pub fn ratio_table(&self) -> String {
        let lines = self.lines();
        let mut table =
            String::from("| ratio | goal | median | quartiles | |\n|---|---|---:|---|---|\n");
        for (name, goal) in GOALS {
            let (value, spread, verdict) = match lines.get(name) {
                None => (
                    "-".to_owned(),
                    String::new(),
                    ratios::missing(name, &self.absent),
                ),
                Some(line) => {
                    let spread = line.spread.map_or_else(String::new, |spread| {
                        format!("{} to {}", short(spread.low), short(spread.high))
                    });
                    let holds = goal.holds(line.value);
                    let verdict = if holds { "yes" } else { "no" };
                    (short(line.value), spread, verdict.to_owned())
                }
            };
            let goal = goal.in_words();
            let _ = writeln!(
                table,
                "| {name} | {goal} | {value} | {spread} | {verdict} |"
            );
        }
        table
    }

    fn cell_table(&self) -> String {
        let mut table = String::from(
            "| load | sender | ops/s | p50 us | p99 us | CPU ns/op | memory MiB |\n\
             |---|---|---:|---:|---:|---:|---:|\n",
        );
        for cell in self.cells() {
            let column = |figure: fn(&Figures) -> Option<f64>| {
                let spread = self.results.spread(cell, figure);
                spread.map_or_else(|| "-".to_owned(), bracketed)
            };
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} |",
                cell.load.in_words(),
                cell.sender,
                column(|it| Some(it.rate())),
                column(Figures::p50),
                column(p99),
                column(|it| Some(it.processor())),
                column(|it| Some(mebibytes(it.resident_bytes))),
            );
        }
        table
    }
}

fn p99(figures: &Figures) -> Option<f64> {
    figures.latency_microseconds.get(P99).copied()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn round(measured: &Measured) -> Value {
    let Measured {
        cell,
        round,
        figures,
    } = measured;
    json!({
        "round": round,
        "load": cell.load.to_string(),
        "sender": cell.sender,
        "figures": figures,
    })
}

/// Returns a number with three digits or more.
pub fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => grouped(value),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Returns a whole number with its thousands apart.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bracketed(spread: Spread) -> String {
    format!(
        "{} ({}, {})",
        short(spread.median),
        short(spread.low),
        short(spread.high)
    )
}

#[cfg(test)]
mod tests {
    use casty_bench_harness::load::Load;

    use super::*;
    use crate::results::tests::figures;

    fn report() -> Report {
        let mut report = Report::default();
        for (sender, operations) in [("client", 1500), ("floor", 3000)] {
            let load = Load::Ask(64);
            let cell = Cell { load, sender };
            report.results.add(cell, 0, figures(operations, 20.0));
        }
        report.memory = Some(Memory {
            idle_bytes: 6 << 20,
            pending_bytes: 300 << 20,
            asks: 1_000_000,
            future_bytes: 64,
        });
        report
            .also
            .insert("instructions_per_tell".to_owned(), 899.0);
        report
    }

    #[test]
    fn ratios_are_flat_numbers_by_the_names_of_the_list() {
        let json = report().json();
        let ratios = json["ratios"].as_object().unwrap();
        assert_eq!(ratios["ask_c64_rate_over_floor"], 0.5);
        assert_eq!(ratios["idle_rss_mib"], 6.0);
        assert_eq!(ratios["instructions_per_tell"], 899.0);
        for (name, value) in ratios {
            assert!(value.is_f64() && GOALS.iter().any(|(known, _)| known == name));
        }
        assert_eq!(
            json["goals"]["ask_c64_rate_over_floor"],
            json!([">= 0.5", true])
        );
        assert_eq!(json["goals"]["ask_c512_over_tonic"], json!([">= 30", null]));
        let missing = json["ratios_missing"].as_object().unwrap();
        assert_eq!(missing.len() + ratios.len(), GOALS.len());
        let reason = missing["ask_c512_over_tonic"].as_str().unwrap();
        assert!(reason.starts_with("not measured: "), "{reason}");
    }

    #[test]
    fn tables_have_a_line_for_each_goal_and_cell() {
        let report = report();
        let table = report.ratio_table();
        assert_eq!(table.lines().count(), GOALS.len() + 2);
        assert!(table.contains("| ask_c64_rate_over_floor | >= 0.5 | 0.50 | 0.50 to 0.50 | yes |"));
        assert!(
            table.contains("| bytes_per_pending_ask | <= 256 | 308 |  | no |"),
            "{table}"
        );
        let cells = report.cell_table();
        let last = cells.lines().last().unwrap();
        let expected = "| ask c=64 | floor | 3,000 (3,000, 3,000) | 20.0 (20.0, 20.0) |";
        assert!(last.starts_with(expected), "{last}");
    }

    #[test]
    fn numbers_are_short() {
        for (value, expected) in [
            (1_234_567.0, "1,234,567"),
            (100.0, "100"),
            (12.34, "12.3"),
            (0.456, "0.46"),
            (0.0123, "0.0123"),
        ] {
            assert_eq!(short(value), expected);
        }
    }
}
