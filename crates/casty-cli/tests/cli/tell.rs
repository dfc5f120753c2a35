use std::fmt::Write;

use casty_client::Codec;
use casty_testkit::{Cluster, Status};
use tokio::io::AsyncWriteExt;

use crate::process::{
    ADD, AMPLE, GET, assert_counts, casty, casty_to, end, end_with_input, ended, hang_owner,
    interrupt, nodes,
};

/// Returns a thousand lines to ten entities, each worth 1.
fn thousand() -> String {
    let mut lines = String::new();
    for number in 0..1000 {
        let entity = number % 10;
        let message = r#"{"_type": "counter_app.Increment", "amount": 1}"#;
        writeln!(lines, "user-{entity}\t{message}").unwrap();
    }
    lines
}

async fn count(cluster: &Cluster, entity: &str) -> String {
    let args = ["ask", "--timeout", AMPLE, "counter", entity, GET];
    end(casty_to(cluster, &args)).await.with(0).out
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_a_thousand_lines_of_a_file_arrives() {
    let cluster = nodes(Codec::pickle()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), thousand()).unwrap();
    let path = file.path().to_str().unwrap();
    let args = ["tell", "--timeout", AMPLE, "counter", "--file", path];
    let ended = end(casty_to(&cluster, &args)).await.with(0);
    assert_eq!(ended.out, "");
    assert_counts(&ended.err, "1000 written, 0 not sent, 0 unknown");
    for entity in 0..10 {
        assert_eq!(count(&cluster, &format!("user-{entity}")).await, "100\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_a_thousand_lines_of_standard_input_arrives() {
    let cluster = nodes(Codec::msgpack()).await;
    let args = [
        "tell",
        "--codec",
        "msgpack",
        "--timeout",
        AMPLE,
        "counter",
        "--file",
        "-",
    ];
    let command = casty_to(&cluster, &args);
    let ended = end_with_input(command, thousand().as_bytes()).await.with(0);
    assert_counts(&ended.err, "1000 written, 0 not sent, 0 unknown");
    let handled = |status: &Status| -> u64 { status.nodes.iter().map(|n| n.messages).sum() };
    let status = cluster.wait_until(|status| handled(status) >= 1000).await;
    assert_eq!(handled(&status), 1000);
}

const MIXED: &str = concat!(
    "user-1\t{\"_type\": \"counter_app.Increment\", \"amount\": 1}\r\n",
    "user-1 {\"_type\": \"counter_app.Increment\", \"amount\": 1}\n",
    "\n",
    "user-1\t{\"_type\": \n",
    "user-1\t{\"_type\": \"a.B\", \"reply_to\": {\"__ref__\": \"$reply\"}}\n",
    "user-1\t{\"_type\": \"counter_app.Increment\", \"amount\": 10}",
);

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_are_named_and_keep_no_other_from_being_sent() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["tell", "--timeout", AMPLE, "counter", "--file", "-"];
    let ended = end_with_input(casty_to(&cluster, &args), MIXED.as_bytes())
        .await
        .with(1);
    let lines: Vec<_> = ended.err.lines().collect();
    assert_eq!(lines.len(), 6, "{ended:#?}");
    assert!(lines[0].starts_with("casty: line 2: no tab"));
    assert!(lines[1].starts_with("casty: line 4: the message is not in Casty's JSON notation: "));
    assert!(lines[2].starts_with("casty: line 5: a told message gets no reply"));
    assert_counts(lines[3], "2 written, 0 not sent, 0 unknown");
    assert_eq!(lines[4], "casty: lines left out: 3");
    assert_eq!(count(&cluster, "user-1").await, "11\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_tells_stop_at_the_first_bad_line() {
    let cluster = nodes(Codec::pickle()).await;
    let args = [
        "tell",
        "--timeout",
        AMPLE,
        "counter",
        "--strict",
        "--file",
        "-",
    ];
    let ended = end_with_input(casty_to(&cluster, &args), MIXED.as_bytes())
        .await
        .with(1);
    let lines: Vec<_> = ended.err.lines().collect();
    assert_eq!(lines.len(), 3, "{ended:#?}");
    assert_counts(lines[0], "1 written, 0 not sent, 0 unknown");
    assert!(lines[1].starts_with("casty: line 2: no tab"));
    assert_eq!(count(&cluster, "user-1").await, "1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn message_that_no_node_takes_in_time_is_counted_as_not_sent() {
    let args = [
        "tell",
        "--contact",
        "127.0.0.1:1",
        "--system",
        "s",
        "--timeout",
        "0.5",
    ];
    let mut command = casty(&args);
    command.args(["--shards", "100", "counter", "user-42", ADD]);
    let ended = end(command).await.with(3);
    let lines: Vec<_> = ended.err.lines().collect();
    assert_eq!(lines[0], "0 written, 0 not sent, 0 unknown");
    assert!(
        lines[1].starts_with("casty: timed out after 500ms: "),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn message_that_the_serializer_cannot_carry_fails() {
    let cluster = nodes(Codec::json()).await;
    let set = r#"{"_type": "a.B", "values": {"__set__": [1]}}"#;
    let args = [
        "tell",
        "--codec",
        "json",
        "--timeout",
        AMPLE,
        "counter",
        "user-1",
        set,
    ];
    let ended = end(casty_to(&cluster, &args)).await.with(1);
    assert!(ended.err.contains("a set"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_cannot_be_opened_fails() {
    let cluster = nodes(Codec::pickle()).await;
    let args = [
        "tell",
        "--timeout",
        AMPLE,
        "counter",
        "--file",
        "/no/such/file",
    ];
    let ended = end(casty_to(&cluster, &args)).await.with(1);
    assert!(
        ended.err.contains("casty: cannot open /no/such/file: "),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_goes_on_for_ever_ends_with_an_interrupt() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["tell", "--timeout", AMPLE, "counter", "--file", "-"];
    let mut command = casty_to(&cluster, &args);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let line = format!("user-1\t{ADD}\n");
    stdin.write_all(line.as_bytes()).await.unwrap();
    cluster
        .wait_until(|status| status.nodes.iter().any(|node| node.messages == 1))
        .await;
    interrupt(&child).await;
    let ended = ended(child).await.with(130);
    assert_counts(&ended.err, "1 written, 0 not sent, 0 unknown");
    drop(stdin);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_read_nothing_hold_the_sender_back_until_the_time_is_up() {
    let cluster = nodes(Codec::pickle()).await;
    let args = ["tell", "--timeout", "3", "counter", "--file", "-"];
    let mut command = casty_to(&cluster, &args);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let line = format!("user-1\t{ADD}\n");
    stdin.write_all(line.as_bytes()).await.unwrap();
    hang_owner(&cluster).await;
    let padding = "x".repeat(100_000);
    let line = format!("user-1\t{{\"_type\": \"a.B\", \"padding\": \"{padding}\"}}\n");
    // More than the outbox and all buffers of the kernel hold: it cannot all be taken.
    for _ in 0..1000 {
        if stdin.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    let ended = ended(child).await.with(3);
    assert!(
        ended
            .err
            .contains("casty: timed out after 3s: not everything was written")
    );
    assert!(!ended.err.contains(" 0 unknown"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_order_mark_before_the_messages_is_no_part_of_the_first_entity() {
    let cluster = nodes(Codec::pickle()).await;
    let line = "alice\t{\"_type\": \"counter_app.Increment\", \"amount\": 5}\n";
    let marked = format!("\u{feff}{line}{line}");
    let args = ["tell", "--timeout", AMPLE, "counter", "--file", "-"];
    let command = casty_to(&cluster, &args);
    end_with_input(command, marked.as_bytes()).await.with(0);
    assert_eq!(count(&cluster, "alice").await, "10\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_takes_as_long_as_it_takes() {
    let cluster = nodes(Codec::pickle()).await;
    let mut command = casty_to(&cluster, &["tell", "counter", "--file", "-"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let line = format!("user-1\t{ADD}\n");
    let handled = |count| {
        cluster.wait_until(move |status| status.nodes.iter().any(|node| node.messages == count))
    };
    stdin.write_all(line.as_bytes()).await.unwrap();
    handled(1).await;
    // Longer than any command may take that is given no time.
    let clock = ["topology", "--watch", "--timeout", "6s"];
    end(casty_to(&cluster, &clock)).await.with(0);
    stdin.write_all(line.as_bytes()).await.unwrap();
    handled(2).await;
    drop(stdin);
    let ended = ended(child).await.with(0);
    assert_counts(&ended.err, "2 written, 0 not sent, 0 unknown");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn progress_is_drawn_on_a_terminal_also_while_nothing_comes() {
    use crate::terminal::{Terminal, rows};
    let cluster = nodes(Codec::pickle()).await;
    let args = ["tell", "--timeout", AMPLE, "counter", "--file", "-"];
    let mut terminal = Terminal::start(&cluster, &args, &[]);
    let drawn = |screen: &vt100::Screen, bar: &str| rows(screen).iter().any(|it| it.contains(bar));
    terminal
        .shows("a progress", |screen| drawn(screen, " 0 messages, 0/s  "))
        .await;
    terminal
        .press(&format!("user-1\t{ADD}\nuser-2\t{ADD}\n"))
        .await;
    terminal
        .shows("a rate", |screen| {
            drawn(screen, " 2 messages, ") && !drawn(screen, " 2 messages, 0/s")
        })
        .await;
    terminal
        .shows("the rate of a pause", |screen| {
            drawn(screen, " 2 messages, 0/s  ")
        })
        .await;
    // The end of what is typed.
    terminal.press("\u{4}").await;
    assert_eq!(terminal.ended().await, Some(0));
    terminal
        .shows("the end", |screen| {
            let is_told = drawn(screen, "2 written, 0 not sent, 0 unknown in ");
            is_told && !drawn(screen, " 2 messages, ")
        })
        .await;
}
