//! Recovery: the time until everything works again, and the work that goes on meanwhile.

use std::time::Duration;

use casty_client::{ClusterClient, EntityRef, RegionRef, TellError};
use casty_proto::NodeAddress;
use casty_testkit::Cluster;
use tokio::time::{Instant, timeout};

use crate::app::{Counter, LONG, Net, assert_conserved, close_and_check, region};
use crate::dials::Dials;
use crate::failures::{subscribed, up_in_view, whereabouts, whereabouts_in_the_end};
use crate::over_both;

/// Time that only the machine takes, not the protocol.
const AT_ONCE: Duration = Duration::from_millis(400);

async fn client_through(net: &Net, dials: &Dials, cluster: &Cluster) -> ClusterClient {
    let builder = net.client_builder(cluster).transport(dials.through(net));
    let client = builder.connect().await.unwrap();
    client.ready(LONG).await.unwrap();
    client
}

/// Returns an entity on each of `count` nodes.
async fn entity_on_each(region: &RegionRef, count: usize) -> Vec<EntityRef> {
    let mut found: Vec<Option<EntityRef>> = vec![None; count];
    for number in 0..1000 {
        if found.iter().all(Option::is_some) {
            break;
        }
        let entity = region.entity(format!("entity-{number}"));
        let node = whereabouts(&entity).await.unwrap();
        found[node].get_or_insert(entity);
    }
    found.into_iter().map(Option::unwrap).collect()
}

/// Returns a node that neither leads nor feeds the client's view.
async fn bystander(client: &ClusterClient, cluster: &Cluster) -> usize {
    let source = subscribed(cluster).await;
    let view = client.topology().current().unwrap();
    let leader = view.leader();
    let plain = |node: &usize| *node != source && Some(&cluster.addresses()[*node]) != leader;
    (0..3).find(plain).unwrap()
}

/// Asks entities in turn; each has to answer at the first attempt.
async fn answer_at_once(entities: &[&EntityRef]) {
    for entity in entities {
        let begun = Instant::now();
        whereabouts(entity).await.unwrap();
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    }
}

fn others(entities: &[EntityRef], but: usize) -> Vec<&EntityRef> {
    let others = entities.iter().enumerate();
    others
        .filter(|(node, _)| *node != but)
        .map(|(_, it)| it)
        .collect()
}

async fn entities_of_live_nodes_answer_at_once_when_the_subscribed_node_is_killed(net: Net) {
    let (cluster, _) = net
        .counters_with(|it| it.detection(Duration::from_secs(1)))
        .await;
    let client = net.client(&cluster).await;
    let entities = entity_on_each(&region(&client), 3).await;
    let source = subscribed(&cluster).await;
    let begun = Instant::now();
    cluster.kill(source).await;
    answer_at_once(&others(&entities, source)).await;
    assert_ne!(subscribed(&cluster).await, source);
    assert!(
        begun.elapsed() < AT_ONCE,
        "another node feeds the view at once"
    );
    up_in_view(&client, 2).await;
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert_ne!(whereabouts_in_the_end(&entities[source]).await, source);
    close_and_check(&client).await;
}

async fn of_two_nodes_the_first_answer_follows_the_view_that_names_the_new_owner(net: Net) {
    let configure =
        |it: casty_testkit::ClusterBuilder| it.nodes(2).detection(Duration::from_secs(1));
    let (cluster, _) = net.counters_with(configure).await;
    let client = net.client(&cluster).await;
    let entities = entity_on_each(&region(&client), 2).await;
    cluster.kill(0).await;
    let alice = entities[0].clone();
    let asking = tokio::spawn(async move {
        let ask = alice.ask::<_, u64>(|reply_to| Counter::Where { reply_to });
        let owner = ask.within(LONG).await.unwrap();
        (owner, Instant::now())
    });
    up_in_view(&client, 1).await;
    let seen = Instant::now();
    let (owner, answered) = timeout(LONG, asking).await.unwrap().unwrap();
    assert_eq!(owner, 1);
    let took = answered.saturating_duration_since(seen);
    assert!(took < AT_ONCE, "{took:?} after the view");
    close_and_check(&client).await;
}

async fn a_node_that_refuses_connections_is_avoided_until_it_takes_them_again(net: Net) {
    let (cluster, _) = net.counters().await;
    let dials = Dials::default();
    let client = client_through(&net, &dials, &cluster).await;
    let entities = entity_on_each(&region(&client), 3).await;
    // The view calls it up, and the leader names it as before.
    let node = bystander(&client, &cluster).await;
    let queries = |status: &casty_testkit::Status| -> u64 {
        status.nodes.iter().map(|node| node.queries).sum()
    };
    let before = queries(&cluster.status());
    dials.refuse(&cluster.addresses()[node]);
    cluster.cut(node);
    let to_it = entities[node].clone();
    let asking = tokio::spawn(async move { whereabouts_in_the_end(&to_it).await });
    let asked = cluster.wait_until(|status| queries(status) > before + 1);
    timeout(LONG, asked).await.expect("the leader is asked");
    answer_at_once(&others(&entities, node)).await;
    assert_eq!(
        client.topology().current().unwrap().live_members().count(),
        3
    );
    assert_eq!(client.dial_failures().len(), 1);
    dials.open();
    assert_eq!(asking.await.unwrap(), node, "the suspicion has ended");
    answer_at_once(&[&entities[node]]).await;
    close_and_check(&client).await;
}

async fn shards_of_a_node_that_refuses_connections_go_where_the_leader_says(net: Net) {
    let (cluster, _) = net.counters().await;
    let dials = Dials::default();
    let client = client_through(&net, &dials, &cluster).await;
    let entities = entity_on_each(&region(&client), 3).await;
    let node = bystander(&client, &cluster).await;
    dials.refuse(&cluster.addresses()[node]);
    cluster.cut(node);
    let id = entities[node].id();
    let shards = crate::app::SHARDS.try_into().unwrap();
    let shard = casty_routing::entity_shard(id, shards).get();
    let to = (node + 1) % 3;
    cluster.move_shard("counter", shard, to);
    assert_eq!(whereabouts_in_the_end(&entities[node]).await, to);
    close_and_check(&client).await;
}

async fn a_black_holed_node_delays_no_ask_to_the_others(net: Net) {
    let (cluster, _) = net.counters().await;
    let dials = Dials::default();
    let client = client_through(&net, &dials, &cluster).await;
    let entities = entity_on_each(&region(&client), 3).await;
    let node = (subscribed(&cluster).await + 1) % 3;
    dials.swallow(&cluster.addresses()[node]);
    cluster.hang(node);
    for round in 0..100 {
        if round == 50 {
            // What was connected is lost, too; from here on only dials hang.
            cluster.cut(node);
        }
        entities[node].tell(Counter::Add { amount: 1 }).unwrap();
        answer_at_once(&others(&entities, node)).await;
    }
    assert_conserved(&client.close(Duration::from_millis(100)).await);
}

async fn a_black_holed_subscribed_node_is_replaced(net: Net) {
    let (cluster, _) = net.counters().await;
    let dials = Dials::default();
    let client = client_through(&net, &dials, &cluster).await;
    let entities = entity_on_each(&region(&client), 3).await;
    let source = subscribed(&cluster).await;
    dials.swallow(&cluster.addresses()[source]);
    cluster.hang(source);
    answer_at_once(&others(&entities, source)).await;
    let moved = cluster.wait_until(|status| {
        let mut nodes = status.nodes.iter().enumerate();
        nodes.any(|(number, node)| number != source && node.subscribers == 1)
    });
    timeout(LONG, moved)
        .await
        .expect("another node feeds the view");
    assert_conserved(&client.close(Duration::from_millis(100)).await);
}

async fn a_hung_node_with_a_full_outbox_slows_nobody_down(net: Net) {
    let (cluster, _) = net.counters().await;
    let outbox = 256 * 1024;
    let builder = net.client_builder(&cluster).outbox_bytes(outbox);
    let client = builder.connect().await.unwrap();
    let entities = entity_on_each(&region(&client), 3).await;
    let hung = (subscribed(&cluster).await + 1) % 3;
    cluster.hang(hung);
    let ballast = || Counter::Ballast {
        text: "x".repeat(8 * 1024),
    };
    while entities[hung].tell(ballast()).is_ok() {
        // What the network takes off the outbox is bounded, so this ends.
        tokio::task::yield_now().await;
    }
    let queued = client.stats().queued;
    let waiting = entities[hung].clone();
    let waiting = tokio::spawn(async move { waiting.tell_within(ballast(), LONG).await });
    let refused = entities[hung].tell(ballast()).unwrap_err();
    assert!(matches!(refused, TellError::Busy { .. }), "{refused}");
    for _ in 0..200 {
        answer_at_once(&others(&entities, hung)).await;
        let stats = client.stats();
        let most = (outbox + 64 * 1024) as u64;
        assert!(stats.gauges.fullest_outbox <= most, "{stats:?}");
        assert_eq!((stats.buffered, stats.gauges.buffered_bytes), (0, 0));
    }
    assert!(
        !waiting.is_finished(),
        "all that came before what waits for the hung node"
    );
    assert!(client.stats().queued >= queued, "nothing of it has left");
    cluster.resume(hung);
    waiting.await.unwrap().unwrap();
    close_and_check(&client).await;
}

async fn the_silence_of_a_node_that_is_alone_is_no_death(net: Net) {
    let cluster = net.lone_counter().await;
    // It probes in 3 s of silence; over sockets that passes in real time.
    let rounds = if matches!(net, Net::Memory(_)) { 20 } else { 1 };
    let dials = Dials::default();
    let client = client_through(&net, &dials, &cluster).await;
    let alice = region(&client).entity("alice");
    for _ in 0..rounds {
        let told = cluster.status().nodes[0].snapshots;
        // The answer to a probe is the only sign of time passing.
        let probed = cluster.wait_until(|status| status.nodes[0].snapshots > told);
        timeout(LONG, probed).await.expect("it is asked again");
        whereabouts(&alice).await.unwrap();
    }
    let node = &cluster.status().nodes[0];
    assert_eq!((node.connections, node.subscribers), (1, 1));
    assert_eq!(dials.count(&cluster.addresses()[0]), 1);
    close_and_check(&client).await;
}

async fn a_contact_name_that_leads_elsewhere_is_followed(net: Net) {
    let cluster = net.lone_counter().await;
    let dials = Dials::default();
    let nowhere = dead(&net).await;
    dials.name("casty:25520", &nowhere);
    let client = ClusterClient::builder(cluster.system())
        .contact_point("casty:25520")
        .codec(cluster.codec())
        .transport(dials.through(&net))
        .connect()
        .await
        .unwrap();
    client.ready(Duration::from_millis(300)).await.unwrap_err();
    dials.name("casty:25520", &cluster.addresses()[0]);
    client.ready(LONG).await.unwrap();
    whereabouts(&region(&client).entity("alice")).await.unwrap();
    close_and_check(&client).await;
}

async fn a_cluster_that_has_moved_to_new_addresses_is_found_by_its_contact_name(net: Net) {
    let (cluster, _) = net.counters().await;
    let dials = Dials::default();
    dials.name("casty:25520", &cluster.addresses()[0]);
    let client = ClusterClient::builder(cluster.system())
        .contact_point("casty:25520")
        .codec(cluster.codec())
        .buffer_timeout(LONG)
        .transport(dials.through(&net))
        .connect()
        .await
        .unwrap();
    client.ready(LONG).await.unwrap();
    let entities = entity_on_each(&region(&client), 3).await;
    let old = cluster.addresses().to_vec();
    let (moved, _) = net.counters_with(|it| it.nodes(2)).await;
    for node in 0..3 {
        cluster.kill(node).await;
    }
    assert!(moved.addresses().iter().all(|new| !old.contains(new)));
    entities[0].tell(Counter::Add { amount: 7 }).unwrap();
    dials.name("casty:25520", &moved.addresses()[1]);
    let begun = Instant::now();
    for entity in &entities {
        whereabouts_in_the_end(entity).await;
    }
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    let sum = entities[0].ask::<_, i64>(|reply_to| Counter::Get { reply_to });
    assert_eq!(sum.await.unwrap(), 7, "what was told meanwhile has arrived");
    let view = client.topology().current().unwrap();
    assert!(
        old.iter().all(|node| view.member(node).is_none()),
        "the old ones are gone"
    );
    close_and_check(&client).await;
}

async fn the_first_view_comes_from_the_fastest_of_the_contacts(net: Net) {
    let (cluster, _) = net.counters().await;
    let dials = Dials::default();
    let [first, second, third] = cluster.addresses() else {
        panic!("three nodes");
    };
    dials.swallow(first);
    dials.slow(second, Duration::from_secs(1));
    let begun = Instant::now();
    let client = client_through(&net, &dials, &cluster).await;
    // Two staggers of 100 ms.
    assert!(
        begun.elapsed() < Duration::from_millis(600),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(dials.count(third), 1);
    assert_eq!(subscribed(&cluster).await, 2);
    close_and_check(&client).await;
}

async fn a_contact_list_half_dead_costs_less_than_a_second(net: Net) {
    let (cluster, _) = net.counters().await;
    let dials = Dials::default();
    let mut contacts = Vec::new();
    for dead_one in 0..3 {
        let at = dead(&net).await;
        if dead_one == 1 {
            dials.swallow(&at);
        }
        contacts.push(at.to_string());
    }
    contacts.extend(cluster.contact_points());
    let client = ClusterClient::builder(cluster.system())
        .contact_points(contacts)
        .codec(cluster.codec())
        .transport(dials.through(&net))
        .connect()
        .await
        .unwrap();
    let begun = Instant::now();
    client.ready(LONG).await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    close_and_check(&client).await;
}

async fn a_client_that_reaches_nobody_says_why_and_is_ready_when_somebody_is_there(net: Net) {
    let cluster = net.lone_counter().await;
    cluster.kill(0).await;
    let client = net.client_builder(&cluster).connect().await.unwrap();
    let error = client.ready(Duration::from_millis(200)).await.unwrap_err();
    let address = cluster.addresses()[0].to_string();
    assert!(error.to_string().contains(&address), "{error}");
    cluster.restart(0).await.unwrap();
    let view = client.ready(LONG).await.unwrap();
    assert_eq!(view.live_members().count(), 1);
    assert_eq!(client.dial_failures().len(), 0);
    close_and_check(&client).await;
}

/// Returns an address where no process listens any more.
async fn dead(net: &Net) -> NodeAddress {
    let any = NodeAddress::new("127.0.0.1", 0);
    let listener = net.transport().build().listen(&any).await.unwrap();
    listener.address()
}

over_both! {
    entities_of_live_nodes_answer_at_once_when_the_subscribed_node_is_killed
    of_two_nodes_the_first_answer_follows_the_view_that_names_the_new_owner
    a_node_that_refuses_connections_is_avoided_until_it_takes_them_again
    shards_of_a_node_that_refuses_connections_go_where_the_leader_says
    a_black_holed_node_delays_no_ask_to_the_others
    a_black_holed_subscribed_node_is_replaced
    a_hung_node_with_a_full_outbox_slows_nobody_down
    the_silence_of_a_node_that_is_alone_is_no_death
    a_contact_name_that_leads_elsewhere_is_followed
    a_cluster_that_has_moved_to_new_addresses_is_found_by_its_contact_name
    the_first_view_comes_from_the_fastest_of_the_contacts
    a_contact_list_half_dead_costs_less_than_a_second
    a_client_that_reaches_nobody_says_why_and_is_ready_when_somebody_is_there
}
