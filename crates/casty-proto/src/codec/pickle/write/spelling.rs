//! Texts, lengths and the names of globals, as pickles spell them.

use super::super::opcode as op;

pub(super) fn str(out: &mut Vec<u8>, value: &str) {
    match u8::try_from(value.len()) {
        Ok(len) => out.extend_from_slice(&[op::SHORT_BINUNICODE, len]),
        Err(_) if u32::try_from(value.len()).is_ok() => sized(out, op::BINUNICODE, value.len()),
        Err(_) => sized8(out, op::BINUNICODE8, value.len()),
    }
    out.extend_from_slice(value.as_bytes());
}

#[allow(clippy::cast_possible_truncation)] // callers have checked
pub(super) fn sized(out: &mut Vec<u8>, opcode: u8, len: usize) {
    out.push(opcode);
    out.extend_from_slice(&(len as u32).to_le_bytes());
}

pub(super) fn sized8(out: &mut Vec<u8>, opcode: u8, len: usize) {
    out.push(opcode);
    out.extend_from_slice(&(len as u64).to_le_bytes());
}

pub(super) fn global(out: &mut Vec<u8>, module: &str, name: &str) {
    str(out, module);
    str(out, name);
    out.push(op::STACK_GLOBAL);
}

/// Writes `functools.partial`, which turns a dict into keywords.
pub(super) fn partial(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x8c\x09functools\x8c\x07partial\x93");
}
