//! The counter that the tests talk to.

use std::sync::Arc;
use std::time::Duration;

use casty_client::{CloseReport, ClusterClient, RegionRef, TransportConfig};
use casty_proto::ActorRef;
use casty_testkit::{Cluster, ClusterBuilder, Context, stateful};
use casty_transport::MemoryNetwork;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::certificates::Authority;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Counter {
    #[serde(rename = "counter_app.Add")]
    Add { amount: i64 },
    #[serde(rename = "counter_app.Get")]
    Get { reply_to: ActorRef<i64> },
    /// Asks to be sent the numbers below `count`.
    #[serde(rename = "counter_app.Stream")]
    Stream { to: ActorRef<i64>, count: i64 },
    #[serde(rename = "counter_app.Where")]
    Where { reply_to: ActorRef<u64> },
    /// Asks another actor where it is, on behalf of the asker.
    #[serde(rename = "counter_app.SendOn")]
    SendOn {
        to: ActorRef<Counter>,
        reply_to: ActorRef<u64>,
    },
    /// Asks for a text of `length` letters.
    #[serde(rename = "counter_app.Text")]
    Text {
        reply_to: ActorRef<String>,
        length: usize,
    },
    /// Sends nothing back, and is long.
    #[serde(rename = "counter_app.Ballast")]
    Ballast { text: String },
}

/// The messages that every entity was told, in order.
pub(crate) type Log = Arc<Mutex<Vec<(String, i64)>>>;

pub(crate) const SHARDS: u32 = 100;

/// Configures three nodes with counters on them, which log their messages.
fn counters() -> (ClusterBuilder, Log) {
    let log = Log::default();
    let written = Arc::clone(&log);
    let receive = move |count: &mut i64, message: Counter, context: &mut Context<'_>| match message
    {
        Counter::Add { amount } => {
            written
                .lock()
                .push((context.entity_id().to_owned(), amount));
            *count += amount;
        }
        Counter::Get { reply_to } => context.reply(&reply_to, count),
        Counter::Stream { to, count } => (0..count).for_each(|number| context.reply(&to, &number)),
        Counter::Where { reply_to } => context.reply(&reply_to, &(context.node() as u64)),
        Counter::SendOn { to, reply_to } => context.reply(&to, &Counter::Where { reply_to }),
        Counter::Text { reply_to, length } => context.reply(&reply_to, &"x".repeat(length)),
        Counter::Ballast { .. } => {}
    };
    let builder = Cluster::builder("test-cluster").nodes(3).region(
        "counter",
        SHARDS,
        stateful(|| 0_i64, receive),
    );
    (builder, log)
}

/// The network that a test runs in.
#[derive(Clone)]
pub(crate) enum Net {
    Memory(MemoryNetwork),
    Tcp,
    /// TLS or QUIC, with the same certificate on both sides.
    Encrypted(TransportConfig),
}

impl Net {
    pub(crate) fn memory() -> Self {
        Self::Memory(MemoryNetwork::new())
    }

    pub(crate) fn tls() -> Self {
        Self::Encrypted(TransportConfig::tls(Authority::new().config()))
    }

    pub(crate) fn quic() -> Self {
        Self::Encrypted(Authority::new().quic())
    }

    pub(crate) fn transport(&self) -> TransportConfig {
        match self {
            Self::Memory(network) => TransportConfig::memory(network.clone()),
            Self::Tcp => TransportConfig::tcp(),
            Self::Encrypted(transport) => transport.clone(),
        }
    }

    /// Starts three nodes with counters on them, which log their messages.
    pub(crate) async fn counters(&self) -> (Cluster, Log) {
        self.counters_with(|builder| builder).await
    }

    /// Starts such nodes, configured further.
    pub(crate) async fn counters_with(
        &self,
        configure: impl FnOnce(ClusterBuilder) -> ClusterBuilder,
    ) -> (Cluster, Log) {
        let (builder, log) = counters();
        let builder = builder.service_on(1, "clock", |message: Counter, context| {
            if let Counter::Where { reply_to } = message {
                context.reply(&reply_to, &(context.node() as u64));
            }
        });
        let builder = configure(builder.transport(self.transport()));
        (builder.start().await.unwrap(), log)
    }

    /// Starts a single node with counters on it.
    pub(crate) async fn lone_counter(&self) -> Cluster {
        self.lone_counter_with(|builder| builder).await
    }

    /// Starts such a node, configured further.
    pub(crate) async fn lone_counter_with(
        &self,
        configure: impl FnOnce(ClusterBuilder) -> ClusterBuilder,
    ) -> Cluster {
        let (builder, _) = counters();
        let builder = configure(builder.nodes(1).transport(self.transport()));
        builder.start().await.unwrap()
    }

    pub(crate) fn client_builder(&self, cluster: &Cluster) -> casty_client::ClientBuilder {
        ClusterClient::builder(cluster.system())
            .contact_points(cluster.contact_points())
            .codec(cluster.codec())
            .transport(self.transport())
    }

    /// Connects a client, and waits for its first view.
    pub(crate) async fn client(&self, cluster: &Cluster) -> ClusterClient {
        let client = self.client_builder(cluster).connect().await.unwrap();
        client.ready(Duration::from_secs(30)).await.unwrap();
        client
    }
}

/// Returns the region of counters as a client sees it.
pub(crate) fn region(client: &ClusterClient) -> RegionRef {
    client.entity_ref("counter", SHARDS).unwrap()
}

/// Asserts that each message accepted has one fate, and none is left.
#[track_caller]
pub(crate) fn assert_conserved(report: &CloseReport) {
    assert!(report.is_conserved(), "{report:?}");
}

/// Closes a client, and asserts that its counters add up.
pub(crate) async fn close_and_check(client: &ClusterClient) -> CloseReport {
    let report = client.close(LONG).await;
    assert_conserved(&report);
    report
}

/// Longer than anything here should take, so that what hangs fails.
pub(crate) const LONG: Duration = Duration::from_mins(1);
