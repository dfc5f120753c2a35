use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use casty_client::{ClusterClient, Codec};
use casty_testkit::{Cluster, Structure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::process::{AMPLE, casty, casty_to, end, ended, interrupt, send, unsubscribed};

/// Starts nodes that host a structure of each kind.
async fn hosting() -> Cluster {
    let builder = Cluster::builder("my-cluster")
        .codec(Codec::pickle().allowing(["*"]).unwrap())
        .structure(Structure::counter("hits"))
        .structure(Structure::map("users"))
        .structure(Structure::set("tags"))
        .structure(Structure::queue("jobs"))
        .structure(Structure::lock("door"))
        .structure(Structure::semaphore("pool", 1))
        .structure(Structure::barrier("start"));
    builder.start().await.unwrap()
}

/// Runs a command with these arguments, and returns what it prints.
async fn said(cluster: &Cluster, args: &[&str]) -> String {
    let ended = end(ample(cluster, args)).await.with(0);
    assert_eq!(ended.err, "", "{args:?}");
    ended.out
}

fn ample(cluster: &Cluster, args: &[&str]) -> Command {
    let (name, rest) = args.split_first().unwrap();
    let mut command = casty_to(cluster, &[name, "--timeout", AMPLE]);
    command.args(rest);
    command
}

async fn client(cluster: &Cluster) -> ClusterClient {
    let client = ClusterClient::builder(cluster.system())
        .contact_points(cluster.contact_points())
        .codec(cluster.codec());
    client.connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn structures_are_read_and_changed_and_print_what_they_reply() {
    let cluster = hosting().await;
    for (args, expected) in [
        (&["counter", "hits", "get"][..], "0\n"),
        (&["counter", "hits", "add", "7"], "7\n"),
        (&["counter", "hits", "add", "-9"], "-2\n"),
        (
            &[
                "map",
                "users",
                "put",
                "ada",
                r#"{"_type": "bank.User", "age": 36}"#,
            ],
            "null\n",
        ),
        (
            &["map", "users", "get", "ada"],
            "{\"_type\": \"bank.User\", \"age\": 36}\n",
        ),
        (
            &["map", "users", "put", "ada", "-1"],
            "{\"_type\": \"bank.User\", \"age\": 36}\n",
        ),
        (&["map", "users", "contains", "ada"], "true\n"),
        (&["map", "users", "delete", "ada"], "true\n"),
        (&["map", "users", "contains", "ada"], "false\n"),
        (&["set", "tags", "add", r#""red""#], "true\n"),
        (&["set", "tags", "add", r#""red""#], "false\n"),
        (&["set", "tags", "contains", r#""red""#], "true\n"),
        (&["set", "tags", "size"], "1\n"),
        (&["set", "tags", "remove", r#""red""#], "true\n"),
        (&["queue", "jobs", "push", "1"], ""),
        (&["queue", "jobs", "push", "[2]"], ""),
        (&["queue", "jobs", "size"], "2\n"),
        (&["queue", "jobs", "peek"], "1\n"),
        (&["queue", "jobs", "pop"], "1\n"),
        (&["queue", "jobs", "pop"], "[2]\n"),
        (&["barrier", "start", "--parties", "1"], ""),
    ] {
        assert_eq!(said(&cluster, args).await, expected, "{args:?}");
    }
    for args in [
        &["queue", "jobs", "pop"][..],
        &["queue", "jobs", "peek"],
        &["map", "users", "get", "ada"],
    ] {
        let ended = end(ample(&cluster, args)).await.with(4);
        assert_eq!((&*ended.out, &*ended.err), ("", ""), "{args:?}");
    }
    unsubscribed(&cluster).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_an_action_needs_or_does_not_take_are_told() {
    let cluster = hosting().await;
    for (args, what) in [
        (&["counter", "hits", "add"][..], "this needs a number"),
        (
            &["counter", "hits", "get", "1"],
            "this is done without a number",
        ),
        (&["map", "users", "put", "ada"], "this needs a value"),
        (
            &["queue", "jobs", "push", "{"],
            "not in Casty's JSON notation",
        ),
        (
            &["map", "users", "put", "ada", "hello"],
            r#"no JSON: text needs quotes, "hello", and in a shell others around them, '"hello"'"#,
        ),
        (&["lock", "door"], "COMMAND"),
    ] {
        let ended = end(ample(&cluster, args)).await.with(2);
        assert!(ended.err.contains(what), "{args:?}: {ended:?}");
    }
    let ended = end(ample(&cluster, &["set", "tags", "contains", "[1]"]));
    let ended = ended.await.with(1);
    assert!(
        ended.err.contains("Python has no hash for a builtins.list"),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn structure_that_no_node_hosts_is_named_when_the_time_is_up() {
    let cluster = hosting().await;
    for args in [
        &["counter", "--timeout", "1", "misses", "get"][..],
        &["lock", "--timeout", "1", "misses", "--", "true"],
    ] {
        let ended = end(casty_to(&cluster, args)).await.with(3);
        assert!(
            ended.err.starts_with("casty: no node hosts region \"d-"),
            "{ended:?}"
        );
        assert!(ended.err.contains("misses\" of 100 shards"), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_the_command_is_passed_on_and_the_lock_is_free_after_it() {
    let cluster = hosting().await;
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)] {
        for kind in [["lock", "door"], ["semaphore", "pool"]] {
            let args = [&kind[..], &["--wait", AMPLE, "--", "sh", "-c", script]].concat();
            let ended = end(ample(&cluster, &args)).await.with(code);
            assert_eq!((&*ended.out, &*ended.err), ("", ""));
        }
    }
    let args = ["lock", "door", "--", "/no/such/command"];
    end(ample(&cluster, &args)).await.with(127);
    let client = client(&cluster).await;
    let door = client.distributed().lock("door").unwrap();
    assert!(door.try_acquire().await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_the_lock_ends_with_its_time_though_the_node_hangs() {
    let cluster = hosting().await;
    assert_eq!(
        said(&cluster, &["lock", "door", "--destroy"]).await,
        "true\n"
    );
    cluster.hang(cluster.owner("d-lock-door", "door").unwrap());
    let args = ["lock", "door", "--wait", "0.2", "--", "true"];
    let ended = end(ample(&cluster, &args)).await.with(75);
    assert!(
        ended.err.starts_with("casty: not acquired within 200ms: "),
        "{ended:?}"
    );
}

/// Starts a command that holds the lock until it is told to end, and waits until it does.
async fn holding(
    cluster: &Cluster,
    script: &str,
) -> (
    Child,
    tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
) {
    let mut command = ample(cluster, &["lock", "door", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "inside");
    (child, lines)
}

const UNTIL_INTERRUPTED: &str =
    "trap 'echo told; exit 9' INT TERM; echo inside; while :; do sleep 0.05; done";

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_is_passed_on_and_the_lock_released_when_the_command_has_ended() {
    let cluster = hosting().await;
    let (child, mut lines) = holding(&cluster, UNTIL_INTERRUPTED).await;
    let args = ["lock", "door", "--wait", "0.2", "--", "echo", "inside"];
    let busy = end(ample(&cluster, &args)).await.with(75);
    assert_eq!(busy.out, "");
    assert!(
        busy.err.starts_with("casty: not acquired within 200ms"),
        "{busy:?}"
    );
    interrupt(&child).await;
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "told");
    ended(child).await.with(9);
    let args = ["lock", "door", "--wait", AMPLE, "--", "echo", "inside"];
    assert_eq!(said(&cluster, &args).await, "inside\n");
    unsubscribed(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_is_passed_on_and_the_lock_released() {
    let cluster = hosting().await;
    let script = "trap 'echo told; exit 9' HUP; echo inside; while :; do sleep 0.05; done";
    let (child, mut lines) = holding(&cluster, script).await;
    send(&child, "HUP").await;
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "told");
    ended(child).await.with(9);
    let args = ["lock", "door", "--wait", AMPLE, "--", "echo", "inside"];
    assert_eq!(said(&cluster, &args).await, "inside\n");
}

/// The terminal that `script` makes sends what is typed to all in its foreground.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_that_is_typed_reaches_the_command_once() {
    let cluster = hosting().await;
    let inner = ample(
        &cluster,
        &[
            "lock",
            "door",
            "--",
            "sh",
            "-c",
            "trap 'echo told' INT; echo inside; until read line; do :; done; echo \"$line\"",
        ],
    );
    let inner = inner.as_std();
    let words = std::iter::once(inner.get_program()).chain(inner.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''")));
    // `exec`, for a shell between them would take the interrupt too, and end by it.
    let line = format!("exec {}", quoted.collect::<Vec<_>>().join(" "));
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]);
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    let mut child = terminal
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut typed = child.stdin.take().unwrap();
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        // The terminal echoes what is typed.
        let line = line.trim_end().trim_start_matches("^C").to_owned();
        match line.as_str() {
            "inside" => typed.write_all(b"\x03").await.unwrap(),
            "told" => typed.write_all(b"done\n").await.unwrap(),
            _ => {}
        }
        said.push(line);
    }
    let status = child.wait().await.unwrap();
    assert!(status.success(), "{status}: {said:?}");
    let told = said.iter().filter(|line| *line == "told");
    assert_eq!(told.count(), 1, "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_reaches_no_cluster_ends_at_a_signal() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let contact = listener.local_addr().unwrap().to_string();
    let args = ["lock", "--contact", &contact, "--system", "my-cluster"];
    let rest = ["--timeout", AMPLE, "door", "--", "true"];
    let child = casty(&[&args[..], &rest].concat()).spawn().unwrap();
    let dialled = listener.accept().await.unwrap();
    send(&child, "TERM").await;
    ended(child).await.with(143);
    drop(dialled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barrier_waits_for_the_whole_time() {
    let cluster = hosting().await;
    let args = ["barrier", "--timeout", "0.5", "start", "--parties", "2"];
    let ended = end(casty_to(&cluster, &args)).await.with(3);
    assert!(ended.err.contains("500ms"), "{ended:?}");
    assert!(ended.err.contains("stays counted there"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_waits_for_the_lock_ends_at_a_signal_and_leaves_nothing() {
    let cluster = hosting().await;
    let client = client(&cluster).await;
    let door = client.distributed().lock("door").unwrap();
    let guard = door.try_within(Duration::from_secs(30)).await.unwrap();
    let handled = |cluster: &Cluster| -> u64 {
        let status = cluster.status();
        status.nodes.iter().map(|node| node.messages).sum()
    };
    let before = handled(&cluster);
    let child = ample(&cluster, &["lock", "door", "--", "true"])
        .spawn()
        .unwrap();
    cluster.wait_until(|_| handled(&cluster) > before).await;
    interrupt(&child).await;
    ended(child).await.with(130);
    guard.release().await.unwrap();
    let next = door.try_within(Duration::from_secs(30)).await.unwrap();
    next.release().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_told_to_end_when_the_node_that_granted_the_lock_is_lost() {
    let cluster = hosting().await;
    let (child, mut lines) = holding(&cluster, UNTIL_INTERRUPTED).await;
    cluster
        .kill(cluster.owner("d-lock-door", "door").unwrap())
        .await;
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "told");
    let ended = ended(child).await.with(9);
    assert!(ended.err.contains("not held any more"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_command_has_left_locked_is_destroyed() {
    let cluster = hosting().await;
    let (mut child, _lines) = holding(&cluster, "echo inside; exec sleep 0.5").await;
    child.kill().await.unwrap();
    let args = ["lock", "door", "--wait", "0.2", "--", "true"];
    end(ample(&cluster, &args)).await.with(75);
    assert_eq!(
        said(&cluster, &["lock", "door", "--release", "nobody"]).await,
        "false\n"
    );
    assert_eq!(
        said(&cluster, &["lock", "door", "--destroy"]).await,
        "true\n"
    );
    end(ample(&cluster, &args)).await.with(0);
}

/// Runs a command some times in turn under the lock, as one shell does.
async fn take_turns(cluster: &Cluster, folder: &Path, turns: usize) {
    // A folder can be made once only, so it fails if another is inside.
    let script = "mkdir inside && sleep 0.02 && rmdir inside && echo turn >> turns";
    for _ in 0..turns {
        let mut command = ample(cluster, &["lock", "door", "--", "sh", "-c", script]);
        command.current_dir(folder);
        let ended = end(command).await.with(0);
        assert_eq!((&*ended.out, &*ended.err), ("", ""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_shells_at_once_never_both_are_inside() {
    const TURNS: usize = 4;
    let cluster = hosting().await;
    let folder = tempfile::tempdir().unwrap();
    tokio::join!(
        take_turns(&cluster, folder.path(), TURNS),
        take_turns(&cluster, folder.path(), TURNS),
    );
    let turns = std::fs::read_to_string(folder.path().join("turns")).unwrap();
    assert_eq!(turns.lines().count(), 2 * TURNS);
}
