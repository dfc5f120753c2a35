//! zlib and gzip: DEFLATE in two envelopes.

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::stream::{self, Step};
use crate::DecodeError;

/// The logarithm of the window, the largest there is, as Python has it.
#[cfg(feature = "gzip")]
const WINDOW: u8 = 15;

/// A reader, and what to say of bytes that it cannot read.
pub(super) type From = (Decompress, &'static str);

#[cfg(feature = "zlib")]
pub(super) fn zlib(level: u8) -> Compress {
    Compress::new(flate2::Compression::new(level.into()), true)
}

#[cfg(feature = "zlib")]
pub(super) fn from_zlib() -> From {
    (Decompress::new(true), "what zlib cannot read")
}

#[cfg(feature = "gzip")]
pub(super) fn gzip(level: u8) -> Compress {
    Compress::new_gzip(flate2::Compression::new(level.into()), WINDOW)
}

#[cfg(feature = "gzip")]
pub(super) fn from_gzip() -> From {
    (Decompress::new_gzip(WINDOW), "what gzip cannot read")
}

pub(super) fn compress(mut to: Compress, input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    stream::write(input, out, |rest, out| {
        let status = to.compress_vec(rest, out, FlushCompress::Finish).ok()?;
        Some(Step {
            taken: to.total_in(),
            ended: status == Status::StreamEnd,
        })
    })
}

pub(super) fn decompress(
    (mut from, what): From,
    input: &[u8],
    max: usize,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    stream::read(input, max, what, out, |rest, out| {
        let status = from.decompress_vec(rest, out, FlushDecompress::None).ok()?;
        Some(Step {
            taken: from.total_in(),
            ended: status == Status::StreamEnd,
        })
    })
}
