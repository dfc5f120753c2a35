//! A service looked up and asked, and an actor of the client's own that a node sends to.
//!
//! Runs against three nodes in this process: `cargo run -p casty-testkit --example services`.

use std::error::Error;

use casty_client::{ActorRef, ClusterClient, ServiceKey};
use casty_testkit::{Cluster, Context};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// Asks the service to send the numbers below `count` to `target`.
#[derive(Serialize, Deserialize)]
#[serde(rename = "numbers.Count")]
struct Count {
    count: u32,
    target: ActorRef<Number>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "numbers.Number")]
struct Number {
    value: u32,
}

fn count(message: Count, context: &mut Context<'_>) {
    let Count { count, target } = message;
    for value in 0..count {
        context.reply(&target, &Number { value });
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut builder = Cluster::builder("numbers").nodes(3);
    for node in 0..3 {
        builder = builder.service_on(node, "counting", count);
    }
    let cluster = builder.start().await?;
    let client = ClusterClient::builder("numbers")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect()
        .await?;

    let (numbers, mut received) = mpsc::channel(16);
    let handle = move |number: Number, _| {
        let numbers = numbers.clone();
        async move { numbers.send(number.value).await.unwrap_or_default() }
    };
    let sink = client.spawn(handle, "sink")?;

    // The registry comes with the view of the cluster.
    let mut topology = client.topology();
    topology
        .wait_for(|view| view.services("counting").len() == 3)
        .await?;
    let listing = client.lookup(&ServiceKey::<Count>::new("counting"));
    for instance in &listing.instances {
        let target = sink.actor_ref();
        instance.actor.tell(Count { count: 2, target })?;
        let pair = (received.recv().await, received.recv().await);
        println!("{} counted {pair:?}", instance.node);
    }
    cluster.stop().await;
    Ok(())
}
