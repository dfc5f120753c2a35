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
use crate::error::ListenError;
use crate::transport::tls::TlsConfig;
use crate::transport::{ByteStream, Listener};

/// The time that a dialler may take from its first datagram to the first byte of its stream.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

/// Connections that have not begun yet, at most. Those beyond wait in the endpoint.
const BEGINNING: usize = 1024;

/// With so many of them, diallers must first prove that their address is theirs.
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

/// A bound endpoint, with the connections whose streams have not begun.
pub(super) struct QuicListening {
    endpoint: Endpoint,
    at: NodeAddress,
    server: ServerSide,
    closings: Closings,
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
            beginning: FuturesUnordered::new(),
        }
    }

    fn begin(&mut self, incoming: Incoming) {
        if self.beginning.len() >= WARY && !incoming.remote_address_validated() {
            // Fails only if it was validated.
            incoming.retry().ok();
            return;
        }
        let (endpoint, closings) = (self.endpoint.clone(), self.closings.clone());
        let begun = begun(incoming, self.server.clone());
        self.beginning.push(Box::pin(async {
            let Begun {
                connection,
                send,
                recv,
                from,
            } = begun.await?;
            let stream = QuicStream::new(connection, send, recv, endpoint, closings);
            Some(ByteStream::measured(
                stream,
                from.to_string(),
                QuicStream::unacknowledged,
            ))
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
                incoming = self.endpoint.accept(), if self.beginning.len() < BEGINNING => {
                    match incoming {
                        Some(incoming) => self.begin(incoming),
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

/// A connection with the stream that its dialler began.
struct Begun {
    connection: Connection,
    send: SendStream,
    recv: RecvStream,
    /// The address that its first datagram came from.
    from: SocketAddr,
}

/// Waits for the stream that a dialler begins; `None` if that fails, which concerns the dialler
/// alone.
async fn begun(incoming: Incoming, server: ServerSide) -> Option<Begun> {
    let from = incoming.remote_address();
    match timeout(BEGIN_WITHIN, begin(incoming, server)).await {
        Ok(Ok(begun)) => return Some(begun),
        Ok(Err(error)) => tracing::debug!(%from, %error, "no QUIC connection"),
        Err(_) => tracing::debug!(%from, "no QUIC stream within {BEGIN_WITHIN:?}"),
    }
    None
}

async fn begin(incoming: Incoming, server: ServerSide) -> Result<Begun, ConnectionError> {
    let from = incoming.remote_address();
    let server = server.current().await;
    let connection = incoming.accept_with(Arc::new(server))?.await?;
    // Only now: the dialler waits for this, and so learns whether it was accepted.
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(1));
    let (send, recv) = connection.accept_bi().await?;
    Ok(Begun {
        connection,
        send,
        recv,
        from,
    })
}
