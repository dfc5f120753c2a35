//! A proxy of a node that can swallow what comes on the connections that it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use casty_proto::NodeAddress;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::Failure;
use crate::passing::{pass_each, undelayed};

/// Passes connections on to a node, but for those that it had when it was told to swallow. It ends
/// when it is dropped.
pub(super) struct Swallower {
    at: NodeAddress,
    accepted: Arc<AtomicUsize>,
    swallowed: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Swallower {
    /// Listens, and dials the node for every connection.
    pub(super) async fn before(node: &NodeAddress) -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let at = NodeAddress::new("127.0.0.1", listener.local_addr()?.port());
        let (swallowed, accepted) = (watch::Sender::new(()), Arc::new(AtomicUsize::new(0)));
        let (node, swallow, count) = (node.clone(), swallowed.clone(), Arc::clone(&accepted));
        let accepting = tokio::spawn(pass_each(listener, move |client| {
            count.fetch_add(1, Ordering::SeqCst);
            pass(client, node.clone(), swallow.subscribe())
        }));
        Ok(Self {
            at,
            accepted,
            swallowed,
            accepting,
        })
    }

    /// Returns the address that it is dialled at.
    pub(super) fn at(&self) -> &NodeAddress {
        &self.at
    }

    /// Returns the number of connections so far.
    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Passes nothing on any more of the connections that there are, and keeps them open.
    pub(super) fn swallow(&self) {
        self.swallowed.send_replace(());
    }
}

impl Drop for Swallower {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes bytes both ways until either side ends, or until they are swallowed: then for ever
/// nothing.
async fn pass(mut client: TcpStream, node: NodeAddress, mut swallowed: watch::Receiver<()>) {
    let Ok(mut node) = TcpStream::connect((node.host(), node.port())).await else {
        return;
    };
    if undelayed(&client, &node).is_none() {
        return;
    }
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut node) => {}
        _ = swallowed.changed() => std::future::pending().await,
    }
}
