//! QUIC with mutual TLS: one bidirectional stream carries a Casty connection.
//!
//! Python nodes do not speak QUIC; a [`Proxy`](crate::proxy::Proxy) beside each makes them
//! reachable by it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use async_trait::async_trait;
use casty_proto::NodeAddress;
use quinn::{Endpoint, EndpointConfig, TokioRuntime};

use crate::addresses::{first_to_connect, nothing_resolved, resolve};
use crate::error::{DialError, ListenError};
use crate::transport::{ByteStream, Listener, Transport};

mod config;
mod error;
#[cfg(test)]
pub(crate) mod issued;
mod listener;
mod stream;

pub use config::{QuicConfig, QuicConfigError};
pub use error::QuicError;

use listener::Bound;
use stream::QuicStream;

/// The protocol that both sides must name in their handshake (ALPN).
pub const ALPN: &[u8] = b"casty/1";

/// QUIC with mutual TLS 1.3, each connection over a UDP socket of its own.
///
/// The dialler is the first to write, as it is in Casty: a connection is accepted when its first
/// bytes arrive, and dropped by the listener if none arrive within 10 s. A dial ends well only
/// after the listener has checked the certificate that it was shown. Nobody refuses a datagram, so
/// a dial of a port where nobody listens waits for the idle timeout, or for its caller's limit.
///
/// A name is resolved at every dial, and its addresses are tried as by TCP: the next one as soon as
/// one failed or was silent for 250 ms. The listener's certificate has to be one for the host that
/// is dialled. A connection goes on when the dialler's own address changes.
///
/// Shutting a stream down waits until the peer has received everything. Dropping a stream closes
/// its connection when the peer has received what was written, for up to 30 s, as long as the
/// runtime lives. A listener's port is free again when its last connection has ended.
#[derive(Debug, Clone)]
pub struct QuicTransport {
    config: QuicConfig,
}

impl QuicTransport {
    /// The transport; it opens nothing before the first dial or listen.
    pub fn new(config: QuicConfig) -> Self {
        Self { config }
    }

    async fn connect(&self, to: &NodeAddress) -> Result<QuicStream, DialError> {
        let addresses = resolve(to).await.map_err(|source| DialError::Unresolved {
            at: to.clone(),
            source: Arc::new(source),
        })?;
        let nothing = DialError::from_io(to, nothing_resolved());
        first_to_connect(addresses, nothing, |address| self.connect_to(to, address)).await
    }

    async fn connect_to(
        &self,
        to: &NodeAddress,
        address: SocketAddr,
    ) -> Result<QuicStream, DialError> {
        let endpoint = dialler(address).map_err(|error| DialError::from_io(to, error))?;
        let connecting = async {
            let connection = endpoint
                .connect_with(self.config.client(), address, to.host())?
                .await?;
            // The listener lets a stream be opened when it has accepted our certificate.
            let (send, recv) = connection.open_bi().await?;
            Ok(QuicStream::new(connection, send, recv, Some(endpoint)))
        };
        connecting
            .await
            .map_err(|source: QuicError| DialError::Quic {
                at: to.clone(),
                source: Arc::new(source),
            })
    }
}

#[async_trait]
impl Transport for QuicTransport {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        let stream = self.connect(to).await?;
        Ok(ByteStream::new(stream, to.to_string()))
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        let addresses = resolve(at)
            .await
            .map_err(|source| ListenError::Unresolved {
                at: at.clone(),
                source: Arc::new(source),
            })?;
        let mut outcome = Err(nothing_resolved());
        for address in addresses {
            outcome = self.bind(address);
            if outcome.is_ok() {
                break;
            }
        }
        let (endpoint, port) = outcome.map_err(|error| ListenError::from_io(at, error))?;
        let at = NodeAddress::new(at.host(), port);
        Ok(Box::new(Bound::new(endpoint, at)))
    }
}

impl QuicTransport {
    fn bind(&self, address: SocketAddr) -> io::Result<(Endpoint, u16)> {
        let endpoint = Endpoint::new(
            EndpointConfig::default(),
            Some(self.config.server()),
            UdpSocket::bind(address)?,
            Arc::new(TokioRuntime),
        )?;
        let port = endpoint.local_addr()?.port();
        Ok((endpoint, port))
    }
}

/// Something to dial an address of this family from.
fn dialler(to: SocketAddr) -> io::Result<Endpoint> {
    let any: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    Endpoint::new(
        EndpointConfig::default(),
        None,
        UdpSocket::bind(any)?,
        Arc::new(TokioRuntime),
    )
}

#[cfg(test)]
mod tests;
