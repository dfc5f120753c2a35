//! Actors that no key leads to: a cluster singleton, the actors of a broadcast, one by its path.
//!
//! ```sh
//! cargo run -p casty-client --example singleton_and_broadcast
//! ```
//!
//! Runs against a cluster of three fake nodes in this process, and ends by itself. For a real
//! cluster, leave out `start_cluster` and give the contact points and codec of the nodes.

use std::error::Error;
use std::time::Duration;

use casty_client::{ActorRef, ClusterClient};
use casty_testkit::{Cluster, Context, StartError, stateful};
use serde::{Deserialize, Serialize};
use tokio_stream::StreamExt;

/// The request for the next number, of which there is one row in the whole cluster.
#[derive(Serialize, Deserialize)]
#[serde(rename = "office.NextNumber")]
struct NextNumber {
    reply_to: ActorRef<u64>,
}

/// The order to each node to forget what it has cached.
#[derive(Serialize, Deserialize)]
#[serde(rename = "office.Forget")]
struct Forget {
    reply_to: ActorRef<u64>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = start_cluster().await?;
    let client = ClusterClient::builder("office")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect()
        .await?;
    client.ready(Duration::from_secs(10)).await?;

    // Python's `Behaviors.singleton(...)`, spawned as "numbers": it runs on the leader, and each send
    // goes to whoever leads then.
    let numbers = client.singleton::<NextNumber>("numbers")?;
    for expected in [1, 2, 3] {
        let number: u64 = numbers.ask(|reply_to| NextNumber { reply_to }).await?;
        assert_eq!(number, expected);
    }
    let leader = numbers.leader().ok_or("nobody leads")?;
    println!("{leader} gives out numbers");

    // Python's `Behaviors.broadcasted(...)`, spawned as "cache": one actor on each member, each asked
    // by itself, so that who does not reply is known by name.
    let caches = client.broadcast::<Forget>("cache")?;
    cluster.hang(2);
    let forget = |reply_to: ActorRef<u64>| Forget { reply_to };
    let mut asked = caches.ask_all(forget)?.within(Duration::from_millis(500));
    let mut silent = Vec::new();
    while let Some((node, result)) = asked.next().await {
        match result {
            Ok(forgotten) => println!("{node} forgot {forgotten} entries"),
            Err(error) => {
                println!("{node} did not answer: {error}");
                silent.push(node);
            }
        }
    }
    assert_eq!(silent, [cluster.address(2).ok_or("no such node")?]);
    cluster.resume(2);

    // Any other actor by the path under which its node has spawned it.
    let first = cluster.address(0).ok_or("no such node")?;
    let worker = client.actor_on::<Forget>(&first, "worker")?;
    assert_eq!(worker.ask(|reply_to| Forget { reply_to }).await?, 7);

    // When the leader dies the next one begins the row anew: state that must outlive it belongs
    // elsewhere. An idempotent ask goes on with the new leader.
    let dies = cluster.addresses().iter().position(|node| *node == leader);
    cluster.kill(dies.ok_or("no such node")?).await;
    let next = numbers.ask(|reply_to| NextNumber { reply_to }).idempotent();
    println!(
        "the next number is {}",
        next.within(Duration::from_secs(6)).await?
    );
    assert_ne!(numbers.leader(), Some(leader));

    let report = client.close(Duration::from_secs(5)).await;
    assert!(report.is_conserved());
    cluster.stop().await;
    Ok(())
}

/// Starts the nodes and their actors, which are Python in a real cluster.
async fn start_cluster() -> Result<Cluster, StartError> {
    let next = |number: &mut u64, message: NextNumber, context: &mut Context<'_>| {
        *number += 1;
        context.reply(&message.reply_to, number);
    };
    let forget = |message: Forget, context: &mut Context<'_>| {
        context.reply(&message.reply_to, &(context.node() as u64));
    };
    let work = |message: Forget, context: &mut Context<'_>| context.reply(&message.reply_to, &7);
    Cluster::builder("office")
        .singleton("numbers", stateful(|| 0, next))
        .broadcast("cache", forget)
        .actor_on(0, "worker", work)
        .start()
        .await
}
