//! The node, in this process: a transport whose streams hand what is written to the node at once, and
//! are read from what it answers. Neither counts: there it would be another process and the kernel.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use casty_benches::frames::next;
use casty_benches::node::Link;
use casty_client::Codec;
use casty_proto::NodeAddress;
use casty_transport::{ByteStream, DialError, ListenError, Listener, Transport};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::meter::LeaveOut;

/// A node that owns all shards, for one connection. Relaxed throughout: all is done by one thread.
pub(crate) struct Node {
    codec: Codec,
    leave_out: LeaveOut,
    /// Set while its answers are kept back.
    held: AtomicBool,
    /// The frames that it has taken in.
    taken: AtomicUsize,
    /// The bytes of answers that are not read yet.
    unread: AtomicUsize,
    /// The driver, while it waits for bytes.
    reader: Mutex<Option<Waker>>,
}

impl Node {
    pub(crate) fn new(codec: Codec, leave_out: LeaveOut) -> Arc<Self> {
        Arc::new(Self {
            codec,
            leave_out,
            held: AtomicBool::new(false),
            taken: AtomicUsize::new(0),
            unread: AtomicUsize::new(0),
            reader: Mutex::default(),
        })
    }

    /// Keeps answers back from now on.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::Relaxed);
    }

    /// Lets answers go.
    pub(crate) fn release(&self) {
        self.held.store(false, Ordering::Relaxed);
        self.wake_reader();
    }

    /// Returns the number of frames that it has taken in.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Returns whether it has answers that are not read yet.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed) > 0
    }

    fn wake_reader(&self) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = reader.take() {
            waker.wake();
        }
    }
}

/// The transport to the node.
pub(crate) struct ToNode(pub(crate) Arc<Node>);

impl fmt::Debug for ToNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToNode")
    }
}

#[async_trait]
impl Transport for ToNode {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        let node = Arc::clone(&self.0);
        let stream = Stream {
            link: Link::new(to.clone(), node.codec),
            read: 0,
            ended: false,
            node,
        };
        Ok(ByteStream::measured(stream, to.to_string(), |_| Some(0)))
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        Err(ListenError::Closed { at: at.clone() })
    }
}

/// The client's end of the connection, with all of the node behind it.
struct Stream {
    link: Link,
    /// The bytes of the node's answers that are read already.
    read: usize,
    ended: bool,
    node: Arc<Node>,
}

impl Stream {
    /// Has the node take whole frames. Returns their length.
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut length = 0;
        while let Some(frame) = next(&bytes[length..]) {
            self.link.frame(frame).map_err(io::Error::other)?;
            length += frame.len();
            self.node.taken.fetch_add(1, Ordering::Relaxed);
        }
        self.note_unread();
        if !self.node.held.load(Ordering::Relaxed) && self.node.is_unread() {
            self.node.wake_reader();
        }
        match length {
            0 => Err(io::Error::other("no whole frame was written")),
            _ => Ok(length),
        }
    }

    /// Reads what the node has answered; `Pending` if that is nothing, or is kept back.
    fn answer(&mut self, cx: &Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let out = self.link.out();
        let rest = &out[self.read..];
        if rest.is_empty() || self.node.held.load(Ordering::Relaxed) {
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            let mut reader = self.node.reader.lock();
            let reader = reader.as_mut().map_err(|_| io::ErrorKind::Other)?;
            **reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let read = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..read]);
        self.read += read;
        if self.read == out.len() {
            out.clear();
            self.read = 0;
        }
        self.note_unread();
        Poll::Ready(Ok(()))
    }

    fn note_unread(&mut self) {
        let unread = self.link.out().len() - self.read;
        self.node.unread.store(unread, Ordering::Relaxed);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut outcome = Poll::Pending;
        (self.node.leave_out)(&mut || outcome = self.answer(cx, buf));
        outcome
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut taken = Ok(0);
        (self.node.leave_out)(&mut || taken = self.take(bytes));
        Poll::Ready(taken)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended = true;
        self.node.wake_reader();
        Poll::Ready(Ok(()))
    }
}
