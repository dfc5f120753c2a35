//! The harness itself, over bare frames: nodes come up as a cluster with all shards allocated, are
//! killed and come back.

use std::collections::BTreeMap;
use std::time::Duration;

use casty_proto::header::Header;
use casty_proto::message::{
    MemberStatus, SubscribeTopology, TOPOLOGY_PATH, TopologySnapshot, UnsubscribeTopology,
};
use casty_proto::{ActorRef, Codec, Limits, NodeAddress};
use tokio::time::timeout;

use crate::cluster::{PythonCluster, SHARDS, SYSTEM};
use crate::raw::RawConnection;
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("nodes_come_up_with_all_shards_allocated", 90, |context| {
        Box::pin(come_up(context))
    })
    .core(),
    Scenario::new("a_killed_node_restarts_under_its_address", 120, |context| {
        Box::pin(kill_and_restart(context))
    }),
];

/// The longest time that a node may take to see the cluster as it is.
const PATIENCE: Duration = Duration::from_secs(20);

async fn come_up(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let members = cluster.addresses().len();
    for node in cluster.addresses() {
        let mut connection = Connection::open(cluster, node).await?;
        let codec = cluster.codec();
        let mut missing = String::new();
        let complete = timeout(PATIENCE, async {
            connection.subscribe(codec).await?;
            // A machine that stalls for a second makes nodes doubt one another for a while.
            while let Some(first) = first_missing(&connection.next_view(codec).await?, members) {
                missing = first;
            }
            connection.unsubscribe(codec).await
        });
        match complete.await {
            Ok(done) => done?,
            Err(_) => return Err(format!("{node} {missing}").into()),
        }
    }
    Ok(format!("{members} nodes, {SHARDS} shards of each region"))
}

/// Returns the first thing that a view of the complete cluster has and this one has not.
fn first_missing(view: &TopologySnapshot, members: usize) -> Option<String> {
    let statuses = view.members.iter().map(|member| member.status);
    let up = statuses
        .filter(|status| *status == MemberStatus::Up)
        .count();
    if up != members || !view.unreachable.is_empty() {
        return Some(format!("sees {:?}", view.members));
    }
    ["counter", "log", "echo", "sender"]
        .iter()
        .find_map(|region| {
            let allocated = view.shard_allocations.get(*region).map_or(0, BTreeMap::len);
            (allocated != SHARDS as usize)
                .then(|| format!("knows {allocated} of {SHARDS} shards of {region}"))
        })
}

async fn kill_and_restart(context: Context) -> Result<Figures, Failure> {
    let mut cluster = context.reserve(2).await?.hosting(&["counter"]);
    cluster.launch().await?;
    let address = cluster.addresses()[1].clone();
    Connection::open(&cluster, &address).await?;
    cluster.kill(1).await?;
    if Connection::open(&cluster, &address).await.is_ok() {
        return Err(format!("{address} answers after it was killed").into());
    }
    cluster.restart(1).await?;
    Connection::open(&cluster, &address).await?;
    cluster.stop().await?;
    Ok("killed, refused, restarted, answered, stopped".to_owned())
}

/// A connection that subscribes to the views of its node.
struct Connection {
    raw: RawConnection,
    subscriber: ActorRef<TopologySnapshot>,
}

impl Connection {
    /// Connects and shakes hands; the node must announce the address that was dialled.
    async fn open(cluster: &PythonCluster, node: &NodeAddress) -> Result<Self, Failure> {
        // Nobody can be dialled there.
        let identity = NodeAddress::new("127.9.9.9", 0);
        let raw = RawConnection::open(cluster, node, &identity).await?;
        if raw.announced() != node {
            return Err(format!("{node} announced {}", raw.announced()).into());
        }
        let subscriber = format!("casty://{SYSTEM}-client@{identity}/_topology_sub");
        Ok(Self {
            raw,
            subscriber: ActorRef::new(subscriber)?,
        })
    }

    async fn subscribe(&mut self, codec: Codec) -> Result<(), Failure> {
        let reply_to = self.subscriber.clone();
        let subscribe = SubscribeTopology { reply_to };
        self.raw.send(codec, TOPOLOGY_PATH, &subscribe).await
    }

    /// Nodes never end a subscription by themselves.
    async fn unsubscribe(&mut self, codec: Codec) -> Result<(), Failure> {
        let subscriber = self.subscriber.clone();
        let unsubscribe = UnsubscribeTopology { subscriber };
        self.raw.send(codec, TOPOLOGY_PATH, &unsubscribe).await
    }

    async fn next_view(&mut self, codec: Codec) -> Result<TopologySnapshot, Failure> {
        let payload = self.raw.next().await?.ok_or("the node has hung up")?;
        let (_, message) = Header::split(&payload)?;
        Ok(codec.decode(message, &Limits::default())?)
    }
}
