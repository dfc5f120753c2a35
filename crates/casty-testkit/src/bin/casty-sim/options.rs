//! The arguments of the command.

use std::str::FromStr;

use casty_testkit::sim::{Fault, Trace};

pub(super) const HELP: &str = "\
Runs worlds in virtual time: a cluster, clients that send all the time, and faults.

usage: cargo xtask sim [OPTIONS]

  --seeds N        how many seeds, after those that once found something; default: 2000
  --from S         the first of them; default: 0
  --seed S         this seed alone
  --trace          the whole log
  --faults A,B     faults of these kinds only, by the names that logs show
  --until-failure  no more after the first that fails
  --threads N      so many worlds at a time; default: the number of cores

  --power          instead of that: puts faults into the engines, one after the other, and prints
                   which check catches each";

/// The worlds to run, and the way to run them.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) seeds: u64,
    pub(super) from: u64,
    pub(super) seed: Option<u64>,
    pub(super) trace: Trace,
    pub(super) faults: Option<Vec<Fault>>,
    pub(super) until_failure: bool,
    pub(super) threads: Option<usize>,
}

impl Options {
    /// Reads the arguments; `None` if help is wanted.
    ///
    /// # Errors
    /// One is unknown, or its value makes no sense.
    pub(super) fn parse(args: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            seeds: 2_000,
            ..Self::default()
        };
        let mut args = args;
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--seeds" => options.seeds = value(&arg, args.next())?,
                "--from" => options.from = value(&arg, args.next())?,
                "--seed" => options.seed = Some(value(&arg, args.next())?),
                "--threads" => options.threads = Some(value(&arg, args.next())?),
                "--trace" => options.trace = Trace::Whole,
                "--until-failure" => options.until_failure = true,
                "--faults" => {
                    let names: String = value(&arg, args.next())?;
                    let faults = names.split(',').map(str::parse::<Fault>);
                    let faults: Result<_, _> = faults.collect();
                    options.faults = Some(faults.map_err(|error| error.to_string())?);
                }
                "--help" | "-h" => return Ok(None),
                other => return Err(format!("unknown argument {other}")),
            }
        }
        Ok(Some(options))
    }
}

fn value<T: FromStr>(name: &str, text: Option<String>) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("{name} needs a value"))?;
    text.parse()
        .map_err(|_| format!("{name}: {text:?} is no value for it"))
}
