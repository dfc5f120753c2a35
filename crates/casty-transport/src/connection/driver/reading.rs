//! The driver's inbound side: bytes read, and cut into frames.

use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use casty_proto::frame::{FrameDecoder, FrameError, FrameKind};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::connection::outbox::{Outbox, OutboxTag};
use crate::connection::session::Session;
use crate::error::ConnectionLost;

/// Bytes that a read has capacity for.
const READ_CHUNK: usize = 64 * 1024;
/// A buffer that has grown beyond this for a long frame is given back once that is read, and the
/// session is asked whether it may grow.
const KEPT: usize = 256 * 1024;
/// The longest header that is waited for when its frame is over the limit.
const LONGEST_HEADER: usize = 4 * 1024;
/// The longest frame over the limit that is skipped, in bytes. A length beyond may well be none, and what follows no
/// message.
///
/// Beyond it, the connection ends.
const LONGEST_SKIPPED: usize = 1 << 30;

/// The inbound half of a driver.
pub(super) struct Reading<S> {
    buffer: BytesMut,
    /// The bytes of memory behind the buffer at the most, which its capacity does not show: frames
    /// that were cut off it share that memory.
    memory: usize,
    decoder: FrameDecoder,
    session: S,
    /// The bytes still to come of a frame over the limit, all of which are dropped.
    skipped: usize,
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
            skipped: 0,
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
        if self.buffer.capacity() - self.buffer.len() < READ_CHUNK / 4 && !self.grow() {
            return Poll::Ready(self.refuse(outbox).map_err(ConnectionLost::from));
        }
        let count = ready!(pin!(stream.read_buf(&mut self.buffer)).poll(cx))
            .map_err(ConnectionLost::from)?;
        if count == 0 {
            return Poll::Ready(Err(ConnectionLost::Closed));
        }
        Poll::Ready(self.deliver(outbox).map_err(ConnectionLost::from))
    }

    /// Makes room for the next read. Returns `false` if the session refuses that for the frame with
    /// which the buffer begins.
    fn grow(&mut self) -> bool {
        let come = self.buffer.len();
        // Capacity grows with what has come in, never with what a length field announces.
        let more = READ_CHUNK.max(come);
        let whole = self
            .announced()
            .map_or(0, |length| length.saturating_add(4));
        let held = whole.min(come.saturating_add(more)).saturating_sub(KEPT);
        if held > 0 && !self.session.holds(held) {
            return false;
        }
        self.buffer.reserve(more);
        self.memory = self.memory.max(self.buffer.capacity());
        true
    }

    /// Returns the length of the frame with which the buffer begins.
    fn announced(&self) -> Option<usize> {
        let length = self.buffer.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*length) as usize)
    }

    /// Skips the frame with which the buffer begins, for which the session holds no more bytes.
    fn refuse<T: OutboxTag>(&mut self, outbox: &Outbox<T>) -> Result<usize, FrameError> {
        let (length, max) = (self.announced().unwrap_or_default(), self.buffer.len());
        match self.pass_over(length) {
            Verdict::Skip => self.deliver(outbox),
            Verdict::Wait | Verdict::End => Err(FrameError::TooLong { length, max }),
        }
    }

    /// Hands over the frames that are whole, and skips those over the limit if the session wants
    /// that. Returns the number of both.
    pub(super) fn deliver<T: OutboxTag>(
        &mut self,
        outbox: &Outbox<T>,
    ) -> Result<usize, FrameError> {
        let mut frames = 0;
        let end = loop {
            if self.skipped > 0 {
                if !self.skip() {
                    break Ok(frames);
                }
                frames += 1;
            }
            frames += self.deliver_borrowed();
            match self.decoder.next(&mut self.buffer) {
                Ok(Some(mut frame)) => {
                    frames += 1;
                    if self.memory > KEPT && frame.payload.len() < self.memory / 4 {
                        // Whoever keeps it must not keep the memory of a long frame before it.
                        frame.payload = Bytes::copy_from_slice(&frame.payload);
                    }
                    self.session.frame(frame);
                }
                Ok(None) => break Ok(frames),
                Err(error @ FrameError::TooLong { length, .. }) => match self.pass_over(length) {
                    Verdict::Skip => {}
                    Verdict::Wait => break Ok(frames),
                    Verdict::End => break Err(error),
                },
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

    /// Hands over the frames at the beginning of the buffer that the session takes where they lie.
    /// Returns their number.
    fn deliver_borrowed(&mut self) -> usize {
        let (mut frames, mut at) = (0, 0);
        while let Some(rest) = self.buffer.get(at..)
            && let Ok(Some(frame)) = self.decoder.peek(rest)
            && self.session.borrowed(frame)
        {
            frames += 1;
            at += frame.length();
        }
        self.buffer.advance(at);
        frames
    }

    /// Decides what becomes of the frame of `length` bytes with which the buffer begins, and which is
    /// over a limit; begins to skip it if it is to be skipped.
    fn pass_over(&mut self, length: usize) -> Verdict {
        let verdict = self.too_long(length);
        if let Verdict::Skip = verdict {
            self.buffer.advance(4);
            self.skipped = length;
        }
        verdict
    }

    /// Returns the verdict on the frame of `length` bytes with which the buffer begins, and which is
    /// over a limit.
    fn too_long(&mut self, length: usize) -> Verdict {
        let Some((kind, payload)) = self.buffer.get(4..).and_then(<[u8]>::split_first) else {
            return Verdict::Wait;
        };
        if FrameKind::from(*kind) != FrameKind::Message {
            return Verdict::End;
        }
        let Some((header, rest)) = payload.split_first_chunk::<4>() else {
            return Verdict::Wait;
        };
        let header = u32::from_be_bytes(*header) as usize;
        if header > LONGEST_HEADER || header > length.saturating_sub(5) {
            return Verdict::End;
        }
        let Some(header) = rest.get(..header) else {
            return Verdict::Wait;
        };
        // Told in any case: whoever waits for the message learns why it does not come.
        let goes_on = self.session.too_long(header, length);
        if goes_on && length <= LONGEST_SKIPPED {
            Verdict::Skip
        } else {
            Verdict::End
        }
    }

    /// Drops what has come of the frame that is skipped. Returns whether that was the rest of it.
    fn skip(&mut self) -> bool {
        let come = self.skipped.min(self.buffer.len());
        self.buffer.advance(come);
        self.skipped -= come;
        self.skipped == 0
    }

    /// Moves what is left into a buffer of the usual size: one long frame must not keep its memory
    /// for ever.
    fn give_back(&mut self) {
        let mut fresh = BytesMut::with_capacity(READ_CHUNK);
        fresh.extend_from_slice(&self.buffer);
        self.memory = fresh.capacity();
        self.buffer = fresh;
        // Nothing held is never refused.
        self.session.holds(0);
    }
}

/// The verdict on a frame over the limit.
enum Verdict {
    /// It is skipped, and the next one read.
    Skip,
    /// Its header has not come yet.
    Wait,
    /// It ends the connection.
    End,
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
    async fn a_short_frame_that_is_kept_keeps_no_memory_of_a_long_one() {
        const LONG: usize = 15 * 1024 * 1024;
        let mut frames = read(&[LONG, 10, 10], true).await.session.frames.unwrap();
        let [short, other] = [frames.pop(), frames.pop()].map(Option::unwrap);
        assert!(short.payload.is_unique() && other.payload.is_unique());
    }

    /// Keeps what comes in, and skips frames over the limit if told to.
    struct Skipping {
        skips: bool,
        seen: Vec<String>,
    }

    impl Session for Skipping {
        fn frame(&mut self, frame: Frame) {
            self.seen
                .push(String::from_utf8_lossy(&frame.payload).into());
        }

        fn too_long(&mut self, header: &[u8], length: usize) -> bool {
            let header = String::from_utf8_lossy(header);
            self.seen.push(format!("{header}, {length} bytes"));
            self.skips
        }
    }

    /// Writes bytes, a part of so many at a time, to a reader with a limit of 100 bytes, until they
    /// are all read or something is wrong. Returns what came in, and what is wrong.
    async fn limited(wire: &[u8], part: usize, skips: bool) -> (Vec<String>, Option<FrameError>) {
        let (near, mut far) = tokio::io::duplex(part);
        let seen = Vec::new();
        let session = Skipping { skips, seen };
        let mut reading = Reading::new(BytesMut::new(), FrameDecoder::new(100), session);
        let outbox = Outbox::<()>::new(OutboxLimits::new());
        let all = async {
            // Dropped with the loop, which ends the writer as well.
            let mut near = near;
            loop {
                let read = poll_fn(|cx| reading.poll(&mut near, &outbox, cx)).await;
                assert!(reading.memory <= KEPT, "{}", reading.memory);
                match read {
                    Ok(_) => {}
                    Err(ConnectionLost::Protocol(error)) => break Some(error),
                    Err(_) => break None,
                }
            }
        };
        let write = async {
            far.write_all(wire).await.ok();
            drop(far);
        };
        let (error, ()) = tokio::join!(all, write);
        (reading.session.seen, error)
    }

    /// Returns a frame of `length` bytes with a header.
    fn message(kind: u8, header: &[u8], length: usize) -> Vec<u8> {
        let mut wire = u32::try_from(length).unwrap().to_be_bytes().to_vec();
        wire.push(kind);
        wire.extend_from_slice(&u32::try_from(header.len()).unwrap().to_be_bytes());
        wire.extend_from_slice(header);
        wire.resize((4 + length).max(wire.len()), b'.');
        wire
    }

    #[tokio::test]
    async fn a_frame_over_the_limit_is_skipped_wherever_the_stream_is_cut() {
        let mut wire = Vec::new();
        write_frame(&mut wire, FrameKind::Message, &[b"before"], 100).unwrap();
        wire.extend(message(1, b"first", 300));
        wire.extend(message(1, b"second", 101));
        write_frame(&mut wire, FrameKind::Message, &[b"behind"], 100).unwrap();
        let expected = ["before", "first, 300 bytes", "second, 101 bytes", "behind"];
        for part in 1..wire.len() {
            let (seen, error) = limited(&wire, part, true).await;
            assert_eq!((&seen[..], error), (&expected.map(String::from)[..], None));
        }
        for (header, length) in [(4096, 9000), (200, 205)] {
            let wire = message(1, &vec![b'h'; header], length);
            let (seen, error) = limited(&wire, READ_CHUNK, true).await;
            assert_eq!((seen.len(), error), (1, None), "{header} of {length}");
        }
        let mut long = message(1, b"long", 20 << 20);
        write_frame(&mut long, FrameKind::Message, &[b"behind"], 100).unwrap();
        let (seen, error) = limited(&long, READ_CHUNK, true).await;
        assert_eq!((seen.len(), error), (2, None), "{seen:?}");
    }

    #[test]
    fn a_frame_that_is_skipped_counts_like_one_that_is_read() {
        let mut wire = message(1, b"skipped", 300);
        write_frame(&mut wire, FrameKind::Message, &[b"behind"], 100).unwrap();
        let (skips, seen) = (true, Vec::new());
        let session = Skipping { skips, seen };
        let decoder = FrameDecoder::new(100);
        let mut reading = Reading::new(BytesMut::from(&wire[..]), decoder, session);
        let outbox = Outbox::<()>::new(OutboxLimits::new());
        assert_eq!(reading.deliver(&outbox), Ok(2));
    }

    /// Wakes so many tasks with what came in.
    struct Waking(usize);

    impl Session for Waking {
        fn frame(&mut self, _: Frame) {}

        fn batch_end(&mut self) -> usize {
            self.0
        }
    }

    #[test]
    fn more_is_expected_of_several_tasks_that_were_woken_and_of_one_nothing() {
        for woken in 0..4 {
            let outbox = Outbox::<()>::new(OutboxLimits::new());
            let decoder = FrameDecoder::new(100);
            let mut reading = Reading::new(BytesMut::new(), decoder, Waking(woken));
            reading.deliver(&outbox).unwrap();
            outbox.push(&[b"x"], None).unwrap();
            assert_eq!(outbox.may_grow(100), woken > 1, "{woken}");
        }
    }

    #[tokio::test]
    async fn a_frame_over_the_limit_ends_the_connection_unless_it_is_a_message_that_is_skipped() {
        let too_long = |length| Some(FrameError::TooLong { length, max: 100 });
        let cut = message(1, &[b'h'; 200], 150);
        let mut longest = message(1, b"longest", 300);
        longest[..4].copy_from_slice(&(1_u32 << 30).wrapping_add(1).to_be_bytes());
        for (wire, skips, seen) in [
            (&message(1, b"kept", 300)[..300], false, 1),
            (&message(0, b"handshake", 300)[..5], true, 0),
            (&message(9, b"unknown", 300)[..5], true, 0),
            (&message(1, &[b'h'; 4097], 300)[..9], true, 0),
            (&message(1, &[b'h'; 4097], 9000)[..9], true, 0),
            (&cut[..9], true, 0),
            (&longest[..], true, 1),
        ] {
            let length = u32::from_be_bytes(*wire.first_chunk().unwrap()) as usize;
            let outcome = limited(wire, 64, skips).await;
            assert_eq!((outcome.0.len(), outcome.1), (seen, too_long(length)));
        }
    }

    /// May hold so many bytes; keeps what it was asked to hold, and the lengths that came in.
    struct Holding {
        may: usize,
        skips: bool,
        asked: Vec<usize>,
        seen: Vec<String>,
    }

    impl Session for Holding {
        fn frame(&mut self, frame: Frame) {
            self.seen.push(format!("{} read", frame.payload.len()));
        }

        fn holds(&mut self, bytes: usize) -> bool {
            self.asked.push(bytes);
            bytes <= self.may
        }

        fn too_long(&mut self, header: &[u8], length: usize) -> bool {
            let header = String::from_utf8_lossy(header);
            self.seen.push(format!("{header} of {length} refused"));
            self.skips
        }
    }

    /// Reads these frames with a session that may hold so many bytes beyond those of any connection.
    async fn holding(wire: Vec<u8>, may: usize, skips: bool) -> (Holding, Option<FrameError>) {
        let (mut near, mut far) = tokio::io::duplex(READ_CHUNK);
        let (asked, seen) = (Vec::new(), Vec::new());
        let session = Holding {
            may,
            skips,
            asked,
            seen,
        };
        let mut reading = Reading::new(BytesMut::new(), FrameDecoder::new(1 << 25), session);
        let outbox = Outbox::<()>::new(OutboxLimits::new());
        let writer = tokio::spawn(async move { far.write_all(&wire).await });
        let error = loop {
            match poll_fn(|cx| reading.poll(&mut near, &outbox, cx)).await {
                Ok(_) => {}
                Err(ConnectionLost::Protocol(error)) => break Some(error),
                Err(_) => break None,
            }
            let held = reading
                .session
                .asked
                .iter()
                .rev()
                .find(|bytes| **bytes <= may);
            let most = 2 * (KEPT + held.copied().unwrap_or_default());
            assert!(reading.memory <= most, "{} of {most}", reading.memory);
        };
        drop(near);
        writer.await.unwrap().ok();
        (reading.session, error)
    }

    #[tokio::test]
    async fn a_session_is_asked_for_the_bytes_of_a_long_frame_before_they_are_held() {
        const LONG: usize = 10 * 1024 * 1024;
        for (length, held) in [(KEPT - 4, 0), (KEPT - 3, 1), (LONG, LONG + 4 - KEPT)] {
            let mut wire = message(1, b"long", length);
            wire.extend(message(1, b"", 10));
            let (session, error) = holding(wire, held, true).await;
            let read = [format!("{} read", length - 1), "9 read".to_owned()];
            assert_eq!((&session.seen[..], error), (&read[..], None));
            assert_eq!(
                session.asked.iter().max().copied().unwrap_or_default(),
                held
            );
            assert_eq!(session.asked.last().copied().unwrap_or_default(), 0);
        }
    }

    #[tokio::test]
    async fn a_frame_that_may_not_be_held_is_skipped_and_the_next_one_read() {
        const LONG: usize = 10 * 1024 * 1024;
        for may in [0, 1, LONG / 2, LONG + 3 - KEPT] {
            let mut wire = message(1, b"long", LONG);
            wire.extend(message(1, b"next", LONG));
            wire.extend(message(1, b"", 10));
            let (session, error) = holding(wire.clone(), may, true).await;
            let expected = [
                format!("long of {LONG} refused"),
                format!("next of {LONG} refused"),
                "9 read".to_owned(),
            ];
            assert_eq!((&session.seen[..], error), (&expected[..], None));
            let (session, error) = holding(wire, may, false).await;
            assert_eq!(session.seen, expected[..1]);
            let Some(FrameError::TooLong { length: LONG, max }) = error else {
                panic!("{error:?}");
            };
            assert!(max <= KEPT + may, "{max}");
        }
    }

    #[tokio::test]
    async fn short_frames_are_read_into_the_same_memory_again_and_again() {
        let reading = read(&vec![1_000; 5_000], false).await;
        assert!(reading.memory <= KEPT, "{}", reading.memory);
    }
}
