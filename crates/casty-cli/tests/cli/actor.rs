use casty_client::{ClusterClient, Codec};
use casty_testkit::Cluster;

use crate::process::{AMPLE, casty, casty_to, end, nodes};

const GREET: &str =
    r#"{"_type": "counter_app.Greet", "name": "Ada", "reply_to": {"__ref__": "$reply"}}"#;
const TOLD: &str = r#"{"_type": "counter_app.Greet", "name": "Ada", "reply_to": {"__ref__": "casty://my-cluster@127.0.0.1:1/x"}}"#;

fn address(cluster: &Cluster, number: usize) -> String {
    cluster.addresses()[number].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_of_a_node_or_of_the_leader_is_asked_by_its_path() {
    let cluster = nodes(Codec::pickle()).await;
    let second = address(&cluster, 1);
    let args = [
        "ask",
        "--timeout",
        AMPLE,
        "--actor",
        "greeter",
        "--node",
        &second,
        GREET,
    ];
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    assert_eq!(ended.out, "\"Hello Ada from 1\"\n");
    let leader = cluster.addresses().iter().min().unwrap();
    let leads = cluster
        .addresses()
        .iter()
        .position(|it| it == leader)
        .unwrap();
    let args = [
        "ask",
        "--timeout",
        AMPLE,
        "--actor",
        "/_singleton-host",
        "--leader",
        GREET,
    ];
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    assert_eq!(ended.out, format!("\"Hello Ada from {leads}\"\n"));
    let third = address(&cluster, 2);
    let args = [
        "ask",
        "--timeout",
        "1",
        "--actor",
        "greeter",
        "--node",
        &third,
        GREET,
    ];
    let ended = end(casty_to(&cluster, &args)).await.with(3);
    let silent = format!("no reply from \"greeter\" of {third}\n");
    assert!(ended.said().ends_with(&silent), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_members_are_asked_and_the_silent_ones_named() {
    let cluster = nodes(Codec::pickle()).await;
    let args = [
        "ask",
        "--timeout",
        "2",
        "--actor",
        "greeter",
        "--all",
        GREET,
    ];
    let ended = end(casty_to(&cluster, &args)).await.with(3);
    assert_eq!(ended.out.lines().count(), 2, "{ended:#?}");
    let silent = format!("casty: {}: no reply within", address(&cluster, 2));
    assert!(ended.err.starts_with(&silent), "{ended:#?}");
    assert!(
        ended
            .said()
            .ends_with("casty: 1 of 3 actors did not reply\n"),
        "{ended:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn actors_are_told_by_their_path() {
    let cluster = nodes(Codec::pickle()).await;
    let first = address(&cluster, 0);
    for (place, written) in [
        (&["--node", &*first][..], 1),
        (&["--leader"], 1),
        (&["--all"], 3),
    ] {
        let mut command = casty_to(
            &cluster,
            &["tell", "--timeout", AMPLE, "--actor", "greeter"],
        );
        command.args(place).arg(TOLD);
        let ended = end(command).await.with(0);
        let tally = format!("{written} written, 0 not sent, 0 unknown\n");
        assert_eq!(ended.err, tally);
    }
    cluster
        .wait_until(|status| status.nodes[0].messages >= 2)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_without_a_place_or_with_two_or_with_an_entity_is_wrong_usage() {
    let wrong: [&[&str]; 6] = [
        &["ask", "--actor", "a", GREET],
        &["ask", "--actor", "a", "--leader", "--all", GREET],
        &["ask", "--leader", "counter", "user-1", GREET],
        &[
            "ask", "--actor", "a", "--leader", "counter", "user-1", GREET,
        ],
        &["tell", "--actor", "a", "--all", "--file", "-", GREET],
        &["ask", "--actor", "a", "--leader"],
    ];
    for args in wrong {
        let ended = end(casty(args)).await.with(2);
        assert!(ended.out.is_empty(), "{ended:#?}");
    }
    let cluster = nodes(Codec::pickle()).await;
    let args = ["ask", "--actor", "", "--leader", GREET];
    end(casty_to(&cluster, &args)).await.with(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn to_ask_all_where_nobody_is_alive_is_no_success() {
    let cluster = nodes(Codec::pickle()).await;
    let client = ClusterClient::builder(cluster.system())
        .contact_points(cluster.contact_points())
        .codec(Codec::pickle());
    let client = client.connect().await.unwrap();
    for node in cluster.addresses() {
        client.admin().force_down(node).await.unwrap();
    }
    let args = [
        "ask",
        "--timeout",
        AMPLE,
        "--actor",
        "greeter",
        "--all",
        GREET,
    ];
    let ended = end(casty_to(&cluster, &args)).await.with(1);
    assert_eq!(ended.out, "");
    assert!(ended.err.contains("member"), "{ended:?}");
}
