//! Many at once: tells in one call, and a window of asks from one task.
//!
//! ```sh
//! cargo run -p casty-client --example bulk
//! ```
//!
//! Runs against a cluster of three fake nodes in this process, and ends by itself. For a real
//! cluster, leave out `start_cluster` and change what is marked with "real cluster".

use std::error::Error;
use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, EntityRef};
use casty_testkit::{Cluster, Context, StartError, stateful};
use serde::{Deserialize, Serialize};
use tokio_stream::StreamExt;

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

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = start_cluster().await?;
    // Real cluster: `.contact_point("10.0.1.10:25520")`, and the codec of its nodes.
    let client = ClusterClient::builder("bank")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect()
        .await?;
    client.ready(Duration::from_secs(10)).await?;
    let accounts = client.region("account", 100)?;

    // A handle remembers the shard of its entity; an id as text does as well.
    let handles: Vec<EntityRef> = (0..1_000)
        .map(|number| accounts.entity(format!("account-{number}")))
        .collect();

    // It waits where an outbox is full. Without `_wait` it stops there, and says how many went.
    let deposits = handles.iter().zip(0..);
    let deposits = deposits.map(|(account, amount)| (account, Deposit { amount }));
    let told = accounts.tell_all_wait(deposits).await;
    println!("{} deposits were accepted", told.accepted);
    assert_eq!(told.all()?, 1_000);

    // Results come as replies do, each with the index of its item. Those that fail are results, too.
    let mut balances = accounts.ask_many(64, &handles, |account, reply_to| {
        (account, GetBalance { reply_to })
    });
    let mut sum = 0;
    while let Some((index, balance)) = balances.next().await {
        match balance {
            Ok(balance) => sum += balance,
            Err(error) => println!("{}: {error}", handles[index].id()),
        }
    }
    println!("all accounts together have {sum}");
    assert_eq!(sum, (0..1_000).sum::<i64>());

    let report = client.close(Duration::from_secs(5)).await;
    println!("{report}");
    assert!(report.is_conserved());
    cluster.stop().await;
    Ok(())
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
