//! Hostile inputs of every layer in one table: the bytes, the expected outcome, and the time, stack and
//! memory that they may take.
//!
//! An input must be answered within 5 ms (50 ms without optimisation), on a stack of 64 KiB unless
//! the table says otherwise, and with at most 48 times its own bytes and 256 KiB, counted as
//! `casty_fuzz::memory` does. Time is the best of some runs: a busy machine fails nothing.
//!
//! `cargo xtask bombs` prints the table.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a panic fails the test"
)]

use std::thread;
use std::time::{Duration, Instant};

use casty_fuzz::memory::{allowance, peak};

mod codec;
mod compressed;
mod config;
mod pickle;
mod protobuf;
mod wire;

/// A layer that reads inputs.
#[derive(Clone, Copy)]
struct Layer {
    name: &'static str,
    /// Reads an input and returns the name of the error, or "fine".
    read: fn(&[u8]) -> &'static str,
}

impl Layer {
    const fn new(name: &'static str, read: fn(&[u8]) -> &'static str) -> Self {
        Self { name, read }
    }
}

/// A hostile input and its expected outcome.
struct Bomb {
    layer: Layer,
    name: &'static str,
    input: Vec<u8>,
    /// The error that it must be answered with, or "fine" where it is legal.
    expected: &'static str,
    needs: Needs,
}

/// The resources that an input may take.
#[derive(Clone, Copy)]
struct Needs {
    stack: usize,
    /// The bytes of memory beyond those that all inputs may take.
    overhead: u64,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const SMALL: Needs = Needs {
    stack: 64 * KIB,
    overhead: 0,
};
/// The stack that Rust gives a thread: typed values are read by recursion.
const ORDINARY: Needs = Needs {
    stack: 2 * MIB,
    overhead: 0,
};

/// The runs of each input, and the most of them if all of these were too slow.
const RUNS: usize = 10;
const MOST_RUNS: usize = 100;
const TIME: Duration = Duration::from_millis(if cfg!(debug_assertions) { 50 } else { 5 });

/// The outcome of an input, and its cost.
struct Cost {
    outcome: &'static str,
    /// The best time of all runs.
    took: Duration,
    /// The most memory at one time in bytes.
    peak: u64,
}

impl Bomb {
    fn new(
        layer: Layer,
        name: &'static str,
        input: impl Into<Vec<u8>>,
        expected: &'static str,
    ) -> Self {
        Self {
            layer,
            name,
            input: input.into(),
            expected,
            needs: SMALL,
        }
    }

    fn needing(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }

    /// Reads the input on a thread of its own.
    fn explode(&self) -> Cost {
        let run = || {
            let (outcome, peak) = peak(|| (self.layer.read)(&self.input));
            let mut best = Duration::MAX;
            for run in 0..MOST_RUNS {
                if run >= RUNS && best <= TIME {
                    break;
                }
                let began = Instant::now();
                assert_eq!((self.layer.read)(&self.input), outcome, "{}", self.name);
                best = best.min(began.elapsed());
            }
            Cost {
                outcome,
                took: best,
                peak,
            }
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().stack_size(self.needs.stack);
            thread.spawn_scoped(scope, run).unwrap().join().unwrap()
        })
    }
}

fn bombs() -> Vec<Bomb> {
    let mut bombs = wire::bombs();
    bombs.extend(codec::json());
    bombs.extend(codec::msgpack());
    bombs.extend(pickle::bombs());
    bombs.extend(protobuf::bombs());
    bombs.extend(compressed::bombs());
    bombs.extend(config::bombs());
    bombs
}

#[test]
fn every_hostile_input_is_answered_in_little_time_stack_and_memory() {
    println!(
        "{}",
        line(
            "layer",
            "input",
            ["bytes", "us", "peak", "KiB stack"],
            "outcome"
        )
    );
    let mut wrong = Vec::new();
    for bomb in bombs() {
        let bytes = bomb.input.len();
        let Cost {
            outcome,
            took,
            peak,
        } = bomb.explode();
        let numbers = [
            bytes.to_string(),
            took.as_micros().to_string(),
            peak.to_string(),
            (bomb.needs.stack / KIB).to_string(),
        ];
        let numbers = numbers.each_ref().map(String::as_str);
        let line = line(bomb.layer.name, bomb.name, numbers, outcome);
        println!("{line}");
        let fine = outcome == bomb.expected
            && took <= TIME
            && peak <= allowance(bytes) + bomb.needs.overhead;
        if !fine {
            wrong.push(format!("{line}, not {}", bomb.expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn line(layer: &str, name: &str, numbers: [&str; 4], outcome: &str) -> String {
    let [bytes, took, peak, stack] = numbers;
    format!("{layer:<10} {name:<52} {bytes:>8} {took:>6} {peak:>8} {stack:>9}  {outcome}")
}

#[test]
fn there_are_bombs_of_every_layer_and_no_two_of_one_name() {
    let bombs = bombs();
    assert!(bombs.len() >= 40);
    // These take scripts of what happens, and what comes in them is read by the layers below.
    let scripted = ["router", "membership", "streams"];
    for target in casty_fuzz::TARGETS
        .iter()
        .filter(|target| !scripted.contains(&target.name))
    {
        let known = bombs.iter().any(|bomb| bomb.layer.name == target.name);
        assert!(known, "no bomb for {}", target.name);
    }
    let mut names: Vec<_> = bombs
        .iter()
        .map(|bomb| (bomb.layer.name, bomb.name))
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), bombs.len());
}
