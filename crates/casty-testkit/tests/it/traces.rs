//! Trace contexts, as entities and services see them.

use std::sync::Arc;

use casty_client::{ActorRef, ServiceKey, TraceParent};
use casty_testkit::{Context, stateful};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::app::{Net, close_and_check};
use crate::over_both;

#[derive(Serialize, Deserialize)]
#[serde(rename = "trace_app.GetTrace")]
struct GetTrace {
    reply_to: ActorRef<Option<String>>,
}

/// Answers with the context that a message came with.
fn answer(GetTrace { reply_to }: GetTrace, context: &mut Context<'_>) {
    let trace = context.trace_parent().map(|trace| trace.to_string());
    context.reply(&reply_to, &trace);
}

async fn entities_and_services_see_the_context_of_whoever_asks(net: Net) {
    let entity = stateful(
        || (),
        |(), message, context: &mut Context<'_>| answer(message, context),
    );
    let (cluster, _) = net
        .counters_with(|builder| {
            builder
                .region("traced", 10, entity)
                .service_on(0, "tracer", answer)
        })
        .await;
    let current: Arc<Mutex<Option<TraceParent>>> = Arc::default();
    let source = Arc::clone(&current);
    let client = net
        .client_builder(&cluster)
        .trace_context(true)
        .trace_source(move || *source.lock())
        .connect()
        .await
        .unwrap();
    client.ready(crate::app::LONG).await.unwrap();
    let region = client.region("traced", 10).unwrap();
    let key = ServiceKey::<GetTrace>::new("tracer");
    let found = client.lookup_wait(&key, crate::app::LONG).await.unwrap();
    let service = &found.instances[0].actor;
    for number in 0..20_u64 {
        let trace = TraceParent::new([1; 16], number.to_be_bytes(), 1).ok();
        *current.lock() = trace;
        let expected = trace.map(|trace| trace.to_string());
        let entity = region.entity(format!("entity-{number}"));
        let seen = entity.ask(|reply_to| GetTrace { reply_to }).await.unwrap();
        assert_eq!(seen, expected);
        let seen = service.ask(|reply_to| GetTrace { reply_to }).await;
        assert_eq!(seen.unwrap(), expected);
    }
    close_and_check(&client).await;
    cluster.stop().await;
}

over_both! {
    entities_and_services_see_the_context_of_whoever_asks
}
