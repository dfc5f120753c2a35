//! zlib and gzip: DEFLATE in two containers.

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::stream::{self, Step};
use crate::DecodeError;

/// The logarithm of the window: the largest one, as Python has it.
#[cfg(feature = "gzip")]
const WINDOW: u8 = 15;

/// A reader, and the fault of bytes that it cannot read.
pub(super) struct Reader {
    from: Decompress,
    malformed: &'static str,
}

#[cfg(feature = "zlib")]
pub(super) fn zlib(level: u8) -> Compress {
    Compress::new(flate2::Compression::new(level.into()), true)
}

#[cfg(feature = "zlib")]
pub(super) fn from_zlib() -> Reader {
    Reader {
        from: Decompress::new(true),
        malformed: "what zlib cannot read",
    }
}

#[cfg(feature = "gzip")]
pub(super) fn gzip(level: u8) -> Compress {
    Compress::new_gzip(flate2::Compression::new(level.into()), WINDOW)
}

#[cfg(feature = "gzip")]
pub(super) fn from_gzip() -> Reader {
    Reader {
        from: Decompress::new_gzip(WINDOW),
        malformed: "what gzip cannot read",
    }
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
    reader: Reader,
    input: &[u8],
    max: usize,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let Reader {
        mut from,
        malformed,
    } = reader;
    stream::read(input, max, malformed, out, |rest, out| {
        let status = from.decompress_vec(rest, out, FlushDecompress::None).ok()?;
        Some(Step {
            taken: from.total_in(),
            ended: status == Status::StreamEnd,
        })
    })
}
