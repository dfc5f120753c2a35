//! Accepts QUIC connections, each when its stream has begun.

use std::time::Duration;

use async_trait::async_trait;
use casty_proto::NodeAddress;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use quinn::{Endpoint, Incoming, VarInt};
use tokio::time::timeout;

use super::error::QuicError;
use super::stream::QuicStream;
use crate::error::ListenError;
use crate::transport::{ByteStream, Listener};

/// How long a dialler may take from its first datagram to the first byte of its stream.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

/// Connections that have not begun yet, at most. What comes beyond waits in the endpoint.
const BEGINNING: usize = 1024;

/// With so many of them, diallers must first show that they are where they say.
const WARY: usize = 128;

pub(super) struct Bound {
    endpoint: Endpoint,
    at: NodeAddress,
    beginning: FuturesUnordered<BoxFuture<'static, Option<ByteStream>>>,
}

impl Bound {
    pub(super) fn new(endpoint: Endpoint, at: NodeAddress) -> Self {
        Self {
            endpoint,
            at,
            beginning: FuturesUnordered::new(),
        }
    }

    fn begin(&mut self, incoming: Incoming) {
        if self.beginning.len() >= WARY && !incoming.remote_address_validated() {
            // Fails only if it was validated.
            incoming.retry().ok();
            return;
        }
        self.beginning.push(Box::pin(begun(incoming)));
    }
}

#[async_trait]
impl Listener for Bound {
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

impl Drop for Bound {
    fn drop(&mut self) {
        // The endpoint lives on in its connections; it takes no new ones.
        self.endpoint.set_server_config(None);
    }
}

/// The stream that a dialler begins, or nothing if that fails, which concerns the dialler alone.
async fn begun(incoming: Incoming) -> Option<ByteStream> {
    let from = incoming.remote_address();
    let begin = async {
        let connection = incoming.await?;
        // Only now: the dialler waits for this, and so learns whether it was accepted.
        connection.set_max_concurrent_bi_streams(VarInt::from_u32(1));
        let (send, recv) = connection.accept_bi().await?;
        Ok(QuicStream::new(connection, send, recv, None))
    };
    match timeout(BEGIN_WITHIN, begin).await {
        Ok(Ok(stream)) => return Some(ByteStream::new(stream, from.to_string())),
        Ok::<Result<_, QuicError>, _>(Err(error)) => {
            tracing::debug!(%from, %error, "no QUIC connection");
        }
        Err(_) => tracing::debug!(%from, "no QUIC stream within {BEGIN_WITHIN:?}"),
    }
    None
}
