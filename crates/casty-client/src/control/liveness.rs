//! The looks at connections for signs of life; see [`casty_routing::Liveness`].

use std::sync::Arc;

use casty_proto::ActorRef;
use casty_proto::message::{Find, RECEPTIONIST_PATH, ServiceKey};
use casty_routing::{LivenessInput, LivenessOutput};

use super::Control;
use crate::node::peer::Peer;
use crate::node::protocol::{PROBED_SERVICE, PROBES_PATH};

impl Control {
    /// Looks at all connections if that is due, or if there are some where there were none.
    pub(super) fn look(&mut self) {
        let now = self.time.now();
        let due = match self.due[3] {
            Some(due) => due <= now,
            None => !self.peers.is_empty() || !self.secondaries.is_empty(),
        };
        if !due {
            return;
        }
        let source = self.subscription.source();
        let actors = !self.core.mailboxes.is_empty();
        let first = self.peers.values();
        let first = first.map(|peer| peer.observed(actors || source == Some(&peer.node)));
        // Nothing is sent on these: whatever comes, comes unasked.
        let second = self.secondaries.values().map(|peer| peer.observed(true));
        let observed = first.chain(second).collect();
        self.peers
            .values()
            .for_each(|peer| peer.outbox.give_back_if_idle());
        self.liveness.handle(now, LivenessInput::Looked(observed));
        self.pump_liveness();
    }

    /// Performs the outputs of the liveness engine until it waits.
    fn pump_liveness(&mut self) {
        self.due[3] = loop {
            match self.liveness.poll() {
                LivenessOutput::Probe { connection } => self.probe(connection),
                LivenessOutput::GiveUp { connection, silent } => {
                    if let Some(peer) = self.connection(connection) {
                        tracing::warn!(node = %peer.node, ?silent, "nothing comes from it and a probe is not answered: its connection is given up, and it is dialled again");
                        peer.outbox.give_up(silent);
                    }
                }
                LivenessOutput::Wait(due) => break due,
            }
        };
    }

    /// Asks a node for a service that it does not have: every node answers that at once, and shortly,
    /// and keeps nothing of it.
    fn probe(&mut self, connection: u32) {
        let Some(peer) = self.connection(connection) else {
            return;
        };
        tracing::debug!(node = %peer.node, "silent: probed");
        let reply_to = peer.identity.uri(PROBES_PATH);
        let probe = Find::<()> {
            key: ServiceKey::new(PROBED_SERVICE),
            reply_to: ActorRef::from_uri_unchecked(reply_to),
        };
        self.core.send_control(&peer, RECEPTIONIST_PATH, &probe);
        let input = LivenessInput::Probed {
            connection,
            accepted: peer.outbox.progress().accepted,
        };
        self.liveness.handle(self.time.now(), input);
    }

    /// Returns the connection of that number, first or second.
    fn connection(&self, number: u32) -> Option<Arc<Peer>> {
        let mut all = self.peers.values().chain(self.secondaries.values());
        all.find(|peer| peer.id.0 == number).cloned()
    }
}
