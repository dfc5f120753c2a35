//! The state of the reader: the input, the stack with its marks, and the memo.

use super::super::arena::{Arena, Children, Id, Node, Span, push_within};
use super::super::int;
use super::super::opcode as op;
use crate::{DecodeError, Limit};

/// The longest integer in a pickle that is read, in bytes: some 10,000 digits. Python itself refuses to print
/// more than 4,300.
///
/// Beyond it, the message is not read (`DecodeError`).
const MAX_LONG: usize = 4096;

/// The reader of one pickle: a stack machine whose stack holds node numbers.
pub(super) struct Machine<'de> {
    pub(super) input: &'de [u8],
    pub(super) at: usize,
    pub(super) arena: Arena<'de>,
    pub(super) stack: Vec<Id>,
    /// The heights of the stack at the open marks.
    pub(super) marks: Vec<u32>,
    /// The height of the stack at the last open mark: only closing the mark takes values from below.
    pub(super) floor: usize,
    pub(super) memo: Vec<Id>,
    items: usize,
    max_items: usize,
}

impl<'de> Machine<'de> {
    pub(super) fn new(input: &'de [u8], depth: usize, max_items: usize) -> Self {
        Self {
            input,
            at: 0,
            arena: Arena::new(input, depth),
            stack: Vec::with_capacity((input.len() / 8).clamp(4, 64)),
            marks: Vec::new(),
            floor: 0,
            memo: Vec::new(),
            items: 0,
            max_items,
        }
    }
}

/// Reading the input.
impl<'de> Machine<'de> {
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        match self.input.get(self.at) {
            Some(&byte) => {
                self.at += 1;
                Ok(byte)
            }
            None => Err(DecodeError::Truncated { at: self.at }),
        }
    }

    #[inline]
    pub(super) fn bytes(&mut self, len: usize) -> Result<&'de [u8], DecodeError> {
        let taken = self
            .at
            .checked_add(len)
            .and_then(|end| self.input.get(self.at..end));
        match taken {
            Some(taken) => {
                self.at += len;
                Ok(taken)
            }
            None => Err(DecodeError::Truncated { at: self.at }),
        }
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let at = self.at;
        self.bytes(N)?
            .try_into()
            .map_err(|_| DecodeError::Truncated { at })
    }

    pub(super) fn length4(&mut self) -> Result<usize, DecodeError> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    pub(super) fn length8(&mut self) -> Result<usize, DecodeError> {
        let at = self.at;
        let len = u64::from_le_bytes(self.array()?);
        usize::try_from(len).map_err(|_| DecodeError::Truncated { at })
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the input is shorter than 4 GiB
    pub(super) fn span(&mut self, len: usize) -> Result<Span, DecodeError> {
        let at = self.at;
        self.bytes(len)?;
        Ok(Span {
            at: at as u32,
            len: len as u32,
        })
    }

    #[inline]
    pub(super) fn push_text(&mut self, len: usize) -> Result<(), DecodeError> {
        let span = self.span(len)?;
        self.check_text(span)?;
        self.push_value(Node::Str(span))
    }

    /// Checks that a span is text.
    #[inline]
    pub(super) fn check_text(&self, span: Span) -> Result<(), DecodeError> {
        let bytes = self.arena.bytes(span);
        if std::str::from_utf8(bytes).is_ok() {
            return Ok(());
        }
        let at = span.at as usize;
        Err(if holds_surrogate(bytes) {
            DecodeError::LoneSurrogate { at }
        } else {
            DecodeError::malformed("text that is not UTF-8", at)
        })
    }

    pub(super) fn push_long(&mut self, len: usize) -> Result<(), DecodeError> {
        if len > MAX_LONG {
            return Err(self.malformed("an int of more than 4,096 bytes"));
        }
        let span = self.span(len)?;
        let bytes = self.arena.bytes(span);
        let int = int::small(bytes).map_or(Node::Long(span), Node::Int);
        self.push_value(int)
    }

    /// Returns the error of an opcode that was just read.
    pub(super) fn malformed(&self, what: &'static str) -> DecodeError {
        DecodeError::malformed(what, self.at.saturating_sub(1))
    }
}

/// The stack, its marks and the memo.
impl Machine<'_> {
    /// Pushes a value and counts it.
    #[inline]
    pub(super) fn push(&mut self, id: Id) -> Result<(), DecodeError> {
        self.items += 1;
        if self.items > self.max_items {
            return Err(DecodeError::limit(Limit::Items, self.max_items));
        }
        self.push_uncounted(id);
        Ok(())
    }

    /// Pushes a value that was counted, or counts for nothing.
    #[inline]
    pub(super) fn push_uncounted(&mut self, id: Id) {
        push_within(&mut self.stack, id, self.input.len());
    }

    /// Adds a node to the arena and pushes it.
    #[inline]
    pub(super) fn push_value(&mut self, node: Node) -> Result<(), DecodeError> {
        let id = self.arena.add(node);
        self.push(id)
    }

    /// Adds a node that can have children to the arena and pushes it.
    pub(super) fn push_container(&mut self, node: Node) -> Result<(), DecodeError> {
        self.arena.containers += 1;
        self.push_value(node)
    }

    #[inline]
    pub(super) fn top(&self) -> Result<Id, DecodeError> {
        match self.stack.last() {
            Some(&id) if self.stack.len() > self.floor => Ok(id),
            _ => Err(self.malformed("the stack is empty")),
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Result<Id, DecodeError> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    /// Closes the last mark and returns the height of the stack at it.
    #[inline]
    pub(super) fn close_mark(&mut self) -> Result<usize, DecodeError> {
        let Some(start) = self.marks.pop() else {
            return Err(self.malformed("no mark is open"));
        };
        self.floor = self.marks.last().map_or(0, |&mark| mark as usize);
        Ok(start as usize)
    }

    /// Takes the values above `start` from the stack, as children.
    pub(super) fn take_children(&mut self, start: usize) -> Children {
        let children = self.arena.batch(self.stack.get(start..).unwrap_or(&[]));
        self.stack.truncate(start);
        children
    }

    pub(super) fn push_tuple(&mut self, len: usize) -> Result<(), DecodeError> {
        let start = self.stack.len().checked_sub(len);
        let Some(start) = start.filter(|start| *start >= self.floor) else {
            return Err(self.malformed("the stack is empty"));
        };
        let children = self.take_children(start);
        self.push_container(Node::Tuple(children))
    }

    pub(super) fn put(&mut self, index: usize) -> Result<(), DecodeError> {
        let top = self.top()?;
        if let Some(place) = self.memo.get_mut(index) {
            *place = top;
        } else if index == self.memo.len() {
            push_within(&mut self.memo, top, self.input.len());
        } else {
            return Err(self.malformed("a memo entry out of turn"));
        }
        Ok(())
    }

    /// Pushes a value of the memo. Texts and classes are counted once, not each time: most are the
    /// names of fields.
    #[inline]
    pub(super) fn get(&mut self, index: usize) -> Result<(), DecodeError> {
        let Some(&id) = self.memo.get(index) else {
            return Err(self.malformed("a memo entry that does not exist"));
        };
        self.arena.mark_shared(id);
        if matches!(self.arena.node(id), Node::Str(_) | Node::Class { .. }) {
            self.push_uncounted(id);
            return Ok(());
        }
        self.push(id)
    }

    /// Adds the values above `start` to the list or set below them.
    pub(super) fn add_items(&mut self, start: usize, opcode: u8) -> Result<(), DecodeError> {
        let target = self.below(start)?;
        let items = self.stack.get(start..).unwrap_or(&[]);
        let node = match self.arena.node(target) {
            Node::List(children) if opcode != op::ADDITEMS => {
                self.arena.extend(children, items).map(Node::List)
            }
            Node::Set(children) if opcode == op::ADDITEMS => {
                self.arena.extend(children, items).map(Node::Set)
            }
            _ => None,
        };
        let Some(node) = node else {
            return Err(self.takes_none(target, "items for what takes none"));
        };
        self.arena.replace(target, node);
        self.stack.truncate(start);
        Ok(())
    }

    pub(super) fn set_items(&mut self) -> Result<(), DecodeError> {
        let start = self.close_mark()?;
        self.add_pairs(start)
    }

    pub(super) fn set_item(&mut self) -> Result<(), DecodeError> {
        let start = self.stack.len().saturating_sub(2);
        self.add_pairs(start)
    }

    /// Adds the values above `start`, keys and values in turn, to the dict below them.
    pub(super) fn add_pairs(&mut self, start: usize) -> Result<(), DecodeError> {
        let target = self.below(start)?;
        let items = self.stack.get(start..).unwrap_or(&[]);
        let Node::Dict(children) = self.arena.node(target) else {
            return Err(self.takes_none(target, "entries for what is no dict"));
        };
        if items.len() % 2 != 0 {
            return Err(self.malformed("a key without value"));
        }
        let Some(children) = self.arena.extend(children, items) else {
            return Err(self.malformed("entries for what takes none"));
        };
        self.arena.replace(target, Node::Dict(children));
        self.stack.truncate(start);
        Ok(())
    }

    /// Returns the error of items for a value that takes none: in Python, an object of a subclass of
    /// `list`, `dict` or `set` does.
    #[cold]
    fn takes_none(&self, target: Id, what: &'static str) -> DecodeError {
        match self.arena.node(target) {
            Node::New { class, .. } | Node::Constructed { class, .. } => self.needs_python(class),
            _ => self.malformed(what),
        }
    }

    /// Returns the value just below `start`.
    #[inline]
    pub(super) fn below(&self, start: usize) -> Result<Id, DecodeError> {
        match start.checked_sub(1) {
            Some(at) if at >= self.floor => self
                .stack
                .get(at)
                .copied()
                .ok_or_else(|| self.malformed("the stack is empty")),
            _ => Err(self.malformed("the stack is empty")),
        }
    }

    /// Pushes a node in place of its parts, of which one was counted for it.
    pub(super) fn push_composed(&mut self, node: Node) -> Result<(), DecodeError> {
        let id = self.arena.add(node);
        self.uncount();
        self.push(id)
    }

    /// Counts an object and its state as one value.
    pub(super) fn uncount(&mut self) {
        self.items = self.items.saturating_sub(1);
    }

    /// Returns the error of an object that only Python could construct.
    pub(super) fn needs_python(&self, class: Id) -> DecodeError {
        DecodeError::NeedsPython {
            what: self.arena.class_name(class).into(),
        }
    }
}

/// Returns whether text is UTF-8 except for surrogates, as Python writes a str that holds some.
fn holds_surrogate(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut found = false;
    while let Err(error) = std::str::from_utf8(rest) {
        let at = error.valid_up_to();
        match rest.get(at..at + 3) {
            Some([0xed, 0xa0..=0xbf, 0x80..=0xbf]) => found = true,
            _ => return false,
        }
        rest = rest.get(at + 3..).unwrap_or(&[]);
    }
    found
}
