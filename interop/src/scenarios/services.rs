//! Discoverable services: found in the view, asked one by one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use casty_client::ServiceKey;
use tokio::time::timeout;

use crate::app::Greet;
use crate::clients::{close, connect};
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "a_service_is_found_on_every_node_and_each_instance_answers",
        60,
        |context| Box::pin(greet_all(context)),
    )
    .core(),
    Scenario::new(
        "listings_show_an_instance_go_with_its_node_and_come_back",
        150,
        |context| Box::pin(come_and_go(context)),
    ),
];

async fn greet_all(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let nodes = cluster.addresses().len();
    let client = connect(cluster).await?;
    let greeters = ServiceKey::<Greet>::new("greeter");
    let begun = Instant::now();
    let mut topology = client.topology();
    let registered = topology.wait_for(|view| view.live_services(greeters.name()).count() == nodes);
    timeout(Duration::from_secs(20), registered).await??;
    let found = begun.elapsed();
    let listing = client.lookup(&greeters);
    if client
        .lookup(&ServiceKey::<Greet>::new("nobody"))
        .instances
        .len()
        + nodes
        != listing.instances.len()
    {
        return Err(format!("listed: {listing:?}").into());
    }
    let mut greetings = BTreeSet::new();
    for instance in &listing.instances {
        let greet = |reply_to| Greet {
            name: "Rust".to_owned(),
            reply_to,
        };
        let greeting = instance.actor.ask(greet).await?;
        let index = cluster
            .addresses()
            .iter()
            .position(|node| *node == instance.node);
        let expected = index.map(|index| format!("Hello Rust from n{index}"));
        if expected.as_ref() != Some(&greeting) {
            return Err(format!("{} answered {greeting:?}", instance.node).into());
        }
        greetings.insert(greeting);
    }
    close(&client).await?;
    if greetings.len() != nodes {
        return Err(format!("only {greetings:?}").into());
    }
    Ok(format!(
        "{nodes} instances in the view after {:.0} ms, each answered",
        found.as_secs_f64() * 1e3
    ))
}

async fn come_and_go(context: Context) -> Result<Figures, Failure> {
    // Of three nodes of 0.21.0 the two survivors may bring the dead one back into their views.
    let mut cluster = context.reserve(2).await?.hosting(&["counter"]);
    cluster.launch().await?;
    let client = connect(&cluster).await?;
    let key = ServiceKey::<Greet>::new("greeter");
    let mut services = client.services(&key);
    services.wait_for_within(2, Duration::from_secs(20)).await?;
    let picker = client.picker(&key);
    let victim = cluster.follower();
    cluster.kill(victim).await?;
    let killed = Instant::now();
    let left = loop {
        let listing = timeout(Duration::from_secs(30), services.changed()).await??;
        if listing.instances.len() == 1 {
            break listing.instances;
        }
    };
    let gone = killed.elapsed();
    let survivor = &cluster.addresses()[cluster.leader()];
    if left.iter().any(|instance| instance.node != *survivor) {
        return Err(format!("left: {left:?}").into());
    }
    for _ in 0..10 {
        let greet = |reply_to| Greet {
            name: "Rust".to_owned(),
            reply_to,
        };
        picker.ask(greet).await?;
    }
    cluster.restart(victim).await?;
    services.wait_for_within(2, Duration::from_mins(1)).await?;
    close(&client).await?;
    cluster.stop().await?;
    let gone = gone.as_secs_f64();
    Ok(format!(
        "gone {gone:.1} s after its node was killed, back when that ran again"
    ))
}
