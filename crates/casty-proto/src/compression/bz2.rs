//! bzip2.

use bzip2::{Action, Compress, Decompress, Status};

use super::stream::{self, Step};
use crate::DecodeError;

/// The size of a block at level 1; a level is the size of its blocks in these.
const BLOCK: usize = 100_000;

/// Compresses at `level`, or at the lowest that holds the message in one block: memory grows with the
/// level, here and in every reader.
pub(super) fn compress(level: u8, input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    // A run of four equal bytes takes up to five in a block.
    let blocks = (input.len() / 4).saturating_mul(5) / BLOCK + 1;
    let level = blocks.min(level.into());
    let level = bzip2::Compression::new(u32::try_from(level).ok()?);
    let mut to = Compress::new(level, 0);
    stream::write(input, out, |rest, out| {
        let status = to.compress_vec(rest, out, Action::Finish).ok()?;
        Some(Step {
            taken: to.total_in(),
            ended: status == Status::StreamEnd,
        })
    })
}

pub(super) fn decompress(input: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut from = Decompress::new(false);
    stream::read(input, max, "what bz2 cannot read", out, |rest, out| {
        let status = from.decompress_vec(rest, out).ok()?;
        Some(Step {
            taken: from.total_in(),
            ended: status == Status::StreamEnd,
        })
    })
}
