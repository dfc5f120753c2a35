//! All tests: those of the workspace, its doc tests, and the real-cluster suite.

use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsStr;
use std::process::Command;

use crate::sim;
use crate::steps::{Failure, Steps, cargo, root};

/// The real-cluster suite's program.
const SUITE: &str = "casty-interop";

/// Runs all tests.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    let tests = ["test", "--workspace", "--all-features", "--tests"];
    steps.run("tests", &mut cargo(tests))?;
    steps.run(
        "doc tests",
        &mut cargo(["test", "--workspace", "--all-features", "--doc"]),
    )?;
    sim::run(steps, &["--seeds".to_owned(), WORLDS.to_owned()])?;
    build(steps)?;
    for args in SUITES {
        suite(steps, args)?;
    }
    Ok(())
}

/// Worlds in virtual time: a minute or so.
const WORLDS: &str = "10000";

/// The runs of the suite, of all that `interop` could run, for the time it takes: every serializer
/// over TCP, and each of the other transports with one of them.
const SUITES: [&[&str]; 3] = [
    &[],
    &["--transport", "tls", "--serializer", "msgpack"],
    &["--transport", "quic", "--serializer", "json"],
];

/// Runs the real-cluster suite alone.
pub(crate) fn interop(steps: &mut Steps, args: &[String]) -> Result<(), Failure> {
    build(steps)?;
    suite(steps, args)
}

/// Builds the suite and the command that it uses, as the tests have built them already.
fn build(steps: &mut Steps) -> Result<(), Failure> {
    let workspace = ["build", "--quiet", "--workspace", "--all-features"];
    let programs = ["--bin", "casty", "--bin", SUITE];
    steps.run("programs", cargo(workspace).args(programs))
}

fn suite<S: AsRef<OsStr>>(steps: &mut Steps, args: &[S]) -> Result<(), Failure> {
    let own = env::current_exe().map_err(|error| Failure(format!("this program: {error}")))?;
    // Beside this program is where cargo puts the others.
    let program = own.with_file_name(format!("{SUITE}{EXE_SUFFIX}"));
    let mut command = Command::new(program);
    steps.run("real clusters", command.current_dir(root()).args(args))
}
