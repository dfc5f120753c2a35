//! The simulated network as a transport of casty-transport.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use casty_proto::NodeAddress;
use casty_transport::{ByteStream, DialError, ListenError, Listener, Names, Transport};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::connection::Side;
use super::names::{SimResolver, is_decoy};
use super::network::{Met, Network};
use super::stream::End;

/// Connections that wait to be accepted at one address.
const BACKLOG: usize = 64;

/// A transport that dials and listens in the network of a world, as one of its hosts.
pub(super) struct SimTransport {
    network: Network,
    names: Names,
    host: Arc<str>,
}

impl fmt::Debug for SimTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimTransport").field(&self.host).finish()
    }
}

impl SimTransport {
    /// Makes the transport of `host`.
    pub(super) fn new(network: &Network, host: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(Self {
            network: network.clone(),
            names: Names::new(Arc::new(SimResolver(network.clone()))),
            host: host.into(),
        })
    }
}

impl SimTransport {
    /// Dials one address of the name in `to`.
    async fn dial_at(
        &self,
        to: &NodeAddress,
        address: SocketAddr,
    ) -> Result<ByteStream, DialError> {
        let refused = || DialError::Refused { at: to.clone() };
        let (network, host) = (&self.network, &self.host);
        if is_decoy(address) {
            let decoy = network.decoy().ok_or_else(refused)?;
            network.log(format_args!("net {host} connected {decoy} of {to}"));
            return Ok(decoy.accept());
        }
        let Met {
            at,
            queue,
            swallowed,
            after,
        } = network.meet(address);
        if swallowed {
            return std::future::pending().await;
        }
        tokio::time::sleep(after).await;
        let queue = queue.ok_or_else(refused)?;
        let place = queue.reserve().await.map_err(|_| refused())?;
        let connection = network.open(host, &at);
        let number = connection.number;
        let measured = network.is_measured();
        network.log(format_args!("net #{number} {host} connected {at}"));
        let stream = |side, name| {
            let end = End::new(&connection, network, side);
            if measured {
                ByteStream::measured(end, name, |end| Some(end.unacknowledged()))
            } else {
                ByteStream::new(end, name)
            }
        };
        place.send(stream(Side::Node, format!("{host} #{number}")));
        Ok(stream(Side::Client, at.to_string()))
    }
}

#[async_trait]
impl Transport for SimTransport {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        let (network, host) = (&self.network, &self.host);
        network.log(format_args!("net {host} dials {to}"));
        network.count_dial(host);
        let connect = |address| self.dial_at(to, address);
        self.names.connect(to, connect).await
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        let (sender, queue) = mpsc::channel(BACKLOG);
        if !self.network.listen(at, sender) {
            return Err(ListenError::InUse { at: at.clone() });
        }
        // Its kernel knows nothing of the connections of a former life.
        for connection in self.network.connections_to(at) {
            let mut connection = connection.lock();
            if connection.forgotten {
                continue;
            }
            let inward = connection.to(Side::Node);
            // Bytes that are sent again, or a request for capacity, are answered with a reset.
            let sends = inward.unacknowledged() > 0 || inward.is_awaited();
            if std::mem::take(&mut connection.half_open) && sends {
                connection.reset(Side::Client, Instant::now());
            }
        }
        let (network, at) = (self.network.clone(), at.clone());
        Ok(Box::new(SimListener { network, at, queue }))
    }
}

/// A node that listens, until it is dropped.
struct SimListener {
    network: Network,
    at: NodeAddress,
    queue: mpsc::Receiver<ByteStream>,
}

#[async_trait]
impl Listener for SimListener {
    async fn accept(&mut self) -> Result<ByteStream, ListenError> {
        let at = || self.at.clone();
        let stream = self.queue.recv().await;
        stream.ok_or_else(|| ListenError::Closed { at: at() })
    }

    fn address(&self) -> NodeAddress {
        self.at.clone()
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.network.unlisten(&self.at);
    }
}
