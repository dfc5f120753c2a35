//! Worlds in virtual time: casty-testkit's `casty-sim`, built with every assertion and optimised.

use std::process::Command;

use crate::steps::{Failure, Steps, cargo};

mod power;

const BUILD: [&str; 9] = [
    "build",
    "--profile",
    "sim",
    "--package",
    "casty-testkit",
    "--features",
    "sim",
    "--bin",
    "casty-sim",
];

/// Runs worlds; `args` go to the program that does.
pub(crate) fn run(steps: &mut Steps, args: &[String]) -> Result<(), Failure> {
    if args == ["--power"] {
        return power::run(steps);
    }
    steps.run("worlds are built", cargo(BUILD).arg("--quiet"))?;
    let mut command = cargo(["run", "--quiet"]);
    steps.run("worlds", command.args(&BUILD[1..]).arg("--").args(args))
}

/// A build of the same in another folder, with its output elsewhere.
fn build_in(folder: &std::path::Path, target: &std::path::Path) -> Command {
    let mut command = cargo(BUILD);
    command.current_dir(folder).env("CARGO_TARGET_DIR", target);
    command
}
