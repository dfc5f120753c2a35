//! The reader: a pickle's opcodes run on a stack of node numbers. It never recurses, never runs
//! code, and spends memory in proportion to the input only.

use super::arena::{Arena, FALSE, Id, Kids, NONE, Node, Span, TRUE, UNIT, push_within};
use super::class::{self, Callee};
use super::opcode as op;
use crate::error::Limit;
use crate::{DecodeError, Limits};

mod by_value;
mod call;
mod scalar;

/// The longest `int` that is read, in bytes: some 10,000 digits. Python itself refuses to print
/// more than 4,300.
const MAX_LONG: usize = 4096;

/// Reads one pickle: its nodes, and the number of the outermost.
pub(super) fn read<'de>(
    input: &'de [u8],
    limits: &Limits,
) -> Result<(Arena<'de>, Id), DecodeError> {
    let max = limits.bytes.min(u32::MAX as usize - 8);
    if input.len() > max {
        return Err(passed(Limit::Bytes, max));
    }
    let depth = limits.depth.min(Limits::MAX_DEPTH);
    if limits.items > 0
        && let Some(node) = scalar::only(input)
    {
        return Ok((Arena::of(input, node, depth), 0));
    }
    let machine = Machine {
        input,
        at: 0,
        arena: Arena::new(input, depth),
        stack: Vec::with_capacity((input.len() / 8).clamp(4, 64)),
        marks: Vec::new(),
        fence: 0,
        memo: Vec::new(),
        items: 0,
        max_items: limits.items,
    };
    machine.run()
}

pub(super) fn passed(limit: Limit, max: usize) -> DecodeError {
    DecodeError::Limit { limit, max }
}

struct Machine<'de> {
    input: &'de [u8],
    at: usize,
    arena: Arena<'de>,
    stack: Vec<Id>,
    marks: Vec<u32>,
    /// Where the stack ends for everything but the closing of the last mark.
    fence: usize,
    memo: Vec<Id>,
    items: usize,
    max_items: usize,
}

impl<'de> Machine<'de> {
    fn run(mut self) -> Result<(Arena<'de>, Id), DecodeError> {
        if self.byte()? != op::PROTO || !(2..=5).contains(&self.byte()?) {
            return Err(malformed("no pickle of protocol 2 to 5", 0));
        }
        loop {
            let opcode = self.byte()?;
            if opcode == op::STOP {
                return self.stop();
            }
            self.step(opcode)?;
        }
    }

    fn stop(mut self) -> Result<(Arena<'de>, Id), DecodeError> {
        let extra = self.input.len() - self.at;
        if extra != 0 {
            return Err(DecodeError::Trailing { extra });
        }
        let root = self.pop()?;
        if !self.stack.is_empty() || !self.marks.is_empty() {
            return Err(self.bad("values are left on the stack"));
        }
        Ok((self.arena, root))
    }

    /// The opcodes that most pickles are made of; the others are one call further.
    fn step(&mut self, opcode: u8) -> Result<(), DecodeError> {
        match opcode {
            op::MEMOIZE => {
                let top = self.top()?;
                push_within(&mut self.memo, top, self.input.len());
                Ok(())
            }
            op::SHORT_BINUNICODE => {
                let len = self.byte()?;
                self.text(usize::from(len))
            }
            op::BINGET => {
                let index = self.byte()?;
                self.get(usize::from(index))
            }
            op::MARK => {
                #[allow(clippy::cast_possible_truncation)] // the stack is shorter than the input
                push_within(&mut self.marks, self.stack.len() as u32, self.input.len());
                self.fence = self.stack.len();
                Ok(())
            }
            op::STACK_GLOBAL => self.stack_global(),
            op::EMPTY_TUPLE => self.push(UNIT),
            op::NEWOBJ => self.new_object(),
            op::EMPTY_DICT => self.container(Node::Dict(Kids::NONE)),
            op::SETITEMS => self.set_items(),
            op::BUILD => self.build(),
            op::REDUCE => self.reduce(),
            op::BININT1 => {
                let int = self.byte()?;
                self.value(Node::Int(i64::from(int)))
            }
            op::BININT2 => {
                let int = u16::from_le_bytes(self.array()?);
                self.value(Node::Int(i64::from(int)))
            }
            op::TUPLE1 => self.tuple(1),
            op::TUPLE2 => self.tuple(2),
            op::TUPLE3 => self.tuple(3),
            op::NONE => self.push(NONE),
            op::NEWTRUE => self.push(TRUE),
            op::NEWFALSE => self.push(FALSE),
            op::SETITEM => self.set_item(),
            op::FRAME => self.take(8).map(drop),
            _ => self.collection(opcode),
        }
    }

    fn collection(&mut self, opcode: u8) -> Result<(), DecodeError> {
        match opcode {
            op::EMPTY_LIST => self.container(Node::List(Kids::NONE)),
            op::EMPTY_SET => self.container(Node::Set(Kids::NONE)),
            op::APPEND => {
                let start = self.stack.len().saturating_sub(1);
                self.add_items(start, opcode)
            }
            op::APPENDS | op::ADDITEMS => {
                let start = self.close_mark()?;
                self.add_items(start, opcode)
            }
            op::FROZENSET | op::TUPLE => {
                let start = self.close_mark()?;
                let kids = self.batch(start);
                self.container(if opcode == op::TUPLE {
                    Node::Tuple(kids)
                } else {
                    Node::FrozenSet(kids)
                })
            }
            op::GLOBAL => self.global(),
            op::NEWOBJ_EX => self.new_object_ex(),
            op::BINPUT => {
                let index = self.byte()?;
                self.put(usize::from(index))
            }
            op::LONG_BINPUT => {
                let index = self.length4()?;
                self.put(index)
            }
            op::LONG_BINGET => {
                let index = self.length4()?;
                self.get(index)
            }
            _ => self.scalar(opcode),
        }
    }

    fn scalar(&mut self, opcode: u8) -> Result<(), DecodeError> {
        match opcode {
            op::BININT => {
                let int = i32::from_le_bytes(self.array()?);
                self.value(Node::Int(i64::from(int)))
            }
            op::LONG1 => {
                let len = self.byte()?;
                self.long(usize::from(len))
            }
            op::LONG4 => {
                let len = self.length4()?;
                self.long(len)
            }
            op::BINFLOAT => {
                let float = f64::from_be_bytes(self.array()?);
                self.value(Node::Float(float))
            }
            op::BINUNICODE => {
                let len = self.length4()?;
                self.text(len)
            }
            op::BINUNICODE8 => {
                let len = self.length8()?;
                self.text(len)
            }
            op::SHORT_BINBYTES => {
                let len = usize::from(self.byte()?);
                let span = self.span(len)?;
                self.value(Node::Bytes(span))
            }
            op::BINBYTES => {
                let len = self.length4()?;
                let span = self.span(len)?;
                self.value(Node::Bytes(span))
            }
            op::BINBYTES8 => {
                let len = self.length8()?;
                let span = self.span(len)?;
                self.value(Node::Bytes(span))
            }
            op::BYTEARRAY8 => {
                let len = self.length8()?;
                let span = self.span(len)?;
                self.value(Node::ByteArray(span))
            }
            opcode => Err(DecodeError::Opcode {
                opcode,
                at: self.at - 1,
            }),
        }
    }
}

/// The input.
impl<'de> Machine<'de> {
    #[inline]
    fn byte(&mut self) -> Result<u8, DecodeError> {
        match self.input.get(self.at) {
            Some(&byte) => {
                self.at += 1;
                Ok(byte)
            }
            None => Err(DecodeError::Truncated { at: self.at }),
        }
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'de [u8], DecodeError> {
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
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let at = self.at;
        self.take(N)?
            .try_into()
            .map_err(|_| DecodeError::Truncated { at })
    }

    fn length4(&mut self) -> Result<usize, DecodeError> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn length8(&mut self) -> Result<usize, DecodeError> {
        let at = self.at;
        let len = u64::from_le_bytes(self.array()?);
        usize::try_from(len).map_err(|_| DecodeError::Truncated { at })
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the input is shorter than 4 GiB
    fn span(&mut self, len: usize) -> Result<Span, DecodeError> {
        let at = self.at;
        self.take(len)?;
        Ok(Span {
            at: at as u32,
            len: len as u32,
        })
    }

    #[inline]
    fn text(&mut self, len: usize) -> Result<(), DecodeError> {
        let span = self.span(len)?;
        self.check_text(span)?;
        self.value(Node::Str(span))
    }

    #[inline]
    fn check_text(&self, span: Span) -> Result<(), DecodeError> {
        let bytes = self.arena.bytes(span);
        if std::str::from_utf8(bytes).is_ok() {
            return Ok(());
        }
        let at = span.at as usize;
        Err(if holds_surrogate(bytes) {
            DecodeError::LoneSurrogate { at }
        } else {
            malformed("text that is not UTF-8", at)
        })
    }

    fn long(&mut self, len: usize) -> Result<(), DecodeError> {
        if len > MAX_LONG {
            return Err(self.bad("an int of more than 4,096 bytes"));
        }
        let span = self.span(len)?;
        let bytes = self.arena.bytes(span);
        let int = small_int(bytes).map_or(Node::Long(span), Node::Int);
        self.value(int)
    }

    fn bad(&self, what: &'static str) -> DecodeError {
        malformed(what, self.at.saturating_sub(1))
    }
}

/// The stack, its marks and the memo.
impl Machine<'_> {
    /// Puts a value that counts on the stack.
    #[inline]
    fn push(&mut self, id: Id) -> Result<(), DecodeError> {
        self.items += 1;
        if self.items > self.max_items {
            return Err(passed(Limit::Items, self.max_items));
        }
        self.place(id);
        Ok(())
    }

    #[inline]
    fn place(&mut self, id: Id) {
        push_within(&mut self.stack, id, self.input.len());
    }

    #[inline]
    fn value(&mut self, node: Node) -> Result<(), DecodeError> {
        let id = self.arena.add(node);
        self.push(id)
    }

    fn container(&mut self, node: Node) -> Result<(), DecodeError> {
        self.arena.containers += 1;
        self.value(node)
    }

    #[inline]
    fn top(&self) -> Result<Id, DecodeError> {
        match self.stack.last() {
            Some(&id) if self.stack.len() > self.fence => Ok(id),
            _ => Err(self.bad("the stack is empty")),
        }
    }

    #[inline]
    fn pop(&mut self) -> Result<Id, DecodeError> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    /// Ends the last mark: where on the stack its values begin.
    #[inline]
    fn close_mark(&mut self) -> Result<usize, DecodeError> {
        let Some(start) = self.marks.pop() else {
            return Err(self.bad("no mark is open"));
        };
        self.fence = self.marks.last().map_or(0, |&mark| mark as usize);
        Ok(start as usize)
    }

    /// Takes the stack from `start` on as children.
    fn batch(&mut self, start: usize) -> Kids {
        let kids = self.arena.batch(self.stack.get(start..).unwrap_or(&[]));
        self.stack.truncate(start);
        kids
    }

    fn tuple(&mut self, len: usize) -> Result<(), DecodeError> {
        let start = self.stack.len().checked_sub(len);
        let Some(start) = start.filter(|start| *start >= self.fence) else {
            return Err(self.bad("the stack is empty"));
        };
        let kids = self.batch(start);
        self.container(Node::Tuple(kids))
    }

    fn put(&mut self, index: usize) -> Result<(), DecodeError> {
        let top = self.top()?;
        if let Some(place) = self.memo.get_mut(index) {
            *place = top;
        } else if index == self.memo.len() {
            push_within(&mut self.memo, top, self.input.len());
        } else {
            return Err(self.bad("a memo entry out of turn"));
        }
        Ok(())
    }

    /// Fetches from the memo. Texts and classes count when they are made, not each time: most
    /// are the names of fields.
    #[inline]
    fn get(&mut self, index: usize) -> Result<(), DecodeError> {
        let Some(&id) = self.memo.get(index) else {
            return Err(self.bad("a memo entry that does not exist"));
        };
        self.arena.fetch(id);
        if matches!(self.arena.node(id), Node::Str(_) | Node::Class { .. }) {
            self.place(id);
            return Ok(());
        }
        self.push(id)
    }

    /// Adds the stack from `start` on to the list or set before it.
    fn add_items(&mut self, start: usize, opcode: u8) -> Result<(), DecodeError> {
        let target = self.before(start)?;
        let items = self.stack.get(start..).unwrap_or(&[]);
        let node = match self.arena.node(target) {
            Node::List(kids) if opcode != op::ADDITEMS => {
                self.arena.extend(kids, items).map(Node::List)
            }
            Node::Set(kids) if opcode == op::ADDITEMS => {
                self.arena.extend(kids, items).map(Node::Set)
            }
            _ => None,
        };
        let Some(node) = node else {
            return Err(self.bad("items for what takes none"));
        };
        self.arena.replace(target, node);
        self.stack.truncate(start);
        Ok(())
    }

    fn set_items(&mut self) -> Result<(), DecodeError> {
        let start = self.close_mark()?;
        self.add_pairs(start)
    }

    fn set_item(&mut self) -> Result<(), DecodeError> {
        let start = self.stack.len().saturating_sub(2);
        self.add_pairs(start)
    }

    fn add_pairs(&mut self, start: usize) -> Result<(), DecodeError> {
        let target = self.before(start)?;
        let items = self.stack.get(start..).unwrap_or(&[]);
        let Node::Dict(kids) = self.arena.node(target) else {
            return Err(self.bad("entries for what is no dict"));
        };
        if items.len() % 2 != 0 {
            return Err(self.bad("a key without value"));
        }
        let Some(kids) = self.arena.extend(kids, items) else {
            return Err(self.bad("entries for what takes none"));
        };
        self.arena.replace(target, Node::Dict(kids));
        self.stack.truncate(start);
        Ok(())
    }

    /// What lies just below `start`.
    #[inline]
    fn before(&self, start: usize) -> Result<Id, DecodeError> {
        match start.checked_sub(1) {
            Some(at) if at >= self.fence => self
                .stack
                .get(at)
                .copied()
                .ok_or_else(|| self.bad("the stack is empty")),
            _ => Err(self.bad("the stack is empty")),
        }
    }
}

/// Globals.
impl Machine<'_> {
    fn stack_global(&mut self) -> Result<(), DecodeError> {
        let name = self.pop()?;
        let module = self.pop()?;
        self.class(module, name)
    }

    fn class(&mut self, module: Id, name: Id) -> Result<(), DecodeError> {
        let (Node::Str(at), Node::Str(called)) = (self.arena.node(module), self.arena.node(name))
        else {
            return Err(self.bad("a global without a name"));
        };
        if at.len.max(called.len) as usize > class::MAX_NAME {
            return Err(self.bad("a global with a name of more than 512 bytes"));
        }
        if self.arena.bytes(at).contains(&b':') {
            return Err(self.bad("a module with a colon in its name"));
        }
        let callee = Callee::of(self.arena.bytes(at), self.arena.bytes(called));
        let id = self.arena.add(Node::Class {
            callee,
            module,
            name,
        });
        self.place(id);
        Ok(())
    }

    /// The text form of protocols 2 and 3.
    fn global(&mut self) -> Result<(), DecodeError> {
        let module = self.line()?;
        let name = self.line()?;
        self.class(module, name)
    }

    fn line(&mut self) -> Result<Id, DecodeError> {
        let rest = self.input.get(self.at..).unwrap_or(&[]);
        let Some(len) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(DecodeError::Truncated {
                at: self.input.len(),
            });
        };
        let span = self.span(len)?;
        self.take(1)?;
        self.check_text(span)?;
        Ok(self.arena.add(Node::Str(span)))
    }
}

pub(super) fn malformed(what: &'static str, at: usize) -> DecodeError {
    DecodeError::Malformed { what, at }
}

/// The int of at most eight bytes in two's complement, least significant first.
fn small_int(bytes: &[u8]) -> Option<i64> {
    let mut wide = match bytes.last() {
        Some(&last) if last >= 0x80 => [0xff; 8],
        _ => [0; 8],
    };
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(wide))
}

/// Whether text is UTF-8 but for surrogates, as Python writes a str that holds some.
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
