//! A network address translation between a client and a UDP port, which forgets who talks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The longest datagram.
const DATAGRAM: usize = 64 * 1024;

/// A translation; it ends when it is dropped.
pub(crate) struct Translation {
    pub(crate) address: SocketAddr,
    /// The number of times that it was told to forget.
    forgotten: watch::Sender<u64>,
    /// The number of datagrams that have come back since it forgot last.
    returned: Arc<watch::Sender<u64>>,
    task: JoinHandle<()>,
}

impl Translation {
    /// Starts one in front of an address.
    pub(crate) async fn start(to: SocketAddr) -> Self {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let forgotten = watch::Sender::new(0);
        let returned = Arc::new(watch::Sender::new(0));
        let task = translate(
            Arc::clone(&front),
            to,
            forgotten.subscribe(),
            Arc::clone(&returned),
        );
        Self {
            address: front.local_addr().unwrap(),
            forgotten,
            returned,
            task: tokio::spawn(task),
        }
    }

    /// Has it send from other ports from now on, and lose what comes for the old ones; waits until so many
    /// datagrams have come back by the new.
    pub(crate) async fn forget(&self, until: u64) {
        let mut returned = self.returned.subscribe();
        self.forgotten.send_modify(|times| *times += 1);
        // It begins at 0 when it forgets.
        returned.wait_for(|count| *count == 0).await.unwrap();
        returned.wait_for(|count| *count >= until).await.unwrap();
    }
}

impl Drop for Translation {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes datagrams on in both directions, each client's from a port of its own.
async fn translate(
    front: Arc<UdpSocket>,
    to: SocketAddr,
    mut forgotten: watch::Receiver<u64>,
    returned: Arc<watch::Sender<u64>>,
) {
    let mut ports: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut back = JoinSet::new();
    let mut datagram = vec![0; DATAGRAM];
    loop {
        tokio::select! {
            told = forgotten.changed() => {
                if told.is_err() { return }
                ports.clear();
                back.shutdown().await;
                returned.send_replace(0);
            }
            received = front.recv_from(&mut datagram) => {
                let (length, client) = received.unwrap();
                let port = match ports.entry(client) {
                    Entry::Occupied(open) => open.into_mut(),
                    Entry::Vacant(place) => {
                        let port = connected(to).await;
                        let (front, returned) = (Arc::clone(&front), Arc::clone(&returned));
                        back.spawn(give_back(Arc::clone(&port), front, client, returned));
                        place.insert(port)
                    }
                };
                // The network may lose any of them.
                port.send(&datagram[..length]).await.ok();
            }
        }
    }
}

/// Opens a port that only this address is sent to from.
async fn connected(to: SocketAddr) -> Arc<UdpSocket> {
    let port = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    port.connect(to).await.unwrap();
    Arc::new(port)
}

/// Passes what comes for a client back to it.
async fn give_back(
    port: Arc<UdpSocket>,
    front: Arc<UdpSocket>,
    client: SocketAddr,
    returned: Arc<watch::Sender<u64>>,
) {
    let mut datagram = vec![0; DATAGRAM];
    while let Ok(length) = port.recv(&mut datagram).await {
        front.send_to(&datagram[..length], client).await.ok();
        returned.send_modify(|count| *count += 1);
    }
}
