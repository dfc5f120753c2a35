//! One stream of one QUIC connection, as bytes both ways.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::closing::Partings;
use quinn::{
    ConnectionError, Endpoint, ReadError, RecvStream, SendStream, StoppedError, VarInt, WriteError,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long a dropped stream goes on to send what was written.
const DRAIN: Duration = Duration::from_secs(30);

/// How long an endpoint with other connections may take to see to the end of one.
const FAREWELL: Duration = Duration::from_millis(500);

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
    partings: Partings,
    runtime: Handle,
}

impl QuicStream {
    /// Takes the stream over. Must be called on a runtime, on which the connection ends.
    pub(super) fn new(
        connection: quinn::Connection,
        (send, recv): (SendStream, RecvStream),
        endpoint: Endpoint,
        partings: Partings,
    ) -> Self {
        Self {
            connection,
            send,
            recv,
            finished: None,
            received: false,
            endpoint,
            partings,
            runtime: Handle::current(),
        }
    }
}

impl QuicStream {
    /// Nothing, once the peer has received everything; quinn tells no more.
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

/// What the loss of a connection is to a reader or a writer.
fn broken(lost: ConnectionError) -> io::Error {
    match lost {
        ConnectionError::TransportError(_) => {
            io::Error::new(io::ErrorKind::ConnectionAborted, lost)
        }
        other => other.into(),
    }
}

impl Drop for QuicStream {
    fn drop(&mut self) {
        self.send.finish().ok();
        let finished = self.send.stopped();
        let connection = self.connection.clone();
        let endpoint = self.endpoint.clone();
        let parting = self.partings.begin();
        self.runtime.spawn(async move {
            // Whatever comes of it, the connection ends.
            timeout(DRAIN, finished).await.ok();
            connection.close(VarInt::from_u32(0), b"");
            // What has not been acknowledged to the peer is, and it is told of the end.
            timeout(FAREWELL, endpoint.wait_idle()).await.ok();
            drop(parting);
        });
    }
}
