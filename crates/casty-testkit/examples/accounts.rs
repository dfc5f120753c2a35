//! Tells and asks of sharded entities, and one of them losing its node.
//!
//! Runs against three nodes in this process: `cargo run -p casty-testkit --example accounts`.
//! Against a real cluster only the contact points and the codec differ.

use std::error::Error;
use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, ShardEnvelope};
use casty_testkit::{Cluster, Context, stateful};
use serde::{Deserialize, Serialize};

/// A message of a client. The names are those of the Python classes.
#[derive(Serialize)]
#[serde(rename = "bank.Deposit")]
struct Deposit {
    amount: i64,
}

#[derive(Serialize)]
#[serde(rename = "bank.GetBalance")]
struct GetBalance {
    reply_to: ActorRef<i64>,
}

/// The messages that an account understands: in Python, a union of the two dataclasses.
#[derive(Deserialize)]
enum AccountMessage {
    #[serde(rename = "bank.Deposit")]
    Deposit { amount: i64 },
    #[serde(rename = "bank.GetBalance")]
    GetBalance { reply_to: ActorRef<i64> },
}

fn account(balance: &mut i64, message: AccountMessage, context: &mut Context<'_>) {
    match message {
        AccountMessage::Deposit { amount } => *balance += amount,
        AccountMessage::GetBalance { reply_to } => context.reply(&reply_to, balance),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder("bank")
        .region("account", 100, stateful(|| 0, account))
        .start()
        .await?;

    let client = ClusterClient::builder("bank")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect()
        .await?;
    let accounts = client.entity_ref("account", 100)?;

    accounts.tell(ShardEnvelope::new("alice", Deposit { amount: 5 }))?;
    let alice = accounts.entity("alice");
    alice.tell(Deposit { amount: 7 })?;
    let balance: i64 = alice.ask(|reply_to| GetBalance { reply_to }).await?;
    println!("alice has {balance}");

    // The state of an entity lives on one node, and dies with it unless the application keeps it.
    // An ask that was on its way may be lost with it: this one does no harm if it is sent again.
    if let Some(owner) = cluster.owner("account", "alice") {
        cluster.kill(owner).await;
    }
    let ask = alice.ask(|reply_to| GetBalance { reply_to });
    let ask = ask.within(Duration::from_secs(10)).idempotent();
    let balance: i64 = ask.await?;
    println!("on another node, alice begins anew with {balance}");

    let report = client.close(Duration::from_secs(5)).await;
    println!("{report}");
    cluster.stop().await;
    Ok(())
}
