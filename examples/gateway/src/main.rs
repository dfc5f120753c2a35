//! The gateway as a program: see README.md beside it.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use casty_client::Chain;
use casty_gateway::{Accounts, Listeners, Metrics, Settings, serve};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// An HTTP gateway to the accounts of a Casty cluster.
#[derive(Debug, Parser)]
#[command(name = "gateway", version)]
struct Options {
    /// The settings of the gateway, and of its client
    #[arg(long, value_name = "FILE", default_value = "gateway.toml")]
    config: PathBuf,
    /// Only check the settings
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", Chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::read(&options.config)?;
    if options.check {
        return Ok(());
    }
    // Before the client, which takes its handles as it connects.
    let metrics = Metrics::install()?;
    // Before the socket: who is told to end at once ends in order.
    let told = told_to_end()?;
    let builder = settings.client.builder().on_dead_letter(|letter| {
        // Counted in the metrics as well; a lost node would fill a log.
        tracing::debug!(target = letter.target, loss = %letter.loss, "a dead letter");
    });
    let client = builder.connect().await?;
    let accounts = Accounts::new(client, settings.gateway.following())?;
    let listeners = Listeners::bind(&settings.gateway).await?;
    println!("LISTENING {}", listeners.requests()?);
    println!("PROBES {}", listeners.probes()?);
    let ended = serve(listeners, accounts, &metrics, &settings.gateway, told).await;
    println!("{ended}");
    Ok(())
}

/// Returns what waits for SIGTERM or SIGINT, which are caught from now on.
fn told_to_end() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
