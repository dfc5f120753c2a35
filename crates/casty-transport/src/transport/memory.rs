//! The network inside one process: for tests, simulations and embedded clusters.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use async_trait::async_trait;
use casty_proto::NodeAddress;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc;

use crate::error::{DialError, ListenError};
use crate::transport::{ByteStream, Listener, Transport};

/// Bytes that one direction of a stream holds before its writer waits.
const PIPE: usize = 64 * 1024;

/// Streams that wait to be accepted before diallers wait.
const BACKLOG: usize = 128;

/// The first port that is assigned to a listener that asked for port 0.
const FIRST_FREE_PORT: u16 = 49152;

/// A network inside this process. Addresses are any `host:port`; a listener at one is found by the
/// dials of the same text. Clones are the same network.
///
/// Needs no sockets and no timers, so it runs under a paused clock.
#[derive(Clone, Default)]
pub struct MemoryNetwork(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Locked for looking up and noting only, never over an await.
    hosts: Mutex<Hosts>,
    /// The number of dials, from which streams have their names in logs.
    dials: AtomicU64,
}

#[derive(Default)]
struct Hosts {
    listeners: HashMap<NodeAddress, mpsc::Sender<ByteStream>>,
    /// Streams by the address they were dialled at, while both ends live.
    links: HashMap<NodeAddress, Vec<Link>>,
}

/// Both ends of a stream, seen from the network, which keeps neither alive.
struct Link([Weak<SharedEnd>; 2]);

type SharedEnd = Mutex<Option<DuplexStream>>;

impl MemoryNetwork {
    /// Creates a network where nobody listens yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a transport that dials and listens in this network.
    pub fn transport(&self) -> MemoryTransport {
        MemoryTransport(self.clone())
    }

    /// Ends the process at `at` as if it had died: nobody finds its listener any more, and every
    /// stream that was dialled at `at`, accepted or not, is reset on both sides, unread bytes lost.
    /// The address is free again. Returns whether there was a listener.
    pub fn kill(&self, at: &NodeAddress) -> bool {
        // Released before the ends are dropped: that wakes their tasks.
        let (listener, links) = {
            let mut hosts = self.0.hosts.lock();
            (hosts.listeners.remove(at), hosts.links.remove(at))
        };
        for link in links.into_iter().flatten() {
            // Both are taken before either is dropped, so that neither side takes it for an end
            // in good order; dropping one wakes the other.
            let ends = link
                .0
                .map(|end| end.upgrade().and_then(|end| end.lock().take()));
            drop(ends);
        }
        listener.is_some()
    }
}

impl fmt::Debug for MemoryNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.0.hosts.lock();
        f.debug_set().entries(hosts.listeners.keys()).finish()
    }
}

/// The transport of a [`MemoryNetwork`].
#[derive(Debug, Clone)]
pub struct MemoryTransport(MemoryNetwork);

#[async_trait]
impl Transport for MemoryTransport {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        let refused = || DialError::Refused { at: to.clone() };
        let network = &self.0.0;
        let queue = network.hosts.lock().listeners.get(to).cloned();
        let queue = queue.ok_or_else(refused)?;
        let place = queue.reserve().await.map_err(|_| refused())?;

        // Relaxed: any number will do that no other dial has.
        let number = network.dials.fetch_add(1, Ordering::Relaxed);
        let (near, far) = tokio::io::duplex(PIPE);
        let ends = [near, far].map(|end| Arc::new(Mutex::new(Some(end))));
        let link = Link(ends.each_ref().map(Arc::downgrade));
        let [near, far] = ends.map(Pipe);
        let mut hosts = network.hosts.lock();
        // Looked up again: the listener may have ended while this waited for a place.
        let found = hosts.listeners.get(to);
        if !found.is_some_and(|found| found.same_channel(&queue)) {
            return Err(refused());
        }
        hosts.add(to, link);
        place.send(ByteStream::new(far, format!("memory dial {number}")));
        Ok(ByteStream::new(near, to.to_string()))
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        let mut hosts = self.0.0.hosts.lock();
        let at = match at.port() {
            0 => hosts.free_port(at.host()),
            _ => Some(at.clone()).filter(|at| !hosts.listeners.contains_key(at)),
        }
        .ok_or_else(|| ListenError::InUse { at: at.clone() })?;
        let (sender, queue) = mpsc::channel(BACKLOG);
        hosts.listeners.insert(at.clone(), sender);
        Ok(Box::new(MemoryListener {
            network: self.0.clone(),
            at,
            queue,
        }))
    }
}

impl Hosts {
    fn add(&mut self, at: &NodeAddress, link: Link) {
        let links = self.links.entry(at.clone()).or_default();
        if links.len() == links.capacity() {
            links.retain(Link::is_alive);
        }
        links.push(link);
    }

    fn free_port(&self, host: &str) -> Option<NodeAddress> {
        let host: Arc<str> = host.into();
        (FIRST_FREE_PORT..=u16::MAX)
            .map(|port| NodeAddress::new(Arc::clone(&host), port))
            .find(|at| !self.listeners.contains_key(at))
    }
}

impl Link {
    fn is_alive(&self) -> bool {
        self.0.iter().all(|end| end.strong_count() > 0)
    }
}

struct MemoryListener {
    network: MemoryNetwork,
    at: NodeAddress,
    queue: mpsc::Receiver<ByteStream>,
}

#[async_trait]
impl Listener for MemoryListener {
    async fn accept(&mut self) -> Result<ByteStream, ListenError> {
        let stream = self.queue.recv().await;
        stream.ok_or_else(|| ListenError::Closed {
            at: self.at.clone(),
        })
    }

    fn address(&self) -> NodeAddress {
        self.at.clone()
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        self.queue.close();
        let mut hosts = self.network.0.hosts.lock();
        // A killed listener's address may be somebody else's by now.
        let listening = hosts.listeners.get(&self.at);
        if listening.is_some_and(mpsc::Sender::is_closed) {
            hosts.listeners.remove(&self.at);
        }
        hosts.links.retain(|_, links| {
            links.retain(Link::is_alive);
            !links.is_empty()
        });
    }
}

/// One end of a stream; empty once the network has cut it. Its lock is held for one poll.
struct Pipe(Arc<SharedEnd>);

impl Pipe {
    fn with<T>(
        &self,
        poll: impl FnOnce(Pin<&mut DuplexStream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match self.0.lock().as_mut() {
            Some(end) => poll(Pin::new(end)),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|end| end.poll_read(cx, buf))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|end| end.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|end| end.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|end| end.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|end| end.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests;
