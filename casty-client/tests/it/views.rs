//! What a view decides: who is not to be sent to, and which routes are gone.

use std::time::Duration;

use casty_client::{ActorRef, ShardEnvelope};
use casty_proto::message::{
    GetShardLocation, Member, MemberStatus, ShardLocation, SubscribeTopology, TopologySnapshot,
};
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

/// A view of two nodes, of which the second is said to be down.
fn without(owner: &Node, view: TopologySnapshot) -> TopologySnapshot {
    let members = view.members.0.into_iter().map(|member| Member {
        status: if member.address == owner.address {
            MemberStatus::Down
        } else {
            member.status
        },
        ..member
    });
    TopologySnapshot {
        members: FrozenSet(members.collect()),
        shard_allocations: std::collections::BTreeMap::default(),
        allocation_epoch: view.allocation_epoch + 1,
        ..view
    }
}

#[test]
fn a_node_that_is_called_down_may_still_answer_what_it_was_asked_and_gets_nothing_more() {
    goes_where_the_leader_says(without);
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut leader = Node::listen(&network, "a:1").await;
        let mut owner = Node::listen(&network, "b:1").await;
        let client = builder(&network, "a:1").outbox_bytes(100_000);
        let client = client.connect().await.unwrap();
        let mut to_leader = leader.accept().await;
        let subscribe: SubscribeTopology = to_leader.next().await.unwrap().decode();
        let first = view(&[&leader.address, &owner.address], Some(&owner.address));
        to_leader.send(&subscribe.reply_to, &first).await;
        let mut to_owner = owner.accept().await;
        client.ready(SECOND).await.unwrap();

        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let asked = entity.clone();
        let answer =
            tokio::spawn(async move { asked.ask(|reply_to: ActorRef<i32>| reply_to).await });
        let question = to_owner.next_to("/_region-r").await.unwrap();
        let question: ShardEnvelope<ActorRef<i32>> = question.decode();
        // More than it reads: some of it waits when the node is called down.
        let mut told = 0;
        for _ in 0..3 {
            while entity.tell("-".repeat(10_000)).is_ok() {
                told += 1;
            }
            tokio::time::sleep(SECOND / 10).await;
        }
        let queued = client.stats().queued;
        let mut views = client.topology();
        views.next().await.unwrap();
        to_leader
            .send(&subscribe.reply_to, &without(&owner, first.clone()))
            .await;
        views.next().await.unwrap();
        let stats = client.stats();
        assert_eq!(stats.held + stats.queued, queued);
        assert!(
            stats.held > 0,
            "what waited is to go another way: {stats:?}"
        );
        to_owner.send(&question.message, &42).await;
        assert_eq!(answer.await.unwrap().unwrap(), 42);

        // A moment later the connection is over. The node may have had something to say since, and
        // bear the address a grudge: the client comes back under another one.
        while to_owner.next().await.is_some() {}
        let back = TopologySnapshot {
            allocation_epoch: first.allocation_epoch + 2,
            ..first
        };
        to_leader.send(&subscribe.reply_to, &back).await;
        let mut to_owner = owner.accept().await;
        let text = to_owner.next_to("/_region-r").await.unwrap();
        assert_eq!(text.decode::<ShardEnvelope<String>>().message.len(), 10_000);
        let report = client.close(SECOND).await;
        assert_conserved(&report);
        assert_eq!(report.stats.accepted, told + 1);
    });
}
