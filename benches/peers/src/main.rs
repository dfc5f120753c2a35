//! The stacks that a user would pick instead of casty, as workers of the benchmark: each asks a server of its
//! own, in a process of its own, with 64 bytes both ways.
//!
//! `casty-bench-peers PEER` is the worker, and `casty-bench-peers serve PEER` its server, which the
//! worker starts.

use std::process::ExitCode;

use casty_bench_harness::Failure;
use casty_bench_harness::worker::{Said, obey, runtime};

mod nats_peer;
mod payload;
#[cfg(feature = "ractor")]
mod ractor_peer;
mod redis_peer;
mod server;
mod tarpc_peer;
mod tonic_peer;

const USAGE: &str = "usage: casty-bench-peers tonic|tarpc|redis|nats|nats2|ractor";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("casty-bench-peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<(), Failure> {
    match args {
        ["serve", peer, rest @ ..] => runtime(0)?.block_on(async {
            match *peer {
                "tonic" => tonic_peer::serve().await,
                "tarpc" => tarpc_peer::serve().await,
                "nats" => nats_peer::serve(rest).await,
                #[cfg(feature = "ractor")]
                "ractor" => ractor_peer::serve().await,
                _ => Err(USAGE.into()),
            }
        }),
        [peer] => work(peer),
        _ => Err(USAGE.into()),
    }
}

fn work(peer: &str) -> Result<(), Failure> {
    let here = runtime(0)?;
    match peer {
        "tonic" => obey(&here, tonic_peer::connect()),
        "tarpc" => obey(&here, tarpc_peer::connect()),
        #[cfg(feature = "ractor")]
        "ractor" => obey(&here, ractor_peer::connect()),
        #[cfg(not(feature = "ractor"))]
        "ractor" => Said::Absent("not built: see benches/README.md".to_owned()).print(),
        "redis" => match server::program("redis-server") {
            None => Said::Absent("no redis-server on PATH".to_owned()).print(),
            Some(program) => obey(&here, redis_peer::connect(program)),
        },
        "nats" | "nats2" => match server::program("nats-server") {
            None => Said::Absent("no nats-server on PATH".to_owned()).print(),
            Some(program) if peer == "nats" => obey(&here, nats_peer::connect(program)),
            Some(program) => obey(&runtime(2)?, nats_peer::connect(program)),
        },
        _ => Err(USAGE.into()),
    }
}
