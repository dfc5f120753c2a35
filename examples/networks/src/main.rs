//! A client that asks accounts without end, on whatever network its settings describe: see README.md.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use casty_client::{Chain, ClientConfig};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

mod accounts;
mod certificates;
mod health;

use accounts::Accounts;

/// The time that the client has at the end to write what waits.
const CLOSING: Duration = Duration::from_secs(5);

/// A client that asks accounts without end, and prints what changes.
#[derive(Debug, Parser)]
#[command(name = "networks", version)]
struct Options {
    /// The settings of the client; variables such as CASTY_CONTACT_POINTS override them
    #[arg(long, value_name = "FILE", default_value = "casty.toml")]
    config: PathBuf,
    /// The time before the end of the client's certificate at which warnings begin
    #[arg(long, value_name = "TIME", default_value = "10d", value_parser = humantime::parse_duration)]
    warn_before: Duration,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
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

async fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    // The transport, its certificates and the address map are settings: no line below knows of them.
    let config = ClientConfig::layers();
    let config = config.file(&options.config)?.environment()?.load()?;
    let told = told_to_end()?;
    let client = config.builder().connect().await?;
    let accounts = Accounts::new(client.configured_region("account")?);
    let certificate = config.tls().cert.as_deref();
    tokio::select! {
        () = told => {}
        () = accounts.keep_asking() => {}
        () = health::follow(&client) => {}
        () = certificates::follow(&client, certificate, options.warn_before) => {}
    }
    let report = client.close(CLOSING).await;
    println!("{accounts}; messages: {report}");
    Ok(())
}

/// Returns what waits for SIGTERM or SIGINT, which are caught from now on.
fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
