//! The client on threads that run no async code.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use casty_client::blocking::{Elapsed, Wait, WaitEach};
use casty_client::{ActorRef, ClusterClient};
use casty_proto::message::ShardEnvelope;
use casty_transport::MemoryNetwork;
use serde::{Deserialize, Serialize};
use tokio::runtime::{self, Runtime};

use crate::node::{Link, Node, assert_conserved, builder};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
#[serde(rename = "m.Get")]
struct Get {
    reply_to: ActorRef<i64>,
    number: i64,
}

fn runtime() -> Runtime {
    let mut runtime = runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap()
}

/// Starts a node in a thread of its own, and hands its only connection to `play` once the client has a
/// view; its outcome is returned through the channel.
fn node<T, F>(
    network: &MemoryNetwork,
    play: impl FnOnce(Link) -> F + Send + 'static,
) -> mpsc::Receiver<T>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let (listens, listening) = mpsc::channel();
    let (played, outcome) = mpsc::channel();
    let network = network.clone();
    thread::spawn(move || {
        runtime().block_on(async {
            let mut node = Node::listen(&network, "n:1").await;
            listens.send(()).ok();
            let link = node.accept_and_tell().await;
            played.send(play(link).await).ok();
        });
    });
    listening.recv().unwrap();
    outcome
}

/// Answers each ask with its number until the client is gone.
async fn answer(mut link: Link) -> usize {
    let mut asks = 0;
    while let Some(received) = link.next_to("/_region-r").await {
        let envelope: ShardEnvelope<Get> = received.decode();
        let Get { reply_to, number } = envelope.message;
        // None is read that is negative.
        if number >= 0 {
            link.send(&reply_to, &number).await;
        }
        asks += 1;
    }
    asks
}

fn started(network: &MemoryNetwork) -> ClusterClient {
    let client = builder(network, "n:1").connect_blocking().unwrap();
    client.ready(20 * SECOND).wait().unwrap();
    client
}

#[test]
fn threads_ask_and_wait_and_the_client_closes_in_order() {
    let network = MemoryNetwork::new();
    let asked = node(&network, answer);
    let client = started(&network);
    let region = client.region("r", 1).unwrap();
    thread::scope(|threads| {
        for first in [0, 100, 200, 300] {
            let region = &region;
            threads.spawn(move || {
                for number in first..first + 50 {
                    let entity = region.entity(format!("e{number}"));
                    let ask = entity.ask(|reply_to| Get { reply_to, number });
                    assert_eq!(ask.within(20 * SECOND).wait().unwrap(), number);
                }
            });
        }
    });
    let many = region.ask_many(8, 0..100, |number, reply_to| {
        ("e", Get { reply_to, number })
    });
    let numbers = many.wait_each().map(|(_, number)| number.unwrap());
    let mut numbers: Vec<i64> = numbers.collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    assert_conserved(&client.close(20 * SECOND).wait());
    assert_eq!(asked.recv_timeout(20 * SECOND), Ok(300));
}

#[test]
fn a_wait_ends_in_time_and_loses_nothing() {
    let network = MemoryNetwork::new();
    let _asked = node(&network, answer);
    let client = started(&network);
    let region = client.region("r", 1).unwrap();
    let soon = Duration::from_millis(20);
    let unanswered = |reply_to| Get {
        reply_to,
        number: -1,
    };
    let entity = region.entity("e");
    let waited = entity.ask(unanswered).wait_within(soon);
    assert!(matches!(waited, Err(Elapsed)), "{waited:?}");
    // Its own time limit is kept where no time is kept for the caller.
    let timed_out = entity.ask(unanswered).within(soon).wait();
    assert!(
        matches!(timed_out, Err(casty_client::AskError::Timeout { .. })),
        "{timed_out:?}"
    );

    let mut views = client.topology().wait_each();
    assert!(views.next().is_some());
    let nothing = views.next_within(soon).map(|view| view.is_some());
    assert_eq!(nothing, Err(Elapsed));
    client.close(SECOND).wait();
    let end = views.next_within(20 * SECOND).map(|view| view.is_some());
    assert_eq!(end, Ok(false));
}

#[test]
fn a_limit_is_kept_on_a_thread_whose_runtime_nobody_drives() {
    let (done, ended) = mpsc::channel();
    // On a thread of its own, so that the test ends whatever it finds.
    thread::spawn(move || {
        let idle = runtime();
        let _entered = idle.enter();
        let soon = Duration::from_millis(20);
        let waited = std::future::pending::<()>().wait_within(soon);
        let mut items = tokio_stream::pending::<()>().wait_each();
        done.send((waited, items.next_within(soon))).ok();
    });
    let ended = ended.recv_timeout(20 * SECOND);
    assert_eq!(ended, Ok((Err(Elapsed), Err(Elapsed))));
}

#[test]
fn actors_are_started_on_any_thread_and_run_on_that_of_the_client() {
    let network = MemoryNetwork::new();
    let _asked = node(&network, answer);
    let client = started(&network);
    let (heard, hears) = mpsc::channel();
    let actor = client.spawn(
        move |number: i64, _| {
            heard.send((number, thread::current().id())).ok();
            async {}
        },
        "ear",
    );
    client.tell(&actor.unwrap().actor_ref(), 7).unwrap();
    let (number, thread) = hears.recv_timeout(20 * SECOND).unwrap();
    assert_eq!(number, 7);
    assert_ne!(thread, thread::current().id());
    client.close(SECOND).wait();
}

#[test]
fn a_client_that_is_dropped_anywhere_takes_its_leave_of_the_node() {
    for in_a_task in [false, true] {
        let network = MemoryNetwork::new();
        let ended = node(&network, |mut link| async move {
            while let Some(received) = link.next().await {
                if received.class().ends_with("UnsubscribeTopology") {
                    return true;
                }
            }
            false
        });
        let client = started(&network);
        if in_a_task {
            runtime().block_on(async move { drop(client) });
        } else {
            drop(client);
        }
        assert_eq!(ended.recv_timeout(20 * SECOND), Ok(true), "{in_a_task}");
    }
}

#[test]
fn a_thread_that_may_block_waits_on_a_runtime_too() {
    let network = MemoryNetwork::new();
    let _asked = node(&network, answer);
    runtime().block_on(async {
        let waited = tokio::task::spawn_blocking(move || {
            let client = started(&network);
            let entity = client.region("r", 1).unwrap().entity("e");
            let ask = entity.ask(|reply_to| Get {
                reply_to,
                number: 7,
            });
            ask.within(20 * SECOND).wait()
        });
        assert_eq!(waited.await.unwrap().unwrap(), 7);
    });
}

#[test]
#[should_panic(expected = "Cannot start a runtime from within a runtime")]
fn a_task_is_told_to_await_instead() {
    runtime().block_on(async { std::future::ready(()).wait() });
}
