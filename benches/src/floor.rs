//! The floor: one loop over one stream that copies frames, writes a window of them at once, and
//! looks at the replies' digits. No task, no wake-up and no allocation per message.

use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use casty_bench_harness::load::Load;
use casty_bench_harness::sample::Sample;
use casty_bench_harness::worker::Sender;
use casty_client::Codec;
use casty_proto::frame::FRAME_HEAD;
use casty_proto::handshake::Handshake;
use casty_proto::header;
use casty_proto::{Limits, NodeAddress};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;
use crate::frames::{ASK_PATH, Frames, next, number};

/// Bytes of tells that are written at once.
const TELL_WRITE: usize = 64 * 1024;
const READ: usize = 256 * 1024;

/// A stream of bytes in both directions.
pub trait Bytes: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Bytes for T {}

/// One stream to the node.
pub struct Floor<S> {
    stream: S,
    frames: Frames,
    codec: Codec,
    buffer: BytesMut,
    out: Vec<u8>,
    /// The offset of the digits in a reply, head included.
    digits: usize,
}

impl Floor<TcpStream> {
    /// Connects over TCP, and asks once.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn connect(node: &NodeAddress, codec: Codec) -> Result<Self, Failure> {
        let stream = TcpStream::connect((node.host(), node.port())).await?;
        stream.set_nodelay(true)?;
        let port = stream.local_addr()?.port();
        Self::over(stream, port, node, codec).await
    }
}

impl<S: Bytes> Floor<S> {
    /// Shakes hands with the node at the other end of a stream, and asks once. `port` makes the
    /// sender's address its own.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn over(
        stream: S,
        port: u16,
        node: &NodeAddress,
        codec: Codec,
    ) -> Result<Self, Failure> {
        let own = NodeAddress::new("127.200.201.202", port);
        let mut floor = Self {
            stream,
            frames: Frames::new(codec, node, &own)?,
            codec,
            buffer: BytesMut::with_capacity(READ),
            out: Vec::new(),
            digits: 0,
        };
        Handshake::new(own).write(&mut floor.out)?;
        floor.write().await?;
        floor.receive().await?;
        floor.told().await?;
        Ok(floor)
    }

    async fn ask(&mut self, window: u32, span: Duration) -> Result<Sample, Failure> {
        let mut sample = Sample::default();
        let begun = Instant::now();
        let mut now = begun;
        while now - begun < span {
            let sent = now;
            self.out.clear();
            for number in 0..window {
                self.frames.write_ask(number, &mut self.out);
            }
            self.write().await?;
            let mut missing = window;
            while missing > 0 {
                self.read().await?;
                let mut taken = 0;
                while let Some(frame) = next(&self.buffer[taken..]) {
                    taken += frame.len();
                    let digits = frame.get(self.digits..self.digits + 8);
                    if digits
                        .and_then(number)
                        .is_none_or(|number| number >= window)
                    {
                        return Err("a reply that nobody asked for".into());
                    }
                    missing = missing.checked_sub(1).ok_or("a reply too many")?;
                    sample.operations += 1;
                }
                self.buffer.advance(taken);
                now = Instant::now();
                sample.latencies.push(nanoseconds(now - sent));
            }
        }
        sample.elapsed = now - begun;
        Ok(sample)
    }

    async fn tell(&mut self, span: Duration) -> Result<Sample, Failure> {
        let before = self.told().await?;
        let mut sample = Sample::default();
        let begun = Instant::now();
        while begun.elapsed() < span {
            self.out.clear();
            while self.out.len() < TELL_WRITE {
                self.out.extend_from_slice(&self.frames.tell);
                sample.operations += 1;
            }
            self.write().await?;
        }
        let counted = self.told().await? - before;
        sample.elapsed = begun.elapsed();
        if counted == sample.operations {
            Ok(sample)
        } else {
            Err(format!("{counted} of {} tells were counted", sample.operations).into())
        }
    }

    /// Returns the number of tells that the node has counted on this connection.
    async fn told(&mut self) -> Result<u64, Failure> {
        self.out.clear();
        self.frames.write_ask(0, &mut self.out);
        self.write().await?;
        let frame = self.receive().await?;
        let payload = frame.get(FRAME_HEAD..).ok_or("an empty frame")?;
        let (_, message) = header::split_payload(payload)?;
        let path = memmem::find(&frame, ASK_PATH).ok_or("no reply")?;
        self.digits = path + ASK_PATH.len();
        Ok(self.codec.decode(message, &Limits::default())?)
    }

    /// Returns the next frame.
    async fn receive(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some(frame) = next(&self.buffer).map(<[u8]>::to_vec) {
                self.buffer.advance(frame.len());
                return Ok(frame);
            }
            self.read().await?;
        }
    }

    async fn write(&mut self) -> Result<(), Failure> {
        self.stream.write_all(&self.out).await?;
        Ok(self.stream.flush().await?)
    }

    async fn read(&mut self) -> Result<(), Failure> {
        self.buffer.reserve(READ / 4);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the node closed the connection".into()),
            _ => Ok(()),
        }
    }
}

impl<S: Bytes> Sender for Floor<S> {
    async fn carry(&mut self, load: Load, span: Duration) -> Result<Sample, Failure> {
        match load {
            Load::Ask(window) => self.ask(window.into(), span).await,
            Load::Tell => self.tell(span).await,
            other => Err(format!("the floor has no {other}").into()),
        }
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
