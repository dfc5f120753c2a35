//! What cloudpickle writes by value, as nobody can import it: classes of `__main__` and of functions,
//! lambdas. Only Python can make them again; the error names them.

use super::super::arena::{Id, Node};
use super::Machine;
use crate::DecodeError;

/// Where the arguments of a code object have its qualified name; before Python 3.11 they had none,
/// and the name one place before.
const QUALIFIED_NAME: usize = 12;

impl Machine<'_> {
    /// A call of one of cloudpickle's functions. Classes and functions end the reading; their parts
    /// come before them and are kept until then.
    pub(super) fn by_value(&mut self, function: Id, args: Id) -> Result<(), DecodeError> {
        match self.named(function, args) {
            Some(what) => Err(DecodeError::NeedsPython { what }),
            None => self.value_of(Node::ByValue { function, args }),
        }
    }

    /// The qualified name of the class or function that a call makes.
    fn named(&self, function: Id, args: Id) -> Option<Box<str>> {
        let Node::Class { name, .. } = self.arena.node(function) else {
            return None;
        };
        let (module, name) = match (self.arena.raw(name), self.arena.items(args)) {
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

    fn code_name(&self, code: Id) -> Option<&str> {
        let Node::ByValue { args, .. } = self.arena.node(code) else {
            return None;
        };
        let parts = self.arena.items(args).get(..=QUALIFIED_NAME)?;
        let mut last_first = parts.iter().rev();
        last_first.find_map(|part| self.arena.str(*part))
    }

    /// The text behind a key of a dict.
    fn entry(&self, dict: Id, key: &[u8]) -> Option<&str> {
        let (entries, _) = self.arena.entries(dict);
        let entries = entries.chunks_exact(2);
        entries.rev().find_map(|entry| match *entry {
            [name, value] if self.arena.raw(name) == key => self.arena.str(value),
            _ => None,
        })
    }
}
