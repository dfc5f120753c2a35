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
use crate::transport::resolve::bind_by_name;
use crate::transport::tls::{TlsDial, proof_of};
use crate::transport::{ByteStream, Listener, Names, Resolver, Transport};

mod closing;
mod config;
mod error;
mod listener;
mod stream;
mod words;

pub use config::QuicConfig;
pub use error::{QuicConfigError, QuicError};

use closing::Closings;
use error::Failure;
use listener::{QuicListening, ServerSide};
use stream::QuicStream;

/// The transport over QUIC with mutual TLS 1.3, each connection over a UDP socket of its own.
///
/// The dialler is the first to write, as it is in Casty: a connection is accepted when its first
/// bytes arrive, and dropped by the listener if none arrive within 10 s. A dial ends well only
/// after the listener has checked the certificate that it was shown. Nobody refuses a datagram, so
/// a dial of a port where nobody listens waits for the idle timeout, or for its caller's limit.
///
/// A name is resolved at every dial, and its addresses are tried as [`Names`] tells. The listener's
/// certificate has to be one for the host that is dialled, or for the
/// [name](crate::TlsConfig::with_server_name) that is set. A connection goes on when the dialler's
/// own address changes.
///
/// Shutting a stream down waits until the peer has received everything. Dropping a stream closes
/// its connection when the peer has received what was written, for up to 30 s, as long as the
/// runtime lives: wait for [`drained`](Transport::drained) before it ends, which takes some 0.1 s
/// on a quick network (RFC 9000, section 10.2). A listener's port is free again when its last
/// connection has ended.
#[derive(Debug, Clone)]
pub struct QuicTransport {
    config: QuicConfig,
    names: Names,
    closings: Closings,
}

impl QuicTransport {
    /// Creates the transport; it opens nothing before the first dial or listen.
    pub fn new(config: QuicConfig) -> Self {
        Self {
            config,
            names: Names::default(),
            closings: Closings::new(),
        }
    }

    /// Sets what resolves the names that are dialled. Default: [`SystemResolver`](super::SystemResolver).
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.names = Names::new(resolver);
        self
    }

    /// Dials one address of the name in `to`.
    async fn connect(
        &self,
        to: &NodeAddress,
        address: SocketAddr,
    ) -> Result<QuicStream, DialError> {
        let endpoint = dialler(address).map_err(|error| DialError::from_io(to, error))?;
        let name = self.config.tls().name_for(to)?;
        let shaken = self.shake_hands(endpoint, address, &name.to_str()).await;
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

    /// Connects with both sides' certificates checked, and opens the stream.
    async fn shake_hands(
        &self,
        endpoint: Endpoint,
        address: SocketAddr,
        name: &str,
    ) -> Result<QuicStream, Failure> {
        let dial = TlsDial::new(&*self.config.tls().certificates().await);
        let client = self.config.client(dial.config.clone())?;
        let connection = match endpoint.connect_with(client, address, name)?.await {
            Ok(connection) => connection,
            Err(error) => {
                // QUIC tells only that there was an error; the verifier knows more.
                let known = dial.certificate_error();
                return Err(known.map_or_else(|| error.into(), Failure::Tls));
            }
        };
        dial.check_asked()?;
        // The listener lets a stream be opened when it has accepted our certificate.
        let (send, recv) = connection.open_bi().await?;
        let closings = self.closings.clone();
        Ok(QuicStream::new(connection, send, recv, endpoint, closings))
    }
}

#[async_trait]
impl Transport for QuicTransport {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        self.config.tls().name_for(to)?;
        let connect = async |address| {
            let stream = self.connect(to, address).await?;
            let certificate = stream.peer_certificate();
            let unacknowledged = QuicStream::unacknowledged;
            let stream = ByteStream::measured(stream, to.to_string(), unacknowledged);
            let of_all = self.config.tls().server_name();
            Ok(match certificate {
                Some(certificate) => stream.proved(proof_of(certificate, of_all)),
                None => stream,
            })
        };
        self.names.connect(to, connect).await
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        self.config.tls().check_listening(at)?;
        let certificates = self.config.tls().certificates().await;
        let Some(tls) = &certificates.server else {
            return Err(ListenError::NoCertificate { at: at.clone() });
        };
        let server = self.config.server(tls);
        let server = server.map_err(|source| ListenError::Quic {
            at: at.clone(),
            source,
        })?;
        let (endpoint, port) = bind_by_name(at, |address| bind(address, server.clone())).await?;
        let at = NodeAddress::new(at.host(), port);
        let server = ServerSide {
            tls: self.config.tls().clone(),
            config: server,
        };
        let closings = self.closings.clone();
        Ok(Box::new(QuicListening::new(endpoint, at, server, closings)))
    }

    async fn drained(&self) {
        self.closings.ended().await;
    }
}

/// Binds an endpoint that listens, and returns it with its port.
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

/// Opens an endpoint to dial an address of this family from.
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
