//! The results of a run: a table for people, and a file for later.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::cell::{Figures, Load, Sample, Sender};
use crate::figures::median;

/// The samples of a run, in the order they were taken.
#[derive(Debug, Default)]
pub struct Report {
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    load: Load,
    sender: Sender,
    round: usize,
    figures: Figures,
}

/// Medians over the rounds.
struct Row {
    load: Load,
    sender: Sender,
    rate: f64,
    latency: Option<(f64, f64)>,
    processor: f64,
    /// To the floor of the same round: of the rates, and of the median times.
    ratios: Option<(f64, Option<f64>)>,
}

impl Report {
    /// Takes in a sample.
    pub fn add(&mut self, (load, sender, round): (Load, Sender, usize), sample: Sample) {
        let figures = sample.figures();
        self.cells.push(Cell {
            load,
            sender,
            round,
            figures,
        });
    }

    /// Returns the table of medians.
    pub fn table(&self) -> String {
        let mut table = String::from(
            "| load | sender | ops/s | p50 us | p99 us | CPU ns/op | ratio | p50 ratio |\n\
             |---|---|---:|---:|---:|---:|---:|---:|\n",
        );
        for row in self.rows() {
            let number = |value: Option<f64>, digits| {
                value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
            };
            // Writing to a string does not fail.
            let _ = writeln!(
                table,
                "| {} | {} | {:.0} | {} | {} | {:.0} | {} | {} |",
                row.load,
                row.sender,
                row.rate,
                number(row.latency.map(|(p50, _)| p50), 1),
                number(row.latency.map(|(_, p99)| p99), 1),
                row.processor,
                number(row.ratios.map(|(rate, _)| rate), 2),
                number(row.ratios.and_then(|(_, p50)| p50), 2),
            );
        }
        table
    }

    /// Writes medians, all rounds, and `facts` to a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path, facts: &Value) -> io::Result<()> {
        let medians: Vec<_> = self.rows().iter().map(Row::json).collect();
        let rounds: Vec<_> = self.cells.iter().map(Cell::json).collect();
        let report = json!({ "facts": facts, "medians": medians, "rounds": rounds });
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, format!("{report:#}\n"))
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for Cell { load, sender, .. } in &self.cells {
            if !rows
                .iter()
                .any(|row| row.load == *load && row.sender == *sender)
            {
                rows.push(self.row(*load, *sender));
            }
        }
        rows
    }

    fn row(&self, load: Load, sender: Sender) -> Row {
        let own = || self.of(load, sender);
        let latency = |pick: fn((f64, f64)) -> f64| {
            median(own().filter_map(|cell| cell.figures.latency.map(pick)))
        };
        let paired: Vec<_> = own()
            .filter_map(|cell| {
                let mut floor = self.of(load, Sender::Floor);
                let floor = floor.find(|floor| floor.round == cell.round)?;
                Some((cell.figures, floor.figures))
            })
            .collect();
        let rates = || paired.iter().map(|(own, floor)| own.rate / floor.rate);
        let times = || {
            paired
                .iter()
                .filter_map(|(own, floor)| Some(own.latency?.0 / floor.latency?.0))
        };
        Row {
            load,
            sender,
            rate: median(own().map(|cell| cell.figures.rate)),
            latency: (load != Load::Tell).then(|| (latency(|both| both.0), latency(|both| both.1))),
            processor: median(own().map(|cell| cell.figures.processor)),
            ratios: (!paired.is_empty()).then(|| {
                let p50 = times().next().is_some().then(|| median(times()));
                (median(rates()), p50)
            }),
        }
    }

    fn of(&self, load: Load, sender: Sender) -> impl Iterator<Item = &Cell> {
        self.cells
            .iter()
            .filter(move |cell| cell.load == load && cell.sender == sender)
    }
}

impl Row {
    fn json(&self) -> Value {
        json!({
            "load": self.load.to_string(),
            "sender": self.sender.to_string(),
            "operations_per_second": self.rate,
            "p50_microseconds": self.latency.map(|(p50, _)| p50),
            "p99_microseconds": self.latency.map(|(_, p99)| p99),
            "processor_nanoseconds_per_operation": self.processor,
            "rate_to_floor": self.ratios.map(|(rate, _)| rate),
            "p50_to_floor": self.ratios.and_then(|(_, p50)| p50),
        })
    }
}

impl Cell {
    fn json(&self) -> Value {
        json!({
            "load": self.load.to_string(),
            "sender": self.sender.to_string(),
            "round": self.round,
            "operations": self.figures.operations,
            "operations_per_second": self.figures.rate,
            "latency_microseconds": self.figures.latency,
            "processor_nanoseconds_per_operation": self.figures.processor,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sample(operations: u64, latency: u64) -> Sample {
        Sample {
            operations,
            elapsed: Duration::from_secs(1),
            processor: Duration::from_millis(500),
            latencies: vec![latency * 1000],
        }
    }

    #[test]
    fn ratios_are_to_the_floor_of_the_same_round() {
        let mut report = Report::default();
        let load = Load::Ask(64);
        for (round, speed) in [1, 4, 2].into_iter().enumerate() {
            report.add(
                (load, Sender::Floor, round),
                sample(1000 * speed, 10 * speed),
            );
            report.add(
                (load, Sender::Client, round),
                sample(500 * speed, 30 * speed),
            );
        }
        let table = report.table();
        let last = table.lines().last().unwrap();
        assert_eq!(
            last,
            "| ask c=64 | client | 1000 | 60.0 | 60.0 | 500000 | 0.50 | 3.00 |"
        );
        assert_eq!(table.lines().count(), 4);
    }

    #[test]
    fn tells_have_no_latency_and_without_a_floor_there_is_no_ratio() {
        let mut report = Report::default();
        let mut tells = sample(7, 1);
        tells.latencies.clear();
        report.add((Load::Tell, Sender::Client, 0), tells);
        let table = report.table();
        assert!(
            table.ends_with("| tell | client | 7 | - | - | 71428571 | - | - |\n"),
            "{table}"
        );
    }
}
