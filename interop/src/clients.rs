//! Clients of a cluster, for scenarios and faults: connected, closed, and their entities found.

use std::time::{Duration, Instant};

use casty_client::{ClientBuilder, CloseReport, ClusterClient, EntityRef, RegionRef, View};
use casty_proto::message::MemberStatus;
use tokio::time::timeout;

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

/// Waits until so many members are up and alive to a client.
pub(crate) async fn members_up(
    client: &ClusterClient,
    count: usize,
    within: Duration,
) -> Result<(), Failure> {
    let are_up = |view: &View| {
        let live = view.live_members();
        live.filter(|member| member.status == MemberStatus::Up)
            .count()
            == count
    };
    let mut topology = client.topology();
    let seen = timeout(within, topology.wait_for(are_up)).await;
    let view = client.topology().current();
    let members = view.as_deref().map(View::members);
    seen.map_err(|_| format!("not {count} members are up, but {members:?}"))??;
    Ok(())
}

/// Waits until the states of all nodes agree, and nothing is wrong with them.
pub(crate) async fn agreed(client: &ClusterClient, within: Duration) -> Result<(), Failure> {
    let begun = Instant::now();
    loop {
        let diagnosis = client.admin().diagnose().await?;
        if diagnosis.is_healthy() {
            return Ok(());
        }
        if begun.elapsed() > within {
            let all = diagnosis.findings().iter();
            let codes: Vec<_> = all.map(|finding| finding.problem.code()).collect();
            return Err(format!("the nodes disagree: {}", codes.join(", ")).into());
        }
    }
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
