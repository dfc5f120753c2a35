//! The client's log.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use casty_client::ClusterClient;
use casty_proto::Tuple;
use casty_proto::message::{ShardLocation, SubscribeTopology};
use casty_transport::{MemoryNetwork, Transport};
use tokio::io::AsyncWriteExt;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::node::{Node, builder, in_paused_time, others_run, view};

const SECOND: Duration = Duration::from_secs(1);

/// Keeps the warnings of the thread that sets it, each as one line.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// Returns the number of warnings that have this text.
    fn with(&self, text: &str) -> usize {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.contains(text)).count()
    }

    fn all(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
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
        *metadata.level() <= Level::WARN
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
fn keep_warnings() -> (Warnings, DefaultGuard) {
    let warnings = Warnings::default();
    let guard = tracing::subscriber::set_default(warnings.clone());
    (warnings, guard)
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

/// Connects to a node that reads everything and answers nothing.
async fn silent(network: &MemoryNetwork) -> (Node, crate::node::Link, ClusterClient) {
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
        let told =
            "connected to a:1, without a view: are serializer and compression the cluster's?";
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
        let told = "the node is connected and silent: no view comes from it node=a:1 ";
        assert_eq!(warnings.with(told), 1, "{}", warnings.all());
        drop(link);
        client.close(Duration::ZERO).await;
    });
}
