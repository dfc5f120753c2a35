//! An actor of the client's own: the cluster sends to it, unasked and more than once.
//!
//! ```sh
//! cargo run -p casty-client --example actor
//! ```
//!
//! Runs against a cluster of three fake nodes in this process, and ends by itself. For a real
//! cluster, leave out `start_cluster` and give the contact points and codec of the nodes.

use std::error::Error;
use std::time::Duration;

use casty_client::{ActorContext, ActorRef, ClusterClient};
use casty_testkit::{Cluster, Context, StartError, stateful};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The request to a stock to send its price to `listener` whenever it changes.
#[derive(Serialize, Deserialize)]
#[serde(rename = "market.Watch")]
struct Watch {
    listener: ActorRef<Price>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "market.SetPrice")]
struct SetPrice {
    cents: i64,
}

/// The event that the actor of this program receives.
#[derive(Serialize, Deserialize)]
#[serde(rename = "market.Price")]
struct Price {
    stock: String,
    cents: i64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = start_cluster().await?;
    let client = ClusterClient::builder("market")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect()
        .await?;

    // The handler gets one message after the other; the rest waits in the actor's bounded mailbox.
    // Nodes do not connect to the client: events come over the connections that it has made.
    let (prices, mut received) = mpsc::channel(16);
    let handle = move |price: Price, context: ActorContext<Price>| {
        let prices = prices.clone();
        async move {
            if price.cents == 0 {
                context.stop(); // after this message; then the name is free
            }
            let Price { stock, cents } = price;
            prices.send((stock, cents)).await.unwrap_or_default();
        }
    };
    let listener = client.spawn(handle, "price-listener")?;

    // What goes into messages is the plain reference: an address, with a type.
    let stock = client.region("stock", 20)?.entity("ACME");
    stock.tell(Watch {
        listener: listener.actor_ref(),
    })?;
    for cents in [1_250, 1_275, 0] {
        stock.tell(SetPrice { cents })?;
    }

    // Events of one entity arrive in the order in which it sent them. An entity whose node died
    // begins anew elsewhere and knows no listeners: tell it `Watch` again from time to time, or
    // when `client.topology()` changes.
    for wanted in [1_250, 1_275, 0] {
        let event = timeout(Duration::from_secs(10), received.recv()).await?;
        let (stock, cents) = event.ok_or("the actor has ended")?;
        println!("{stock} is at {cents} cents");
        assert_eq!((stock.as_str(), cents), ("ACME", wanted));
    }

    let report = client.close(Duration::from_secs(5)).await;
    assert!(report.is_conserved());
    cluster.stop().await;
    Ok(())
}

/// Starts the nodes and their entities, which are Python in a real cluster.
async fn start_cluster() -> Result<Cluster, StartError> {
    #[derive(Deserialize)]
    enum Message {
        #[serde(rename = "market.Watch")]
        Watch(Watch),
        #[serde(rename = "market.SetPrice")]
        SetPrice(SetPrice),
    }
    let stock = |listeners: &mut Vec<_>, message, context: &mut Context<'_>| match message {
        Message::Watch(Watch { listener }) => listeners.push(listener),
        Message::SetPrice(SetPrice { cents }) => {
            let stock = context.entity_id().to_owned();
            let price = Price { stock, cents };
            for listener in listeners.iter() {
                context.reply(listener, &price);
            }
        }
    };
    let market = Cluster::builder("market").region("stock", 20, stateful(Vec::new, stock));
    market.start().await
}
