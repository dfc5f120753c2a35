use casty_client::{Codec, Value};
use casty_testkit::Context;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::process::{AMPLE, GET, casty_to, end, ended, interrupt, nodes};

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_printed_one_a_line_or_as_json() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["lookup", "--timeout", AMPLE, "greeter"];
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    let (first, second) = (&cluster.addresses()[0], &cluster.addresses()[1]);
    let mut expected = [first, second].map(|node| format!("casty://my-cluster@{node}/greeter"));
    expected.sort();
    let mut printed: Vec<_> = ended.out.lines().collect();
    printed.sort_unstable();
    assert_eq!(printed, expected);
    let args = ["lookup", "--timeout", AMPLE, "greeter", "--json"];
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    let json: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    let uri = json[0]["uri"].as_str().unwrap();
    assert!(uri.contains(json[0]["node"].as_str().unwrap()), "{uri}");
}

#[tokio::test(flavor = "multi_thread")]
async fn first_live_instance_is_asked() {
    let cluster = nodes(Codec::pickle()).await;
    cluster.kill(0).await;
    let greet =
        r#"{"_type": "counter_app.Greet", "name": "Ada", "reply_to": {"__ref__": "$reply"}}"#;
    let args = ["lookup", "--timeout", AMPLE, "greeter", "--ask", greet];
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    assert_eq!(ended.out, "\"Hello Ada from 1\"\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn service_without_instances_fails() {
    let cluster = nodes(Codec::pickle()).await;
    for more in [&[][..], &["--ask", GET]] {
        let mut command = casty_to(&cluster, &["lookup", "--timeout", AMPLE, "nobody"]);
        command.args(more);
        let ended = end(command).await.with(1);
        assert_eq!(ended.out, "");
        assert_eq!(
            ended.said(),
            "casty: no live node runs an instance of \"nobody\"\n"
        );
    }
}

const GREET: &str =
    r#"{"_type": "counter_app.Greet", "name": "Ada", "reply_to": {"__ref__": "$reply"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn all_instances_are_asked_and_the_silent_ones_are_named() {
    let cluster = nodes(Codec::pickle()).await;
    let args = [
        "lookup",
        "--timeout",
        AMPLE,
        "greeter",
        "--ask",
        GREET,
        "--all",
    ];
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    let mut replies: Vec<_> = ended.out.lines().collect();
    replies.sort_unstable();
    let reply = |number: usize| {
        let node = &cluster.addresses()[number];
        format!("{{\"node\": \"{node}\", \"reply\": \"Hello Ada from {number}\"}}")
    };
    let mut expected = [reply(0), reply(1)];
    expected.sort();
    assert_eq!(replies, expected);

    cluster.stop_actor(0, "greeter");
    let args = [
        "lookup",
        "--timeout",
        "2",
        "greeter",
        "--ask",
        GREET,
        "--all",
    ];
    let ended = end(casty_to(&cluster, &args)).await.with(3);
    assert_eq!(ended.out, format!("{}\n", reply(1)));
    let silent = format!("casty: {}: no reply within", cluster.addresses()[0]);
    assert!(ended.err.starts_with(&silent), "{ended:#?}");
    let end = "casty: 1 of 2 actors did not reply\n";
    assert!(ended.said().ends_with(end), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_prints_which_instances_come_and_go() {
    let cluster = nodes(Codec::pickle()).await;
    let mut child = casty_to(&cluster, &["lookup", "greeter", "--watch"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let uri = |number: usize| {
        let node = &cluster.addresses()[number];
        format!("casty://my-cluster@{node}/greeter")
    };
    let mut first = Vec::new();
    for _ in 0..2 {
        first.push(lines.next_line().await.unwrap().expect("an instance"));
    }
    first.sort();
    let mut expected = [uri(0), uri(1)].map(|uri| format!("+ {uri}"));
    expected.sort();
    assert_eq!(first, expected);
    cluster.stop_service(1, "greeter");
    let gone = lines.next_line().await.unwrap();
    assert_eq!(gone, Some(format!("- {}", uri(1))));
    cluster.start_service(2, "greeter", |_: Value, _: &mut Context<'_>| {});
    let come = lines.next_line().await.unwrap();
    assert_eq!(come, Some(format!("+ {}", uri(2))));
    interrupt(&child).await;
    ended(child).await.with(130);
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_begins_with_a_line_that_there_is_no_instance() {
    let cluster = nodes(Codec::pickle()).await;
    let mut child = casty_to(&cluster, &["lookup", "late", "--watch"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap();
    assert_eq!(first.as_deref(), Some("no instances"));
    cluster.start_service(2, "late", |_: Value, _: &mut Context<'_>| {});
    let uri = format!("casty://my-cluster@{}/late", cluster.addresses()[2]);
    let come = lines.next_line().await.unwrap();
    assert_eq!(come, Some(format!("+ {uri}")));
    cluster.stop_service(2, "late");
    let gone = lines.next_line().await.unwrap();
    assert_eq!(gone, Some(format!("- {uri}")));
    interrupt(&child).await;
    ended(child).await.with(130);
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_prints_an_array_for_each_change_and_lasts_as_long_as_it_was_told_to() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["lookup", "nobody", "--watch", "--json", "--timeout", "2"];
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    assert_eq!(ended.out, "[]\n");
}
