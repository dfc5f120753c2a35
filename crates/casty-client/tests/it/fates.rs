//! The fates of messages and asks when connections are slow, full, lost or closed.

use std::time::Duration;

use crate::node::{Link, Node, actor, assert_conserved, builder, in_paused_time, view};
use casty_client::{
    ActorRef, AskError, ClusterClient, Fate, Loss, MissingRoute, NotSent, ShardEnvelope, TellError,
};
use casty_transport::MemoryNetwork;

const SECOND: Duration = Duration::from_secs(1);

fn text(number: usize, length: usize) -> String {
    format!("{number:08}{}", "-".repeat(length))
}

/// Returns a node that owns the only shard of region `r`, a client that has its view, and their
/// connection.
async fn connected() -> (Node, ClusterClient, Link) {
    let network = MemoryNetwork::new();
    let mut node = Node::listen(&network, "n:1").await;
    let client = builder(&network, "n:1").connect().await.unwrap();
    let link = node.accept_and_tell().await;
    client.ready(SECOND).await.unwrap();
    (node, client, link)
}

#[test]
fn waiting_for_capacity_for_a_message_of_half_an_outbox_lets_others_run() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").outbox_bytes(4096);
        let client = client.connect().await.unwrap();
        let mut link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        while entity.tell(text(0, 100)).is_ok() {}
        let telling = tokio::spawn(async move {
            for number in 0..10 {
                entity.tell_wait(text(number, 2000)).await.unwrap();
            }
        });
        let mut big = 0;
        while big < 10 {
            let received = link.next_to("/_region-r").await.unwrap();
            let envelope: ShardEnvelope<String> = received.decode();
            if envelope.message.len() > 2000 {
                assert_eq!(envelope.message, text(big, 2000));
                big += 1;
            }
        }
        telling.await.unwrap();
    });
}

#[test]
fn a_buffered_message_longer_than_half_an_outbox_waits_without_spinning() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").outbox_bytes(256 * 1024);
        let client = client.connect().await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        // More than the pipe holds, then one that finds half of the outbox too small.
        for length in [150_000, 200_000] {
            entity.tell(text(0, length)).unwrap();
        }
        let _link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        // Virtual time only moves while nobody is busy.
        tokio::time::sleep(SECOND).await;
        assert_eq!((client.stats().buffered, client.stats().queued), (1, 1));
        tokio::time::sleep(10 * SECOND).await;
        assert_eq!(client.stats().not_sent, 1, "its buffer timeout is over");
    });
}

#[test]
fn messages_to_an_actor_never_overtake_those_buffered_for_it() {
    in_paused_time(|| overtaking(0));
}

#[test]
fn messages_to_an_actor_never_overtake_those_that_entities_keep_waiting() {
    in_paused_time(|| overtaking(100));
}

/// Tells an actor more than the outbox and the pipe hold, before and after it is connected,
/// `others` messages to an entity going first.
async fn overtaking(others: usize) {
    let network = MemoryNetwork::new();
    let mut node = Node::listen(&network, "n:1").await;
    let client = builder(&network, "n:1").outbox_bytes(4096);
    let client = client.connect().await.unwrap();
    let entity = client.entity_ref("r", 1).unwrap().entity("e");
    for number in 0..others {
        entity.tell(text(number, 1000)).unwrap();
    }
    let to = actor(&node, "/a");
    let mut told = 0;
    while told < 150 {
        client.tell(&to, text(told, 1000)).unwrap();
        told += 1;
    }
    let mut link = node.accept_and_tell().await;
    for expected in 0..300 {
        while told < 300 && client.tell(&to, text(told, 1000)).is_ok() {
            told += 1;
        }
        let received = link.next_to("/a").await.unwrap();
        assert_eq!(received.decode::<String>(), text(expected, 1000));
    }
    let stats = client.stats();
    assert_eq!(stats.accepted, 300 + others as u64);
    assert_eq!(stats.written, stats.accepted);
}

#[test]
fn closing_ends_though_a_node_reads_nothing_and_closes_nothing() {
    in_paused_time(|| async {
        let (_node, client, _link) = connected().await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        for number in 0..5 {
            entity.tell(text(number, 100_000)).unwrap();
        }
        let report = client.close(SECOND).await;
        assert!(!report.drained);
        assert_conserved(&report);
        assert_eq!((report.stats.accepted, report.stats.connections), (5, 0));
    });
}

#[test]
fn closing_ends_though_a_node_that_reads_everything_never_closes() {
    in_paused_time(|| async {
        let (_node, client, mut link) = connected().await;
        tokio::spawn(async move {
            while link.next().await.is_some() {}
            std::future::pending::<()>().await;
            drop(link);
        });
        let report = client.close(SECOND).await;
        assert_conserved(&report);
        assert!(report.drained && report.stats.connections == 0);
    });
}

#[test]
fn closing_again_reports_the_same() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = builder(&network, "n:1").buffer_timeout(SECOND);
        let client = client.connect().await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(1).unwrap();
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(client.stats().not_sent, 1);
        let first = client.close(SECOND).await;
        assert_conserved(&first);
        assert_eq!(client.close(SECOND).await, first);
    });
}

#[test]
fn closing_takes_no_longer_than_the_shortest_time_asked_for() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = builder(&network, "n:1").buffer_timeout(600 * SECOND);
        let client = client.connect().await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(1).unwrap();
        let patient = client.clone();
        tokio::spawn(async move { patient.close(300 * SECOND).await });
        tokio::time::sleep(SECOND).await;
        let begun = tokio::time::Instant::now();
        assert_conserved(&client.close(SECOND).await);
        assert!(begun.elapsed() <= 3 * SECOND, "{:?}", begun.elapsed());
    });
}

#[test]
fn a_close_that_is_dropped_ends_the_client_all_the_same_and_in_order() {
    in_paused_time(|| async {
        let (_node, client, mut link) = connected().await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let answer =
            tokio::spawn(async move { entity.ask(|reply_to: ActorRef<i32>| reply_to).await });
        let question = link.next_to("/_region-r").await.unwrap();
        let question: ShardEnvelope<ActorRef<i32>> = question.decode();
        // Polled once, by a task that is to let others run: it may not wait for a turn.
        std::future::poll_fn(|cx| {
            while Box::pin(tokio::task::consume_budget())
                .as_mut()
                .poll(cx)
                .is_ready()
            {}
            let close = std::pin::pin!(client.close(4 * SECOND));
            assert!(close.poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        tokio::time::sleep(SECOND).await;
        link.send(&question.message, &42).await;
        assert_eq!(answer.await.unwrap().unwrap(), 42);
        let ended = async { while link.next().await.is_some() {} };
        let ended = tokio::time::timeout(10 * SECOND, ended).await;
        assert!(ended.is_ok(), "it neither serves nor ends");
    });
}

#[test]
fn closing_with_all_the_time_in_the_world_is_no_overflow() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = builder(&network, "n:1").connect().await.unwrap();
        let report = client.close(Duration::MAX).await;
        assert_conserved(&report);
        assert!(report.drained);
    });
}

#[test]
fn the_dead_letter_hook_may_use_the_client() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let (letters, mut dead) = tokio::sync::mpsc::unbounded_channel();
        let cell = std::sync::Arc::new(std::sync::OnceLock::<ClusterClient>::new());
        let inside = std::sync::Arc::clone(&cell);
        let client = builder(&network, "n:1")
            .buffer_timeout(SECOND)
            .on_dead_letter(move |letter| {
                let stats = inside.get().map(ClusterClient::stats);
                letters.send((letter.clone(), stats)).unwrap();
            });
        let client = client.connect().await.unwrap();
        cell.set(client.clone()).unwrap();
        client
            .entity_ref("r", 1)
            .unwrap()
            .entity("e")
            .tell(1)
            .unwrap();
        let (letter, stats) = dead.recv().await.unwrap();
        assert_eq!(
            letter.loss,
            Loss::NotSent(NotSent::Expired(MissingRoute::View))
        );
        assert_eq!((letter.fate(), letter.message_type), (Fate::NotSent, "i32"));
        assert_eq!(stats.unwrap().not_sent, 1);
    });
}

#[test]
fn an_ask_of_an_own_actor_ends_with_the_client() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = builder(&network, "n:1").connect().await.unwrap();
        let silent = |_: String, _| std::future::ready(());
        let silent = client.spawn(silent, "silent").unwrap();
        let ask = silent.ask::<i32>(|_| text(0, 1)).within(60 * SECOND);
        let reply = tokio::spawn(ask.send());
        tokio::task::yield_now().await;
        assert_conserved(&client.close(SECOND).await);
        let outcome = tokio::time::timeout(120 * SECOND, reply).await;
        assert!(outcome.expect("it ends").unwrap().is_err());
    });
}

/// Runs in real time: a paused clock would run ahead of the client's runtime, which is another.
#[tokio::test]
async fn asks_and_tells_end_when_the_runtime_of_the_client_goes() {
    let test = async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let (ready, client) = tokio::sync::oneshot::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let inside = network.clone();
        let running = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            let client = runtime.block_on(builder(&inside, "n:1").connect()).unwrap();
            ready.send(client).ok();
            ended.recv().ok();
        });
        let client = client.await.unwrap();
        let _link = node.accept_and_tell().await;
        let mut views = client.topology();
        views.changed().await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = entity.ask(|reply_to: ActorRef<i32>| reply_to);
        let reply = ask.within(SECOND).send();
        end.send(()).unwrap();
        running.join().unwrap();
        assert!(matches!(entity.tell(1), Err(TellError::Closed)));
        assert!(matches!(reply.await, Err(AskError::Closed)));
    };
    let ended = tokio::time::timeout(20 * SECOND, test).await;
    ended.expect("it ended");
}

#[test]
fn a_view_of_a_subscription_never_made_does_not_shut_out_later_ones() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").connect().await.unwrap();
        let mut link = node.accept().await;
        let subscribe: casty_proto::message::SubscribeTopology =
            link.next().await.unwrap().decode();
        let uri = subscribe.reply_to.uri();
        let (root, _) = uri.rsplit_once('/').unwrap();
        let wrong = ActorRef::new(format!("{root}/{}", u64::MAX)).unwrap();
        link.send(&wrong, &view(&[], None)).await;
        let right = view(&[&node.address], Some(&node.address));
        link.send(&subscribe.reply_to, &right).await;
        let mut views = client.topology();
        let seen = views.wait_for(|view| view.members().len() == 1);
        let seen = tokio::time::timeout(10 * SECOND, seen).await;
        assert!(seen.is_ok(), "the real view counts");
    });
}

#[test]
fn the_clients_own_questions_are_not_counted_among_messages() {
    in_paused_time(|| async {
        let (_node, client, _link) = connected().await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(text(0, 100_000)).unwrap();
        // The silent node is asked for its view, and reads nothing.
        tokio::time::sleep(10 * SECOND).await;
        assert_eq!(client.stats().queued, 1);
        assert!(client.stats().is_conserved());
    });
}

#[test]
fn what_a_lost_connection_gave_back_is_not_taken_for_written() {
    in_paused_time(|| async {
        for _ in 0..20 {
            let network = MemoryNetwork::new();
            let mut node = Node::listen(&network, "n:1").await;
            let client = builder(&network, "n:1").connect().await.unwrap();
            let link = node.accept_and_tell().await;
            client.ready(SECOND).await.unwrap();
            let entity = client.entity_ref("r", 1).unwrap().entity("e");
            for number in 0..3 {
                entity.tell(text(number, 100_000)).unwrap();
            }
            tokio::task::yield_now().await;
            drop(node);
            drop(link);
            let report = client.close(Duration::ZERO).await;
            assert_conserved(&report);
            assert_eq!(report.drained, report.stats.not_sent == 0, "{report:?}");
        }
    });
}

#[test]
fn messages_keep_their_order_and_their_number_over_many_lost_connections() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").buffer_timeout(600 * SECOND);
        let client = client.outbox_bytes(8192).connect().await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let to = actor(&node, "/a");
        let telling = client.clone();
        let teller = tokio::spawn(async move {
            for number in 0..3000 {
                entity.tell_wait(text(number, 300)).await.unwrap();
                while let Err(TellError::Busy { .. }) = telling.tell(&to, text(number, 200)) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                if number % 10 == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                assert!(telling.stats().is_conserved());
            }
        });
        let (mut entities, mut actors) = (Vec::new(), Vec::new());
        for round in 0..40 {
            let mut link = node.accept_and_tell().await;
            for _ in 0..(round * 7) % 90 + 20 {
                let Ok(received) = tokio::time::timeout(SECOND, link.next()).await else {
                    break;
                };
                let received = received.unwrap();
                match received.path.as_str() {
                    "/_region-r" => {
                        let envelope: ShardEnvelope<String> = received.decode();
                        entities.push(envelope.message);
                    }
                    "/a" => actors.push(received.decode::<String>()),
                    _ => {}
                }
            }
        }
        drop(node);
        teller.abort();
        for all in [&entities, &actors] {
            assert!(all.len() > 500, "{}", all.len());
            assert!(all.windows(2).all(|two| two[0] < two[1]), "order, and once");
        }
        let report = client.close(SECOND).await;
        assert_conserved(&report);
        assert!(report.stats.written >= (entities.len() + actors.len()) as u64);
    });
}

#[test]
fn an_ask_whose_message_panics_takes_no_place_for_ever() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = builder(&network, "n:1").connect().await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let asking =
            tokio::spawn(async move { entity.ask::<i32, i32>(|_| panic!("the user's own")).await });
        assert!(asking.await.is_err());
        assert_eq!(client.stats().pending_asks, 0);
    });
}

#[test]
fn closing_does_not_wait_for_replies_that_have_come() {
    in_paused_time(|| async {
        let (node, client, mut link) = connected().await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = entity.ask::<ActorRef<i32>, i32>(|reply_to| reply_to);
        let reply = ask.within(60 * SECOND).send();
        let asked = link.next_to("/_region-r").await.unwrap();
        let asked: ShardEnvelope<ActorRef<i32>> = asked.decode();
        link.send(&asked.message, &7).await;
        drop(link);
        drop(node);
        tokio::time::sleep(SECOND).await;
        let begun = tokio::time::Instant::now();
        assert_conserved(&client.close(30 * SECOND).await);
        assert!(begun.elapsed() <= 2 * SECOND, "{:?}", begun.elapsed());
        assert_eq!(reply.await.unwrap(), 7);
    });
}

#[test]
fn what_was_in_flight_on_a_lost_connection_is_a_dead_letter_of_unknown_fate() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").buffer_timeout(SECOND);
        let client = client.connect().await.unwrap();
        let mut link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        let mut letters = client.dead_letters();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell("answered".to_owned()).unwrap();
        let asked = entity.ask(|reply_to: ActorRef<i32>| reply_to).send();
        link.next_to("/_region-r").await.unwrap();
        link.next_to("/_region-r").await.unwrap();
        client.tell(&actor(&node, "/a"), text(3, 10)).unwrap();
        link.next_to("/a").await.unwrap();
        drop((link, node));

        let lost = asked.await.unwrap_err();
        let unknown = Fate::Unknown;
        assert!(
            matches!(&lost, AskError::Lost { fate, .. } if *fate == unknown),
            "{lost}"
        );
        entity.tell(7_u8).unwrap();
        let mut seen = Vec::new();
        for _ in 0..4 {
            let letter = letters.recv().await.unwrap();
            let kind = letter.message_type;
            seen.push((letter.target.clone(), kind, letter.ask, letter.fate()));
        }
        let expected = [
            ("r/0", "alloc::string::String", false, unknown),
            ("r/0", std::any::type_name::<ActorRef<i32>>(), true, unknown),
            ("n:1", "alloc::string::String", false, unknown),
            ("r/0", "u8", false, Fate::NotSent),
        ];
        assert_eq!(
            seen,
            expected.map(|(to, kind, ask, fate)| (to.to_owned(), kind, ask, fate))
        );

        let report = client.close(SECOND).await;
        assert_conserved(&report);
        assert_eq!((report.stats.unknown, report.stats.not_sent), (3, 1));
        let region = &client.region_stats()[0];
        assert_eq!((region.region.as_deref(), region.accepted), (Some("r"), 3));
        assert_eq!((region.unknown, region.not_sent, region.written), (2, 1, 0));
        let actors = &client.region_stats()[1];
        assert_eq!(
            (&actors.region, actors.accepted, actors.unknown),
            (&None, 1, 1)
        );
        let nodes = client.node_stats();
        assert_eq!((nodes.len(), nodes[0].routed, nodes[0].unknown), (1, 3, 3));
        assert!(letters.recv().await.is_none());
    });
}
