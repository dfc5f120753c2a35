//! The reports to administrators: members declared dead, and nodes that cannot be connected.

use std::time::Duration;

use casty_client::{ActorRef, AskError, Fate, NodeAddress, NotTold};
use casty_proto::FrozenSet;
use casty_proto::message::{ClusterState, GetState, Member, MemberStatus, SubscribeTopology};
use casty_routing::diagnosis::Observed;
use casty_transport::MemoryNetwork;

use crate::node::{Node, actor, builder, in_paused_time, view};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn of_a_node_whose_connection_is_lost_it_is_not_claimed_that_it_was_told() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "a:1").await;
        let dead = "b:1".parse().unwrap();
        let client = builder(&network, "a:1").connect().await.unwrap();
        let mut link = node.accept().await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        let told = view(&[&node.address, &dead], None);
        link.send(&subscribe.reply_to, &told).await;
        client.ready(SECOND).await.unwrap();

        let admin = client.admin();
        let down = tokio::spawn(async move { admin.down(&dead).await });
        let asked: GetState = link.next().await.unwrap().decode();
        // From here on the node reads nothing more: the message stays in the outbox.
        let to = actor::<String>(&node, "/x");
        for _ in 0..3 {
            while client.tell(&to, "-".repeat(10_000)).is_ok() {}
            tokio::time::sleep(SECOND / 10).await;
        }
        let state = ClusterState {
            members: FrozenSet(told.members.0),
            ..ClusterState::default()
        };
        link.send(&asked.reply_to, &state).await;
        tokio::time::sleep(SECOND / 10).await;
        drop(link);
        let report = down.await.unwrap().unwrap();
        let [(missed, why)] = report.missed() else {
            panic!("{report:?}");
        };
        assert_eq!((missed, why.fate()), (&node.address, Fate::Unknown));
        let NotTold::Unanswered(AskError::Lost { fate, .. }) = why else {
            panic!("{why:?}");
        };
        assert_eq!(*fate, Fate::Unknown);
    });
}

#[test]
fn dead_addresses_of_old_views_do_not_hide_that_a_member_cannot_be_connected() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "a:1").await;
        let client = builder(&network, "a:1").connect().await.unwrap();
        let mut link = node.accept().await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        let [mut old, mut new] = [1, 2].map(|epoch| {
            let mut view = view(&[&node.address], None);
            view.allocation_epoch = epoch;
            view
        });
        let member = |port, status| Member {
            address: NodeAddress::new("old", port),
            status,
            roles: FrozenSet::default(),
            id: "old".into(),
        };
        old.members
            .0
            .extend((1..=100).map(|port| member(port, MemberStatus::Up)));
        // They stay listed for as long as the cluster lives, but for a few.
        new.members
            .0
            .extend((10..=100).map(|port| member(port, MemberStatus::Down)));
        let young = NodeAddress::new("young", 1);
        new.members.0.push(Member {
            address: young.clone(),
            ..member(1, MemberStatus::Up)
        });
        link.send(&subscribe.reply_to, &old).await;
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(client.dial_failures().len(), 64, "as many as are kept");
        link.send(&subscribe.reply_to, &new).await;
        tokio::time::sleep(SECOND).await;
        let failures = client.dial_failures();
        let failures: Vec<_> = failures.iter().map(|(node, _)| node).collect();
        assert_eq!(failures, [&young], "the others are of no more interest");
    });
}

#[test]
fn nodes_whose_states_come_at_once_and_fill_all_room_are_not_taken_for_silent() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut nodes = Vec::new();
        for address in ["a:1", "b:1", "c:1", "d:1", "e:1"] {
            nodes.push(Node::listen(&network, address).await);
        }
        let addresses: Vec<_> = nodes.iter().map(|node| node.address.clone()).collect();
        let told = view(&addresses.iter().collect::<Vec<_>>(), None);
        // No two fit at once, and the fourth fits alone as anything does. The fifth is none.
        let client = builder(&network, "a:1").ask_bytes(10_000).connect();
        let client = client.await.unwrap();
        for (number, mut node) in nodes.into_iter().enumerate() {
            let told = told.clone();
            tokio::spawn(async move {
                let mut link = node.accept().await;
                if number == 0 {
                    let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
                    link.send(&subscribe.reply_to, &told).await;
                }
                while let Some(asked) = link.next_to("/_cluster/_topology").await {
                    let asked: GetState = asked.decode();
                    if number == 4 {
                        let to: ActorRef<i32> = ActorRef::new(asked.reply_to.uri()).unwrap();
                        link.send(&to, &7).await;
                        continue;
                    }
                    let mut members = told.members.0.clone();
                    let length = if number == 3 { 20_000 } else { 8_000 };
                    members[0].id = "-".repeat(length).into();
                    let state = ClusterState {
                        members: FrozenSet(members),
                        ..ClusterState::default()
                    };
                    link.send(&asked.reply_to, &state).await;
                }
            });
        }
        let survey = client.admin().survey().await.unwrap();
        let observed: Vec<_> = survey.nodes().map(|(_, it)| it).collect();
        let [answered @ .., unread] = &*observed else {
            panic!("nothing was observed")
        };
        assert_eq!(answered.len(), 4);
        let is_answered = |one: &&&Observed| matches!(one, Observed::Answered(_));
        assert_eq!(answered.iter().filter(is_answered).count(), 4);
        assert!(matches!(unread, Observed::Unread(_)), "{unread:?}");
    });
}
