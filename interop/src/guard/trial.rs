//! A node of three that is killed, and its entities.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

use casty_client::{ClusterClient, EntityRef};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::beside::{Evidence, Guard};
use crate::app::GetNode;
use crate::clients::{agreed, close, connect, members_up};
use crate::cluster::{PythonCluster, SHARDS};
use crate::error::Failure;
use crate::python::Installation;
use crate::serializer::Serializer;

/// The longest time that the entities of a killed node may be silent beside a guard.
pub(crate) const RECOVERED: Duration = Duration::from_secs(5);
/// The time for which they are watched: some rounds of gossip longer, in which the node could come back.
const WATCHED: Duration = Duration::from_secs(9);
/// The longest time that members may take to be up, and the time after that in which they hear each other.
const SETTLED: Duration = Duration::from_secs(20);
const HEARD: Duration = Duration::from_secs(2);
/// The time between two asks of an entity, and the longest of one: one that waits for its owner is sent once that is
/// known.
const PAUSE: Duration = Duration::from_millis(50);
const ASK: Duration = Duration::from_secs(1);
/// Entities of a killed node that are watched, at most, and those among which they are looked for.
const ORPHANS: usize = 12;
const ENTITIES: usize = 60;

/// The node that is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Follower,
    Leader,
}

impl Victim {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Follower => "a follower",
            Self::Leader => "the leader",
        }
    }

    fn index(self, cluster: &PythonCluster) -> usize {
        match self {
            Self::Follower => cluster.follower(),
            Self::Leader => cluster.leader(),
        }
    }
}

/// The outcome for the entities of a killed node.
#[derive(Debug)]
pub(crate) struct Recovery {
    orphans: usize,
    /// The time after the kill from which all of them were answered, each time that they were asked.
    since: Option<Duration>,
    /// The reasons why asks were not answered, the last of each entity.
    last: Vec<String>,
}

impl Recovery {
    pub(crate) fn is_in_time(&self) -> bool {
        self.since.is_some_and(|since| since <= RECOVERED)
    }

    /// Returns the time, in seconds, to be read.
    pub(super) fn time(&self) -> String {
        self.since.map_or_else(
            || "never".to_owned(),
            |since| format!("{:.2}", since.as_secs_f64()),
        )
    }
}

impl Display for Recovery {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { orphans, last, .. } = self;
        write!(
            out,
            "{orphans} entities, answered from {} s on",
            self.time()
        )?;
        if self.is_in_time() {
            return Ok(());
        }
        write!(out, "; before: {}", last.join(", "))
    }
}

/// Starts three nodes, and a guard if one is wanted, kills a node, and has a client that knew all of them ask its
/// entities for 9 s.
pub(crate) async fn trial(
    python: Installation,
    label: String,
    victim: Victim,
    guard: Option<Evidence>,
) -> Result<Recovery, Failure> {
    let cluster = PythonCluster::reserve(&python, Serializer::Pickle, 3, &label)?;
    let mut cluster = cluster.hosting(&["counter"]);
    cluster.launch().await?;
    let guard = match guard {
        Some(evidence) => Some(Guard::start(&cluster, evidence).await?),
        None => None,
    };
    let client = connect(&cluster).await?;
    let victim = victim.index(&cluster);
    let region = client.region("counter", SHARDS)?;
    let mut orphans = Vec::new();
    for number in 0..ENTITIES {
        let entity = region.entity(format!("ward-{number}"));
        let ask = entity.ask::<_, String>(|reply_to| GetNode { reply_to });
        let node = ask.within(Duration::from_secs(10)).await?;
        if node == format!("n{victim}") && orphans.len() < ORPHANS {
            orphans.push(entity);
        }
    }
    if orphans.is_empty() {
        return Err(format!("n{victim} has none of {ENTITIES} entities").into());
    }
    settled(
        &client,
        cluster.addresses().len() + usize::from(guard.is_some()),
    )
    .await?;
    cluster.kill(victim).await?;
    let recovery = watch(&orphans, &format!("n{victim}")).await;
    close(&client).await?;
    if let Some(guard) = guard {
        guard.stop().await?;
    }
    cluster.stop().await?;
    Ok(recovery)
}

/// Waits until so many members are up in the views of all nodes, and each has heard the others for a while.
pub(crate) async fn settled(client: &ClusterClient, members: usize) -> Result<(), Failure> {
    members_up(client, members, SETTLED).await?;
    agreed(client, SETTLED).await?;
    sleep(HEARD).await;
    Ok(())
}

/// Asks the entities of a node that was just killed again and again, each by itself.
async fn watch(orphans: &[EntityRef], dead: &str) -> Recovery {
    let killed = Instant::now();
    let mut watched = JoinSet::new();
    for orphan in orphans {
        watched.spawn(watch_one(orphan.clone(), killed, dead.to_owned()));
    }
    let outcomes = watched.join_all().await;
    let last = outcomes.iter().filter_map(|(_, last)| last.clone());
    let last = last.collect();
    let since: Option<Vec<_>> = outcomes.iter().map(|(since, _)| *since).collect();
    Recovery {
        orphans: orphans.len(),
        since: since.and_then(|times| times.into_iter().max()),
        last,
    }
}

/// Returns from when on an entity was answered by a node that lives, and why the last ask was not that failed.
async fn watch_one(
    orphan: EntityRef,
    killed: Instant,
    dead: String,
) -> (Option<Duration>, Option<String>) {
    let (mut since, mut last) = (None, None);
    while killed.elapsed() < WATCHED {
        let ask = orphan.ask::<_, String>(|reply_to| GetNode { reply_to });
        match ask.within(ASK).await {
            Ok(node) if node != dead => {
                since.get_or_insert_with(|| killed.elapsed());
            }
            Ok(node) => (since, last) = (None, Some(format!("answered by {node}"))),
            Err(error) => (since, last) = (None, Some(error.to_string())),
        }
        sleep(PAUSE).await;
    }
    (since, last)
}
