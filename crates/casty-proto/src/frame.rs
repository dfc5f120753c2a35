//! Frames: `u32_be length ‖ u8 type ‖ payload`, where the length counts the type byte.

use bytes::{Buf, Bytes, BytesMut};

use crate::Count;

/// The number of bytes before the payload: the length and the type.
pub const FRAME_HEAD: usize = 5;

/// The longest frame that is written by default, and read where nothing else is said: 16 MiB. casty
/// 0.21.0 has no limit; its successor drops the connection beyond this one.
pub const DEFAULT_MAX_FRAME: usize = 16 * 1024 * 1024;

/// The kind of a frame's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// A [`Handshake`](crate::handshake::Handshake), type 0x00.
    Handshake,
    /// A header and a message, type 0x01.
    Message,
    /// Any other type, which is to be ignored, as nodes do.
    Other(u8),
}

impl From<u8> for FrameKind {
    /// Returns the kind that a frame's type byte stands for.
    fn from(byte: u8) -> Self {
        match byte {
            0 => Self::Handshake,
            1 => Self::Message,
            other => Self::Other(other),
        }
    }
}

impl FrameKind {
    fn byte(self) -> u8 {
        match self {
            Self::Handshake => 0,
            Self::Message => 1,
            Self::Other(other) => other,
        }
    }
}

/// One whole frame. Its payload shares the read buffer: nothing is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The kind of the payload.
    pub kind: FrameKind,
    /// The bytes behind the type byte.
    pub payload: Bytes,
}

/// One whole frame that lies in a read buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BorrowedFrame<'a> {
    /// The kind of the payload.
    pub kind: FrameKind,
    /// The bytes behind the type byte.
    pub payload: &'a [u8],
}

impl BorrowedFrame<'_> {
    /// Returns the bytes that it takes in the stream.
    pub fn length(&self) -> usize {
        FRAME_HEAD + self.payload.len()
    }
}

/// A decoder that splits a byte stream into frames.
///
/// It does no I/O: the caller reads into a buffer and asks for frames until there is none. The
/// decoder holds no bytes, so the buffer is the only memory, and it never needs to grow past
/// [`FrameDecoder::max`] and the four bytes of the length.
///
/// ```
/// use bytes::BytesMut;
/// use casty_proto::frame::{self, DEFAULT_MAX_FRAME, FrameDecoder, FrameKind};
///
/// let mut stream = Vec::new();
/// frame::write_frame(&mut stream, FrameKind::Message, &[b"hello"], DEFAULT_MAX_FRAME)?;
///
/// let decoder = FrameDecoder::new(DEFAULT_MAX_FRAME);
/// let mut buffer = BytesMut::from(&stream[..]);
/// while let Some(frame) = decoder.next(&mut buffer)? {
///     assert_eq!((frame.kind, &frame.payload[..]), (FrameKind::Message, &b"hello"[..]));
/// }
/// # Ok::<(), frame::FrameError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FrameDecoder {
    max: usize,
}

impl FrameDecoder {
    /// Returns a decoder that refuses frames longer than `max` bytes (type byte included).
    pub fn new(max: usize) -> Self {
        Self { max }
    }

    /// Returns the longest accepted frame in bytes, type byte included.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Takes the next whole frame off the front of `buffer`; `None` if more bytes are needed.
    ///
    /// # Errors
    /// The frame is empty or over the limit; it stays in `buffer`, to be skipped, or to end the
    /// connection with. A length is refused as soon as it is seen, before memory is allocated for
    /// it.
    pub fn next(&self, buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let Some(BorrowedFrame { kind, payload }) = self.peek(buffer)? else {
            return Ok(None);
        };
        let length = payload.len();
        buffer.advance(FRAME_HEAD);
        let payload = buffer.split_to(length).freeze();
        Ok(Some(Frame { kind, payload }))
    }

    /// Returns the whole frame with which `buffer` begins, where it lies; `None` if more bytes are
    /// needed. Costs no reference count.
    ///
    /// # Errors
    /// As those of [`next`](Self::next).
    #[inline]
    pub fn peek<'a>(&self, buffer: &'a [u8]) -> Result<Option<BorrowedFrame<'a>>, FrameError> {
        let Some((length, rest)) = buffer.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length == 0 {
            return Err(FrameError::Empty);
        }
        if length > self.max {
            return Err(FrameError::TooLong {
                length,
                max: self.max,
            });
        }
        let body = rest.get(..length).and_then(<[u8]>::split_first);
        Ok(body.map(|(kind, payload)| BorrowedFrame {
            kind: FrameKind::from(*kind),
            payload,
        }))
    }
}

/// Appends a frame to `out` whose payload is `parts`, one behind the other.
///
/// # Errors
/// The frame would be longer than `max`; `out` is unchanged.
pub fn write_frame(
    out: &mut Vec<u8>,
    kind: FrameKind,
    parts: &[&[u8]],
    max: usize,
) -> Result<(), FrameError> {
    let payload = parts
        .iter()
        .fold(0usize, |sum, part| sum.saturating_add(part.len()));
    let Some(head) = frame_head(kind, payload, max) else {
        let length = payload.saturating_add(1);
        return Err(FrameError::TooLong { length, max });
    };
    out.reserve(FRAME_HEAD + payload);
    out.extend_from_slice(&head);
    for part in parts {
        out.extend_from_slice(part);
    }
    Ok(())
}

/// Returns the bytes of a frame before its payload, which has this length; `None` if the frame would
/// be longer than `max`.
#[inline]
pub fn frame_head(kind: FrameKind, payload: usize, max: usize) -> Option<[u8; FRAME_HEAD]> {
    let length = payload.checked_add(1).filter(|length| *length <= max)?;
    let [a, b, c, d] = u32::try_from(length).ok()?.to_be_bytes();
    Some([a, b, c, d, kind.byte()])
}

/// The error of a stream of frames that cannot be read on, or of a frame that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame without even a type byte. Sent to a node, it would kill the node's reader of that
    /// connection silently, so it is refused both ways.
    #[error("an empty frame")]
    Empty,
    /// A frame over the limit.
    #[error("a frame of {}, over the limit of {max}", Count(*length, "byte"))]
    TooLong {
        /// The announced length.
        length: usize,
        /// The limit.
        max: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cut_of_the_stream() {
        let mut wire = Vec::new();
        write_frame(&mut wire, FrameKind::Handshake, &[b"{}"], 100).unwrap();
        write_frame(&mut wire, FrameKind::Message, &[b"ab", b"", b"c"], 100).unwrap();
        write_frame(&mut wire, FrameKind::Other(9), &[], 100).unwrap();
        let decoder = FrameDecoder::new(100);
        for cut in 0..=wire.len() {
            let mut buffer = BytesMut::from(&wire[..cut]);
            let mut frames = Vec::new();
            while let Some(frame) = decoder.next(&mut buffer).unwrap() {
                frames.push(frame);
            }
            buffer.extend_from_slice(&wire[cut..]);
            while let Some(frame) = decoder.peek(&buffer).unwrap() {
                let (kind, payload) = (frame.kind, Bytes::copy_from_slice(frame.payload));
                buffer.advance(frame.length());
                frames.push(Frame { kind, payload });
            }
            let read: Vec<_> = frames.iter().map(|f| (f.kind, &f.payload[..])).collect();
            assert_eq!(
                read,
                [
                    (FrameKind::Handshake, &b"{}"[..]),
                    (FrameKind::Message, b"abc"),
                    (FrameKind::Other(9), b""),
                ]
            );
        }
    }

    #[test]
    fn an_empty_frame_is_refused() {
        let mut buffer = BytesMut::from(&[0u8, 0, 0, 0][..]);
        assert_eq!(
            FrameDecoder::new(10).next(&mut buffer),
            Err(FrameError::Empty)
        );
    }

    #[test]
    fn a_length_of_four_gib_is_refused_before_memory_is_set_aside() {
        let mut buffer = BytesMut::from(&[0xff_u8, 0xff, 0xff, 0xff][..]);
        let before = buffer.capacity();
        let error = FrameDecoder::new(DEFAULT_MAX_FRAME).next(&mut buffer);
        assert_eq!(
            error,
            Err(FrameError::TooLong {
                length: 0xffff_ffff,
                max: DEFAULT_MAX_FRAME
            })
        );
        assert_eq!(buffer.capacity(), before);
    }

    #[test]
    fn a_frame_at_the_limit_passes_and_one_over_it_leaves_the_output_alone() {
        let mut out = vec![7];
        write_frame(&mut out, FrameKind::Message, &[&[1; 9]], 10).unwrap();
        let length = out.len();
        let error = write_frame(&mut out, FrameKind::Message, &[&[1; 10]], 10);
        assert_eq!(
            error,
            Err(FrameError::TooLong {
                length: 11,
                max: 10
            })
        );
        assert_eq!(out.len(), length);
    }

    #[test]
    fn a_frame_at_the_limit_is_read_and_one_over_it_is_not() {
        let mut wire = Vec::new();
        write_frame(&mut wire, FrameKind::Message, &[&[1; 9]], 10).unwrap();
        let read = |max| {
            let decoder = FrameDecoder::new(max);
            assert_eq!(decoder.max(), max);
            decoder.next(&mut BytesMut::from(&wire[..]))
        };
        assert_eq!(read(10).unwrap().unwrap().payload, [1; 9][..]);
        let (length, max) = (10, 9);
        assert_eq!(read(9), Err(FrameError::TooLong { length, max }));
    }

    #[test]
    fn the_documented_default_is_the_default() {
        assert_eq!(DEFAULT_MAX_FRAME, 16 << 20);
        assert_eq!(FRAME_HEAD, 5);
    }
}
