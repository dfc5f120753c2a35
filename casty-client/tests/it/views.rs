//! What a view decides: who is not to be sent to, and which routes are gone.

use std::time::Duration;

use casty_client::ShardEnvelope;
use casty_proto::message::{GetShardLocation, ShardLocation, SubscribeTopology, TopologySnapshot};
use casty_proto::{FrozenSet, Tuple};
use casty_transport::MemoryNetwork;

use crate::node::{Link, Node, assert_conserved, builder, in_paused_time, view};

const SECOND: Duration = Duration::from_secs(1);

/// Two nodes of which the first leads and feeds the view, and the second owns the only shard;
/// then the view that `change` makes of that comes. A message told after it must be asked for at
/// the leader, and go where that says: to the first.
fn goes_where_the_leader_says(change: fn(&Node, TopologySnapshot) -> TopologySnapshot) {
    in_paused_time(move || async move {
        let network = MemoryNetwork::new();
        let mut leader = Node::listen(&network, "a:1").await;
        let mut owner = Node::listen(&network, "b:1").await;
        let client = builder(&network, "a:1").connect().await.unwrap();
        let mut to_leader = leader.accept().await;
        let subscribe: SubscribeTopology = to_leader.next().await.unwrap().decode();
        let first = view(&[&leader.address, &owner.address], Some(&owner.address));
        to_leader.send(&subscribe.reply_to, &first).await;
        let mut to_owner = owner.accept().await;
        client.ready(SECOND).await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(1).unwrap();
        assert_eq!(told(&mut to_owner).await, 1);

        let mut views = client.topology();
        views.next().await.unwrap();
        to_leader
            .send(&subscribe.reply_to, &change(&owner, first))
            .await;
        views.next().await.unwrap();
        entity.tell(2).unwrap();
        let asked = to_leader.next_to("/_coord-r").await.unwrap();
        let asked: GetShardLocation = asked.decode();
        let location = ShardLocation {
            shard_id: asked.shard_id,
            node: leader.address.clone(),
            replicas: Tuple::default(),
        };
        to_leader.send(&asked.reply_to, &location).await;
        assert_eq!(told(&mut to_leader).await, 2);
        drop((to_leader, to_owner));
        assert_conserved(&client.close(SECOND).await);
    });
}

async fn told(link: &mut Link) -> i32 {
    let envelope: ShardEnvelope<i32> = link.next_to("/_region-r").await.unwrap().decode();
    envelope.message
}

#[test]
fn a_node_that_the_view_calls_unreachable_gets_nothing_though_it_is_connected() {
    goes_where_the_leader_says(|owner, view| TopologySnapshot {
        unreachable: FrozenSet([owner.address.clone()].into_iter().collect()),
        ..view
    });
}

#[test]
fn a_route_that_a_newer_view_no_longer_has_is_gone() {
    goes_where_the_leader_says(|_, view| TopologySnapshot {
        shard_allocations: std::collections::BTreeMap::default(),
        allocation_epoch: view.allocation_epoch + 1,
        ..view
    });
}
