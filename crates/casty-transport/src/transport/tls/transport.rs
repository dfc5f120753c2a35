//! The transport over TLS.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use casty_proto::NodeAddress;
use rustls::pki_types::ServerName;
use tokio::time::{Instant, timeout};

use super::{TlsConfig, TlsError, dialler_proof_of, proof_of, stream};
use crate::error::{DialError, ListenError};
use crate::transport::tcp::TcpTransport;
use crate::transport::{ByteStream, Listener, Transport};

/// The transport over TLS, over TCP or another transport.
///
/// A dial is done after the TLS handshake, and after the server has proved to be the host that was
/// dialled, or to have the [name](TlsConfig::with_server_name) that is set; where the name has several addresses, one of them that fails at that is left for the
/// next. With a certificate of our own, a server that does not ask for it is refused
/// ([`NotAsked`](super::TlsError::NotAsked)): every Casty node asks, and a server that lets anybody
/// in is none.
///
/// An accepted stream does its TLS handshake when it is first read or written, so that a slow peer
/// holds up nobody else; [`accept`](crate::accept) bounds that together with the handshake of
/// Casty. Peers must show a certificate of an authority that is trusted. What is written to a
/// stream of this transport has left when it was flushed, or when another write had to wait.
#[derive(Debug, Clone)]
pub struct TlsTransport {
    below: Arc<dyn Transport>,
    config: TlsConfig,
}

impl TlsTransport {
    /// Creates the transport over TCP.
    pub fn new(config: TlsConfig) -> Self {
        Self::over(Arc::new(TcpTransport::new()), config)
    }

    /// Creates the transport over the streams of another one.
    pub fn over(below: Arc<dyn Transport>, config: TlsConfig) -> Self {
        Self { below, config }
    }
}

impl TlsTransport {
    /// Dials the addresses of a name until one of them has TLS, for `limit` if there is one.
    async fn dial_until(
        &self,
        to: &NodeAddress,
        limit: Option<Duration>,
    ) -> Result<ByteStream, DialError> {
        let name = self.config.name_for(to)?;
        let begun = Instant::now();
        loop {
            let left = limit.map(|limit| limit.saturating_sub(begun.elapsed()));
            let mut stream = match left {
                Some(left) => self.below.dial_within(to, left).await?,
                None => self.below.dial(to).await?,
            };
            let judge = stream.take_judge();
            let left = limit.map(|limit| limit.saturating_sub(begun.elapsed()));
            let encrypted = self.encrypted(to, name.clone(), stream);
            let encrypted = match left {
                Some(left) => timeout(left, encrypted).await,
                None => Ok(encrypted.await),
            };
            match encrypted {
                Ok(Ok(stream)) => return Ok(stream.judged_later(judge)),
                Ok(Err(error)) if !judge.tell(false) => return Err(error),
                Ok(Err(_)) => {}
                Err(_) => {
                    return Err(DialError::Tls {
                        at: to.clone(),
                        source: TlsError::Silent(limit.unwrap_or_default()),
                    });
                }
            }
        }
    }

    /// Encrypts a stream to `to`, once its peer has proved to be `name`.
    async fn encrypted(
        &self,
        to: &NodeAddress,
        name: ServerName<'static>,
        stream: ByteStream,
    ) -> Result<ByteStream, DialError> {
        let peer = Arc::clone(stream.peer());
        let stream = stream::dialled(stream, name, &self.config).await;
        let stream = stream.map_err(|source| DialError::Tls {
            at: to.clone(),
            source,
        })?;
        let certificate = stream.peer_certificate();
        let unacknowledged = stream::Encrypted::unacknowledged;
        let stream = ByteStream::measured(stream, peer, unacknowledged);
        Ok(match certificate {
            Some(certificate) => stream.proved(proof_of(certificate, self.config.server_name())),
            None => stream,
        })
    }
}

#[async_trait]
impl Transport for TlsTransport {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        self.dial_until(to, None).await
    }

    async fn dial_within(
        &self,
        to: &NodeAddress,
        limit: Duration,
    ) -> Result<ByteStream, DialError> {
        self.dial_until(to, Some(limit)).await
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        self.config.check_listening(at)?;
        Ok(Box::new(TlsListening {
            below: self.below.listen(at).await?,
            config: self.config.clone(),
        }))
    }

    async fn drained(&self) {
        self.below.drained().await;
    }
}

struct TlsListening {
    below: Box<dyn Listener>,
    config: TlsConfig,
}

#[async_trait]
impl Listener for TlsListening {
    async fn accept(&mut self) -> Result<ByteStream, ListenError> {
        let stream = self.below.accept().await?;
        let peer = Arc::clone(stream.peer());
        let shown = Arc::new(OnceLock::new());
        let stream = stream::Accepted::new(stream, self.config.clone(), Arc::clone(&shown));
        let unacknowledged = stream::Accepted::unacknowledged;
        let stream = ByteStream::measured(stream, peer, unacknowledged);
        let of_all = self.config.server_name().cloned();
        Ok(stream.proved_later(move |host| {
            let certificate = shown.get().cloned()?;
            dialler_proof_of(certificate, of_all.as_ref())(host)
        }))
    }

    fn address(&self) -> NodeAddress {
        self.below.address()
    }
}
