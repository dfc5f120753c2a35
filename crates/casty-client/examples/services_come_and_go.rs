//! A service whose instances come and go: followed as a stream, and one instance picked for each
//! message, those that failed lately last.
//!
//! ```sh
//! cargo run -p casty-client --example services_come_and_go
//! ```
//!
//! Runs against a cluster of three fake nodes in this process, and ends by itself. For a real
//! cluster, leave out `start_cluster` and give the contact points and codec of the nodes.

use std::error::Error;
use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, PickBy, ServiceKey};
use casty_testkit::{Cluster, Context, StartError};
use serde::{Deserialize, Serialize};
use tokio_stream::StreamExt;

#[derive(Serialize, Deserialize)]
#[serde(rename = "hello.Greet")]
struct Greet {
    name: String,
    reply_to: ActorRef<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = start_cluster().await?;
    let client = ClusterClient::builder("hello")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect()
        .await?;
    let key = ServiceKey::new("greeter");

    // At start-up: the service within ten seconds, or an error that tells what was there instead.
    let listing = client.lookup_wait(&key, Duration::from_secs(10)).await?;
    println!("{} instance", listing.instances.len());

    // A task of its own follows the instances: the first listing at once, each further one when it
    // differs. Slow readers get the latest.
    let mut listings = client.services(&key);
    let follower = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(listing) = listings.next().await {
            seen.push(listing.instances.len());
        }
        seen
    });

    cluster.start_service(1, "greeter", greet);
    let mut greeters = client.services(&key);
    greeters.wait_for(2).await?;

    // One after the other, by lot, or the one on a given node: `ask` picks, asks, and takes note of
    // what failed. The instance on node 0 ends, but as nodes do, they go on listing it.
    let picker = client.picker(&key).set_aside_for(Duration::from_mins(1));
    cluster.stop_actor(0, "greeter");
    let mut failed = 0;
    for _ in 0..10 {
        let greet = |reply_to| Greet {
            name: "Ada".to_owned(),
            reply_to,
        };
        match picker.ask(greet).within(Duration::from_millis(500)).await {
            Ok(greeting) => assert_eq!(greeting, "Hello Ada from 1"),
            Err(error) => {
                println!("{error}, its message was {:?}", error.fate());
                failed += 1;
            }
        }
    }
    assert!(failed <= 1, "it was set aside at once");

    // Where it does no harm that two instances handle a message, another is asked in time: no failure.
    let greet = |reply_to| Greet {
        name: "Ada".to_owned(),
        reply_to,
    };
    let anew = client.picker(&key).ask(greet).idempotent().await?;
    assert_eq!(anew, "Hello Ada from 1");

    // The node of an instance may matter: a cache, a disk.
    let there = cluster.address(1).ok_or("no such node")?;
    let instance = picker.by(PickBy::Node(there)).pick()?;
    println!("picked {}", instance.actor.uri());

    let report = client.close(Duration::from_secs(5)).await;
    assert!(report.is_conserved());
    println!("there were {:?} instances", follower.await?);
    cluster.stop().await;
    Ok(())
}

fn greet(message: Greet, context: &mut Context<'_>) {
    let Greet { name, reply_to } = message;
    context.reply(&reply_to, &format!("Hello {name} from {}", context.node()));
}

/// Starts the nodes with one greeter, which are Python in a real cluster.
async fn start_cluster() -> Result<Cluster, StartError> {
    Cluster::builder("hello")
        .service("greeter", greet)
        .start()
        .await
}
