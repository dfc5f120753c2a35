//! Streams between clients and nodes: each element once and in order, up to the end or an error.

use std::sync::Arc;
use std::time::Duration;

use casty_client::ClusterClient;
use tokio::time::{Instant, sleep};

use crate::builder::ClusterBuilder;
use crate::sim::fault::Fault;
use crate::sim::world::World;

mod flows;
mod nodes;
mod sources;

use flows::Flows;
use nodes::Running;
use sources::Sources;

/// The streams of a world.
pub(super) struct Streams {
    world: World,
    /// The streams that clients read.
    sources: Sources,
    /// The streams that nodes read.
    flows: Arc<Flows>,
}

impl Streams {
    /// Makes the streams of a world with faults of these kinds.
    pub(super) fn new(world: &World, faults: &[Fault]) -> Arc<Self> {
        Arc::new(Self {
            world: world.clone(),
            sources: Sources::new(world, faults),
            flows: Flows::new(world, faults),
        })
    }

    /// Adds their other ends to all nodes, for so many clients.
    pub(super) fn host(
        &self,
        builder: ClusterBuilder,
        nodes: usize,
        clients: usize,
    ) -> ClusterBuilder {
        let builder = self.sources.host(builder, nodes, clients);
        self.flows.host(builder, nodes, clients)
    }

    /// Reads and produces streams until `end`, as the client of that number.
    pub(super) async fn work(self: Arc<Self>, client: ClusterClient, number: usize, end: Instant) {
        // Until then a client does not know which node is behind a name.
        client.ready(end - Instant::now()).await.ok();
        while Instant::now() < end {
            let nodes = Running::of(&self.world);
            if let Some(node) = nodes.get(self.world.random_below(nodes.len())) {
                if self.world.random_below(2) == 0 {
                    self.sources.read(&client, node).await;
                } else {
                    self.flows.produce(&client, number, node).await;
                }
            }
            sleep(self.world.random_time(1..250)).await;
        }
    }

    /// Checks that streams of all clients work in both directions, now that there are no faults any more.
    pub(super) async fn judge(&self, clients: &[ClusterClient], bound: Duration) {
        for (number, client) in clients.iter().enumerate() {
            self.sources.judge(client, number).await;
            self.flows.judge(client, number, bound).await;
        }
    }
}
