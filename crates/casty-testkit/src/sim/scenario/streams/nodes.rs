//! The nodes of a world that run, and their actors.

use casty_proto::{ActorRef, NodeAddress};

use crate::sim::world::World;

/// A node that runs.
pub(super) struct Running {
    pub(super) number: usize,
    address: NodeAddress,
}

impl Running {
    /// Returns the nodes that run.
    pub(super) fn of(world: &World) -> Vec<Self> {
        let cluster = world.cluster();
        let nodes = cluster.status().nodes.into_iter().enumerate();
        let running = nodes.filter(|(_, node)| node.alive);
        let running = running.filter_map(|(number, _)| {
            let address = cluster.address(number)?;
            Some(Self { number, address })
        });
        running.collect()
    }

    /// Returns the reference of its actor of that name.
    pub(super) fn actor<M>(&self, world: &World, name: &str) -> ActorRef<M> {
        let (system, address) = (world.cluster().system(), self.address.to_raw());
        ActorRef::from_uri_unchecked(format!("casty://{system}@{address}/{name}"))
    }
}
