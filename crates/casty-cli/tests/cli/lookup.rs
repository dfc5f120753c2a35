use casty_client::Codec;

use crate::process::{AMPLE, GET, casty_to, end, nodes};

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
            ended.err,
            "casty: no live node runs an instance of \"nobody\"\n"
        );
    }
}
