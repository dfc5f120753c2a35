//! The connections of a node that dials others: which of two to one peer is used, and what waits for a dial.

use std::collections::HashMap;
use std::sync::Arc;

use casty_proto::NodeAddress;
use casty_routing::{
    NodeConnections, NodeConnectionsConfig, NodeConnectionsInput, NodeConnectionsOutput,
};
use casty_transport::Outbox;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Nodes that wait to be dialled.
const ORDERS: usize = 1_024;
/// Bytes that wait for nodes that are dialled, one of them and all.
const WAITING: usize = 4 * 1024 * 1024;
const WAITING_IN_ALL: usize = 4 * WAITING;

/// The connections of a node, to clients and other nodes, by the engine that decides which are used.
pub(crate) struct Peers {
    state: Mutex<State>,
    orders: mpsc::Sender<NodeAddress>,
}

struct State {
    engine: NodeConnections,
    outboxes: HashMap<u64, Arc<Outbox<()>>>,
    /// Frames for nodes that are dialled.
    waiting: HashMap<NodeAddress, Vec<Vec<u8>>>,
}

/// The acts that follow outside of the lock.
#[derive(Default)]
struct Orders {
    /// Connections to close.
    close: Vec<u64>,
    dial: Vec<NodeAddress>,
}

impl Peers {
    /// Makes the connections of a node; the receiver tells which nodes it has to dial.
    pub(crate) fn new(me: NodeAddress) -> (Self, mpsc::Receiver<NodeAddress>) {
        let (orders, dials) = mpsc::channel(ORDERS);
        let state = Mutex::new(State {
            engine: NodeConnections::new(NodeConnectionsConfig::default(), me),
            outboxes: HashMap::new(),
            waiting: HashMap::new(),
        });
        (Self { state, orders }, dials)
    }

    /// Sends a frame to a peer, or has it wait while that is dialled. Returns whether it was taken.
    pub(crate) fn send(&self, to: &NodeAddress, frame: &[&[u8]; 2]) -> bool {
        let mut state = self.state.lock();
        if let Some(outbox) = state.outbox(to) {
            drop(state);
            return outbox.push(frame, None).is_ok();
        }
        let orders = state.tell(NodeConnectionsInput::Wanted(to.clone()), to);
        let taken = state.waits(to, frame);
        drop(state);
        self.dial(orders.dial);
        taken
    }

    /// Takes up a connection that a peer has begun. Returns which are to be closed for that.
    pub(crate) fn accepted(
        &self,
        node: &NodeAddress,
        link: u64,
        outbox: &Arc<Outbox<()>>,
    ) -> Vec<u64> {
        let mut state = self.state.lock();
        state.outboxes.insert(link, Arc::clone(outbox));
        let input = NodeConnectionsInput::Accepted {
            node: node.clone(),
            connection: link,
        };
        state.tell(input, node).close
    }

    /// Takes up a connection that was dialled. Returns which are to be closed for that.
    pub(crate) fn dialled(
        &self,
        node: &NodeAddress,
        announced: &NodeAddress,
        link: u64,
        outbox: &Arc<Outbox<()>>,
    ) -> Vec<u64> {
        let mut state = self.state.lock();
        state.outboxes.insert(link, Arc::clone(outbox));
        let input = NodeConnectionsInput::Dialled {
            node: node.clone(),
            announced: announced.clone(),
            connection: link,
        };
        state.tell(input, node).close
    }

    /// Notes that a node could not be dialled.
    pub(crate) fn failed(&self, node: &NodeAddress) {
        let input = NodeConnectionsInput::Failed(node.clone());
        self.state.lock().tell(input, node);
    }

    /// Notes that a connection has ended.
    pub(crate) fn ended(&self, node: &NodeAddress, link: u64) {
        let mut state = self.state.lock();
        state.outboxes.remove(&link);
        state.tell(NodeConnectionsInput::Ended(link), node);
    }

    /// Has a node be dialled although that has just failed.
    pub(crate) fn end_quarantine(&self, node: &NodeAddress) {
        let input = NodeConnectionsInput::EndQuarantine(node.clone());
        self.state.lock().tell(input, node);
    }

    /// Returns the number of connections.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().outboxes.len()
    }

    fn dial(&self, nodes: Vec<NodeAddress>) {
        for node in nodes {
            if self.orders.try_send(node.clone()).is_err() {
                self.failed(&node);
            }
        }
    }
}

impl State {
    fn outbox(&self, to: &NodeAddress) -> Option<Arc<Outbox<()>>> {
        let link = self.engine.connection(to)?;
        self.outboxes.get(&link).cloned()
    }

    /// Has a frame wait if its node is dialled.
    fn waits(&mut self, to: &NodeAddress, frame: &[&[u8]; 2]) -> bool {
        let in_all: usize = self.waiting.values().flatten().map(Vec::len).sum();
        let Some(waiting) = self.waiting.get_mut(to) else {
            return false;
        };
        let length: usize = frame.iter().map(|part| part.len()).sum();
        let bytes: usize = waiting.iter().map(Vec::len).sum();
        let fits = bytes + length <= WAITING && in_all + length <= WAITING_IN_ALL;
        if fits {
            waiting.push(frame.concat());
        }
        fits
    }

    /// Tells the engine something that concerns a peer, and does what it wants done.
    fn tell(&mut self, input: NodeConnectionsInput, node: &NodeAddress) -> Orders {
        self.engine.handle(Instant::now().into_std(), input);
        let mut orders = Orders::default();
        loop {
            match self.engine.poll() {
                NodeConnectionsOutput::Dial(node) => {
                    self.waiting.entry(node.clone()).or_default();
                    orders.dial.push(node);
                }
                NodeConnectionsOutput::Use {
                    node: used,
                    connection: link,
                } => {
                    let mut frames = self.waiting.remove(&used).unwrap_or_default();
                    // What was dialled by another name is the same node.
                    if used != *node {
                        frames.extend(self.waiting.remove(node).unwrap_or_default());
                    }
                    if let Some(outbox) = self.outboxes.get(&link) {
                        for frame in frames {
                            // Full: it is lost, as all that is sent to a node that reads too slowly.
                            outbox.push(&[&frame], None).ok();
                        }
                    }
                }
                NodeConnectionsOutput::Close(link) => orders.close.push(link),
                NodeConnectionsOutput::Drop(node) => {
                    self.waiting.remove(&node);
                }
                NodeConnectionsOutput::Idle => return orders,
            }
        }
    }
}
