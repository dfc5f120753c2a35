//! Passes connections of one transport on to a node that speaks another.
//!
//! Bytes go through unchanged, so both ends see each other's handshakes, and clients find a node
//! behind a proxy with an [`AddressMap`](crate::AddressMap).

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::{Chain, Escaped, NodeAddress};
use tokio::io::AsyncWriteExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::error::ListenError;
use crate::transport::{ByteStream, Listener, Transport};

mod counters;
mod limits;
mod pass;

pub use counters::{ProxyCounters, ProxyCounts};
pub use limits::ProxyLimits;

use counters::{Counts, Running, add};
use pass::{PassEnd, pass};

/// The pause after a failure to accept, which may last.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts streams, opens one to a node for each of them, and passes bytes both ways. Nothing is
/// opened for a dialler that did not finish its TLS handshake, and it takes no place of those that
/// did.
///
/// The end of one direction is passed on while the other goes on. A side that does not read makes
/// the other wait: nothing is kept beyond [`ProxyLimits::buffer`] and what the transports hold.
pub struct Proxy {
    listener: Box<dyn Listener>,
    path: Path,
}

/// The parts of a proxy that each connection needs.
#[derive(Clone)]
struct Path {
    node: NodeAddress,
    through: Arc<dyn Transport>,
    limits: ProxyLimits,
    counts: Arc<Counts>,
    /// The places of diallers that shake hands, and of connections.
    handshakes: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

/// The end of a proxy.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ProxyEnd {
    /// The proxy was told to stop.
    Stopped {
        /// Connections that had not ended by the deadline, and were cut.
        cut: usize,
    },
    /// The listener ended; the connections were given the same time to end.
    ListenerEnded(ListenError),
}

impl Proxy {
    /// Creates a proxy of `listener` in front of the node that `through` reaches at `node`. It does
    /// nothing until it runs.
    pub fn new(
        listener: Box<dyn Listener>,
        node: NodeAddress,
        through: Arc<dyn Transport>,
        limits: ProxyLimits,
    ) -> Self {
        let places = |most: usize| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        let path = Path {
            node,
            through,
            handshakes: places(limits.handshakes),
            connections: places(limits.connections),
            limits,
            counts: Arc::default(),
        };
        Self { listener, path }
    }

    /// Returns the address at which it listens.
    pub fn address(&self) -> NodeAddress {
        self.listener.address()
    }

    /// Returns its counters, which can be read while it runs and afterwards.
    pub fn counters(&self) -> ProxyCounters {
        ProxyCounters(Arc::clone(&self.path.counts))
    }

    /// Passes connections on until `stop` ends. Then nothing more is accepted, connections may end
    /// by themselves for `grace`, and the rest is cut. Takes a task for each connection. Wait for
    /// [`Transport::drained`] of both transports before the runtime ends.
    ///
    /// # Cancel safety
    /// Dropping the future cuts all connections.
    pub async fn run(mut self, stop: impl Future<Output = ()>, grace: Duration) -> ProxyEnd {
        let mut running = JoinSet::new();
        let ended = tokio::select! {
            () = stop => None,
            error = self.serve(&mut running) => Some(error),
        };
        let Self { listener, .. } = self;
        drop(listener);
        let all = async { while running.join_next().await.is_some() {} };
        let in_time = timeout(grace, all).await.is_ok();
        let cut = if in_time { 0 } else { running.len() };
        running.shutdown().await;
        ended.map_or(ProxyEnd::Stopped { cut }, ProxyEnd::ListenerEnded)
    }

    /// Accepts connections until the listener ends, and returns the error by which it did.
    async fn serve(&mut self, running: &mut JoinSet<()>) -> ListenError {
        loop {
            let stream = tokio::select! {
                Some(_) = running.join_next() => continue,
                stream = self.listener.accept() => stream,
            };
            match stream {
                Ok(stream) => {
                    let path = &self.path;
                    if path.handshakes.available_permits() == 0 {
                        // Those accepted just before may have nothing to do but to run once.
                        tokio::task::yield_now().await;
                    }
                    match Arc::clone(&path.handshakes).try_acquire_owned() {
                        Ok(place) => drop(running.spawn(path.clone().dialler(stream, place))),
                        Err(_) => path.refuse(stream.peer(), "too many handshakes"),
                    }
                }
                Err(error @ ListenError::Closed { .. }) => return error,
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "cannot accept");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Path {
    /// Notes that a dialler is closed at once.
    fn refuse(&self, from: &Arc<str>, why: &'static str) {
        add(&self.counts.refused, 1);
        tracing::warn!(from = %Escaped::new(from), "refused: {why}");
    }

    /// Serves one dialler from its handshake to its end.
    async fn dialler(self, mut stream: ByteStream, handshake: OwnedSemaphorePermit) {
        let from = Arc::clone(stream.peer());
        let shown = Escaped::new(&from);
        // An encrypted stream shakes hands first; another has nothing to flush.
        let ready = timeout(self.limits.connect, stream.flush()).await;
        if !matches!(ready, Ok(Ok(()))) {
            add(&self.counts.unshaken, 1);
            if let Ok(Err(error)) = ready {
                tracing::debug!(from = %shown, error = %Chain(&error), "no handshake");
            } else {
                tracing::debug!(from = %shown, "no handshake in time");
            }
            return;
        }
        let Ok(_place) = Arc::clone(&self.connections).try_acquire_owned() else {
            return self.refuse(&from, "too many connections");
        };
        drop(handshake);
        add(&self.counts.accepted, 1);
        self.connection(stream).await;
    }

    /// Serves one connection from its beginning to its end.
    async fn connection(&self, stream: ByteStream) {
        let _running = Running::new(&self.counts);
        let peer = Arc::clone(stream.peer());
        let from = Escaped::new(&peer);
        let dial = timeout(self.limits.connect, self.through.dial(&self.node));
        let node = match dial.await {
            Ok(Ok(node)) => node,
            Ok(Err(error)) => {
                add(&self.counts.unreachable, 1);
                tracing::warn!(%from, node = %self.node, error = %Chain(&error), "cannot reach the node");
                return;
            }
            Err(_) => {
                add(&self.counts.unreachable, 1);
                tracing::warn!(%from, node = %self.node, "the node does not answer");
                return;
            }
        };
        match pass(stream, node, &self.limits, &self.counts).await {
            PassEnd::Both => {}
            PassEnd::Idle => add(&self.counts.idle, 1),
            PassEnd::Broken(error) => {
                add(&self.counts.broken, 1);
                tracing::debug!(%from, node = %self.node, error = %Chain(&error), "the connection broke");
            }
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address())
            .field("node", &self.path.node)
            .field("through", &self.path.through)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(feature = "memory")]
mod tests;
