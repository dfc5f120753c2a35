//! `casty demo`: a client at work on three nodes of its own, told step by step.
//!
//! Every sentence is checked before it is printed; the figures are measured.

use std::fmt;
use std::time::{Duration, Instant};

use casty_client::{ActorRef, AskError, ClusterClient, EntityRef, RegionRef, ShardEnvelope};
use casty_testkit::{Cluster, Context, stateful};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::error::CommandError;
use crate::output::print;

const SYSTEM: &str = "demo";
const REGION: &str = "counter";
const SHARDS: u32 = 100;
const ENTITIES: u32 = 100;
/// Messages told to each entity.
const TELLS: u32 = 100;
/// Asks one after the other, and asks at once.
const ASKS: u32 = 1000;
/// The time that the other nodes take to notice that one has died.
const DETECTION: Duration = Duration::from_millis(300);
/// The time after which something is wrong: the whole demo takes a second or two.
const LONGEST: Duration = Duration::from_secs(12);

#[derive(Serialize)]
#[serde(rename = "counter_app.Increment")]
struct Increment {
    amount: i64,
}

#[derive(Serialize)]
#[serde(rename = "counter_app.GetCount")]
struct GetCount {
    reply_to: ActorRef<i64>,
}

/// The messages that the entities understand.
#[derive(Deserialize)]
enum Counter {
    #[serde(rename = "counter_app.Increment")]
    Increment { amount: i64 },
    #[serde(rename = "counter_app.GetCount")]
    GetCount { reply_to: ActorRef<i64> },
}

/// Runs the demo.
pub(crate) async fn run() -> Result<(), CommandError> {
    tokio::select! {
        outcome = tokio::time::timeout(LONGEST, play()) => {
            outcome.unwrap_or_else(|_| Err(unexpected(format_args!("it takes longer than {LONGEST:?}"))))
        }
        _ = tokio::signal::ctrl_c() => Err(CommandError::Interrupted),
    }
}

/// Plays all steps.
async fn play() -> Result<(), CommandError> {
    let cluster = start().await?;
    let client = connect(&cluster).await?;
    let counters = client.entity_ref(REGION, SHARDS)?;
    tell(&counters).await?;
    ask(&counters).await?;
    lose_an_owner(&cluster, &client, &counters).await?;
    let report = client.close(Duration::from_secs(1)).await;
    print(format_args!("Closed: {report}."))?;
    expect(
        report.drained,
        format_args!("the client was closed before everything was written"),
    )?;
    cluster.stop().await;
    Ok(())
}

async fn start() -> Result<Cluster, CommandError> {
    let entities = stateful(
        || 0_i64,
        |count: &mut i64, message, context: &mut Context<'_>| match message {
            Counter::Increment { amount } => *count += amount,
            Counter::GetCount { reply_to } => context.reply(&reply_to, count),
        },
    );
    let started = Cluster::builder(SYSTEM)
        .nodes(3)
        .detection(DETECTION)
        .region(REGION, SHARDS, entities)
        .start();
    let cluster = started
        .await
        .map_err(|error| CommandError::of("the nodes cannot be started", error))?;
    let nodes = cluster.contact_points().join(", ");
    print(format_args!(
        "Started three nodes at {nodes}, with a region {REGION:?} of {SHARDS} shards."
    ))?;
    Ok(cluster)
}

async fn connect(cluster: &Cluster) -> Result<ClusterClient, CommandError> {
    let begin = Instant::now();
    let builder = ClusterClient::builder(SYSTEM).contact_points(cluster.contact_points());
    let client = builder.connect().await?;
    let view = client
        .ready(LONGEST)
        .await
        .map_err(|error| CommandError::Failed(error.into()))?;
    let members = view.live_members().count();
    expect(
        members == 3,
        format_args!("the view shows {members} nodes up instead of 3"),
    )?;
    let leader = view
        .leader()
        .ok_or_else(|| unexpected(format_args!("the view shows no leader")))?;
    print(format_args!(
        "Connected in {:.1?} as {}: the view shows {members} nodes up, led by {leader}.",
        begin.elapsed(),
        client.identity()
    ))?;
    Ok(client)
}

/// Returns the names of the entities.
fn names() -> impl Iterator<Item = String> + Clone {
    (0..ENTITIES).map(|number| format!("user-{number}"))
}

async fn tell(counters: &RegionRef) -> Result<(), CommandError> {
    let begin = Instant::now();
    for _ in 0..TELLS {
        for name in names() {
            let envelope = ShardEnvelope::new(name, Increment { amount: 1 });
            let told = counters.tell_wait(envelope).await;
            told.map_err(|error| CommandError::of("a message was not accepted", error))?;
        }
    }
    let told = begin.elapsed();
    for name in names() {
        let count = count(&counters.entity(name.clone())).await?;
        expect(
            count == i64::from(TELLS),
            format_args!("{name} counts {count} messages instead of {TELLS}"),
        )?;
    }
    print(format_args!(
        "Told {} messages to {ENTITIES} entities in {told:.1?}; asked after {:.1?}, each of them \
         has counted its {TELLS}.",
        TELLS * ENTITIES,
        begin.elapsed()
    ))
}

async fn count(entity: &EntityRef) -> Result<i64, CommandError> {
    let asked = entity.ask(|reply_to| GetCount { reply_to }).await;
    asked.map_err(|error| CommandError::of(format!("{} does not answer", entity.id()), error))
}

async fn ask(counters: &RegionRef) -> Result<(), CommandError> {
    let mut times = Vec::new();
    for name in names().cycle().take(ASKS as usize) {
        let entity = counters.entity(name);
        let begin = Instant::now();
        count(&entity).await?;
        times.push(begin.elapsed());
    }
    times.sort();
    let at = |percent: usize| {
        times
            .get(times.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    print(format_args!(
        "Asked {ASKS} times, one after the other: answered within {:.0?} half of the time, within \
         {:.0?} 99 times of 100.",
        at(50),
        at(99)
    ))?;
    let begin = Instant::now();
    let mut asks = JoinSet::new();
    for name in names().cycle().take(ASKS as usize) {
        asks.spawn(
            counters
                .entity(name)
                .ask(|reply_to| GetCount { reply_to })
                .send(),
        );
    }
    let mut answered = 0;
    while let Some(reply) = asks.join_next().await {
        let reply: Result<i64, AskError> =
            reply.map_err(|error| CommandError::of("an ask", error))?;
        reply.map_err(|error| CommandError::of("one of many asks at once", error))?;
        answered += 1;
    }
    expect(
        answered == ASKS,
        format_args!("{answered} of {ASKS} asks were answered"),
    )?;
    print(format_args!(
        "Asked {ASKS} times at once: all answered in {:.1?}.",
        begin.elapsed()
    ))
}

async fn lose_an_owner(
    cluster: &Cluster,
    client: &ClusterClient,
    counters: &RegionRef,
) -> Result<(), CommandError> {
    let victim = counters.entity("user-42");
    let owner = |name: &str| cluster.owner(REGION, name);
    let Some(lost) = owner(victim.id()) else {
        return Err(unexpected(format_args!("no node owns user-42")));
    };
    let Some(node) = cluster.addresses().get(lost).cloned() else {
        return Err(unexpected(format_args!(
            "the owner of user-42 has no address"
        )));
    };
    let (gone, kept): (Vec<_>, Vec<_>) = names().partition(|name| owner(name) == Some(lost));
    let begin = Instant::now();
    cluster.kill(lost).await;
    print(format_args!(
        "Killed {node}, which owned user-42 and {} other entities.",
        gone.len() - 1
    ))?;
    let lost_asks = ask_until_answered(&victim).await?;
    let answered = begin.elapsed();
    let replacement = owner(victim.id()).filter(|replacement| *replacement != lost);
    let replacement = replacement.and_then(|replacement| cluster.addresses().get(replacement));
    let replacement = replacement
        .ok_or_else(|| unexpected(format_args!("user-42 answers, and no node owns it")))?;
    print(format_args!(
        "Asked user-42 again: {replacement} answered {answered:.1?} after the kill, {DETECTION:?} of which \
         the nodes took to notice; asks lost on the way: {lost_asks}."
    ))?;
    expect_counts(counters, &gone, 0).await?;
    expect_counts(counters, &kept, i64::from(TELLS)).await?;
    print(format_args!(
        "Asked all the others: {} entities on the living nodes still count {TELLS}, {} began anew \
         elsewhere.",
        kept.len(),
        gone.len()
    ))?;
    let mut topology = client.topology();
    let moved = topology.wait_for(|view| {
        let mut all = view
            .allocations(REGION)
            .into_iter()
            .flat_map(|shards| shards.values());
        view.avoids(&node) && !all.any(|shard| shard.primary == node)
    });
    let view = moved.await?;
    let shards = view
        .allocations(REGION)
        .map_or(0, std::collections::BTreeMap::len);
    let living = view.live_members().count();
    expect(
        living == 2,
        format_args!("the view shows {living} nodes up instead of 2"),
    )?;
    print(format_args!(
        "The view has moved on after {:.1?}: {living} nodes own the {shards} shards in use, {node} none.",
        begin.elapsed()
    ))
}

/// Asks until a reply comes. Returns how many asks were lost with their connection.
///
/// Such an ask may have been handled or not; this one changes nothing, so it may be repeated.
async fn ask_until_answered(entity: &EntityRef) -> Result<u32, CommandError> {
    let mut lost = 0;
    loop {
        match entity.ask::<_, i64>(|reply_to| GetCount { reply_to }).await {
            Ok(_) => return Ok(lost),
            Err(AskError::Lost { .. }) => lost += 1,
            Err(error) => return Err(CommandError::of("user-42 does not answer again", error)),
        }
    }
}

async fn expect_counts(
    counters: &RegionRef,
    entities: &[String],
    expected: i64,
) -> Result<(), CommandError> {
    for name in entities {
        let count = count(&counters.entity(&**name)).await?;
        expect(
            count == expected,
            format_args!("{name} counts {count} messages instead of {expected}"),
        )?;
    }
    Ok(())
}

/// Fails with these words unless it is `so`.
fn expect(so: bool, otherwise: fmt::Arguments<'_>) -> Result<(), CommandError> {
    if so {
        Ok(())
    } else {
        Err(unexpected(otherwise))
    }
}

fn unexpected(what: fmt::Arguments<'_>) -> CommandError {
    CommandError::because(format!("the demo went wrong: {what}"))
}
