//! Fake nodes, over TCP and over TLS, and their faults.

use std::sync::Arc;
use std::time::Duration;

use casty_client::{ClusterClient, TlsConfig, TransportConfig};
use casty_interop::cluster::SHARDS;
use casty_testkit::{Cluster, NodeStatus, Status, stateful};
use tokio::time::{sleep, timeout};

use crate::app::{self, REGION, SERVICE};
use crate::certificates::Certificates;
use crate::error::Error;
use crate::load::Route;
use crate::run::Target;

const NODES: usize = 3;

/// The time that a fault lasts which ends by being healed.
const FAULT: Duration = Duration::from_secs(1);

/// The time that nodes may take to notice that clients have closed their connections.
const FREED: Duration = Duration::from_secs(10);

/// A cluster over TCP and one over TLS.
pub(crate) struct Fakes {
    plain: Cluster,
    encrypted: Cluster,
    certificates: Certificates,
    nodes: TlsConfig,
    clients: TlsConfig,
}

impl Fakes {
    /// Starts both.
    pub(crate) async fn start() -> Result<Self, Error> {
        let certificates = Certificates::new()?;
        let nodes = certificates.nodes()?;
        Ok(Self {
            plain: cluster("plain", TransportConfig::tcp()).await?,
            encrypted: cluster("encrypted", TransportConfig::tls(nodes.clone())).await?,
            clients: certificates.clients()?,
            nodes,
            certificates,
        })
    }

    /// Replaces all certificates, and has a node's connections made anew, with the new ones.
    fn rotate(&mut self, node: usize) -> Result<(), Error> {
        self.certificates.rotate()?;
        self.encrypted.cut(node);
        for (side, config) in [("nodes", &self.nodes), ("clients", &self.clients)] {
            let status = config.status();
            if status.refused > 0 {
                return Err(format!("{side} refused their certificates: {status:?}").into());
            }
        }
        Ok(())
    }
}

/// Starts nodes with counters and a service on each.
async fn cluster(system: &str, transport: TransportConfig) -> Result<Cluster, Error> {
    let counters = stateful(|| 0, app::receive);
    let mut builder = Cluster::builder(system)
        .nodes(NODES)
        .transport(transport)
        .detection(Duration::from_millis(300))
        .region(REGION, SHARDS, counters);
    for node in 0..NODES {
        builder = builder.service_on(node, SERVICE, app::greet);
    }
    Ok(builder.start().await?)
}

/// Makes a route to a cluster.
fn route(
    name: &'static str,
    lasting: usize,
    cluster: &Cluster,
    transport: TransportConfig,
) -> Route {
    let (system, codec) = (cluster.system().to_owned(), cluster.codec());
    let contacts = cluster.contact_points();
    Route {
        name,
        lasting,
        pause: Duration::from_millis(2),
        builder: Arc::new(move || {
            ClusterClient::builder(&system)
                .contact_points(&contacts)
                .codec(codec)
                .transport(transport.clone())
        }),
    }
}

/// Returns the figures of all nodes of a cluster together.
fn summary(cluster: &Cluster) -> String {
    let nodes = cluster.status().nodes;
    let sum = |figure: fn(&NodeStatus) -> u64| nodes.iter().map(figure).sum::<u64>();
    format!(
        "nodes of {}: {} messages, {} malformed, {} unrouted, {} undelivered, {} views, {} subscribers left",
        cluster.system(),
        sum(|node| node.messages),
        sum(|node| node.malformed),
        sum(|node| node.unrouted),
        sum(|node| node.undelivered),
        sum(|node| node.snapshots),
        sum(|node| node.subscribers as u64),
    )
}

impl Target for Fakes {
    fn routes(&self) -> Vec<Route> {
        let tls = TransportConfig::tls(self.clients.clone());
        vec![
            route("TCP", 3, &self.plain, TransportConfig::tcp()),
            route("TLS", 1, &self.encrypted, tls),
        ]
    }

    const FAULTS: usize = 9;

    async fn fault(&mut self, kind: usize, round: usize) -> Result<&'static str, Error> {
        // Over all rounds, each kind meets each node of either cluster.
        let node = (kind + round) % NODES;
        let cluster = if (kind + round).is_multiple_of(2) {
            &self.plain
        } else {
            &self.encrypted
        };
        let what = match kind {
            0 => {
                cluster.kill(node).await;
                sleep(FAULT).await;
                cluster.restart(node).await?;
                "killed, and started a second later"
            }
            1 => {
                cluster.restart(node).await?;
                "restarted at once"
            }
            2 => {
                cluster.cut(node);
                "cut off"
            }
            3 => {
                cluster.cut_mid_frame(node);
                "cut off within frames"
            }
            4 => {
                cluster.hang(node);
                // Beyond a few seconds clients take it for dead.
                sleep(FAULT * if round % 3 == 2 { 6 } else { 1 }).await;
                cluster.resume(node);
                "hung and resumed"
            }
            5 => {
                (0..SHARDS / 3).for_each(|shard| cluster.move_shard(REGION, shard, node));
                "given shards"
            }
            6 => {
                let other = (node + 1) % NODES;
                cluster.partition(node, other);
                sleep(FAULT).await;
                cluster.heal(node, other);
                "partitioned and healed"
            }
            7 => {
                cluster.delay(node, Duration::from_millis(50));
                sleep(FAULT).await;
                cluster.delay(node, Duration::ZERO);
                "delayed by 50 ms"
            }
            _ => {
                self.rotate(node)?;
                "certificates rotated"
            }
        };
        Ok(what)
    }

    async fn stop(self) -> Result<Vec<String>, Error> {
        let mut lines = Vec::new();
        for (side, config) in [("nodes", &self.nodes), ("clients", &self.clients)] {
            let renewed = config.status().renewed;
            lines.push(format!("certificates renewed by {side}: {renewed}"));
        }
        for cluster in [self.plain, self.encrypted] {
            let free = |status: &Status| status.nodes.iter().all(|node| node.connections == 0);
            let left = timeout(FREED, cluster.wait_until(free)).await;
            left.map_err(|_| format!("clients are closed, and yet connected to {cluster:?}"))?;
            lines.push(summary(&cluster));
            cluster.stop().await;
        }
        Ok(lines)
    }
}
