//! Clients of a cluster, for scenarios and faults: connected, closed, and their entities found.

use std::time::Duration;

use casty_client::{ClientBuilder, CloseReport, ClusterClient, EntityRef, RegionRef};

use crate::app::GetNode;
use crate::cluster::{PythonCluster, SYSTEM};
use crate::error::Failure;

/// Returns the builder of a client that knows the nodes with these indices to begin with.
pub(crate) fn builder(cluster: &PythonCluster, contacts: &[usize]) -> ClientBuilder {
    let addresses = cluster.addresses();
    let contacts = contacts.iter().filter_map(|index| addresses.get(*index));
    ClusterClient::builder(SYSTEM)
        .contact_points(contacts.map(ToString::to_string))
        .codec(cluster.codec())
        .transport(cluster.link().client().clone())
        .address_map(cluster.address_map())
}

/// Connects a client that knows all nodes of the cluster.
pub(crate) async fn connect(cluster: &PythonCluster) -> Result<ClusterClient, Failure> {
    let all: Vec<_> = (0..cluster.addresses().len()).collect();
    Ok(builder(cluster, &all).connect().await?)
}

/// Closes a client, which must then account for every message.
pub(crate) async fn close(client: &ClusterClient) -> Result<CloseReport, Failure> {
    let report = client.close(Duration::from_secs(5)).await;
    if !report.is_conserved() {
        return Err(format!("the counters do not add up: {report:?}").into());
    }
    Ok(report)
}

/// Returns an entity of `region` on each node, by the node's index; ids begin with `prefix`. The
/// region's entities answer `GetNode`.
pub(crate) async fn entity_on_each_node(
    cluster: &PythonCluster,
    region: &RegionRef,
    prefix: &str,
) -> Result<Vec<EntityRef>, Failure> {
    let mut found: Vec<Option<EntityRef>> = vec![None; cluster.addresses().len()];
    for n in 0..500 {
        let entity = region.entity(format!("{prefix}-{n}"));
        let node: String = entity.ask(|reply_to| GetNode { reply_to }).await?;
        let index: usize = node.trim_start_matches('n').parse()?;
        let place = found.get_mut(index);
        place
            .ok_or("a node that is not there")?
            .get_or_insert(entity);
        if found.iter().all(Option::is_some) {
            return Ok(found.into_iter().flatten().collect());
        }
    }
    Err(format!("{prefix}: a node has none of 500 entities").into())
}
