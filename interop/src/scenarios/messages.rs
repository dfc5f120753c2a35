//! Tells and asks: order, completeness, concurrency.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::app::{Append, GetCount, GetLog, GetNode, Increment};
use crate::clients::{close, connect};
use crate::cluster::SHARDS;
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("numbered_tells_arrive_all_and_in_order", 120, |context| {
        Box::pin(numbered_tells(context))
    })
    .core(),
    Scenario::new("a_thousand_concurrent_asks_are_answered", 60, |context| {
        Box::pin(concurrent_asks(context))
    })
    .core(),
    Scenario::new(
        "first_messages_to_a_region_find_their_shards",
        90,
        |context| Box::pin(first_messages(context)),
    )
    .core(),
];

async fn numbered_tells(context: Context) -> Result<Figures, Failure> {
    const ENTITIES: u32 = 100;
    const TELLS: u32 = 10_000;
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let region = client.entity_ref("log", SHARDS)?;
    let entities: Vec<_> = (0..ENTITIES)
        .map(|n| region.entity(format!("order-{n}")))
        .collect();
    let begun = Instant::now();
    for number in 0..TELLS {
        entities[(number % ENTITIES) as usize]
            .tell_wait(Append { number })
            .await?;
    }
    let mut arrived = 0;
    for (n, entity) in (0..).zip(&entities) {
        let log = entity
            .ask(|reply_to| GetLog { reply_to })
            .within(Duration::from_secs(30))
            .await?;
        let expected: Vec<u32> = (0..TELLS).filter(|number| number % ENTITIES == n).collect();
        if log != expected {
            return Err(format!("entity {n} logged {log:?}").into());
        }
        arrived += log.len();
    }
    let took = begun.elapsed().as_secs_f64();
    let report = close(&client).await?;
    Ok(format!(
        "{arrived} of {TELLS} in order, {took:.1} s; {report}"
    ))
}

async fn concurrent_asks(context: Context) -> Result<Figures, Failure> {
    const ASKS: i64 = 1_000;
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let region = client.entity_ref("counter", SHARDS)?;
    let begun = Instant::now();
    let asks: Vec<_> = (0..ASKS)
        .map(|n| {
            let entity = region.entity(format!("ask-{n}"));
            tokio::spawn(async move {
                entity.tell(Increment { amount: n })?;
                let count = entity.ask(|reply_to| GetCount { reply_to });
                let count = count.within(Duration::from_secs(30)).await?;
                Ok::<_, Failure>((n, count))
            })
        })
        .collect();
    for ask in asks {
        let (n, count) = ask.await??;
        if n != count {
            return Err(format!("counter {n} says {count}").into());
        }
    }
    let took = begun.elapsed().as_secs_f64();
    close(&client).await?;
    Ok(format!("{ASKS} of {ASKS}, {took:.1} s"))
}

/// Sends to a region of whose shards none is allocated: coordinators decide as the messages come.
async fn first_messages(context: Context) -> Result<Figures, Failure> {
    const ENTITIES: i64 = 200;
    let mut cluster = context.reserve(2).await?.hosting(&["fresh"]);
    cluster.launch().await?;
    let client = connect(&cluster).await?;
    let region = client.entity_ref("fresh", SHARDS)?;
    let begun = Instant::now();
    let entities: Vec<_> = (0..ENTITIES)
        .map(|n| region.entity(format!("first-{n}")))
        .collect();
    for (n, entity) in (1..).zip(&entities) {
        entity.tell(Increment { amount: n })?;
        entity.tell(Increment { amount: 1 })?;
    }
    let mut nodes = BTreeSet::new();
    for (n, entity) in (1..).zip(&entities) {
        let ask = entity.ask(|reply_to| GetCount { reply_to });
        let count = ask.within(Duration::from_secs(30)).await?;
        if count != n + 1 {
            return Err(format!("{entity:?} counted {count} instead of {}", n + 1).into());
        }
        let node: String = entity.ask(|reply_to| GetNode { reply_to }).await?;
        nodes.insert(node);
    }
    let took = begun.elapsed().as_secs_f64();
    let report = close(&client).await?;
    cluster.stop().await?;
    if nodes.len() != 2 {
        return Err(format!("all entities live on {nodes:?}").into());
    }
    Ok(format!(
        "{ENTITIES} entities on {} nodes, {took:.1} s; {report}",
        nodes.len()
    ))
}
