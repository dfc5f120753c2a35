//! Clients that have gone: nodes must not go on sending to them.

use std::time::Duration;

use casty_client::{ActorRef, NodeAddress};
use casty_proto::header::Header;
use casty_proto::message::{ClusterState, GetState, SubscribeTopology, TOPOLOGY_PATH};
use tokio::time::timeout;

use crate::clients::{builder, close, connect};
use crate::cluster::{PythonCluster, SYSTEM};
use crate::raw::RawConnection;
use crate::scenario::{Context, Failure, Figures, Scenario};
use crate::scenarios::gossip::GossipClock;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "nodes_stop_pushing_views_to_a_client_that_has_closed",
    120,
    |context| Box::pin(closing(context)),
)];

/// The messages that a node has sent to an identity whose client is gone.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    /// So many messages.
    Messages(usize),
    /// It tried while nobody was there, and sends that identity nothing for 5 s.
    Blacklisted,
}

async fn closing(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let observer = connect(cluster).await?;
    let mut clock = GossipClock::start(&observer, cluster).await?;
    // Lower than any node's port: such a connection replaces an older one of the same name.
    let forgetful = NodeAddress::new("127.0.0.1", 1);
    let node = &cluster.addresses()[0];
    leave_subscribed(cluster, node, &forgetful).await?;
    let control = sent_to(cluster, &forgetful, &mut clock).await?;
    if control.iter().all(|sent| *sent == Sent::Messages(0)) {
        return Err("a subscription that was left behind was not seen".into());
    }
    let orderly = NodeAddress::new("127.0.0.1", 2);
    let client = builder(cluster, &[0]).client_host(orderly.host());
    let client = client.client_port(orderly.port()).connect().await?;
    client.ready(Duration::from_secs(20)).await?;
    let received = client.stats().views;
    close(&client).await?;
    let after = sent_to(cluster, &orderly, &mut clock).await?;
    clock.stop()?;
    close(&observer).await?;
    if after.iter().any(|sent| *sent != Sent::Messages(0)) {
        return Err(format!("sent to the closed client: {after:?}").into());
    }
    Ok(format!(
        "{received} views before, 0 after; to one that left without a word: {control:?}"
    ))
}

/// Subscribes as `identity` and goes away without a word.
async fn leave_subscribed(
    cluster: &PythonCluster,
    node: &NodeAddress,
    identity: &NodeAddress,
) -> Result<(), Failure> {
    let mut connection = RawConnection::open(cluster, node, identity).await?;
    let subscribe = SubscribeTopology {
        reply_to: reply_to(identity, "_topology_sub")?,
    };
    let codec = cluster.codec();
    connection.send(codec, TOPOLOGY_PATH, &subscribe).await?;
    connection.next().await?.ok_or("no view came")?;
    Ok(())
}

/// Returns what each node sends to `identity` in two rounds of gossip.
async fn sent_to(
    cluster: &PythonCluster,
    identity: &NodeAddress,
    clock: &mut GossipClock,
) -> Result<Vec<Sent>, Failure> {
    let mut connections = Vec::new();
    for node in cluster.addresses() {
        connections.push(RawConnection::open(cluster, node, identity).await?);
    }
    clock.rounds(2).await?;
    let mut sent = Vec::new();
    for mut connection in connections {
        let get = GetState {
            reply_to: reply_to::<ClusterState>(identity, "fence")?,
        };
        let codec = cluster.codec();
        connection.send(codec, TOPOLOGY_PATH, &get).await?;
        // The answer comes behind whatever was sent before it.
        let counted = timeout(Duration::from_secs(3), up_to_fence(&mut connection)).await;
        sent.push(match counted {
            Ok(count) => Sent::Messages(count?),
            Err(_) => Sent::Blacklisted,
        });
    }
    Ok(sent)
}

async fn up_to_fence(connection: &mut RawConnection) -> Result<usize, Failure> {
    let mut count = 0;
    while let Some(payload) = connection.next().await? {
        if Header::split(&payload)?.0.target.ends_with("/fence") {
            return Ok(count);
        }
        count += 1;
    }
    Err("a node closed the connection".into())
}

fn reply_to<M>(identity: &NodeAddress, path: &str) -> Result<ActorRef<M>, Failure> {
    Ok(ActorRef::new(format!(
        "casty://{SYSTEM}-client@{identity}/{path}"
    ))?)
}
