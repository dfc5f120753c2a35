//! Worlds in virtual time: casty-testkit's `casty-sim`, built with every assertion and optimised.

use crate::steps::{Failure, Steps, cargo};

use program::BUILD;

mod power;
mod program;

/// Runs worlds; `args` go to the program that does.
pub(crate) fn run(steps: &mut Steps, args: &[String]) -> Result<(), Failure> {
    if let Some(("--power", names)) = args.split_first().map(|(it, rest)| (it.as_str(), rest)) {
        return power::run(steps, names);
    }
    steps.run("worlds are built", cargo(BUILD).arg("--quiet"))?;
    let mut command = cargo(["run", "--quiet"]);
    steps.run("worlds", command.args(&BUILD[1..]).arg("--").args(args))
}

/// Returns a finding for each fault of `--power` that cannot be put into the sources as they are.
pub(crate) fn findings() -> Result<Vec<String>, Failure> {
    power::findings()
}
