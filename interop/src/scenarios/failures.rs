//! Nodes that die: what a client notices, how fast, and what becomes of its messages.

use std::time::{Duration, Instant};

use casty_client::{AskError, ClusterClient, EntityRef, NodeAddress};
use casty_proto::message::ShardEnvelope;
use tokio::time::timeout;

use crate::app::{Append, GetLog, GetNode};
use crate::clients::{builder, close, connect, entity_on_each_node};
use crate::cluster::{PythonCluster, SHARDS};
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "another_node_sends_views_when_the_subscribed_one_is_killed",
        120,
        |context| Box::pin(subscribed_node(context)),
    ),
    Scenario::new("a_node_restarted_at_once_receives_again", 150, |context| {
        Box::pin(restarted_node(context))
    }),
    Scenario::new(
        "entities_of_a_killed_node_answer_from_another",
        150,
        |context| Box::pin(killed_owner(context)),
    )
    .core(),
];

async fn subscribed_node(context: Context) -> Result<Figures, Failure> {
    let mut cluster = context.reserve(3).await?.hosting(&["counter"]);
    cluster.launch().await?;
    // It knows one node, so that is the one it subscribes to.
    let client = builder(&cluster, &[1]).connect().await?;
    let region = client.entity_ref("counter", SHARDS)?;
    let entities = entity_on_each_node(&cluster, &region, "victim").await?;
    cluster.kill(1).await?;
    let killed = Instant::now();
    let survivors = [&entities[0], &entities[2]];
    let mut asks = Asks::default();
    while client.stats().connections > 2 {
        asks.answered_by(&survivors).await?;
    }
    let noticed = killed.elapsed();
    let before = client.stats().views;
    while client.stats().views == before {
        asks.answered_by(&survivors).await?;
        if killed.elapsed() > Duration::from_secs(20) {
            return Err("no view came after the subscribed node was killed".into());
        }
    }
    let viewed = killed.elapsed();
    // The cluster itself takes seconds to notice; three nodes of 0.21.0 may forget it again.
    let dead = &cluster.addresses()[1];
    let believed = || {
        client
            .topology()
            .current()
            .is_some_and(|view| view.is_live(dead))
    };
    while believed() && killed.elapsed() < Duration::from_secs(5) {
        asks.answered_by(&survivors).await?;
    }
    close(&client).await?;
    cluster.stop().await?;
    if viewed > Duration::from_secs(2) || asks.slowest > Duration::from_secs(1) {
        return Err(format!("view after {viewed:?}, {asks}").into());
    }
    Ok(format!(
        "loss noticed after {:.0} ms, next view after {:.0} ms; meanwhile {asks}",
        noticed.as_secs_f64() * 1e3,
        viewed.as_secs_f64() * 1e3
    ))
}

/// Asks of entities that must be answered.
#[derive(Default)]
struct Asks {
    answered: usize,
    slowest: Duration,
}

impl Asks {
    async fn answered_by(&mut self, entities: &[&EntityRef]) -> Result<(), Failure> {
        for entity in entities {
            let begun = Instant::now();
            let _: String = entity.ask(|reply_to| GetNode { reply_to }).await?;
            self.answered += 1;
            self.slowest = self.slowest.max(begun.elapsed());
        }
        Ok(())
    }
}

impl std::fmt::Display for Asks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slowest = self.slowest.as_secs_f64() * 1e3;
        write!(
            f,
            "{} asks of survivors answered, slowest {slowest:.0} ms",
            self.answered
        )
    }
}

async fn restarted_node(context: Context) -> Result<Figures, Failure> {
    const BEFORE: u32 = 500;
    /// Messages that the node, or its kernel, may have taken and it not handled when it was killed.
    const TAKEN_BY_THE_DYING: u64 = 50;
    let mut cluster = context.reserve(2).await?.hosting(&["log"]);
    cluster.launch().await?;
    let patient = builder(&cluster, &[0, 1]).buffer_timeout(Duration::from_mins(1));
    let client = patient.connect().await?;
    let region = client.entity_ref("log", SHARDS)?;
    let entities = entity_on_each_node(&cluster, &region, "restarted").await?;
    let (victim, survivors) = (&entities[1], [&entities[0]]);
    for number in 0..BEFORE {
        victim.tell(Append { number })?;
    }
    let log: Vec<u32> = victim.ask(|reply_to| GetLog { reply_to }).await?;
    if log.len() != BEFORE as usize {
        return Err(format!("{} of {BEFORE} arrived before the restart", log.len()).into());
    }
    let mut asks = Asks::default();
    let mut told = BEFORE;
    let begun = Instant::now();
    {
        let restart = cluster.restart(1);
        tokio::pin!(restart);
        loop {
            tokio::select! {
                done = &mut restart => break done?,
                answered = asks.answered_by(&survivors) => answered?,
            }
            victim.tell(Append { number: told })?;
            told += 1;
        }
    }
    let restarted = begun.elapsed().as_secs_f64();
    victim.tell(Append { number: told })?;
    // Behind all messages, whichever nodes got them: each is asked on the connection that they took.
    let _: Vec<u32> = first_answer(begun, || victim.ask(|reply_to| GetLog { reply_to })).await?;
    let answered = begun.elapsed().as_secs_f64();
    let logs = logs(&cluster, &client, victim).await?;
    let report = close(&client).await?;
    cluster.stop().await?;
    // The log of before died with the node; what was in flight then is lost, and all else waited for it.
    let mut logged = logs.concat();
    logged.sort_unstable();
    let first = logged.first().copied().unwrap_or(told);
    let in_order = logs.iter().all(|log| log.is_sorted());
    let lost = first.saturating_sub(BEFORE);
    let may_be_lost = report.stats.unknown + TAKEN_BY_THE_DYING;
    if !in_order || logged != (first..=told).collect::<Vec<_>>() {
        let problem = format!("{told} told, logged out of order or with gaps: {logs:?}");
        return Err(format!("{problem}; {report}").into());
    }
    if u64::from(lost) > may_be_lost || report.stats.not_sent > 0 {
        return Err(format!("{lost} lost; {report}").into());
    }
    Ok(format!(
        "up again after {restarted:.1} s, answers after {answered:.1} s; {} told meanwhile, {lost} lost; {asks}; {report}",
        told - BEFORE
    ))
}

/// Returns what each node's instance of an entity has logged: the cluster may take a shard from a node that it
/// takes for dead and give it back, and then each of the two has a part.
async fn logs(
    cluster: &PythonCluster,
    client: &ClusterClient,
    entity: &EntityRef,
) -> Result<Vec<Vec<u32>>, Failure> {
    let mut logs = Vec::new();
    for node in cluster.addresses() {
        // By the node itself: it answers for a shard that it does not own as well.
        let region = client.actor_on(node, "/_region-log")?;
        let log = region.ask(|reply_to| ShardEnvelope::new(entity.id(), GetLog { reply_to }));
        logs.push(log.await?);
    }
    Ok(logs)
}

/// Asks until there is an answer; an ask whose connection is lost, or which went to a node that
/// died, is asked again.
async fn first_answer<R, F>(begun: Instant, mut ask: impl FnMut() -> F) -> Result<R, Failure>
where
    F: IntoFuture<Output = Result<R, AskError>>,
{
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(AskError::Lost { .. } | AskError::Timeout { .. })
                if begun.elapsed() < Duration::from_mins(1) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn killed_owner(context: Context) -> Result<Figures, Failure> {
    // Two nodes: of three, casty 0.21.0 usually takes the dead one for alive again.
    let mut cluster = context.reserve(2).await?.hosting(&["counter"]);
    cluster.launch().await?;
    let leader = cluster.leader();
    let victim = 1 - leader;
    let client = connect(&cluster).await?;
    let region = client.entity_ref("counter", SHARDS)?;
    let entities = entity_on_each_node(&cluster, &region, "orphan").await?;
    let dead = cluster.addresses()[victim].clone();
    cluster.kill(victim).await?;
    let killed = Instant::now();
    let vacated = vacated(&client, &dead);
    let answer = async {
        let ask = || {
            let ask = entities[victim].ask(|reply_to| GetNode { reply_to });
            ask.within(Duration::from_mins(1))
        };
        let node: String = first_answer(killed, ask).await?;
        Ok::<_, Failure>((node, killed.elapsed()))
    };
    let (vacated, answered) = tokio::join!(vacated, answer);
    let (vacated, (node, answered)) = (vacated? - killed, answered?);
    let mut asks = Asks::default();
    asks.answered_by(&[&entities[leader]]).await?;
    let report = close(&client).await?;
    cluster.stop().await?;
    if node != format!("n{leader}") {
        return Err(format!("n{victim} was killed, {node} answered").into());
    }
    let after = answered.saturating_sub(vacated);
    if after > Duration::from_secs(1) || report.stats.not_sent > 0 {
        return Err(format!("first answer {after:?} after the view; {report}").into());
    }
    Ok(format!(
        "the cluster noticed after {:.2} s, first answer {:.0} ms later; {report}",
        vacated.as_secs_f64(),
        after.as_secs_f64() * 1e3
    ))
}

/// Returns the time at which the view no longer calls `node` alive.
async fn vacated(client: &ClusterClient, node: &NodeAddress) -> Result<Instant, Failure> {
    let mut topology = client.topology();
    let gone = topology.wait_for(|view| !view.is_live(node));
    timeout(Duration::from_mins(1), gone).await??;
    Ok(Instant::now())
}
