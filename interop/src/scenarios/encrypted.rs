//! Nodes with TLS, with certificates on both sides.

use std::time::Duration;

use casty_client::{BoundRef, ClusterClient, ServiceKey, TlsConfig, TransportConfig};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::{Append, Event, GetLog, Greet, SendTo};
use crate::certificates::Certificates;
use crate::cluster::SHARDS;
use crate::scenario::{Context, Failure, Figures, Scenario};
use crate::scenarios::builder;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "nodes_with_tls_take_tells_and_asks_and_send_to_actors",
    60,
    |context| Box::pin(encrypted(context)),
)];

const PATIENCE: Duration = Duration::from_secs(20);

async fn encrypted(context: Context) -> Result<Figures, Failure> {
    let label = format!("tls-{}", context.serializer());
    let certificates = Certificates::make(context.python(), &label).await?;
    let (certificate, key) = certificates.client();
    let tls = TlsConfig::builder()
        .ca_file(certificates.authority())
        .certificate_file(certificate)
        .key_file(key)
        .build()?;
    let mut cluster = context
        .reserve(2)?
        .hosting(&["log", "counter"])
        .tls(certificates);
    cluster.launch().await?;
    let transport = TransportConfig::tls(tls);
    let client = builder(&cluster, &[0]).transport(transport).connect();
    let client = client.await?;
    let told = tell_and_ask(&client).await?;
    let events = receive(&client).await?;
    let found = greet(&client).await?;
    client.close(Duration::from_secs(5)).await;
    cluster.stop().await?;
    Ok(format!(
        "{told} tells and {events} events in order, {found} services"
    ))
}

async fn tell_and_ask(client: &ClusterClient) -> Result<usize, Failure> {
    const TELLS: u32 = 1_000;
    let log = client.entity_ref("log", SHARDS)?.entity("encrypted");
    for number in 0..TELLS {
        log.tell_wait(Append { number }).await?;
    }
    let logged = log.ask(|reply_to| GetLog { reply_to }).within(PATIENCE);
    let logged = logged.await?;
    if logged != (0..TELLS).collect::<Vec<_>>() {
        return Err(format!("logged {logged:?}").into());
    }
    Ok(logged.len())
}

async fn receive(client: &ClusterClient) -> Result<u32, Failure> {
    const EVENTS: u32 = 200;
    let (events, mut received) = mpsc::unbounded_channel();
    let listener: BoundRef<Event> = client.spawn(
        move |event, _| {
            let closed = events.send(event).is_err();
            async move { debug_assert!(!closed, "the scenario outlives its listener") }
        },
        "encrypted-listener",
    )?;
    let sender = client.entity_ref("counter", SHARDS)?.entity("encrypted");
    let target = listener.actor_ref();
    let count = EVENTS;
    sender.tell(SendTo { target, count })?;
    for expected in 0..EVENTS {
        let event = timeout(PATIENCE, received.recv()).await?;
        let event = event.ok_or("the listener has ended")?;
        if event.seq != expected {
            return Err(format!("{event:?} instead of {expected}").into());
        }
    }
    Ok(EVENTS)
}

async fn greet(client: &ClusterClient) -> Result<usize, Failure> {
    let greeters = ServiceKey::<Greet>::new("greeter");
    let mut topology = client.topology();
    let registered = topology.wait_for(|view| view.live_services(greeters.name()).count() == 2);
    timeout(PATIENCE, registered).await??;
    let listing = client.lookup(&greeters);
    for instance in &listing.instances {
        let name = "Rust".to_owned();
        let greeting = instance.actor.ask(|reply_to| Greet { name, reply_to });
        let greeting = greeting.within(PATIENCE).await?;
        if !greeting.starts_with("Hello Rust from n") {
            return Err(format!("{} answered {greeting:?}", instance.node).into());
        }
    }
    Ok(listing.instances.len())
}
