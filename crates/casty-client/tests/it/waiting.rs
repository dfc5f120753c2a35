//! Waiting for capacity: its deadline, its order and its cost to others.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use casty_client::{
    ActorRef, BufferLimits, ClusterClient, EntityRef, Loss, NotSent, Overflow, ShardEnvelope,
    TellError,
};
use casty_proto::message::SubscribeTopology;
use casty_transport::MemoryNetwork;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::node::{Node, actor, assert_conserved, builder, in_paused_time, others_run, view};

const SECOND: Duration = Duration::from_secs(1);

fn entity(client: &ClusterClient) -> EntityRef {
    client.entity_ref("r", 1).unwrap().entity("e")
}

/// Returns a client that no node answers, with its pending buffer full.
async fn full(network: &MemoryNetwork, buffer_timeout: Duration) -> ClusterClient {
    let client = builder(network, "n:1").buffer(BufferLimits::default().messages(4).bytes(1 << 20));
    let client = client
        .buffer_timeout(buffer_timeout)
        .connect()
        .await
        .unwrap();
    let entity = entity(&client);
    while entity.tell(-1).is_ok() {}
    assert_eq!(
        client.stats().buffered,
        2,
        "half, because no owner is known"
    );
    client
}

#[test]
fn waiting_for_capacity_in_the_pending_buffer_ends_with_the_time_for_it() {
    in_paused_time(|| async {
        let client = full(&MemoryNetwork::new(), 60 * SECOND).await;
        let begun = Instant::now();
        let outcome = entity(&client).tell_within(1, 3 * SECOND).await;
        assert_eq!(outcome, Err(TellError::BufferFull));
        assert_eq!(begun.elapsed(), 3 * SECOND);
        // The buffer timeout by default, when there is capacity at the same time.
        entity(&client).tell_wait(1).await.unwrap();
        assert!(begun.elapsed() <= 61 * SECOND, "{:?}", begun.elapsed());
        assert_conserved(&client.close(Duration::ZERO).await);
    });
}

#[test]
fn references_to_regions_and_actors_wait_for_capacity_as_those_to_entities_do() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = full(&network, 60 * SECOND).await;
        let region = client.region("r", 1).unwrap();
        let told = client.bind(ActorRef::new("casty://s@n:1/told").unwrap());
        let envelope = |message: &str| ShardEnvelope::new("e", message.to_owned());
        let begun = Instant::now();
        let outcome = region.tell_within(envelope("-"), 3 * SECOND).await;
        assert_eq!(outcome, Err(TellError::BufferFull));
        assert_eq!(begun.elapsed(), 3 * SECOND);
        // What is refused for another reason is not waited for.
        let long = "-".repeat(17 << 20);
        let begun = Instant::now();
        let outcome = region.tell_within(envelope(&long), SECOND).await;
        assert!(matches!(outcome, Err(TellError::TooLong { .. })));
        let outcome = told.tell_within(long, SECOND).await;
        assert!(matches!(outcome, Err(TellError::TooLong { .. })));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let waiting = async {
            let (told, region) = (told.tell_wait("to an actor".into()), region.clone());
            told.await.unwrap();
            region.tell_wait(envelope("to an entity")).await.unwrap();
        };
        let reading = async {
            let mut node = Node::listen(&network, "n:1").await;
            let mut link = node.accept_and_tell().await;
            let to_actor: String = link.next_to("/told").await.unwrap().decode();
            (link, to_actor)
        };
        let ((), (_link, to_actor)) = tokio::join!(waiting, reading);
        assert_eq!(to_actor, "to an actor");
        assert_conserved(&client.close(SECOND).await);
    });
}

#[test]
fn capacity_that_comes_with_time_is_given_to_who_waits() {
    in_paused_time(|| async {
        let client = full(&MemoryNetwork::new(), 5 * SECOND).await;
        let begun = Instant::now();
        entity(&client).tell_within(1, 60 * SECOND).await.unwrap();
        assert!(begun.elapsed() <= 6 * SECOND, "{:?}", begun.elapsed());
        assert_conserved(&client.close(Duration::ZERO).await);
    });
}

#[test]
fn waiting_for_capacity_in_an_outbox_ends_with_the_time_for_it() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").outbox_bytes(4096);
        let client = client.buffer_timeout(4 * SECOND).connect().await.unwrap();
        let _link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        let entity = entity(&client);
        // What the pipe takes off the outbox is bounded.
        while !matches!(
            entity.tell_within("x".repeat(1000), SECOND).await,
            Err(TellError::Busy { .. })
        ) {}
        let begun = Instant::now();
        let outcome = entity.tell_wait("x".repeat(1000)).await;
        assert!(
            matches!(outcome, Err(TellError::Busy { .. })),
            "{outcome:?}"
        );
        assert_eq!(begun.elapsed(), 4 * SECOND);
        assert_conserved(&client.close(Duration::ZERO).await);
    });
}

#[test]
fn a_task_that_stops_waiting_has_sent_nothing() {
    in_paused_time(|| async {
        let client = full(&MemoryNetwork::new(), 60 * SECOND).await;
        let accepted = client.stats().accepted;
        for _ in 0..10 {
            let entity = entity(&client);
            let waiting = entity.tell_within(1, 30 * SECOND);
            assert!(tokio::time::timeout(SECOND, waiting).await.is_err());
        }
        assert_eq!(client.stats().accepted, accepted);
        assert_conserved(&client.close(Duration::ZERO).await);
    });
}

#[test]
fn the_gauges_show_what_waits_and_that_nothing_is_left() {
    in_paused_time(|| async {
        let client = full(&MemoryNetwork::new(), 5 * SECOND).await;
        let silent = |_: String, _| std::future::pending();
        let actor = client.spawn(silent, "silent").unwrap();
        for _ in 0..3 {
            actor.tell("x".into()).unwrap();
        }
        let entity = entity(&client);
        let waiting = tokio::spawn(async move { entity.tell_within(1, SECOND).await });
        // The actor takes the first message, the client's dials fail.
        tokio::time::sleep(SECOND / 2).await;
        let gauges = client.stats().gauges;
        assert!(gauges.buffered_bytes > 0, "{gauges:?}");
        assert_eq!((gauges.actors, gauges.mailboxes), (1, 2));
        assert_eq!((gauges.waiting_tells, gauges.regions), (1, 1));
        assert_eq!((gauges.dial_failures, gauges.members), (1, 0));
        assert_eq!(gauges.waiting_views, 0);
        waiting.await.unwrap().unwrap_err();
        let report = client.close(Duration::ZERO).await;
        assert_conserved(&report);
        let gauges = report.stats.gauges;
        assert_eq!((gauges.waiting_tells, gauges.mailboxes), (0, 0));
        assert_eq!((gauges.buffered_bytes, gauges.queued_bytes), (0, 0));
    });
}

#[test]
fn a_closed_client_keeps_nobody_waiting() {
    in_paused_time(|| async {
        let client = full(&MemoryNetwork::new(), 600 * SECOND).await;
        let entity = entity(&client);
        // The last is longer than the whole buffer.
        let tells = [1, 1, 2 << 20].map(|length| {
            let entity = entity.clone();
            tokio::spawn(async move { entity.tell_wait("-".repeat(length)).await })
        });
        tokio::task::yield_now().await;
        let begun = Instant::now();
        assert_conserved(&client.close(SECOND).await);
        for waiting in tells {
            assert_eq!(waiting.await.unwrap(), Err(TellError::Closed));
        }
        assert!(begun.elapsed() <= 2 * SECOND, "{:?}", begun.elapsed());
    });
}

/// Counts the polls of a future.
async fn counted<F: Future>(polls: Arc<AtomicUsize>, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        polls.fetch_add(1, Ordering::Relaxed);
        future.as_mut().poll(cx)
    })
    .await
}

#[test]
fn a_hundred_that_wait_for_the_pending_buffer_come_in_order_and_none_is_woken_for_nothing() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = full(&network, 600 * SECOND).await;
        let polls = Arc::new(AtomicUsize::new(0));
        let mut waiting = JoinSet::new();
        let mut leaving = Vec::new();
        for number in 0..100_i32 {
            let entity = entity(&client);
            let polls = Arc::clone(&polls);
            let task = waiting.spawn(counted(
                polls,
                async move { entity.tell_wait(number).await },
            ));
            if number % 3 == 0 {
                leaving.push(task);
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(polls.load(Ordering::Relaxed), 100);
        for task in leaving {
            task.abort();
        }
        let mut node = Node::listen(&network, "n:1").await;
        let mut link = node.accept_and_tell().await;
        let mut received = Vec::new();
        while received.len() < 66 {
            let envelope: ShardEnvelope<i32> = link.next_to("/_region-r").await.unwrap().decode();
            received.extend(Some(envelope.message).filter(|number| *number >= 0));
        }
        let expected: Vec<_> = (0..100).filter(|number| number % 3 != 0).collect();
        assert_eq!(received, expected);
        while let Some(ended) = waiting.join_next().await {
            assert!(ended.is_err() || ended.unwrap().is_ok());
        }
        let polls = polls.load(Ordering::Relaxed);
        assert!(polls <= 100 + 66 + 34, "{polls}");
        assert_conserved(&client.close(SECOND).await);
    });
}

#[test]
fn one_that_waits_for_a_dead_node_keeps_nobody_from_the_capacity_for_another() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = full(&network, 30 * SECOND).await;
        let to = |node: &str| {
            let uri = format!("casty://s@{node}/a");
            client.bind(ActorRef::<i32>::new(uri).unwrap())
        };
        let (dead, other) = (to("dead:1"), to("other:1"));
        dead.tell(1).unwrap();
        other.tell(1).unwrap();
        for full in [&dead, &other] {
            assert_eq!(full.tell(1), Err(TellError::BufferFull));
        }
        let waiting = tokio::spawn(async move { dead.tell_within(2, 20 * SECOND).await });
        tokio::task::yield_now().await;
        let second = tokio::spawn(async move { other.tell_within(2, 20 * SECOND).await });
        tokio::task::yield_now().await;
        let mut node = Node::listen(&network, "other:1").await;
        let mut link = node.accept().await;
        for expected in [1, 2] {
            let received = link.next_to("/a").await.unwrap();
            assert_eq!(received.decode::<i32>(), expected);
        }
        second.await.unwrap().unwrap();
        waiting.await.unwrap().ok();
        assert_conserved(&client.close(Duration::ZERO).await);
    });
}

#[test]
fn a_full_outbox_far_larger_than_a_frame_may_be_keeps_nobody_busy() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let builder = builder(&network, "n:1").outbox_bytes(100_000);
        let client = builder.max_frame(8_192).buffer_timeout(60 * SECOND);
        let client = client.connect().await.unwrap();
        for _ in 0..400 {
            entity(&client).tell("x".repeat(1000)).unwrap();
        }
        let mut node = Node::listen(&network, "n:1").await;
        let _link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        // Virtual time only moves while nobody is busy.
        tokio::time::sleep(SECOND).await;
        let stats = client.stats();
        assert!(stats.buffered > 100 && stats.queued > 50, "{stats:?}");
        assert_conserved(&client.close(Duration::ZERO).await);
    });
}

#[test]
fn the_oldest_gives_way_and_is_a_dead_letter_that_says_so() {
    in_paused_time(|| async {
        let (letters, mut dead) = tokio::sync::mpsc::unbounded_channel();
        let client = builder(&MemoryNetwork::new(), "n:1")
            .buffer(BufferLimits::default().messages(4).bytes(1 << 20))
            .buffer_overflow(Overflow::DropOldest)
            .on_dead_letter(move |letter| letters.send(letter.clone()).unwrap());
        let client = client.connect().await.unwrap();
        for number in 0..10 {
            entity(&client).tell(number).unwrap();
        }
        assert_eq!((client.stats().buffered, client.stats().not_sent), (2, 8));
        for _ in 0..8 {
            let letter = dead.recv().await.unwrap();
            assert_eq!(letter.loss, Loss::NotSent(NotSent::Displaced));
        }
        assert_conserved(&client.close(Duration::ZERO).await);
    });
}

#[test]
fn one_that_waits_and_finds_the_capacity_taken_waits_on() {
    in_paused_time(|| async {
        let limits = BufferLimits::default().messages(2).bytes(1 << 20);
        let client = builder(&MemoryNetwork::new(), "n:1").buffer(limits);
        let client = client.buffer_timeout(60 * SECOND).connect().await.unwrap();
        let asking = entity(&client);
        // It is woken for the end of its ask, before the other is for the capacity.
        let taking = tokio::spawn(async move {
            let ask = asking.ask::<_, i32>(|reply_to: ActorRef<i32>| reply_to);
            ask.within(SECOND).await.unwrap_err();
            asking.tell(1)
        });
        tokio::task::yield_now().await;
        let telling = entity(&client);
        assert_eq!(telling.tell(2), Err(TellError::BufferFull));
        let waiting = tokio::spawn(async move { telling.tell_within(2, 30 * SECOND).await });
        assert_eq!(taking.await.unwrap(), Ok(()));
        tokio::time::sleep(SECOND).await;
        assert!(!waiting.is_finished());
        assert_eq!(client.stats().gauges.waiting_tells, 1);
        client.close(Duration::ZERO).await;
        assert_eq!(waiting.await.unwrap(), Err(TellError::Closed));
    });
}

#[test]
fn one_that_waits_for_the_pending_buffer_needs_it_no_longer_once_its_node_is_connected() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut first = Node::listen(&network, "a:1").await;
        let mut second = Node::listen(&network, "b:1").await;
        let limits = BufferLimits::default().messages(4).bytes(1 << 20);
        let client = builder(&network, "a:1").buffer(limits);
        let client = client.buffer_timeout(600 * SECOND).connect().await.unwrap();
        let mut link = first.accept().await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        let alone = view(&[&first.address], None);
        link.send(&subscribe.reply_to, &alone).await;
        client.ready(SECOND).await.unwrap();
        for port in 1..=4 {
            let uri = format!("casty://s@dead:{port}/a");
            let to = ActorRef::new(uri).unwrap();
            while client.tell(&to, 1).is_ok() {}
        }
        let to = client.bind(actor::<i32>(&second, "/x"));
        let waiting = tokio::spawn(async move { to.tell_within(7, 60 * SECOND).await });
        others_run().await;
        assert_eq!(client.stats().gauges.waiting_tells, 1);
        let both = view(&[&first.address, &second.address], None);
        link.send(&subscribe.reply_to, &both).await;
        let mut joined = second.accept().await;
        let begun = Instant::now();
        let received = joined.next_to("/x").await.unwrap();
        assert_eq!(received.decode::<i32>(), 7);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert!(client.stats().buffered >= 3, "{:?}", client.stats());
    });
}

#[test]
fn a_full_outbox_is_given_more_when_half_of_it_is_free() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = builder(&network, "n:1").outbox_bytes(100_000);
        let client = client.buffer_timeout(600 * SECOND).connect().await.unwrap();
        for _ in 0..60 {
            entity(&client).tell("x".repeat(10_000)).unwrap();
        }
        let mut node = Node::listen(&network, "n:1").await;
        let mut link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        others_run().await;
        let full = client.stats().buffered;
        let mut given = 0;
        while given == 0 {
            link.next_to("/_region-r").await.unwrap();
            others_run().await;
            given = full - client.stats().buffered;
        }
        assert!((4..=6).contains(&given), "of ten that fit: {given}");
    });
}
