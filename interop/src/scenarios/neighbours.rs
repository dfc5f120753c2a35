//! Clients beside each other on one host.

use std::time::Instant;

use casty_client::ClusterClient;

use crate::app::{Append, GetLog};
use crate::clients::{close, connect};
use crate::cluster::SHARDS;
use crate::scenario::{Context, Failure, Figures, Scenario};
use crate::scenarios::gossip::GossipClock;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "two_clients_on_one_host_lose_nothing_to_each_other",
    90,
    |context| Box::pin(side_by_side(context)),
)];

const TELLS: u32 = 200;

async fn side_by_side(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let begun = Instant::now();
    let (left, right) = (connect(cluster).await?, connect(cluster).await?);
    if left.identity() == right.identity() {
        return Err(format!("both announce {}", left.identity()).into());
    }
    tokio::try_join!(work(&left, "left"), work(&right, "right"))?;
    let took = begun.elapsed().as_secs_f64();
    // Both are pushed views, each its own.
    let before = [left.stats().views, right.stats().views];
    let mut clocks = [
        GossipClock::start(&left, cluster).await?,
        GossipClock::start(&right, cluster).await?,
    ];
    for clock in &mut clocks {
        clock.rounds(3).await?;
    }
    for clock in clocks {
        clock.stop()?;
    }
    let views = [
        left.stats().views - before[0],
        right.stats().views - before[1],
    ];
    let connections = [left.stats().connections, right.stats().connections];
    close(&left).await?;
    close(&right).await?;
    let nodes = cluster.addresses().len() as u64;
    if views.contains(&0) || connections != [nodes, nodes] {
        return Err(format!("{views:?} views, {connections:?} connections").into());
    }
    Ok(format!(
        "2 x {TELLS} tells in order and {TELLS} asks, {took:.1} s; {views:?} views meanwhile"
    ))
}

/// Tells an entity numbers, asking another after each; all must arrive in order.
async fn work(client: &ClusterClient, name: &str) -> Result<(), Failure> {
    let region = client.entity_ref("log", SHARDS)?;
    for round in 0..4 {
        let told = region.entity(format!("{name}-told-{round}"));
        let asked = region.entity(format!("{name}-asked-{round}"));
        let numbers: Vec<u32> = (0..TELLS / 4).collect();
        for number in &numbers {
            told.tell(Append { number: *number })?;
            let log: Vec<u32> = asked.ask(|reply_to| GetLog { reply_to }).await?;
            if !log.is_empty() {
                return Err(format!("{name}: the other entity logged {log:?}").into());
            }
        }
        let log: Vec<u32> = told.ask(|reply_to| GetLog { reply_to }).await?;
        if log != numbers {
            return Err(format!("{name}: logged {log:?}").into());
        }
    }
    Ok(())
}
