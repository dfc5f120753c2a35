//! The workloads that some worlds have beside that of all: structures which clients share, and streams.
//!
//! The number of the world decides, so that all others draw the numbers that they always drew.

use std::sync::Arc;
use std::time::Duration;

use casty_client::ClusterClient;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::streams::Streams;
use super::structures::{Structures, USERS};
use crate::builder::ClusterBuilder;
use crate::sim::fault::Fault;
use crate::sim::world::World;

/// One world of so many has them.
const ONE_OF: u64 = 4;

/// The workloads beside that of all worlds.
pub(super) struct Beside {
    structures: Arc<Structures>,
    streams: Arc<Streams>,
}

impl Beside {
    /// Makes those of a world with faults of these kinds, if it has any.
    pub(super) fn of(world: &World, faults: &[Fault]) -> Option<Self> {
        world.seed().is_multiple_of(ONE_OF).then(|| Self {
            structures: Structures::new(world, faults),
            streams: Streams::new(world, faults),
        })
    }

    /// Has the nodes host what they need, for so many clients.
    pub(super) fn host(
        &self,
        builder: ClusterBuilder,
        nodes: usize,
        clients: usize,
    ) -> ClusterBuilder {
        let builder = self.structures.host(builder);
        self.streams.host(builder, nodes, clients)
    }

    /// Has clients use them until `end`.
    pub(super) fn begin(&self, clients: &[ClusterClient], end: Instant, tasks: &mut JoinSet<()>) {
        for (number, client) in clients.iter().enumerate() {
            for task in 0..USERS {
                let structures = Arc::clone(&self.structures);
                let numbers = (number, number * USERS + task);
                tasks.spawn(structures.work(client.clone(), numbers, end));
            }
            let streams = Arc::clone(&self.streams);
            tasks.spawn(streams.work(client.clone(), number, end));
        }
    }

    /// Notes that a client is about to be closed.
    pub(super) fn closes(&self, client: usize) {
        self.structures.closes(client);
    }

    /// Checks that all of them work, now that there are no faults any more; `closed` if a client was closed
    /// early.
    pub(super) async fn judge(&self, clients: &[ClusterClient], bound: Duration, closed: bool) {
        self.streams.judge(clients, bound).await;
        self.structures.judge(clients, bound, closed).await;
    }
}
