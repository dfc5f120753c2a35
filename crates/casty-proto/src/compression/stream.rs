//! The loops around libraries that take input and give output piece by piece.

use super::too_long;
use crate::DecodeError;

/// Rooms for output begin with this many bytes and double from there.
const PIECE: usize = 4096;

/// What one call of a library came to.
pub(super) struct Step {
    /// Bytes of input taken in all so far.
    pub(super) taken: u64,
    /// Whether the stream is complete.
    pub(super) ended: bool,
}

/// Appends the stream that `step` makes of `input`; `None` if the library fails.
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

/// Puts into `out`, which is empty, what the stream `input` holds if that is at most `max` bytes.
/// `what` says of a stream that `step` fails to read what is wrong.
pub(super) fn read(
    input: &[u8],
    max: usize,
    what: &'static str,
    out: &mut Vec<u8>,
    mut step: impl FnMut(&[u8], &mut Vec<u8>) -> Option<Step>,
) -> Result<(), DecodeError> {
    let mut at = 0;
    loop {
        make_room(out, max)?;
        let before = (at, out.len());
        let rest = input.get(at..).unwrap_or_default();
        let done = step(rest, out).ok_or(DecodeError::Malformed { what, at })?;
        at = usize::try_from(done.taken).unwrap_or(usize::MAX);
        if out.len() > max {
            return Err(too_long(max));
        }
        if done.ended {
            return match input.len().saturating_sub(at) {
                0 => Ok(()),
                extra => Err(DecodeError::Trailing { extra }),
            };
        }
        // There is room: what the library waits for is more input.
        if before == (at, out.len()) {
            return Err(DecodeError::Truncated { at });
        }
    }
}

/// Makes sure that there is room for output: for no more than one byte beyond `max`, which is
/// enough to know.
fn make_room(out: &mut Vec<u8>, max: usize) -> Result<(), DecodeError> {
    if out.len() < out.capacity() {
        return Ok(());
    }
    let most = max.saturating_add(1).saturating_sub(out.len());
    if most == 0 {
        return Err(too_long(max));
    }
    out.reserve_exact(out.len().max(PIECE).min(most));
    Ok(())
}
