//! LZ4 frames.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use lz4_flex::frame::{FrameDecoder, FrameEncoder, FrameInfo};

use crate::{DecodeError, Limit};

/// The first bytes of a frame. Legacy and skippable frames have others, and nodes write neither.
const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();

/// The fault of bytes that are no LZ4 frame.
const MALFORMED: &str = "what lz4 cannot read";

/// Compresses; the library has one level only.
pub(super) fn compress(_level: u8, input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let frame = FrameInfo::new().content_size(Some(u64::try_from(input.len()).ok()?));
    let mut to = FrameEncoder::with_frame_info(frame, out);
    to.write_all(input).ok()?;
    to.finish().ok()?;
    Some(())
}

pub(super) fn decompress(input: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let begin = input.get(..MAGIC.len()).unwrap_or(input);
    if !MAGIC.starts_with(begin) {
        return Err(DecodeError::Malformed {
            what: MALFORMED,
            at: 0,
        });
    }
    let mut from = FrameDecoder::new(Source {
        rest: input,
        exhausted: false,
    });
    loop {
        let piece = match from.fill_buf() {
            Ok(piece) => piece,
            Err(error) => return Err(failure(&error, input, from.get_ref())),
        };
        if piece.is_empty() {
            break;
        }
        if piece.len() > max.saturating_sub(out.len()) {
            return Err(DecodeError::limit(Limit::Bytes, max));
        }
        out.extend_from_slice(piece);
        let len = piece.len();
        from.consume(len);
    }
    match from.get_ref() {
        // The decoder takes the end of its input for the end of the frame, also in a frame's middle.
        Source {
            exhausted: true, ..
        } => Err(DecodeError::Truncated { at: input.len() }),
        Source { rest: [], .. } => Ok(()),
        Source { rest, .. } => Err(DecodeError::Trailing { extra: rest.len() }),
    }
}

fn failure(error: &io::Error, input: &[u8], source: &Source<'_>) -> DecodeError {
    let at = input.len() - source.rest.len();
    match error.kind() {
        ErrorKind::UnexpectedEof => DecodeError::Truncated { at },
        _ => DecodeError::Malformed {
            what: MALFORMED,
            at,
        },
    }
}

/// An input that remembers whether more bytes were requested than it has.
struct Source<'a> {
    rest: &'a [u8],
    exhausted: bool,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.rest.read(buffer)?;
        self.exhausted |= read < buffer.len();
        Ok(read)
    }
}
