//! Measures the memory of this client, and prints it as JSON.

use std::path::Path;

use casty_bench_harness::worker::runtime;
use casty_benches::Failure;
use casty_benches::memory::measure;
use casty_benches::options::codec_of;
use casty_benches::process::{NodeProcess, Way};

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: casty-bench-memory ASKS";
    let asks = args.next().ok_or(usage)?.parse().map_err(|_| usage)?;
    let node = NodeProcess::start("pickle", Way::Mute, Path::new(""))?;
    let codec = codec_of("pickle")?;
    let memory = runtime(0)?.block_on(measure(node.address(), codec, asks))?;
    println!("{}", serde_json::to_string(&memory)?);
    Ok(())
}
