//! Failures: refusals, losses and faults, and the fates that they end in.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use casty_client::{AskError, ClusterClient, EntityRef, Fate, NotSent, OutboxLimit, TellError};
use casty_proto::message::MemberStatus;
use casty_testkit::Cluster;
use tokio::time::{Instant, sleep, timeout};

use crate::app::{Counter, LONG, Net, SHARDS, assert_conserved, close_and_check, region};
use crate::over_both;

/// Returns the node that answers for an entity.
pub(crate) async fn whereabouts(entity: &EntityRef) -> Result<usize, AskError> {
    let node: u64 = entity.ask(|reply_to| Counter::Where { reply_to }).await?;
    Ok(usize::try_from(node).unwrap())
}

/// Asks until an answer comes, in attempts of half a second.
pub(crate) async fn whereabouts_in_the_end(entity: &EntityRef) -> usize {
    let asking = async {
        loop {
            let ask = entity.ask::<_, u64>(|reply_to| Counter::Where { reply_to });
            match ask.within(Duration::from_millis(500)).await {
                Ok(node) => return usize::try_from(node).unwrap(),
                Err(error) => assert_ne!(error.fate(), Fate::Written, "{error}"),
            }
        }
    };
    timeout(LONG, asking)
        .await
        .expect("asks are answered again")
}

/// Returns the node that the client's view comes from.
pub(crate) async fn subscribed(cluster: &Cluster) -> usize {
    let one = |status: &casty_testkit::Status| {
        status
            .nodes
            .iter()
            .map(|node| node.subscribers)
            .sum::<usize>()
            == 1
    };
    let status = cluster.wait_until(one).await;
    let nodes = status.nodes.iter();
    nodes
        .map(|node| node.subscribers)
        .position(|it| it == 1)
        .unwrap()
}

pub(crate) async fn up_in_view(client: &ClusterClient, count: usize) {
    let mut topology = client.topology();
    let seen = topology.wait_for(|view| view.live_members().count() == count);
    timeout(LONG, seen)
        .await
        .expect("the view changes")
        .unwrap();
}

async fn a_client_that_starts_before_the_cluster_finds_it(net: Net) {
    let (cluster, _) = net.counters().await;
    for node in 0..3 {
        cluster.kill(node).await;
    }
    let client = net
        .client_builder(&cluster)
        .buffer_timeout(LONG)
        .connect()
        .await
        .unwrap();
    let alice = region(&client).entity("alice");
    alice.tell(Counter::Add { amount: 7 }).unwrap();
    let early = alice.ask::<_, i64>(|reply_to| Counter::Get { reply_to });
    let early = early.within(Duration::from_millis(300)).await;
    assert!(
        matches!(
            early,
            Err(AskError::NotSent(NotSent::Expired(_)) | AskError::Timeout { .. })
        ),
        "{early:?}"
    );
    for node in 0..3 {
        cluster.restart(node).await.unwrap();
    }
    let ask = alice.ask::<_, i64>(|reply_to| Counter::Get { reply_to });
    assert_eq!(ask.within(LONG).await.unwrap(), 7);
}

async fn a_contact_point_that_is_down_is_passed_over(net: Net) {
    let (cluster, _) = net.counters().await;
    cluster.kill(0).await;
    let client = net.client(&cluster).await;
    let owner = whereabouts(&region(&client).entity("alice")).await.unwrap();
    assert_ne!(owner, 0);
}

async fn the_view_is_followed_elsewhere_when_its_node_is_killed(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let first = subscribed(&cluster).await;
    let begun = Instant::now();
    cluster.kill(first).await;
    up_in_view(&client, 2).await;
    assert_ne!(subscribed(&cluster).await, first);
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    for entity in ["a", "b", "c", "d"] {
        let owner = whereabouts_in_the_end(&region(&client).entity(entity)).await;
        assert_ne!(owner, first);
    }
}

async fn asks_are_answered_by_the_new_owner_when_the_old_one_is_killed(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let alice = region(&client).entity("alice");
    let owner = whereabouts(&alice).await.unwrap();
    assert_eq!(cluster.owner("counter", "alice"), Some(owner));
    cluster.kill(owner).await;
    let next = whereabouts_in_the_end(&alice).await;
    assert_ne!(next, owner);
    assert_eq!(cluster.owner("counter", "alice"), Some(next));
    close_and_check(&client).await;
}

async fn an_owner_that_dies_unnoticed_is_replaced_once_it_is_noticed(net: Net) {
    let detection = Duration::from_secs(2);
    let (cluster, _) = net.counters_with(|it| it.detection(detection)).await;
    let client = net.client(&cluster).await;
    let alice = region(&client).entity("alice");
    let owner = whereabouts(&alice).await.unwrap();
    let begun = Instant::now();
    cluster.kill(owner).await;
    assert_ne!(whereabouts_in_the_end(&alice).await, owner);
    assert!(begun.elapsed() >= detection, "{:?}", begun.elapsed());
}

async fn a_killed_node_that_returns_is_used_again(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    cluster.kill(2).await;
    up_in_view(&client, 2).await;
    cluster.restart(2).await.unwrap();
    up_in_view(&client, 3).await;
    cluster
        .wait_until(|status| status.nodes[2].connections > 0)
        .await;
    let asking = async {
        let region = region(&client);
        for number in 0_u32.. {
            let entity = region.entity(format!("entity-{number}"));
            if whereabouts_in_the_end(&entity).await == 2 {
                break;
            }
        }
    };
    timeout(LONG, asking)
        .await
        .expect("shards go to the empty node");
}

async fn a_cluster_that_was_restarted_whole_is_found_again(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let alice = region(&client).entity("alice");
    whereabouts(&alice).await.unwrap();
    for node in 0..3 {
        cluster.kill(node).await;
    }
    for node in 0..3 {
        cluster.restart(node).await.unwrap();
    }
    whereabouts_in_the_end(&alice).await;
}

async fn a_moved_shard_is_followed(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let alice = region(&client).entity("alice");
    alice.tell(Counter::Add { amount: 1 }).unwrap();
    let owner = whereabouts(&alice).await.unwrap();
    let to = (owner + 1) % 3;
    let shard = casty_routing::entity_shard("alice", SHARDS.try_into().unwrap()).get();
    cluster.move_shard("counter", shard, to);
    assert_eq!(cluster.owner("counter", "alice"), Some(to));
    let asking = async { while whereabouts(&alice).await.unwrap() != to {} };
    timeout(LONG, asking).await.expect("the client hears of it");
    let count: i64 = alice
        .ask(|reply_to| Counter::Get { reply_to })
        .await
        .unwrap();
    assert_eq!(count, 0, "the state did not move");
}

async fn a_partition_shows_in_the_view_and_heals(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let source = subscribed(&cluster).await;
    let lost = (source + 1) % 3;
    let others = [source, (source + 2) % 3];
    for other in others {
        cluster.partition(lost, other);
    }
    up_in_view(&client, 2).await;
    let view = client.topology().current().unwrap();
    let member = view.member(&cluster.addresses()[lost]).unwrap();
    assert_eq!(member.status, MemberStatus::Down);
    for entity in ["a", "b", "c", "d"] {
        let node = whereabouts_in_the_end(&region(&client).entity(entity)).await;
        assert_ne!(node, lost);
    }
    for other in others {
        cluster.heal(lost, other);
    }
    up_in_view(&client, 3).await;
    for entity in ["a", "b", "c", "d", "e", "f"] {
        whereabouts_in_the_end(&region(&client).entity(entity)).await;
    }
}

/// Once a partition is healed its sides reach each other, and for a while neither knows it. Each
/// has a leader that takes the other side for dead, and would take its shards from whatever the
/// other publishes, in turn and without an end.
#[test]
fn leaders_that_have_not_noticed_a_heal_do_not_answer_each_other_for_ever() {
    in_paused_time(|| async {
        let detection = Duration::from_secs(1);
        let net = Net::memory();
        let (cluster, _) = net.counters_with(|it| it.detection(detection)).await;
        let client = net.client(&cluster).await;
        let mut nodes = [0, 1, 2];
        nodes.sort_by_key(|node| &cluster.addresses()[*node]);
        // The lowest leads; without it, the next.
        let [one, other, _] = nodes;
        cluster.partition(one, other);
        sleep(detection * 2).await;
        all_answer(&client).await;
        cluster.heal(one, other);
        // What the leader has it publishes with this.
        cluster.move_shard("counter", 0, one);
        sleep(detection * 2).await;
        all_answer(&client).await;
    });
}

async fn all_answer(client: &ClusterClient) {
    for number in 0..20 {
        whereabouts_in_the_end(&region(client).entity(format!("e{number}"))).await;
    }
}

/// Runs a test in paused time, on a thread of its own: what goes on for ever without giving another
/// task a turn fails it all the same.
fn in_paused_time<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(test());
        done.send(())
    });
    let outcome = ended.recv_timeout(Duration::from_secs(20));
    outcome.expect("the test failed on its thread, or did not end");
}

async fn asks_to_a_hanging_owner_time_out_and_work_again(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let alice = region(&client).entity("alice");
    let owner = whereabouts(&alice).await.unwrap();
    cluster.hang(owner);
    let ask = alice.ask::<_, u64>(|reply_to| Counter::Where { reply_to });
    let error = ask.within(Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(error, AskError::Timeout { .. }), "{error}");
    assert_eq!(error.fate(), Fate::Unknown);
    cluster.resume(owner);
    assert_eq!(whereabouts_in_the_end(&alice).await, owner);
}

async fn the_view_is_followed_elsewhere_when_its_node_hangs(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let source = subscribed(&cluster).await;
    cluster.hang(source);
    let moved = cluster.wait_until(|status| {
        let mut nodes = status.nodes.iter().enumerate();
        nodes.any(|(number, node)| number != source && node.subscribers == 1)
    });
    timeout(LONG, moved)
        .await
        .expect("another node is subscribed");
    let gone = (source + 1) % 3;
    cluster.kill(gone).await;
    let mut topology = client.topology();
    let down = &cluster.addresses()[gone];
    let seen = topology.wait_for(|view| !view.live_members().any(|member| member.address == *down));
    timeout(LONG, seen)
        .await
        .expect("views still come")
        .unwrap();
}

async fn a_connection_cut_within_a_frame_is_made_again(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let alice = region(&client).entity("alice");
    let owner = whereabouts(&alice).await.unwrap();
    cluster.cut_mid_frame(owner);
    let error = whereabouts(&alice).await.unwrap_err();
    assert!(matches!(error, AskError::Lost { .. }), "{error}");
    // The node's kernel had it, where that can be told; nobody knows more.
    assert_ne!(error.fate(), Fate::NotSent);
    assert_eq!(whereabouts_in_the_end(&alice).await, owner);
    close_and_check(&client).await;
}

async fn a_full_outbox_refuses_and_has_capacity_later(net: Net) {
    let (cluster, _) = net.counters().await;
    let builder = net.client_builder(&cluster).outbox_bytes(64 * 1024);
    let client = builder.connect().await.unwrap();
    let alice = region(&client).entity("alice");
    let owner = whereabouts(&alice).await.unwrap();
    cluster.hang(owner);
    let ballast = || Counter::Ballast {
        text: "x".repeat(16 * 1024),
    };
    let mut told = 0_u64;
    let refused = loop {
        // What the network takes off the outbox is bounded, so this ends.
        match alice.tell(ballast()) {
            Ok(()) => told += 1,
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
    };
    let address = &cluster.addresses()[owner];
    assert!(
        matches!(&refused, TellError::Busy { node, limit: OutboxLimit::Bytes(65_536), .. } if node == address),
        "{refused}"
    );
    cluster.resume(owner);
    // Of all lengths, so that some find the room that is left just too small for them.
    for length in (1..=60).map(|step| step * 1024) {
        let text = "x".repeat(length);
        let telling = alice.tell_wait(Counter::Ballast { text });
        timeout(LONG, telling).await.unwrap().unwrap();
    }
    let report = close_and_check(&client).await;
    assert_eq!(report.stats.written, told + 61, "all, and the ask");
}

async fn after_closing_before_a_hanging_node_the_counters_add_up(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let alice = region(&client).entity("alice");
    let owner = whereabouts(&alice).await.unwrap();
    cluster.hang(owner);
    let ballast = || Counter::Ballast {
        text: "x".repeat(64 * 1024),
    };
    while alice.tell(ballast()).is_ok() {
        tokio::task::yield_now().await;
    }
    let report = client.close(Duration::from_millis(100)).await;
    assert_conserved(&report);
    assert!(!report.drained);
    assert!(report.stats.not_sent > 0, "{report:?}");
}

async fn nothing_told_is_lost_uncounted_when_nodes_die(net: Net) {
    let (cluster, log) = net.counters().await;
    let client = net.client(&cluster).await;
    let region = region(&client);
    for round in 0..3_usize {
        for number in 0..300_i64 {
            let entity = region.entity(format!("entity-{}", number % 50));
            entity.tell(Counter::Add { amount: number }).unwrap();
            if number == 150 {
                cluster.kill(round).await;
            }
        }
        cluster.restart(round).await.unwrap();
        up_in_view(&client, 3).await;
    }
    let report = close_and_check(&client).await;
    assert_eq!(report.stats.accepted, 900);
    let arrived = log.lock().len() as u64;
    assert!(arrived <= report.stats.written + report.stats.unknown);
}

async fn nodes_do_not_gossip_to_those_they_take_for_dead(net: Net) {
    let slowly =
        |builder: casty_testkit::ClusterBuilder| builder.detection(Duration::from_millis(300));
    let (cluster, _) = net.counters_with(slowly).await;
    let client = net.client(&cluster).await;
    for number in 0..20 {
        whereabouts_in_the_end(&region(&client).entity(format!("entity-{number}"))).await;
    }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        cluster.partition(a, b);
    }
    up_in_view(&client, 1).await;
    // They can reach each other again and have not noticed. Either would take all shards.
    cluster.heal(0, 1);
    cluster.move_shard("counter", 0, 0);
    up_in_view(&client, 2).await;
    whereabouts_in_the_end(&region(&client).entity("entity-0")).await;
}

over_both! {
    nodes_do_not_gossip_to_those_they_take_for_dead
    a_client_that_starts_before_the_cluster_finds_it
    a_contact_point_that_is_down_is_passed_over
    the_view_is_followed_elsewhere_when_its_node_is_killed
    asks_are_answered_by_the_new_owner_when_the_old_one_is_killed
    an_owner_that_dies_unnoticed_is_replaced_once_it_is_noticed
    a_killed_node_that_returns_is_used_again
    a_cluster_that_was_restarted_whole_is_found_again
    a_moved_shard_is_followed
    a_partition_shows_in_the_view_and_heals
    asks_to_a_hanging_owner_time_out_and_work_again
    the_view_is_followed_elsewhere_when_its_node_hangs
    a_connection_cut_within_a_frame_is_made_again
    a_full_outbox_refuses_and_has_capacity_later
    after_closing_before_a_hanging_node_the_counters_add_up
    nothing_told_is_lost_uncounted_when_nodes_die
}
