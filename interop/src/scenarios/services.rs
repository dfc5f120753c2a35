//! Discoverable services: found in the view, asked one by one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use casty_client::ServiceKey;
use tokio::time::timeout;

use crate::app::Greet;
use crate::clients::{close, connect};
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "a_service_is_found_on_every_node_and_each_instance_answers",
    60,
    |context| Box::pin(greet_all(context)),
)];

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
