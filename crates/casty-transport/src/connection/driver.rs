//! The one task of a connection: it owns both directions, so nothing is handed between tasks on
//! the way to the wire, and it polls both always, so two peers that both write cannot deadlock.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use casty_proto::frame::FrameDecoder;

use crate::connection::acknowledged::{Acknowledged, Ended};
use crate::connection::outbox::{Leftover, Outbox, OutboxTag, Written};
use crate::connection::session::Session;
use crate::error::ConnectionLost;
use crate::transport::Duplex;

mod coalescing;
mod reading;

use coalescing::WriteCoalescing;
use reading::Reading;

/// The reason for which a connection ended.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// [`Outbox::drain`] was called: all was written, and the peer has closed its side.
    #[error("the connection was drained and closed")]
    Drained,
    /// [`Outbox::abort`] was called.
    #[error("the connection was aborted")]
    Aborted,
    /// The connection was lost.
    #[error("the connection was lost")]
    Lost(#[from] ConnectionLost),
}

/// Moves bytes between a connected stream and its two ends, the `outbox` and the `session`, until
/// the connection ends. Returns the reason for the end and the messages that did not leave.
///
/// `buffer` holds the bytes that were already read behind the handshake. A plain future: any
/// runtime task, or a simulation, may poll it.
///
/// Which messages may have been in flight when a connection is lost is told by the stream where it
/// can ([`Duplex::unacknowledged`]): those with a byte that the peer's kernel had not acknowledged.
/// A stream that cannot tell leaves the fate of all unknown that were written since the last frame
/// came in, but of those no more than the last 65,536: to a peer that says nothing there is no end
/// of them. That is an estimate: a frame does not prove that the bytes written before it were read.
/// Bytes that were acknowledged were in the peer's kernel, and not necessarily read by its process.
///
/// # Cancel safety
/// Dropping the future closes the stream; the outbox then still holds the messages that did not
/// leave, and accepts no more once [`Outbox::abort`] is called on it.
pub async fn drive<S, T>(
    stream: impl Duplex,
    buffer: BytesMut,
    outbox: Arc<Outbox<T>>,
    session: S,
    decoder: FrameDecoder,
) -> (ConnectionEnd, Leftover<T>)
where
    S: Session,
    T: OutboxTag,
{
    let acknowledged = Acknowledged::new(&stream);
    let mut driver = Driver {
        stream,
        reading: Reading::new(buffer, decoder, session),
        writing: Writing::new(outbox, acknowledged),
        write_error: None,
    };
    let end = driver.run().await;
    let Driver {
        stream, writing, ..
    } = driver;
    let ended = Ended {
        shut_down: writing.stage == Stage::ShutDown,
        answered: matches!(end, ConnectionEnd::Drained),
    };
    // A last query, for what the kernel learnt since the one before: the fewer fates are unknown.
    writing
        .acknowledged
        .conclude(&stream, &writing.outbox, ended);
    let leftover = writing.outbox.close();
    (end, leftover)
}

struct Driver<IO, S, T> {
    stream: IO,
    reading: Reading<S>,
    writing: Writing<T>,
    /// The reason for which nothing can be written any more.
    write_error: Option<io::Error>,
}

impl<IO: Duplex, S: Session, T: OutboxTag> Driver<IO, S, T> {
    async fn run(&mut self) -> ConnectionEnd {
        // What came with the handshake may hold whole frames already.
        if let Err(error) = self.reading.deliver(&self.writing.outbox) {
            return ConnectionEnd::Lost(error.into());
        }
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionEnd> {
        // Until both directions have left a waker: with the stream, with the outbox, or with both.
        loop {
            // Each time round, for it also leaves the waker that an abort wakes while the stream
            // takes no bytes.
            if let Poll::Ready(given_up) = self.writing.outbox.poll_aborted(cx) {
                let lost = |silent| ConnectionEnd::Lost(ConnectionLost::Timeout(silent));
                return Poll::Ready(given_up.map_or(ConnectionEnd::Aborted, lost));
            }
            let read = self
                .reading
                .poll(&mut self.stream, &self.writing.outbox, cx);
            if let Poll::Ready(Ok(frames)) = read
                && frames > 0
            {
                self.writing.acknowledged.received(&self.writing.outbox);
            }
            match read {
                // Our end has come first, though we may not know yet that it was acknowledged.
                Poll::Ready(Err(ConnectionLost::Closed)) if self.writing.stage != Stage::Open => {
                    self.reading.ended = true;
                }
                Poll::Ready(Err(ref lost)) => {
                    return Poll::Ready(ConnectionEnd::Lost(lost.clone()));
                }
                _ => {}
            }
            if self.reading.ended && self.writing.stage == Stage::ShutDown {
                return Poll::Ready(ConnectionEnd::Drained);
            }
            if self.write_error.is_none() {
                match self.writing.poll(&mut self.stream, cx) {
                    Poll::Ready(Ok(())) => continue,
                    Poll::Ready(Err(error)) => self.write_error = Some(error),
                    Poll::Pending => {}
                }
            }
            if read.is_pending() {
                // After all that has come, which may be the last words of a peer that has left.
                return match self.write_error.take() {
                    Some(error) => Poll::Ready(ConnectionEnd::Lost(error.into())),
                    None => Poll::Pending,
                };
            }
        }
    }
}

/// The outbound half.
struct Writing<T> {
    outbox: Arc<Outbox<T>>,
    /// The stream keeps nothing of what was written, as an encrypted one may.
    flushed: bool,
    acknowledged: Acknowledged,
    stage: Stage,
    coalescing: WriteCoalescing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// All was taken; the stream is being shut down for writing.
    ShuttingDown,
    /// The peer has been told that no more comes.
    ShutDown,
}

impl<T: OutboxTag> Writing<T> {
    fn new(outbox: Arc<Outbox<T>>, acknowledged: Acknowledged) -> Self {
        Self {
            outbox,
            flushed: true,
            acknowledged,
            stage: Stage::Open,
            coalescing: WriteCoalescing::new(),
        }
    }

    /// Writes once. Pending: there is nothing to write, or the kernel takes no more, or woken
    /// tasks are given the time to add to the next write.
    fn poll(&mut self, stream: &mut impl Duplex, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stage {
            Stage::Open => {}
            Stage::ShuttingDown => {
                ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
                self.stage = Stage::ShutDown;
                let ended = Ended {
                    shut_down: true,
                    answered: false,
                };
                self.acknowledged.conclude(&*stream, &self.outbox, ended);
                return Poll::Ready(Ok(()));
            }
            Stage::ShutDown => return Poll::Pending,
        }
        if self.outbox.is_written() {
            if !self.flushed {
                ready!(Pin::new(&mut *stream).poll_flush(cx))?;
                self.flushed = true;
            }
            if self.coalescing.defers(&self.outbox, cx) {
                return Poll::Pending;
            }
            // Pending: the next push wakes this task.
            if !ready!(self.outbox.poll_take(cx)) {
                self.stage = Stage::ShuttingDown;
                return Poll::Ready(Ok(()));
            }
        }
        // Pending: the stream wakes this task when it takes more.
        let write = |rest: &[u8]| Pin::new(&mut *stream).poll_write(cx, rest);
        let Some(Written { bytes, in_flight }) = ready!(self.outbox.poll_write(write))? else {
            return Poll::Ready(Ok(()));
        };
        if bytes == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.flushed = false;
        self.acknowledged
            .wrote(bytes, in_flight, &*stream, &self.outbox);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use casty_proto::frame::{self, Frame, FrameError, FrameKind};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::mpsc;

    use super::*;
    use crate::connection::outbox::OutboxLimits;
    use crate::error::ConnectionLost;
    use crate::transport::ByteStream;

    struct Forward(mpsc::UnboundedSender<Frame>);

    impl Session for Forward {
        fn frame(&mut self, frame: Frame) {
            self.0.send(frame).ok();
        }
    }

    fn start(
        stream: tokio::io::DuplexStream,
        outbox: &Arc<Outbox<u32>>,
    ) -> (
        tokio::task::JoinHandle<(ConnectionEnd, Leftover<u32>)>,
        mpsc::UnboundedReceiver<Frame>,
    ) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let driver = drive(
            stream,
            BytesMut::new(),
            Arc::clone(outbox),
            Forward(sender),
            FrameDecoder::new(1000),
        );
        (tokio::spawn(driver), receiver)
    }

    fn outbox() -> Arc<Outbox<u32>> {
        Arc::new(Outbox::new(
            OutboxLimits::new().bytes(1 << 20).max_frame(1 << 20),
        ))
    }

    /// Has bytes to read, a few at a time, and takes none.
    struct Left(&'static [u8]);

    impl tokio::io::AsyncRead for Left {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let (now, later) = self.0.split_at(self.0.len().min(4));
            buffer.put_slice(now);
            self.0 = later;
            if now.is_empty() {
                Poll::Pending
            } else {
                Poll::Ready(Ok(()))
            }
        }
    }

    impl tokio::io::AsyncWrite for Left {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_has_come_from_a_peer_that_left_is_read_though_nothing_can_be_written() {
        let mut wire = Vec::new();
        for payload in [b"reply one", b"reply two"] {
            frame::write_frame(&mut wire, FrameKind::Message, &[payload], 100).unwrap();
        }
        let stream = ByteStream::new(Left(wire.leak()), "far");
        let outbox = outbox();
        outbox.push(&[b"question"], Some(0)).unwrap();
        let (sender, mut frames) = mpsc::unbounded_channel();
        let decoder = FrameDecoder::new(1000);
        let driven = drive(stream, BytesMut::new(), outbox, Forward(sender), decoder);
        let (end, left) = driven.await;
        assert!(
            matches!(end, ConnectionEnd::Lost(ConnectionLost::Reset)),
            "{end}"
        );
        assert_eq!(left.unsent.len() + left.unknown.len(), 1);
        for expected in [b"reply one", b"reply two"] {
            assert_eq!(frames.try_recv().unwrap().payload, expected[..]);
        }
    }

    #[tokio::test]
    async fn two_drivers_that_both_write_more_than_the_pipe_holds_do_not_deadlock() {
        let (a, b) = tokio::io::duplex(16);
        let (left, right) = (outbox(), outbox());
        let (_a, mut from_right) = start(a, &left);
        let (_b, mut from_left) = start(b, &right);
        for n in 0..200u8 {
            left.push(&[&[n; 100]], Some(0)).unwrap();
            right.push(&[&[n; 100]], Some(0)).unwrap();
        }
        for n in 0..200u8 {
            assert_eq!(from_left.recv().await.unwrap().payload, [n; 100][..]);
            assert_eq!(from_right.recv().await.unwrap().payload, [n; 100][..]);
        }
    }

    #[tokio::test]
    async fn draining_writes_everything_and_ends_when_the_peer_closes() {
        let (a, mut b) = tokio::io::duplex(8);
        let outbox = outbox();
        for tag in 0..50 {
            outbox.push(&[b"0123456789"], Some(tag)).unwrap();
        }
        outbox.drain();
        let (task, _) = start(a, &outbox);
        let mut read = Vec::new();
        b.read_to_end(&mut read).await.unwrap();
        assert_eq!(read.len(), 50 * 15);
        drop(b);
        let (end, left) = task.await.unwrap();
        assert!(matches!(end, ConnectionEnd::Drained), "{end}");
        assert!(left.unsent.is_empty() && left.unknown.is_empty());
        assert_eq!(outbox.messages_written(), 50);
    }

    #[tokio::test]
    async fn a_lost_connection_gives_back_what_never_left() {
        let (a, mut b) = tokio::io::duplex(20);
        let outbox = outbox();
        for tag in 0..10 {
            outbox.push(&[b"0123456789"], Some(tag)).unwrap();
        }
        let (task, _) = start(a, &outbox);
        // Fifteen bytes a frame: one whole and five bytes of the next fit the pipe.
        let mut read = [0; 15];
        b.read_exact(&mut read).await.unwrap();
        drop(b);
        let (_, left) = task.await.unwrap();
        let written = usize::try_from(outbox.messages_written()).unwrap();
        assert_eq!(written, 0, "nobody told that any was acknowledged");
        assert!((1..4).contains(&left.unknown.len()), "{:?}", left.unknown);
        assert_eq!(written + left.unsent.len() + left.unknown.len(), 10);
        let tags: Vec<_> = left.unsent.iter().map(|unsent| unsent.tag).collect();
        assert!(tags.is_sorted() && left.unsent.iter().all(|u| u.payload == b"0123456789"[..]));
    }

    #[tokio::test]
    async fn an_empty_frame_ends_the_connection_and_what_came_before_it_counts() {
        let (a, mut b) = tokio::io::duplex(64);
        let (task, mut frames) = start(a, &outbox());
        let mut wire = Vec::new();
        frame::write_frame(&mut wire, FrameKind::Message, &[b"last"], 100).unwrap();
        wire.extend_from_slice(&[0; 4]);
        b.write_all(&wire).await.unwrap();
        assert_eq!(frames.recv().await.unwrap().payload, b"last"[..]);
        let (end, _) = task.await.unwrap();
        assert!(
            matches!(
                end,
                ConnectionEnd::Lost(ConnectionLost::Protocol(FrameError::Empty))
            ),
            "{end}"
        );
    }

    #[tokio::test]
    async fn a_frame_over_the_limit_ends_the_connection_of_a_session_that_says_nothing_of_it() {
        let (a, mut b) = tokio::io::duplex(4096);
        let (task, _frames) = start(a, &outbox());
        let mut wire = Vec::new();
        frame::write_frame(&mut wire, FrameKind::Message, &[&[0; 2000]], 4096).unwrap();
        b.write_all(&wire).await.unwrap();
        let (end, _) = task.await.unwrap();
        assert!(
            matches!(
                end,
                ConnectionEnd::Lost(ConnectionLost::Protocol(FrameError::TooLong { .. }))
            ),
            "{end}"
        );
    }

    #[tokio::test]
    async fn a_frame_of_four_gib_announced_costs_one_read_buffer() {
        let (a, mut b) = tokio::io::duplex(64);
        let (task, _) = start(a, &outbox());
        b.write_all(&[0xff; 5]).await.unwrap();
        let (end, _) = task.await.unwrap();
        assert!(
            matches!(
                end,
                ConnectionEnd::Lost(ConnectionLost::Protocol(FrameError::TooLong { .. }))
            ),
            "{end}"
        );
    }

    #[tokio::test]
    async fn what_a_stream_keeps_to_itself_is_flushed_when_no_more_is_to_be_written() {
        let (a, mut b) = tokio::io::duplex(64);
        let keeping = ByteStream::new(tokio::io::BufWriter::new(a), "far");
        let outbox = outbox();
        let (sender, _frames) = mpsc::unbounded_channel();
        let decoder = FrameDecoder::new(1000);
        let driver = drive(
            keeping,
            BytesMut::new(),
            Arc::clone(&outbox),
            Forward(sender),
            decoder,
        );
        let driver = tokio::spawn(driver);
        for payload in [b"one", b"two"] {
            outbox.push(&[payload], Some(0)).unwrap();
            let mut read = [0; 8];
            b.read_exact(&mut read).await.unwrap();
            assert!(read.ends_with(payload), "{read:?}");
        }
        driver.abort();
    }

    #[tokio::test]
    async fn aborting_ends_an_idle_driver_at_once() {
        let (a, _b) = tokio::io::duplex(64);
        let outbox = outbox();
        let (task, _) = start(a, &outbox);
        tokio::task::yield_now().await;
        outbox.abort();
        assert!(matches!(task.await.unwrap().0, ConnectionEnd::Aborted));
    }

    #[tokio::test]
    async fn what_was_written_to_a_peer_that_is_given_up_is_of_unknown_fate() {
        let (a, _b) = tokio::io::duplex(15);
        let outbox = outbox();
        for tag in 0..3 {
            outbox.push(&[b"0123456789"], Some(tag)).unwrap();
        }
        let (task, _) = start(a, &outbox);
        while outbox.progress().sent < 15 {
            tokio::task::yield_now().await;
        }
        assert_eq!(outbox.progress().accepted, 45);
        outbox.give_up(Duration::from_secs(14));
        let (end, left) = task.await.unwrap();
        let silent = Duration::from_secs(14);
        assert!(
            matches!(end, ConnectionEnd::Lost(ConnectionLost::Timeout(it)) if it == silent),
            "{end}"
        );
        assert_eq!((&left.unknown[..], left.unsent.len()), (&[0][..], 2));
    }

    #[tokio::test(start_paused = true)]
    async fn aborting_ends_a_driver_whose_peer_neither_reads_nor_closes() {
        for drained in [false, true] {
            let (a, _b) = tokio::io::duplex(64);
            let outbox = outbox();
            if drained {
                outbox.drain();
            } else {
                outbox.push(&[&[0; 100]], Some(1)).unwrap();
            }
            let (task, _) = start(a, &outbox);
            tokio::task::yield_now().await;
            outbox.abort();
            let ended = tokio::time::timeout(Duration::from_secs(1), task).await;
            let (end, left) = ended.expect("it ends").unwrap();
            assert!(
                matches!(end, ConnectionEnd::Aborted),
                "drained: {drained}, {end}"
            );
            let unknown: &[u32] = if drained { &[] } else { &[1] };
            assert_eq!(left.unknown, unknown);
        }
    }

    #[tokio::test]
    async fn what_a_peer_reads_that_says_nothing_is_not_remembered_for_ever() {
        const MESSAGES: usize = 150_000;
        let (a, mut b) = tokio::io::duplex(1 << 16);
        let outbox = outbox();
        let (task, _) = start(a, &outbox);
        let reading = tokio::spawn(async move {
            let (mut buffer, mut read) = (vec![0; 1 << 16], 0);
            while read < MESSAGES * 15 {
                read += b.read(&mut buffer).await.unwrap();
            }
        });
        for _ in 0..MESSAGES {
            drop(outbox.capacity(11).await);
            outbox.push(&[b"0123456789"], Some(0)).unwrap();
        }
        reading.await.unwrap();
        let (_, left) = task.await.unwrap();
        let unknown = left.unknown.len();
        assert!((30_000..=65_536).contains(&unknown), "{unknown}");
        assert_eq!(outbox.messages_written(), (MESSAGES - unknown) as u64);
    }
}
