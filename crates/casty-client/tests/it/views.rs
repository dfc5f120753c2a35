//! The effects of a view: the nodes that it avoids, and the routes that it ends.

use std::time::Duration;

use casty_client::{
    ActorRef, Closed, ClusterClient, EntityRef, Loss, NotSent, ReadyError, ShardEnvelope, Topology,
};
use casty_proto::message::{
    GetShardLocation, MemberStatus, ShardLocation, SubscribeTopology, TopologySnapshot,
};
use casty_proto::{FrozenSet, Tuple};
use casty_transport::MemoryNetwork;

use crate::node::{Link, Node, actor, assert_conserved, builder, in_paused_time, others_run, view};

const SECOND: Duration = Duration::from_secs(1);

/// Checks that a message goes where the leader says after the view that `change` returns.
///
/// Of two nodes the first leads and sends the view, and the second owns the only shard; then the
/// changed view comes. The shard of a message that is sent after it must be asked for at the
/// leader, which names the first node.
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
        views.changed().await.unwrap();
        to_leader
            .send(&subscribe.reply_to, &change(&owner, first))
            .await;
        views.changed().await.unwrap();
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

/// A client of two connected nodes: the first leads and sends the views, the second owns the only
/// shard of region `r` and reads only on behalf of a test.
struct Pair {
    client: ClusterClient,
    leader: Link,
    views: ActorRef<TopologySnapshot>,
    owner: Node,
    to_owner: Link,
    /// The last view that was sent.
    told: TopologySnapshot,
    seen: Topology,
}

impl Pair {
    async fn connected(network: &MemoryNetwork) -> Self {
        let mut first = Node::listen(network, "a:1").await;
        let mut owner = Node::listen(network, "b:1").await;
        let builder = builder(network, "a:1").outbox_bytes(100_000);
        let client = builder.connect().await.unwrap();
        let mut leader = first.accept().await;
        let subscribe: SubscribeTopology = leader.next().await.unwrap().decode();
        let told = view(&[&first.address, &owner.address], Some(&owner.address));
        leader.send(&subscribe.reply_to, &told).await;
        let to_owner = owner.accept().await;
        client.ready(SECOND).await.unwrap();
        let mut seen = client.topology();
        seen.changed().await.unwrap();
        // The client takes both connections into use.
        others_run().await;
        let views = subscribe.reply_to;
        Self {
            client,
            leader,
            views,
            owner,
            to_owner,
            told,
            seen,
        }
    }

    fn entity(&self) -> EntityRef {
        self.client.entity_ref("r", 1).unwrap().entity("e")
    }

    /// Sends a newer view, in which the owner has this status, and waits until the client has it.
    async fn call(&mut self, status: MemberStatus, unreachable: bool) {
        for member in &mut self.told.members.0 {
            if member.address == self.owner.address {
                member.status = status;
            }
        }
        let unreachable = unreachable.then(|| self.owner.address.clone());
        self.told.unreachable = FrozenSet(unreachable.into_iter().collect());
        self.told.allocation_epoch += 1;
        self.leader.send(&self.views, &self.told).await;
        self.seen.changed().await.unwrap();
    }

    /// Sends numbers while the outbox accepts them, and more once it has written what it can: some
    /// are in flight then, and some still wait. Returns their number.
    async fn fill(&self, tell: impl Fn(u32) -> bool) -> u32 {
        let mut told = 0;
        for _ in 0..3 {
            while tell(told) {
                told += 1;
            }
            others_run().await;
        }
        assert!(self.client.stats().queued > 0, "some wait");
        told
    }
}

fn text(number: u32) -> (u32, String) {
    (number, "-".repeat(10_000))
}

#[test]
fn a_node_that_is_called_down_may_still_answer_what_it_was_asked_and_gets_nothing_more() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut pair = Pair::connected(&network).await;
        let (entity, asked) = (pair.entity(), pair.entity());
        let answer =
            tokio::spawn(async move { asked.ask(|reply_to: ActorRef<i32>| reply_to).await });
        let question = pair.to_owner.next_to("/_region-r").await.unwrap();
        let question: ShardEnvelope<ActorRef<i32>> = question.decode();
        let told = pair.fill(|number| entity.tell(text(number)).is_ok()).await;
        let queued = pair.client.stats().queued;
        pair.call(MemberStatus::Down, false).await;
        entity.tell(text(told)).unwrap();
        let stats = pair.client.stats();
        assert_eq!(stats.buffered + stats.queued, queued + 1);
        assert!(
            stats.buffered > 1,
            "what waited is to be routed again: {stats:?}"
        );
        pair.to_owner.send(&question.message, &42).await;
        assert_eq!(answer.await.unwrap().unwrap(), 42);

        // A moment later the connection is over.
        while pair.to_owner.next().await.is_some() {}
        let report = pair.client.close(SECOND).await;
        assert_conserved(&report);
        assert_eq!(report.stats.accepted, u64::from(told) + 2);
    });
}

#[test]
fn a_node_that_is_called_down_and_up_again_gets_everything_in_order() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut pair = Pair::connected(&network).await;
        let entity = pair.entity();
        let mut told = pair.fill(|number| entity.tell(text(number)).is_ok()).await;
        for status in [MemberStatus::Down, MemberStatus::Up] {
            pair.call(status, false).await;
            entity.tell(text(told)).unwrap();
            told += 1;
        }
        for expected in 0..told {
            let received = pair.to_owner.next_to("/_region-r").await.unwrap();
            let envelope: ShardEnvelope<(u32, String)> = received.decode();
            assert_eq!(envelope.message.0, expected);
        }
    });
}

#[test]
fn messages_to_actors_of_a_node_that_is_called_down_are_reported_as_not_sent() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut pair = Pair::connected(&network).await;
        let (client, to) = (pair.client.clone(), actor(&pair.owner, "/x"));
        let told = pair
            .fill(|number| client.tell(&to, text(number)).is_ok())
            .await;
        let mut letters = client.dead_letters();
        pair.call(MemberStatus::Down, false).await;
        client.tell(&to, text(told)).unwrap();
        let not_sent = client.stats().not_sent;
        assert!(not_sent > 1, "{:?}", client.stats());
        for _ in 0..not_sent {
            let letter = letters.recv().await.unwrap();
            assert_eq!(letter.loss, Loss::NotSent(NotSent::NodeGone));
        }
        drop(pair);
        assert_conserved(&client.close(SECOND).await);
    });
}

#[test]
fn a_node_that_is_called_unreachable_and_reads_nothing_keeps_nothing_that_waits_for_a_shard() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut pair = Pair::connected(&network).await;
        let entity = pair.entity();
        let told = pair.fill(|number| entity.tell(text(number)).is_ok()).await;
        pair.call(MemberStatus::Up, true).await;
        // There is no other route to an actor of that very node.
        let to = actor(&pair.owner, "/x");
        let client = pair.client.clone();
        client.tell(&to, 7).unwrap();
        let asked = pair.leader.next_to("/_coord-r").await.unwrap();
        let asked: GetShardLocation = asked.decode();
        let location = ShardLocation {
            shard_id: asked.shard_id,
            node: pair.told.leader.clone().unwrap(),
            replicas: Tuple::default(),
        };
        pair.leader.send(&asked.reply_to, &location).await;
        let mut moved = Vec::new();
        while moved.last() != Some(&(told - 1)) {
            let received = pair.leader.next_to("/_region-r").await.unwrap();
            let envelope: ShardEnvelope<(u32, String)> = received.decode();
            moved.push(envelope.message.0);
        }
        assert!(moved.len() > 1 && moved.is_sorted(), "{moved:?}");
        let received = pair.to_owner.next_to("/x").await.unwrap();
        assert_eq!(received.decode::<i32>(), 7);
    });
}

/// Covers any time, because a node's quarantine begins with its failed send, however long after the
/// connection ended that is.
#[test]
fn a_node_that_comes_back_after_any_time_is_come_back_to_under_another_address() {
    for seconds in [0, 8, 600] {
        in_paused_time(move || async move {
            let network = MemoryNetwork::new();
            let mut pair = Pair::connected(&network).await;
            pair.call(MemberStatus::Down, false).await;
            while pair.to_owner.next().await.is_some() {}
            for _ in 0..seconds {
                tokio::time::sleep(SECOND).await;
                // The leader is well, and says so.
                pair.leader.send(&pair.views, &pair.told).await;
            }
            pair.call(MemberStatus::Up, false).await;
            // It skips connections under the first address.
            let mut link = pair.owner.accept().await;
            pair.entity().tell(1).unwrap();
            assert_eq!(told(&mut link).await, 1);
        });
    }
}

#[test]
fn a_client_that_is_closed_is_not_ready_whatever_it_saw() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut pair = Pair::connected(&network).await;
        drop((pair.leader, pair.to_owner));
        pair.client.close(SECOND).await;
        let ready = pair.client.ready(SECOND).await;
        assert!(matches!(ready, Err(ReadyError::Closed)), "{ready:?}");
        assert_eq!(pair.seen.wait_for(|_| true).await.unwrap_err(), Closed);
    });
}

#[test]
fn a_node_that_is_connected_and_tells_nothing_is_named() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "a:1").await;
        let client = builder(&network, "a:1").contact_point("nobody:1");
        let client = client.connect().await.unwrap();
        let _link = node.accept().await;
        let error = client.ready(SECOND).await.unwrap_err();
        let ReadyError::Timeout {
            failures, silent, ..
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!((failures.len(), &silent[..]), (1, &[node.address][..]));
        let text = error.to_string();
        assert!(text.contains("nobody:1 refused"), "{text}");
        assert!(
            text.ends_with(
                "connected to a:1, from which no view has come yet: are serializer and compression the cluster's?"
            ),
            "{text}"
        );
        client.close(Duration::ZERO).await;
    });
}

#[test]
fn a_view_that_comes_again_counts_as_one() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut pair = Pair::connected(&network).await;
        let before = pair.client.stats().views;
        for _ in 0..3 {
            pair.leader.send(&pair.views, &pair.told).await;
        }
        others_run().await;
        assert_eq!(pair.client.stats().views, before + 3);
        // The node was heard all the time: it is not asked again.
        for _ in 0..10 {
            tokio::time::sleep(SECOND).await;
            pair.leader.send(&pair.views, &pair.told).await;
        }
        pair.entity().tell(1).unwrap();
        assert_eq!(told(&mut pair.to_owner).await, 1);
        assert_eq!(pair.client.stats().views, before + 13);
        assert!(pair.seen.current().is_some());
    });
}

#[test]
fn a_lower_epoch_that_comes_again_and_again_is_believed_in_time() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut pair = Pair::connected(&network).await;
        pair.call(MemberStatus::Up, false).await;
        let lower = TopologySnapshot {
            shard_allocations: std::collections::BTreeMap::default(),
            allocation_epoch: pair.told.allocation_epoch - 1,
            ..pair.told.clone()
        };
        let allocated = |pair: &Pair| {
            let view = pair.client.topology().current().unwrap();
            view.allocations("r").is_some()
        };
        for _ in 0..5 {
            pair.leader.send(&pair.views, &lower).await;
            others_run().await;
            assert!(allocated(&pair), "its node may lag behind");
            tokio::time::sleep(SECOND).await;
        }
        pair.leader.send(&pair.views, &lower).await;
        pair.seen.changed().await.unwrap();
        assert!(!allocated(&pair), "the cluster began anew");
    });
}

#[test]
fn a_view_of_a_node_that_was_not_asked_is_not_taken() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut pair = Pair::connected(&network).await;
        let owner = pair.owner.address.clone();
        // The subscription is the leader's; what comes under its number is of the other node.
        let forged = TopologySnapshot {
            allocation_epoch: 1_000,
            ..view(&[&owner], Some(&owner))
        };
        let before = pair.client.stats();
        pair.to_owner.send(&pair.views, &forged).await;
        others_run().await;
        let after = pair.client.stats();
        assert_eq!(after.views, before.views);
        assert_eq!(after.inbound_malformed, before.inbound_malformed + 1);
        let members = pair.client.topology().current().unwrap().members().len();
        assert_eq!(members, 2);
        // The node that was asked is heard as before.
        let newer = TopologySnapshot {
            allocation_epoch: pair.told.allocation_epoch + 1,
            ..pair.told.clone()
        };
        pair.leader.send(&pair.views, &newer).await;
        pair.seen.changed().await.unwrap();
        assert_eq!(pair.client.stats().views, before.views + 1);
    });
}

#[test]
fn a_member_that_calls_itself_by_the_address_of_another_gets_none_of_its_messages() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut leader = Node::listen(&network, "a:1").await;
        let mut impostor = Node::listen(&network, "c:1").await;
        let (own, owner) = (impostor.address.clone(), "b:1".parse().unwrap());
        impostor.address = owner;
        let owner = impostor.address.clone();
        let client = builder(&network, "a:1").connect().await.unwrap();
        let mut to_leader = leader.accept().await;
        let subscribe: SubscribeTopology = to_leader.next().await.unwrap().decode();
        let told = view(&[&leader.address, &owner, &own], Some(&owner));
        to_leader.send(&subscribe.reply_to, &told).await;
        client.ready(SECOND).await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(1).unwrap();
        let mut link = impostor.accept().await;
        assert!(link.next().await.is_none(), "nothing is sent to it");
        assert_eq!(client.stats().connections, 1);
        client.close(SECOND).await;
    });
}

#[test]
fn a_view_that_changes_nothing_for_a_node_leaves_what_waits_for_it_where_it_is() {
    in_paused_time(|| async {
        let mut pair = Pair::connected(&MemoryNetwork::new()).await;
        let entity = pair.entity();
        pair.fill(|number| entity.tell(text(number)).is_ok()).await;
        let queued = pair.client.stats().queued;
        pair.call(MemberStatus::Up, false).await;
        others_run().await;
        assert_eq!(pair.client.stats().queued, queued);
        let nodes = pair.client.node_stats();
        let requeued: Vec<_> = nodes.iter().map(|node| node.requeued).collect();
        assert_eq!(requeued, [0, 0]);
    });
}

#[test]
fn an_ask_that_comes_back_from_a_node_that_was_come_back_to_is_answered_at_the_first_address() {
    in_paused_time(|| async {
        let mut pair = Pair::connected(&MemoryNetwork::new()).await;
        // The owner is lost and come back to, under a fresh address.
        drop(pair.to_owner);
        pair.to_owner = pair.owner.accept().await;
        others_run().await;
        let (entity, asked) = (pair.entity(), pair.entity());
        for number in 0..12 {
            entity.tell(text(number)).unwrap();
            others_run().await;
        }
        let ask = tokio::spawn(async move { asked.ask(|reply_to: ActorRef<i32>| reply_to).await });
        others_run().await;
        pair.call(MemberStatus::Up, true).await;
        let located = pair.leader.next_to("/_coord-r").await.unwrap();
        let located: GetShardLocation = located.decode();
        let location = ShardLocation {
            shard_id: located.shard_id,
            node: pair.told.leader.clone().unwrap(),
            replicas: Tuple::default(),
        };
        pair.leader.send(&located.reply_to, &location).await;
        let question = loop {
            let received = pair.leader.next_to("/_region-r").await.unwrap();
            if let Ok(envelope) = received.try_decode::<ShardEnvelope<ActorRef<i32>>>() {
                break envelope.message;
            }
        };
        let (host, port) = question.parts().unwrap().node.unwrap();
        let identity = pair.client.identity();
        assert_eq!((host, port), (identity.host(), identity.port()));
        pair.leader.send(&question, &7).await;
        assert_eq!(ask.await.unwrap().unwrap(), 7);
    });
}
