//! Time that passes while the client is not driven, and callers that are driven when it is not.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use casty_client::{ActorRef, AskError, BufferLimits, Overflow, ShardEnvelope};
use casty_proto::message::SubscribeTopology;
use casty_transport::{ConnectOptions, MemoryNetwork, Transport, accept};
use serde::{Deserialize, Serialize};
use tokio::runtime::{self, Runtime};

use crate::node::{Link, Node, builder, connected, in_paused_time, others_run, view};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
#[serde(rename = "test.Get")]
struct Get {
    reply_to: ActorRef<i32>,
}

/// Lets time pass at once, in which no task is driven.
fn stop_for(time: Duration) {
    let advanced = pin!(tokio::time::advance(time));
    let polled = advanced.poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "others run next");
}

/// Answers the next ask.
async fn answer(link: &mut Link) {
    let asked = link.next_to("/_region-r").await.unwrap();
    let asked: ShardEnvelope<Get> = asked.decode();
    link.send(&asked.message.reply_to, &7).await;
}

#[test]
fn an_ask_has_all_its_time_after_one_in_which_the_client_was_not_driven() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let (client, _node, mut link) = connected(&network).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        // Keeps the clock awake.
        let waits = entity.ask(|reply_to| Get { reply_to }).within(60 * SECOND);
        let waits = tokio::spawn(waits.send());
        others_run().await;
        stop_for(6 * SECOND);
        let ask = entity.ask(|reply_to| Get { reply_to }).within(5 * SECOND);
        let answers = async {
            answer(&mut link).await;
            tokio::time::sleep(4 * SECOND).await;
            answer(&mut link).await;
        };
        let (answered, ()) = tokio::join!(ask.into_future(), answers);
        assert_eq!(answered.unwrap(), 7);
        assert_eq!(waits.await.unwrap().unwrap(), 7);
    });
}

#[test]
fn a_reply_that_came_while_the_client_was_not_driven_is_taken_though_its_time_is_over() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let (client, _node, mut link) = connected(&network).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = entity.ask(|reply_to| Get { reply_to }).within(5 * SECOND);
        let ask = tokio::spawn(ask.send());
        let asked = link.next_to("/_region-r").await.unwrap();
        let asked: ShardEnvelope<Get> = asked.decode();
        // Written, and not read before the time is over.
        link.send(&asked.message.reply_to, &7).await;
        stop_for(6 * SECOND);
        assert_eq!(ask.await.unwrap().unwrap(), 7);
    });
}

#[test]
fn the_silence_of_a_time_in_which_the_client_was_not_driven_says_nothing_of_the_cluster() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen_at(&network, "contact:1", "n:1").await;
        let client = builder(&network, "contact:1").connect().await.unwrap();
        let mut link = node.accept().await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        let told = view(&[&node.address], Some(&node.address));
        link.send(&subscribe.reply_to, &told).await;
        client.ready(SECOND).await.unwrap();
        others_run().await;
        for _ in 0..5 {
            // What the node said meanwhile is read after the client has seen how late it is.
            stop_for(12 * SECOND);
            tokio::time::sleep(SECOND / 1000).await;
            link.send(&subscribe.reply_to, &told).await;
            let dialled = tokio::time::timeout(2 * SECOND, node.accept()).await;
            assert!(dialled.is_err(), "it is connected, and not silent");
        }
    });
}

#[test]
fn a_node_that_may_be_connected_is_dialled_under_a_fresh_address() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let (transport, options) = (network.transport(), ConnectOptions::new());
        // The node calls itself by another name than the contact's.
        let [contact, node] = ["contact:1", "n:1"].map(|name| name.parse().unwrap());
        let mut listener = transport.listen(&contact).await.unwrap();
        let client = builder(&network, "contact:1").connect().await.unwrap();
        let mut announced = Vec::new();
        let mut open = Vec::new();
        // The node is silent, so it is dialled besides: it would close the first connection when
        // the second came under the same address.
        for _ in 0..3 {
            let stream = listener.accept().await.unwrap();
            let connection = accept(stream, &node, &options).await.unwrap();
            announced.push(connection.peer);
            open.push(connection.stream);
        }
        announced.sort_unstable();
        announced.dedup();
        assert_eq!(announced.len(), 3);
        drop(client);
    });
}

fn runtime() -> Runtime {
    let mut runtime = runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap()
}

#[test]
fn callers_elsewhere_are_answered_in_time_though_the_client_is_not_driven() {
    let [own, other] = [runtime(), runtime()];
    let network = MemoryNetwork::new();
    let client = own.block_on(async {
        let (client, node, link) = connected(&network).await;
        // Neither answers nor is read any more.
        std::mem::forget((node, link));
        client
    });
    let entity = client.entity_ref("r", 1).unwrap().entity("e");
    let begun = Instant::now();
    let ask = || entity.ask(|reply_to| Get { reply_to }).within(SECOND / 10);
    let asks = async { tokio::join!(ask().into_future(), ask().idempotent().into_future()) };
    let (asked, repeated) = other.block_on(asks);
    for outcome in [asked, repeated] {
        assert!(
            matches!(outcome, Err(AskError::Timeout { .. })),
            "{outcome:?}"
        );
    }
    assert!(begun.elapsed() >= SECOND / 10);
    assert!(!other.block_on(client.close(SECOND / 10)).drained);
    assert!(begun.elapsed() < 4 * SECOND, "{:?}", begun.elapsed());
}

#[test]
fn a_dead_letter_hook_may_send_though_that_makes_the_next_dead_letter() {
    in_paused_time(|| async {
        let calls = Arc::new(AtomicUsize::new(0));
        let network = MemoryNetwork::new();
        let entity = Arc::new(std::sync::OnceLock::<casty_client::EntityRef>::new());
        let (counted, to) = (Arc::clone(&calls), Arc::clone(&entity));
        let limits = BufferLimits::default().messages(4).bytes(1 << 20);
        let client = builder(&network, "n:1")
            .buffer(limits)
            .buffer_overflow(Overflow::DropOldest)
            .on_dead_letter(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
                to.get().unwrap().tell(-1).ok();
            });
        let client = client.connect().await.unwrap();
        let mut letters = client.dead_letters();
        let to = client.entity_ref("r", 1).unwrap().entity("e");
        entity.set(to.clone()).ok();
        for number in 0..10_000 {
            to.tell(number).unwrap();
        }
        // Two are buffered, and each of those that gave way let another give way.
        assert_eq!(calls.load(Ordering::SeqCst), 9_998);
        let mut heard = 0;
        let close = client.close(Duration::ZERO).await;
        while letters.recv().await.is_some() {
            heard += 1;
        }
        assert!(close.is_conserved(), "{close:?}");
        assert_eq!(heard + letters.missed(), close.stats.accepted);
    });
}

#[test]
fn what_has_less_time_than_what_waits_already_ends_in_its_own() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        // Dialled, and does not answer: nothing happens for seconds.
        let _silent = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").connect().await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = |within| {
            let ask = entity.ask(|reply_to| Get { reply_to });
            ask.within(within).send()
        };
        let waiting = tokio::spawn(ask(60 * SECOND));
        others_run().await;
        let begun = tokio::time::Instant::now();
        ask(SECOND / 4).await.unwrap_err();
        let late = begun.elapsed().saturating_sub(SECOND / 4);
        assert!(late < Duration::from_millis(50), "{late:?}");
        assert!(!waiting.is_finished());
    });
}

#[test]
fn a_caller_elsewhere_learns_how_the_end_came_out_though_it_took_longer_than_the_time_for_it() {
    let [own, other] = [runtime(), runtime()];
    let network = MemoryNetwork::new();
    let (client, node) = own.block_on(async {
        let (client, node, mut link) = connected(&network).await;
        let answer = tokio::spawn(async move {
            // It reads everything and closes nothing.
            while link.next().await.is_some() {}
            std::future::pending::<()>().await;
        });
        (client, (node, answer))
    });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let driving = std::thread::spawn(move || own.block_on(stopped));
    let report = other.block_on(client.close(SECOND / 10));
    assert!(report.drained, "{report:?}");
    assert_eq!(report.stats.connections, 0);
    drop((stop, node));
    driving.join().unwrap().unwrap_err();
}
