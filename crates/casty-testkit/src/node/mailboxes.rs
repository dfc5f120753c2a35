//! Messages between the nodes of one cluster, which all live in this process.

use std::sync::Arc;

use bytes::Bytes;
use casty_proto::NodeAddress;
use parking_lot::RwLock;
use tokio::sync::mpsc;

/// Messages that may wait for one node.
const CAPACITY: usize = 16_384;

/// A message from one node to another, or to itself.
pub(crate) struct Mail {
    pub(crate) path: String,
    pub(crate) message: Bytes,
}

/// The addresses and the mailboxes of all nodes.
///
/// Each of the two locks is held for a look-up or one change, and never while the other is.
pub(crate) struct Mailboxes {
    addresses: RwLock<Arc<[NodeAddress]>>,
    senders: RwLock<Vec<Option<mpsc::Sender<Mail>>>>,
}

impl Mailboxes {
    /// Makes closed mailboxes for nodes that do not run yet.
    pub(crate) fn new(addresses: Vec<NodeAddress>) -> Self {
        Self {
            senders: RwLock::new(addresses.iter().map(|_| None).collect()),
            addresses: RwLock::new(addresses.into()),
        }
    }

    /// Adds a closed mailbox for one more node.
    pub(crate) fn add(&self, address: NodeAddress) {
        // The mailbox first: once the address can be found there is a mailbox under its number.
        self.senders.write().push(None);
        let mut addresses = self.addresses.write();
        *addresses = addresses.iter().cloned().chain([address]).collect();
    }

    /// Returns the addresses of the nodes, by number.
    pub(crate) fn addresses(&self) -> Arc<[NodeAddress]> {
        Arc::clone(&self.addresses.read())
    }

    /// Returns the number of the node that has this address.
    pub(crate) fn number(&self, address: &NodeAddress) -> Option<usize> {
        let addresses = self.addresses.read();
        addresses.iter().position(|node| node == address)
    }

    /// Opens the mailbox of a node that starts now; that of its predecessor is no longer filled.
    pub(crate) fn open(&self, node: usize) -> mpsc::Receiver<Mail> {
        let (sender, mail) = mpsc::channel(CAPACITY);
        if let Some(mailbox) = self.senders.write().get_mut(node) {
            *mailbox = Some(sender);
        }
        mail
    }

    /// Puts a message into a node's mailbox. Returns whether it was open and had capacity left.
    pub(crate) fn deliver(&self, node: usize, path: &str, message: &[u8]) -> bool {
        let senders = self.senders.read();
        let Some(Some(mailbox)) = senders.get(node) else {
            return false;
        };
        let mail = Mail {
            path: path.to_owned(),
            message: Bytes::copy_from_slice(message),
        };
        mailbox.try_send(mail).is_ok()
    }
}
