//! Messages between the nodes of one cluster, which all live in this process.

use std::sync::Arc;

use bytes::Bytes;
use casty_proto::NodeAddress;
use parking_lot::RwLock;
use tokio::sync::mpsc;

/// Messages that may wait for one node.
const CAPACITY: usize = 16_384;

/// A message as it is sent, and what its header has.
#[derive(Clone, Copy)]
pub(crate) struct Encoded<'a> {
    pub(crate) class: &'a str,
    pub(crate) bytes: &'a [u8],
    /// The header with which it has come from a client; else empty.
    pub(crate) header: &'a [u8],
}

/// A message from one node to another, or to itself.
pub(crate) struct Mail {
    /// The number of the node that sent it, or passed it on.
    pub(crate) from: usize,
    pub(crate) path: String,
    class: String,
    bytes: Bytes,
}

impl Mail {
    pub(crate) fn message(&self) -> Encoded<'_> {
        Encoded {
            class: &self.class,
            bytes: &self.bytes,
            header: &[],
        }
    }
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

    /// Puts a message of one node into the mailbox of another. Returns whether it was open and had capacity
    /// left.
    pub(crate) fn deliver(&self, from: usize, to: usize, path: &str, message: Encoded<'_>) -> bool {
        let senders = self.senders.read();
        let Some(Some(mailbox)) = senders.get(to) else {
            return false;
        };
        let mail = Mail {
            from,
            path: path.to_owned(),
            class: message.class.to_owned(),
            bytes: Bytes::copy_from_slice(message.bytes),
        };
        mailbox.try_send(mail).is_ok()
    }
}
