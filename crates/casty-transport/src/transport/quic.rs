//! QUIC with mutual TLS: one bidirectional stream carries a Casty connection.
//!
//! Python nodes do not speak QUIC; a [`Proxy`](crate::Proxy) beside each makes them
//! reachable by it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use async_trait::async_trait;
use casty_proto::NodeAddress;
use quinn::{Endpoint, EndpointConfig, ServerConfig, TokioRuntime};

use crate::error::{DialError, ListenError};
use crate::transport::resolve::{first_to_connect, nothing_resolved, resolve};
use crate::transport::tls::{Dialling, host_name};
use crate::transport::{ByteStream, Listener, Transport};

mod closing;
mod config;
mod error;
mod listener;
mod stream;

pub use config::QuicConfig;
pub use error::{QuicConfigError, QuicError};

use closing::Partings;
use error::Failure;
use listener::QuicListening;
use stream::QuicStream;

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
/// runtime lives: wait for [`settled`](Transport::settled) before it ends, which takes some 0.1 s
/// on a quick network (RFC 9000, section 10.2). A listener's port is free again when its last connection has ended.
#[derive(Debug, Clone)]
pub struct QuicTransport {
    config: QuicConfig,
    partings: Partings,
}

impl QuicTransport {
    /// The transport; it opens nothing before the first dial or listen.
    pub fn new(config: QuicConfig) -> Self {
        Self {
            config,
            partings: Partings::new(),
        }
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
        let shaken = self.shake_hands(endpoint, address, to.host()).await;
        shaken.map_err(|failure| match failure {
            Failure::Tls(source) => DialError::Tls {
                at: to.clone(),
                source,
            },
            Failure::Quic(source) => DialError::Quic {
                at: to.clone(),
                source,
            },
        })
    }

    async fn shake_hands(
        &self,
        endpoint: Endpoint,
        address: SocketAddr,
        host: &str,
    ) -> Result<QuicStream, Failure> {
        let dialling = Dialling::new(&*self.config.tls().material().await);
        let client = self.config.client(dialling.config.clone())?;
        let connection = match endpoint.connect_with(client, address, host)?.await {
            Ok(connection) => connection,
            Err(error) => {
                let complaint = dialling.complaint();
                return Err(complaint.map_or_else(|| error.into(), Failure::Tls));
            }
        };
        dialling.was_asked()?;
        // The listener lets a stream be opened when it has accepted our certificate.
        let streams = connection.open_bi().await?;
        let partings = self.partings.clone();
        Ok(QuicStream::new(connection, streams, endpoint, partings))
    }
}

#[async_trait]
impl Transport for QuicTransport {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        host_name(to)?;
        let stream = self.connect(to).await?;
        Ok(ByteStream::measured(
            stream,
            to.to_string(),
            QuicStream::unacknowledged,
        ))
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        let tls = self.config.tls().material().await;
        let Some(tls) = &tls.server else {
            return Err(ListenError::NoCertificate { at: at.clone() });
        };
        let server = self.config.server(tls);
        let server = server.map_err(|source| ListenError::Quic {
            at: at.clone(),
            source,
        })?;
        let addresses = resolve(at)
            .await
            .map_err(|source| ListenError::Unresolved {
                at: at.clone(),
                source: Arc::new(source),
            })?;
        let mut outcome = Err(nothing_resolved());
        for address in addresses {
            outcome = bind(address, server.clone());
            if outcome.is_ok() {
                break;
            }
        }
        let (endpoint, port) = outcome.map_err(|error| ListenError::from_io(at, error))?;
        let at = NodeAddress::new(at.host(), port);
        let tls = self.config.tls().clone();
        let partings = self.partings.clone();
        Ok(Box::new(QuicListening::new(
            endpoint,
            at,
            (tls, server),
            partings,
        )))
    }

    async fn settled(&self) {
        self.partings.ended().await;
    }
}

fn bind(address: SocketAddr, server: ServerConfig) -> io::Result<(Endpoint, u16)> {
    let endpoint = Endpoint::new(
        EndpointConfig::default(),
        Some(server),
        UdpSocket::bind(address)?,
        Arc::new(TokioRuntime),
    )?;
    let port = endpoint.local_addr()?.port();
    Ok((endpoint, port))
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
