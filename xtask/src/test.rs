//! All tests: those of the workspace, its doc tests, and the real-cluster suite.

use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::sim;
use crate::steps::{Failure, Steps, cargo, root};

/// The real-cluster suite's program.
const SUITE: &str = "casty-interop";

/// Runs all tests.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    build(steps)?;
    let mut python = None;
    steps.check("Python of the real clusters", || {
        python = interpreter()?;
        Ok(())
    })?;
    for (name, kind) in [("tests", "--tests"), ("doc tests", "--doc")] {
        let mut tests = cargo(["test", "--workspace", "--all-features", kind]);
        if let Some(python) = &python {
            tests.env("CASTY_PYTHON", python);
        }
        steps.run(name, &mut tests)?;
    }
    sim::run(steps, &["--seeds".to_owned(), WORLDS.to_owned()])?;
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

/// Builds the suite, and the programs that it starts: the command, and the member.
fn build(steps: &mut Steps) -> Result<(), Failure> {
    let workspace = ["build", "--quiet", "--workspace", "--all-features"];
    let programs = ["--bin", "casty", "--bin", "rust-node", "--bin", SUITE];
    steps.run("programs", cargo(workspace).args(programs))
}

/// Returns the Python that the suite's nodes run with, for tests that need one of at least 3.12, whatever
/// `python3` is here; `None` where there is none and none is required.
fn interpreter() -> Result<Option<String>, Failure> {
    let mut command = Command::new(program()?);
    let asked = command.arg("--interpreter").stderr(Stdio::inherit());
    let output = asked.output();
    let output = output.map_err(|error| Failure(format!("{SUITE}: {error}")))?;
    if !output.status.success() {
        return Err(Failure(format!(
            "`{SUITE} --interpreter`: {}",
            output.status
        )));
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let path = printed.trim();
    Ok((!path.is_empty()).then(|| path.to_owned()))
}

fn suite<S: AsRef<OsStr>>(steps: &mut Steps, args: &[S]) -> Result<(), Failure> {
    let mut command = Command::new(program()?);
    steps.run("real clusters", command.current_dir(root()).args(args))
}

/// Returns the path of the suite's program.
fn program() -> Result<PathBuf, Failure> {
    let own = env::current_exe().map_err(|error| Failure(format!("this program: {error}")))?;
    // Beside this program is where cargo puts the others.
    Ok(own.with_file_name(format!("{SUITE}{EXE_SUFFIX}")))
}
