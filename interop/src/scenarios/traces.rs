//! Trace contexts in the headers of messages, which nodes know nothing of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use casty_client::TraceParent;

use crate::app::{Append, GetCount, GetLog, Increment, Next};
use crate::clients::{builder, close};
use crate::cluster::SHARDS;
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "messages_that_carry_a_trace_context_are_taken_as_others_are",
    60,
    |context| Box::pin(traced(context)),
)
.core()];

async fn traced(context: Context) -> Result<Figures, Failure> {
    const TELLS: u32 = 500;
    let cluster = context.cluster().await?;
    let all: Vec<_> = (0..cluster.addresses().len()).collect();
    let contexts = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&contexts);
    let client = builder(cluster, &all)
        .trace_context(true)
        .trace_source(move || {
            let number = counted.fetch_add(1, Ordering::Relaxed) + 1;
            TraceParent::new([9; 16], number.to_be_bytes(), 1).ok()
        })
        .connect()
        .await?;
    client.ready(Duration::from_secs(20)).await?;
    let begun = Instant::now();
    let log = client.entity_ref("log", SHARDS)?.entity("traced");
    for number in 0..TELLS {
        log.tell_wait(Append { number }).await?;
    }
    let logged = log.ask(|reply_to| GetLog { reply_to }).await?;
    if !logged.iter().copied().eq(0..TELLS) {
        return Err(format!("the entity logged {logged:?}").into());
    }
    let region = client.region("counter", SHARDS)?;
    let told = region.tell_all((1..=10).map(|amount| ("traced", Increment { amount })));
    told.all()?;
    let counter = region.entity("traced");
    let ask = counter.ask(|reply_to| GetCount { reply_to }).idempotent();
    let count = ask.await?;
    if count != 55 {
        return Err(format!("the entity counts {count}").into());
    }
    // One that the leader hosts, and one that another node passes the message on for.
    let numbers = client.singleton::<Next>("numbers")?;
    numbers.ask(|reply_to| Next { reply_to }).await?;
    for node in cluster.addresses() {
        let numbers = client.actor_on::<Next>(node, "/_singleton-numbers")?;
        numbers.ask(|reply_to| Next { reply_to }).await?;
    }
    let took = begun.elapsed().as_secs_f64();
    close(&client).await?;
    let contexts = contexts.load(Ordering::Relaxed);
    Ok(format!(
        "{TELLS} tells in order, a batch, and asks of entities and a singleton, with {contexts} contexts, {took:.1} s"
    ))
}
