//! Programs that disagree on the number of shards of a region.

use std::process::Output;
use std::time::{Duration, Instant};

use casty_client::{ClusterClient, CountContradiction, RegionError, ShardCounts};
use tokio::process::Command;
use tokio::time::timeout;

use crate::app::GetCount;
use crate::clients::{builder, close, connect};
use crate::cluster::PythonCluster;
use crate::command::casty;
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "a_client_with_another_shard_count_stops_no_right_one",
    150,
    |context| Box::pin(other_count(context)),
)];

const REGION: &str = "counter";
/// The number of shards that the nodes have, and that of a client that is wrong.
const RIGHT: u32 = 24;
const WRONG: u32 = 100;
/// Entities asked with each of these numbers.
const ENTITIES: usize = 60;
const STRAYS: usize = 6;
/// The longest time that a view may take to show what was allocated.
const PATIENCE: Duration = Duration::from_secs(10);

async fn other_count(context: Context) -> Result<Figures, Failure> {
    let cluster = context.reserve(2).await?.hosting(&[REGION]);
    let mut cluster = cluster.divided(RIGHT);
    cluster.launch().await?;
    let right = connect(&cluster).await?;
    ask_all(&right, RIGHT, ENTITIES).await?;
    let refused = command(&cluster, WRONG).await?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    if refused.status.success() || !said.contains("looks like one of 24 shards, not 100") {
        return Err(format!("casty ask with {WRONG} shards: {said}").into());
    }
    let wrong = connect(&cluster).await?;
    ask_all(&wrong, WRONG, STRAYS).await?;
    let begun = Instant::now();
    let found = contradiction(&right).await?;
    let seen = begun.elapsed();
    ask_all(&right, RIGHT, ENTITIES).await?;
    let later = connect(&cluster).await?;
    ask_all(&later, RIGHT, ENTITIES).await?;
    let told = contradiction(&later).await?;
    let guessed = contradiction_of(&wrong, WRONG).await?;
    if told.resembles.is_some() || guessed.resembles.is_none() {
        return Err(format!("{found:?}, {told:?}, {guessed:?}").into());
    }
    doctor_tells(&right, "critical").await?;
    doctor_tells(&connect(&cluster).await?, "warning").await?;
    strict(&cluster).await?;
    for client in [&right, &wrong, &later] {
        close(client).await?;
    }
    cluster.stop().await?;
    Ok(format!(
        "{ENTITIES} of {ENTITIES} answered, {STRAYS} of {STRAYS} with another count, then \
         {ENTITIES} of {ENTITIES} twice; seen after {:.0} ms: {found}",
        seen.as_secs_f64() * 1e3
    ))
}

/// Asks so many entities by a number of shards; each must answer.
async fn ask_all(client: &ClusterClient, shards: u32, entities: usize) -> Result<(), Failure> {
    let region = client.region(REGION, shards)?;
    for number in 0..entities {
        let entity = region.entity(format!("account-{number}"));
        let _: i64 = entity.ask(|reply_to| GetCount { reply_to }).await?;
    }
    Ok(())
}

/// Waits until the view contradicts the right number.
async fn contradiction(client: &ClusterClient) -> Result<CountContradiction, Failure> {
    contradiction_of(client, RIGHT).await
}

async fn contradiction_of(
    client: &ClusterClient,
    shards: u32,
) -> Result<CountContradiction, Failure> {
    let region = client.region(REGION, shards)?;
    let mut views = client.topology();
    let stray = views.wait_for(|view| {
        let allocated = view.allocations(REGION);
        allocated.is_some_and(|shards| shards.range(RIGHT..).next().is_some())
    });
    timeout(PATIENCE, stray).await??;
    Ok(region.contradiction().ok_or("no contradiction is told")?)
}

async fn doctor_tells(client: &ClusterClient, severity: &str) -> Result<(), Failure> {
    client.ready(PATIENCE).await?;
    let diagnosis = client.admin().diagnose().await?;
    let mut findings = diagnosis.findings().iter();
    let found = findings.any(|it| {
        it.problem.code() == "shard-counts-differ" && it.severity.to_string() == severity
    });
    if found {
        return Ok(());
    }
    Err(format!("no {severity} finding, but {:?}", diagnosis.findings()).into())
}

/// Checks that a client which prefers it is refused, with the numbers.
async fn strict(cluster: &PythonCluster) -> Result<(), Failure> {
    let client = builder(cluster, &[0]).shard_counts(ShardCounts::Strict);
    let client = client.connect().await?;
    client.ready(PATIENCE).await?;
    match client.region(REGION, RIGHT) {
        Err(RegionError::Shards { source, .. }) if source.to_string().contains("24 shards") => {}
        other => return Err(format!("a strict client: {other:?}").into()),
    }
    close(&client).await?;
    Ok(())
}

/// Runs `casty ask` with a number of shards.
async fn command(cluster: &PythonCluster, shards: u32) -> Result<Output, Failure> {
    const GET: &str =
        r#"{"_type": "counter_app.messages.GetCount", "reply_to": {"__ref__": "$reply"}}"#;
    let flags = cluster.flags();
    let flags = flags.replace(&format!("--shards {RIGHT}"), &format!("--shards {shards}"));
    let mut command = Command::new(casty()?);
    command.arg("ask").args(flags.split(' '));
    command.args(["--timeout", "20", REGION, "account-1", GET]);
    Ok(command.output().await?)
}
