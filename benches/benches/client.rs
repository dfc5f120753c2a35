//! The whole course of an ask through the client without a network: slot, reference, encoding, the
//! mailbox of an actor of the client's own, the reply, decoding.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that fails ends; criterion's macros"
)]

use std::time::Duration;

use casty_benches::frames::{GetCount, SYSTEM};
use casty_client::{ActorRef, AskError, ClusterClient, Codec};
use criterion::{Criterion, criterion_group, criterion_main};
use serde::Deserialize;
use tokio::runtime::Builder;

#[derive(Deserialize)]
#[serde(rename = "counter_app.GetCount")]
struct Asked {
    reply_to: ActorRef<i64>,
}

fn asks(c: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for (name, codec) in [
        ("json", Codec::json()),
        ("msgpack", Codec::msgpack()),
        ("pickle", Codec::pickle()),
    ] {
        let (client, counter) = runtime.block_on(async {
            // Nobody listens there, and nobody has to.
            let client = ClusterClient::builder(SYSTEM)
                .contact_point("127.0.0.1:1")
                .codec(codec);
            let client = client.connect().await.unwrap();
            let replying = client.clone();
            let counter = client.spawn(
                move |Asked { reply_to }, _| {
                    let sent = replying.tell(&reply_to, 7);
                    async move { sent.unwrap() }
                },
                "counter",
            );
            (client, counter.unwrap())
        });
        let counter: ActorRef<GetCount> = counter.actor_ref().cast();
        c.bench_function(&format!("ask of an own actor, {name}"), |b| {
            b.iter(|| {
                let count: Result<i64, AskError> = runtime.block_on(async {
                    client.ask(&counter, |reply_to| GetCount { reply_to }).await
                });
                assert_eq!(count.unwrap(), 7);
            });
        });
        runtime.block_on(client.close(Duration::ZERO));
    }
}

criterion_group!(benches, asks);
criterion_main!(benches);
