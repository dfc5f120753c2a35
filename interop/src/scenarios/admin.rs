//! Administration: what is wrong with a cluster, and members declared dead.

use std::time::{Duration, Instant};

use casty_client::diagnosis::{Diagnosis, Severity};
use casty_client::{Admin, EntityRef, NodeAddress, RegionRef};

use crate::app::GetNode;
use crate::clients::{close, connect};
use crate::cluster::SHARDS;
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "a_killed_node_that_came_back_in_the_views_is_found_and_declared_dead",
        150,
        |context| Box::pin(declared_dead(context)),
    ),
    Scenario::new(
        "a_survivor_is_reminded_to_take_away_the_shards_of_its_dead_leader",
        150,
        |context| Box::pin(survivor(context)),
    )
    .core(),
];

/// By then nodes have noticed that another one is dead, and have most often forgotten it again.
const NOTICED: Duration = Duration::from_secs(4);
/// Entities that are looked at, on all nodes.
const ENTITIES: usize = 60;
/// The most times that the member is declared dead: gossip between the first node and the last that
/// is told brings it back, which is rare.
const ATTEMPTS: usize = 5;

async fn declared_dead(context: Context) -> Result<Figures, Failure> {
    let mut cluster = context.reserve(3).await?.hosting(&["counter"]);
    cluster.launch().await?;
    let victim = cluster.follower();
    let dead = cluster.addresses()[victim].clone();
    let client = connect(&cluster).await?;
    let region = client.entity_ref("counter", SHARDS)?;
    let orphans = entities_of(&region, victim).await?;
    let admin = client.admin();
    healthy(&admin, "before").await?;
    if admin.down(&dead).await.is_ok() {
        return Err("a node that answers was declared dead".into());
    }
    cluster.kill(victim).await?;
    let diagnosis = admin.diagnose().await?;
    found(&diagnosis, "refuses-connections", &dead)?;
    found(&diagnosis, "shards-of-lost-node", &dead)?;
    let stuck = unanswered(&orphans, NOTICED).await;
    let believers = admin.survey().await?.calling_up(&dead).len();
    let before = findings(&admin.diagnose().await?);
    let begun = Instant::now();
    let attempts = declare_dead(&admin, &dead).await?;
    let settled = begun.elapsed();
    for orphan in &orphans {
        let ask = orphan.ask(|reply_to| GetNode { reply_to });
        let node: String = ask.within(Duration::from_secs(10)).await?;
        if node == format!("n{victim}") {
            return Err(format!("{node} was killed and answers").into());
        }
    }
    let answered = begun.elapsed();
    healthy(&admin, "after").await?;
    close(&client).await?;
    cluster.stop().await?;
    if answered > Duration::from_secs(2) * u32::try_from(attempts)? {
        return Err(format!("all answered only after {answered:?}").into());
    }
    Ok(format!(
        "4 s after the kill {believers} of 2 called it up, {stuck} of {} entities did not answer, \
         doctor told {before}; down in all views after {:.0} ms ({attempts}x), all answered after \
         {:.0} ms",
        orphans.len(),
        settled.as_secs_f64() * 1e3,
        answered.as_secs_f64() * 1e3
    ))
}

/// Of two nodes the leader dies. The other leads then, and leaves it its shards, for it sees no
/// further change.
async fn survivor(context: Context) -> Result<Figures, Failure> {
    // All regions: their coordinators publish at once, and views take but one.
    let mut cluster = context.reserve(2).await?;
    cluster.launch().await?;
    let (leader, survivor) = (cluster.leader(), cluster.follower());
    let dead = cluster.addresses()[leader].clone();
    let client = connect(&cluster).await?;
    let region = client.entity_ref("counter", SHARDS)?;
    let orphans = entities_of(&region, leader).await?;
    let admin = client.admin();
    cluster.kill(leader).await?;
    let stuck = unanswered(&orphans, NOTICED).await;
    let report = admin.down(&dead).await?;
    if report.shards() < usize::from(stuck > 0) {
        return Err(format!("{stuck} entities are stuck, and {report:?}").into());
    }
    report.confirmed(Duration::from_secs(2)).await?;
    let vacated = report.vacated(Duration::from_secs(5)).await?;
    for orphan in &orphans {
        let ask = orphan.ask(|reply_to| GetNode { reply_to });
        let node: String = ask.within(Duration::from_secs(2)).await?;
        if node != format!("n{survivor}") {
            return Err(format!("{node} answers, which is not alive").into());
        }
    }
    healthy(&admin, "after").await?;
    close(&client).await?;
    cluster.stop().await?;
    Ok(format!(
        "4 s after the kill {stuck} of {} entities did not answer, and the dead leader was listed \
         for {} shards; for none {:.0} ms after it was declared dead, {}",
        orphans.len(),
        report.shards(),
        vacated.after.as_secs_f64() * 1e3,
        if vacated.reminded.is_empty() {
            "without a reminder"
        } else {
            "with a reminder"
        },
    ))
}

/// Asks the entities again and again, which has the leader give their shards away, for so long.
/// Returns how many did not answer in the end.
async fn unanswered(entities: &[EntityRef], during: Duration) -> usize {
    let begun = Instant::now();
    loop {
        let mut unanswered = 0;
        for entity in entities {
            let ask = entity.ask::<_, String>(|reply_to| GetNode { reply_to });
            let answer = ask.within(Duration::from_millis(100)).await;
            unanswered += usize::from(answer.is_err());
        }
        if begun.elapsed() > during {
            return unanswered;
        }
    }
}

/// Declares a member dead until it stays so. Returns how often it took.
async fn declare_dead(admin: &Admin, dead: &NodeAddress) -> Result<usize, Failure> {
    for attempt in 1..=ATTEMPTS {
        let report = admin.down(dead).await?;
        if report.told().len() != 2 || !report.missed().is_empty() {
            return Err(format!("not all were told: {report:?}").into());
        }
        if report.confirmed(Duration::from_secs(2)).await.is_ok() {
            return Ok(attempt);
        }
    }
    Err(format!("{ATTEMPTS} attempts, and {dead} is still up").into())
}

/// Returns those of some entities whose shards the node of this index owns.
async fn entities_of(region: &RegionRef, index: usize) -> Result<Vec<EntityRef>, Failure> {
    let mut entities = Vec::new();
    for number in 0..ENTITIES {
        let entity = region.entity(format!("ward-{number}"));
        let node: String = entity.ask(|reply_to| GetNode { reply_to }).await?;
        if node == format!("n{index}") {
            entities.push(entity);
        }
    }
    if entities.is_empty() {
        return Err(format!("n{index} has none of {ENTITIES} entities").into());
    }
    Ok(entities)
}

async fn healthy(admin: &Admin, when: &str) -> Result<(), Failure> {
    let diagnosis = admin.diagnose().await?;
    if diagnosis.is_healthy() {
        return Ok(());
    }
    Err(format!("{when}: {}", findings(&diagnosis)).into())
}

fn found(diagnosis: &Diagnosis, code: &str, node: &NodeAddress) -> Result<(), Failure> {
    let mut all = diagnosis.findings().iter().map(|finding| &finding.problem);
    if all.any(|it| it.code() == code && it.node() == Some(node)) {
        return Ok(());
    }
    Err(format!("no {code} of {node}, but {}", findings(diagnosis)).into())
}

/// Returns the findings, as codes.
fn findings(diagnosis: &Diagnosis) -> String {
    let all = diagnosis.findings().iter();
    let bad = all.filter(|finding| finding.severity > Severity::Note);
    let codes: Vec<_> = bad.map(|finding| finding.problem.code()).collect();
    if codes.is_empty() {
        return "nothing".to_owned();
    }
    codes.join(", ")
}
