//! The driver's inbound side: bytes read, and cut into frames.

use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use casty_proto::frame::{FrameDecoder, FrameError};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::connection::outbox::{Outbox, OutboxTag};
use crate::connection::session::Session;
use crate::error::ConnectionLost;

/// Bytes that a read has capacity for.
const READ_CHUNK: usize = 64 * 1024;
/// A buffer that has grown beyond this for a long frame is given back once that is read.
const KEPT: usize = 256 * 1024;

/// The inbound half of a driver.
pub(super) struct Reading<S> {
    buffer: BytesMut,
    /// The bytes of memory behind the buffer at the most, which its capacity does not show: frames
    /// that were cut off it share that memory.
    memory: usize,
    decoder: FrameDecoder,
    session: S,
    /// The peer has closed its side.
    pub(super) ended: bool,
}

impl<S: Session> Reading<S> {
    pub(super) fn new(buffer: BytesMut, decoder: FrameDecoder, session: S) -> Self {
        Self {
            memory: buffer.capacity(),
            buffer,
            decoder,
            session,
            ended: false,
        }
    }

    /// Reads once and hands over the frames that are whole. Returns their number.
    pub(super) fn poll<T: OutboxTag>(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        outbox: &Outbox<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, ConnectionLost>> {
        if self.ended {
            return Poll::Pending;
        }
        if self.buffer.capacity() - self.buffer.len() < READ_CHUNK / 4 {
            // Capacity grows with what has come in, never with what a length field announces.
            self.buffer.reserve(READ_CHUNK.max(self.buffer.len()));
            self.memory = self.memory.max(self.buffer.capacity());
        }
        let count = ready!(pin!(stream.read_buf(&mut self.buffer)).poll(cx))
            .map_err(ConnectionLost::from)?;
        if count == 0 {
            return Poll::Ready(Err(ConnectionLost::Closed));
        }
        Poll::Ready(self.deliver(outbox).map_err(ConnectionLost::from))
    }

    /// Hands over the frames that are whole. Returns their number.
    pub(super) fn deliver<T: OutboxTag>(
        &mut self,
        outbox: &Outbox<T>,
    ) -> Result<usize, FrameError> {
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
        if self.memory > KEPT && self.buffer.len() <= READ_CHUNK {
            self.give_back();
        }
        let woken = self.session.batch_end();
        // One task that was woken will push at once or not at all; waiting for it costs latency.
        if woken > 1 {
            outbox.expect_pushes(woken);
        }
        end
    }

    /// Moves what is left into a buffer of the usual size: one long frame must not keep its memory
    /// for ever.
    fn give_back(&mut self) {
        let mut fresh = BytesMut::with_capacity(READ_CHUNK);
        fresh.extend_from_slice(&self.buffer);
        self.memory = fresh.capacity();
        self.buffer = fresh;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use casty_proto::frame::{DEFAULT_MAX_FRAME, Frame, FrameKind, write_frame};
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::connection::outbox::OutboxLimits;

    /// Keeps the lengths of the last payloads, or the payloads themselves.
    #[derive(Default)]
    struct Kept {
        lengths: Vec<usize>,
        frames: Option<Vec<Frame>>,
    }

    impl Session for Kept {
        fn frame(&mut self, frame: Frame) {
            self.lengths.push(frame.payload.len());
            self.frames
                .iter_mut()
                .for_each(|kept| kept.push(frame.clone()));
        }
    }

    /// Reads frames with payloads of these lengths, which the session keeps if told to.
    async fn read(lengths: &[usize], keep: bool) -> Reading<Kept> {
        let mut wire = Vec::new();
        for length in lengths {
            let payload = vec![7; *length];
            let kind = FrameKind::Message;
            write_frame(&mut wire, kind, &[&payload], DEFAULT_MAX_FRAME).unwrap();
        }
        let (mut near, mut far) = tokio::io::duplex(READ_CHUNK);
        let session = Kept {
            lengths: Vec::new(),
            frames: keep.then(Vec::new),
        };
        let decoder = FrameDecoder::new(DEFAULT_MAX_FRAME);
        let mut reading = Reading::new(BytesMut::new(), decoder, session);
        let outbox = Outbox::<()>::new(OutboxLimits::new());
        let all = async {
            while reading.session.lengths.len() < lengths.len() {
                let read = poll_fn(|cx| reading.poll(&mut near, &outbox, cx));
                read.await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(far.write_all(&wire), all);
        written.unwrap();
        assert_eq!(reading.session.lengths, lengths);
        reading
    }

    #[tokio::test]
    async fn the_memory_of_a_long_frame_is_given_back_when_it_was_read() {
        const LONG: usize = 15 * 1024 * 1024;
        for lengths in [
            &[LONG][..],
            &[LONG, 10],
            &[10, LONG, 10, 10],
            &[KEPT * 2, LONG, KEPT * 2],
        ] {
            for keep in [false, true] {
                let mut reading = read(lengths, keep).await;
                reading.session = Kept::default();
                // A buffer that is alone with its memory takes all of it back now.
                reading.buffer.reserve(READ_CHUNK);
                let memory = reading.buffer.capacity();
                assert!(memory <= KEPT, "{lengths:?}: {memory} bytes");
            }
        }
    }

    #[tokio::test]
    async fn short_frames_are_read_into_the_same_memory_again_and_again() {
        let reading = read(&vec![1_000; 5_000], false).await;
        assert!(reading.memory <= KEPT, "{}", reading.memory);
    }
}
