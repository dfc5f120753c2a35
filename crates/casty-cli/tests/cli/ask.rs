use std::time::{Duration, Instant};

use casty_client::{Codec, Compression};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::process::{
    ADD, AMPLE, GET, IGNORED, casty, casty_to, end, ended, interrupt, nodes, unsubscribed,
};

#[tokio::test(flavor = "multi_thread")]
async fn reply_is_all_that_is_printed_whatever_the_serializer() {
    for (name, codec) in [
        ("pickle", Codec::pickle()),
        ("json", Codec::json()),
        ("msgpack", Codec::msgpack()),
    ] {
        let cluster = nodes(codec).await;
        let told = [
            "tell",
            "--codec",
            name,
            "--timeout",
            AMPLE,
            "counter",
            "user-42",
            ADD,
        ];
        end(casty_to(&cluster, &told)).await.with(0);
        let asked = [
            "ask",
            "--codec",
            name,
            "--timeout",
            AMPLE,
            "counter",
            "user-42",
            GET,
        ];
        let ended = end(casty_to(&cluster, &asked)).await.with(0);
        assert_eq!((&*ended.out, &*ended.err), ("5\n", ""), "{name}");
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_compression_of_the_nodes_is_spoken() {
    for compression in Compression::ALL {
        let cluster = nodes(Codec::json().compressed(*compression)).await;
        let asked = ["ask", "--timeout", AMPLE, "counter", "user-42", GET];
        let mut command = casty_to(&cluster, &asked);
        command.args(["--codec", "json", "--compression", compression.name()]);
        let ended = end(command).await.with(0);
        assert_eq!(ended.out, "0\n", "{compression}");
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_back_in_the_notation_in_which_they_were_typed() {
    let cluster = nodes(Codec::pickle()).await;
    let value = concat!(
        r#"[null, true, 12345678901234567890123, 1.5, "h\u00e9", {"__bytes__": "AP8="}, "#,
        r#"{"__tuple__": [1, {"__set__": [2]}]}, {"__frozenset__": [3]}, "#,
        r#"{"__dict__": [[1, "one"]]}, {"_type": "bank.Deposit", "amount": 5}, "#,
        r#"{"__ref__": "casty://my-cluster@127.0.0.1:1/a"}, "#,
        r#"{"__datetime__": "2024-02-29T12:30:00+01:00"}, {"__decimal__": "1.50"}]"#
    );
    let echo = format!(
        r#"{{"_type": "counter_app.Echo", "value": {value}, "reply_to": {{"__ref__": "$reply"}}}}"#
    );
    let args = ["ask", "--timeout", AMPLE, "counter", "user-1", &echo];
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    assert_eq!(ended.out.trim_end(), value);
}

#[tokio::test(flavor = "multi_thread")]
async fn reply_that_does_not_come_is_a_timeout() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["ask", "--timeout", "1.5", "counter", "user-1", IGNORED];
    let begin = Instant::now();
    let ended = end(casty_to(&cluster, &args)).await.with(3);
    assert!(begin.elapsed() >= Duration::from_secs(1));
    assert_eq!(
        ended.said(),
        "casty: timed out after 1.5s: no reply from counter/user-1\n"
    );
    unsubscribed(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn region_that_no_node_hosts_is_named_when_the_time_is_up() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["ask", "--timeout", "1.5", "nosuch", "user-1", GET];
    let ended = end(casty_to(&cluster, &args)).await.with(3);
    assert!(
        ended
            .err
            .contains(r#"the cluster shows no region "nosuch""#),
        "{ended:?}"
    );
}

/// Tries, in turn: no process listens; one listens and says nothing; packets get no answer at all;
/// one speaks another protocol; the nodes have another serializer.
#[tokio::test(flavor = "multi_thread")]
async fn timeout_bounds_the_command_whatever_is_at_the_contact_point() {
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = dead.local_addr().unwrap().to_string();
    drop(dead);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let unanswered = silent.local_addr().unwrap().to_string();
    let (swallowing, _full) = black_hole().await;
    let alien = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let babbling = alien.local_addr().unwrap().to_string();
    let babble = tokio::spawn(async move {
        while let Ok((mut stream, _)) = alien.accept().await {
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .ok();
        }
    });
    let cluster = nodes(Codec::json()).await;
    let foreign = cluster.contact_points().swap_remove(0);
    for contact in [refused, unanswered, swallowing, babbling, foreign] {
        let args = [
            "ask",
            "--contact",
            &contact,
            "--system",
            "my-cluster",
            "--timeout",
            "0.8",
            "--shards",
            "100",
        ];
        let mut command = casty(&args);
        command.args(["counter", "user-42", GET]);
        let begin = Instant::now();
        let ended = end(command).await.with(3);
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert_eq!(ended.out, "");
        assert!(
            ended
                .err
                .starts_with("casty: timed out after 800ms: no node "),
            "{ended:?}"
        );
        assert_eq!(ended.err.lines().count(), 2, "{ended:?}");
        assert!(ended.err.contains(&contact), "{ended:?}");
    }
    babble.abort();
}

/// Returns an address at which connections are neither accepted nor refused, as long as what is
/// returned with it lives: the queue of those that wait to be accepted is full.
async fn black_hole() -> (String, (TcpListener, Vec<TcpStream>)) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let patience = Duration::from_millis(300);
    while let Ok(connected) = timeout(patience, TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
        assert!(waiting.len() < 1000, "the queue never fills");
    }
    (address.to_string(), (listener, waiting))
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_of_another_name_is_refused_at_once() {
    let cluster = nodes(Codec::pickle()).await;
    for args in [
        ["ask", "counter", "user-1", GET],
        ["tell", "counter", "user-1", ADD],
    ] {
        let mut command = casty_to(&cluster, &args);
        command.args(["--system", "other", "--timeout", AMPLE]);
        let ended = end(command).await.with(1);
        assert!(
            ended.err.contains(r#"belongs to the system "my-cluster""#),
            "{ended:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contact_point_that_is_down_does_not_keep_the_others_from_being_used() {
    let cluster = nodes(Codec::pickle()).await;
    let mut command = casty(&["ask", "--contact", "127.0.0.1:1", "--system", "my-cluster"]);
    command.args([
        "--contact",
        &cluster.contact_points()[2],
        "--timeout",
        AMPLE,
    ]);
    command.args(["--shards", "100", "counter", "user-42", GET]);
    assert_eq!(end(command).await.with(0).out, "0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupt_ends_the_subscription_and_the_command() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["ask", "--timeout", AMPLE, "counter", "user-1", IGNORED];
    let child = casty_to(&cluster, &args).spawn().unwrap();
    cluster
        .wait_until(|status| status.nodes.iter().any(|node| node.messages == 1))
        .await;
    interrupt(&child).await;
    let ended = ended(child).await.with(130);
    assert_eq!((&*ended.out, &*ended.err), ("", ""));
    unsubscribed(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verbose_commands_tell_what_they_do_on_standard_error() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["ask", "--timeout", AMPLE, "-v", "counter", "user-1", GET];
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    assert_eq!(ended.out, "0\n");
    assert!(ended.err.contains("connected"), "{ended:?}");
}
