//! One accepted connection as a stream that can be cut, stalled and slowed down, over any
//! transport.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use casty_transport::ByteStream;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::wake::{Timer, remember};

/// The faults of a connection at present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// True while nothing is read or written, as if the node's process were stopped.
    pub(crate) hung: bool,
    /// The time by which everything arrives later at the node.
    pub(crate) delay: Duration,
}

/// The handle to one connection, through which faults are set while it is in use.
///
/// The lock is held for a few assignments, never while the stream below is polled.
#[derive(Debug, Default)]
pub(crate) struct Link(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    faults: Faults,
    /// True once it is to be reset at the next read or write.
    cut: bool,
    /// The next write is to stop one byte short of its end, and the connection with it.
    short: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Link {
    /// Makes the handle of a connection with these faults.
    pub(crate) fn new(faults: Faults) -> Arc<Self> {
        let link = Self::default();
        link.0.lock().faults = faults;
        Arc::new(link)
    }

    /// Changes the faults.
    pub(crate) fn set(&self, faults: Faults) {
        self.change(|state| state.faults = faults);
    }

    /// Ends the connection at once: what is unread or unwritten is lost.
    pub(crate) fn cut(&self) {
        self.change(|state| state.cut = true);
    }

    /// Ends the connection one byte before the end of what the node writes next, so in the middle
    /// of a frame.
    pub(crate) fn cut_mid_frame(&self) {
        self.change(|state| state.short = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.lock();
        change(&mut state);
        // Both halves look again: each may wait for the end of a fault, or miss the begin of one.
        let wakers = [state.reader.take(), state.writer.take()];
        // A task that is woken polls at once on another thread, and takes this lock.
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

/// The most bytes that a delay keeps back on one connection; the sender waits beyond.
const DELAYED: usize = 1024 * 1024;
/// Bytes read at once while a delay is in force.
const CHUNK: usize = 16 * 1024;

/// The stream of a [`Link`].
pub(crate) struct LinkStream {
    link: Arc<Link>,
    /// The stream below; `None` once it was reset.
    stream: Option<ByteStream>,
    /// Bytes that were read and not handed over, with the times of their arrival.
    delayed: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    /// The stream has nothing more to read.
    finished: bool,
    /// The error behind all that was read: a kernel gives out what it has received before that, too.
    failed: Option<io::Error>,
    timer: Timer,
}

impl LinkStream {
    /// Puts `stream` under the faults of `link`.
    pub(crate) fn new(stream: ByteStream, link: Arc<Link>) -> Self {
        Self {
            link,
            stream: Some(stream),
            delayed: VecDeque::new(),
            bytes: 0,
            finished: false,
            failed: None,
            timer: Timer::default(),
        }
    }

    fn reset<T>(&mut self) -> Poll<io::Result<T>> {
        self.stream = None;
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }

    /// Returns the outcome of a write, or success in the place of its failure while something that has come is
    /// kept back: the end of the way there is none of that, which is read first, as a kernel has it read that was
    /// told of a reset.
    fn unless_kept<T>(&self, outcome: Poll<io::Result<T>>, success: T) -> Poll<io::Result<T>> {
        let is_kept = !self.delayed.is_empty();
        outcome.map(|outcome| outcome.or_else(|error| is_kept.then_some(success).ok_or(error)))
    }

    /// Moves all bytes that can be read into the delay's queue.
    fn fill(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(stream) = &mut self.stream else {
            return Err(io::ErrorKind::ConnectionReset.into());
        };
        while !self.finished && self.bytes < DELAYED {
            let mut chunk = vec![0; CHUNK];
            let mut buffer = ReadBuf::new(&mut chunk);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    self.finished = true;
                    self.failed = Some(error);
                    break;
                }
            }
            let count = buffer.filled().len();
            chunk.truncate(count);
            self.finished = count == 0;
            self.bytes += count;
            self.delayed.push_back((Instant::now(), chunk.into()));
        }
        Ok(())
    }

    /// Hands over bytes that were kept back for `delay`.
    fn release(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        delay: Duration,
    ) -> Poll<io::Result<()>> {
        let Some((arrived, chunk)) = self.delayed.front_mut() else {
            let failed = self.failed.take();
            return failed.map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
        };
        let due = *arrived + delay;
        if due > Instant::now() {
            ready!(self.timer.poll(due, cx));
        }
        let count = chunk.len().min(buf.remaining());
        buf.put_slice(&chunk[..count]);
        chunk.advance(count);
        // The end of the stream stays in the queue.
        if chunk.is_empty() && count > 0 {
            self.delayed.pop_front();
        }
        self.bytes -= count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for LinkStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let faults = {
            let mut state = this.link.0.lock();
            if state.cut {
                drop(state);
                return this.reset();
            }
            // In the same lock as the faults are read: a change after it finds the waker.
            remember(&mut state.reader, cx);
            state.faults
        };
        if faults.hung {
            return Poll::Pending;
        }
        if !faults.delay.is_zero() || !this.delayed.is_empty() {
            if let Err(error) = this.fill(cx) {
                return Poll::Ready(Err(error));
            }
            return this.release(cx, buf, faults.delay);
        }
        match &mut this.stream {
            Some(stream) => Pin::new(stream).poll_read(cx, buf),
            None => this.reset(),
        }
    }
}

impl AsyncWrite for LinkStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let (cut, short, hung) = {
            let mut state = this.link.0.lock();
            // As above: a change of the faults after this look wakes the writer.
            remember(&mut state.writer, cx);
            (state.cut, state.short, state.faults.hung)
        };
        if hung && !cut {
            return Poll::Pending;
        }
        let Some(stream) = this.stream.as_mut().filter(|_| !cut) else {
            return this.reset();
        };
        if !short {
            let written = Pin::new(stream).poll_write(cx, buf);
            return this.unless_kept(written, buf.len());
        }
        let end = buf.len().saturating_sub(1);
        let count = match buf.get(..end) {
            Some(part) if end > 0 => ready!(Pin::new(stream).poll_write(cx, part))?,
            _ => 0,
        };
        if count == end {
            this.link.cut();
        }
        if count == 0 {
            return this.reset();
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match &mut this.stream {
            Some(stream) => {
                let flushed = Pin::new(stream).poll_flush(cx);
                this.unless_kept(flushed, ())
            }
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match &mut this.stream {
            Some(stream) => {
                let ended = Pin::new(stream).poll_shutdown(cx);
                this.unless_kept(ended, ())
            }
            None => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    /// A stream that was reset behind some bytes.
    struct Reset(&'static [u8]);

    impl AsyncRead for Reset {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if self.0.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            buf.put_slice(std::mem::take(&mut self.0));
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Reset {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        }
    }

    const DELAY: Duration = Duration::from_secs(1);

    /// Returns a slow stream that was reset behind some bytes.
    fn slow() -> LinkStream {
        let link = Link::new(Faults {
            delay: DELAY,
            ..Faults::default()
        });
        LinkStream::new(ByteStream::new(Reset(b"all"), "peer"), link)
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_before_a_reset_is_read_before_it_however_late() {
        let (mut stream, mut read) = (slow(), [0; 8]);
        let begun = Instant::now();
        let count = stream.read(&mut read).await.unwrap();
        assert_eq!((&read[..count], begun.elapsed()), (&b"all"[..], DELAY));
        let error = stream.read(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_behind_a_reset_ends_nothing_before_what_came_is_read() {
        let (mut stream, mut read) = (slow(), [0; 8]);
        let early = timeout(DELAY / 2, stream.read(&mut read)).await;
        assert!(early.is_err(), "{early:?}");
        assert_eq!(stream.write(b"lost").await.unwrap(), 4);
        // Streams that encrypt write when they are flushed, and when they end.
        stream.flush().await.unwrap();
        stream.shutdown().await.unwrap();
        let count = stream.read(&mut read).await.unwrap();
        assert_eq!(&read[..count], b"all");
        let errors = [
            stream.write(b"lost").await.map(drop),
            stream.flush().await,
            stream.shutdown().await,
        ];
        let reset = Err(io::ErrorKind::ConnectionReset);
        assert_eq!(
            errors.map(|error| error.map_err(|it| it.kind())),
            [reset; 3]
        );
    }
}
