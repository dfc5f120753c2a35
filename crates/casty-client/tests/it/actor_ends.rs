//! The ends of a client's actors: what becomes of their messages, their names and their thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use casty_client::{
    Actor, ActorContext, ActorExit, ClusterClient, MailboxOverflow, RestartPolicy, TellError,
};
use casty_transport::MemoryNetwork;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::node::{builder, in_paused_time, others_run};

const SECOND: Duration = Duration::from_secs(1);

async fn client() -> ClusterClient {
    let client = builder(&MemoryNetwork::new(), "n:1").connect().await;
    client.unwrap()
}

/// An actor that counts its messages, and waits for nothing.
struct Counting(Arc<AtomicU32>);

impl Actor for Counting {
    type Message = u32;

    async fn handle(&mut self, _: u32, _: &ActorContext<u32>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn an_actor_that_waits_for_nothing_lets_others_run_before_its_mailbox_is_empty() {
    const MANY: u32 = 16_000;
    in_paused_time(|| async {
        let client = client().await;
        let handled = Arc::new(AtomicU32::new(0));
        let own = Arc::clone(&handled);
        let make = move || Counting(Arc::clone(&own));
        let actor = client.actor("a").spawn(make).unwrap();
        for number in 0..MANY {
            actor.actor().tell(number).unwrap();
        }
        tokio::task::yield_now().await;
        let soon = handled.load(Ordering::Relaxed);
        assert!((1..MANY).contains(&soon), "{soon}");
        assert_eq!(actor.stop(SECOND).await, ActorExit::Stopped);
        assert_eq!(handled.load(Ordering::Relaxed), MANY);
    });
}

/// An actor that shows its context, stops itself at 1, and panics at 0 and 1.
struct Stopping(mpsc::UnboundedSender<ActorContext<u32>>);

impl Actor for Stopping {
    type Message = u32;

    async fn handle(&mut self, message: u32, context: &ActorContext<u32>) {
        self.0.send(context.clone()).ok();
        if message == 1 {
            context.stop();
        }
        assert!(message > 1, "the handler's own panic");
    }
}

/// A policy whose pauses no test waits for.
fn patient() -> RestartPolicy {
    RestartPolicy::on_panic().backoff(60 * SECOND, 60 * SECOND)
}

#[test]
fn an_actor_that_stops_and_panics_in_one_message_does_not_begin_anew() {
    in_paused_time(|| async {
        let client = client().await;
        let (to, mut contexts) = mpsc::unbounded_channel();
        let made = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&made);
        let actor = client.actor("a").restart(patient()).spawn(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Stopping(to.clone())
        });
        let actor = actor.unwrap();
        for message in [1, 7] {
            actor.actor().tell(message).unwrap();
        }
        let begun = Instant::now();
        assert_eq!(actor.stopped().await, ActorExit::Stopped);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(made.load(Ordering::Relaxed), 1);
        assert!(contexts.recv().await.is_some());
        assert!(contexts.recv().await.is_none(), "one message was handled");
        let stats = actor.stats();
        assert_eq!((stats.panics, stats.restarts, stats.dropped), (1, 0, 1));
        assert_eq!(client.stats().inbound_dropped, 1);
    });
}

#[test]
fn an_actor_is_stopped_by_its_context_while_it_waits_for_a_message_or_to_begin_anew() {
    in_paused_time(|| async {
        let client = client().await;
        for last in [2, 0] {
            let (to, mut contexts) = mpsc::unbounded_channel();
            let actor = client.actor("a").restart(patient());
            let actor = actor.spawn(move || Stopping(to.clone())).unwrap();
            actor.actor().tell(last).unwrap();
            let context = contexts.recv().await.unwrap();
            others_run().await;
            assert_eq!(actor.exit(), None);
            let begun = Instant::now();
            context.stop();
            assert_eq!(actor.actor().tell(3), Err(TellError::NoSuchActor));
            assert_eq!(actor.stopped().await, ActorExit::Stopped);
            assert_eq!(begun.elapsed(), Duration::ZERO);
            assert_eq!(actor.stats().restarts, 0);
        }
    });
}

/// An actor that is never done with a message.
struct Waiting;

impl Actor for Waiting {
    type Message = u32;

    async fn handle(&mut self, _: u32, _: &ActorContext<u32>) {
        std::future::pending::<()>().await;
    }
}

#[test]
fn the_name_of_an_actor_that_is_aborted_is_free_when_its_stop_is_over() {
    in_paused_time(|| async {
        let client = client().await;
        for _ in 0..3 {
            let actor = client.actor("a").spawn(|| Waiting).unwrap();
            actor.actor().tell(1).unwrap();
            others_run().await;
            assert_eq!(actor.stop(Duration::ZERO).await, ActorExit::Aborted);
            assert_eq!(actor.exit(), Some(ActorExit::Aborted));
        }
    });
}

/// A number whose reading panics at 0.
#[derive(Debug, Serialize)]
struct Picky(u32);

impl<'de> Deserialize<'de> for Picky {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        assert_ne!(number, 0, "the reading's own panic");
        Ok(Self(number))
    }
}

/// An actor that hands on what it reads.
struct Reading(mpsc::UnboundedSender<u32>);

impl Actor for Reading {
    type Message = Picky;

    async fn handle(&mut self, Picky(number): Picky, _: &ActorContext<Picky>) {
        self.0.send(number).ok();
    }
}

#[test]
fn a_message_whose_reading_panics_is_unreadable_and_ends_nothing() {
    in_paused_time(|| async {
        let client = client().await;
        let (to, mut read) = mpsc::unbounded_channel();
        let actor = client.actor("a").spawn(move || Reading(to.clone()));
        let actor = actor.unwrap();
        for number in [1, 0, 2] {
            actor.actor().tell(Picky(number)).unwrap();
        }
        assert_eq!(actor.stop(SECOND).await, ActorExit::Stopped);
        for number in [1, 2] {
            assert_eq!(read.recv().await, Some(number));
        }
        let stats = actor.stats();
        assert_eq!((stats.handled, stats.malformed, stats.panics), (2, 1, 0));
        assert_eq!(client.stats().inbound_malformed, 1);
    });
}

/// A thing that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the drop's own panic");
    }
}

/// An actor that panics at 0.
struct Holding {
    _bomb: Option<Bomb>,
}

impl Actor for Holding {
    type Message = u32;

    async fn handle(&mut self, message: u32, _: &ActorContext<u32>) {
        assert_ne!(message, 0, "the handler's own panic");
    }
}

#[test]
fn an_actor_that_panics_while_it_is_dropped_ends_with_that_panic() {
    in_paused_time(|| async {
        let client = client().await;
        let (of_drop, of_handler) = ("the drop's own panic", "the handler's own panic");
        for (state, message, panics, words) in [
            (true, None, 1, of_drop),
            (false, None, 1, of_drop),
            (true, Some(0), 2, of_handler),
        ] {
            let before = client.stats().actor_panics;
            let mut bombs = vec![Bomb];
            let actor = client.actor("a").spawn(move || {
                let bomb = if state { bombs.pop() } else { None };
                Holding { _bomb: bomb }
            });
            let actor = actor.unwrap();
            if let Some(message) = message {
                actor.actor().tell(message).unwrap();
            }
            others_run().await;
            let ActorExit::Panicked { message } = actor.stop(SECOND).await else {
                panic!("{actor:?}");
            };
            assert!(message.contains(words), "{message}");
            assert_eq!(actor.stats().panics, panics);
            assert_eq!(client.stats().actor_panics - before, panics);
        }
    });
}

#[test]
fn whatever_a_mailbox_drops_is_counted_for_the_whole_client() {
    in_paused_time(|| async {
        let client = client().await;
        let dropped = || client.stats().inbound_dropped;
        let actor = client.actor("a").mailbox(2);
        let actor = actor.overflow(MailboxOverflow::DropOldest);
        let actor = actor.spawn(|| Waiting).unwrap();
        actor.actor().tell(1).unwrap();
        others_run().await;
        for number in [2, 3, 4, 5] {
            actor.actor().tell(number).unwrap();
        }
        assert_eq!(dropped(), 2, "they made way");
        actor.stop(Duration::ZERO).await;
        assert_eq!(dropped(), 4, "they were left");

        let panics_at_once = |number: u32, _: ActorContext<u32>| {
            assert_ne!(number, 0, "the actor's own panic");
            async {}
        };
        let actor = client.spawn(panics_at_once, "b").unwrap();
        for number in [0, 1, 2, 3] {
            actor.tell(number).unwrap();
        }
        others_run().await;
        assert_eq!((client.stats().actor_panics, dropped()), (1, 7));
    });
}
