//! Encrypted streams: opened at once when dialled, at the first read or write when accepted.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::{Dialling, TlsConfig, TlsError};
use crate::transport::{ByteStream, Duplex};

/// The most that a session keeps of what was written, records around it included: rustls's own
/// limit is 64 KiB.
const MOST_KEPT: usize = 128 * 1024;

/// Encrypts `stream` as its dialling side, once the peer has proved to be `name`.
pub(super) async fn dialled(
    stream: ByteStream,
    name: ServerName<'static>,
    config: &TlsConfig,
) -> Result<Encrypted, TlsError> {
    let dialling = Dialling::new(&*config.material().await);
    let connector = TlsConnector::from(Arc::new(dialling.config.clone()));
    let stream = connector
        .connect(name, stream)
        .await
        .map_err(in_handshake)?;
    dialling.was_asked()?;
    Ok(Encrypted(Box::new(stream.into())))
}

/// Encrypts `stream` as its accepting side, once the peer has shown a certificate.
async fn accepted(stream: ByteStream, config: TlsConfig) -> Result<Encrypted, TlsError> {
    let material = config.material().await;
    let server = material.server.clone().ok_or(TlsError::NoCertificate)?;
    let stream = TlsAcceptor::from(server)
        .accept(stream)
        .await
        .map_err(in_handshake)?;
    Ok(Encrypted(Box::new(stream.into())))
}

/// An error of the stream while the TLS handshake went on.
fn in_handshake(error: io::Error) -> TlsError {
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return TlsError::from_rustls(inner);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => TlsError::Closed,
        _ => TlsError::Io(Arc::new(error)),
    }
}

/// An error of an encrypted stream, with what TLS said in the terms of [`TlsError`].
fn typed(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner.map(TlsError::from_rustls) {
        Some(typed) => io::Error::new(error.kind(), typed),
        None => error,
    }
}

/// A stream after its TLS handshake; its errors carry [`TlsError`]s.
pub(super) struct Encrypted(Box<TlsStream<ByteStream>>);

impl Encrypted {
    /// What is under way, encrypted: more bytes than were written. What rustls keeps to itself is
    /// bounded, but not told.
    pub(super) fn unacknowledged(&self) -> Option<usize> {
        let (stream, session) = self.0.get_ref();
        let kept = if session.wants_write() { MOST_KEPT } else { 0 };
        Some(stream.unacknowledged()? + kept)
    }

    /// A failed write, told by what the peer said last if that is why: one that did not accept our
    /// certificate says so and closes, and we may write before we read.
    fn why(&mut self, error: io::Error, cx: &mut Context<'_>) -> io::Error {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        if matches!(
            error.kind(),
            BrokenPipe | ConnectionAborted | ConnectionReset
        ) {
            let mut byte = [0];
            let read = Pin::new(&mut *self.0).poll_read(cx, &mut ReadBuf::new(&mut byte));
            if let Poll::Ready(Err(last)) = read {
                let last = typed(last);
                if TlsError::of(&last).is_some() {
                    return last;
                }
            }
        }
        typed(error)
    }

    fn told<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        outcome.map(|outcome| outcome.map_err(|error| self.why(error, cx)))
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut *self.0).poll_read(cx, buf);
        outcome.map_err(typed)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut *self.0).poll_write(cx, buf);
        self.told(outcome, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut *self.0).poll_write_vectored(cx, bufs);
        self.told(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut *self.0).poll_flush(cx);
        self.told(outcome, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut *self.0).poll_shutdown(cx);
        self.told(outcome, cx)
    }
}

/// An accepted stream. Whoever reads or writes it first drives its TLS handshake, within the time
/// they give it, so that a slow peer holds up nobody else.
pub(super) enum Accepted {
    Shaking(Pin<Box<dyn Future<Output = Result<Encrypted, TlsError>> + Send>>),
    Open(Encrypted),
    Failed(TlsError),
}

impl Accepted {
    pub(super) fn new(stream: ByteStream, config: TlsConfig) -> Self {
        Self::Shaking(Box::pin(accepted(stream, config)))
    }

    /// Not told before the handshake is over.
    pub(super) fn unacknowledged(&self) -> Option<usize> {
        match self {
            Self::Open(stream) => stream.unacknowledged(),
            Self::Shaking(_) | Self::Failed(_) => None,
        }
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut Encrypted>>> {
        if let Self::Shaking(handshake) = self {
            *self = match ready!(handshake.as_mut().poll(cx)) {
                Ok(stream) => Self::Open(stream),
                Err(error) => Self::Failed(error),
            };
        }
        Poll::Ready(match self {
            Self::Open(stream) => Ok(Pin::new(stream)),
            Self::Failed(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error.clone())),
            Self::Shaking(_) => return Poll::Pending,
        })
    }
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_shutdown(cx)
    }
}
