//! The one task of a connection: it owns both directions, so nothing is handed between tasks on
//! the way to the wire, and it polls both always, so two peers that both write cannot deadlock.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use casty_proto::frame::{Frame, FrameDecoder, FrameError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::connection::acknowledged::Arrival;
use crate::connection::outbox::{Leftover, Outbox, OutboxTag};
use crate::error::ConnectionLost;
use crate::transport::Duplex;

/// What a connection's owner does with the frames that arrive.
///
/// Called from the driver's task: it must not block. All frames of one read are handed over
/// before [`batch_end`](Self::batch_end), so that wake-ups can be gathered.
pub trait Session: Send {
    /// One frame arrived.
    fn frame(&mut self, frame: Frame);

    /// Everything read at once was handed over. Returns how many tasks were woken that are
    /// likely to send soon; the driver lets them run before it writes.
    fn batch_end(&mut self) -> usize {
        0
    }
}

/// How a connection ended.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// [`Outbox::drain`] was called: all was written, and the peer has closed its side.
    #[error("the connection was drained and closed")]
    Drained,
    /// [`Outbox::abort`] was called.
    #[error("the connection was aborted")]
    Aborted,
    /// It was lost.
    #[error("the connection was lost")]
    Lost(#[from] ConnectionLost),
}

/// Bytes that a read makes room for.
const READ_CHUNK: usize = 64 * 1024;
/// With this much waiting, a write is worth its system call whoever else may have more.
const WORTH_WRITING: usize = 64 * 1024;
/// How often the driver lets woken tasks run before it writes.
const MAX_YIELDS: u32 = 4;
/// A yield that took longer than this finds the machine busy with others, ...
const LONG_YIELD: Duration = Duration::from_micros(150);
/// ... and yielding is left for as many writes.
const WRITES_WITHOUT_YIELD: u32 = 64;

/// Moves bytes between a connected stream and its two ends, the `outbox` and the `session`, until
/// the connection ends; tells why it ended and what did not leave.
///
/// `buffer` holds what was already read behind the handshake. A plain future: any runtime task, or
/// a simulation, may poll it.
///
/// Which messages may have been in flight when a connection is lost is told by the stream where it
/// can ([`Duplex::unacknowledged`]): those with a byte that the peer's kernel had not acknowledged. A
/// stream that cannot tell leaves all in doubt that were written since the last frame came in,
/// but of those no more than the last 65,536: to a peer that says nothing there is no end of them.
/// That is an estimate: a frame does not prove that what was written before it was read. What
/// was acknowledged was in the peer's kernel, and not necessarily read by its process.
///
/// # Cancel safety
/// Dropping it closes the stream; the outbox then still holds what did not leave, and accepts no
/// more once [`Outbox::abort`] is called on it.
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
    let arrival = Arrival::new(&stream);
    let mut driver = Driver {
        stream,
        reading: Reading {
            buffer,
            decoder,
            session,
            ended: false,
        },
        writing: Writing::new(outbox, arrival),
    };
    let end = driver.run().await;
    let Driver {
        stream, writing, ..
    } = driver;
    let shut_down = writing.stage == Stage::ShutDown;
    let answered = matches!(end, ConnectionEnd::Drained);
    writing
        .arrival
        .conclude((&stream, &writing.outbox), (shut_down, answered));
    let leftover = writing.outbox.close();
    (end, leftover)
}

struct Driver<IO, S, T> {
    stream: IO,
    reading: Reading<S>,
    writing: Writing<T>,
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
        loop {
            if self.writing.outbox.poll_aborted(cx).is_ready() {
                return Poll::Ready(ConnectionEnd::Aborted);
            }
            let read = self
                .reading
                .poll(&mut self.stream, &self.writing.outbox, cx);
            if let Poll::Ready(Ok(frames)) = read
                && frames > 0
            {
                self.writing.arrival.heard(&self.writing.outbox);
            }
            match read {
                // Our end has come first, though we may not have been told yet that it arrived.
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
            let written = self.writing.poll(&mut self.stream, cx);
            if let Poll::Ready(Err(error)) = written {
                return Poll::Ready(ConnectionEnd::Lost(error.into()));
            }
            if read.is_pending() && written.is_pending() {
                return Poll::Pending;
            }
        }
    }
}

/// The inbound half.
struct Reading<S> {
    buffer: BytesMut,
    decoder: FrameDecoder,
    session: S,
    /// The peer has closed its side.
    ended: bool,
}

impl<S: Session> Reading<S> {
    /// Reads once and hands over the frames that are whole; tells how many there were.
    fn poll<T: OutboxTag>(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        outbox: &Outbox<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, ConnectionLost>> {
        if self.ended {
            return Poll::Pending;
        }
        if self.buffer.capacity() - self.buffer.len() < READ_CHUNK / 4 {
            // Room grows with what has arrived, never with what a length field announces.
            self.buffer.reserve(READ_CHUNK.max(self.buffer.len()));
        }
        let count = ready!(pin!(stream.read_buf(&mut self.buffer)).poll(cx))
            .map_err(ConnectionLost::from)?;
        if count == 0 {
            return Poll::Ready(Err(ConnectionLost::Closed));
        }
        Poll::Ready(self.deliver(outbox).map_err(ConnectionLost::from))
    }

    fn deliver<T: OutboxTag>(&mut self, outbox: &Outbox<T>) -> Result<usize, FrameError> {
        let mut frames = 0;
        let end = loop {
            match self.decoder.next(&mut self.buffer) {
                Ok(Some(frame)) => {
                    frames += 1;
                    self.session.frame(frame);
                }
                Ok(None) => break Ok(frames),
                Err(error) => break Err(error),
            }
        };
        let woken = self.session.batch_end();
        // One task that was woken will push at once or not at all; waiting for it costs latency.
        if woken > 1 {
            outbox.owe(woken);
        }
        end
    }
}

/// The outbound half.
struct Writing<T> {
    outbox: Arc<Outbox<T>>,
    /// Whether the stream kept nothing of what was written: an encrypted one may.
    flushed: bool,
    arrival: Arrival,
    stage: Stage,
    patience: Patience,
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
    fn new(outbox: Arc<Outbox<T>>, arrival: Arrival) -> Self {
        Self {
            outbox,
            flushed: true,
            arrival,
            stage: Stage::Open,
            patience: Patience::new(),
        }
    }

    /// Writes once. Pending: there is nothing to write, or the kernel takes no more, or woken
    /// tasks are given the chance to add to the next write.
    fn poll(&mut self, stream: &mut impl Duplex, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stage {
            Stage::Open => {}
            Stage::ShuttingDown => {
                ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
                self.stage = Stage::ShutDown;
                self.arrival
                    .conclude((&*stream, &self.outbox), (true, false));
                return Poll::Ready(Ok(()));
            }
            Stage::ShutDown => return Poll::Pending,
        }
        if self.outbox.is_written() {
            if !self.flushed {
                ready!(Pin::new(&mut *stream).poll_flush(cx))?;
                self.flushed = true;
            }
            if self.patience.wait(&self.outbox, cx) {
                return Poll::Pending;
            }
            if !ready!(self.outbox.poll_take(cx)) {
                self.stage = Stage::ShuttingDown;
                return Poll::Ready(Ok(()));
            }
        }
        let write = |rest: &[u8]| Pin::new(&mut *stream).poll_write(cx, rest);
        let Some((count, in_flight)) = ready!(self.outbox.poll_write(write))? else {
            return Poll::Ready(Ok(()));
        };
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.flushed = false;
        self.arrival
            .wrote(count, in_flight, (&*stream, &self.outbox));
        Poll::Ready(Ok(()))
    }
}

/// Decides when to let tasks run that were just woken by replies, so that what they send next
/// goes out in one write instead of many.
struct Patience {
    yields: u32,
    rest: u32,
    since: Option<Instant>,
}

impl Patience {
    fn new() -> Self {
        Self {
            yields: 0,
            rest: 0,
            since: None,
        }
    }

    /// Whether to come back after others have run; the task is then already due again.
    fn wait<T: OutboxTag>(&mut self, outbox: &Outbox<T>, cx: &Context<'_>) -> bool {
        if let Some(since) = self.since.take()
            && since.elapsed() > LONG_YIELD
        {
            self.rest = WRITES_WITHOUT_YIELD;
        }
        let give_way = self.rest == 0 && self.yields < MAX_YIELDS && outbox.may_grow(WORTH_WRITING);
        if give_way {
            self.yields += 1;
            self.since = Some(Instant::now());
            cx.waker().wake_by_ref();
        } else {
            if self.yields > 0 {
                outbox.forgive();
            }
            self.yields = 0;
            self.rest = self.rest.saturating_sub(1);
        }
        give_way
    }
}

#[cfg(test)]
mod tests {
    use casty_proto::frame::{self, FrameKind};
    use tokio::io::AsyncWriteExt;
    use tokio::sync::mpsc;

    use super::*;
    use crate::connection::outbox::OutboxLimits;
    use crate::error::ConnectionLost;

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
        assert_eq!(written, 0, "nobody told that any had arrived");
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
    async fn aborting_ends_an_idle_driver_at_once() {
        let (a, _b) = tokio::io::duplex(64);
        let outbox = outbox();
        let (task, _) = start(a, &outbox);
        tokio::task::yield_now().await;
        outbox.abort();
        assert!(matches!(task.await.unwrap().0, ConnectionEnd::Aborted));
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
