//! The place of a fault: nodes and clients, and the entities on these nodes.

use std::time::Duration;

use casty_client::{ClusterClient, EntityRef};

use super::order::REGION;
use super::subject::{Subject, Whose};
use crate::app::GetNode;
use crate::clients::{close, connect, entity_on_each_node};
use crate::cluster::{PythonCluster, SHARDS};
use crate::error::Failure;
use crate::python::Installation;
use crate::router::Router;
use crate::serializer::Serializer;

/// The place of a fault: nodes and a client, to be made.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) python: Installation,
    pub(super) whose: Whose,
    pub(super) label: String,
}

impl Site {
    /// Starts a cluster of nodes that host [`REGION`] and write down what it receives.
    pub(super) async fn cluster(&self, nodes: usize) -> Result<PythonCluster, Failure> {
        let cluster = PythonCluster::reserve(&self.python, Serializer::Pickle, nodes, &self.label)?;
        let mut cluster = cluster.hosting(&[REGION]).journaling()?;
        cluster.launch().await?;
        Ok(cluster)
    }

    /// Starts such a cluster behind a router.
    pub(super) async fn cluster_behind(
        &self,
        router: &Router,
        nodes: usize,
    ) -> Result<PythonCluster, Failure> {
        let cluster = PythonCluster::reserve(&self.python, Serializer::Pickle, nodes, &self.label)?;
        let mut cluster = cluster.behind(router).hosting(&[REGION]).journaling()?;
        cluster.launch().await?;
        Ok(cluster)
    }

    /// Starts a client to be measured, not connected.
    pub(super) fn subject(&self) -> Result<Subject, Failure> {
        Subject::start(&self.python, self.whose)
    }

    /// Starts a client to be measured beside it, as a measure of the machine. It is always the Rust
    /// client: a second one of casty's would take the first one's connections.
    pub(super) fn control(&self) -> Result<Subject, Failure> {
        Subject::start(&self.python, Whose::Rust)
    }
}

/// Returns the ids of entities, one on each node, found by a client that has ended again.
pub(super) async fn entities(
    cluster: &PythonCluster,
    prefix: &str,
) -> Result<Vec<String>, Failure> {
    let client = connect(cluster).await?;
    let found = found(&client, cluster, prefix).await;
    close(&client).await?;
    found
}

async fn found(
    client: &ClusterClient,
    cluster: &PythonCluster,
    prefix: &str,
) -> Result<Vec<String>, Failure> {
    let region = client.entity_ref(REGION, SHARDS)?;
    let found: Vec<EntityRef> = entity_on_each_node(cluster, &region, prefix).await?;
    Ok(found.iter().map(|entity| entity.id().to_owned()).collect())
}

/// Returns some entities and the index of the node on which each lives now, as far as they answer.
pub(super) async fn whereabouts(cluster: &PythonCluster) -> Result<Vec<(String, usize)>, Failure> {
    let client = connect(cluster).await?;
    let region = client.entity_ref(REGION, SHARDS)?;
    let mut found = Vec::new();
    for number in 0..40 {
        let entity = region.entity(format!("here-{number}"));
        let ask = entity.ask::<_, String>(|reply_to| GetNode { reply_to });
        if let Ok(node) = ask.within(Duration::from_millis(500)).await {
            let index = node.trim_start_matches('n').parse()?;
            found.push((entity.id().to_owned(), index));
        }
    }
    close(&client).await?;
    Ok(found)
}
