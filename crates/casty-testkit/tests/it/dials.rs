//! The dials of a client: names that lead elsewhere, and nodes that cannot be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use casty_client::TransportConfig;
use casty_proto::NodeAddress;
use casty_transport::{ByteStream, DialError, ListenError, Listener, Transport};
use parking_lot::Mutex;

use crate::app::Net;

/// The names and the faults that a client's dials meet, beside those of the nodes.
#[derive(Clone, Default)]
pub(crate) struct Dials(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The nodes that names lead to.
    names: BTreeMap<NodeAddress, NodeAddress>,
    refusing: BTreeSet<NodeAddress>,
    /// Nodes from which nothing ever comes back.
    black: BTreeSet<NodeAddress>,
    slow: BTreeMap<NodeAddress, Duration>,
    dialled: Vec<NodeAddress>,
}

impl Dials {
    /// Has a name lead to a node, from the next dial on.
    pub(crate) fn name(&self, name: &str, node: &NodeAddress) {
        let name = name.parse().unwrap();
        self.0.lock().names.insert(name, node.clone());
    }

    /// Has a node refuse connections.
    pub(crate) fn refuse(&self, node: &NodeAddress) {
        self.0.lock().refusing.insert(node.clone());
    }

    /// Has dials of a node never end.
    pub(crate) fn swallow(&self, node: &NodeAddress) {
        self.0.lock().black.insert(node.clone());
    }

    /// Has a node take that long for each connection.
    pub(crate) fn slow(&self, node: &NodeAddress, by: Duration) {
        self.0.lock().slow.insert(node.clone(), by);
    }

    /// Ends all faults.
    pub(crate) fn open(&self) {
        let mut state = self.0.lock();
        state.refusing.clear();
        state.black.clear();
        state.slow.clear();
    }

    /// Returns how often an address was dialled.
    pub(crate) fn count(&self, at: &NodeAddress) -> usize {
        self.0
            .lock()
            .dialled
            .iter()
            .filter(|dial| *dial == at)
            .count()
    }

    /// Returns the client's transport through all of this.
    pub(crate) fn through(&self, net: &Net) -> TransportConfig {
        let net = net.transport().build();
        TransportConfig::custom(Arc::new(Travelled {
            net,
            dials: self.clone(),
        }))
    }
}

struct Travelled {
    net: Arc<dyn Transport>,
    dials: Dials,
}

impl std::fmt::Debug for Travelled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Travelled")
    }
}

#[async_trait]
impl Transport for Travelled {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        let (node, refused, swallowed, slow) = {
            let mut state = self.dials.0.lock();
            state.dialled.push(to.clone());
            let node = state.names.get(to).unwrap_or(to).clone();
            let slow = state.slow.get(&node).copied();
            let refused = state.refusing.contains(&node);
            let swallowed = state.black.contains(&node);
            (node, refused, swallowed, slow)
        };
        let never = std::future::pending::<()>();
        match slow {
            Some(slow) => drop(tokio::time::timeout(slow, never).await),
            None if swallowed => never.await,
            None => {}
        }
        if refused {
            return Err(DialError::Refused { at: node });
        }
        self.net.dial(&node).await
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        self.net.listen(at).await
    }
}
