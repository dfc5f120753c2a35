//! What the command is told.

use std::str::FromStr;

use casty_testkit::sim::Fault;

pub(super) const HELP: &str = "\
Runs worlds in virtual time: a cluster, clients that talk all the time, and what goes wrong.

usage: cargo xtask sim [OPTIONS]

  --seeds N        how many seeds, after those that once found something; 2000 unless told
  --from S         the first of them; 0 unless told
  --seed S         this seed alone
  --trace          the whole log
  --faults A,B     faults of these kinds only, by the names that logs show
  --until-failure  no more after the first that fails
  --threads N      so many worlds at a time; as many as there are cores unless told

  --power          instead of that: puts faults into the engines, one after the other, and tells
                   what catches each";

/// What is to be run.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) seeds: u64,
    pub(super) from: u64,
    pub(super) seed: Option<u64>,
    pub(super) trace: bool,
    pub(super) faults: Option<Vec<Fault>>,
    pub(super) until_failure: bool,
    pub(super) threads: Option<usize>,
}

impl Options {
    /// Reads the arguments; none if help is wanted.
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
                "--trace" => options.trace = true,
                "--until-failure" => options.until_failure = true,
                "--faults" => {
                    let names: String = value(&arg, args.next())?;
                    let faults = names.split(',').map(str::parse::<Fault>);
                    let faults: Result<_, _> = faults.collect();
                    options.faults = Some(faults.map_err(|error| error.to_string())?);
                }
                "--help" | "-h" => return Ok(None),
                other => return Err(format!("what is {other}?")),
            }
        }
        Ok(Some(options))
    }
}

fn value<T: FromStr>(name: &str, text: Option<String>) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("{name} wants a value"))?;
    text.parse()
        .map_err(|_| format!("{name}: {text:?} is no value for it"))
}
