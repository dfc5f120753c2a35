//! The reports to administrators: members declared dead, and nodes that cannot be connected.

use std::time::Duration;

use casty_client::{
    ActorRef, AskError, ClusterClient, DownReport, Fate, NodeAddress, NotTold, NotVacated, ShardId,
    Vacated,
};
use casty_proto::message::{
    ClusterState, DownMember, GetShardLocation, GetState, Member, MemberStatus, ShardAllocation,
    ShardLocation, SubscribeTopology, UpdateRegistry,
};
use casty_proto::{FrozenSet, Tuple};
use casty_routing::diagnosis::Observed;
use casty_transport::MemoryNetwork;

use crate::node::{Link, Node, actor, builder, in_paused_time, view};

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

/// The thing that a leader of casty 0.21 needs until it takes a dead member's shards away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Needs {
    Death,
    Reminder,
    Question,
    Restart,
}

/// A leader alone with a dead member that it lists for a shard of two regions, and what it was told.
struct Widow {
    link: Link,
    state: ClusterState,
    needs: Needs,
    told: Vec<&'static str>,
}

impl Widow {
    /// Handles what it is told.
    async fn handle(&mut self) {
        loop {
            let received = self.link.next().await.unwrap();
            let vacates = if let Ok(state) = received.try_decode::<GetState>() {
                self.link.send(&state.reply_to, &self.state).await;
                continue;
            } else if received.try_decode::<DownMember>().is_ok() {
                self.told.push("down");
                Needs::Death
            } else if let Ok(update) = received.try_decode::<UpdateRegistry>() {
                assert_eq!(update, UpdateRegistry::default());
                self.told.push("look");
                Needs::Reminder
            } else {
                let asked: GetShardLocation = received.decode();
                self.told.push(if received.path == "/_coord-r" {
                    "r"
                } else {
                    "s"
                });
                let location = ShardLocation {
                    shard_id: asked.shard_id,
                    node: "n:1".parse().unwrap(),
                    replicas: Tuple::default(),
                };
                self.link.send(&asked.reply_to, &location).await;
                Needs::Question
            };
            if vacates == self.needs {
                self.state.shard_allocations.clear();
            }
        }
    }
}

/// Has a member declared dead whose leader needs that much, and returns what came of it and what the
/// leader was told.
async fn vacated(needs: Needs) -> (DownReport, Result<Vacated, NotVacated>, Vec<&'static str>) {
    let network = MemoryNetwork::new();
    let mut node = Node::listen(&network, "n:1").await;
    let dead: NodeAddress = "m:1".parse().unwrap();
    let client = builder(&network, "n:1").connect().await.unwrap();
    let mut link = node.accept().await;
    let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
    let mut view = view(&[&node.address, &dead], Some(&dead));
    view.members.0[1].status = MemberStatus::Down;
    let replica = ShardAllocation {
        primary: node.address.clone(),
        replicas: Tuple(vec![dead.clone()]),
    };
    let replicas = [(7, replica)].into();
    view.shard_allocations.insert("s".into(), replicas);
    link.send(&subscribe.reply_to, &view).await;
    client.ready(SECOND).await.unwrap();
    let state = ClusterState {
        members: view.members,
        shard_allocations: view.shard_allocations,
        ..ClusterState::default()
    };
    let mut widow = Widow {
        link,
        state,
        needs,
        told: Vec::new(),
    };
    let asks = async {
        let report = client.admin().down(&dead).await.unwrap();
        report.confirmed(SECOND).await.unwrap();
        let vacated = report.vacated(2 * SECOND).await;
        (report, vacated)
    };
    let (report, vacated) = tokio::select! {
        biased;
        outcome = asks => outcome,
        () = widow.handle() => unreachable!("it goes on as long as the connection"),
    };
    (report, vacated, widow.told)
}

#[test]
fn a_leader_that_leaves_a_dead_member_its_shards_is_reminded_until_it_takes_them_away() {
    for (needs, reminders, after) in [
        (Needs::Death, &[][..], Duration::ZERO),
        (Needs::Reminder, &["look"], SECOND / 2),
        (Needs::Question, &["look", "look", "r", "s"], SECOND),
    ] {
        in_paused_time(move || async move {
            let (report, vacated, told) = vacated(needs).await;
            let vacated = vacated.unwrap();
            assert_eq!(told, [&["down"], reminders].concat(), "{needs:?}");
            assert_eq!(report.shards(), 2);
            let reminded: &[NodeAddress] = if reminders.is_empty() {
                &[]
            } else {
                report.told()
            };
            assert_eq!(vacated.reminded, reminded);
            let late = vacated.after.saturating_sub(after);
            assert!(vacated.after >= after && late < SECOND / 10, "{vacated:?}");
        });
    }
}

#[test]
fn what_a_dead_member_still_owns_when_the_time_is_up_is_told() {
    in_paused_time(|| async {
        let (report, vacated, told) = vacated(Needs::Restart).await;
        let left = vacated.unwrap_err();
        assert_eq!(left.node, *report.node());
        let shards = [("r", 0), ("s", 7)].map(|(name, id)| (name.into(), vec![ShardId::new(id)]));
        assert_eq!(left.shards, shards.into());
        assert_eq!(left.listed_by, report.told());
        assert_eq!(left.reminded, report.told());
        assert_eq!(left.silent, []);
        assert!((2 * SECOND..3 * SECOND).contains(&left.after), "{left:?}");
        assert!(told.len() <= 12, "reminded only so often: {told:?}");
        let text = left.to_string();
        let words = "m:1 is still listed for shards of r (1), s (1) in the views of n:1, though n:1 \
                     was told to look again";
        assert!(text.ends_with(words), "{text}");
    });
}

/// The thing that a node was told right before it was asked for its state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Down,
    Reminder,
}

/// Starts nodes at these addresses, whose members are these nodes and a dead one, of whose shards they
/// list one. `answers` makes a node's answer when it is asked for its state, if any, from its number, the class of
/// what it was told right before, and its state.
async fn mourners(
    addresses: &[&str],
    ask_bytes: usize,
    answers: fn(usize, Told, &ClusterState) -> Option<ClusterState>,
) -> (ClusterClient, NodeAddress) {
    let network = MemoryNetwork::new();
    let dead: NodeAddress = "z:1".parse().unwrap();
    let mut nodes = Vec::new();
    for address in addresses {
        nodes.push(Node::listen(&network, address).await);
    }
    let members: Vec<_> = nodes.iter().map(|node| node.address.clone()).collect();
    let all: Vec<_> = members.iter().chain([&dead]).collect();
    let mut told = view(&all, Some(&dead));
    told.members.0[members.len()].status = MemberStatus::Down;
    let client = builder(&network, addresses[0]).ask_bytes(ask_bytes);
    let client = client.connect().await.unwrap();
    for (number, mut node) in nodes.into_iter().enumerate() {
        let told = told.clone();
        tokio::spawn(async move {
            let mut link = node.accept().await;
            let state = ClusterState {
                members: FrozenSet(told.members.0.clone()),
                shard_allocations: told.shard_allocations.clone(),
                ..ClusterState::default()
            };
            let mut was_told = Told::Nothing;
            while let Some(received) = link.next().await {
                if let Ok(subscribe) = received.try_decode::<SubscribeTopology>() {
                    link.send(&subscribe.reply_to, &told).await;
                } else if let Ok(asked) = received.try_decode::<GetState>() {
                    if let Some(state) = answers(number, was_told, &state) {
                        link.send(&asked.reply_to, &state).await;
                    }
                    was_told = Told::Nothing;
                } else if received.try_decode::<DownMember>().is_ok() {
                    was_told = Told::Down;
                } else {
                    was_told = Told::Reminder;
                }
            }
        });
    }
    client.ready(SECOND).await.unwrap();
    (client, dead)
}

#[test]
fn if_no_node_was_told_it_is_not_claimed_that_a_member_is_down_or_without_shards() {
    in_paused_time(|| async {
        let answers =
            |_, was_told, state: &ClusterState| (was_told != Told::Down).then(|| state.clone());
        let (client, dead) = mourners(&["a:1"], 1 << 20, answers).await;
        let report = client.admin().down(&dead).await.unwrap();
        let missed: Vec<_> = report
            .missed()
            .iter()
            .map(|(node, _)| node.clone())
            .collect();
        assert_eq!((report.told(), missed.len()), (&[][..], 1));
        let still_up = report.confirmed(SECOND).await.unwrap_err();
        assert_eq!(still_up.silent, missed);
        let left = report.vacated(SECOND).await.unwrap_err();
        assert_eq!(left.silent, missed);
    });
}

#[test]
fn nodes_whose_answers_fill_all_room_were_told_and_their_views_are_known() {
    in_paused_time(|| async {
        let answers = |_, _, state: &ClusterState| {
            let mut state = state.clone();
            state.members.0[0].id = "-".repeat(8_000).into();
            state.shard_allocations.clear();
            Some(state)
        };
        let (client, dead) = mourners(&["a:1", "b:1", "c:1"], 10_000, answers).await;
        let report = client.admin().down(&dead).await.unwrap();
        assert_eq!((report.told().len(), report.missed().len()), (3, 0));
        report.confirmed(SECOND).await.unwrap();
        report.vacated(SECOND).await.unwrap();
    });
}

#[test]
fn leaders_that_do_not_answer_a_reminder_take_no_time_beyond_the_timeout() {
    in_paused_time(|| async {
        // Views that disagree: each node leads by its own.
        let answers = |number: usize, was_told, state: &ClusterState| {
            let mut state = state.clone();
            let others = state.members.0.iter_mut().enumerate();
            let others = others.filter(|(other, _)| *other != number);
            others.for_each(|(_, it)| it.status = MemberStatus::Down);
            (was_told != Told::Reminder).then_some(state)
        };
        let (client, dead) = mourners(&["a:1", "b:1"], 1 << 20, answers).await;
        let report = client.admin().down(&dead).await.unwrap();
        assert_eq!(report.told().len(), 2);
        let timeout = SECOND * 6 / 10;
        let left = report.vacated(timeout).await.unwrap_err();
        assert!(left.after <= timeout + SECOND / 10, "{left:?}");
    });
}
