//! A link to a node that can be cut.

use std::io;
use std::sync::Arc;

use casty_client::NodeAddress;
use parking_lot::Mutex;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A relay that passes connections on to a node.
pub(crate) struct Relay {
    at: NodeAddress,
    connections: Arc<Mutex<JoinSet<()>>>,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// Listens in front of a node that need not run.
    pub(crate) async fn start(node: &NodeAddress) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let at = NodeAddress::new("127.0.0.1", listener.local_addr()?.port());
        let connections: Arc<Mutex<JoinSet<()>>> = Arc::default();
        let accepted = Arc::clone(&connections);
        let (host, port) = (node.host().to_owned(), node.port());
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let host = host.clone();
                // Released before the next accept; nothing is awaited while it is held.
                let mut accepted = accepted.lock();
                while accepted.try_join_next().is_some() {}
                accepted.spawn(async move {
                    if let Ok(mut node) = TcpStream::connect((host, port)).await {
                        // That it ended is told by the ends that are closed then.
                        copy_bidirectional(&mut client, &mut node).await.ok();
                    }
                });
            }
        });
        Ok(Self {
            at,
            connections,
            accepting,
        })
    }

    /// Returns the address that it listens at.
    pub(crate) fn at(&self) -> &NodeAddress {
        &self.at
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        self.connections.lock().abort_all();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
