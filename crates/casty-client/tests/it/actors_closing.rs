//! The actors of a client that closes: what they still handle and say, and how long they are waited for.

use std::sync::Arc;
use std::time::Duration;

use casty_client::{Actor, ActorContext, ActorExit, ActorHandle, ActorRef, ClusterClient};
use casty_transport::MemoryNetwork;
use serde::{Deserialize, Serialize};
use tokio::runtime;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::node::{actor, assert_conserved, builder, connected, in_paused_time, others_run};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
#[serde(rename = "m.Get")]
struct Get {
    reply_to: ActorRef<u32>,
    number: u32,
}

/// An actor that replies with each number, once for each permit.
struct Answering(Arc<Semaphore>);

impl Actor for Answering {
    type Message = Get;

    async fn handle(&mut self, get: Get, context: &ActorContext<Get>) {
        self.0.acquire().await.unwrap().forget();
        assert_eq!(context.tell(&get.reply_to, get.number), Ok(()));
    }
}

/// Starts such an actor, without a permit.
fn answering(client: &ClusterClient) -> (ActorHandle<Get>, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(0));
    let own = Arc::clone(&permits);
    let make = move || Answering(Arc::clone(&own));
    (client.actor("answering").spawn(make).unwrap(), permits)
}

#[test]
fn what_a_client_has_in_its_mailboxes_when_it_closes_is_handled_and_answered() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let (answering, permits) = answering(&client);
        let get = |number| Get {
            reply_to: actor(&node, "/asker"),
            number,
        };
        for number in 0..100 {
            link.send(&answering.actor_ref(), &get(number)).await;
        }
        others_run().await;
        assert_eq!(answering.stats().waiting, 99);
        let closing = tokio::spawn(async move { client.close(5 * SECOND).await });
        others_run().await;
        link.send(&answering.actor_ref(), &get(100)).await;
        others_run().await;
        permits.add_permits(200);
        for expected in 0..100 {
            let number: u32 = link.next_to("/asker").await.unwrap().decode();
            assert_eq!(number, expected);
        }
        while let Some(received) = link.next().await {
            assert_ne!(received.path, "/asker", "it came too late");
        }
        drop(link);
        let report = closing.await.unwrap();
        assert_conserved(&report);
        assert_eq!((report.drained, report.stats.inbound_dropped), (true, 1));
        assert_eq!(answering.stopped().await, ActorExit::ClientClosed);
        assert_eq!(answering.stats().handled, 100);
    });
}

#[test]
fn an_ask_of_an_actor_of_the_client_is_answered_while_that_closes() {
    in_paused_time(|| async {
        let client = builder(&MemoryNetwork::new(), "n:1").connect().await;
        let client = client.unwrap();
        let (answering, permits) = answering(&client);
        let to = answering.actor().clone();
        let asking = tokio::spawn(async move {
            let number = 7;
            to.ask(|reply_to| Get { reply_to, number }).await
        });
        others_run().await;
        let begun = Instant::now();
        let closing = tokio::spawn(async move { client.close(4 * SECOND).await });
        others_run().await;
        permits.add_permits(1);
        assert_eq!(asking.await.unwrap().unwrap(), 7);
        assert_conserved(&closing.await.unwrap());
        assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
        assert_eq!(answering.exit(), Some(ActorExit::ClientClosed));
    });
}

#[test]
fn an_actor_that_cannot_be_aborted_is_waited_for_no_longer_than_it_may() {
    let elsewhere = runtime::Builder::new_current_thread().build().unwrap();
    let handle = elsewhere.handle().clone();
    in_paused_time(move || async move {
        let client = builder(&MemoryNetwork::new(), "n:1").connect().await;
        let client = client.unwrap();
        // On a runtime that nobody drives.
        let (actor, _permits) = {
            let _entered = handle.enter();
            answering(&client)
        };
        let begun = Instant::now();
        assert_eq!(actor.stop(SECOND).await, ActorExit::Aborted);
        assert_eq!(actor.exit(), None, "it has not ended");
        let stopped = begun.elapsed();
        assert!((SECOND..3 * SECOND).contains(&stopped), "{stopped:?}");
        let begun = Instant::now();
        let report = client.close(SECOND).await;
        let closed = begun.elapsed();
        assert!((SECOND..3 * SECOND).contains(&closed), "{closed:?}");
        assert_conserved(&report);
        assert!(report.drained, "everything was written");
    });
    drop(elsewhere);
}
