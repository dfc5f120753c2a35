//! `casty-soak`: load with faults for minutes on end, after which memory, descriptors, tasks and
//! pending tables are as they were at first.
//!
//! `cargo xtask soak` runs it; `--help` tells more. `load` is the work of clients, on the messages
//! of `app`; `fake` and `real` are the clusters and their faults, with `certificates` and `relay`
//! for those; `run` brings both together, counts in `tally`, measures by `sample`, and has the
//! `verdict` compare the beginning with the end.

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use casty_interop::python::{Installation, SetupError};
use casty_interop::version::Version;
use tokio::runtime::Runtime;

mod app;
mod certificates;
mod error;
mod fake;
mod load;
mod real;
mod relay;
mod run;
mod sample;
mod tally;
mod verdict;

use error::Error;
use fake::Fakes;
use real::Reals;

const HELP: &str = "\
Keeps clients and nodes busy while nodes die, hang and lose connections, and compares what the
process holds at the end with what it held at first.

usage: cargo xtask soak [--minutes N] [--real] [--leak]

  --minutes N  how long, up to the end of a round of faults (default: 1); 1 is a self-test, in which
               quarters are compared in place of minutes
  --real       real nodes, Python processes of casty 0.21.0, in place of fake ones
  --leak       leaves every fifth client that passes open for ever, and fails unless that is found

Clients: on each way to a cluster some that last and one after another that is opened and closed.
They tell, ask (also idempotently), spawn actors that nodes send to, and look services up. Fake nodes
are of two clusters in this process, one over TCP and one over TLS: they are killed and restarted,
their connections cut, they hang, are partitioned and slowed down, shards move, and all certificates
are rotated. Real nodes are killed and restarted, stopped for less than a second, and cut off.

After each round the faults are healed and the load rests: every entity must answer every lasting
client in 30 s, every client's counters add up, nothing is buffered, queued or pending. Samples are
taken then, and every 10 s under load. The run fails if a figure grew by more than the table allows,
counters do not add up, or an entity stays silent.

A Python >= 3.12 with venv and pip is looked for on PATH and under pyenv. If there is none, --real is
skipped with a notice; with CASTY_INTEROP=require that is a failure.";

/// The command that was given.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Help,
    Run {
        length: Duration,
        real: bool,
        leak: bool,
    },
}

/// The end of a run.
enum Outcome {
    /// The problems that were found.
    Ran(Vec<String>),
    Skipped,
}

fn main() -> ExitCode {
    let (length, real, leak) = match parse(env::args().skip(1)) {
        Ok(Request::Help) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Ok(Request::Run { length, real, leak }) => (length, real, leak),
        Err(mistake) => {
            eprintln!("casty-soak: {mistake}; --help tells more");
            return ExitCode::from(2);
        }
    };
    match soak(length, real, leak) {
        Ok(Outcome::Ran(problems)) => {
            let (good, verdict) = judged(&problems, leak);
            println!("soak: {verdict}");
            ExitCode::from(u8::from(!good))
        }
        Ok(Outcome::Skipped) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("soak: FAILED, the run could not go on: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether a run with these problems is a success, and the words for it.
///
/// A leaked client keeps tasks and descriptors: both must have been missed.
fn judged(problems: &[String], leak: bool) -> (bool, &'static str) {
    let grew = |what: &str| {
        let named = format!("at rest, least, {what} grew");
        problems.iter().any(|problem| problem.starts_with(&named))
    };
    match (problems.is_empty(), leak) {
        (true, false) => (true, "ok"),
        (false, false) => (false, "FAILED"),
        (_, true) if grew("tasks") && grew("descriptors") => (true, "ok, the leak was found"),
        (_, true) => (false, "FAILED, the leak was not found"),
    }
}

/// Runs the load on fake nodes or on real ones.
fn soak(length: Duration, real: bool, leak: bool) -> Result<Outcome, Error> {
    let runtime = Runtime::new()?;
    if !real {
        let ran = async { run::run(Fakes::start().await?, length, leak).await };
        return runtime.block_on(ran).map(Outcome::Ran);
    }
    let required = env::var_os("CASTY_INTEROP").is_some_and(|value| value == "require");
    let python = match Installation::prepare(Version::REFERENCE) {
        Ok(python) => python,
        Err(reason @ SetupError::NoPython { .. }) if !required => {
            println!("soak: SKIPPED, nothing was tested against real nodes: {reason}");
            return Ok(Outcome::Skipped);
        }
        Err(reason) => return Err(reason.into()),
    };
    let ran = async { run::run(Reals::start(&python).await?, length, leak).await };
    runtime.block_on(ran).map(Outcome::Ran)
}

/// Reads the arguments.
fn parse(mut args: impl Iterator<Item = String>) -> Result<Request, String> {
    let (mut minutes, mut real, mut leak) = (1, false, false);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--help" | "-h" => return Ok(Request::Help),
            "--real" => real = true,
            "--leak" => leak = true,
            "--minutes" => {
                let number = args.next().and_then(|text| text.parse().ok());
                let number = number.filter(|number| (1..=1440).contains(number));
                minutes = number.ok_or("--minutes wants a number from 1 to 1440")?;
            }
            _ => return Err(format!("unknown argument {arg}")),
        }
    }
    let length = Duration::from_mins(minutes);
    Ok(Request::Run { length, real, leak })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_from_one_to_a_day() {
        let parse = |text: &str| parse(text.split_whitespace().map(str::to_owned));
        let run = |minutes, real, leak| {
            let length = Duration::from_mins(minutes);
            Ok(Request::Run { length, real, leak })
        };
        assert_eq!(parse(""), run(1, false, false));
        assert_eq!(parse("--minutes 20 --real"), run(20, true, false));
        assert_eq!(parse("--leak"), run(1, false, true));
        assert_eq!(parse("--real --help"), Ok(Request::Help));
        for mistake in [
            "--minutes",
            "--minutes 0",
            "--minutes x",
            "--minutes 1441",
            "20",
        ] {
            parse(mistake).unwrap_err();
        }
    }

    #[test]
    fn a_leak_on_purpose_must_be_found_and_any_other_must_not_be_there() {
        let tasks = "at rest, least, tasks grew by 9.0, over 4.0".to_owned();
        let descriptors = "at rest, least, descriptors grew by 9.0, over 4.0".to_owned();
        let both = [tasks.clone(), descriptors];
        for (problems, leak, good) in [
            (&[][..], false, true),
            (&both[..1], false, false),
            (&[], true, false),
            (&both[..1], true, false),
            (&both, true, true),
        ] {
            assert_eq!(judged(problems, leak).0, good, "{problems:?} {leak}");
        }
    }
}
