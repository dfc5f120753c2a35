//! The benchmarks: criterion's, then the end-to-end run that prints the table of ratios.

use crate::steps::{Failure, Steps, cargo};

const PACKAGE: &str = "casty-benches";
/// Measures; starts the node, the package's other program, by itself.
const CLIENT: &str = "casty-bench-client";

/// Runs criterion's benches, then the end-to-end run; `args` go to the latter, and `--quick` to
/// both.
pub(crate) fn run(steps: &mut Steps, args: &[String]) -> Result<(), Failure> {
    let quick = args.iter().filter(|arg| *arg == "--quick");
    let benches = ["bench", "--package", PACKAGE, "--benches", "--"];
    steps.run("benches", cargo(benches).args(quick))?;
    let build = ["build", "--release", "--package", PACKAGE, "--bins"];
    steps.run("programs", &mut cargo(build))?;
    let run = ["run", "--release", "--package", PACKAGE, "--bin", CLIENT];
    steps.run("end to end", cargo(run).arg("--").args(args))
}
