//! Members declared dead, and problems that pass by themselves, as nodes' states tell them.

use std::time::Duration;

use casty_client::{ClusterClient, DownError, NodeAddress, NotTold, StillUp};
use casty_proto::FrozenSet;
use casty_proto::message::MemberStatus::{self, Down, Joining, Up};
use casty_proto::message::{ClusterState, GetState, Member, SubscribeTopology, TopologySnapshot};
use casty_routing::ShardCount;
use casty_transport::MemoryNetwork;
use tokio::time::Instant;

use crate::node::{Node, builder, in_paused_time, view};

const SECOND: Duration = Duration::from_secs(1);

fn member((address, status): (&str, MemberStatus)) -> Member {
    Member {
        address: address.parse().unwrap(),
        status,
        roles: FrozenSet::default(),
        id: address.into(),
    }
}

/// Returns the state of a node that knows these members.
fn state(members: &[(&str, MemberStatus)]) -> ClusterState {
    ClusterState {
        members: FrozenSet(members.iter().copied().map(member).collect()),
        ..ClusterState::default()
    }
}

/// Returns a client of a node `n:1`, which sends it this view of these members, and answers with a
/// state, or not at all, by how often it was asked before.
async fn client(
    members: &[(&str, MemberStatus)],
    unreachable: Option<&str>,
    mut states: impl FnMut(usize) -> Option<ClusterState> + Send + 'static,
) -> ClusterClient {
    let network = MemoryNetwork::new();
    let mut node = Node::listen(&network, "n:1").await;
    let client = builder(&network, "n:1").connect().await.unwrap();
    let mut link = node.accept().await;
    let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
    let unreachable = unreachable.map(|it| it.parse().unwrap());
    let told = TopologySnapshot {
        members: FrozenSet(members.iter().copied().map(member).collect()),
        unreachable: FrozenSet(unreachable.into_iter().collect()),
        ..view(&[&node.address], None)
    };
    link.send(&subscribe.reply_to, &told).await;
    client.ready(SECOND).await.unwrap();
    tokio::spawn(async move {
        let mut asked = 0;
        while let Some(received) = link.next_to("/_cluster/_topology").await {
            let Ok(question) = received.try_decode::<GetState>() else {
                continue;
            };
            if let Some(state) = states(asked) {
                link.send(&question.reply_to, &state).await;
            }
            asked += 1;
        }
        drop(node);
    });
    client
}

#[test]
fn what_passes_by_itself_is_no_finding_and_what_is_well_is_looked_at_once() {
    in_paused_time(|| async {
        let states = |asked| Some(state(&[("n:1", if asked == 0 { Joining } else { Up })]));
        let client = client(&[("n:1", Up)], None, states).await;
        for took in [SECOND * 3 / 2, Duration::ZERO] {
            let begun = Instant::now();
            let diagnosis = client.admin().diagnose().await.unwrap();
            assert!(diagnosis.is_healthy(), "{:?}", diagnosis.findings());
            let late = begun.elapsed().saturating_sub(took);
            assert!(begun.elapsed() >= took && late < SECOND / 10);
        }
    });
}

#[test]
fn a_survey_has_the_shard_counts_of_the_regions_in_use_and_of_those_configured() {
    in_paused_time(|| async {
        let client = client(&[("n:1", Up)], None, |_| Some(state(&[("n:1", Up)]))).await;
        client.region("r", 12).unwrap();
        let survey = client.admin().survey().await.unwrap();
        assert_eq!(survey.shard_count("r").map(ShardCount::get), Some(12));
        assert_eq!(survey.shard_count("unheard"), None);

        let client = builder(&MemoryNetwork::new(), "n:1").region_shards("r", 7);
        let client = client.connect().await.unwrap();
        let survey = client.admin().survey().await.unwrap();
        assert_eq!(survey.shard_count("r").map(ShardCount::get), Some(7));
    });
}

#[test]
fn a_member_that_either_a_node_or_the_clients_view_knows_may_be_declared_dead() {
    for (known_to_view, known_to_node) in [(true, true), (true, false), (false, true)] {
        in_paused_time(move || async move {
            let both = [("n:1", Up), ("m:1", Down)];
            let viewed = if known_to_view { &both[..] } else { &both[..1] };
            let known = state(if known_to_node { &both } else { &both[..1] });
            let client = client(viewed, None, move |_| Some(known.clone())).await;
            let dead: NodeAddress = "m:1".parse().unwrap();
            let report = client.admin().down(&dead).await.unwrap();
            assert_eq!((report.told().len(), report.missed().len()), (1, 0));
            let nobody = "nobody:1".parse().unwrap();
            let unknown = client.admin().down(&nobody).await;
            assert!(
                matches!(&unknown, Err(DownError::UnknownMember { node }) if *node == nobody),
                "{unknown:?}"
            );
        });
    }
}

#[test]
fn of_members_that_were_not_told_the_report_says_why_they_are_not_connected() {
    in_paused_time(|| async {
        let members = [("n:1", Up), ("m:1", Down), ("o:1", Up), ("p:1", Up)];
        let states = move |_| Some(state(&members));
        let client = client(&members, Some("p:1"), states).await;
        let dead = "m:1".parse().unwrap();
        let report = client.admin().down(&dead).await.unwrap();
        let missed = report.missed().iter().map(|(node, why)| {
            let NotTold::NotConnected(reason) = why else {
                panic!("{why:?}");
            };
            (node.host(), &**reason)
        });
        let missed: Vec<_> = missed.collect();
        let [("o", refused), ("p", avoided)] = &missed[..] else {
            panic!("{missed:?}");
        };
        assert!(refused.contains("refused"), "{refused}");
        assert!(avoided.contains("calls it unreachable"), "{avoided}");
    });
}

/// Declares `m:1` dead, which the client's view calls `viewed`, and returns what came of waiting for
/// the views to say so when the node answers like this.
async fn confirmed(
    viewed: MemberStatus,
    states: impl FnMut(usize) -> Option<ClusterState> + Send + 'static,
) -> Result<Duration, StillUp> {
    let client = client(&[("n:1", Up), ("m:1", viewed)], None, states).await;
    let dead = "m:1".parse().unwrap();
    let report = client.admin().down(&dead).await.unwrap();
    assert_eq!(report.told().len(), 1);
    report.confirmed(SECOND).await
}

/// The questions before those for whether the member is down: of the survey, and the one whose answer
/// shows that the node was told.
const BEFORE: usize = 2;

#[test]
fn a_member_is_not_down_while_a_node_that_was_told_is_silent() {
    in_paused_time(|| async {
        let dead = state(&[("n:1", Up), ("m:1", Down)]);
        let states = move |asked| (asked < BEFORE).then(|| dead.clone());
        let up = confirmed(Down, states).await.unwrap_err();
        assert_eq!(up.silent, ["n:1".parse().unwrap()]);
        assert_eq!(up.called_up_by, []);
    });
}

#[test]
fn a_member_is_not_down_while_the_clients_own_view_calls_it_up() {
    in_paused_time(|| async {
        let dead = state(&[("n:1", Up), ("m:1", Down)]);
        let up = confirmed(Up, move |_| Some(dead.clone())).await;
        let up = up.unwrap_err();
        assert_eq!((up.silent, up.called_up_by), (vec![], vec![]));
    });
}

#[test]
fn a_member_is_down_once_every_view_says_so_and_not_before() {
    in_paused_time(|| async {
        let states = |asked| {
            let status = if asked < BEFORE + 3 { Up } else { Down };
            Some(state(&[("n:1", Up), ("m:1", status)]))
        };
        let after = confirmed(Down, states).await.unwrap();
        assert!((SECOND / 20..SECOND / 2).contains(&after), "{after:?}");
        let up = |_| Some(state(&[("n:1", Up), ("m:1", Up)]));
        let still = confirmed(Down, up).await.unwrap_err();
        assert_eq!(still.called_up_by, ["n:1".parse().unwrap()]);
        assert!(still.after >= SECOND, "{still:?}");
    });
}
