//! The one stream of a QUIC connection, as bytes in both directions.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::closing::Closings;
use super::error::QuicError;
use quinn::{
    ConnectionError, Endpoint, ReadError, RecvStream, SendStream, StoppedError, VarInt, WriteError,
};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// The time for which a dropped stream goes on to send what was written.
const DRAIN: Duration = Duration::from_secs(30);

/// The time that an endpoint with other connections may take to see to the end of one.
const CLOSE_GRACE: Duration = Duration::from_millis(500);

type Stopped = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>> + Send + Sync>>;

/// A connection with its only stream. Dropping it closes the connection when the peer has received
/// what was written.
pub(super) struct QuicStream {
    pub(super) connection: quinn::Connection,
    send: SendStream,
    recv: RecvStream,
    /// A wait for the peer to receive everything, while somebody waits.
    finished: Option<Stopped>,
    /// The peer has received everything.
    received: bool,
    pub(super) endpoint: Endpoint,
    closings: Closings,
    runtime: Handle,
}

impl QuicStream {
    /// Takes the stream over. Must be called on a runtime, on which the connection ends.
    pub(super) fn new(
        connection: quinn::Connection,
        send: SendStream,
        recv: RecvStream,
        endpoint: Endpoint,
        closings: Closings,
    ) -> Self {
        Self {
            connection,
            send,
            recv,
            finished: None,
            received: false,
            endpoint,
            closings,
            runtime: Handle::current(),
        }
    }
}

impl QuicStream {
    /// Returns the certificate that the peer has shown.
    pub(super) fn peer_certificate(&self) -> Option<CertificateDer<'static>> {
        let shown = self.connection.peer_identity()?;
        let chain = shown.downcast::<Vec<CertificateDer<'static>>>().ok()?;
        chain.into_iter().next()
    }

    /// Returns 0 once the peer has received everything; quinn tells no more.
    pub(super) fn unacknowledged(&self) -> Option<usize> {
        self.received.then_some(0)
    }
}

impl AsyncRead for QuicStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.recv
            .poll_read_buf(cx, buf)
            .map_err(|error| match error {
                ReadError::ConnectionLost(lost) => broken(lost),
                other => other.into(),
            })
    }
}

impl AsyncWrite for QuicStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.send);
        written.poll_write(cx, buf).map_err(|error| match error {
            WriteError::ConnectionLost(lost) => broken(lost),
            // The peer does not read any more.
            WriteError::Stopped(_) => io::ErrorKind::BrokenPipe.into(),
            other => other.into(),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The endpoint sends what is written without being told to.
        Poll::Ready(Ok(()))
    }

    /// Ends the writing, and waits until the peer has received everything.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let finished = this.finished.get_or_insert_with(|| {
            // Fails only if the stream has ended already, which the wait tells.
            this.send.finish().ok();
            Box::pin(this.send.stopped())
        });
        let outcome = ready!(finished.as_mut().poll(cx));
        this.finished = None;
        this.received = matches!(outcome, Ok(None));
        Poll::Ready(match outcome {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(StoppedError::ConnectionLost(lost)) => Err(broken(lost)),
            Err(other) => Err(other.into()),
        })
    }
}

/// Turns the loss of a connection into the error of a reader or a writer.
fn broken(lost: ConnectionError) -> io::Error {
    let kind = match &lost {
        ConnectionError::TransportError(_) => io::ErrorKind::ConnectionAborted,
        other => io::Error::from(other.clone()).kind(),
    };
    io::Error::new(kind, QuicError::Connection(Arc::new(lost)))
}

impl Drop for QuicStream {
    fn drop(&mut self) {
        self.send.finish().ok();
        let finished = self.send.stopped();
        let connection = self.connection.clone();
        let endpoint = self.endpoint.clone();
        let closing = self.closings.begin();
        self.runtime.spawn(async move {
            // Whatever the outcome, the connection ends.
            timeout(DRAIN, finished).await.ok();
            connection.close(VarInt::from_u32(0), b"");
            // Sends the peer what it waits for: acknowledgements, and the end.
            timeout(CLOSE_GRACE, endpoint.wait_idle()).await.ok();
            drop(closing);
        });
    }
}
