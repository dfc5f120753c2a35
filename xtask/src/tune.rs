//! The effect of all that a user can turn, measured side by side: the same worker built and started in several ways, in turn,
//! against one node that is the same for all.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::steps::{Failure, Steps, cargo};
use crate::tools;

const PACKAGE: &str = "casty-benches";
const WORKER: &str = "casty-bench-worker";
const NODE: &str = "casty-bench-node";

/// Rounds, each of which measures everything once, ...
const ROUNDS: usize = 11;
/// ... and for how long, in seconds.
const SPAN: &str = "0.5";
/// The loads that are carried.
const LOADS: [&str; 6] = ["tell", "tell_all", "c64", "c512", "many64", "many512"];

/// A way to build the worker: its name, and what cargo's profile is told.
type Build = (&'static str, &'static [(&'static str, &'static str)]);

const BUILDS: [Build; 3] = [
    ("usual", &[]),
    ("one-unit", &[("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")]),
    (
        "lto",
        &[
            ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
            ("CARGO_PROFILE_RELEASE_LTO", "fat"),
        ],
    ),
];

/// A way to start the worker.
#[derive(Debug)]
struct Variant {
    name: String,
    /// The name of its build.
    build: &'static str,
    args: Vec<&'static str>,
    /// A library that is loaded before all others.
    library: Option<PathBuf>,
}

impl Variant {
    fn new(name: &str, build: &'static str, args: &[&'static str]) -> Self {
        Self {
            name: name.to_owned(),
            build,
            args: args.to_vec(),
            library: None,
        }
    }
}

/// Returns all variants; the first is what the others are compared with.
fn variants() -> Vec<Variant> {
    let mut all = vec![
        Variant::new("as it is", "usual", &["client"]),
        Variant::new("two workers", "usual", &["client2"]),
        Variant::new("`codegen-units = 1`", "one-unit", &["client"]),
        Variant::new("the same and `lto = \"fat\"`", "lto", &["client"]),
        Variant::new(
            "outboxes of 256 KiB",
            "usual",
            &["client", "--outbox-bytes", "262144"],
        ),
        Variant::new(
            "outboxes of 4 MiB",
            "usual",
            &["client", "--outbox-bytes", "4194304"],
        ),
    ];
    for (name, file) in [
        ("jemalloc", "libjemalloc.so.2"),
        ("mimalloc", "libmimalloc.so"),
    ] {
        if let Some(library) = library(file) {
            let mut variant = Variant::new(name, "usual", &["client"]);
            variant.library = Some(library);
            all.push(variant);
        }
    }
    all
}

/// Returns the path of a library whose name begins so, where Linux distributions keep them.
fn library(file: &str) -> Option<PathBuf> {
    let folders = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
    ];
    let entries = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let paths = entries
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(file)
        })
        .min()
}

/// Builds, measures and writes `tuning.md`. With `is_quick`, measures little: for a look at the command.
pub(crate) fn run(steps: &mut Steps, is_quick: bool) -> Result<(), Failure> {
    for (name, profile) in BUILDS {
        let mut build = cargo(["build", "--release", "--package", PACKAGE, "--bins"]);
        build.envs(profile.iter().copied());
        steps.run(name, build.arg("--target-dir").arg(folder(name)))?;
    }
    let rounds = if is_quick { 1 } else { ROUNDS };
    let variants = variants();
    let mut results = Results::default();
    steps.check("rounds", || {
        let node = Node::start(&folder("usual"))?;
        for round in 0..rounds {
            for load in LOADS {
                // Each begins once in so many rounds: what comes first has another machine.
                for place in 0..variants.len() {
                    let index = (place + round) % variants.len();
                    let said = carry(&variants[index], load, &node.port)?;
                    results.add(index, load, said);
                }
            }
            println!("round {} of {rounds}", round + 1);
        }
        Ok(())
    })?;
    let table = results.table(&variants, rounds);
    print!("{table}");
    let path = tools::target().join("bench/tuning.md");
    let written = fs::create_dir_all(tools::target().join("bench"));
    let written = written.and_then(|()| fs::write(&path, table));
    written.map_err(Failure::at(&path))
}

/// Returns the folder of a build: the usual one, or one of its own, so that none undoes another.
fn folder(build: &str) -> PathBuf {
    match build {
        "usual" => tools::target(),
        other => tools::target().join("tune").join(other),
    }
}

/// The node, a process that ends with its handle.
struct Node {
    child: Child,
    port: String,
}

impl Node {
    fn start(built: &Path) -> Result<Self, Failure> {
        let mut node = Command::new(built.join("release").join(NODE));
        node.args(["pickle", "tcp"]);
        let child = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| Failure(format!("{NODE}: {error}")))?;
        let mut port = String::new();
        if let Some(out) = child.stdout.take() {
            let read = BufReader::new(out).read_line(&mut port);
            read.map_err(|error| Failure(format!("{NODE}: {error}")))?;
        }
        let port = port.trim().to_owned();
        Ok(Self { child, port })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Operations a second, and processor time for each in nanoseconds.
type Figures = (f64, f64);

/// Has a worker carry a load.
fn carry(variant: &Variant, load: &str, port: &str) -> Result<Figures, Failure> {
    let mut worker = Command::new(folder(variant.build).join("release").join(WORKER));
    worker
        .args(&variant.args)
        .args(["--load", load, "--seconds", SPAN]);
    worker.arg("--node").arg(format!("127.0.0.1:{port}"));
    if let Some(library) = &variant.library {
        worker.env("LD_PRELOAD", library);
    } else {
        // Of whoever measures, it would be everybody's.
        worker.env_remove("LD_PRELOAD");
    }
    let output = worker.output();
    let output = output.map_err(|error| Failure(format!("{WORKER}: {error}")))?;
    let said: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    let said = said.as_ref().and_then(figures);
    said.ok_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        Failure(format!("{WORKER}, {} {load}: {errors}", variant.name))
    })
}

/// Returns the figures that a worker has said.
fn figures(said: &Value) -> Option<Figures> {
    let sample = said.get("sample")?;
    let figure = |name: &str| sample.get(name)?.as_f64();
    let operations = figure("operations")?;
    Some((
        operations / figure("seconds")?,
        figure("processor_seconds")? * 1e9 / operations.max(1.0),
    ))
}

/// All figures: by variant and load, one for each round.
#[derive(Debug, Default)]
struct Results(Vec<(usize, &'static str, Figures)>);

impl Results {
    fn add(&mut self, variant: usize, load: &'static str, figures: Figures) {
        self.0.push((variant, load, figures));
    }

    fn of(&self, variant: usize, load: &str) -> Vec<Figures> {
        let all = self.0.iter();
        let all = all.filter(|(index, of, _)| *index == variant && *of == load);
        all.map(|(.., figures)| *figures).collect()
    }

    /// Returns the table: for the first variant the medians, for the others those of the ratios to it
    /// within a round.
    fn table(&self, variants: &[Variant], rounds: usize) -> String {
        let mut text =
            format!("Medians of {rounds} rounds; in brackets processor time for a message.\n\n");
        text += "| |";
        for load in LOADS {
            let _ = write!(text, " {load} |");
        }
        text += "\n|---|";
        text += &"---:|".repeat(LOADS.len());
        for (index, variant) in variants.iter().enumerate() {
            let _ = write!(text, "\n| {} |", variant.name);
            for load in LOADS {
                let (usual, these) = (self.of(0, load), self.of(index, load));
                let of = |part: fn(&Figures) -> f64| {
                    let pairs = usual.iter().zip(&these);
                    median(pairs.map(|(usual, it)| match index {
                        0 => part(it),
                        _ => part(it) / part(usual),
                    }))
                };
                let (rate, processor) = (of(|it| it.0), of(|it| it.1));
                let _ = match index {
                    0 => write!(text, " {rate:.0}/s ({processor:.0} ns) |"),
                    _ => write!(text, " {rate:.2} ({processor:.2}) |"),
                };
            }
        }
        text + "\n"
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_compared_with_the_first_round_by_round() {
        let variants = [
            Variant::new("a", "usual", &[]),
            Variant::new("b", "usual", &[]),
        ];
        let mut results = Results::default();
        for load in LOADS {
            for (first, second) in [(100.0, 150.0), (200.0, 400.0), (400.0, 1000.0)] {
                results.add(0, load, (first, 10.0));
                results.add(1, load, (second, 5.0));
            }
        }
        let table = results.table(&variants, 3);
        let rows: Vec<_> = table.lines().collect();
        assert!(rows[4].starts_with("| a | 200/s (10 ns) |"), "{table}");
        assert!(rows[5].starts_with("| b | 2.00 (0.50) |"), "{table}");
        assert_eq!(rows[3].matches("---").count(), 1 + LOADS.len());
    }

    #[test]
    fn figures_are_those_that_a_worker_says() {
        let said = r#"{"sample":{"operations":10,"seconds":2.0,"processor_seconds":0.001}}"#;
        let (rate, processor) = figures(&serde_json::from_str(said).unwrap()).unwrap();
        assert!((rate - 5.0).abs() < 1e-9 && (processor - 1e5).abs() < 1e-3);
        assert_eq!(
            figures(&serde_json::from_str(r#"{"failed":"x"}"#).unwrap()),
            None
        );
    }
}
