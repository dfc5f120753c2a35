//! Asks as a `tower` service, with layers that bound and time them.
//!
//! ```sh
//! cargo run -p casty-client --features tower --example tower
//! ```
//!
//! Runs against a cluster of three fake nodes in this process, and ends by itself. For a real
//! cluster, leave out `start_cluster` and change what is marked with "real cluster".

use std::error::Error;
use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, ShardEnvelope};
use casty_testkit::{Cluster, Context, StartError, stateful};
use serde::{Deserialize, Serialize};
use tower::{Service, ServiceBuilder, ServiceExt};

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
    let accounts = client.region("account", 100)?;

    // A request is the name of an owner. Reading twice does no harm, so the ask is idempotent.
    let balances = client.service(accounts, |owner: String, reply_to| {
        ShardEnvelope::new(owner, GetBalance { reply_to })
    });
    let balances = balances.within(Duration::from_secs(2)).idempotent();

    // Any layer may lie above: here at most 64 are open, and a reply is told in words.
    let mut told = ServiceBuilder::new()
        .concurrency_limit(64)
        .map_response(|balance: i64| format!("{balance} coins"))
        .service(balances);
    let told = told.ready().await?.call("alice".to_owned()).await?;
    println!("alice has {told}");
    assert_eq!(told, "100 coins");

    client.close(Duration::from_secs(5)).await;
    cluster.stop().await;
    Ok(())
}

/// Starts the nodes and their entities, which are Python in a real cluster.
async fn start_cluster() -> Result<Cluster, StartError> {
    #[derive(Deserialize)]
    enum Message {
        #[serde(rename = "bank.GetBalance")]
        GetBalance { reply_to: ActorRef<i64> },
    }
    let account = |balance: &mut i64, message, context: &mut Context<'_>| match message {
        Message::GetBalance { reply_to } => context.reply(&reply_to, balance),
    };
    let bank = Cluster::builder("bank").region("account", 100, stateful(|| 100, account));
    bank.start().await
}
