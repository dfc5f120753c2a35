//! The benchmarks, and the end-to-end runs that print the table of ratios.

use crate::metadata;
use crate::steps::{Failure, Steps, cargo};

const PACKAGE: &str = "casty-benches";

/// Runs criterion's benches, then every binary of the benches package.
pub(crate) fn run(steps: &mut Steps, args: &[String]) -> Result<(), Failure> {
    steps.run("benches", cargo(["bench", "--package", PACKAGE]).args(args))?;
    let packages = metadata::packages()?;
    let binaries = packages
        .iter()
        .filter(|package| package.name == PACKAGE)
        .flat_map(|package| &package.binaries);
    for binary in binaries {
        let run = ["run", "--release", "--package", PACKAGE, "--bin", binary];
        steps.run("end to end", &mut cargo(run))?;
    }
    Ok(())
}
