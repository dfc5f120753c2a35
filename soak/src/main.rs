//! `casty-soak`: load with faults for minutes on end, after which memory, descriptors, tasks and
//! pending tables are as they were at first. `cargo xtask soak` runs it; `--help` tells more.
//!
//! `load` is what clients do, on the messages of `app`; `fake` and `real` are the clusters and what
//! is done to them, with `certificates` and `relay` for that; `run` brings both together, counts in
//! `tally`, measures by `sample`, and has the `verdict` compare the beginning with the end.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use casty_interop::python::{Installation, SetupError};
use tokio::runtime::Runtime;

mod app;
mod certificates;
mod fake;
mod load;
mod real;
mod relay;
mod run;
mod sample;
mod tally;
mod verdict;

use fake::Fakes;
use real::Reals;

/// Why a run could not begin, or not go on.
type Failure = Box<dyn Error + Send + Sync>;

const HELP: &str = "\
Keeps clients and nodes busy while nodes die, hang and lose connections, and compares what the
process holds at the end with what it held at first.

usage: cargo xtask soak [--minutes N] [--real]

  --minutes N  how long, up to the end of a round of faults (default: 1); 1 is a self-test, in which
               quarters are compared in place of minutes
  --real       real nodes, Python processes of casty 0.21.0, in place of fake ones

Clients: on each way to a cluster some that last and one after another that is opened and closed.
They tell, ask (also idempotently), spawn actors that nodes send to, and look services up. Fake nodes
are of two clusters in this process, one over TCP and one over TLS: they are killed and restarted,
their connections cut, they hang, are partitioned and slowed down, shards move, and all certificates
are rotated. Real nodes are killed and restarted, stopped for less than a second, and cut off.

After each round the faults are healed and the load rests: every entity must answer every lasting
client in 30 s, every client's books balance, nothing is held, queued or pending. Samples are taken
then, and every 10 s under load. The run fails if a figure grew by more than the table allows, a book
does not balance, or an entity stays silent.

A Python >= 3.12 with venv and pip is looked for on PATH and under pyenv. If there is none, --real is
skipped with a notice; with CASTY_INTEROP=require that is a failure.";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Help,
    Run { length: Duration, real: bool },
}

fn main() -> ExitCode {
    let (length, real) = match parse(env::args().skip(1)) {
        Ok(Request::Help) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Ok(Request::Run { length, real }) => (length, real),
        Err(mistake) => {
            eprintln!("casty-soak: {mistake}; --help tells more");
            return ExitCode::from(2);
        }
    };
    match soak(length, real) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("soak: FAILED, the run could not go on: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn soak(length: Duration, real: bool) -> Result<bool, Failure> {
    let runtime = Runtime::new()?;
    if !real {
        return runtime.block_on(async { run::run(Fakes::start().await?, length).await });
    }
    let required = env::var_os("CASTY_INTEROP").is_some_and(|value| value == "require");
    let python = match Installation::prepare() {
        Ok(python) => python,
        Err(reason @ SetupError::NoPython { .. }) if !required => {
            println!("soak: SKIPPED, nothing was tested against real nodes: {reason}");
            return Ok(true);
        }
        Err(reason) => return Err(reason.into()),
    };
    runtime.block_on(async { run::run(Reals::start(&python).await?, length).await })
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Request, String> {
    let (mut minutes, mut real) = (1, false);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--help" | "-h" => return Ok(Request::Help),
            "--real" => real = true,
            "--minutes" => {
                let number = args.next().and_then(|text| text.parse().ok());
                let number = number.filter(|number| (1..=1440).contains(number));
                minutes = number.ok_or("--minutes wants a number from 1 to 1440")?;
            }
            _ => return Err(format!("unknown argument {arg}")),
        }
    }
    let length = Duration::from_mins(minutes);
    Ok(Request::Run { length, real })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_from_one_to_a_day() {
        let parse = |text: &str| parse(text.split_whitespace().map(str::to_owned));
        let run = |minutes, real| {
            let length = Duration::from_mins(minutes);
            Ok(Request::Run { length, real })
        };
        assert_eq!(parse(""), run(1, false));
        assert_eq!(parse("--minutes 20 --real"), run(20, true));
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
}
