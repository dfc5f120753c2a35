use std::time::Duration;

use casty_client::Codec;
use casty_testkit::Cluster;
use serde_json::Value;

use crate::process::{AMPLE, GET, casty, casty_to, end, nodes};

/// Longer than any test: nodes do not notice by themselves that one is dead, as those of casty
/// 0.21.0 forget it, and do not gossip while they are told so.
const NEVER: Duration = Duration::from_hours(1);

/// Starts three nodes, the last of which is dead and called up by the others. Returns its address.
async fn haunted() -> (Cluster, String) {
    let silent = |(): (), _: &mut casty_testkit::Context<'_>| {};
    let quiet = |(): &mut (), (): (), _: &mut casty_testkit::Context<'_>| {};
    let cluster = Cluster::builder("my-cluster")
        .detection(NEVER)
        .gossip(NEVER)
        .service_on(2, "haunt", silent)
        .region("counter", 100, casty_testkit::stateful(|| (), quiet))
        .start()
        .await
        .unwrap();
    for shard in [7, 8] {
        cluster.move_shard("counter", shard, 2);
    }
    cluster.kill(2).await;
    let dead = cluster.addresses()[2].to_string();
    (cluster, dead)
}

async fn doctor(cluster: &Cluster, code: i32) -> Value {
    let args = ["doctor", "--json", "--timeout", AMPLE];
    let ended = end(casty_to(cluster, &args)).await.with(code);
    serde_json::from_str(&ended.out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_member_is_found_and_declared_dead_and_then_all_is_well() {
    let (cluster, dead) = haunted().await;
    let found = doctor(&cluster, 1).await;
    assert_eq!(found["healthy"], false);
    let findings = found["findings"].as_array().unwrap();
    let of = |code: &str| findings.iter().find(|finding| finding["problem"] == code);
    let refuses = of("refuses-connections").expect("it refuses connections");
    assert_eq!(
        (&refuses["severity"], &refuses["node"]),
        (&"critical".into(), &(&*dead).into())
    );
    assert_eq!(
        refuses["helps"],
        format!(
            "casty down {dead}, if its process is dead; a casty guard keeps the dead from coming back"
        )
    );
    let shards = of("shards-of-lost-node").expect("it owns two shards");
    assert_eq!(shards["name"], "counter");
    assert_eq!(
        of("stale-service").expect("its service is stale")["name"],
        "haunt"
    );

    let args = ["doctor", "--timeout", AMPLE];
    let text = end(casty_to(&cluster, &args)).await.with(1);
    assert_eq!(text.err, "", "what is wrong is the result");
    let line = format!("critical  {dead} is up to ");
    assert!(
        text.out.lines().any(|it| it.starts_with(&line)),
        "{text:#?}"
    );
    let line = format!("          helps: casty down {dead}, if its process is dead");
    assert!(
        text.out.lines().any(|it| it.starts_with(&line)),
        "{text:#?}"
    );

    let args = ["down", "--timeout", AMPLE, &*dead];
    let down = end(casty_to(&cluster, &args)).await.with(0);
    for node in &cluster.contact_points()[..2] {
        let told = format!("told {node}");
        assert!(down.out.lines().any(|it| it == told), "{down:#?}");
    }
    let seen = |what: &str| down.out.lines().any(|it| it.starts_with(what));
    assert!(
        seen(&format!("{dead} is down in their views after ")),
        "{down:#?}"
    );
    assert!(
        seen("none of its 2 shards is its own any more after "),
        "{down:#?}"
    );
    assert_eq!(down.err, "");

    assert_eq!(doctor(&cluster, 0).await["healthy"], true);
    let text = end(casty_to(&cluster, &["doctor", "--timeout", AMPLE]))
        .await
        .with(0);
    assert_eq!((&*text.out, &*text.err), ("healthy\n", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_that_were_never_asked_for_are_a_note_and_no_finding() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["ask", "--timeout", AMPLE, "counter", "user-42", GET];
    end(casty_to(&cluster, &args)).await.with(0);
    let found = doctor(&cluster, 0).await;
    assert_eq!(found["findings"][0]["problem"], "shards-without-owner");
    assert_eq!(found["findings"][0]["severity"], "note");
    assert_eq!(found["findings"][0]["name"], "counter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_answers_is_declared_dead_by_force_only() {
    let cluster = nodes(Codec::pickle()).await;
    let alive = cluster.addresses()[1].to_string();
    let args = ["down", "--timeout", AMPLE, &*alive];
    let refused = end(casty_to(&cluster, &args)).await.with(1);
    assert!(
        refused
            .err
            .starts_with(&format!("casty: {alive} is alive: "))
            && refused.err.contains("--force"),
        "{refused:#?}"
    );
    assert_eq!(refused.out, "");
    let args = ["down", "--timeout", AMPLE, "--force", &*alive];
    let forced = end(casty_to(&cluster, &args)).await;
    let told = forced.out.lines().filter(|it| it.starts_with("told "));
    // The member itself may be cut off by the first view that calls it down before it answers.
    let cut_off = forced
        .err
        .starts_with(&format!("casty: {alive} may not know"));
    assert_eq!(told.count() + usize::from(cut_off), 3, "{forced:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_no_node_knows_is_refused() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["down", "--timeout", AMPLE, "10.9.8.7:6"];
    let refused = end(casty_to(&cluster, &args)).await.with(1);
    let expected = "casty: no node knows a member 10.9.8.7:6\n       helps: casty topology lists the members\n";
    assert_eq!(refused.err, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_not_there_is_a_timeout() {
    for args in [&["doctor"][..], &["down", "127.0.0.1:2"]] {
        let mut command = casty(args);
        command.args([
            "--timeout",
            "0.5",
            "--contact",
            "127.0.0.1:1",
            "--system",
            "s",
        ]);
        let ended = end(command).await.with(3);
        let expected = "casty: timed out after 500ms: no node could be reached: 127.0.0.1:1: ";
        assert!(ended.err.starts_with(expected), "{ended:?}");
    }
}
