//! Second connections, to nodes that were lost before; see [`casty_routing::renewal`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use casty_proto::NodeAddress;
use casty_routing::renewal;
use casty_transport::{ConnectError, Connection, connect};

use super::{Control, Done};
use crate::clock::precise_now;
use crate::peer::Peer;

impl Control {
    pub(super) fn pump_renewal(&mut self) {
        self.due[2] = loop {
            match self.renewal.poll() {
                renewal::Output::DialCompanion(node) => self.dial_companion(node),
                renewal::Output::CloseCompanion(node) => {
                    if let Some(companion) = self.companions.remove(&node) {
                        // Nothing is on it, and one that is half open would never be drained.
                        companion.outbox.abort();
                        self.count_companions();
                    }
                }
                renewal::Output::Settled(node) => self.settle(&node, true),
                renewal::Output::Unsettled(node) => self.settle(&node, false),
                renewal::Output::Wait(due) => break due,
            }
        };
    }

    fn settle(&self, node: &NodeAddress, settled: bool) {
        if let Some(peer) = self.peers.get(node) {
            peer.settle(settled);
        }
    }

    fn dial_companion(&mut self, node: NodeAddress) {
        let core = Arc::clone(&self.core);
        let (transport, options) = (Arc::clone(&self.transport), self.options.clone());
        self.tasks.spawn(async move {
            let outcome = connect(&*transport, &node, core.identity.address(), &options).await;
            Done::CompanionDialled { node, outcome }
        });
    }

    pub(super) fn companion_dialled(
        &mut self,
        node: NodeAddress,
        outcome: Result<Connection, ConnectError>,
    ) {
        let connection = match outcome {
            // One that calls itself otherwise is another node by now.
            Ok(connection) if connection.peer == node => connection,
            _ => return self.companion_down(node),
        };
        let identity = Arc::clone(&self.core.identity);
        let (companion, driven) = self.peer(node.clone(), identity, connection);
        self.companions.insert(node.clone(), Arc::clone(&companion));
        self.count_companions();
        self.tasks.spawn(async move {
            driven.await;
            Done::CompanionEnded { companion }
        });
        let input = renewal::Input::CompanionUp(node);
        self.renewal.handle(precise_now(), input);
    }

    /// Takes in the end of a companion, unless it is one of those no longer in use.
    pub(super) fn companion_ended(&mut self, companion: &Peer) {
        let before = self.companions.len();
        self.companions
            .retain(|_, current| current.id != companion.id);
        if self.companions.len() < before {
            self.count_companions();
            self.companion_down(companion.node.clone());
        }
    }

    fn companion_down(&mut self, node: NodeAddress) {
        let input = renewal::Input::CompanionDown(node);
        self.renewal.handle(precise_now(), input);
    }

    pub(super) fn count_companions(&self) {
        let count = self.companions.len() as u64;
        self.core.companions.store(count, Ordering::Relaxed);
    }
}
