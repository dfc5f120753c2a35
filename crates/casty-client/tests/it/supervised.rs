//! Actors of a client with settings: their mailboxes, their restarts, their ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use casty_client::{
    Actor, ActorContext, ActorExit, ActorHandle, ActorRef, ClusterClient, MailboxOverflow,
    RestartPolicy, TellError,
};
use casty_transport::MemoryNetwork;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use crate::node::{actor, builder, connected, in_paused_time, others_run};

const SECOND: Duration = Duration::from_secs(1);

async fn client() -> ClusterClient {
    let client = builder(&MemoryNetwork::new(), "n:1").connect().await;
    client.unwrap()
}

/// An actor that hands on what it is told, once for each permit, and panics at 0.
struct HandingOn {
    to: mpsc::UnboundedSender<u32>,
    permits: Arc<Semaphore>,
    /// The number of those that were made before it.
    number: u32,
}

impl Actor for HandingOn {
    type Message = u32;

    async fn handle(&mut self, message: u32, context: &ActorContext<u32>) {
        self.permits.acquire().await.unwrap().forget();
        assert_ne!(message, 0, "told of nothing");
        self.to.send(message + 100 * self.number).ok();
        if message == 99 {
            context.stop();
        }
    }
}

struct Spawned {
    handle: ActorHandle<u32>,
    received: mpsc::UnboundedReceiver<u32>,
    permits: Arc<Semaphore>,
    made: Arc<AtomicU32>,
}

/// Spawns such an actor, with as many permits.
fn spawned(
    client: &ClusterClient,
    permits: usize,
    set: impl FnOnce(casty_client::ActorBuilder<'_>) -> casty_client::ActorBuilder<'_>,
) -> Spawned {
    let (to, received) = mpsc::unbounded_channel();
    let permits = Arc::new(Semaphore::new(permits));
    let made = Arc::new(AtomicU32::new(0));
    let (own, count) = (Arc::clone(&permits), Arc::clone(&made));
    let make = move || HandingOn {
        to: to.clone(),
        permits: Arc::clone(&own),
        number: count.fetch_add(1, Ordering::Relaxed),
    };
    let handle = set(client.actor("a")).spawn(make).unwrap();
    Spawned {
        handle,
        received,
        permits,
        made,
    }
}

fn drained(received: &mut mpsc::UnboundedReceiver<u32>) -> Vec<u32> {
    std::iter::from_fn(|| received.try_recv().ok()).collect()
}

#[test]
fn a_full_mailbox_refuses_the_newest_or_drops_the_oldest_and_counts_it() {
    in_paused_time(|| async {
        let client = client().await;
        for (overflow, handled) in [
            (MailboxOverflow::DropNewest, [1, 2, 3]),
            (MailboxOverflow::DropOldest, [1, 4, 5]),
        ] {
            let mut it = spawned(&client, 0, |it| it.mailbox(2).overflow(overflow));
            it.handle.actor().tell(1).unwrap();
            others_run().await;
            // The first is being handled.
            let told: Vec<_> = [2, 3, 4, 5].map(|n| it.handle.actor().tell(n)).into();
            let refused = told
                .iter()
                .filter(|told| **told == Err(TellError::MailboxFull));
            let expected = if overflow == MailboxOverflow::DropOldest {
                0
            } else {
                2
            };
            assert_eq!(refused.count(), expected);
            assert_eq!(
                (it.handle.stats().dropped, it.handle.stats().waiting),
                (2, 2)
            );
            it.permits.add_permits(10);
            assert_eq!(it.handle.stop(SECOND).await, ActorExit::Stopped);
            assert_eq!(drained(&mut it.received), handled);
            assert_eq!(it.handle.stats().handled, 3);
            assert_eq!(it.handle.actor().tell(6), Err(TellError::NoSuchActor));
        }
    });
}

#[test]
fn a_mailbox_is_limited_in_bytes_too() {
    in_paused_time(|| async {
        let client = client().await;
        let it = spawned(&client, 0, |it| it.mailbox_bytes(3));
        it.handle.actor().tell(1).unwrap();
        others_run().await;
        // As JSON, each is a byte.
        for number in [1, 2, 3] {
            it.handle.actor().tell(number).unwrap();
        }
        assert_eq!(it.handle.actor().tell(4), Err(TellError::MailboxFull));
    });
}

#[test]
fn an_actor_that_panics_ends_and_says_why() {
    in_paused_time(|| async {
        let client = client().await;
        let mut it = spawned(&client, 10, |it| it);
        for number in [1, 0, 2] {
            it.handle.actor().tell(number).unwrap();
        }
        let ActorExit::Panicked { message } = it.handle.stopped().await else {
            panic!("{:?}", it.handle);
        };
        assert!(message.contains("told of nothing"), "{message}");
        assert_eq!(drained(&mut it.received), [1]);
        let stats = it.handle.stats();
        assert_eq!((stats.panics, stats.restarts, stats.dropped), (1, 0, 1));
        assert_eq!(client.stats().actor_panics, 1);
        assert_eq!(client.stats().gauges.actors, 0, "its name is free");
        assert!(!it.handle.exit().unwrap().is_orderly());
    });
}

#[test]
fn a_panic_is_followed_by_a_new_state_after_pauses_that_double_until_it_is_too_often() {
    in_paused_time(|| async {
        let client = client().await;
        let policy = RestartPolicy::on_panic()
            .backoff(SECOND, 10 * SECOND)
            .at_most(2, 60 * SECOND);
        let mut it = spawned(&client, 10, |it| it.restart(policy));
        let begun = Instant::now();
        for number in [1, 0, 2, 0, 3] {
            it.handle.actor().tell(number).unwrap();
        }
        for (number, at) in [(1, 0), (102, 1), (203, 3)] {
            assert_eq!(it.received.recv().await, Some(number));
            assert_eq!(begun.elapsed(), at * SECOND);
        }
        assert_eq!(it.handle.stats().restarts, 2);
        // The third within the minute.
        it.handle.actor().tell(0).unwrap();
        assert!(matches!(
            it.handle.stopped().await,
            ActorExit::Panicked { .. }
        ));
        assert_eq!(
            (begun.elapsed(), it.made.load(Ordering::Relaxed)),
            (3 * SECOND, 3)
        );
        assert_eq!(client.stats().actor_panics, 3);
    });
}

#[test]
fn stopping_cuts_a_pause_short_and_handles_what_is_there() {
    in_paused_time(|| async {
        let client = client().await;
        let policy = RestartPolicy::on_panic().backoff(60 * SECOND, 60 * SECOND);
        let mut it = spawned(&client, 10, |it| it.restart(policy));
        it.handle.actor().tell(0).unwrap();
        it.handle.actor().tell(7).unwrap();
        others_run().await;
        let begun = Instant::now();
        assert_eq!(it.handle.stop(SECOND).await, ActorExit::Stopped);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(drained(&mut it.received), [107]);
    });
}

#[test]
fn the_end_of_an_actor_is_told_to_all_who_hold_its_handle() {
    in_paused_time(|| async {
        let client = client().await;
        let own = spawned(&client, 10, |it| it);
        let held = own.handle.clone();
        let waiting = tokio::spawn(async move { held.stopped().await });
        others_run().await;
        assert_eq!(own.handle.exit(), None);
        own.handle.actor().tell(99).unwrap();
        own.handle.actor().tell(1).unwrap();
        assert_eq!(waiting.await.unwrap(), ActorExit::Stopped);
        assert_eq!(own.handle.stats().dropped, 1, "it stopped itself");

        // One that does not end in time is aborted.
        let slow = spawned(&client, 0, |it| it);
        slow.handle.actor().tell(1).unwrap();
        others_run().await;
        let begun = Instant::now();
        assert_eq!(slow.handle.stop(SECOND).await, ActorExit::Aborted);
        assert_eq!(begun.elapsed(), SECOND);
        assert_eq!(slow.handle.stopped().await, ActorExit::Aborted);

        let last = spawned(&client, 10, |it| it);
        last.handle.actor().tell(1).unwrap();
        client.close(SECOND).await;
        assert_eq!(last.handle.stopped().await, ActorExit::ClientClosed);
        assert!(last.handle.exit().unwrap().is_orderly());
    });
}

/// Asks for the sum of what others say.
#[derive(Serialize, Deserialize)]
#[serde(rename = "m.Sum")]
struct Sum {
    others: Vec<ActorRef<Get>>,
    reply_to: ActorRef<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "m.Get")]
struct Get {
    reply_to: ActorRef<u32>,
}

struct Adding;

impl Actor for Adding {
    type Message = Sum;

    async fn handle(&mut self, message: Sum, context: &ActorContext<Sum>) {
        let mut sum = 0;
        for other in &message.others {
            let asked = context.ask_within(other, |reply_to| Get { reply_to }, SECOND);
            sum += asked.await.unwrap_or(1_000);
        }
        context.tell(&message.reply_to, sum).ok();
    }
}

#[test]
fn an_actor_asks_others_and_is_asked_by_a_node() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let adding = client.actor("adding").spawn(|| Adding).unwrap();
        let seven = |get: Get, context: ActorContext<Get>| async move {
            context.tell(&get.reply_to, 7).ok();
        };
        let seven = client.spawn(seven, "seven").unwrap();
        let others = vec![
            seven.actor_ref(),
            actor(&node, "/eight"),
            actor(&node, "/silent"),
        ];
        let reply_to = actor(&node, "/asker");
        link.send(&adding.actor_ref(), &Sum { others, reply_to })
            .await;
        let asked: Get = link.next_to("/eight").await.unwrap().decode();
        link.send(&asked.reply_to, &8).await;
        let sum: u32 = link.next_to("/asker").await.unwrap().decode();
        assert_eq!(sum, 1_015);
        // By the client itself as well.
        let others = vec![seven.actor_ref(), seven.actor_ref()];
        let asked = adding.actor().ask(|reply_to| Sum { others, reply_to });
        assert_eq!(asked.await.unwrap(), 14);
    });
}
