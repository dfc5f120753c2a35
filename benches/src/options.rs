//! What the client program is told.

use std::path::PathBuf;
use std::time::Duration;

use casty_client::Codec;

use crate::Failure;
use crate::cell::{LOADS, Load, WAYS, Way};

/// The client program's usage.
pub const USAGE: &str = "\
usage: casty-bench-client [--quick] [--codec pickle|msgpack|json] [--rounds N] [--span MILLISECONDS]
                          [--load c1|c64|c512|tell] [--way floor|client|client2|floor2] [--out FILE]

--load and --way may be given several times; without --way floor there are no ratios.";

/// What is measured, and how long.
#[derive(Debug, Clone)]
pub struct Options {
    /// The serializer's name.
    pub codec: String,
    /// How often each cell is measured.
    pub rounds: usize,
    /// How long each time.
    pub span: Duration,
    /// What is sent.
    pub loads: Vec<Load>,
    /// Who sends it.
    pub ways: Vec<Way>,
    /// Where the report goes.
    pub out: PathBuf,
}

impl Options {
    /// Reads the arguments behind the program's name.
    ///
    /// # Errors
    /// One is unknown or lacks its value.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self {
            codec: "pickle".to_owned(),
            rounds: 5,
            span: Duration::from_secs(1),
            loads: Vec::new(),
            ways: Vec::new(),
            out: PathBuf::from("target/bench/report.json"),
        };
        let mut args = args.into_iter();
        while let Some(name) = args.next() {
            if name == "--quick" {
                options.span = Duration::from_millis(150);
                continue;
            }
            let value = args.next().ok_or_else(|| format!("{name}: no value"))?;
            match name.as_str() {
                "--codec" => {
                    codec_of(&value)?;
                    options.codec = value;
                }
                "--rounds" => options.rounds = value.parse()?,
                "--span" => options.span = Duration::from_millis(value.parse()?),
                "--load" => options.loads.push(load_of(&value)?),
                "--way" => options.ways.push(way_of(&value)?),
                "--out" => options.out = value.into(),
                _ => return Err(format!("{name}: unknown").into()),
            }
        }
        if options.loads.is_empty() {
            options.loads = LOADS.to_vec();
        }
        if options.ways.is_empty() {
            options.ways = WAYS.to_vec();
        }
        Ok(options)
    }
}

/// The serializer of this name.
///
/// # Errors
/// There is none.
pub fn codec_of(name: &str) -> Result<Codec, Failure> {
    match name {
        "json" => Ok(Codec::json()),
        "msgpack" => Ok(Codec::msgpack()),
        "pickle" => Ok(Codec::pickle()),
        _ => Err(format!("{name}: not one of pickle, msgpack, json").into()),
    }
}

fn load_of(name: &str) -> Result<Load, Failure> {
    match name.strip_prefix('c') {
        Some(at_once) => Ok(Load::Ask(at_once.parse()?)),
        None if name == "tell" => Ok(Load::Tell),
        None => Err(format!("{name}: no load").into()),
    }
}

fn way_of(name: &str) -> Result<Way, Failure> {
    match name {
        "floor" => Ok(Way::Floor),
        "floor2" => Ok(Way::FloorTwoWorkers),
        "client" => Ok(Way::Client),
        "client2" => Ok(Way::ClientTwoWorkers),
        _ => Err(format!("{name}: no way").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Failure> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_is_measured_unless_something_is_named() {
        let options = parse("").unwrap();
        assert_eq!(
            (options.loads, options.ways),
            (LOADS.to_vec(), WAYS.to_vec())
        );
        let options = parse("--quick --load c64 --load tell --way client2 --codec json").unwrap();
        assert_eq!(options.loads, [Load::Ask(64), Load::Tell]);
        assert_eq!(options.ways, [Way::ClientTwoWorkers]);
        assert_eq!(options.codec, "json");
        assert!(options.span < Duration::from_secs(1));
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for line in [
            "--loud 1",
            "--codec yaml",
            "--rounds",
            "--load d7",
            "--way x",
        ] {
            parse(line).unwrap_err();
        }
    }
}
