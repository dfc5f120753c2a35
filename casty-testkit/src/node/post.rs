//! The way of messages between the nodes of one cluster, which all live in this process.

use bytes::Bytes;
use casty_proto::NodeAddress;
use parking_lot::Mutex;
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
    addresses: Vec<NodeAddress>,
    boxes: Vec<Mutex<Option<mpsc::Sender<Letter>>>>,
}

impl Post {
    /// A post for nodes that do not run yet.
    pub(crate) fn new(addresses: Vec<NodeAddress>) -> Self {
        let boxes = addresses.iter().map(|_| Mutex::new(None)).collect();
        Self { addresses, boxes }
    }

    /// The addresses of the nodes, by number.
    pub(crate) fn addresses(&self) -> &[NodeAddress] {
        &self.addresses
    }

    /// The node of this address.
    pub(crate) fn number(&self, address: &NodeAddress) -> Option<usize> {
        self.addresses.iter().position(|node| node == address)
    }

    /// The letter box of a node that starts now; its predecessor's is no longer filled.
    pub(crate) fn open(&self, node: usize) -> mpsc::Receiver<Letter> {
        let (sender, letters) = mpsc::channel(LETTERS);
        if let Some(letter_box) = self.boxes.get(node) {
            *letter_box.lock() = Some(sender);
        }
        letters
    }

    /// Puts a message into a node's letter box; tells whether there was room.
    pub(crate) fn deliver(&self, node: usize, path: &str, message: &[u8]) -> bool {
        let Some(letter_box) = self.boxes.get(node) else {
            return false;
        };
        let letter = Letter {
            path: path.to_owned(),
            message: Bytes::copy_from_slice(message),
        };
        let letter_box = letter_box.lock();
        letter_box
            .as_ref()
            .is_some_and(|letter_box| letter_box.try_send(letter).is_ok())
    }
}
