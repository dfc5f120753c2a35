//! Tells and asks: messages to the entities of a shard region, and their replies.
//!
//! ```sh
//! cargo run -p casty-client --example tell_and_ask
//! ```
//!
//! Runs against a cluster of three fake nodes in this process, and ends by itself. For a real
//! cluster, leave out `start_cluster` and change what is marked with "real cluster".

use std::error::Error;
use std::time::Duration;

use casty_client::{ActorRef, AskError, ClusterClient, ShardEnvelope};
use casty_testkit::{Cluster, Context, StartError, stateful};
use serde::{Deserialize, Serialize};

/// A message. Its serde name is that of the Python dataclass: module `bank`, class `Deposit`.
#[derive(Serialize)]
#[serde(rename = "bank.Deposit")]
struct Deposit {
    amount: i64,
}

/// A message that asks for something: it carries the reference to reply to.
#[derive(Serialize)]
#[serde(rename = "bank.GetBalance")]
struct GetBalance {
    reply_to: ActorRef<i64>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = start_cluster().await?;

    // Real cluster: `.contact_point("10.0.1.10:25520")`, one or more, and the codec that the nodes
    // are configured with. Without `.codec(..)` it is pickle, which is the nodes' default.
    let client = ClusterClient::builder("bank")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect()
        .await?;
    // Optional, but it tells a wrong address, name or codec apart before anything is sent.
    client.ready(Duration::from_secs(10)).await?;

    // Real cluster: the name and the number of shards with which the nodes spawn the region.
    let accounts = client.region("account", 100)?;

    // A tell never waits. `Ok` means accepted, and nothing more: Casty acknowledges no message.
    accounts.tell(ShardEnvelope::new("alice", Deposit { amount: 5 }))?;
    // The same with a handle that remembers the entity.
    let alice = accounts.entity("alice");
    alice.tell(Deposit { amount: 7 })?;

    // An ask awaits one reply, for 5 s unless it says otherwise. It was sent by the same task to
    // the same entity, so it arrives after both deposits.
    let balance: i64 = alice.ask(|reply_to| GetBalance { reply_to }).await?;
    println!("alice has {balance}");
    assert_eq!(balance, 12);

    // Reading a balance twice does no harm. Said so, the ask is sent again if its connection is
    // lost or no reply comes, all within the one deadline.
    let ask = alice.ask(|reply_to| GetBalance { reply_to });
    let again: i64 = ask.within(Duration::from_secs(2)).idempotent().await?;
    assert_eq!(again, 12);

    // An error says what may have happened to the message. Here the reply is no text.
    let wrong: Result<String, AskError> = alice.ask(|reply_to| GetText { reply_to }).await;
    let error = wrong.err().ok_or("a number was read as text")?;
    println!("{error}; the message is {:?}", error.fate());

    // Closing writes what is left, and reports. Dropping the client only ends it.
    let report = client.close(Duration::from_secs(5)).await;
    println!("{report}");
    assert!(report.is_conserved() && report.stats.written == 5);
    cluster.stop().await;
    Ok(())
}

/// `GetBalance` with the wrong type of reply, for the sake of the error.
#[derive(Serialize)]
#[serde(rename = "bank.GetBalance")]
struct GetText {
    reply_to: ActorRef<String>,
}

/// Starts the nodes and their entities, which are Python in a real cluster.
async fn start_cluster() -> Result<Cluster, StartError> {
    #[derive(Deserialize)]
    enum Message {
        #[serde(rename = "bank.Deposit")]
        Deposit { amount: i64 },
        #[serde(rename = "bank.GetBalance")]
        GetBalance { reply_to: ActorRef<i64> },
    }
    let account = |balance: &mut i64, message, context: &mut Context<'_>| match message {
        Message::Deposit { amount } => *balance += amount,
        Message::GetBalance { reply_to } => context.reply(&reply_to, balance),
    };
    let bank = Cluster::builder("bank").region("account", 100, stateful(|| 0, account));
    bank.start().await
}
