//! Actors of the client, which nodes send to.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use casty_client::BoundRef;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::{Event, SendTo};
use crate::clients::{close, connect, entity_on_each_node};
use crate::cluster::SHARDS;
use crate::scenario::{Context, Failure, Figures, Scenario};
use crate::version::Feature;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "an_actor_of_the_client_receives_a_thousand_events_from_each_node_in_order",
    90,
    |context| Box::pin(listen(context)),
)
.core()
.needs(&[Feature::Order])];

async fn listen(context: Context) -> Result<Figures, Failure> {
    const EVENTS: u32 = 1_000;
    let cluster = context.cluster().await?;
    let client = connect(cluster).await?;
    let (events, mut received) = mpsc::unbounded_channel();
    let listener: BoundRef<Event> = client.spawn(
        move |event, _| {
            let closed = events.send(event).is_err();
            async move { debug_assert!(!closed, "the scenario outlives its listener") }
        },
        "listener",
    )?;
    // All counters understand `SendTo`.
    let region = client.entity_ref("counter", SHARDS)?;
    let senders = entity_on_each_node(cluster, &region, "events").await?;
    let begun = Instant::now();
    for sender in &senders {
        let target = listener.actor_ref();
        sender.tell(SendTo {
            target,
            count: EVENTS,
        })?;
    }
    let mut next: HashMap<String, u32> = HashMap::new();
    for _ in 0..EVENTS as usize * senders.len() {
        let event = timeout(Duration::from_secs(30), received.recv()).await?;
        let Event { seq, text } = event.ok_or("the listener has ended")?;
        let (sender, number) = text.rsplit_once('-').ok_or("an event of another kind")?;
        let expected = next.entry(sender.to_owned()).or_default();
        if seq != *expected || number != seq.to_string() {
            return Err(format!("{sender}: {text} with number {seq} instead of {expected}").into());
        }
        *expected += 1;
    }
    let took = begun.elapsed().as_secs_f64();
    let stats = client.stats();
    close(&client).await?;
    if next.len() != senders.len() || stats.inbound_dropped + stats.inbound_malformed > 0 {
        return Err(format!("{next:?}, {stats:?}").into());
    }
    Ok(format!(
        "{EVENTS} from each of {} nodes in order, {took:.1} s",
        senders.len()
    ))
}
