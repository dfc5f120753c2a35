//! Texts, lengths, the names of globals, and classes, as pickles spell them.

use super::super::class::split;
use super::super::opcode as op;
use crate::codec::prepared::{Spelling, Table};

/// The classes that the program's own types name.
pub(super) static CLASSES: Table<Class> = Table::new(Spelling {
    class: |name, opening| {
        let class = Class::new(name)?;
        class.open(opening);
        Some(class)
    },
    field: |name, out| str(out, name),
});

/// A class by the parts of its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    /// Set if the class is Casty's own: its objects are built from their state, all others by calling
    /// their class.
    pub(super) is_casty: bool,
}

impl Class {
    /// Returns the class of that name; `None` if the name has no module.
    pub(super) fn new(name: &'static str) -> Option<Self> {
        let (module, name) = split(name)?;
        let is_casty = is_casty_module(module);
        Some(Self {
            module,
            name,
            is_casty,
        })
    }

    /// Appends the bytes of an object before its fields by name: before its state, or before the
    /// keywords.
    pub(super) fn open(&self, out: &mut Vec<u8>) {
        if !self.is_casty {
            partial(out);
        }
        global(out, self.module, self.name);
        let end: &[u8] = if self.is_casty {
            &[op::EMPTY_TUPLE, op::NEWOBJ, op::EMPTY_DICT, op::MARK]
        } else {
            &[op::TUPLE1, op::EMPTY_DICT, op::MARK]
        };
        out.extend_from_slice(end);
    }
}

/// Returns whether a module's classes are Casty's own: none has slots, so all take a dict as their
/// state.
pub(super) fn is_casty_module(module: &str) -> bool {
    module.starts_with("casty.")
}

#[inline]
pub(super) fn str(out: &mut Vec<u8>, value: &str) {
    match u8::try_from(value.len()) {
        Ok(len) => out.extend_from_slice(&[op::SHORT_BINUNICODE, len]),
        Err(_) if u32::try_from(value.len()).is_ok() => sized(out, op::BINUNICODE, value.len()),
        Err(_) => sized8(out, op::BINUNICODE8, value.len()),
    }
    out.extend_from_slice(value.as_bytes());
}

#[cold]
#[allow(clippy::cast_possible_truncation)] // callers have checked
pub(super) fn sized(out: &mut Vec<u8>, opcode: u8, len: usize) {
    out.push(opcode);
    out.extend_from_slice(&(len as u32).to_le_bytes());
}

#[cold]
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
