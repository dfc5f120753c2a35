//! The secondary connections, to nodes that were lost before; see [`casty_routing::Renewal`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use casty_proto::NodeAddress;
use casty_routing::{RenewalInput, RenewalOutput};
use casty_transport::{ConnectError, Connection, connect};

use super::{Control, Done};
use crate::node::peer::Peer;

impl Control {
    /// Performs the outputs of the renewal engine until it waits.
    pub(super) fn pump_renewal(&mut self) {
        self.due[2] = loop {
            match self.renewal.poll() {
                RenewalOutput::DialSecondary(node) => self.dial_secondary(node),
                RenewalOutput::CloseSecondary(node) => {
                    let former = self.secondaries.remove(&node);
                    self.close_secondary(former.as_deref());
                }
                RenewalOutput::Confirmed(node) => self.confirm(&node, true),
                RenewalOutput::Unconfirmed(node) => self.confirm(&node, false),
                RenewalOutput::Wait(due) => break due,
            }
        };
    }

    /// Notes whether a node may reply to the client's first address.
    fn confirm(&self, node: &NodeAddress, confirmed: bool) {
        if let Some(peer) = self.peers.get(node) {
            peer.confirm(confirmed);
        }
    }

    /// Dials a node under the client's first address.
    fn dial_secondary(&mut self, node: NodeAddress) {
        let core = Arc::clone(&self.core);
        let (transport, options) = (Arc::clone(&self.transport), self.options.clone());
        self.tasks.spawn(async move {
            let outcome = connect(&*transport, &node, core.identity.address(), &options).await;
            Done::SecondaryDialled { node, outcome }
        });
    }

    /// Takes a secondary connection just made into use, or reports that there is none.
    pub(super) fn secondary_dialled(
        &mut self,
        node: NodeAddress,
        outcome: Result<Connection, ConnectError>,
    ) {
        let connection = match outcome {
            // A node that announces another address is another node by now.
            Ok(connection) if connection.peer == node => connection,
            _ => return self.secondary_down(node),
        };
        let identity = Arc::clone(&self.core.identity);
        let (secondary, driven) = self.peer(node.clone(), identity, connection);
        let former = self
            .secondaries
            .insert(node.clone(), Arc::clone(&secondary));
        self.close_secondary(former.as_deref());
        self.tasks.spawn(async move {
            driven.await;
            Done::SecondaryEnded { secondary }
        });
        let input = RenewalInput::SecondaryUp(node);
        self.renewal.handle(self.time.now(), input);
    }

    /// Handles the end of a secondary connection, unless another has replaced it.
    pub(super) fn secondary_ended(&mut self, secondary: &Peer) {
        let before = self.secondaries.len();
        self.secondaries
            .retain(|_, current| current.id != secondary.id);
        if self.secondaries.len() < before {
            self.count_secondaries();
            self.secondary_down(secondary.node.clone());
        }
    }

    /// Ends a secondary connection that is no longer in use.
    fn close_secondary(&self, former: Option<&Peer>) {
        if let Some(secondary) = former {
            // Not drained: nothing is queued, and draining a half-open connection would never end.
            secondary.outbox.abort();
        }
        self.count_secondaries();
    }

    /// Reports to the engine that a node has no secondary connection.
    fn secondary_down(&mut self, node: NodeAddress) {
        let input = RenewalInput::SecondaryDown(node);
        self.renewal.handle(self.time.now(), input);
    }

    /// Publishes the number of secondary connections.
    pub(super) fn count_secondaries(&self) {
        let count = self.secondaries.len() as u64;
        // Relaxed: only this task writes it, and only statistics read it.
        self.core.secondaries.store(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use casty_transport::{ConnectOptions, MemoryNetwork, Transport, accept};
    use tokio::io::AsyncReadExt;
    use tokio::sync::watch;

    use super::*;
    use crate::control::ControlParts;
    use crate::runtime::random::Rng;
    use crate::{ClusterClient, TransportConfig};

    #[tokio::test(start_paused = true)]
    async fn a_secondary_connection_that_takes_the_place_of_another_ends_it() {
        let (network, node) = (MemoryNetwork::new(), NodeAddress::new("n", 1));
        let (transport, options) = (Arc::new(network.transport()), ConnectOptions::new());
        let mut listener = transport.listen(&node).await.unwrap();
        let client = ClusterClient::builder("s")
            .contact_point("elsewhere:1")
            .transport(TransportConfig::memory(network.clone()));
        let client = client.connect().await.unwrap();
        let core = client.core();
        let parts = ControlParts {
            core: Arc::clone(core),
            published: watch::Sender::new(None),
            ready_errors: watch::Sender::new(None),
            transport: Arc::clone(&transport) as Arc<dyn Transport>,
            options: options.clone(),
            contacts: Vec::new(),
        };
        let mut control = Control::new(parts, &Rng::seeded(1));
        let mut theirs = Vec::new();
        for _ in 0..2 {
            let (made, accepted) = tokio::join!(
                connect(&*transport, &node, core.identity.address(), &options),
                async { accept(listener.accept().await.unwrap(), &node, &options).await },
            );
            control.secondary_dialled(node.clone(), made);
            theirs.push(accepted.unwrap().stream);
        }
        let second = std::time::Duration::from_secs(1);
        let mut buffer = [0];
        let first = tokio::time::timeout(second, theirs[0].read(&mut buffer));
        assert_eq!(first.await.expect("it ends").unwrap(), 0);
        let latter = tokio::time::timeout(second, theirs[1].read(&mut buffer));
        latter.await.expect_err("that goes on");
        assert_eq!(client.stats().secondary_connections, 1);
    }
}
