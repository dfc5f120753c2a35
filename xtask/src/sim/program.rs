//! The program that runs worlds, and its build.

use std::path::Path;
use std::process::Command;

use crate::steps::cargo;

/// Cargo's arguments for a build of the program.
pub(super) const BUILD: [&str; 9] = [
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

/// Returns a build of the workspace in another folder, with its output elsewhere.
pub(super) fn build_in(folder: &Path, target: &Path) -> Command {
    let mut command = cargo(BUILD);
    command.current_dir(folder).env("CARGO_TARGET_DIR", target);
    command
}
