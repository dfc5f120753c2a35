//! Worlds in virtual time: casty-testkit's `casty-sim`, built with every assertion and optimised.

use crate::steps::{Failure, Steps, cargo};

use program::BUILD;

mod power;
mod program;

/// Runs worlds; `args` go to the program that does.
pub(crate) fn run(steps: &mut Steps, args: &[String]) -> Result<(), Failure> {
    if args == ["--power"] {
        return power::run(steps);
    }
    steps.run("worlds are built", cargo(BUILD).arg("--quiet"))?;
    let mut command = cargo(["run", "--quiet"]);
    steps.run("worlds", command.args(&BUILD[1..]).arg("--").args(args))
}
