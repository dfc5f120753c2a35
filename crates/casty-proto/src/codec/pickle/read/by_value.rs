//! Classes and functions that cloudpickle writes by value, as they cannot be imported: those of
//! `__main__` or inside functions, and lambdas. Only Python can rebuild them; the error names them.

use super::super::arena::{Id, Node};
use super::machine::Machine;
use crate::DecodeError;

/// The position of the qualified name among the arguments of a code object. Before Python 3.11 there
/// was none, and the plain name was one position earlier.
const QUALIFIED_NAME: usize = 12;

impl Machine<'_> {
    /// Runs one of cloudpickle's functions. A class or function is an error; its parts, which come
    /// first, are kept so that the error can name it.
    pub(super) fn by_value(&mut self, function: Id, args: Id) -> Result<(), DecodeError> {
        match self.named(function, args) {
            Some(what) => Err(DecodeError::NeedsPython { what }),
            None => self.push_composed(Node::ByValue { function, args }),
        }
    }

    /// Returns the qualified name of the class or function that a call builds; `None` if it builds a
    /// part of one.
    fn named(&self, function: Id, args: Id) -> Option<Box<str>> {
        let Node::Class { name, .. } = self.arena.node(function) else {
            return None;
        };
        let (module, name) = match (self.arena.str_bytes(name), self.arena.items(args)) {
            (b"_make_skeleton_class", [_, name, _, keywords, ..]) => {
                (self.entry(*keywords, b"__module__"), self.arena.str(*name)?)
            }
            (b"_make_skeleton_enum", [_, _, name, _, module, ..]) => {
                (self.arena.str(*module), self.arena.str(*name)?)
            }
            (b"_make_function", [code, globals, ..]) => {
                (self.entry(*globals, b"__name__"), self.code_name(*code)?)
            }
            _ => return None,
        };
        Some(match module {
            Some(module) => format!("{module}.{name}").into(),
            None => name.into(),
        })
    }

    /// Returns the name of a code object.
    fn code_name(&self, code: Id) -> Option<&str> {
        let Node::ByValue { args, .. } = self.arena.node(code) else {
            return None;
        };
        let parts = self.arena.items(args).get(..=QUALIFIED_NAME)?;
        let mut last_first = parts.iter().rev();
        last_first.find_map(|part| self.arena.str(*part))
    }

    /// Returns the text behind a key of a dict.
    fn entry(&self, dict: Id, key: &[u8]) -> Option<&str> {
        let (entries, _) = self.arena.entries(dict);
        let entries = entries.chunks_exact(2);
        entries.rev().find_map(|entry| match *entry {
            [name, value] if self.arena.str_bytes(name) == key => self.arena.str(value),
            _ => None,
        })
    }
}
