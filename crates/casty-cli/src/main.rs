//! `casty`: a Casty cluster at a shell's prompt.
//!
//! Each subcommand is one file, which is read from the top: `run` takes the arguments that `args`
//! has read and prints its result through `output`. `ask`, `tell`, `bench`, `lookup`, `topology`, `watch`,
//! `doctor`, `down` and the commands in `structures` are clients of a cluster: a `session` starts the client,
//! does the work, and closes it in order, all within `--timeout`. `proxy`, `cert` and `types` need no
//! client, `guard` is a member of the cluster, and `demo` brings one of its own; `completions` and `man`
//! are made of the arguments themselves.
//!
//! Results go to standard output, all else to standard error, as lines or as JSON (`--output`). A `CommandError` decides the exit
//! code: 0 done, 1 failed, 2 wrong usage, 3 timed out, 4 no value there, 130 interrupted; `lock` and
//! `semaphore` exit with the code of the command that they run, or with 75. Messages are typed and printed
//! in Casty's JSON notation (`message`).
//!
//! `README.md` has an example of each subcommand, and `casty COMMAND --help` more of them. It is a
//! program, not a library: programs use [`casty_client`] instead.

use std::process::ExitCode;

use crate::args::{Arguments, Command};
use crate::error::{CommandError, advice};

mod actor;
mod args;
mod ask;
mod bench;
mod cert;
mod certificates;
mod completions;
mod config;
mod demo;
mod doctor;
mod down;
mod error;
mod fan_out;
mod guard;
mod input;
mod log;
mod lookup;
mod man;
mod message;
mod output;
mod progress;
mod proxy;
mod render;
mod session;
mod signals;
mod structures;
mod tell;
mod topology;
mod types;
mod watch;

fn main() -> ExitCode {
    let arguments = Arguments::read();
    output::choose(arguments.format());
    let serves = matches!(arguments.command, Command::Proxy(_) | Command::Guard(_));
    let draws = matches!(arguments.command, Command::Watch(_)) && watch::draws();
    log::start(arguments.verbose, serves, draws);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return end(&CommandError::of("cannot start", error), advice::LOG),
    };
    let outcome = runtime.block_on(run(&arguments.command));
    // A read of standard input may still be waiting; the process ends without it.
    runtime.shutdown_background();
    let otherwise = if arguments.command.has_a_cluster() {
        advice::LOOK
    } else {
        advice::LOG
    };
    outcome.map_or_else(|failure| end(&failure, otherwise), |()| ExitCode::SUCCESS)
}

async fn run(command: &Command) -> Result<(), CommandError> {
    match command {
        Command::Ask(args) => ask::run(args).await,
        Command::Tell(args) => tell::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Lookup(args) => lookup::run(args).await,
        Command::Topology(args) => topology::run(args).await,
        Command::Watch(args) => watch::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Down(args) => down::run(args).await,
        Command::Counter(args) => structures::counter::run(args).await,
        Command::Map(args) => structures::map::run(args).await,
        Command::Set(args) => structures::set::run(args).await,
        Command::Queue(args) => structures::queue::run(args).await,
        Command::Lock(args) => structures::hold::lock(args).await,
        Command::Semaphore(args) => structures::hold::semaphore(args).await,
        Command::Barrier(args) => structures::barrier::run(args).await,
        Command::Proxy(args) => proxy::run(args).await,
        Command::Guard(args) => guard::run(args).await,
        Command::Cert(args) => cert::run(args),
        Command::Types(args) => types::run(args),
        Command::Config(args) => config::run(args),
        Command::Completions(args) => completions::run(args, Arguments::described()),
        Command::Man(args) => man::run(args, Arguments::described()),
        Command::Demo => demo::run().await,
    }
}

/// Prints the error, with `otherwise` as the advice if its cause has none, and returns its exit code.
fn end(failure: &CommandError, otherwise: &'static str) -> ExitCode {
    if let Some(message) = failure.message() {
        output::print_failure(&message, failure.helps(otherwise), failure.code());
    }
    failure.exit_code()
}
