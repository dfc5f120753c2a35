//! The command line of the client program.

use std::path::PathBuf;
use std::time::Duration;

use casty_client::Codec;

use crate::Failure;
use crate::cell::{LOADS, Load, SENDERS, Sender};

/// The client program's usage.
pub const USAGE: &str = "\
usage: casty-bench-client [--quick] [--codec pickle|msgpack|json] [--rounds N] [--span MILLISECONDS]
                          [--load c1|c64|c512|tell] [--sender floor|client|client2|floor2] [--out FILE]

--load and --sender may be given several times; without --sender floor there are no ratios.";

/// The measurements to make, and their lengths.
#[derive(Debug, Clone)]
pub struct Options {
    /// The serializer's name.
    pub codec: String,
    /// The number of measurements of each cell.
    pub rounds: usize,
    /// The duration of each.
    pub span: Duration,
    /// The kinds of messages to send.
    pub loads: Vec<Load>,
    /// The senders to measure.
    pub senders: Vec<Sender>,
    /// The file that the report is written to.
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
            senders: Vec::new(),
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
                "--sender" => options.senders.push(sender_of(&value)?),
                "--out" => options.out = value.into(),
                _ => return Err(format!("{name}: unknown").into()),
            }
        }
        if options.loads.is_empty() {
            options.loads = LOADS.to_vec();
        }
        if options.senders.is_empty() {
            options.senders = SENDERS.to_vec();
        }
        Ok(options)
    }
}

/// Returns the serializer of this name.
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

fn sender_of(name: &str) -> Result<Sender, Failure> {
    match name {
        "floor" => Ok(Sender::Floor),
        "floor2" => Ok(Sender::FloorTwoWorkers),
        "client" => Ok(Sender::Client),
        "client2" => Ok(Sender::ClientTwoWorkers),
        _ => Err(format!("{name}: no sender").into()),
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
            (options.loads, options.senders),
            (LOADS.to_vec(), SENDERS.to_vec())
        );
        let options =
            parse("--quick --load c64 --load tell --sender client2 --codec json").unwrap();
        assert_eq!(options.loads, [Load::Ask(64), Load::Tell]);
        assert_eq!(options.senders, [Sender::ClientTwoWorkers]);
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
            "--sender x",
        ] {
            parse(line).unwrap_err();
        }
    }
}
