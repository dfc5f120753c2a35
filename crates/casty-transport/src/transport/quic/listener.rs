//! Accepts QUIC connections, each when its stream has begun.

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

use super::closing::Partings;
use super::config::server_crypto;
use super::stream::QuicStream;
use crate::error::ListenError;
use crate::transport::tls::TlsConfig;
use crate::transport::{ByteStream, Listener};

/// How long a dialler may take from its first datagram to the first byte of its stream.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

/// Connections that have not begun yet, at most. What comes beyond waits in the endpoint.
const BEGINNING: usize = 1024;

/// With so many of them, diallers must first show that they are where they say.
const WARY: usize = 128;

pub(super) struct QuicListening {
    endpoint: Endpoint,
    at: NodeAddress,
    /// Of each connection, but for what its certificates have become.
    server: (TlsConfig, ServerConfig),
    partings: Partings,
    beginning: FuturesUnordered<BoxFuture<'static, Option<ByteStream>>>,
}

impl QuicListening {
    pub(super) fn new(
        endpoint: Endpoint,
        at: NodeAddress,
        server: (TlsConfig, ServerConfig),
        partings: Partings,
    ) -> Self {
        Self {
            endpoint,
            at,
            server,
            partings,
            beginning: FuturesUnordered::new(),
        }
    }

    fn begin(&mut self, incoming: Incoming) {
        if self.beginning.len() >= WARY && !incoming.remote_address_validated() {
            // Fails only if it was validated.
            incoming.retry().ok();
            return;
        }
        let (endpoint, partings) = (self.endpoint.clone(), self.partings.clone());
        let begun = begun(incoming, self.server.clone());
        self.beginning.push(Box::pin(async {
            let (connection, streams, from) = begun.await?;
            let stream = QuicStream::new(connection, streams, endpoint, partings);
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

/// A connection with the stream that its dialler began, and where it comes from.
type Begun = (Connection, (SendStream, RecvStream), SocketAddr);

/// What a dialler begins, or nothing if that fails, which concerns the dialler alone.
async fn begun(incoming: Incoming, server: (TlsConfig, ServerConfig)) -> Option<Begun> {
    let from = incoming.remote_address();
    match timeout(BEGIN_WITHIN, begin(incoming, server)).await {
        Ok(Ok((connection, streams))) => return Some((connection, streams, from)),
        Ok(Err(error)) => tracing::debug!(%from, %error, "no QUIC connection"),
        Err(_) => tracing::debug!(%from, "no QUIC stream within {BEGIN_WITHIN:?}"),
    }
    None
}

async fn begin(
    incoming: Incoming,
    (tls, mut server): (TlsConfig, ServerConfig),
) -> Result<(Connection, (SendStream, RecvStream)), ConnectionError> {
    // Neither is missing, or nobody would listen.
    if let Some(tls) = &tls.material().await.server
        && let Ok(crypto) = server_crypto(tls)
    {
        server.crypto = crypto;
    }
    let connection = incoming.accept_with(Arc::new(server))?.await?;
    // Only now: the dialler waits for this, and so learns whether it was accepted.
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(1));
    let streams = connection.accept_bi().await?;
    Ok((connection, streams))
}
