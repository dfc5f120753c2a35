//! Services: actors that nodes register under a key, found in the topology and asked directly.
//!
//! ```sh
//! cargo run -p casty-client --example service_lookup
//! ```
//!
//! Runs against a cluster of three fake nodes in this process, and ends by itself. For a real
//! cluster, leave out `start_cluster` and give the contact points and codec of the nodes, where the
//! service is `Behaviors.discoverable(behavior, key=ServiceKey("rates"))`.

use std::error::Error;
use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, ServiceKey};
use casty_testkit::{Cluster, Context, StartError};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// The service's only message: asks for the rate of a currency.
#[derive(Serialize, Deserialize)]
#[serde(rename = "exchange.GetRate")]
struct GetRate {
    currency: String,
    reply_to: ActorRef<Option<f64>>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = start_cluster().await?;
    let client = ClusterClient::builder("exchange")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect()
        .await?;

    // The registry of services comes with the topology, so there is something to look up only once
    // a view has come. This waits for one that lists both instances.
    let mut topology = client.topology();
    let both = topology.wait_for(|view| view.live_services("rates").count() == 2);
    timeout(Duration::from_secs(10), both).await??;

    // The key has the type of the messages, so that instances take no others. A look-up reads the
    // latest view and never touches the network.
    let key = ServiceKey::<GetRate>::new("rates");
    let listing = client.lookup(&key);
    assert_eq!(listing.instances.len(), 2);

    for instance in &listing.instances {
        let ask = instance.actor.ask(|reply_to| GetRate {
            currency: "EUR".to_owned(),
            reply_to,
        });
        let rate: Option<f64> = ask.within(Duration::from_secs(2)).await?;
        println!("{}: the rate of EUR is {rate:?}", instance.node);
        assert_eq!(rate, Some(1.25));
    }

    // Python's `None` is an `Option`, or `()` where nothing else can come.
    let first = listing.instances.first().ok_or("no instance")?;
    let ask = first.actor.ask(|reply_to| GetRate {
        currency: "XXX".to_owned(),
        reply_to,
    });
    assert_eq!(ask.await?, None);

    // A key that nobody registered is an empty listing and no error.
    let nobody = client.lookup(&ServiceKey::<GetRate>::new("weather"));
    assert!(nobody.instances.is_empty());

    // A node that dies takes its instance out of the next view.
    let dead = first.node.clone();
    let number = cluster.addresses().iter().position(|node| *node == dead);
    cluster.kill(number.ok_or("no such node")?).await;
    let one = topology.wait_for(|view| view.live_services("rates").count() == 1);
    timeout(Duration::from_secs(10), one).await??;
    let left = client.lookup(&key);
    assert!(left.instances.iter().all(|instance| instance.node != dead));
    println!("{dead} is gone, {} instance is left", left.instances.len());

    client.close(Duration::from_secs(5)).await;
    cluster.stop().await;
    Ok(())
}

/// Starts three nodes, of which two run the service. In a real cluster this is Python.
async fn start_cluster() -> Result<Cluster, StartError> {
    fn answer(GetRate { currency, reply_to }: GetRate, context: &mut Context<'_>) {
        context.reply(&reply_to, &(currency == "EUR").then_some(1.25));
    }
    let exchange = Cluster::builder("exchange").nodes(3);
    let exchange = exchange.service_on(1, "rates", answer);
    exchange.service_on(2, "rates", answer).start().await
}
