//! An idempotent ask whose node dies with it: it is sent again, and answered by the next owner.
//!
//! `cargo run -p casty-testkit --example retries`

use std::error::Error;
use std::time::Duration;

use casty_client::{ActorRef, ClusterClient};
use casty_testkit::{Cluster, Context, stateful};
use serde::{Deserialize, Serialize};

/// Asks for the place where an account lives. Changes nothing, so it may be handled twice.
#[derive(Serialize, Deserialize)]
#[serde(rename = "bank.GetNode")]
struct GetNode {
    reply_to: ActorRef<u64>,
}

fn account(_: &mut (), GetNode { reply_to }: GetNode, context: &mut Context<'_>) {
    context.reply(&reply_to, &(context.node() as u64));
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder("bank")
        .region("account", 100, stateful(|| (), account))
        .start()
        .await?;
    let client = ClusterClient::builder("bank")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect()
        .await?;
    let alice = client.entity_ref("account", 100)?.entity("alice");

    let owner: u64 = alice.ask(|reply_to| GetNode { reply_to }).await?;
    println!("alice lives on node {owner}, which stops reading now");
    let owner = usize::try_from(owner)?;
    cluster.hang(owner);
    let ask = alice
        .ask::<_, u64>(|reply_to| GetNode { reply_to })
        .within(Duration::from_secs(6))
        .idempotent()
        .hedge_after(Duration::from_millis(200));
    let asking = tokio::spawn(ask.send());
    while client.stats().hedges == 0 {
        tokio::task::yield_now().await;
    }
    println!("no answer: a second copy was sent there; now the node dies");
    cluster.kill(owner).await;
    let owner = asking.await??;
    println!("the third was answered: alice lives on node {owner}");

    let report = client.close(Duration::from_secs(5)).await;
    let stats = report.stats;
    println!("{report}; {} sent again", stats.retries + stats.hedges);
    cluster.stop().await;
    Ok(())
}
