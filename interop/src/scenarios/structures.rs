//! Distributed structures of real nodes, shared by Rust and Python participants.

mod alone;
mod participant;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use casty_client::{AcquireError, ClusterClient, Lock};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use self::alone::{LONG, STRUCTURES, count};
use self::participant::Participant;
use crate::clients::{close, connect};
use crate::cluster::PythonCluster;
use crate::command::casty;
use crate::scenario::{Context, Failure, Figures, LeftOut, Scenario};
use crate::transport::Transport;
use crate::version::Feature;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "structures_are_shared_by_rust_and_python_participants",
        240,
        |context| Box::pin(share(context)),
    )
    .core()
    .needs(&[Feature::ClientStructures]),
    Scenario::new(
        "structures_of_nodes_serve_a_client_that_is_alone",
        120,
        |context| Box::pin(alone::alone(context)),
    )
    .core(),
];

/// The time that a task spends inside a lock, and with a permit.
const INSIDE: Duration = Duration::from_millis(2);
async fn share(context: Context) -> Result<Figures, Failure> {
    if context.link().transport() != Transport::Tcp {
        return LeftOut::because("left to tcp");
    }
    let cluster = context.reserve(2).await?.hosting(&["counter"]);
    let mut cluster = cluster.sharing(&STRUCTURES);
    cluster.launch().await?;
    let client = connect(&cluster).await?;
    let mut python = Participant::join(context.python(), &cluster).await?;
    let folder = tempfile::tempdir()?;
    maps(&client, &mut python).await?;
    count(&client).await?;
    let drained = drain(&client, &mut python).await?;
    let most = permits(&client, &mut python).await?;
    let arrive = client.distributed().within(LONG).barrier("start")?;
    for _ in 0..2 {
        let arrivals = tokio::join!(
            arrive.arrive(3),
            arrive.arrive(3),
            python.arrive("start", 3)
        );
        arrivals.0?;
        arrivals.1?;
        arrivals.2?;
    }
    let turns = contend(&context, &cluster, &client, &mut python).await?;
    shells(&cluster, &folder).await?;
    let report = close(&client).await?;
    if report.unreleased > 0 {
        return Err(format!("left behind: {report:?}").into());
    }
    cluster.stop().await?;
    Ok(format!(
        "map, counter, set; queue drained {} by Rust and {} by Python; {most} permits at most; \
         barrier of 3, twice; {turns} turns under the lock, one inside at a time",
        drained.0, drained.1
    ))
}

/// Reads what the other has put, on both sides.
async fn maps(client: &ClusterClient, python: &mut Participant) -> Result<(), Failure> {
    let users = client.distributed().map::<(String, i64)>("users")?;
    // A list on the wire, as JSON has no tuples; Rust reads either.
    python.put("users", "ada", json!(["Ada", 36])).await?;
    let found = users.get("ada").await?;
    let texts = client.distributed().map::<String>("users")?;
    texts.put("lin", &"Lin \u{1f600}".to_owned()).await?;
    let read = python.get("users", "lin").await?;
    let gone = users.delete("ada").await? && !users.contains("ada").await?;
    if found != Some(("Ada".to_owned(), 36)) || read != json!("Lin \u{1f600}") || !gone {
        return Err(format!("{found:?}, {read}, {gone}").into());
    }
    Ok(())
}

/// Has both drain a queue, and returns how many values each took.
async fn drain(
    client: &ClusterClient,
    python: &mut Participant,
) -> Result<(usize, usize), Failure> {
    const VALUES: u32 = 1_000;
    let jobs = client.distributed().queue::<u32>("jobs")?;
    for value in 1..=VALUES {
        jobs.enqueue(&value).await?;
    }
    let ours = async {
        let mut taken = Vec::new();
        while let Some(value) = jobs.dequeue().await? {
            taken.push(value);
        }
        Ok::<_, Failure>(taken)
    };
    let (ours, theirs) = tokio::join!(ours, python.drain("jobs"));
    let (ours, theirs) = (ours?, theirs?);
    let mut all: Vec<u32> = ours.iter().chain(&theirs).copied().collect();
    all.sort_unstable();
    if !all.iter().copied().eq(1..=VALUES) {
        return Err(format!("{} values were taken: {all:?}", all.len()).into());
    }
    Ok((ours.len(), theirs.len()))
}

/// Has tasks of both take turns with two permits, and returns the most that had one at once.
async fn permits(client: &ClusterClient, python: &mut Participant) -> Result<usize, Failure> {
    const TASKS: usize = 3;
    const TURNS: usize = 10;
    let folder = tempfile::tempdir()?;
    let pool = client.distributed().within(LONG).semaphore("pool")?;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (pool, folder) = (pool.clone(), folder.path().to_owned());
            tokio::spawn(async move {
                let mut most = 0;
                for _ in 0..TURNS {
                    let guard = pool.acquire().await?;
                    let inside = folder.join(format!("rust-{task}"));
                    fs::write(&inside, "")?;
                    most = most.max(fs::read_dir(&folder)?.count());
                    sleep(INSIDE).await;
                    fs::remove_file(inside)?;
                    guard.release().await?;
                }
                Ok::<_, Failure>(most)
            })
        })
        .collect();
    let mut most = python
        .permits("pool", (TASKS, TURNS), folder.path())
        .await?;
    for task in tasks {
        most = most.max(task.await??);
    }
    if most != 2 {
        return Err(format!("{most} had one of two permits").into());
    }
    Ok(most)
}

/// Takes a turn under the lock; fails if another is inside.
async fn take_turn(lock: &Lock, marker: &Path) -> Result<(), Failure> {
    let guard = lock.acquire().await?;
    fs::File::create_new(marker)?;
    sleep(INSIDE).await;
    fs::remove_file(marker)?;
    match guard.release().await? {
        casty_client::Released::Freed => Ok(()),
        other => Err(format!("released: {other:?}").into()),
    }
}

/// Has ten tasks of each side contend for a lock, while a holder is killed, and others give up. Returns the
/// number of turns.
async fn contend(
    context: &Context,
    cluster: &PythonCluster,
    client: &ClusterClient,
    python: &mut Participant,
) -> Result<usize, Failure> {
    const TASKS: usize = 10;
    const TURNS: usize = 8;
    let folder = tempfile::tempdir()?;
    let marker: PathBuf = folder.path().join("inside");
    let door = client.distributed().within(LONG).lock("door")?;
    let mut mortal = Participant::join(context.python(), cluster).await?;
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (door, marker) = (door.clone(), marker.clone());
            tokio::spawn(async move {
                for _ in 0..TURNS {
                    // Gives up, and leaves nothing behind; or has it, and drops it.
                    match door.acquire_within(Duration::from_millis(1)).await {
                        Ok(_) | Err(AcquireError::Timeout { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                    take_turn(&door, &marker).await?;
                }
                Ok::<_, Failure>(TURNS)
            })
        })
        .collect();
    let killed = async {
        let owner = mortal.enter("door", &marker).await?;
        mortal.kill().await?;
        // Nobody else gets in before an operator has seen to it.
        sleep(Duration::from_millis(500)).await;
        fs::remove_file(&marker)?;
        if !door.release_owner(&owner).await? {
            return Err("the dead held nothing".into());
        }
        Ok::<_, Failure>(())
    };
    let (theirs, killed) = tokio::join!(python.lock("door", (TASKS, TURNS), &marker), killed);
    killed?;
    let mut turns = theirs?;
    for task in tasks {
        turns += task.await??;
    }
    Ok(turns)
}

/// Runs `casty lock` from two shells at once: never both are inside.
async fn shells(cluster: &PythonCluster, folder: &TempDir) -> Result<(), Failure> {
    const SCRIPT: &str = "mkdir inside && sleep 0.2 && rmdir inside";
    let shell = || -> Result<Command, Failure> {
        let mut command = Command::new(casty()?);
        command.args(["lock", "--timeout", "20", "door", "--wait", "30"]);
        // The count of shards is that of structures, unless it is given.
        command.args(cluster.flags_without_shards().split(' '));
        command.args(["--", "sh", "-c", SCRIPT]);
        command.current_dir(folder.path()).kill_on_drop(true);
        Ok(command)
    };
    let (mut one, mut other) = (shell()?, shell()?);
    let (one, other) = tokio::join!(one.output(), other.output());
    for output in [one?, other?] {
        if !output.status.success() {
            return Err(format!("casty lock: {output:?}").into());
        }
    }
    Ok(())
}
