//! The client's log.

use std::fmt::{Debug, Write};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use casty_client::{ActorContext, ClusterClient, NodeAddress};
use casty_proto::header::Header;
use casty_proto::message::{ShardLocation, SubscribeTopology};
use casty_proto::value::{Object, State};
use casty_proto::{Chain, Tuple, Value};
use casty_transport::{MemoryNetwork, Transport};
use tokio::io::AsyncWriteExt;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

use crate::node::{Link, Node, builder, in_paused_time, others_run, view};

const SECOND: Duration = Duration::from_secs(1);

/// Keeps the events of the thread that sets it, each as one line: warnings, and others down to a level.
#[derive(Clone)]
pub(crate) struct Warnings(Arc<Mutex<Vec<String>>>, Level);

impl Warnings {
    /// Returns the number of warnings that have this text.
    pub(crate) fn with(&self, text: &str) -> usize {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.contains(text)).count()
    }

    pub(crate) fn all(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, "{field}={value} ").unwrap();
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        write!(self.0, "{field}={value} ").unwrap();
        let mut source = value.source();
        while let Some(cause) = source {
            write!(self.0, "because {cause} ").unwrap();
            source = cause.source();
        }
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.1
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Keeps the warnings of this thread until the guard is dropped.
pub(crate) fn keep_warnings() -> (Warnings, DefaultGuard) {
    keep(Level::WARN)
}

fn keep(level: Level) -> (Warnings, DefaultGuard) {
    listen_with_another();
    let warnings = Warnings(Arc::default(), level);
    let guard = tracing::subscriber::set_default(warnings.clone());
    (warnings, guard)
}

/// Has another subscriber listen, to nothing, for ever.
pub(crate) fn listen_with_another() {
    // With one subscriber alone, whether a place in the code is heard is decided once, by the thread
    // that comes there first, and that may be another test's, which has none.
    static OTHER: LazyLock<Dispatch> =
        LazyLock::new(|| Dispatch::new(Warnings(Arc::default(), Level::ERROR)));
    LazyLock::force(&OTHER);
}

#[test]
fn a_view_that_is_refused_again_and_again_is_told_once_and_another_reason_again() {
    in_paused_time(|| async {
        let (warnings, _guard) = keep_warnings();
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "a:1").await;
        let client = builder(&network, "a:1").connect().await.unwrap();
        let mut link = node.accept().await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        // Four a second, as nodes push them; it is no view, and each is another.
        let wrong = |shard_id| ShardLocation {
            shard_id,
            node: node.address.clone(),
            replicas: Tuple::default(),
        };
        let to = subscribe.reply_to.clone().cast();
        for round in 0..40 {
            link.send(&to, &wrong(10_u32.pow(round / 5))).await;
            tokio::time::sleep(SECOND / 4).await;
        }
        assert_eq!(warnings.with("view refused"), 1, "{}", warnings.all());
        let good = view(&[&node.address], None);
        link.send(&subscribe.reply_to, &good).await;
        others_run().await;
        client.ready(SECOND).await.unwrap();
        link.send(&to, &wrong(1)).await;
        others_run().await;
        assert_eq!(warnings.with("view refused"), 2, "{}", warnings.all());
        drop(link);
        client.close(Duration::ZERO).await;
    });
}

#[test]
fn a_reason_for_not_being_connected_that_changes_is_a_warning_again() {
    in_paused_time(|| async {
        let (warnings, _guard) = keep_warnings();
        let network = MemoryNetwork::new();
        let client = builder(&network, "a:1").connect().await.unwrap();
        tokio::time::sleep(20 * SECOND).await;
        assert_eq!(
            warnings.with("cannot be connected"),
            1,
            "{}",
            warnings.all()
        );
        assert_eq!(warnings.with("refused the connection"), 1);
        // It comes back, and speaks TLS.
        let at = "a:1".parse().unwrap();
        let mut listener = network.transport().listen(&at).await.unwrap();
        let alert = tokio::spawn(async move {
            loop {
                let mut stream = listener.accept().await.unwrap();
                stream.write_all(&[0x15, 3, 3, 0, 2, 2, 80]).await.ok();
            }
        });
        tokio::time::sleep(20 * SECOND).await;
        assert_eq!(
            warnings.with("cannot be connected"),
            2,
            "{}",
            warnings.all()
        );
        assert_eq!(warnings.with("it speaks TLS"), 1, "{}", warnings.all());
        alert.abort();
        client.close(Duration::ZERO).await;
    });
}

/// Characters that a terminal would obey, and a line that looks like one of the log's.
const HOSTILE: &str = "x\u{1b}[2J\r\u{2028}WARN forged\u{202e}\u{9b}31m\u{7f}\t";

/// Asserts that a text does nothing to a terminal, and stays on its line.
#[track_caller]
fn assert_harmless(text: &str) {
    let obeyed = |it: char| it.is_control() || matches!(it, '\u{202e}' | '\u{2028}');
    assert!(!text.contains(obeyed), "{text:?}");
    assert!(text.len() < 8_000, "{} bytes", text.len());
}

/// Writes a message of any sender, target and content.
async fn message(link: &mut Link, target: &str, system: &str, content: &str) {
    let mut payload = Vec::new();
    let header = Header {
        target: target.into(),
        sender: format!("casty://{system}@a:1/").into(),
        type_hint: HOSTILE.into(),
    };
    header.write(&mut payload);
    payload.extend_from_slice(content.as_bytes());
    link.frame(1, &payload).await;
}

#[test]
fn what_a_node_has_chosen_is_logged_and_told_on_one_line_without_control_characters() {
    in_paused_time(|| async {
        let (log, _guard) = keep(Level::TRACE);
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "a:1").await;
        let client = builder(&network, "a:1").connect().await.unwrap();
        let handle = |_: u64, _: ActorContext<u64>| async {};
        let actor = client.spawn(handle, "actor").unwrap();
        let mut link = node.accept().await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        let views = subscribe.reply_to.uri().to_owned();
        let own = views.split("/_topology_sub/").next().unwrap();
        let class = Value::Object(Arc::new(Object {
            class: format!("a.{HOSTILE}").into(),
            state: State::Named([(Arc::from(HOSTILE), Value::None)].into_iter().collect()),
        }));
        let class = class.to_notation().unwrap();

        message(&mut link, &views, HOSTILE, "").await;
        let error = client.ready(SECOND).await.unwrap_err();
        assert_harmless(&error.to_string());
        message(&mut link, &views, "s", &class).await;
        others_run().await;
        let error = client.ready(SECOND).await.unwrap_err();
        assert_harmless(&Chain(&error).to_string());
        let huge = "\u{1b}".repeat(1 << 18);
        message(&mut link, &views, &huge, "").await;
        for path in ["_proxy-", "nobody/", "actor"] {
            let target = format!("{own}/{path}{}", if path == "actor" { "" } else { HOSTILE });
            message(&mut link, &target, "s", &class).await;
        }
        let hostile = NodeAddress::new(HOSTILE, 9);
        let good = view(&[&node.address, &hostile], None);
        link.send(&subscribe.reply_to, &good).await;
        others_run().await;
        client.ready(SECOND).await.unwrap();
        tokio::time::sleep(20 * SECOND).await;
        for (node, error) in client.dial_failures() {
            assert_harmless(&format!("{node} {node:?} {}", Chain(&error)));
        }

        for told in [
            "belongs to the system",
            "cannot be read",
            "found a.x",
            "unreadable location",
            "message dropped",
            "unreadable message",
            "cannot be connected",
        ] {
            assert!(log.with(told) > 0, "{told}: {}", log.all());
        }
        log.0
            .lock()
            .unwrap()
            .iter()
            .for_each(|line| assert_harmless(line));
        drop((link, actor));
        client.close(Duration::ZERO).await;
    });
}

/// Connects to a node that reads everything and answers nothing.
async fn silent(network: &MemoryNetwork) -> (Node, Link, ClusterClient) {
    let mut node = Node::listen(network, "a:1").await;
    let client = builder(network, "a:1").connect().await.unwrap();
    let link = node.accept().await;
    (node, link, client)
}

#[test]
fn a_node_that_is_connected_and_sends_no_view_is_told_with_the_likely_reason() {
    in_paused_time(|| async {
        let (warnings, _guard) = keep_warnings();
        let network = MemoryNetwork::new();
        let (_node, link, client) = silent(&network).await;
        tokio::time::sleep(60 * SECOND).await;
        let told = "connected to a:1, from which no view has come yet: are serializer and compression the cluster's?";
        assert_eq!(warnings.with(told), 1, "{}", warnings.all());
        drop(link);
        client.close(Duration::ZERO).await;
    });
}

#[test]
fn a_node_that_falls_silent_is_told_with_its_name() {
    in_paused_time(|| async {
        let (warnings, _guard) = keep_warnings();
        let network = MemoryNetwork::new();
        let (node, mut link, client) = silent(&network).await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        link.send(&subscribe.reply_to, &view(&[&node.address], None))
            .await;
        client.ready(SECOND).await.unwrap();
        tokio::time::sleep(60 * SECOND).await;
        let told = "the node is connected, and no view has come from it in time node=a:1 ";
        assert_eq!(warnings.with(told), 1, "{}", warnings.all());
        drop(link);
        client.close(Duration::ZERO).await;
    });
}
