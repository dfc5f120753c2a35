//! The trait of transports, which dial and listen and yield byte streams, and those streams.

use std::fmt::{self, Debug};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use casty_proto::NodeAddress;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::timeout;

use crate::error::{DialError, ListenError};

mod address_map;
mod advertised;
mod config;
#[cfg(feature = "memory")]
mod memory;
#[cfg(feature = "quic")]
mod quic;
#[cfg(any(feature = "tcp", feature = "quic"))]
mod resolve;
#[cfg(feature = "tcp")]
pub(crate) mod tcp;
#[cfg(any(feature = "tls", feature = "quic"))]
pub(crate) mod tls;

pub use address_map::AddressMap;
pub use advertised::Advertised;
pub use config::TransportConfig;
#[cfg(feature = "memory")]
pub use memory::{MemoryNetwork, MemoryTransport};
#[cfg(feature = "quic")]
pub use quic::{QuicConfig, QuicConfigError, QuicError, QuicTransport};
#[cfg(any(feature = "tcp", feature = "quic"))]
pub use resolve::{Names, Resolver, SystemResolver};
#[cfg(feature = "socks5")]
pub use tcp::{Socks5, Socks5Error};
#[cfg(feature = "tcp")]
pub use tcp::{TcpConfig, TcpTransport};
#[cfg(feature = "tls")]
pub use tls::TlsTransport;
#[cfg(any(feature = "tls", feature = "quic"))]
pub use tls::{TlsConfig, TlsConfigBuilder, TlsConfigError, TlsError, TlsStatus};

/// A maker of byte streams to other processes. Framing and the handshake lie above it, once, for
/// every transport; encryption, if any, below, so that a stream is ready for use when it is handed
/// over.
#[async_trait]
pub trait Transport: Send + Sync + Debug + 'static {
    /// Opens a stream to the listener at `to`, a physical address: mapping is the caller's.
    ///
    /// Waits without a deadline of its own; the caller bounds it.
    ///
    /// # Errors
    /// No stream could be made; nothing was sent.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the attempt.
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError>;

    /// Opens a stream as [`dial`](Self::dial) does, within `limit`. A transport that knows how far
    /// it came by then reports that.
    ///
    /// # Errors
    /// As for [`dial`](Self::dial), and [`DialError::TimedOut`].
    ///
    /// # Cancel safety
    /// Dropping the future abandons the attempt.
    async fn dial_within(
        &self,
        to: &NodeAddress,
        limit: Duration,
    ) -> Result<ByteStream, DialError> {
        timeout(limit, self.dial(to)).await.unwrap_or_else(|_| {
            Err(DialError::TimedOut {
                at: to.clone(),
                after: limit,
            })
        })
    }

    /// Opens a listener at `at`; port 0 takes a free one, which [`Listener::address`] returns.
    ///
    /// # Errors
    /// The address is taken or is none of this host.
    ///
    /// # Cancel safety
    /// Dropping the future frees the address.
    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError>;

    /// Waits until the peers of streams that were dropped have the bytes that were written to them,
    /// and know of the end. Returns at once where the kernel sees to that; a transport over
    /// datagrams can do so only while the runtime lives, so wait for this before it ends.
    ///
    /// Waits without a deadline of its own; the caller bounds it.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    async fn drained(&self) {}
}

/// A source of the streams that others dial to one address, until it is dropped.
#[async_trait]
pub trait Listener: Send {
    /// Waits for the next stream, in the order in which they come in.
    ///
    /// # Errors
    /// [`ListenError::Closed`] is final. After any other error the listener goes on, but one that
    /// lasts (no file descriptors left, say) comes back at once: pause before asking again.
    ///
    /// # Cancel safety
    /// No stream is lost when the future is dropped.
    async fn accept(&mut self) -> Result<ByteStream, ListenError>;

    /// Returns the address at which it listens: the host that was asked for, and the real port.
    fn address(&self) -> NodeAddress;
}

/// A stream of bytes in both directions, over any transport.
///
/// Reading and writing cost two dynamic calls above what the transport costs. Dropping the stream
/// closes it.
pub struct ByteStream {
    io: Box<dyn Erased>,
    peer: Arc<str>,
    proof: Option<Proof>,
    judge: Option<Tell>,
}

/// The function that takes the judgement of a stream.
type Tell = Box<dyn FnOnce(bool) -> bool + Send>;

/// The judgement whether a node is at the other end of a stream, until it is told. Dropped, it tells
/// that there is none: who was connecting gave up.
#[must_use = "dropped, it tells that there is no node"]
pub(crate) struct Judge(Option<Tell>);

impl Judge {
    /// Tells the judgement. Returns whether another address of the same name is worth trying now.
    pub(crate) fn tell(mut self, is_node: bool) -> bool {
        self.0.take().is_some_and(|tell| tell(is_node))
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell(false);
        }
    }
}

/// A check whether a host is one that the peer has proved to be; `None` if it has proved nothing so far.
type Proof = Box<dyn Fn(&str) -> Option<bool> + Send + Sync>;

/// A stream that a driver moves frames over: bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin {
    /// Returns at least as many bytes as were written and not acknowledged by the peer's kernel
    /// (the end of the stream counts as one); `None` if the platform or the transport does not
    /// tell. Works still after the connection was lost. Costs a system call.
    fn unacknowledged(&self) -> Option<usize>;
}

/// A stream of any type, behind one pointer.
trait Erased: Send {
    fn io(&mut self) -> Pin<&mut dyn Io>;
    fn is_write_vectored(&self) -> bool;
    fn unacknowledged(&self) -> Option<usize>;
}

/// Both directions, as one trait that can be a `dyn` type.
trait Io: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite> Io for T {}

/// A stream with the function that counts its unacknowledged bytes.
struct Measured<T> {
    io: T,
    unacknowledged: fn(&T) -> Option<usize>,
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Erased for Measured<T> {
    fn io(&mut self) -> Pin<&mut dyn Io> {
        let io: Pin<&mut T> = Pin::new(&mut self.io);
        io
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn unacknowledged(&self) -> Option<usize> {
        (self.unacknowledged)(&self.io)
    }
}

impl ByteStream {
    /// Wraps `io` as a stream; `peer` names the other end in logs and errors. Costs an allocation.
    pub fn new<T>(io: T, peer: impl Into<Arc<str>>) -> Self
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self::measured(io, peer, |_| None)
    }

    /// Wraps `io` as a stream that can tell how many bytes the peer has not acknowledged; see
    /// [`Duplex::unacknowledged`].
    pub fn measured<T>(
        io: T,
        peer: impl Into<Arc<str>>,
        unacknowledged: fn(&T) -> Option<usize>,
    ) -> Self
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self {
            io: Box::new(Measured { io, unacknowledged }),
            peer: peer.into(),
            proof: None,
            judge: None,
        }
    }

    /// Adds what the peer has proved: `covers` tells whether a host is one of those that its
    /// certificate names.
    #[must_use]
    pub fn proved(self, covers: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.proved_later(move |host| Some(covers(host)))
    }

    /// Adds what the peer is about to prove: `covers` is as for [`proved`](Self::proved), and tells `None` until
    /// then.
    pub(crate) fn proved_later(
        mut self,
        covers: impl Fn(&str) -> Option<bool> + Send + Sync + 'static,
    ) -> Self {
        self.proof = Some(Box::new(covers));
        self
    }

    /// Puts another stream above this one, which changes what is read or written: whose peer it is, what that
    /// has proved and who judges it stay. Costs an allocation.
    #[must_use]
    pub fn below<T>(mut self, above: impl FnOnce(Self) -> T) -> Self
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let peer = Arc::clone(&self.peer);
        let (proof, judge) = (self.proof.take(), self.judge.take());
        Self {
            proof,
            judge,
            ..Self::new(above(self), peer)
        }
    }

    /// Returns whether the peer's certificate names a host; `None` if the peer has shown none so far: one that
    /// dials shows it with its first byte.
    pub fn covers(&self, host: &str) -> Option<bool> {
        self.proof.as_ref().and_then(|covers| covers(host))
    }

    /// Sets the function that is told, once, whether a node proved to be at the other end, as soon
    /// as [`connect`](crate::connect) or a transport above knows. It returns whether another address
    /// of the same name is worth trying at once. A stream that is used otherwise tells nothing.
    #[must_use]
    pub fn judged(mut self, judge: impl FnOnce(bool) -> bool + Send + 'static) -> Self {
        self.judge = Some(Box::new(judge));
        self
    }

    /// Takes the duty to judge the stream.
    pub(crate) fn take_judge(&mut self) -> Judge {
        Judge(self.judge.take())
    }

    /// Leaves the judgement of the stream below to those above this one.
    #[cfg(feature = "tls")]
    pub(crate) fn judged_later(mut self, mut judge: Judge) -> Self {
        self.judge = judge.0.take();
        self
    }

    /// Returns the transport's name of the other end, for logs and errors: the socket address of a
    /// TCP peer, for example. Not an identity; the handshake tells that.
    pub fn peer(&self) -> &Arc<str> {
        &self.peer
    }
}

impl Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ByteStream").field(&self.peer).finish()
    }
}

impl Duplex for ByteStream {
    fn unacknowledged(&self) -> Option<usize> {
        self.io.unacknowledged()
    }
}

impl Duplex for DuplexStream {
    fn unacknowledged(&self) -> Option<usize> {
        None
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io.io().poll_read(cx, buf)
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io.io().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.io().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.io().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.io().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that takes one buffer at a time.
    struct OneByOne(DuplexStream);

    impl AsyncRead for OneByOne {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for OneByOne {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    #[test]
    fn a_stream_takes_several_buffers_at_once_if_the_one_below_does() {
        let (near, far) = tokio::io::duplex(8);
        assert!(ByteStream::new(near, "near").is_write_vectored());
        assert!(!ByteStream::new(OneByOne(far), "far").is_write_vectored());
    }
}
