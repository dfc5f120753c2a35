//! The harness itself: nodes come up, answer a handshake, are killed and come back.

use casty_proto::NodeAddress;

use crate::raw::RawConnection;
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("nodes_announce_their_canonical_address", 90, |context| {
        Box::pin(announce(context))
    }),
    Scenario::new("a_killed_node_restarts_under_its_address", 120, |context| {
        Box::pin(kill_and_restart(context))
    }),
];

async fn announce(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    for address in cluster.addresses() {
        let announced = handshake(address).await?;
        if announced != *address {
            return Err(format!("{address} announced {announced}").into());
        }
    }
    Ok(format!("{} nodes", cluster.addresses().len()))
}

async fn kill_and_restart(context: Context) -> Result<Figures, Failure> {
    let mut cluster = context.reserve(2)?.hosting(&["counter"]);
    cluster.launch().await?;
    let address = cluster.addresses()[1].clone();
    handshake(&address).await?;
    cluster.kill(1).await?;
    if handshake(&address).await.is_ok() {
        return Err(format!("{address} answers after it was killed").into());
    }
    cluster.restart(1).await?;
    handshake(&address).await?;
    cluster.stop().await?;
    Ok("killed, refused, restarted, answered, stopped".to_owned())
}

/// Shakes hands as a client that cannot be dialled; what the node announces.
async fn handshake(node: &NodeAddress) -> Result<NodeAddress, Failure> {
    let connection = RawConnection::open(node, &NodeAddress::new("127.9.9.9", 0)).await?;
    Ok(connection.announced().clone())
}
