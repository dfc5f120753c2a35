//! The listener of QUIC: it accepts connections, each when its stream has begun.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use casty_proto::NodeAddress;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use quinn::{
    Connection, ConnectionError, Endpoint, Incoming, RecvStream, SendStream, ServerConfig, VarInt,
};
use tokio::time::timeout;

use super::closing::Closings;
use super::config::server_crypto;
use super::stream::QuicStream;
use super::words;
use crate::error::ListenError;
use crate::transport::tls::{TlsConfig, dialler_proof_of};
use crate::transport::{ByteStream, Listener};

/// The time that a dialler may take from its first datagram to the end of its TLS handshake.
const SHAKE_WITHIN: Duration = Duration::from_secs(3);

/// The time that a dialler with a certificate may take from there to the first byte of its stream.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

/// Diallers that have not shown a certificate yet, at most. Those beyond wait in the endpoint.
const SHAKING: usize = 256;

/// Connections with a certificate whose stream has not begun, at most. A share of their own: nobody
/// without a certificate takes a place of it.
const BEGINNING: usize = 1024;

/// With so many that have not shown a certificate, diallers must first prove that their address is
/// theirs.
const WARY: usize = 128;

/// The configuration of each connection that a listener accepts.
#[derive(Clone)]
pub(super) struct ServerSide {
    pub(super) tls: TlsConfig,
    /// Right but for the certificates, which may have been renewed since.
    pub(super) config: ServerConfig,
}

impl ServerSide {
    /// Returns the configuration with the certificates as they are now.
    async fn current(self) -> ServerConfig {
        let Self { tls, mut config } = self;
        // Neither is missing, or nobody would listen.
        if let Some(tls) = &tls.certificates().await.server
            && let Ok(crypto) = server_crypto(tls)
        {
            config.crypto = crypto;
        }
        config
    }
}

/// A bound endpoint, with the diallers that shake hands, and the connections whose streams have not
/// begun.
pub(super) struct QuicListening {
    endpoint: Endpoint,
    at: NodeAddress,
    server: ServerSide,
    closings: Closings,
    shaking: FuturesUnordered<BoxFuture<'static, Option<Shaken>>>,
    beginning: FuturesUnordered<BoxFuture<'static, Option<ByteStream>>>,
}

impl QuicListening {
    pub(super) fn new(
        endpoint: Endpoint,
        at: NodeAddress,
        server: ServerSide,
        closings: Closings,
    ) -> Self {
        Self {
            endpoint,
            at,
            server,
            closings,
            shaking: FuturesUnordered::new(),
            beginning: FuturesUnordered::new(),
        }
    }

    /// Has a dialler shake hands.
    fn shake(&mut self, incoming: Incoming) {
        if must_prove(self.shaking.len(), incoming.remote_address_validated()) {
            // Fails only if it was validated.
            incoming.retry().ok();
            return;
        }
        self.shaking
            .push(Box::pin(shaken(incoming, self.server.clone())));
    }

    /// Has a dialler that has shown its certificate begin its stream.
    fn begin(&mut self, shaken: Shaken) {
        if self.beginning.len() >= BEGINNING {
            tracing::debug!(from = %shaken.from, "no QUIC stream: too many have not begun");
            return;
        }
        let (endpoint, closings) = (self.endpoint.clone(), self.closings.clone());
        let of_all = self.server.tls.server_name().cloned();
        self.beginning.push(Box::pin(async move {
            let Shaken { connection, from } = shaken;
            let (send, recv) = begun(&connection, from).await?;
            let stream = QuicStream::new(connection, send, recv, endpoint, closings);
            let certificate = stream.peer_certificate();
            let unacknowledged = QuicStream::unacknowledged;
            let stream = ByteStream::measured(stream, from.to_string(), unacknowledged);
            Some(match certificate {
                Some(certificate) => {
                    stream.proved_later(dialler_proof_of(certificate, of_all.as_ref()))
                }
                None => stream,
            })
        }));
    }
}

#[async_trait]
impl Listener for QuicListening {
    async fn accept(&mut self) -> Result<ByteStream, ListenError> {
        loop {
            tokio::select! {
                Some(stream) = self.beginning.next() => {
                    if let Some(stream) = stream {
                        return Ok(stream);
                    }
                }
                Some(shaken) = self.shaking.next() => {
                    if let Some(shaken) = shaken {
                        self.begin(shaken);
                    }
                }
                incoming = self.endpoint.accept(), if self.shaking.len() < SHAKING => {
                    match incoming {
                        Some(incoming) => self.shake(incoming),
                        None => return Err(ListenError::Closed { at: self.at.clone() }),
                    }
                }
            }
        }
    }

    fn address(&self) -> NodeAddress {
        self.at.clone()
    }
}

impl Drop for QuicListening {
    fn drop(&mut self) {
        // The endpoint lives on in its connections; it takes no new ones.
        self.endpoint.set_server_config(None);
    }
}

/// Returns whether a dialler must prove that its address is its own before it shakes hands, beside so
/// many that do.
fn must_prove(shaking: usize, is_proved: bool) -> bool {
    shaking >= WARY && !is_proved
}

/// A connection whose dialler has shown its certificate.
struct Shaken {
    connection: Connection,
    /// The address that its first datagram came from.
    from: SocketAddr,
}

/// Waits until a dialler has shown its certificate; `None` if that fails, which concerns the dialler
/// alone.
async fn shaken(incoming: Incoming, server: ServerSide) -> Option<Shaken> {
    let from = incoming.remote_address();
    match timeout(SHAKE_WITHIN, shake(incoming, server)).await {
        Ok(Ok(connection)) => return Some(Shaken { connection, from }),
        Ok(Err(error)) => {
            tracing::debug!(%from, error = %words::told(&error), "no QUIC connection");
        }
        Err(_) => tracing::debug!(%from, "no QUIC handshake within {SHAKE_WITHIN:?}"),
    }
    None
}

async fn shake(incoming: Incoming, server: ServerSide) -> Result<Connection, ConnectionError> {
    let server = server.current().await;
    let connection = incoming.accept_with(Arc::new(server))?.await?;
    // Only now: the dialler waits for this, and so learns whether it was accepted.
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(1));
    Ok(connection)
}

/// Waits for the stream that a dialler begins; `None` if that fails.
async fn begun(connection: &Connection, from: SocketAddr) -> Option<(SendStream, RecvStream)> {
    match timeout(BEGIN_WITHIN, connection.accept_bi()).await {
        Ok(Ok(streams)) => return Some(streams),
        Ok(Err(error)) => {
            tracing::debug!(%from, error = %words::told(&error), "no QUIC connection");
        }
        Err(_) => tracing::debug!(%from, "no QUIC stream within {BEGIN_WITHIN:?}"),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diallers_prove_their_address_once_and_only_where_many_shake_hands() {
        for (shaking, is_proved, must) in [
            (0, false, false),
            (WARY - 1, false, false),
            (WARY, false, true),
            (SHAKING, false, true),
            (WARY, true, false),
        ] {
            assert_eq!(
                must_prove(shaking, is_proved),
                must,
                "{shaking} {is_proved}"
            );
        }
    }
}
