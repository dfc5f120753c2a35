use casty_client::Codec;
use casty_testkit::Cluster;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::process::{
    ADD, AMPLE, Ended, GET, IGNORED, casty, casty_to, end, ended, hang_owner, interrupt, nodes,
};

/// Returns the arguments of a load: options as on a command line, and those that have spaces.
fn arguments<'a>(options: &'a str, others: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["bench", "counter"];
    all.extend(options.split(' '));
    all.extend(others);
    all
}

/// Prepares a load on a cluster, which is told as a document.
fn load(cluster: &Cluster, options: &str, others: &[&str]) -> Command {
    let mut args = arguments(options, others);
    args.push("--json");
    casty_to(cluster, &args)
}

/// Returns the document that was printed, after a look at whether its counts add up.
#[track_caller]
fn document(ended: &Ended) -> Value {
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    let count = |value: &Value| value.as_u64().unwrap();
    let sum = |value: &Value| -> u64 { value.as_object().unwrap().values().map(count).sum() };
    let all = [
        &told["tells"],
        &told["asks"],
        &told["warm_up"]["tells"],
        &told["warm_up"]["asks"],
    ];
    for ends in all {
        let parts = count(&ends["done"]) + sum(&ends["not_sent"]) + sum(&ends["failed"]);
        assert_eq!(count(&ends["due"]), parts, "{told:#}");
    }
    let points = told["timeline"].as_array().unwrap();
    let over_time = |name: &str| -> u64 { points.iter().map(|it| count(&it[name])).sum() };
    let sent = |ends: &Value| count(&ends["due"]) - sum(&ends["not_sent"]);
    let measured = [&told["tells"], &told["asks"]];
    let due: u64 = measured.iter().map(|ends| count(&ends["due"])).sum();
    assert_eq!(over_time("due"), due, "{told:#}");
    assert_eq!(
        over_time("sent"),
        measured.iter().map(|ends| sent(ends)).sum::<u64>(),
        "{told:#}"
    );
    assert_eq!(
        over_time("replies"),
        count(&told["asks"]["done"]),
        "{told:#}"
    );
    // What the client took is all that was sent, and what found no route.
    let taken = sum(&told["fates"]);
    let tried: u64 = all.iter().map(|ends| count(&ends["due"])).sum();
    let sent: u64 = all.iter().map(|ends| sent(ends)).sum();
    assert!((sent..=tried).contains(&taken), "{told:#}");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_of_a_load_is_counted_once_and_arrives() {
    let cluster = nodes(Codec::pickle()).await;
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("bench.svg");
    let options =
        "--rate 1000 --duration 1s --warm-up 500ms --mix tell=3,ask=1 --max-in-flight 65536";
    let messages = ["--message", ADD, "--message", GET];
    let others = [
        &messages[..],
        &["--plot", plot.to_str().unwrap(), "--timeout", AMPLE],
    ]
    .concat();
    let ended = end(load(&cluster, options, &others)).await.with(0);
    let told = document(&ended);
    let counts = |due: u64| json!({ "due": due, "done": due, "not_sent": {}, "failed": {} });
    assert_eq!(told["tells"], counts(750), "{told:#}");
    assert_eq!(told["asks"], counts(250));
    assert_eq!(
        told["warm_up"],
        json!({ "tells": counts(375), "asks": counts(125) })
    );
    let fates = json!({ "written": 1500, "not_sent": 0, "unknown": 0 });
    assert_eq!(told["fates"], fates);
    assert_eq!(told["latency_us"]["count"], json!(250));
    let status = cluster
        .wait_until(|status| status.nodes.iter().map(|it| it.messages).sum::<u64>() >= 1500)
        .await;
    let handled: u64 = status.nodes.iter().map(|node| node.messages).sum();
    assert_eq!(handled, 1500);
    let svg = std::fs::read_to_string(&plot).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("counter: 1000 messages a second for 1 s"));
}

#[tokio::test(flavor = "multi_thread")]
async fn asks_without_a_place_or_a_reply_are_counted_by_their_reasons() {
    let cluster = nodes(Codec::pickle()).await;
    let options = "--rate 100 --duration 500ms --warm-up 0 --max-in-flight 5 --timeout 3";
    let ended = end(load(&cluster, options, &["--message", IGNORED]))
        .await
        .with(1);
    let told = document(&ended);
    let expected = json!({
        "due": 50, "done": 0, "not_sent": { "max_in_flight": 45 }, "failed": { "timed_out": 5 },
    });
    assert_eq!(told["asks"], expected, "{told:#}");
    assert_eq!(told["latency_us"], Value::Null);
    assert!(ended.err.contains("nothing succeeded"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_for_which_there_is_no_capacity_are_counted_and_delay_no_other() {
    let cluster = nodes(Codec::pickle()).await;
    let first = ["tell", "--timeout", AMPLE, "counter", "bench-0", ADD];
    end(casty_to(&cluster, &first)).await.with(0);
    hang_owner(&cluster).await;
    // More than the outbox and all buffers of the kernel hold.
    let padding = "x".repeat(100_000);
    let long = format!("{{\"_type\": \"a.B\", \"padding\": \"{padding}\"}}");
    let options = "--rate 1000 --duration 1s --warm-up 0s --entities 1 --timeout 3";
    let child = load(&cluster, options, &["--message", &long])
        .spawn()
        .unwrap();
    let ended = ended(child).await;
    let told = document(&ended);
    assert_eq!(told["tells"]["due"], json!(1000));
    let busy = told["tells"]["not_sent"]["busy"].as_u64().unwrap();
    let done = told["tells"]["done"].as_u64().unwrap();
    assert_eq!((busy > 0, busy + done), (true, 1000), "{told:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_a_load_with_the_results_so_far() {
    let cluster = nodes(Codec::pickle()).await;
    let others = ["--message", ADD, "--message", GET, "--timeout", AMPLE];
    let child = load(&cluster, "--rate 500 --duration 1h --warm-up 0", &others)
        .spawn()
        .unwrap();
    cluster
        .wait_until(|status| status.nodes.iter().map(|it| it.messages).sum::<u64>() >= 100)
        .await;
    interrupt(&child).await;
    let ended = ended(child).await.with(130);
    let told = document(&ended);
    assert_eq!(told["interrupted"], json!(true));
    assert!(told["asks"]["due"].as_u64().unwrap() >= 49, "{told:#}");
    assert_eq!(ended.err, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_lines_for_people() {
    let cluster = nodes(Codec::msgpack()).await;
    let options = "--codec msgpack --rate 200 --duration 500ms --warm-up 0";
    let args = arguments(options, &["--message", GET, "--timeout", AMPLE]);
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    let lines: Vec<_> = ended.out.lines().collect();
    assert_eq!(lines[0], "counter: 200 messages a second for 0.5 s, asks");
    assert_eq!(lines[1], "asks             100 due         100 replies");
    let throughput = lines[lines.len() - 2];
    assert!(throughput.starts_with("throughput     "), "{ended:?}");
    assert_eq!(
        lines.last(),
        Some(&"fates of all   100 written, 0 not sent, 0 unknown")
    );
    assert_eq!(ended.err, "");
}

#[tokio::test]
async fn a_load_that_makes_no_sense_is_refused_before_it_begins() {
    let to = ["--contact", "127.0.0.1:1", "--system", "s", "--shards", "9"];
    for (options, messages, said) in [
        ("--rate 0", &["--message", ADD][..], "1..=1000000"),
        ("--rate 5", &[], "--message"),
        ("--rate 5", &["--message", "{"], "JSON notation"),
        ("--rate 5 --mix tell", &["--message", ADD], "tell=90,ask=10"),
        (
            "--rate 5 --mix ask=1",
            &["--message", ADD],
            "--mix names asks",
        ),
        (
            "--rate 5 --mix tell=1",
            &["--message", GET],
            "--mix names tells",
        ),
        (
            "--rate 5 --duration 25h",
            &["--message", ADD],
            "a time such as",
        ),
    ] {
        let mut args = arguments(options, messages);
        args.extend(to);
        let ended = end(casty(&args)).await.with(2);
        assert!(ended.err.contains(said), "{args:?}: {ended:?}");
    }
    // What was drawn before is there as long as there is nothing new.
    let old = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(old.path(), "old").unwrap();
    let plot = ["--plot", old.path().to_str().unwrap()];
    let others = [&["--message", ADD, "--timeout", "0.2"][..], &plot].concat();
    let mut args = arguments("--rate 5", &others);
    args.extend(to);
    end(casty(&args)).await.with(3);
    assert_eq!(std::fs::read_to_string(old.path()).unwrap(), "old");
    let mut args = arguments(
        "--rate 5 --plot /no/such/folder/bench.svg",
        &["--message", ADD],
    );
    args.extend(to);
    let ended = end(casty(&args)).await.with(1);
    let said = "casty: cannot write /no/such/folder/bench.svg: ";
    assert!(ended.err.starts_with(said), "{ended:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn progress_is_drawn_on_a_terminal_and_an_interrupt_there_shows_the_results() {
    use crate::terminal::{Terminal, rows};
    let cluster = nodes(Codec::pickle()).await;
    let options = "--rate 200 --duration 1h --warm-up 0";
    let args = arguments(options, &["--message", GET, "--timeout", AMPLE]);
    let mut terminal = Terminal::start(&cluster, &args, &[]);
    let is_bar = |row: &String| row.contains(" messages, ") && row.ends_with(" left");
    let drawn = |screen: &vt100::Screen| rows(screen).iter().any(is_bar);
    terminal.shows("the progress", drawn).await;
    terminal.press("\u{3}").await;
    assert_eq!(terminal.ended().await, Some(130));
    // Nothing is left of the bar beside them.
    let results = |screen: &vt100::Screen| {
        let rows = rows(screen);
        let title = "counter: 200 messages a second for 3600 s, asks, interrupted";
        let is_told = rows.iter().any(|row| row == title) && !rows.iter().any(is_bar);
        is_told && rows.iter().any(|row| row.starts_with("fates of all"))
    };
    terminal.shows("the results", results).await;
}
