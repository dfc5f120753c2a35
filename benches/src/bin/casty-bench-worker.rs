//! One sender of the end-to-end benchmark, in a process of its own: obeys the orders of `casty-bench`,
//! or carries one load and ends, to be looked at with a profiler.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use casty_bench_harness::load::Load;
use casty_bench_harness::machine::processor_time;
use casty_bench_harness::sample::Figures;
use casty_bench_harness::worker::{Said, Sender, obey, runtime};
use casty_benches::Failure;
use casty_benches::floor::Floor;
use casty_benches::options::codec_of;
use casty_benches::process::{NodeProcess, Way};
use casty_benches::real::Real;
use casty_benches::sender::{Name, connect};
use casty_benches::{certificates, encrypted};
use casty_proto::NodeAddress;

const USAGE: &str = "\
usage: casty-bench-worker SENDER [--codec pickle|msgpack|json] [--node HOST:PORT] [--certificates FOLDER]
                          [--outbox-bytes N] [--load LOAD --seconds N]
       casty-bench-worker client-real --system NAME --contact HOST:PORT,... --shards N [--on NODE]

Obeys orders from standard input; with --load carries that load once, prints what came of it, and
ends. Without --node it starts a node of its own.";

fn main() -> ExitCode {
    #[cfg(feature = "metrics")]
    if let Err(error) = record() {
        eprintln!("casty-bench-worker: {error}");
        return ExitCode::FAILURE;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("casty-bench-worker: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Has clients tell an exporter what they count, and fetches it every 10 s, as Prometheus does.
#[cfg(feature = "metrics")]
fn record() -> Result<(), Failure> {
    let builder = metrics_exporter_prometheus::PrometheusBuilder::new();
    // As a program that wants a histogram of it has them.
    let buckets = [0.0001, 0.001, 0.01, 0.1, 1.0];
    let recorder = builder.set_buckets(&buckets)?.build_recorder();
    let exporter = recorder.handle();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(10));
            std::hint::black_box(exporter.render());
        }
    });
    Ok(metrics::set_global_recorder(recorder)?)
}

/// The command line.
struct Options {
    codec: String,
    node: Option<NodeAddress>,
    certificates: PathBuf,
    /// The limit of the client's outboxes, if it is not the usual one.
    outbox: Option<usize>,
    load: Option<Load>,
    seconds: f64,
    system: String,
    contact: String,
    shards: u32,
    /// The name of the node whose entities are sent to; those of any if there is none.
    on: Option<String>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self {
            codec: "pickle".to_owned(),
            node: None,
            certificates: PathBuf::from("target/bench/certificates"),
            outbox: None,
            load: None,
            seconds: 1.0,
            system: String::new(),
            contact: String::new(),
            shards: 0,
            on: None,
        };
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{name}: no value"))?;
            match name.as_str() {
                "--codec" => options.codec = value,
                "--node" => options.node = Some(value.parse()?),
                "--certificates" => options.certificates = value.into(),
                "--outbox-bytes" => options.outbox = Some(value.parse()?),
                "--load" => options.load = Some(value.parse()?),
                "--seconds" => options.seconds = value.parse()?,
                "--system" => options.system = value,
                "--contact" => options.contact = value,
                "--shards" => options.shards = value.parse()?,
                "--on" => options.on = Some(value),
                _ => return Err(format!("{name}: unknown\n\n{USAGE}").into()),
            }
        }
        Ok(options)
    }
}

fn run() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    if name == "--help" {
        println!("{USAGE}");
        return Ok(());
    }
    let options = Options::parse(args)?;
    if name == "client-real" {
        let Options {
            system,
            contact,
            shards,
            on,
            ..
        } = &options;
        let real = Real::connect(system, contact, *shards, on.as_deref());
        return work(0, real, &options);
    }
    let name: Name = name
        .parse()
        .map_err(|error| format!("{error}\n\n{USAGE}"))?;
    let started = match options.node {
        Some(_) => None,
        None => Some(start(name.way(), &options)?),
    };
    let node = started.as_ref().map(|node| node.address().clone());
    let node = options.node.clone().or(node).ok_or("no node")?;
    let codec = codec_of(&options.codec)?;
    let folder = &options.certificates;
    match name {
        Name::Floor | Name::FloorTwoWorkers => {
            work(name.workers(), Floor::connect(&node, codec), &options)
        }
        Name::Rustls => work(0, encrypted::tls(&node, codec, folder), &options),
        Name::Quinn => work(0, encrypted::quic(&node, codec, folder), &options),
        _ => {
            let whole = connect(name, &node, codec, folder, options.outbox);
            work(name.workers(), whole, &options)
        }
    }
}

fn start(way: Way, options: &Options) -> Result<NodeProcess, Failure> {
    if let Way::Tls | Way::Quic = way {
        certificates::make(&options.certificates)?;
    }
    NodeProcess::start(&options.codec, way, Path::new(&options.certificates))
}

/// Obeys orders, or carries the one load of the command line.
fn work<S: Sender>(
    workers: usize,
    connect: impl Future<Output = Result<S, Failure>>,
    options: &Options,
) -> Result<(), Failure> {
    let runtime = runtime(workers)?;
    let Some(load) = options.load else {
        return obey(&runtime, connect);
    };
    let span = Duration::try_from_secs_f64(options.seconds)?;
    runtime.block_on(async {
        let mut sender = connect.await?;
        let carried = tokio::spawn(async move {
            let before = processor_time();
            let sample = sender.carry(load, span).await?;
            Ok::<_, Failure>(Figures::of(sample, before))
        });
        Said::Sample(carried.await??).print()
    })
}
