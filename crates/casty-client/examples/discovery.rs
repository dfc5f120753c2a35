//! Contact points from the program's own source, asked for whenever those that are known have failed.
//!
//! ```sh
//! cargo run -p casty-client --example discovery
//! ```
//!
//! A list in this process stands for SRV records, or the API of a cloud. Runs against clusters of fake
//! nodes in this process, of which the second replaces the first, and ends by itself. For a real
//! cluster, leave out `start_cluster` and ask your own source in `contact_points`.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use casty_client::{ActorRef, BoxError, ClusterClient, Discovery, NodeAddress};
use casty_testkit::{Cluster, Context, StartError, stateful};
use serde::{Deserialize, Serialize};

/// A source of contact points: the nodes that are registered at the moment.
#[derive(Clone, Default)]
struct Registry(Arc<Mutex<Vec<NodeAddress>>>);

impl Registry {
    fn set(&self, nodes: &[NodeAddress]) {
        if let Ok(mut registered) = self.0.lock() {
            *registered = nodes.to_vec();
        }
    }
}

impl Discovery for Registry {
    // It may await whatever it likes, for `discovery_timeout`; an error is told by `ready`.
    async fn contact_points(&self) -> Result<Vec<NodeAddress>, BoxError> {
        let registered = self.0.lock().map_err(|_| "the registry is broken")?;
        println!("asked, and found {registered:?}");
        Ok(registered.clone())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "town.GetName")]
struct GetName {
    reply_to: ActorRef<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::default();
    let first = start_cluster("Old Town").await?;
    registry.set(first.addresses());

    // No contact point is fixed; one that is would be dialled besides. A closure that returns a
    // future does in place of a type: `.discovery(|| async { .. })`.
    let client = ClusterClient::builder("town")
        .discovery(registry.clone())
        .codec(first.codec())
        .connect()
        .await?;
    client.ready(Duration::from_secs(10)).await?;
    assert!(client.discovery_failure().is_none());
    assert_eq!(ask(&client).await?, "Old Town");

    // Every node is replaced, at other addresses. The client finds that all it knew have failed, and
    // asks the registry; what is asked meanwhile waits, within its deadline.
    let second = start_cluster("New Town").await?;
    registry.set(second.addresses());
    first.stop().await;
    assert_eq!(ask(&client).await?, "New Town");

    client.close(Duration::from_secs(5)).await;
    second.stop().await;
    Ok(())
}

/// Asks an entity for the name of its town, again if need be.
async fn ask(client: &ClusterClient) -> Result<String, Box<dyn Error>> {
    let house = client.region("house", 10)?.entity("7");
    let name = house.ask(|reply_to| GetName { reply_to });
    let name = name.within(Duration::from_secs(20)).idempotent().await?;
    println!("this is {name}");
    Ok(name)
}

/// Starts the nodes and their entities, which are Python in a real cluster.
async fn start_cluster(name: &'static str) -> Result<Cluster, StartError> {
    let house = move |(): &mut (), GetName { reply_to }: GetName, context: &mut Context<'_>| {
        context.reply(&reply_to, &name.to_owned());
    };
    let town = Cluster::builder("town").region("house", 10, stateful(|| (), house));
    town.start().await
}
