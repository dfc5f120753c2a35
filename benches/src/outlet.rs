//! The parts beyond an outbox where no node is: a stream that takes all, and a session without frames.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use casty_proto::frame::Frame;
use casty_transport::{Duplex, OutboxTag, Session};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A tag as long as the client's.
#[derive(Clone, Copy)]
pub struct Tag(pub [u64; 7]);

impl OutboxTag for Tag {}

/// A session that nothing comes in for.
pub struct Ignore;

impl Session for Ignore {
    fn frame(&mut self, _: Frame) {}
}

/// A stream that never has anything to read, and takes all that is written.
pub struct Swallow;

// Inlined where they are called, as if they stood there.
impl AsyncRead for Swallow {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Swallow {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Duplex for Swallow {
    #[inline]
    fn unacknowledged(&self) -> Option<usize> {
        Some(0)
    }
}
