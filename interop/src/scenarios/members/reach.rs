//! Entities of a mixed cluster, as clients of both languages reach them.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use casty_client::{ClusterClient, Compression, NodeAddress, RegionRef};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::app::GetNode;
use crate::clients::{agreed, builder, close, members_up};
use crate::cluster::{PythonCluster, SHARDS, SYSTEM};
use crate::scenario::{Context, Failure};

/// The entities that are asked at a time.
const ENTITIES: usize = 24;
/// The longest time that entities may take to answer, the time included that nodes take to notice a death.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most times that so many entities are asked until one of them is on the node that is looked for.
const ROUNDS: usize = 6;

/// The clients of a mixed cluster.
pub(super) struct Clients {
    context: Context,
    client: ClusterClient,
    region: RegionRef,
}

impl Clients {
    /// Connects the one in Rust, by these nodes; the one in Python is another process each time.
    pub(super) async fn connect(
        context: &Context,
        cluster: &PythonCluster,
        contacts: &[usize],
    ) -> Result<Self, Failure> {
        let client = builder(cluster, contacts).connect().await?;
        client.ready(PATIENCE).await?;
        let region = client.region("counter", SHARDS)?;
        Ok(Self {
            context: context.clone(),
            client,
            region,
        })
    }

    /// Returns the client in Rust.
    pub(super) fn client(&self) -> &ClusterClient {
        &self.client
    }

    /// Returns the region, as the client in Rust has it.
    pub(super) fn region(&self) -> &RegionRef {
        &self.region
    }

    /// Waits until so many members are up and alive to the client.
    pub(super) async fn members(&self, count: usize) -> Result<(), Failure> {
        members_up(&self.client, count, PATIENCE).await
    }

    /// Waits until a member is not alive to the client.
    pub(super) async fn dead(&self, node: &NodeAddress) -> Result<Duration, Failure> {
        let begun = Instant::now();
        let mut topology = self.client.topology();
        let gone = topology.wait_for(|view| !view.is_live(node));
        let gone = timeout(PATIENCE, gone).await;
        gone.map_err(|_| format!("{node} is still alive in the view"))??;
        Ok(begun.elapsed())
    }

    /// Has both clients ask 24 entities where they are, which must tell both the same. Returns how many are on
    /// each node.
    pub(super) async fn reach(
        &self,
        cluster: &PythonCluster,
        prefix: &str,
    ) -> Result<BTreeMap<String, usize>, Failure> {
        let names: Vec<_> = (0..ENTITIES).map(|n| format!("{prefix}-{n}")).collect();
        let mut ours = BTreeMap::new();
        for name in &names {
            let entity = self.region.entity(name.as_str());
            let ask = entity.ask(|reply_to| GetNode { reply_to });
            let ask = ask.within(PATIENCE).idempotent().attempts(20);
            let node: String = ask
                .await
                .map_err(|error| format!("Rust's client asks {name}: {error}"))?;
            ours.insert(name.clone(), Some(node));
        }
        let pythons = self.ask_by_python(cluster, &names).await?;
        if ours != pythons {
            return Err(format!("Rust's client reached {ours:?}, Python's {pythons:?}").into());
        }
        let mut nodes = BTreeMap::new();
        for node in ours.into_values().flatten() {
            *nodes.entry(node).or_default() += 1;
        }
        Ok(nodes)
    }

    /// Has both clients reach entities, others each time, until some are on the node of this index.
    pub(super) async fn reach_on(
        &self,
        cluster: &PythonCluster,
        (index, prefix): (usize, &str),
    ) -> Result<BTreeMap<String, usize>, Failure> {
        let node = format!("n{index}");
        for round in 0..ROUNDS {
            let nodes = self.reach(cluster, &format!("{prefix}-{round}")).await?;
            if nodes.contains_key(&node) {
                return Ok(nodes);
            }
        }
        Err(format!("{node} hosts none of {} entities", ROUNDS * ENTITIES).into())
    }

    async fn ask_by_python(
        &self,
        cluster: &PythonCluster,
        names: &[String],
    ) -> Result<BTreeMap<String, Option<String>>, Failure> {
        let contacts: Vec<_> = cluster
            .addresses()
            .iter()
            .map(ToString::to_string)
            .collect();
        let tls = cluster.link().certificates().map(|files| {
            let (certificate, key) = files.client();
            [files.authority(), certificate, key]
        });
        let order = json!({
            "system": SYSTEM,
            "contacts": contacts,
            "serializer": cluster.serializer().name(),
            "compression": cluster.compression().map(Compression::name),
            "tls": tls,
            "shards": SHARDS,
            "entities": names,
            "within": PATIENCE.as_secs(),
        });
        let python = self.context.python();
        let mut command = Command::new(python.interpreter());
        command.arg("-B").arg(python.source("reach.py"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let mut stdin = child.stdin.take().ok_or("no pipe to Python's client")?;
        stdin.write_all(order.to_string().as_bytes()).await?;
        drop(stdin);
        let output = timeout(PATIENCE * 2, child.wait_with_output()).await??;
        if !output.status.success() {
            return Err(format!("Python's client: {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Waits until the states of all nodes agree, and nothing is wrong with them.
    pub(super) async fn agree(&self) -> Result<(), Failure> {
        agreed(&self.client, PATIENCE).await
    }

    /// Waits until all agree, and ends the client and the nodes.
    pub(super) async fn end(self, cluster: PythonCluster) -> Result<(), Failure> {
        self.agree().await?;
        close(&self.client).await?;
        Ok(cluster.stop().await?)
    }
}

/// Returns the numbers of entities on nodes as one reads them.
pub(super) fn shares(nodes: &BTreeMap<String, usize>) -> String {
    let nodes = nodes.iter().map(|(node, count)| format!("{node} {count}"));
    nodes.collect::<Vec<_>>().join(", ")
}
