//! The way of messages between the nodes of one cluster, which all live in this process.

use std::sync::Arc;

use bytes::Bytes;
use casty_proto::NodeAddress;
use parking_lot::RwLock;
use tokio::sync::mpsc;

/// Messages that may wait for one node.
const LETTERS: usize = 16_384;

/// A message from one node to another, or to itself.
pub(crate) struct Letter {
    pub(crate) path: String,
    pub(crate) message: Bytes,
}

/// The nodes' addresses and letter boxes.
pub(crate) struct Post {
    addresses: RwLock<Arc<[NodeAddress]>>,
    boxes: RwLock<Vec<Option<mpsc::Sender<Letter>>>>,
}

impl Post {
    /// A post for nodes that do not run yet.
    pub(crate) fn new(addresses: Vec<NodeAddress>) -> Self {
        Self {
            boxes: RwLock::new(addresses.iter().map(|_| None).collect()),
            addresses: RwLock::new(addresses.into()),
        }
    }

    /// Makes room for one more node.
    pub(crate) fn add(&self, address: NodeAddress) {
        self.boxes.write().push(None);
        let mut addresses = self.addresses.write();
        *addresses = addresses.iter().cloned().chain([address]).collect();
    }

    /// The addresses of the nodes, by number.
    pub(crate) fn addresses(&self) -> Arc<[NodeAddress]> {
        Arc::clone(&self.addresses.read())
    }

    /// The node of this address.
    pub(crate) fn number(&self, address: &NodeAddress) -> Option<usize> {
        let addresses = self.addresses.read();
        addresses.iter().position(|node| node == address)
    }

    /// The letter box of a node that starts now; its predecessor's is no longer filled.
    pub(crate) fn open(&self, node: usize) -> mpsc::Receiver<Letter> {
        let (sender, letters) = mpsc::channel(LETTERS);
        if let Some(letter_box) = self.boxes.write().get_mut(node) {
            *letter_box = Some(sender);
        }
        letters
    }

    /// Puts a message into a node's letter box; tells whether there was room.
    pub(crate) fn deliver(&self, node: usize, path: &str, message: &[u8]) -> bool {
        let boxes = self.boxes.read();
        let Some(Some(letter_box)) = boxes.get(node) else {
            return false;
        };
        let letter = Letter {
            path: path.to_owned(),
            message: Bytes::copy_from_slice(message),
        };
        letter_box.try_send(letter).is_ok()
    }
}
