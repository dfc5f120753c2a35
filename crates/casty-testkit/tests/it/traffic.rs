//! Traffic on a healthy cluster.

use std::collections::HashMap;
use std::time::Duration;

use casty_client::{ActorContext, AskError, OverLimit, ServiceKey, ShardEnvelope};
use casty_proto::Codec;
use casty_testkit::{Cluster, Status};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::app::{Counter, LONG, Net, close_and_check, region};
use crate::over_all;

async fn ten_thousand_numbered_tells_arrive_in_order(net: Net) {
    let (cluster, log) = net.counters().await;
    let client = net.client(&cluster).await;
    let region = region(&client);
    for number in 0..10_000_i64 {
        let entity = format!("entity-{}", number % 100);
        let add = Counter::Add { amount: number };
        region
            .tell_wait(ShardEnvelope::<_>::new(entity, add))
            .await
            .unwrap();
    }
    let report = close_and_check(&client).await;
    assert!(report.drained);
    assert_eq!(report.stats.written, 10_000);
    handled(&cluster, 10_000).await;
    let mut told: HashMap<String, Vec<i64>> = HashMap::new();
    for (entity, number) in log.lock().iter() {
        told.entry(entity.clone()).or_default().push(*number);
    }
    assert_eq!(told.len(), 100);
    for numbers in told.values() {
        assert_eq!(numbers.len(), 100);
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
    let busy = cluster.status().nodes;
    assert!(busy.iter().all(|node| node.messages > 0), "{busy:?}");
}

/// Waits until the nodes have handled so many messages.
async fn handled(cluster: &Cluster, messages: u64) {
    let all = |status: &Status| {
        let handled = status.nodes.iter().map(|node| node.messages);
        handled.sum::<u64>() == messages
    };
    let waited = timeout(LONG, cluster.wait_until(all)).await;
    assert!(waited.is_ok(), "{:#?}", cluster.status());
}

/// Checks that a connection ends behind the last message, not before it.
async fn all_that_was_told_is_handled_when_the_client_closes_at_once(net: Net) {
    told_and_closed(net, 2_000, Duration::ZERO).await;
}

/// Checks that a node that has sent a view meanwhile is not taken for one that has read everything.
async fn all_that_was_told_to_slow_nodes_is_handled_when_the_client_closes_at_once(net: Net) {
    told_and_closed(net, 1_500, Duration::from_millis(1_500)).await;
}

/// Tells pairs of messages, the first of each 4 KiB long, to nodes that read everything so much later,
/// and closes the client.
async fn told_and_closed(net: Net, pairs: usize, delay: Duration) {
    let (cluster, log) = net.counters().await;
    let client = net.client(&cluster).await;
    for node in 0..cluster.status().nodes.len() {
        cluster.delay(node, delay);
    }
    let region = region(&client);
    let text = "x".repeat(4096);
    for number in 0..pairs {
        let entity = format!("entity-{}", number % 10);
        for message in [
            Counter::Ballast { text: text.clone() },
            Counter::Add { amount: 1 },
        ] {
            let envelope = ShardEnvelope::<_>::new(entity.clone(), message);
            region.tell_wait(envelope).await.unwrap();
        }
    }
    let report = client.close(LONG).await;
    assert!(report.drained && report.is_conserved(), "{report:?}");
    let told = 2 * pairs as u64;
    assert_eq!(report.stats.written, told, "{report:?}");
    handled(&cluster, told).await;
    assert_eq!(log.lock().len(), pairs);
}

async fn a_thousand_tasks_get_their_own_replies(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let region = region(&client);
    let mut tasks = JoinSet::new();
    for number in 0..1_000_i64 {
        let entity = region.entity(format!("entity-{number}"));
        tasks.spawn(async move {
            entity.tell(Counter::Add { amount: number }).unwrap();
            let count: i64 = entity
                .ask(|reply_to| Counter::Get { reply_to })
                .await
                .unwrap();
            assert_eq!(count, number);
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let report = close_and_check(&client).await;
    assert_eq!(report.stats.written, 2_000);
}

async fn every_serializer_carries_asks(net: Net) {
    for codec in [Codec::json(), Codec::msgpack(), Codec::pickle()] {
        let (cluster, _) = net.counters_with(|builder| builder.codec(codec)).await;
        let client = net.client(&cluster).await;
        let alice = region(&client).entity("alice");
        alice.tell(Counter::Add { amount: 3 }).unwrap();
        let count: i64 = alice
            .ask(|reply_to| Counter::Get { reply_to })
            .await
            .unwrap();
        assert_eq!(count, 3, "{codec:?}");
        close_and_check(&client).await;
        cluster.stop().await;
    }
}

async fn a_reply_over_the_limit_of_frames_ends_its_own_ask_and_no_other(net: Net) {
    const MIB: usize = 1024 * 1024;
    let (cluster, _) = net.counters().await;
    for (max, read) in [(None, true), (Some(MIB), false)] {
        let builder = net.client_builder(&cluster).ask_timeout(LONG);
        let builder = match max {
            Some(max) => builder.max_inbound_frame(max),
            None => builder,
        };
        let client = builder.connect().await.unwrap();
        client.ready(LONG).await.unwrap();
        let alice = region(&client).entity("alice");
        let ask =
            |length| alice.ask::<_, String>(move |reply_to| Counter::Text { reply_to, length });
        // More than a client sends in a frame.
        let (long, short) = tokio::join!(ask(20 * MIB), ask(3));
        assert_eq!(short.unwrap(), "xxx");
        match long {
            Ok(text) => assert_eq!((text.len(), read), (20 * MIB, true)),
            Err(AskError::ReplyOverLimit(OverLimit::Frame { length, max })) => {
                assert!(
                    !read && length > 20 * MIB && max == MIB,
                    "{length} over {max}"
                );
            }
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(ask(4).await.unwrap(), "xxxx");
        close_and_check(&client).await;
    }
}

async fn a_service_is_found_and_answers(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let listing = client.lookup(&ServiceKey::<Counter>::new("clock"));
    let [instance] = &listing.instances[..] else {
        panic!("{listing:?}");
    };
    assert_eq!(instance.node, cluster.addresses()[1]);
    let node: u64 = instance
        .actor
        .ask(|reply_to| Counter::Where { reply_to })
        .await
        .unwrap();
    assert_eq!(node, 1);
    let none = client.lookup(&ServiceKey::<Counter>::new("sundial"));
    assert!(none.instances.is_empty());
}

async fn a_spawned_actor_receives_a_thousand_messages_in_order(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let (sender, mut received) = mpsc::unbounded_channel();
    let sink = client
        .spawn(
            move |number: i64, _: ActorContext<i64>| {
                sender.send(number).ok();
                async {}
            },
            "sink",
        )
        .unwrap();
    let stream = Counter::Stream {
        to: sink.actor_ref(),
        count: 1_000,
    };
    region(&client).entity("alice").tell(stream).unwrap();
    for number in 0..1_000 {
        assert_eq!(received.recv().await, Some(number));
    }
}

async fn tells_before_the_first_view_arrive_in_order(net: Net) {
    let (cluster, log) = net.counters().await;
    let client = net.client_builder(&cluster).connect().await.unwrap();
    let alice = region(&client).entity("alice");
    for amount in 0..100 {
        alice.tell(Counter::Add { amount }).unwrap();
    }
    let count: i64 = alice
        .ask(|reply_to| Counter::Get { reply_to })
        .await
        .unwrap();
    assert_eq!(count, (0..100).sum::<i64>());
    assert!(log.lock().iter().map(|(_, number)| number).is_sorted());
}

async fn views_come_from_time_to_time_and_end_with_the_client(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let subscribed = cluster
        .wait_until(|status| status.nodes.iter().any(|node| node.snapshots > 3))
        .await;
    let subscribers: usize = subscribed.nodes.iter().map(|node| node.subscribers).sum();
    assert_eq!(subscribers, 1, "one node feeds the view");
    close_and_check(&client).await;
    let after = cluster
        .wait_until(|status| status.nodes.iter().all(|node| node.connections == 0))
        .await;
    assert!(after.nodes.iter().all(|node| node.subscribers == 0));
    assert!(after.nodes.iter().all(|node| node.undelivered == 0));
}

async fn a_delayed_node_answers_later(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let alice = region(&client).entity("alice");
    let ask = || alice.ask::<_, u64>(|reply_to| Counter::Where { reply_to });
    let owner = usize::try_from(ask().await.unwrap()).unwrap();
    let delay = Duration::from_millis(300);
    cluster.delay(owner, delay);
    let begun = tokio::time::Instant::now();
    ask().await.unwrap();
    assert!(begun.elapsed() >= delay, "{:?}", begun.elapsed());
    cluster.delay(owner, Duration::ZERO);
    let begun = tokio::time::Instant::now();
    ask().await.unwrap();
    assert!(begun.elapsed() < delay, "{:?}", begun.elapsed());
}

async fn an_entity_sends_a_question_on_to_another_node(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    // A node that has no connection to the client yet could not answer it.
    let connected = |status: &Status| status.nodes.iter().all(|node| node.connections > 0);
    cluster.wait_until(connected).await;
    let clock = client.lookup(&ServiceKey::<Counter>::new("clock"));
    let clock = clock.instances[0].actor.actor_ref();
    for entity in ["a", "b", "c", "d", "e", "f"] {
        let node: u64 = region(&client)
            .entity(entity)
            .ask(|reply_to| Counter::SendOn {
                to: clock.clone(),
                reply_to,
            })
            .await
            .unwrap();
        assert_eq!(node, 1, "the clock's node answers by its own connection");
    }
}

over_all! {
    all_that_was_told_is_handled_when_the_client_closes_at_once
    all_that_was_told_to_slow_nodes_is_handled_when_the_client_closes_at_once
    ten_thousand_numbered_tells_arrive_in_order
    a_thousand_tasks_get_their_own_replies
    every_serializer_carries_asks
    a_reply_over_the_limit_of_frames_ends_its_own_ask_and_no_other
    a_service_is_found_and_answers
    a_spawned_actor_receives_a_thousand_messages_in_order
    tells_before_the_first_view_arrive_in_order
    views_come_from_time_to_time_and_end_with_the_client
    a_delayed_node_answers_later
    an_entity_sends_a_question_on_to_another_node
}
