//! The casty command: talk to a Casty cluster from a shell.

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command};
use crate::error::Failure;

mod args;
mod ask;
mod cert;
mod certificates;
mod demo;
mod doctor;
mod down;
mod error;
mod input;
mod lookup;
mod message;
mod output;
mod proxy;
mod render;
mod session;
mod tell;
mod topology;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let serves = matches!(arguments.command, Command::Proxy(_));
    output::log(arguments.verbose, serves);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return end(&Failure::of("cannot start", error)),
    };
    let outcome = runtime.block_on(run(&arguments.command));
    // A read of standard input may still be waiting; nobody waits for it.
    runtime.shutdown_background();
    outcome.map_or_else(|failure| end(&failure), |()| ExitCode::SUCCESS)
}

async fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Ask(args) => ask::run(args).await,
        Command::Tell(args) => tell::run(args).await,
        Command::Lookup(args) => lookup::run(args).await,
        Command::Topology(args) => topology::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Down(args) => down::run(args).await,
        Command::Proxy(args) => proxy::run(args).await,
        Command::Cert(args) => cert::run(args),
        Command::Demo => demo::run().await,
    }
}

fn end(failure: &Failure) -> ExitCode {
    if let Some(message) = failure.message() {
        output::complain(message);
    }
    failure.exit_code()
}
