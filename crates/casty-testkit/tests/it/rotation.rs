//! Certificates that are replaced while clients ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use casty_client::{ClusterClient, ConfigError, QuicConfig, TlsConfig, TransportConfig};
use casty_proto::NodeAddress;
use casty_testkit::{Cluster, ClusterBuilder};
use casty_transport::{
    ByteStream, Conclusion, ConnectError, DialError, ListenError, Listener, QuicConfigError,
    Transport,
};
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use crate::app::{Counter, LONG, Net, close_and_check, region};
use crate::certificates::{Authority, Files};

const ROTATIONS: usize = 100;
/// A number of entities of which every node owns some.
const ENTITIES: i64 = 12;

/// Dials by the client's files, and counts how that ends.
#[derive(Debug)]
struct Dials {
    transport: Arc<dyn Transport>,
    /// Shared by the dials under way.
    under_way: RwLock<()>,
    succeeded: AtomicU64,
    failed: AtomicU64,
}

#[async_trait]
impl Transport for Dials {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        let _under_way = self.under_way.read().await;
        let outcome = self.transport.dial(to).await;
        let count = match &outcome {
            Ok(_) => &self.succeeded,
            Err(_) => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        outcome
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        self.transport.listen(at).await
    }

    async fn drained(&self) {
        self.transport.drained().await;
    }
}

impl Dials {
    /// Waits until every dial has ended that is under way.
    async fn end(&self) {
        drop(self.under_way.write().await);
    }
}

/// Connects a new client, and waits until it has reached the cluster.
async fn client(cluster: &Cluster, dials: &Arc<Dials>) -> ClusterClient {
    let transport = TransportConfig::custom(Arc::<Dials>::clone(dials));
    let client = ClusterClient::builder(cluster.system())
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .transport(transport)
        .connect()
        .await
        .unwrap();
    client.ready(LONG).await.unwrap();
    client
}

/// Asks every entity once; each ask must be answered.
async fn ask_all(client: &ClusterClient) {
    let counters = region(client);
    for entity in 0..ENTITIES {
        let entity = counters.entity(format!("e{entity}"));
        let ask = entity.ask(|reply_to| Counter::Get { reply_to });
        let count: i64 = ask.within(LONG).await.unwrap();
        assert_eq!(count, 0);
    }
}

/// Tasks that ask until they are stopped.
struct Load {
    stopped: Arc<AtomicBool>,
    tasks: JoinSet<u64>,
}

impl Load {
    /// Starts two that stay with `steady`, and two that take a new client for each round of asks.
    fn begin(cluster: &Arc<Cluster>, dials: &Arc<Dials>, steady: &ClusterClient) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for renews in [false, false, true, true] {
            let (cluster, dials) = (Arc::clone(cluster), Arc::clone(dials));
            let (stopped, mut current) = (Arc::clone(&stopped), steady.clone());
            tasks.spawn(async move {
                let mut rounds = 0;
                while !stopped.load(Ordering::Relaxed) {
                    if renews {
                        current = client(&cluster, &dials).await;
                    }
                    ask_all(&current).await;
                    rounds += 1;
                    if renews {
                        close_and_check(&current).await;
                    }
                }
                rounds
            });
        }
        Self { stopped, tasks }
    }

    /// Stops them; each has asked, and been answered.
    async fn end(mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        while let Some(rounds) = self.tasks.join_next().await {
            assert!(rounds.unwrap() >= 1);
        }
    }
}

/// Plays the rotation of a deployment a hundred times: the new authority is trusted beside the old
/// one on both sides, then nodes and clients get certificates of the new one, and the next rotation
/// ends the trust in the old one. A side that went on with its certificate or its authorities of
/// two rotations ago could not meet one that did not; that neither did is seen from how often each
/// renewed them. So connections with the certificates of each rotation are really made, and
/// counted.
///
/// Meanwhile two tasks ask without a pause on connections that are as old as the test, and two
/// begin with a new client, ask, close it in order and begin again. No connection is cut, for a
/// rotation cuts none; what is shown is that no ask on any connection fails, nor a single dial.
/// Between the steps of a rotation dials that are under way may end, as everyone who rotates
/// certificates must let them: one that had read its authorities before the first step and met a
/// certificate of the second would be refused, and try again.
async fn a_hundred_rotations_lose_no_ask(named: fn(TlsConfig) -> TransportConfig) {
    let first = Authority::new();
    let (nodes, clients) = (Files::new(&first), Files::new(&first));
    let (node_tls, client_tls) = (nodes.config(), clients.config());
    let serving = named(node_tls.clone());
    let (cluster, _) = Net::Encrypted(serving).counters().await;
    let cluster = Arc::new(cluster);
    let dials = Arc::new(Dials {
        transport: named(client_tls.clone()).build(),
        under_way: RwLock::default(),
        succeeded: AtomicU64::new(0),
        failed: AtomicU64::new(0),
    });
    let steady = client(&cluster, &dials).await;
    let load = Load::begin(&cluster, &dials, &steady);

    let mut closing = JoinSet::new();
    let mut old = first;
    for rotation in 0..ROTATIONS {
        let new = Authority::new();
        nodes.trust(&[&old, &new]);
        clients.trust(&[&old, &new]);
        dials.end().await;
        nodes.show(&new);
        clients.show(&new);
        dials.end().await;
        let renewed = client(&cluster, &dials).await;
        ask_all(&renewed).await;
        assert_eq!(renewed.stats().connections, 3, "{rotation}");
        closing.spawn(async move { close_and_check(&renewed).await });
        old = new;
    }
    load.end().await;
    while let Some(closed) = closing.join_next().await {
        assert!(closed.unwrap().drained);
    }
    assert_eq!(steady.stats().connections, 3);
    close_and_check(&steady).await;

    let made = dials.succeeded.load(Ordering::Relaxed);
    assert!(made >= 3 * (ROTATIONS as u64 + 1), "{made}");
    assert_eq!(dials.failed.load(Ordering::Relaxed), 0);
    for status in [node_tls.status(), client_tls.status()] {
        assert!(status.renewed >= ROTATIONS as u64, "{status:?}");
        assert!(status.refused == 0 && status.error.is_none(), "{status:?}");
    }
    // That certificates are checked at all.
    let stranger = named(Authority::new().config()).build();
    let refused = stranger.dial(&cluster.addresses()[0]).await.unwrap_err();
    let conclusion = ConnectError::from(refused).conclusion();
    assert_eq!(conclusion, Conclusion::Untrusted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_rotations_over_tls_lose_no_ask() {
    a_hundred_rotations_lose_no_ask(TransportConfig::tls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_rotations_over_quic_lose_no_ask() {
    a_hundred_rotations_lose_no_ask(|tls| TransportConfig::quic(QuicConfig::new(tls))).await;
}

#[tokio::test]
async fn a_client_tells_of_certificates_that_cannot_be_used() {
    let authority = Authority::new();
    let files = Files::new(&authority);
    let serving = Net::Encrypted(TransportConfig::tls(authority.config()));
    // Nodes that blacklist an address would drop replies to a client whose connections were cut.
    let kindly = |builder: ClusterBuilder| builder.like_casty(false);
    let (cluster, _) = serving.counters_with(kindly).await;
    let client = ClusterClient::builder(cluster.system())
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .transport(TransportConfig::tls(files.config()))
        .connect()
        .await
        .unwrap();
    client.ready(LONG).await.unwrap();
    let mut changes = client.certificates().unwrap().changes();
    changes.mark_unchanged();
    files.trust(&[]);
    // Its connections are made anew, with the old certificates.
    (0..3).for_each(|node| cluster.cut(node));
    let refused = changes.wait_for(|status| status.error.is_some()).await;
    assert_eq!(refused.unwrap().refused, 1);
    ask_all(&client).await;
    files.trust(&[&authority]);
    (0..3).for_each(|node| cluster.cut(node));
    changes
        .wait_for(|status| status.error.is_none())
        .await
        .unwrap();
    close_and_check(&client).await;
}

#[tokio::test]
async fn a_client_is_not_started_with_signs_of_life_that_come_too_late() {
    let second = Duration::from_secs(1);
    let quic = QuicConfig::new(Authority::new().config());
    let quic = quic.keep_alive(second).idle_timeout(second);
    let client = ClusterClient::builder("s")
        .contact_point("127.0.0.1:1")
        .transport(TransportConfig::quic(quic));
    let error = client.connect().await.unwrap_err();
    let ConfigError::Quic(error) = error else {
        panic!("{error:?}");
    };
    assert!(matches!(error, QuicConfigError::KeepAlive { .. }));
    let said = "keep_alive (1s) must be less than idle_timeout (1s)";
    assert_eq!(error.to_string(), said);
}
