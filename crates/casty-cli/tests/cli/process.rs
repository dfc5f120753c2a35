//! The command as a process, and the cluster that it talks to.

use std::process::Stdio;
use std::time::Duration;

use casty_client::{ActorRef, Codec, TransportConfig, Value};
use casty_testkit::{Cluster, Context, stateful};
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// The time that no command may take here: one that lasts longer has a bug, and fails.
pub(crate) const LONGEST: Duration = Duration::from_mins(1);
/// A timeout for commands that must succeed, on the slowest machine.
pub(crate) const AMPLE: &str = "30";

pub(crate) const GET: &str =
    r#"{"_type": "counter_app.GetCount", "reply_to": {"__ref__": "$reply"}}"#;
pub(crate) const ADD: &str = r#"{"_type": "counter_app.Increment", "amount": 5}"#;
pub(crate) const IGNORED: &str =
    r#"{"_type": "counter_app.Ignore", "reply_to": {"__ref__": "$reply"}}"#;

/// The messages that the entities understand.
#[derive(Deserialize)]
enum Counter {
    #[serde(rename = "counter_app.Increment")]
    Increment { amount: i64 },
    #[serde(rename = "counter_app.GetCount")]
    GetCount { reply_to: ActorRef<i64> },
    #[serde(rename = "counter_app.Echo")]
    Echo {
        value: Value,
        reply_to: ActorRef<Value>,
    },
    #[serde(rename = "counter_app.Ignore")]
    Ignore {
        #[serde(rename = "reply_to")]
        _reply_to: ActorRef<Value>,
    },
}

#[derive(Deserialize)]
#[serde(rename = "counter_app.Greet")]
struct Greet {
    name: String,
    reply_to: ActorRef<String>,
}

/// Starts three nodes with counters, a greeter on the first two, and a singleton `host` that greets, too.
///
/// They send whatever they are sent back to whoever asks, so their values may name anything.
pub(crate) async fn nodes(codec: Codec) -> Cluster {
    let codec = codec.allowing(["*"]).unwrap();
    nodes_over(TransportConfig::tcp(), codec).await
}

/// Starts such nodes over another transport.
pub(crate) async fn nodes_over(transport: TransportConfig, codec: Codec) -> Cluster {
    let counters = stateful(
        || 0_i64,
        |count: &mut i64, message, context: &mut Context<'_>| match message {
            Counter::Increment { amount } => *count += amount,
            Counter::GetCount { reply_to } => context.reply(&reply_to, count),
            Counter::Echo { value, reply_to } => context.reply(&reply_to, &value),
            Counter::Ignore { .. } => {}
        },
    );
    let greet = |greet: Greet, context: &mut Context<'_>| {
        let greeting = format!("Hello {} from {}", greet.name, context.node());
        context.reply(&greet.reply_to, &greeting);
    };
    Cluster::builder("my-cluster")
        .transport(transport)
        .codec(codec)
        .region("counter", 100, counters)
        .service_on(0, "greeter", greet)
        .service_on(1, "greeter", greet)
        .singleton(
            "host",
            stateful(
                || (),
                move |(): &mut (), it, context: &mut Context<'_>| greet(it, context),
            ),
        )
        .start()
        .await
        .unwrap()
}

/// The end of a command.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Asserts that the command ended with this code; else everything that it printed is shown.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Returns what was said on standard error, and asserts that it ends with what helps.
    #[track_caller]
    pub(crate) fn said(&self) -> &str {
        let end = self.err.rfind("       helps: ").expect("what helps");
        let (said, helps) = self.err.split_at(end);
        assert_eq!(helps.lines().count(), 1, "{self:#?}");
        said
    }
}

/// Asserts that a line tells these counts of a file's messages, and then the time and the rate.
#[track_caller]
pub(crate) fn assert_counts(line: &str, counts: &str) {
    let rest = line
        .strip_prefix(counts)
        .and_then(|it| it.strip_prefix(" in "));
    let (seconds, rate) = rest.and_then(|it| it.split_once(" s, ")).expect(line);
    let rate: u64 = rate.trim_end().strip_suffix("/s").unwrap().parse().unwrap();
    let written: u64 = counts.split(' ').next().unwrap().parse().unwrap();
    let seconds: f64 = seconds.parse().unwrap();
    assert!(rate <= written.max(1) * 1000, "{line}");
    assert!(seconds < LONGEST.as_secs_f64(), "{line}");
    assert_eq!(
        written > 0 && seconds < 1.0,
        rate >= written.max(1),
        "{line}"
    );
}

/// Prepares a command that talks to no cluster yet.
pub(crate) fn casty(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casty"));
    // No setting of the caller's; the Python that is new enough for the tests is none.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CASTY_") && name != "CASTY_PYTHON" {
            command.env_remove(name);
        }
    }
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Prepares a command that talks to a cluster.
pub(crate) fn casty_to(cluster: &Cluster, args: &[&str]) -> Command {
    let mut command = casty(args);
    command
        .env("CASTY_CONTACT_POINTS", cluster.contact_points().join(","))
        .env("CASTY_SYSTEM", cluster.system())
        .env("CASTY_REGIONS", "counter=100,nosuch=100");
    command
}

/// Runs a command to its end.
pub(crate) async fn end(mut command: Command) -> Ended {
    ended(command.spawn().unwrap()).await
}

/// Waits for the end of a command.
pub(crate) async fn ended(child: Child) -> Ended {
    let output = tokio::time::timeout(LONGEST, child.wait_with_output()).await;
    let output = output.expect("the command does not end").unwrap();
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a command to its end, with something to read.
pub(crate) async fn end_with_input(mut command: Command, input: &[u8]) -> Ended {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (written, ended) = tokio::join!(
        async {
            let written = stdin.write_all(input).await;
            drop(stdin);
            written
        },
        ended(child)
    );
    // A command that stops early leaves the rest unread.
    if let Err(error) = written {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    ended
}

/// Interrupts a command, as Ctrl-C does.
pub(crate) async fn interrupt(child: &Child) {
    send(child, "INT").await;
}

/// Sends a signal to a command.
pub(crate) async fn send(child: &Child, signal: &str) {
    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status();
    assert!(sent.await.unwrap().success());
}

/// Waits until no client is subscribed to any node.
pub(crate) async fn unsubscribed(cluster: &Cluster) {
    cluster
        .wait_until(|status| status.nodes.iter().all(|node| node.subscribers == 0))
        .await;
}

/// Waits until a node has handled the first message of all, and hangs that node.
pub(crate) async fn hang_owner(cluster: &Cluster) {
    let status = cluster
        .wait_until(|status| status.nodes.iter().any(|node| node.messages == 1))
        .await;
    let owner = status.nodes.iter().position(|node| node.messages == 1);
    cluster.hang(owner.unwrap());
}
