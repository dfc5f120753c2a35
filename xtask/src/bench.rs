//! The benchmarks: criterion's, then the run that writes the report.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::gates;
use crate::steps::{Failure, Steps, cargo, root};
use crate::tools::target;

mod documents;

const PACKAGE: &str = "casty-benches";
/// Measures; starts the package's other programs by itself.
const RUN: &str = "casty-bench";
/// Carries a load.
const WORKER: &str = "casty-bench-worker";
/// Measures what views cost.
const VIEWS: &str = "casty-bench-views";
/// The package of the peers, a workspace of its own.
const PEERS: &str = "benches/peers/Cargo.toml";

/// The files of what other programs measure, and the run takes over.
const ALSO: [&str; 2] = ["views.json", "gates.json"];
/// The argument that has the figures of the last run written into the documents, and nothing measured.
const DOCUMENTS: &str = "--write-docs";

/// Criterion's arguments: by its own defaults the benches take as long as all else.
const USUAL: [&str; 5] = [
    "--warm-up-time",
    "0.5",
    "--measurement-time",
    "1.5",
    "--noplot",
];

/// The arguments for a coarse look: criterion's own `--quick` takes minutes here.
const QUICK: [&str; 9] = [
    "--warm-up-time",
    "0.05",
    "--measurement-time",
    "0.1",
    "--sample-size",
    "10",
    "--nresamples",
    "1000",
    "--noplot",
];

/// The arguments of the command line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    peers: bool,
    real: bool,
    metrics: bool,
    /// The arguments of the run.
    rest: Vec<String>,
}

impl Wanted {
    fn parse(args: &[String]) -> Self {
        let mut wanted = Self::default();
        for arg in args {
            match arg.as_str() {
                "--peers" => wanted.peers = true,
                "--real" => wanted.real = true,
                "--metrics" => wanted.metrics = true,
                other => wanted.rest.push(other.to_owned()),
            }
        }
        wanted
    }

    fn is_quick(&self) -> bool {
        self.rest.iter().any(|arg| arg == "--quick")
    }

    /// Returns whether a client with metrics is measured beside the plain one: always if all is.
    fn is_metered(&self) -> bool {
        self.metrics || !(self.is_some() || self.is_quick())
    }

    /// Returns whether only some cells are wanted, and so nothing else.
    fn is_some(&self) -> bool {
        let is_choice = |arg: &String| ["--load", "--sender", "--help"].contains(&arg.as_str());
        self.rest.iter().any(is_choice)
    }
}

/// Runs criterion's benches, the gates' counting and the views, unless only some cells are wanted, then
/// the run that writes the report.
pub(crate) fn run(steps: &mut Steps, args: &[String]) -> Result<(), Failure> {
    if let [DOCUMENTS, folder @ ..] = &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        let folder = folder.first().map_or_else(results, PathBuf::from);
        return documents::write(steps, &folder);
    }
    let wanted = Wanted::parse(args);
    if !wanted.is_some() {
        others(steps, wanted.is_quick())?;
    }
    let build = ["build", "--release", "--package", PACKAGE, "--bins"];
    steps.run("programs", &mut cargo(build))?;
    if !wanted.is_some() {
        let mut views = started(VIEWS);
        steps.run("views", views.args(wanted.is_quick().then_some("--quick")))?;
    }
    let mut run = started(RUN);
    run.args(&wanted.rest);
    if !wanted.is_some() {
        run.args(also());
    }
    if wanted.peers {
        run.arg("--peers").arg(peers(steps)?);
    }
    if wanted.real {
        // Runs nodes and measures nothing: as quickly built as the suite itself.
        let build = ["build", "--package", "casty-interop"];
        steps.run("the real-cluster suite", &mut cargo(build))?;
        run.arg("--interop").arg(program("debug", "casty-interop"));
        let build = ["build", "--release", "--package", "casty-rust-node"];
        steps.run("the member in Rust", &mut cargo(build))?;
        run.arg("--rust-node").arg(program("release", "rust-node"));
    }
    if wanted.is_metered() {
        run.arg("--metered").arg(metered(steps)?);
    }
    steps.run("run", &mut run)
}

/// Builds the worker whose client tells an exporter what it counts. Has a folder of its own, because the usual
/// worker is another one.
fn metered(steps: &mut Steps) -> Result<PathBuf, Failure> {
    let folder = target().join("metered");
    let mut build = cargo(["build", "--release", "--package", PACKAGE, "--bin", WORKER]);
    build
        .args(["--features", "metrics", "--target-dir"])
        .arg(&folder);
    steps.run("the worker with metrics", &mut build)?;
    Ok(folder.join("release").join(WORKER))
}

/// Does what is measured without a node, and forgets what was measured before.
fn others(steps: &mut Steps, is_quick: bool) -> Result<(), Failure> {
    for file in ALSO.map(|name| results().join(name)) {
        // Most often it is not there; and what other programs write replaces it.
        fs::remove_file(file).ok();
    }
    if !is_quick {
        gates::count(steps)?;
    }
    let told = if is_quick { &QUICK[..] } else { &USUAL[..] };
    let benches = ["bench", "--package", PACKAGE, "--benches", "--"];
    steps.run("benches", cargo(benches).args(told))
}

/// Returns a program of the package, built and started by cargo.
fn started(program: &str) -> Command {
    let run = ["run", "--release", "--package", PACKAGE, "--bin"];
    let mut run = cargo(run);
    run.args([program, "--"]);
    run
}

/// Returns the folder that everything measured is written to.
fn results() -> PathBuf {
    target().join("bench")
}

/// Returns the arguments for what other programs have measured: the views, and the gates if they
/// were counted.
fn also() -> Vec<PathBuf> {
    let files = ALSO.map(|name| results().join(name));
    let there = files.into_iter().filter(|file| file.is_file());
    there
        .flat_map(|file| [PathBuf::from("--also"), file])
        .collect()
}

/// Builds the peers, and returns their program.
fn peers(steps: &mut Steps) -> Result<PathBuf, Failure> {
    let folder = target().join("peers");
    let build = ["build", "--release", "--locked", "--manifest-path"];
    let mut build = cargo(build);
    build.arg(root().join(PEERS)).arg("--target-dir");
    steps.run("peers", build.arg(&folder))?;
    Ok(folder.join("release").join("casty-bench-peers"))
}

fn program(profile: &str, name: &str) -> PathBuf {
    target().join(profile).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Wanted {
        let args: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        Wanted::parse(&args)
    }

    #[test]
    fn what_is_built_is_not_told_to_the_run() {
        let wanted = parse("--quick --peers --seed 7 --real");
        assert!(wanted.is_quick() && wanted.peers && wanted.real && !wanted.is_some());
        assert_eq!(wanted.rest, ["--quick", "--seed", "7"]);
        assert_eq!(parse(""), Wanted::default());
        assert!(parse("--load c64").is_some() && parse("--sender floor").is_some());
        assert!(parse("").is_metered() && parse("--load c64 --metrics").is_metered());
        assert!(!parse("--load c64").is_metered() && !wanted.is_metered());
    }
}
