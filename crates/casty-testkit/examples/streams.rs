//! A pipeline: a producer on a node, a stage in this program, a consumer on another node.
//!
//! Runs against three nodes in this process: `cargo run -p casty-testkit --example streams`.

use std::error::Error;
use std::time::Duration;

use casty_client::{ClusterClient, ServiceKey, SourceOptions, StreamProducerMessage};
use casty_testkit::{Cluster, Consume};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// A measurement of a station; the Python dataclass `weather.Reading`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "weather.Reading")]
struct Reading {
    station: u32,
    celsius: f64,
}

/// The warning that is made of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "weather.Frost")]
struct Frost {
    station: u32,
}

/// A thousand readings, of which every tenth is below zero.
fn readings() -> impl Iterator<Item = Reading> + Send {
    (0..1_000).map(|station| Reading {
        station,
        celsius: if station % 10 == 0 { -1.5 } else { 12.0 },
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (warned, mut warnings) = mpsc::channel(1_024);
    let cluster = Cluster::builder("weather")
        .nodes(3)
        .stream_on(1, "readings", readings)
        .stream_consumer_on(2, "siren", move |frost: Option<Frost>, _context| {
            // `None` is the end of the stream.
            warned.try_send(frost).unwrap_or_default();
        })
        .start()
        .await?;
    let client = ClusterClient::builder("weather")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect()
        .await?;

    // Both ends are services, which the view of the cluster lists.
    let mut topology = client.topology();
    let listed = ["readings", "siren"];
    topology
        .wait_for(|view| listed.iter().all(|key| !view.services(key).is_empty()))
        .await?;
    let key = ServiceKey::<StreamProducerMessage<Reading>>::new("readings");
    let readings = client.lookup(&key);
    let siren = client.lookup(&ServiceKey::<Consume<Frost>>::new("siren"));
    let readings = readings.instances.first().ok_or("no producer")?;
    let siren = siren.instances.first().ok_or("no consumer")?;

    // The consumer is told of the producer in this program, and asks it for elements.
    let frosts = client.stream_producer::<Frost>("frosts")?;
    let producer = frosts.actor_ref();
    siren.actor.tell(Consume { producer })?;

    // No more than 100 readings are on their way or wait here, however fast their producer is; and no
    // more are taken than the consumer has demand for.
    let options = SourceOptions::default().demand(100);
    let mut readings = client.subscribe_with(&readings.actor.actor_ref(), options);
    let mut read = 0;
    while let Some(reading) = readings.next().await {
        // An error says why there is no next one, and what may be lost.
        let Reading { station, celsius } = reading?;
        read += 1;
        if celsius < 0.0 {
            frosts.send(Frost { station }).await?;
        }
    }
    frosts.complete().await?;

    let mut told = 0;
    while let Some(Some(frost)) = warnings.recv().await {
        assert_eq!(frost.station, told * 10);
        told += 1;
    }
    println!("{read} readings, {told} warnings");
    assert_eq!((read, told), (1_000, 100));
    client.close(Duration::from_secs(5)).await;
    cluster.stop().await;
    Ok(())
}
