//! Load with faults for minutes on end: what must stay flat does.

use crate::steps::{Failure, Steps, cargo};

const PACKAGE: &str = "casty-soak";

/// Builds the program as users build theirs and runs it; `args` go to it.
pub(crate) fn run(steps: &mut Steps, args: &[String]) -> Result<(), Failure> {
    let build = ["build", "--quiet", "--release", "--package", PACKAGE];
    steps.run("program", &mut cargo(build))?;
    let run = ["run", "--quiet", "--release", "--package", PACKAGE, "--"];
    steps.run("soak", cargo(run).args(args))
}
