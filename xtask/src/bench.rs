//! The benchmarks: criterion's, the cost of dials that are refused, then the end-to-end run that
//! prints the table of ratios.

use crate::steps::{Failure, Steps, cargo};

const PACKAGE: &str = "casty-benches";
/// Measures; starts the node, the package's other program, by itself.
const CLIENT: &str = "casty-bench-client";
/// Measures what members cost that cannot be connected.
const DIALS: &str = "casty-bench-dials";

/// Arguments for a coarse look: criterion's own `--quick` takes minutes here.
const QUICK: [&str; 9] = [
    "--warm-up-time",
    "0.05",
    "--measurement-time",
    "0.2",
    "--sample-size",
    "10",
    "--nresamples",
    "1000",
    "--noplot",
];

/// Runs criterion's benches, the dials, then the end-to-end run; `args` go to the latter, and
/// `--quick` to all, each in its own way.
pub(crate) fn run(steps: &mut Steps, args: &[String]) -> Result<(), Failure> {
    let quick = args.iter().any(|arg| arg == "--quick");
    let told = if quick { &QUICK[..] } else { &[] };
    let benches = ["bench", "--package", PACKAGE, "--benches", "--"];
    steps.run("benches", cargo(benches).args(told))?;
    let build = ["build", "--release", "--package", PACKAGE, "--bins"];
    steps.run("programs", &mut cargo(build))?;
    let dials = [
        "run",
        "--release",
        "--package",
        PACKAGE,
        "--bin",
        DIALS,
        "--",
    ];
    let told = if quick { &["--quick"][..] } else { &[] };
    steps.run("dials", cargo(dials).args(told))?;
    let run = ["run", "--release", "--package", PACKAGE, "--bin", CLIENT];
    steps.run("end to end", cargo(run).arg("--").args(args))
}
