//! Encrypted streams: opened at once when dialled, at the first read or write when accepted.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::{TlsConfig, TlsDial, TlsError};
use crate::transport::{ByteStream, Duplex};

/// The most bytes that a session keeps of what was written, records around them included: rustls's
/// own limit is 64 KiB.
const MOST_KEPT: usize = 128 * 1024;

/// Encrypts `stream` as its dialling side, once the peer has proved to be `name`.
pub(super) async fn dialled(
    stream: ByteStream,
    name: ServerName<'static>,
    config: &TlsConfig,
) -> Result<Encrypted, TlsError> {
    let dial = TlsDial::new(&*config.certificates().await);
    let connector = TlsConnector::from(Arc::new(dial.config.clone()));
    let stream = connector
        .connect(name, stream)
        .await
        .map_err(in_handshake)?;
    dial.check_asked()?;
    Ok(Encrypted(Box::new(stream.into())))
}

/// The certificate that a peer has shown, once it has.
pub(super) type ShownLater = Arc<OnceLock<CertificateDer<'static>>>;

/// Encrypts `stream` as its accepting side, once the peer has shown a certificate.
async fn accepted(
    stream: ByteStream,
    config: TlsConfig,
    shown: ShownLater,
) -> Result<Encrypted, TlsError> {
    let certificates = config.certificates().await;
    let server = certificates.server.clone().ok_or(TlsError::NoCertificate)?;
    let stream = TlsAcceptor::from(server)
        .accept(stream)
        .await
        .map_err(in_handshake)?;
    let stream = Encrypted(Box::new(stream.into()));
    if let Some(certificate) = stream.peer_certificate() {
        // There is one handshake.
        shown.set(certificate).ok();
    }
    Ok(stream)
}

/// Sorts an error of the stream while the TLS handshake went on.
fn in_handshake(error: io::Error) -> TlsError {
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return TlsError::from_rustls(inner);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => TlsError::Closed,
        _ => TlsError::Io(Arc::new(error)),
    }
}

/// Returns the error of an encrypted stream with that of TLS in it as a [`TlsError`].
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
    /// Returns the certificate that the peer has shown.
    pub(super) fn peer_certificate(&self) -> Option<CertificateDer<'static>> {
        let (_, session) = self.0.get_ref();
        Some(session.peer_certificates()?.first()?.clone().into_owned())
    }

    /// Returns the bytes that are under way, encrypted: more than were written. The bytes that
    /// rustls keeps to itself are bounded, but their number is not known.
    pub(super) fn unacknowledged(&self) -> Option<usize> {
        let (stream, session) = self.0.get_ref();
        let kept = if session.wants_write() { MOST_KEPT } else { 0 };
        Some(stream.unacknowledged()? + kept)
    }

    /// Replaces the error of a failed write by the peer's last alert, if there is one: a peer that
    /// did not accept our certificate says so and closes, and we may write before we read.
    fn explain(&mut self, error: io::Error, cx: &mut Context<'_>) -> io::Error {
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

    /// Explains the error of an outcome, if it is one.
    fn explained<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        outcome.map(|outcome| outcome.map_err(|error| self.explain(error, cx)))
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
        self.explained(outcome, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut *self.0).poll_write_vectored(cx, bufs);
        self.explained(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut *self.0).poll_flush(cx);
        self.explained(outcome, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut *self.0).poll_shutdown(cx);
        self.explained(outcome, cx)
    }
}

/// An accepted stream. Its first reader or writer drives its TLS handshake, within the time they
/// give it, so that a slow peer holds up nobody else.
pub(super) enum Accepted {
    Shaking(Pin<Box<dyn Future<Output = Result<Encrypted, TlsError>> + Send>>),
    Open(Encrypted),
    Failed(TlsError),
}

impl Accepted {
    pub(super) fn new(stream: ByteStream, config: TlsConfig, shown: ShownLater) -> Self {
        Self::Shaking(Box::pin(accepted(stream, config, shown)))
    }

    /// Returns the bytes that are under way; `None` before the handshake is over.
    pub(super) fn unacknowledged(&self) -> Option<usize> {
        match self {
            Self::Open(stream) => stream.unacknowledged(),
            Self::Shaking(_) | Self::Failed(_) => None,
        }
    }

    /// Drives the handshake to its end, and gives the stream.
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
