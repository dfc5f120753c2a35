//! The end-to-end benchmark: starts a node, measures in interleaved rounds, prints the table and
//! writes the report.

use std::process::ExitCode;
use std::time::Duration;

use casty_benches::Failure;
use casty_benches::cell::{Load, Sample, Sender};
use casty_benches::floor::Floor;
use casty_benches::machine;
use casty_benches::options::{Options, USAGE, codec_of};
use casty_benches::process::NodeProcess;
use casty_benches::report::Report;
use casty_benches::whole::Whole;
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    if std::env::args().skip(1).any(|arg| arg == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("casty-bench-client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let mut facts = machine::facts();
    let node = NodeProcess::start(&options.codec)?;
    let mut sides = Vec::new();
    for sender in &options.senders {
        sides.push((*sender, Side::connect(*sender, &node, &options.codec)?));
    }
    let mut report = Report::default();
    for round in 0..options.rounds {
        for load in &options.loads {
            for (sender, side) in &mut sides {
                let sample = side.carry(*load, options.span)?;
                report.add((*load, *sender, round), sample);
            }
        }
    }
    for (_, side) in sides {
        side.close()?;
    }
    let command: Vec<_> = std::env::args().collect();
    facts["command"] = command.join(" ").into();
    facts["codec"] = options.codec.clone().into();
    facts["rounds"] = options.rounds.into();
    facts["span_seconds"] = options.span.as_secs_f64().into();
    print!("{}", report.table());
    report.write(&options.out, &facts)?;
    println!("\nwritten to {}", options.out.display());
    Ok(())
}

/// One sender with its runtime and its connection.
struct Side {
    runtime: Runtime,
    connected: Connected,
}

/// A sender that is connected to the node.
enum Connected {
    /// Lent to a task while it sends.
    Floor(Option<Floor>),
    Whole(Whole),
}

impl Side {
    fn connect(sender: Sender, node: &NodeProcess, codec: &str) -> Result<Self, Failure> {
        let codec = codec_of(codec)?;
        let runtime = match sender {
            Sender::Floor | Sender::Client => Builder::new_current_thread().enable_all().build()?,
            Sender::FloorTwoWorkers | Sender::ClientTwoWorkers => Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?,
        };
        let node = node.address();
        let connected = match sender {
            Sender::Floor | Sender::FloorTwoWorkers => {
                Connected::Floor(Some(runtime.block_on(Floor::connect(node, codec))?))
            }
            Sender::Client | Sender::ClientTwoWorkers => {
                Connected::Whole(runtime.block_on(Whole::connect(node, codec))?)
            }
        };
        Ok(Self { runtime, connected })
    }

    fn carry(&mut self, load: Load, span: Duration) -> Result<Sample, Failure> {
        match &mut self.connected {
            Connected::Floor(lent) => {
                let mut floor = lent.take().ok_or("the connection was lost")?;
                let task = self.runtime.spawn(async move {
                    let sample = floor.carry(load, span).await;
                    (floor, sample)
                });
                let (floor, sample) = self.runtime.block_on(task)?;
                *lent = Some(floor);
                sample
            }
            Connected::Whole(whole) => self.runtime.block_on(whole.carry(load, span)),
        }
    }

    fn close(self) -> Result<(), Failure> {
        match self.connected {
            Connected::Floor(_) => Ok(()),
            Connected::Whole(whole) => self.runtime.block_on(whole.close()),
        }
    }
}
