//! The benchmarks: criterion's, then the run that writes the report.

use std::path::PathBuf;

use crate::steps::{Failure, Steps, cargo, root};
use crate::tools::target;

const PACKAGE: &str = "casty-benches";
/// Measures; starts the package's other programs by itself.
const RUN: &str = "casty-bench";
/// Measures what views cost.
const VIEWS: &str = "casty-bench-views";
/// The package of the peers, a workspace of its own.
const PEERS: &str = "benches/peers/Cargo.toml";

/// Arguments for a coarse look: criterion's own `--quick` takes minutes here.
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
                other => wanted.rest.push(other.to_owned()),
            }
        }
        wanted
    }

    fn is_quick(&self) -> bool {
        self.rest.iter().any(|arg| arg == "--quick")
    }

    /// Returns whether only some cells are wanted, and so nothing else.
    fn is_some(&self) -> bool {
        let is_choice = |arg: &String| ["--load", "--sender", "--help"].contains(&arg.as_str());
        self.rest.iter().any(is_choice)
    }
}

/// Runs criterion's benches, unless only some cells are wanted, then the run that writes the report.
pub(crate) fn run(steps: &mut Steps, args: &[String]) -> Result<(), Failure> {
    let wanted = Wanted::parse(args);
    if !wanted.is_some() {
        let told = if wanted.is_quick() { &QUICK[..] } else { &[] };
        let benches = ["bench", "--package", PACKAGE, "--benches", "--"];
        steps.run("benches", cargo(benches).args(told))?;
    }
    let build = ["build", "--release", "--package", PACKAGE, "--bins"];
    steps.run("programs", &mut cargo(build))?;
    if !wanted.is_some() {
        let run = [
            "run",
            "--release",
            "--package",
            PACKAGE,
            "--bin",
            VIEWS,
            "--",
        ];
        let told = if wanted.is_quick() {
            &["--quick"][..]
        } else {
            &[]
        };
        steps.run("views", cargo(run).args(told))?;
    }
    let run = ["run", "--release", "--package", PACKAGE, "--bin", RUN, "--"];
    let mut run = cargo(run);
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
    }
    steps.run("run", &mut run)
}

/// Returns the arguments for what other programs have measured: the views, and the gates if they
/// were counted.
fn also() -> Vec<PathBuf> {
    let files = ["views.json", "gates.json"].map(|name| target().join("bench").join(name));
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
    }
}
