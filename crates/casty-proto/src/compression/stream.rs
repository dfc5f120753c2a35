//! The loops around libraries that take input and give output piece by piece.

use crate::{DecodeError, Limit};

/// The first capacity for output in bytes; it doubles from there.
const PIECE: usize = 4096;

/// The result of one call of a library.
pub(super) struct Step {
    /// The bytes of input taken in all so far.
    pub(super) taken: u64,
    /// True if the stream is complete.
    pub(super) ended: bool,
}

/// Appends the stream that `step` writes of `input`; `None` if the library fails.
pub(super) fn write(
    input: &[u8],
    out: &mut Vec<u8>,
    mut step: impl FnMut(&[u8], &mut Vec<u8>) -> Option<Step>,
) -> Option<()> {
    // Messages are short and most of them shrink: one piece is enough for nearly all.
    out.reserve(input.len() / 2 + 64);
    let mut rest = input;
    loop {
        let done = step(rest, out)?;
        if done.ended {
            return Some(());
        }
        rest = input.get(usize::try_from(done.taken).ok()?..)?;
        out.reserve(PIECE);
    }
}

/// Reads the stream `input` into `out`, which is empty.
///
/// # Errors
/// The content is longer than `max` bytes, the stream is not the whole input, or `step` fails: then
/// `malformed` names the fault.
pub(super) fn read(
    input: &[u8],
    max: usize,
    malformed: &'static str,
    out: &mut Vec<u8>,
    mut step: impl FnMut(&[u8], &mut Vec<u8>) -> Option<Step>,
) -> Result<(), DecodeError> {
    let mut at = 0;
    loop {
        reserve_output(out, max)?;
        let before = (at, out.len());
        let rest = input.get(at..).unwrap_or_default();
        let done = step(rest, out).ok_or(DecodeError::malformed(malformed, at))?;
        at = usize::try_from(done.taken).unwrap_or(usize::MAX);
        if out.len() > max {
            return Err(DecodeError::limit(Limit::Bytes, max));
        }
        if done.ended {
            return match input.len().saturating_sub(at) {
                0 => Ok(()),
                extra => Err(DecodeError::Trailing { extra }),
            };
        }
        // The output has capacity: the library waits for more input.
        if before == (at, out.len()) {
            return Err(DecodeError::Truncated { at });
        }
    }
}

/// Reserves capacity for output: at most one byte beyond `max`, which is enough to find that the
/// limit is passed.
fn reserve_output(out: &mut Vec<u8>, max: usize) -> Result<(), DecodeError> {
    if out.len() < out.capacity() {
        return Ok(());
    }
    let most = max.saturating_add(1).saturating_sub(out.len());
    if most == 0 {
        return Err(DecodeError::limit(Limit::Bytes, max));
    }
    out.reserve_exact(out.len().max(PIECE).min(most));
    Ok(())
}
