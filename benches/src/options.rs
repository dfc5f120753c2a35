//! The command line of `casty-bench`.

use std::path::PathBuf;
use std::time::Duration;

use casty_bench_harness::load::Load;
use casty_client::Codec;

use crate::Failure;

/// The usage of `casty-bench`.
pub const USAGE: &str = "\
usage: casty-bench [--quick] [--codec pickle|msgpack|json] [--rounds N] [--span MILLISECONDS] [--seed N]
                   [--load LOAD]... [--sender SENDER]... [--peers PROGRAM] [--interop PROGRAM]
                   [--rust-node PROGRAM] [--metered PROGRAM] [--also FILE]... [--out FOLDER]

LOAD is c1, c8, c64, c512 (asks in flight), many512, tell, tell_all or tell_channel. SENDER is floor,
client, floor2, client2 (two workers), rustls, client-tls, quinn, client-quic, client-metered; a peer: tonic, tarpc,
redis, nats, nats2, ractor; client-real or python-real; node-rust or node-python. With --load or --sender
only these cells are measured, and neither memory nor dials.
--peers is the program of benches/peers, --interop that of the real-cluster suite, and --rust-node that of
examples/rust-node; without them there are neither peers nor real nodes nor members. --metered is
casty-bench-worker built with the feature `metrics`, for client-metered. --also takes a flat JSON object of ratios that another program measured.";

/// The measurements to make, and their lengths.
#[derive(Debug, Clone)]
pub struct Options {
    /// Set for a coarse look.
    pub is_quick: bool,
    /// The serializer's name.
    pub codec: String,
    /// The number of measurements of each cell.
    pub rounds: usize,
    /// The duration of each.
    pub span: Duration,
    /// The seed of the order of cells.
    pub seed: u64,
    /// The loads to carry; all if none is named.
    pub loads: Vec<String>,
    /// The senders to measure; all if none is named.
    pub senders: Vec<String>,
    /// The program of the peers.
    pub peers: Option<PathBuf>,
    /// The program of the real-cluster suite.
    pub interop: Option<PathBuf>,
    /// The program of the member in Rust, for which the suite is needed as well.
    pub rust_node: Option<PathBuf>,
    /// The worker whose client tells an exporter what it counts.
    pub metered: Option<PathBuf>,
    /// Files with ratios of other programs.
    pub also: Vec<PathBuf>,
    /// The folder that the report is written to.
    pub out: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            is_quick: false,
            codec: "pickle".to_owned(),
            rounds: 15,
            span: Duration::from_millis(300),
            seed: 0,
            loads: Vec::new(),
            senders: Vec::new(),
            peers: None,
            interop: None,
            rust_node: None,
            metered: None,
            also: Vec::new(),
            out: PathBuf::from("target/bench"),
        }
    }
}

impl Options {
    /// Reads the arguments behind the program's name.
    ///
    /// # Errors
    /// One is unknown or lacks its value.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self {
            seed: fastrand::u64(..),
            ..Self::default()
        };
        let mut args = args.into_iter();
        while let Some(name) = args.next() {
            if name == "--quick" {
                options.is_quick = true;
                options.rounds = 5;
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
                "--seed" => options.seed = value.parse()?,
                "--load" => options.loads.push(value.parse::<Load>()?.to_string()),
                "--sender" => options.senders.push(value),
                "--peers" => options.peers = Some(value.into()),
                "--interop" => options.interop = Some(value.into()),
                "--rust-node" => options.rust_node = Some(value.into()),
                "--metered" => options.metered = Some(value.into()),
                "--also" => options.also.push(value.into()),
                "--out" => options.out = value.into(),
                _ => return Err(format!("{name}: unknown").into()),
            }
        }
        Ok(options)
    }

    /// Returns whether everything is measured.
    pub fn is_whole(&self) -> bool {
        self.loads.is_empty() && self.senders.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Failure> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_is_measured_unless_something_is_named() {
        let options = parse("").unwrap();
        assert!(options.is_whole() && options.peers.is_none() && options.interop.is_none());
        let options = parse("--quick --load c64 --load tell --sender client2 --codec json");
        let options = options.unwrap();
        assert_eq!(options.loads, ["c64", "tell"]);
        assert_eq!(options.senders, ["client2"]);
        assert_eq!(options.codec, "json");
        assert!(options.is_quick && !options.is_whole());
        assert!(options.span < Options::default().span);
    }

    #[test]
    fn a_length_that_is_named_is_taken_in_a_coarse_look_too() {
        let options = parse("--quick --rounds 3 --span 40 --seed 7 --peers p --interop i").unwrap();
        assert_eq!((options.rounds, options.seed), (3, 7));
        assert_eq!(options.span, Duration::from_millis(40));
        assert_eq!(options.peers, Some("p".into()));
        assert_eq!(options.interop, Some("i".into()));
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for line in [
            "--loud 1",
            "--codec yaml",
            "--rounds",
            "--load d7",
            "--seed x",
        ] {
            parse(line).unwrap_err();
        }
    }
}
