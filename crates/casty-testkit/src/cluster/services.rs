//! Services and actors that come and go while the cluster runs.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::Cluster;
use crate::actor::ActorPlan;
use crate::context::Context;

/// Services and actors.
impl Cluster {
    /// Starts a discoverable service on a node that runs: it is in the views of all at once.
    ///
    /// It takes the place of a service of the same key on that node, and comes back when the node is
    /// restarted.
    pub fn start_service<M: DeserializeOwned>(
        &self,
        node: usize,
        key: impl Into<Arc<str>>,
        handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
    ) {
        let service = ActorPlan::service(node, key.into(), handle);
        self.gossip.start_service(node, service);
    }

    /// Ends a service on a node, and takes it out of the views of all at once.
    ///
    /// Real nodes keep listing a service that ended while they live on: for that, see
    /// [`stop_actor`](Self::stop_actor). So do nodes outside of this process that
    /// [gossip](crate::ClusterBuilder::membership) with these, for no message of Casty's takes a service out but
    /// the death of its node; what they gossip brings it back to none of this process.
    pub fn stop_service(&self, node: usize, key: &str) {
        self.gossip.stop_service(node, key);
    }

    /// Ends the actor at a path of a node, until the node is restarted: messages for it are dropped, as
    /// on real nodes, and if it is a service it stays listed.
    pub fn stop_actor(&self, node: usize, path: &str) {
        let path = format!("/{}", path.trim_start_matches('/'));
        self.gossip.with_node(node, |node| node.stop_actor(&path));
    }
}
