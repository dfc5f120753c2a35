//! A transport of one's own: TCP that counts what passes, named in a `TransportConfig` like any
//! other. Two ends of one process talk through it, handshake and all.
//!
//! ```sh
//! cargo run -p casty-transport --example custom_transport
//! ```

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use casty_proto::NodeAddress;
use casty_transport::{
    ByteStream, ConnectOptions, DialError, ListenError, Listener, TcpTransport, Transport,
    TransportConfig, accept, connect,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The bytes that passed, both ways, on all streams.
#[derive(Debug, Default)]
struct Counts {
    read: AtomicU64,
    written: AtomicU64,
}

/// TCP whose streams are counted.
#[derive(Debug)]
struct Counting {
    tcp: TcpTransport,
    counts: Arc<Counts>,
}

impl Counting {
    fn new(counts: &Arc<Counts>) -> Self {
        Self {
            tcp: TcpTransport::new(),
            counts: Arc::clone(counts),
        }
    }
}

fn counted(stream: ByteStream, counts: &Arc<Counts>) -> ByteStream {
    let peer = Arc::clone(stream.peer());
    let counts = Arc::clone(counts);
    ByteStream::new(Counted { stream, counts }, peer)
}

#[async_trait]
impl Transport for Counting {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        Ok(counted(self.tcp.dial(to).await?, &self.counts))
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        Ok(Box::new(CountingListener {
            tcp: self.tcp.listen(at).await?,
            counts: Arc::clone(&self.counts),
        }))
    }
}

struct CountingListener {
    tcp: Box<dyn Listener>,
    counts: Arc<Counts>,
}

#[async_trait]
impl Listener for CountingListener {
    async fn accept(&mut self) -> Result<ByteStream, ListenError> {
        Ok(counted(self.tcp.accept().await?, &self.counts))
    }

    fn address(&self) -> NodeAddress {
        self.tcp.address()
    }
}

struct Counted {
    stream: ByteStream,
    counts: Arc<Counts>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        self.counts.read.fetch_add(read as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.counts
            .written
            .fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let counts = Arc::new(Counts::default());
    // A client takes the same: ClusterClient::builder(..).transport(config).
    let config = TransportConfig::custom(Arc::new(Counting::new(&counts)));
    let transport = config.build();
    let mut listener = transport.listen(&NodeAddress::new("127.0.0.1", 0)).await?;
    let node = listener.address();
    let options = ConnectOptions::new();
    let client = NodeAddress::new("127.0.0.1", 0);
    let (dialled, accepted) = tokio::join!(
        async { Ok::<_, Box<dyn Error>>(connect(&*transport, &node, &client, &options).await?) },
        async { Ok::<_, Box<dyn Error>>(accept(listener.accept().await?, &node, &options).await?) },
    );
    let (_dialled, _accepted) = (dialled?, accepted?);
    let read = counts.read.load(Ordering::Relaxed);
    let written = counts.written.load(Ordering::Relaxed);
    println!("two handshakes: {written} bytes written, {read} read");
    assert!(written > 0 && read == written);
    Ok(())
}
