//! The actors of a client, which it tells itself.

use std::sync::Arc;
use std::time::Duration;

use casty_client::{ActorContext, BoundRef, ClusterClient, SpawnError, TellError};
use casty_transport::MemoryNetwork;
use tokio::sync::{Notify, mpsc};

use crate::node::{builder, in_paused_time};

const SECOND: Duration = Duration::from_secs(1);

async fn client() -> ClusterClient {
    let client = builder(&MemoryNetwork::new(), "n:1").connect().await;
    client.unwrap()
}

/// Starts an actor that hands on what it is told, stops at 0 and panics below.
fn handing_on(client: &ClusterClient, name: &str) -> (BoundRef<i32>, mpsc::UnboundedReceiver<i32>) {
    let (to, handled) = mpsc::unbounded_channel();
    let handle = move |number: i32, context: ActorContext<i32>| {
        assert!(number >= 0, "the actor's own panic");
        if number == 0 {
            context.stop();
        }
        to.send(number).ok();
        async {}
    };
    (client.spawn(handle, name).unwrap(), handled)
}

#[test]
fn an_actor_handles_one_message_after_the_other_until_it_stops_and_its_name_is_free() {
    in_paused_time(|| async {
        let client = client().await;
        for end in [0, -1] {
            let (actor, mut handled) = handing_on(&client, "a");
            assert!(actor.uri().ends_with("/a"), "{}", actor.uri());
            for number in [1, 2, end, 3] {
                actor.tell(number).unwrap();
            }
            let mut numbers = Vec::new();
            while let Some(number) = handled.recv().await {
                numbers.push(number);
            }
            assert_eq!(numbers, if end == 0 { vec![1, 2, 0] } else { vec![1, 2] });
            assert_eq!(actor.tell(4), Err(TellError::NoSuchActor));
            assert_eq!(client.stats().gauges.actors, 0);
        }
    });
}

#[test]
fn a_name_is_one_actors_and_begins_with_no_mark() {
    in_paused_time(|| async {
        let client = client().await;
        let (first, _handled) = handing_on(&client, "a");
        let taken = |name: &str| {
            let nothing = |_: i32, _: ActorContext<i32>| async {};
            client.spawn(nothing, name).unwrap_err()
        };
        assert_eq!(taken("a"), SpawnError::Taken("a".to_owned()));
        for name in ["", "_a", "/a", "a\nb"] {
            assert_eq!(taken(name), SpawnError::Name(name.to_owned()));
        }
        assert_eq!(first.tell(1), Ok(()));
    });
}

#[test]
fn actors_tell_each_other() {
    in_paused_time(|| async {
        let client = client().await;
        let (last, mut handled) = handing_on(&client, "last");
        let to = last.actor_ref();
        let pass_on = move |number: i32, context: ActorContext<i32>| {
            assert_eq!(context.tell(&to, number + 1), Ok(()));
            async {}
        };
        let first = client.spawn(pass_on, "first").unwrap();
        first.tell(1).unwrap();
        assert_eq!(handled.recv().await, Some(2));
    });
}

#[test]
fn closing_waits_for_what_is_in_mailboxes_and_no_longer_than_it_may() {
    in_paused_time(|| async {
        let client_of_quick = client().await;
        let (actor, mut handled) = handing_on(&client_of_quick, "a");
        for number in 1..=100 {
            actor.tell(number).unwrap();
        }
        let closing = tokio::time::Instant::now();
        client_of_quick.close(SECOND).await;
        assert_eq!(closing.elapsed(), Duration::ZERO, "they have ended");
        let mut numbers = Vec::new();
        while let Ok(number) = handled.try_recv() {
            numbers.push(number);
        }
        assert_eq!(numbers, (1..=100).collect::<Vec<_>>());

        let client_of_slow = client().await;
        let (begun, dropped) = (Arc::new(Notify::new()), Arc::new(()));
        let (told, held) = (Arc::clone(&begun), Arc::clone(&dropped));
        let never = move |_: i32, _: ActorContext<i32>| {
            let (told, held) = (Arc::clone(&told), Arc::clone(&held));
            async move {
                told.notify_one();
                std::future::pending::<()>().await;
                drop(held);
            }
        };
        let actor = client_of_slow.spawn(never, "a").unwrap();
        actor.tell(1).unwrap();
        begun.notified().await;
        let closing = tokio::time::Instant::now();
        client_of_slow.close(SECOND).await;
        let took = closing.elapsed();
        assert!((SECOND..2 * SECOND).contains(&took), "{took:?}");
        assert_eq!(Arc::strong_count(&dropped), 1, "its handler was dropped");
    });
}
