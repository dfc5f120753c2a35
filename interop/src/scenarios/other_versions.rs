//! Nodes of casty 0.22 and 0.30, which speak other protocols: told apart where they are dialled, and where they dial.

use std::process::Stdio;
use std::time::{Duration, Instant};

use casty_client::{ClusterClient, NodeAddress, ReadyError};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, Command};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::cluster::SYSTEM;
use crate::command::casty;
use crate::python::{SetupError, stranger};
use crate::scenario::{Context, Failure, Figures, LeftOut, Scenario};
use crate::serializer::Serializer;
use crate::transport::Transport;
use crate::version::Version;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "a_node_of_casty_0_30_is_told_apart_by_clients_and_members",
        300,
        |context| {
            Box::pin(told_apart(
                context,
                "0.30.2",
                "casty 0.30 (cluster \"casty\")",
            ))
        },
    ),
    Scenario::new(
        "a_node_of_casty_0_22_is_told_apart_by_clients_and_members",
        300,
        |context| Box::pin(told_apart(context, "0.22.1", "casty 0.22")),
    ),
];

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs once, for the environment that it takes.
async fn told_apart(
    context: Context,
    version: &'static str,
    named: &str,
) -> Result<Figures, Failure> {
    let once = (Transport::Tcp, Serializer::Pickle, Version::REFERENCE);
    if (
        context.link().transport(),
        context.serializer(),
        context.version(),
    ) != once
    {
        return LeftOut::because("left to pickle over tcp with casty 0.21.0");
    }
    let interpreter = match spawn_blocking(move || stranger(version)).await? {
        Ok(interpreter) => interpreter,
        Err(SetupError::Command { .. }) => {
            return LeftOut::because(format!("casty {version} cannot be installed here"));
        }
        Err(error) => return Err(error.into()),
    };
    let start = |at: &NodeAddress, seed: Option<&NodeAddress>| {
        let mut command = Command::new(&interpreter);
        command
            .arg("-B")
            .arg(context.python().source("stranger.py"));
        command
            .arg(at.to_string())
            .args(seed.map(ToString::to_string));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command.kill_on_drop(true).spawn()
    };
    let reserved = context.reserve(3).await?;
    let [node, guard, other] = reserved.addresses() else {
        return Err("no addresses".into());
    };
    let mut running = start(node, None)?;
    let mut said = lines(running.stdout.take())?;
    says(&mut said, |line| line == "LISTENING").await?;
    let expected = format!(
        "{node} speaks the protocol of {named}; this side speaks that of casty 0.16 to 0.21"
    );
    let told = by_client(node, &expected).await?;
    by_doctor(node, &expected).await?;
    let (_guard, mut log) = guarding(guard, node)?;
    says(&mut log, |line| line.contains(&expected)).await?;
    // Some end themselves when they are refused.
    let _dialling = start(other, Some(guard))?;
    let protocol = format!(
        " speaks the protocol of {}; ",
        named.split(" (").next().unwrap_or(named)
    );
    says(&mut log, |line| line.contains(&protocol)).await?;
    Ok(format!(
        "told by `ready` after {:.0} ms, by the doctor, and by a guard that dialled and was dialled",
        told.as_secs_f64() * 1e3
    ))
}

/// Waits for the first view, and returns the time after which there will be none.
async fn by_client(node: &NodeAddress, expected: &str) -> Result<Duration, Failure> {
    let client = ClusterClient::builder(SYSTEM).contact_point(node.to_string());
    let client = client.connect().await?;
    let begun = Instant::now();
    let ready = client.ready(PATIENCE).await;
    let told = begun.elapsed();
    client.close(Duration::ZERO).await;
    match ready {
        Err(ReadyError::OtherVersion(error)) if error.to_string() == expected => Ok(told),
        other => Err(format!("{other:?}").into()),
    }
}

async fn by_doctor(node: &NodeAddress, expected: &str) -> Result<(), Failure> {
    let mut doctor = Command::new(casty()?);
    doctor.args(["doctor", "--system", SYSTEM, "--contact", &node.to_string()]);
    let output = doctor.kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !said.contains(expected) {
        return Err(format!("casty doctor: {output:?}").into());
    }
    Ok(())
}

/// Starts a guard that asks a node to take it in. Returns what it logs.
fn guarding(
    at: &NodeAddress,
    seed: &NodeAddress,
) -> Result<(Child, Log<impl AsyncRead + Unpin>), Failure> {
    let mut command = Command::new(casty()?);
    command.args(["guard", "--system", SYSTEM, "--seed", &seed.to_string()]);
    // A name, so that it sorts behind the node.
    command.args(["--advertise", "localhost", "--listen", at.host()]);
    command.args(["--port", &at.port().to_string()]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn()?;
    let log = lines(child.stderr.take())?;
    Ok((child, log))
}

type Log<T> = Lines<BufReader<T>>;

fn lines<T: AsyncRead + Unpin>(pipe: Option<T>) -> Result<Log<T>, Failure> {
    Ok(BufReader::new(pipe.ok_or("no pipe")?).lines())
}

/// Reads up to a line that is looked for.
async fn says(
    log: &mut Log<impl AsyncRead + Unpin>,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), Failure> {
    let mut seen = Vec::new();
    let reading = async {
        while let Some(line) = log.next_line().await? {
            if wanted(&line) {
                return Ok(());
            }
            seen.push(line);
        }
        Err(Failure::from("it ended"))
    };
    match timeout(PATIENCE, reading).await {
        Ok(Ok(())) => Ok(()),
        other => Err(format!("{other:?}, after {seen:?}").into()),
    }
}
