//! The diagnosis of a cluster, and members declared dead.

use std::time::Duration;

use casty_client::diagnosis::{ObservedStatus, Problem, Severity};
use casty_client::{Admin, ClusterClient, DownError, Fate, NotTold};
use casty_testkit::{Cluster, ClusterBuilder};
use tokio::time::timeout;

use crate::app::{Counter, LONG, Net, assert_conserved, close_and_check, region};
use crate::over_both;

/// Longer than any test: what is due then never happens.
const NEVER: Duration = Duration::from_hours(1);

/// Nodes that never notice by themselves that another one is dead, as those of casty 0.21.0 forget
/// it, and that do not gossip while they are told so.
fn forgetful(builder: ClusterBuilder) -> ClusterBuilder {
    builder.detection(NEVER).gossip(NEVER)
}

/// Returns an entity whose shard `node` owns.
async fn entity_on(client: &ClusterClient, node: u64) -> String {
    for number in 0..1000 {
        let name = format!("entity-{number}");
        if where_is(client, &name).await == node {
            return name;
        }
    }
    panic!("node {node} has none of 1000 entities");
}

async fn where_is(client: &ClusterClient, entity: &str) -> u64 {
    let entity = region(client).entity(entity);
    let ask = entity.ask::<_, u64>(|reply_to| Counter::Where { reply_to });
    ask.within(LONG).await.unwrap()
}

/// Returns the codes of all findings but notes.
async fn codes(admin: &Admin) -> Vec<&'static str> {
    let diagnosis = admin.diagnose().await.unwrap();
    let findings = diagnosis.findings().iter();
    let findings = findings.filter(|finding| finding.severity > Severity::Note);
    findings.map(|finding| finding.problem.code()).collect()
}

/// Waits until the client is connected to so many nodes.
async fn connected(client: &ClusterClient, connections: u64) {
    let changed = async {
        while client.stats().connections != connections {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, changed).await.expect("connections change");
}

async fn a_member_that_came_back_from_the_dead_is_found_and_declared_dead(net: Net) {
    let (cluster, _) = net.counters_with(forgetful).await;
    let client = net.client(&cluster).await;
    let orphan = entity_on(&client, 2).await;
    let admin = client.admin();
    assert_eq!(codes(&admin).await, [""; 0]);
    let dead = &cluster.addresses()[2];
    cluster.kill(2).await;
    connected(&client, 2).await;
    let found = codes(&admin).await;
    for code in ["refuses-connections", "shards-of-lost-node"] {
        assert!(found.contains(&code), "{found:?}");
    }
    let report = admin.down(dead).await.unwrap();
    let mut others = cluster.addresses()[..2].to_vec();
    others.sort();
    assert_eq!((report.node(), report.told()), (dead, &*others));
    assert!(report.missed().is_empty(), "{report:?}");
    report.confirmed(LONG).await.unwrap();
    assert_ne!(where_is(&client, &orphan).await, 2);
    assert_eq!(codes(&admin).await, [""; 0]);
    close_and_check(&client).await;
}

async fn a_member_that_answers_is_declared_dead_by_force_only(net: Net) {
    let (cluster, _) = net.counters_with(|it| it.gossip(NEVER)).await;
    let client = net.client(&cluster).await;
    let node = &cluster.addresses()[1];
    let refused = client.admin().down(node).await.unwrap_err();
    assert!(
        matches!(&refused, DownError::Alive { node: alive } if alive == node),
        "{refused}"
    );
    assert!(client.topology().current().unwrap().is_live(node));
    let report = client.admin().force_down(node).await.unwrap();
    assert_eq!(report.told().len(), 3, "it is told as well: {report:?}");
    report.confirmed(LONG).await.unwrap();
    assert!(client.topology().current().unwrap().is_gone(node));
}

async fn an_address_that_no_node_knows_is_not_declared_dead(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let stranger = "10.9.8.7:6".parse().unwrap();
    let refused = client.admin().down(&stranger).await.unwrap_err();
    assert!(matches!(refused, DownError::UnknownMember { node } if node == stranger));
}

/// Returns the node that feeds the client's view, and the two others.
async fn feed_and_others(cluster: &Cluster) -> (usize, [usize; 2]) {
    let feeds = |node: &casty_testkit::NodeStatus| node.subscribers == 1;
    let status = cluster
        .wait_until(|status| status.nodes.iter().any(feeds))
        .await;
    let feed = status.nodes.iter().position(feeds).unwrap();
    (feed, [(feed + 1) % 3, (feed + 2) % 3])
}

async fn a_node_that_was_not_told_brings_the_dead_one_back(net: Net) {
    let (cluster, _) = net.counters_with(|it| it.detection(NEVER)).await;
    let client = net.client(&cluster).await;
    let (feed, [deaf, victim]) = feed_and_others(&cluster).await;
    let [feed, deaf_node, dead] = [feed, deaf, victim].map(|it| cluster.addresses()[it].clone());
    connected(&client, 3).await;
    cluster.kill(victim).await;
    connected(&client, 2).await;
    cluster.hang(deaf);
    let admin = client.admin().within(Duration::from_millis(100));
    let report = admin.down(&dead).await.unwrap();
    assert_eq!(report.told(), std::slice::from_ref(&feed));
    let [(missed, why)] = report.missed() else {
        panic!("{report:?}");
    };
    assert_eq!((missed, why.fate()), (&deaf_node, Fate::Unknown));
    let back = async {
        loop {
            let survey = admin.survey().await.unwrap();
            let statuses = survey.statuses(&dead);
            if statuses
                .get(&ObservedStatus::Up)
                .is_some_and(|by| by.contains(&feed))
            {
                return;
            }
        }
    };
    timeout(LONG, back).await.expect("it comes back");
    let confirmed = report.confirmed(Duration::from_millis(300)).await;
    let still_up = confirmed.unwrap_err();
    assert_eq!(still_up.called_up_by, std::slice::from_ref(&feed));
    assert!(
        still_up
            .to_string()
            .ends_with(&format!("{dead} is still up in the views of {feed}"))
    );
    cluster.resume(deaf);
    let repeated = async {
        loop {
            // Gossip may come between the two nodes.
            let report = client.admin().down(&dead).await.unwrap();
            if report.confirmed(Duration::from_secs(1)).await.is_ok() {
                return;
            }
        }
    };
    timeout(LONG, repeated).await.expect("all are told");
}

async fn a_node_that_hangs_is_found_and_may_be_declared_dead(net: Net) {
    let (cluster, _) = net.counters_with(forgetful).await;
    let client = net.client(&cluster).await;
    let (_, [hung, _]) = feed_and_others(&cluster).await;
    let node = &cluster.addresses()[hung];
    connected(&client, 3).await;
    cluster.hang(hung);
    let admin = client.admin().within(Duration::from_millis(200));
    let diagnosis = admin.diagnose().await.unwrap();
    let found = diagnosis.findings().iter().any(|finding| {
        matches!(&finding.problem, Problem::DoesNotAnswer { node: silent, .. } if silent == node)
    });
    assert!(found, "{diagnosis:?}");
    let report = admin.down(node).await.unwrap();
    assert_eq!(report.told().len(), 2, "{report:?}");
    report.confirmed(LONG).await.unwrap();
}

async fn a_cluster_that_is_gone_is_told_to_answer_nothing(net: Net) {
    let (cluster, _) = net.counters_with(forgetful).await;
    let client = net.client(&cluster).await;
    for node in 0..3 {
        cluster.kill(node).await;
    }
    connected(&client, 0).await;
    assert_eq!(codes(&client.admin()).await, ["nobody-answers"]);
    let refused = client.admin().down(&cluster.addresses()[0]).await;
    assert!(
        matches!(refused, Err(DownError::NobodyAnswers)),
        "{refused:?}"
    );
    assert_conserved(&client.close(Duration::ZERO).await);
    let refused = client.admin().down(&cluster.addresses()[0]).await;
    assert!(matches!(refused, Err(DownError::Cluster(_))), "{refused:?}");
}

async fn a_member_that_is_dead_besides_is_told_to_have_been_missed(net: Net) {
    let (cluster, _) = net.counters_with(forgetful).await;
    let client = net.client(&cluster).await;
    let (_, [one, other]) = feed_and_others(&cluster).await;
    cluster.kill(one).await;
    cluster.kill(other).await;
    connected(&client, 1).await;
    let [one, other] = [one, other].map(|it| &cluster.addresses()[it]);
    let report = client.admin().down(one).await.unwrap();
    let [(missed, NotTold::NotConnected(reason))] = report.missed() else {
        panic!("{report:?}");
    };
    assert_eq!((missed, report.told().len()), (other, 1));
    assert!(!reason.is_empty());
    assert_eq!(report.missed()[0].1.fate(), Fate::NotSent);
    report.confirmed(LONG).await.unwrap();
}

async fn nodes_that_are_parted_are_found_to_differ(net: Net) {
    let (cluster, _) = net.counters().await;
    let client = net.client(&cluster).await;
    let (feed, [one, other]) = feed_and_others(&cluster).await;
    // The feed sees both, so both are asked.
    cluster.partition(one, other);
    let found = codes(&client.admin()).await;
    assert!(found.contains(&"status-differs"), "{found:?}");
    assert!(!found.contains(&"refuses-connections"), "{found:?}");
    let survey = client.admin().survey().await.unwrap();
    let node = |number: usize| &cluster.addresses()[number];
    let statuses = survey.statuses(node(one));
    assert_eq!(statuses[&ObservedStatus::Down], [node(other).clone()]);
    assert!(
        statuses[&ObservedStatus::Up].contains(node(feed)),
        "{statuses:?}"
    );
}

over_both! {
    a_member_that_came_back_from_the_dead_is_found_and_declared_dead
    a_member_that_answers_is_declared_dead_by_force_only
    an_address_that_no_node_knows_is_not_declared_dead
    a_node_that_was_not_told_brings_the_dead_one_back
    a_node_that_hangs_is_found_and_may_be_declared_dead
    a_cluster_that_is_gone_is_told_to_answer_nothing
    a_member_that_is_dead_besides_is_told_to_have_been_missed
    nodes_that_are_parted_are_found_to_differ
}
