//! The secondary connections, to nodes that were lost before; see [`casty_routing::Renewal`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use casty_proto::NodeAddress;
use casty_routing::{RenewalInput, RenewalOutput};
use casty_transport::{ConnectError, Connection, connect};
use tracing::Instrument;

use super::spans::DialSpan;
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
        let span = DialSpan::begin(&node, true);
        let spanned = span.clone();
        let dial = async move {
            let outcome = connect(&*transport, &node, core.identity.address(), &options).await;
            span.end(&outcome);
            Done::SecondaryDialled { node, outcome }
        };
        self.tasks.spawn(dial.instrument(spanned.into()));
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
    use casty_transport::{ByteStream, ConnectOptions, MemoryNetwork, Transport, accept};
    use tokio::io::AsyncReadExt;
    use tokio::sync::watch;

    use super::*;
    use crate::control::ControlParts;
    use crate::runtime::random::Rng;
    use crate::{ClusterClient, TransportConfig};

    /// Returns a control task that nobody drives but the test, and its client.
    async fn control(network: &MemoryNetwork) -> (ClusterClient, Control) {
        let client = ClusterClient::builder("s")
            .contact_point("elsewhere:1")
            .transport(TransportConfig::memory(network.clone()));
        let client = client.connect().await.unwrap();
        let parts = ControlParts {
            core: Arc::clone(client.core()),
            published: watch::Sender::new(None),
            ready_errors: watch::Sender::new(None),
            transport: Arc::new(network.transport()),
            options: ConnectOptions::new(),
            contacts: Vec::new(),
            source: None,
        };
        (client, Control::new(parts, &Rng::seeded(1)))
    }

    /// Dials a node, which calls itself `name`, and returns both sides of the connection.
    async fn dial(
        network: &MemoryNetwork,
        control: &Control,
        name: &NodeAddress,
    ) -> (Result<Connection, ConnectError>, ByteStream) {
        let (node, options) = (NodeAddress::new("n", 1), ConnectOptions::new());
        let transport = network.transport();
        let mut listener = transport.listen(&node).await.unwrap();
        let (made, accepted) = tokio::join!(
            connect(&transport, &node, control.core.identity.address(), &options),
            async { accept(listener.accept().await.unwrap(), name, &options).await },
        );
        (made, accepted.unwrap().stream)
    }

    /// Returns whether the other side has ended the connection within a second.
    async fn ends(stream: &mut ByteStream) -> bool {
        let second = std::time::Duration::from_secs(1);
        let read = tokio::time::timeout(second, stream.read_u8()).await;
        read.is_ok_and(|read| read.is_err())
    }

    /// Returns for when the renewal engine waits once it has nothing more to do.
    fn waits(control: &mut Control) -> Option<std::time::Instant> {
        loop {
            if let RenewalOutput::Wait(due) = control.renewal.poll() {
                return due;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_secondary_connection_that_takes_the_place_of_another_ends_it() {
        let (network, node) = (MemoryNetwork::new(), NodeAddress::new("n", 1));
        let (client, mut control) = control(&network).await;
        let mut theirs = Vec::new();
        let mut ours = Vec::new();
        for _ in 0..2 {
            let (made, their) = dial(&network, &control, &node).await;
            control.secondary_dialled(node.clone(), made);
            ours.push(Arc::clone(&control.secondaries[&node]));
            theirs.push(their);
        }
        assert!(ends(&mut theirs[0]).await);
        assert!(!ends(&mut theirs[1]).await, "that goes on");
        assert_eq!(client.stats().secondary_connections, 1);
        // The end of the first says nothing of the one that has its place.
        let now = control.time.now();
        for input in [
            RenewalInput::Lost(node.clone()),
            RenewalInput::Connected(node.clone()),
            RenewalInput::SecondaryUp(node),
        ] {
            control.renewal.handle(now, input);
        }
        let trusted = waits(&mut control);
        control.secondary_ended(&ours[0]);
        assert_eq!(waits(&mut control), trusted);
        assert_eq!(client.stats().secondary_connections, 1);
        control.secondary_ended(&ours[1]);
        assert_ne!(waits(&mut control), trusted, "it is to be dialled again");
        assert_eq!(client.stats().secondary_connections, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_secondary_connection_to_another_node_than_was_meant_is_none() {
        let (network, node) = (MemoryNetwork::new(), NodeAddress::new("n", 1));
        let (client, mut control) = control(&network).await;
        let other = NodeAddress::new("other", 1);
        let (made, mut their) = dial(&network, &control, &other).await;
        control.secondary_dialled(node, made);
        assert!(ends(&mut their).await);
        assert_eq!(client.stats().secondary_connections, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_secondary_connection_is_looked_at_though_there_is_no_other() {
        let (network, node) = (MemoryNetwork::new(), NodeAddress::new("n", 1));
        let (_client, mut control) = control(&network).await;
        control.look();
        assert_eq!(control.due[3], None, "there is nothing to look at");
        let (made, _their) = dial(&network, &control, &node).await;
        control.secondary_dialled(node, made);
        control.look();
        assert!(control.due[3].is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_identities_of_the_latest_subscriptions_are_kept_and_no_more() {
        let (_client, mut control) = control(&MemoryNetwork::new()).await;
        let node = NodeAddress::new("n", 1);
        for subscription in 1..=200 {
            control.note_subscriber(&node, subscription);
        }
        let kept: Vec<_> = control.subscribers.keys().copied().collect();
        assert_eq!(kept, (73..=200).collect::<Vec<_>>());
    }
}
