use casty_client::Codec;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::process::{AMPLE, GET, casty_to, end, ended, interrupt, nodes, unsubscribed};

#[tokio::test(flavor = "multi_thread")]
async fn members_leader_and_shards_are_shown() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["ask", "--timeout", AMPLE, "counter", "user-1", GET];
    end(casty_to(&cluster, &args)).await.with(0);
    let owner = cluster.owner("counter", "user-1").unwrap();
    let owner = cluster.addresses()[owner].to_string();
    let ended = end(casty_to(&cluster, &["topology", "--timeout", AMPLE]))
        .await
        .with(0);
    for node in cluster.contact_points() {
        let listed =
            |line: &str| line.starts_with(&format!("member   {node} ")) && line.ends_with("  up");
        assert!(ended.out.lines().any(listed), "{ended:#?}");
    }
    assert!(ended.out.starts_with("leader   127.0.0.1:"), "{ended:#?}");
    let region = format!("region   counter  1 shard allocated  {owner}=1");
    assert!(ended.out.contains(&region), "{ended:#?}");
    let args = ["topology", "--timeout", AMPLE, "--json"];
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    let json: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(json["members"].as_object().unwrap().len(), 3);
    assert_eq!(json["regions"]["counter"]["shards"][&owner], 1);
    assert_eq!(json["members"][&owner]["unreachable"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_prints_that_a_node_has_died_until_it_is_interrupted() {
    let cluster = nodes(Codec::pickle()).await;
    let mut child = casty_to(&cluster, &["topology", "--watch"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let dead = cluster.contact_points().swap_remove(1);
    let listed = format!("member   {dead} ");
    loop {
        let line = lines.next_line().await.unwrap().expect("the first view");
        if line.starts_with(&listed) {
            break;
        }
    }
    cluster.kill(1).await;
    loop {
        let line = lines.next_line().await.unwrap().expect("the change");
        if line.starts_with(&listed) && line.contains("up -> ") {
            break;
        }
    }
    interrupt(&child).await;
    ended(child).await.with(130);
    unsubscribed(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_prints_a_json_document_for_each_change() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["topology", "--watch", "--json"];
    let mut child = casty_to(&cluster, &args).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let dead = cluster.contact_points().swap_remove(1);
    lines.next_line().await.unwrap().expect("the first view");
    cluster.kill(1).await;
    loop {
        let line = lines.next_line().await.unwrap().expect("the change");
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        let member = &json["members"][&dead];
        if member["status"] != "up" || member["unreachable"] == true {
            break;
        }
    }
    interrupt(&child).await;
    ended(child).await.with(130);
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_ends_quietly_when_its_output_is_no_longer_read() {
    let cluster = nodes(Codec::pickle()).await;
    let mut child = casty_to(&cluster, &["topology", "--watch"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next_line().await.unwrap().expect("the first view");
    // Nothing changes, so nothing more is printed.
    drop(lines);
    let ended = ended(child).await.with(0);
    assert_eq!(ended.err, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_lasts_as_long_as_it_was_told_to() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["topology", "--watch", "--timeout", "2"];
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    assert!(ended.out.starts_with("leader "), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn first_view_that_does_not_come_is_a_timeout_also_of_a_watch() {
    for more in [&[][..], &["--watch"]] {
        let mut command = crate::process::casty(&["topology", "--timeout", "0.5"]);
        command
            .args(["--contact", "127.0.0.1:1", "--system", "s"])
            .args(more);
        let ended = end(command).await.with(3);
        assert!(
            ended.err.starts_with("casty: timed out after 500ms: "),
            "{ended:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_watched_without_a_terminal_is_printed_once() {
    let cluster = nodes(Codec::pickle()).await;
    let shown = end(casty_to(&cluster, &["topology", "--timeout", AMPLE]))
        .await
        .with(0);
    let watched = end(casty_to(&cluster, &["watch", "--timeout", AMPLE]))
        .await
        .with(0);
    assert_eq!((watched.out, &*watched.err), (shown.out, ""));
    let args = ["watch", "--timeout", AMPLE, "--json"];
    let watched = end(casty_to(&cluster, &args)).await.with(0);
    let document: serde_json::Value = serde_json::from_str(&watched.out).unwrap();
    assert_eq!(document["members"].as_object().unwrap().len(), 3);
}
