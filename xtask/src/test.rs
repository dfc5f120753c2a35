//! All tests: those of the workspace, its doc tests, and the real-cluster suite.

use crate::steps::{Failure, Steps, cargo};

/// Runs all tests.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    let tests = ["test", "--workspace", "--all-features", "--tests"];
    steps.run("tests", &mut cargo(tests))?;
    steps.run(
        "doc tests",
        &mut cargo(["test", "--workspace", "--all-features", "--doc"]),
    )?;
    interop(steps, &[])
}

/// Runs the real-cluster suite alone.
pub(crate) fn interop(steps: &mut Steps, args: &[String]) -> Result<(), Failure> {
    let suite = ["run", "--quiet", "--package", "casty-interop", "--"];
    steps.run("real clusters", cargo(suite).args(args))
}
