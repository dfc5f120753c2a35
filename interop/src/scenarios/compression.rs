//! Compressed messages: everything that a client does, with each algorithm.

use std::time::{Duration, Instant};

use casty_client::{BoundRef, ClusterClient, Compression, RegionRef, ServiceKey};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::{Echo, Event, GetCount, Greet, Increment, SendTo};
use crate::clients::{close, connect};
use crate::cluster::{PythonCluster, SHARDS};
use crate::scenario::{Context, Failure, Figures, LeftOut, Scenario};
use crate::serializer::Serializer;
use crate::version::Feature;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "messages_are_exchanged_with_each_compression",
    120,
    |context| Box::pin(each_algorithm(context)),
)
.needs(&[Feature::Serializers])];

/// The longest time that anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs with pickle only, for the time that nodes take to start; `--matrix` combines everything.
async fn each_algorithm(context: Context) -> Result<Figures, Failure> {
    if context.serializer() != Serializer::Pickle {
        return LeftOut::because("left to pickle and to --matrix");
    }
    let begun = Instant::now();
    for compression in Compression::ALL {
        let cluster = context.reserve(1).await?.compressing(Some(*compression));
        exchange(cluster)
            .await
            .map_err(|error| format!("{compression}: {error}"))?;
    }
    let count = Compression::ALL.len();
    let each = begun.elapsed().as_secs_f64() / f64::from(u32::try_from(count)?);
    Ok(format!("{count} algorithms, {each:.1} s each"))
}

/// Starts a reserved cluster of one node, and does with it what clients do: tells, asks, finds a
/// service, and has an actor of the client receive.
///
/// # Errors
/// Something of it does not work.
pub(crate) async fn exchange(cluster: PythonCluster) -> Result<(), Failure> {
    let mut cluster = cluster.hosting(&["counter"]);
    cluster.launch().await?;
    let client = connect(&cluster).await?;
    let region = client.entity_ref("counter", SHARDS)?;
    timeout(PATIENCE, async {
        tells_and_asks(&region).await?;
        looks_up(&client).await?;
        receives(&client, &region).await
    })
    .await??;
    close(&client).await?;
    Ok(cluster.stop().await?)
}

async fn tells_and_asks(region: &RegionRef) -> Result<(), Failure> {
    let counter = region.entity("compressed");
    for amount in 1..=100 {
        counter.tell_wait(Increment { amount }).await?;
    }
    let count: i64 = counter.ask(|reply_to| GetCount { reply_to }).await?;
    if count != 5050 {
        return Err(format!("the counter says {count}").into());
    }
    // Longer than a block of any algorithm's first level, and short.
    for len in [200_000, 0] {
        let digits = (0_u32..).flat_map(|n| n.to_string().into_bytes());
        let value: String = digits.map(char::from).take(len).collect();
        let sent = value.clone();
        let echoed: String = counter
            .ask(|reply_to| Echo {
                value: sent,
                reply_to,
            })
            .await?;
        if echoed != value {
            return Err(format!("{len} characters came back as {}", echoed.len()).into());
        }
    }
    Ok(())
}

async fn looks_up(client: &ClusterClient) -> Result<(), Failure> {
    let key = ServiceKey::<Greet>::new("greeter");
    let mut topology = client.topology();
    topology
        .wait_for(|view| view.live_services(key.name()).count() == 1)
        .await?;
    let listing = client.lookup(&key);
    let greeter = listing.instances.first().ok_or("no greeter is listed")?;
    let name = "Rust".to_owned();
    let greeting: String = greeter
        .actor
        .ask(|reply_to| Greet { name, reply_to })
        .await?;
    match &*greeting {
        "Hello Rust from n0" => Ok(()),
        _ => Err(greeting.into()),
    }
}

async fn receives(client: &ClusterClient, region: &RegionRef) -> Result<(), Failure> {
    const EVENTS: u32 = 100;
    let (events, mut received) = mpsc::unbounded_channel();
    let listener: BoundRef<Event> = client.spawn(
        move |event, _| {
            events.send(event).ok();
            async {}
        },
        "listener",
    )?;
    region.entity("sender").tell(SendTo {
        target: listener.actor_ref(),
        count: EVENTS,
    })?;
    for number in 0..EVENTS {
        let event = received.recv().await.ok_or("the listener has ended")?;
        if event.seq != number {
            return Err(format!("event {} came as number {number}", event.seq).into());
        }
    }
    Ok(())
}
