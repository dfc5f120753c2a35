//! Members of a cluster among peers that mean no good.

use std::sync::Arc;

use casty_client::{QuicConfig, TlsConfig, TransportConfig};
use casty_proto::message::membership::{
    GossipMessage, HeartbeatRequest, HeartbeatResponse, JoinRequest, UpdateShardAllocations,
};
use casty_proto::message::{
    ClusterState, GetShardLocation, Member, MemberStatus, ServiceEntry, ShardAllocation,
};
use casty_proto::{FrozenSet, NodeAddress, Tuple};
use casty_routing::membership::{MembershipEvent, MembershipRefusal};
use casty_testkit::{Cluster, MembershipOptions};
use casty_transport::{ConnectOptions, accept};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::app::{LONG, Net, close_and_check};
use crate::certificates::Authority;
use crate::membership::{Events, gossiping, hosts};
use crate::raw::Raw;

/// Starts two nodes that gossip.
async fn start(net: &Net) -> (Cluster, Events) {
    let (gossips, events) = gossiping(MembershipOptions::new());
    let (cluster, _) = net.counters_with(|builder| gossips(builder).nodes(2)).await;
    (cluster, events)
}

fn member(address: &NodeAddress, id: &str) -> Member {
    Member {
        address: address.clone(),
        status: MemberStatus::Up,
        roles: FrozenSet::default(),
        id: id.into(),
    }
}

fn gossip(from: &NodeAddress, change: impl FnOnce(&mut ClusterState)) -> GossipMessage {
    let mut state = ClusterState {
        members: [member(from, "peer")].into_iter().collect(),
        ..ClusterState::default()
    };
    change(&mut state);
    GossipMessage {
        state,
        from_node: from.clone(),
        is_reply: false,
    }
}

fn join(node: &NodeAddress) -> JoinRequest {
    JoinRequest {
        node: node.clone(),
        roles: FrozenSet::default(),
        node_id: "peer".into(),
        reply_to: None,
    }
}

/// Returns states of which each has something that cannot be true.
fn absurd(from: &NodeAddress, node: &NodeAddress) -> Vec<GossipMessage> {
    let shards = |primary: &NodeAddress| {
        let (primary, replicas) = (primary.clone(), Tuple::default());
        [(0, ShardAllocation { primary, replicas })].into()
    };
    let others = |count: u16| (0..count).map(|number| NodeAddress::new("10.9.8.7", number));
    vec![
        gossip(from, |state| {
            state
                .members
                .extend(others(10_000).map(|it| member(&it, "many")));
        }),
        gossip(from, |state| state.seen = others(10_000).collect()),
        // Without itself, so that it is no member's.
        gossip(from, |state| {
            state.members = [member(node, "impostor")].into_iter().collect();
        }),
        gossip(from, |state| {
            let nowhere = NodeAddress::new("no host: at/all\n".repeat(100), 0);
            state.members.push(member(&nowhere, "nowhere"));
        }),
        gossip(from, |state| {
            let regions = (0..4_097).map(|number| (Arc::from(number.to_string()), shards(from)));
            state.shard_allocations = regions.collect();
            state.allocation_epoch = 1;
        }),
        gossip(from, |state| {
            state.shard_allocations = [("nobody hosts it".into(), shards(from))].into();
            state.allocation_epoch = u64::MAX;
        }),
        gossip(from, |state| {
            let path = Arc::from("/path".repeat(1_000));
            let (key, node) = (Arc::from("service"), from.clone());
            state.registry = [ServiceEntry { key, node, path }].into_iter().collect();
        }),
    ]
}

async fn nothing_that_cannot_be_true_is_adopted_and_the_node_goes_on(net: Net) {
    let (cluster, mut events) = start(&net).await;
    let client = net.client(&cluster).await;
    hosts(&client).await;
    let node = cluster.addresses()[0].clone();
    let allocations = |number| cluster.state(number).unwrap().shard_allocations.clone();
    let settled = cluster.wait_until(|_| allocations(0) == allocations(1));
    timeout(LONG, settled).await.expect("nodes agree");
    let before = cluster.state(0).unwrap();

    let mut peer = Raw::connect(&net, &node, "127.0.0.1:1").await;
    sends_absurd_gossip(&cluster, &mut events, &peer).await;
    speaks_for_others(&net, &cluster, &peer).await;
    asks_for_regions_that_nobody_hosts(&cluster, &peer).await;
    storms(&cluster, &mut peer).await;
    joins_from_nowhere(&net, &cluster, &mut events).await;
    // Nobody is at this node's own address.
    let mut itself = Raw::connect_as(&net, &node, node.clone()).await;
    itself.closed().await;

    let after = cluster.state(0).unwrap();
    assert_eq!(after.members, before.members);
    assert_eq!(after.registry, before.registry);
    assert_eq!(after.unreachable, before.unreachable);
    assert_eq!(after.shard_allocations, before.shard_allocations);
    assert_eq!(after.allocation_epoch, before.allocation_epoch);
    assert_eq!(after.version.versions.len(), 2);
    hosts(&client).await;
    close_and_check(&client).await;
    cluster.stop().await;
}

async fn sends_absurd_gossip(cluster: &Cluster, events: &mut Events, peer: &Raw) {
    let absurd = absurd(&peer.announced, &cluster.addresses()[0]);
    for gossip in &absurd {
        peer.send(cluster, gossip);
    }
    let mut reasons = Vec::new();
    while reasons.len() < absurd.len() {
        let refused = |event: &MembershipEvent| matches!(event, MembershipEvent::Refused { .. });
        reasons.extend(events.refusal(refused).await);
    }
    let stranger = MembershipRefusal::Stranger;
    assert!(reasons.contains(&stranger), "{reasons:?}");
}

/// A peer speaks for other nodes, has answers go to others, and orders what only a node's own coordinator may.
async fn speaks_for_others(net: &Net, cluster: &Cluster, peer: &Raw) {
    let (node, other) = (&cluster.addresses()[0], &cluster.addresses()[1]);
    let before = cluster.status().nodes[0].clone();
    peer.send(cluster, &gossip(other, |_| {}));
    peer.send(cluster, &join(node));
    let second = Raw::connect(net, node, "127.0.0.1:2").await;
    let elsewhere = HeartbeatRequest {
        from_node: peer.announced.clone(),
        reply_to: second.reference("/alive"),
    };
    peer.send(cluster, &elsewhere);
    let allocations = UpdateShardAllocations {
        shard_type: "counter".into(),
        allocations: [].into(),
        epoch: 1 << 30,
    };
    peer.send(cluster, &allocations);
    let dropped = cluster.wait_until(|status| {
        let node = &status.nodes[0];
        node.unrouted == before.unrouted + 3 && node.malformed == before.malformed + 1
    });
    timeout(LONG, dropped).await.expect("all are dropped");
}

async fn asks_for_regions_that_nobody_hosts(cluster: &Cluster, peer: &Raw) {
    let queries = cluster.status().nodes[0].queries;
    for number in 0..1_000 {
        let reply_to = peer.reference("/located");
        let shard_id = 7;
        let query = GetShardLocation { shard_id, reply_to };
        peer.send_to(cluster, &format!("/_coord-unknown-{number}"), &query);
    }
    let asked = cluster.wait_until(|status| status.nodes[0].queries == queries + 1_000);
    timeout(LONG, asked).await.expect("all are read");
}

/// Each request is answered at once, and no answer counts as a sign of a member's life.
async fn storms(cluster: &Cluster, peer: &mut Raw) {
    const STORM: usize = 10_000;
    let from_node = peer.announced.clone();
    let request = HeartbeatRequest {
        from_node: from_node.clone(),
        reply_to: peer.reference("/alive"),
    };
    for _ in 0..STORM {
        peer.send(cluster, &request);
        let from_node = from_node.clone();
        peer.send(cluster, &HeartbeatResponse { from_node });
    }
    for _ in 0..STORM {
        let alive = timeout(LONG, peer.next::<HeartbeatResponse>(cluster, "/alive"));
        assert_eq!(
            alive.await.unwrap().unwrap().from_node,
            cluster.addresses()[0]
        );
    }
}

/// Clients, and addresses at which nobody can be, join no cluster.
async fn joins_from_nowhere(net: &Net, cluster: &Cluster, events: &mut Events) {
    for announced in [
        NodeAddress::new("239.255.1.2", 25520),
        NodeAddress::new("127.0.0.1", 0),
        NodeAddress::new("no host at all", 1),
    ] {
        let client = Raw::connect_as(net, &cluster.addresses()[0], announced.clone()).await;
        client.send(cluster, &join(&announced));
        let of_it = |event: &MembershipEvent| matches!(event, MembershipEvent::Refused { from, .. } if *from == announced);
        let reason = events.refusal(of_it).await;
        let node = announced.clone();
        assert_eq!(reason, Some(MembershipRefusal::Undialable { node }));
    }
}

/// Peers beyond a limit are closed at once, the others within seconds, and clients come in between.
async fn peers_that_announce_nothing_are_closed(net: Net) {
    let (cluster, _) = start(&net).await;
    let node = cluster.addresses()[0].clone();
    let transport = net.transport().build();
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(transport.dial(&node).await.unwrap());
    }
    cluster
        .wait_until(|status| status.nodes[0].refused == 300 - 256)
        .await;
    let client = net.client(&cluster).await;
    hosts(&client).await;
    for mut stream in silent {
        let end = timeout(LONG, stream.read(&mut [0])).await.unwrap();
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    cluster
        .wait_until(|status| status.nodes[0].refused >= 300)
        .await;
    close_and_check(&client).await;
    cluster.stop().await;
}

/// The openings of nodes of casty 0.22 and 0.30, which speak other protocols.
const OTHER_VERSIONS: [&[u8]; 2] = [
    b"\x01\0\0\x01\0\0\0\x01\0\0\0\x8e",
    b"\x02\0\0\0\0\0\0\x01\0\0\0\x51",
];

async fn a_node_of_another_version_that_dials_is_refused_and_changes_nothing(net: Net) {
    let (cluster, _events) = start(&net).await;
    cluster.wait_for_agreement().await;
    let before = cluster.state(0).unwrap().members.clone();
    let transport = net.transport().build();
    for (number, opening) in (1..).zip(OTHER_VERSIONS) {
        let mut stream = transport.dial(&cluster.addresses()[0]).await.unwrap();
        stream.write_all(opening).await.unwrap();
        let refused = cluster.wait_until(|status| status.nodes[0].refused >= number);
        timeout(LONG, refused).await.expect("it is counted");
        let mut answer = Vec::new();
        let closed = timeout(LONG, stream.read_to_end(&mut answer)).await;
        closed.expect("it is closed").ok();
    }
    assert_eq!(cluster.state(0).unwrap().members, before);
    let client = net.client(&cluster).await;
    assert_eq!(hosts(&client).await.len(), 2);
    close_and_check(&client).await;
}

crate::over_both! {
    nothing_that_cannot_be_true_is_adopted_and_the_node_goes_on
    peers_that_announce_nothing_are_closed
    a_node_of_another_version_that_dials_is_refused_and_changes_nothing
}

/// A transport that shows a certificate.
type With = fn(TlsConfig) -> TransportConfig;

fn quic(config: TlsConfig) -> TransportConfig {
    TransportConfig::quic(QuicConfig::new(config))
}

/// A peer is no node at an address that its certificate does not name, and a client all the same.
async fn a_certificate_for_another_host_makes_no_member(with: With) {
    let authority = Authority::new();
    let net = Net::Encrypted(with(authority.config()));
    let intruder = Net::Encrypted(with(authority.config_of("elsewhere.example")));
    let (cluster, _) = start(&net).await;
    let (node, other) = (&cluster.addresses()[0], &cluster.addresses()[1]);
    let refused = async |count: u64| {
        let refused = cluster.wait_until(|status| status.nodes[0].refused == count);
        timeout(LONG, refused).await.expect("it is refused");
    };

    let mut as_member = Raw::connect_as(&intruder, node, other.clone()).await;
    as_member.closed().await;
    refused(1).await;

    let outside = NodeAddress::new("10.9.8.7", 25520);
    let mut as_node = Raw::connect_as(&intruder, node, outside.clone()).await;
    as_node.send(&cluster, &join(&outside));
    as_node.send(&cluster, &gossip(&outside, |_| {}));
    refused(3).await;
    as_node.ask_for_state(&cluster);
    let state = timeout(LONG, as_node.state(&cluster)).await.unwrap();
    assert_eq!(state.unwrap().members.len(), 2);

    let named = NodeAddress::new("127.0.0.1", 9);
    let honest = Raw::connect_as(&net, node, named.clone()).await;
    honest.send(&cluster, &join(&named));
    let joined = cluster.wait_until(|_| cluster.state(0).unwrap().members.len() == 3);
    timeout(LONG, joined).await.expect("it joins");
    assert_eq!(cluster.status().nodes[0].refused, 3);
    cluster.stop().await;
}

/// A peer that was dialled is believed to be another node only as far as its certificate names it.
async fn a_seed_that_calls_itself_by_an_address_that_it_cannot_have_is_left(with: With) {
    let authority = Authority::new();
    let net = Net::Encrypted(with(authority.config()));
    let transport = net.transport().build();
    let mut seed = transport
        .listen(&NodeAddress::new("127.0.0.1", 0))
        .await
        .unwrap();
    let (gossips, _) = gossiping(MembershipOptions::new().seeds([seed.address()]));
    let cluster = net.lone_counter_with(gossips).await;
    let stream = timeout(LONG, seed.accept()).await.unwrap().unwrap();
    let elsewhere = NodeAddress::new("10.9.8.7", 25520);
    let connection = accept(stream, &elsewhere, &ConnectOptions::new()).await;
    let mut connection = connection.unwrap();
    assert!(connection.leftover.is_empty());
    let end = timeout(LONG, connection.stream.read(&mut [0]))
        .await
        .unwrap();
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    drop((connection, seed));
    cluster.stop().await;
}

mod over_tls {
    use super::*;

    #[tokio::test]
    async fn a_certificate_for_another_host_makes_no_member() {
        super::a_certificate_for_another_host_makes_no_member(TransportConfig::tls).await;
    }

    #[tokio::test]
    async fn a_seed_that_calls_itself_by_an_address_that_it_cannot_have_is_left() {
        super::a_seed_that_calls_itself_by_an_address_that_it_cannot_have_is_left(
            TransportConfig::tls,
        )
        .await;
    }
}

mod over_quic {
    #[tokio::test]
    async fn a_certificate_for_another_host_makes_no_member() {
        super::a_certificate_for_another_host_makes_no_member(super::quic).await;
    }

    #[tokio::test]
    async fn a_seed_that_calls_itself_by_an_address_that_it_cannot_have_is_left() {
        super::a_seed_that_calls_itself_by_an_address_that_it_cannot_have_is_left(super::quic)
            .await;
    }
}
